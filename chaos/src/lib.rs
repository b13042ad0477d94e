//! Seeded fault campaigns over the whole node, in one process and deterministic. See the README.

pub mod actor;
pub mod broker;
pub mod campaign;
pub mod differential;
pub mod disk;
pub mod feed;
pub mod history;
pub mod numbers;
pub mod plan;
pub mod process;
pub mod promises;
pub mod shrink;
pub mod simulate;
pub mod tally;
pub mod teeth;
pub mod world;
