//! Chaos on real processes and real files: the node's own binary, killed, stopped and starved, and looked at from outside.

pub mod audit;
pub mod cli;
pub mod crash;
mod hand;
pub mod node;
pub mod pauses;
pub mod points;
pub mod scene;
pub mod soak;
pub mod soak_report;
