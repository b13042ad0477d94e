//! What keeps the node accountable.

pub mod journal;
