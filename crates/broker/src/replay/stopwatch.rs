//! The one place of the replay feed that reads a clock: how long the reader was busy. The figure is reported and never
//! steers anything, so the trace does not depend on it.

use std::time::Instant;

/// Counts the time since it was started.
#[derive(Debug)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts one.
    #[expect(
        clippy::disallowed_methods,
        reason = "measures the reader's busy time, which no decision depends on"
    )]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start; saturates.
    pub(super) fn elapsed_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
