//! What is put before the journal's writer, and what a trip of the breaker does to orders on their way there.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod orders;
mod queue;
mod reconciled;
mod trips;
