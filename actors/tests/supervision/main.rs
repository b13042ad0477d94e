//! The guarantees of the supervision library, held against real actors. Time is paused wherever it matters.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails here")]

mod abnormal;
mod campaign;
mod dynamic;
mod escalation;
mod hang_and_poison;
mod mailboxes;
mod order;
mod shutdown;
mod start;
mod support;
mod tree;
