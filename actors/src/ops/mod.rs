//! What keeps the node accountable.

pub mod journal;
pub mod writer_slot;
