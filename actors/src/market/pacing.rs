//! How fast market time runs.

use std::time::Duration;

use tensortrade_market::Ts;
use tokio::time::Instant;

/// The longest pause of market time that is played out; longer ones (nights, weekends) are jumped over.
const PAUSE_MAX_NS: i64 = 5 * 60 * 1_000_000_000;

/// Ties market time to the clock: `speed` market seconds a second.
#[derive(Debug)]
pub struct Pacer {
    speed: f64,
    anchor: Option<(Ts, Instant)>,
    last: Ts,
}

impl Pacer {
    /// Plays market time `speed` times faster than the clock.
    #[must_use]
    pub fn new(speed: f64) -> Self {
        Self { speed, anchor: None, last: Ts::MIN }
    }

    /// When `ts` is due. Jumps over pauses longer than five market minutes.
    pub fn due(&mut self, ts: Ts) -> Instant {
        let jumped = self.anchor.is_none() || (self.last != Ts::MIN && ts.since(self.last) > PAUSE_MAX_NS);
        if jumped {
            self.anchor = Some((ts, Instant::now()));
        }
        self.last = self.last.max(ts);
        self.expected(ts).unwrap_or_else(Instant::now)
    }

    /// When `ts` is due if no pause before it is jumped over, once something has been paced. Changes nothing.
    #[must_use]
    pub fn expected(&self, ts: Ts) -> Option<Instant> {
        let (market, clock) = self.anchor?;
        let ahead_ns = ts.since(market).max(0) as f64 / self.speed;
        Some(clock + Duration::from_nanos(ahead_ns.min(1e17) as u64))
    }

    /// The market time that is due now, once something has been paced.
    #[must_use]
    pub fn market_now(&self) -> Option<Ts> {
        let (market, clock) = self.anchor?;
        let passed = clock.elapsed().as_nanos() as f64 * self.speed;
        Some(market.plus_nanos(passed.min(9e18) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn market_time_runs_n_times_the_clock_and_nights_are_jumped() {
        let mut pacer = Pacer::new(60.0);
        let start = Instant::now();
        assert_eq!(pacer.due(Ts::from_secs(0)), start);
        assert_eq!(pacer.due(Ts::from_secs(60)), start + Duration::from_secs(1));
        assert_eq!(pacer.due(Ts::from_secs(60 + 17 * 3600)), Instant::now());
        assert_eq!(pacer.due(Ts::from_secs(120 + 17 * 3600)), Instant::now() + Duration::from_secs(1));
    }
}
