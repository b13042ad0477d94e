//! What keeps the node accountable.

pub mod door;
pub mod journal;
pub mod writer_slot;
