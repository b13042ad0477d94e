//! `tensortrade-chaos`.
fn main() {}
