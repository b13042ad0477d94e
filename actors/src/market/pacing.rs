//! How fast market time runs.

use std::time::Duration;

use tensortrade_market::{Timeframe, Ts};
use tokio::time::Instant;

/// A pause of market time up to this is played out whatever the interval of decisions.
const PAUSE_MAX_NS: i64 = 5 * 60 * 1_000_000_000;

/// Ties market time to the clock: `speed` market seconds a second. Only a long pause (a night, a weekend) is shortened.
#[derive(Debug)]
pub struct Pacer {
    speed: f64,
    /// The interval of decisions: what a shortened pause takes.
    interval_ns: i64,
    anchor: Option<(Ts, Instant)>,
    last: Ts,
}

impl Pacer {
    /// Plays market time `speed` times faster than the clock, with decisions every `interval`.
    #[must_use]
    pub fn new(speed: f64, interval: Timeframe) -> Self {
        Self { speed, interval_ns: interval.nanos(), anchor: None, last: Ts::MIN }
    }

    /// When `ts` is due. A pause that is longer than five market minutes and than one decision interval takes one decision
    /// interval: so daily bars come one a day, over a weekend too, and a night between minutes is a minute.
    pub fn due(&mut self, ts: Ts) -> Instant {
        if self.anchor.is_none() {
            self.anchor = Some((ts, Instant::now()));
        } else if self.last != Ts::MIN && ts.since(self.last) > PAUSE_MAX_NS.max(self.interval_ns) {
            self.anchor = Some((ts, Instant::now() + self.clock_time(self.interval_ns)));
        }
        self.last = self.last.max(ts);
        self.expected(ts).unwrap_or_else(Instant::now)
    }

    /// How long so much market time takes.
    fn clock_time(&self, market_ns: i64) -> Duration {
        Duration::from_nanos((market_ns.max(0) as f64 / self.speed).min(1e17) as u64)
    }

    /// When `ts` is due if no pause before it is jumped over, once something has been paced. Changes nothing.
    #[must_use]
    pub fn expected(&self, ts: Ts) -> Option<Instant> {
        let (market, clock) = self.anchor?;
        Some(clock + self.clock_time(ts.since(market)))
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

    const HOUR: i64 = 3600;

    #[tokio::test(start_paused = true)]
    async fn market_time_runs_n_times_the_clock_and_a_night_takes_one_interval() {
        let mut pacer = Pacer::new(60.0, Timeframe::MINUTE);
        let start = Instant::now();
        let second = Duration::from_secs(1);
        assert_eq!(pacer.due(Ts::from_secs(0)), start);
        assert_eq!(pacer.due(Ts::from_secs(60)), start + second);
        tokio::time::advance(second).await;
        assert_eq!(pacer.due(Ts::from_secs(60 + 17 * HOUR)), start + 2 * second);
        assert_eq!(pacer.due(Ts::from_secs(120 + 17 * HOUR)), start + 3 * second);
    }

    #[tokio::test(start_paused = true)]
    async fn daily_bars_come_one_a_day_also_over_a_weekend_and_a_change_of_the_clock() {
        let mut pacer = Pacer::new(86_400.0, Timeframe::DAY);
        let start = Instant::now();
        for (count, hours) in (0_u32..).zip([0, 24, 48, 120, 145, 168]) {
            let due = pacer.due(Ts::from_secs(hours * HOUR));
            let early = (start + Duration::from_secs(1) * count).saturating_duration_since(due);
            assert!(
                early < Duration::from_millis(50) && due.duration_since(start).as_secs() <= u64::from(count)
            );
            tokio::time::sleep_until(due).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stretch_of_an_hourly_market_is_played_out() {
        let mut pacer = Pacer::new(3600.0, Timeframe::HOUR);
        let start = Instant::now();
        pacer.due(Ts::from_secs(0));
        assert_eq!(pacer.due(Ts::from_secs(HOUR)), start + Duration::from_secs(1));
    }
}
