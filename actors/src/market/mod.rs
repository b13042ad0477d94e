//! Market data inside the node: the hub that numbers and distributes it, and one actor per symbol.

pub mod backlog;
pub mod hub;
pub mod pacing;
pub mod pump;
pub mod ring;
pub mod symbol;
pub mod treatments;
