//! Latency: how long a request travels before the exchange sees it.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

/// Longest latency accepted, nanoseconds: one hour. More is a slip of units.
pub const LATENCY_NS_MAX: i64 = 3_600_000_000_000;

/// Travel time of a request (order, cancel or change): a constant, plus a seeded part that differs per request.
///
/// The seeded part is a hash of seed and request number, not the next value of a generator: there is no state to
/// keep, and a reopened account goes on with the delays it would have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Where ticks are the input, nanoseconds. Default 50 ms.
    pub ticks_ns: i64,
    /// Where bars are the input, nanoseconds. Default 0: a decision at the close of bar t may have the open of bar
    /// t+1, the convention of bar backtests; what the delay costs is left to the slippage of bars. Any other value
    /// makes the order miss the bar that starts at the decision, since that bar's open was before it arrived.
    pub bars_ns: i64,
    /// Largest extra delay, nanoseconds; each request gets an even share of `[0, jitter_ns]`. Default 0.
    pub jitter_ns: i64,
    /// Seed of the extra delay.
    pub seed: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { ticks_ns: 50_000_000, bars_ns: 0, jitter_ns: 0, seed: 0 }
    }
}

impl Latency {
    /// When request `number`, sent at `sent`, reaches the exchange.
    #[must_use]
    pub fn arrival(&self, sent: Ts, number: u64, bars: bool) -> Ts {
        let base = if bars { self.bars_ns } else { self.ticks_ns };
        sent.plus_nanos(base).plus_nanos(self.jitter(number))
    }

    fn jitter(&self, number: u64) -> i64 {
        let span = self.jitter_ns.unsigned_abs();
        if span == 0 {
            return 0;
        }
        // The high half of hash * (span + 1): even, and never more than `span`.
        let share = (u128::from(split_mix(self.seed ^ split_mix(number))) * (u128::from(span) + 1)) >> 64;
        i64::try_from(share).unwrap_or(0)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
const fn split_mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_delay_is_fifty_milliseconds_on_ticks_and_none_on_bars() {
        let latency = Latency::default();
        assert_eq!(latency.arrival(Ts::ZERO, 1, false).nanos(), 50_000_000);
        assert_eq!(latency.arrival(Ts::ZERO, 1, true).nanos(), 0);
    }

    #[test]
    fn the_seeded_delay_stays_in_its_range_and_repeats_for_the_same_seed() {
        let latency = Latency { jitter_ns: 1_000, seed: 7, ..Latency::default() };
        let delays: Vec<i64> =
            (0..1_000).map(|n| latency.arrival(Ts::ZERO, n, false).nanos() - 50_000_000).collect();
        assert!(delays.iter().all(|d| (0..=1_000).contains(d)));
        assert!(delays.iter().any(|d| *d < 100) && delays.iter().any(|d| *d > 900));
        let again: Vec<i64> =
            (0..1_000).map(|n| latency.arrival(Ts::ZERO, n, false).nanos() - 50_000_000).collect();
        assert_eq!(delays, again);
        let other = Latency { seed: 8, ..latency };
        assert!((0..1_000).any(|n| other.arrival(Ts::ZERO, n, false) != latency.arrival(Ts::ZERO, n, false)));
    }
}
