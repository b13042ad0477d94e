//! The actors: thin shells that own state, a mailbox and timers, and call the pure crates.
//!
//! [`supervision`] is a library of its own; [`market`], [`strategy`], [`trading`] and [`ops`] are the branches of the
//! node's tree. Each actor file begins with what it owns, receives and sends, and what happens when it crashes.

pub mod market;
pub mod ops;
pub mod route;
pub mod step;
pub mod stopwatch;
pub mod strategy;
pub mod supervision;
pub mod trading;
