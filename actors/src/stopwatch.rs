//! The one place that reads the machine's monotonic clock, for latencies that are shown and never decide anything.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// A moment of the machine's monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts now.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "latency is measured here and nowhere else, and never decides anything"
    )]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Time from this start to a later one.
    #[must_use]
    pub fn until(&self, later: &Self) -> Duration {
        later.0.saturating_duration_since(self.0)
    }
}

/// A latency distribution in a fixed amount of memory: 1 ns to 1 h at two significant digits.
#[derive(Debug)]
pub struct Latency(Mutex<Histogram<u64>>);

/// What is shown of a distribution, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Largest.
    pub max: f64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000_000, 2).unwrap_or_else(|_| {
            // The bounds above are constants that the crate accepts; a growing histogram records all the same.
            Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits are within 0 to 5"))
        });
        Self(Mutex::new(histogram))
    }
}

impl Latency {
    /// Adds a measurement.
    pub fn record(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(nanos);
    }

    /// The distribution so far; zeros when nothing was recorded.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if histogram.is_empty() {
            return Quantiles::default();
        }
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        Quantiles {
            p50: micros(histogram.value_at_quantile(0.5)),
            p99: micros(histogram.value_at_quantile(0.99)),
            max: micros(histogram.max()),
        }
    }
}
