//! The market branch with real actors: hub, pump, symbols, cross-section, on a feed that a test writes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod back_in_time;
mod conflation;
mod joining;
mod outrun;
mod quarantine;
mod support;
