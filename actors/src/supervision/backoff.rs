//! How long to wait before the next start.
//!
//! Exponential from `min` to `max`, spread by a jitter drawn from the generator handed in, so that a thousand symbols
//! felled by one feed fault do not come back in the same millisecond, and yet the same seed gives the same delays.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The exponent stops growing here: by then every sensible `max` is long reached, and `powi` stays finite.
const EXPONENT_MAX: u32 = 64;

/// Delay policy between a failure and the next start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// So many failures in a row are followed by a restart at once; the delays begin after them.
    pub at_once: u32,
    /// Delay after the first failure in a row that is not followed by one at once. Zero restarts at once.
    pub min: Duration,
    /// No delay is longer than this, jitter included.
    pub max: Duration,
    /// Growth per further failure in a row; below 1 counts as 1.
    pub factor: f64,
    /// Spread as a share of the delay, 0 to 1: with 0.2 the delay is 80 % to 120 % of its nominal value.
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        let (min, max) = (Duration::from_millis(50), Duration::from_secs(10));
        Self { at_once: 0, min, max, factor: 2.0, jitter: 0.2 }
    }
}

impl Backoff {
    /// Restart at once, every time; the budget alone bounds the loop.
    pub const fn immediate() -> Self {
        Self { at_once: 0, min: Duration::ZERO, max: Duration::ZERO, factor: 1.0, jitter: 0.0 }
    }

    /// The same delay every time.
    pub const fn fixed(delay: Duration) -> Self {
        Self { at_once: 0, min: delay, max: delay, factor: 1.0, jitter: 0.0 }
    }

    /// The delay before restart number `attempt` in a row (the first is 0). O(1).
    pub fn delay(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        let Some(attempt) = attempt.checked_sub(self.at_once) else { return Duration::ZERO };
        let exponent = attempt.min(EXPONENT_MAX) as i32;
        let max_s = self.max.as_secs_f64();
        let nominal_s = (self.min.as_secs_f64() * self.factor.max(1.0).powi(exponent)).min(max_s);
        let jitter = self.jitter.clamp(0.0, 1.0);
        if jitter == 0.0 || nominal_s == 0.0 {
            return Duration::from_secs_f64(nominal_s);
        }
        let spread = 1.0 + jitter * rng.random_range(-1.0..=1.0);
        Duration::from_secs_f64((nominal_s * spread).clamp(0.0, max_s))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn delays_double_up_to_the_maximum() {
        let backoff = Backoff {
            at_once: 0,
            min: Duration::from_millis(100),
            max: Duration::from_secs(1),
            factor: 2.0,
            jitter: 0.0,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let delays: Vec<u128> = (0..6).map(|n| backoff.delay(n, &mut rng).as_millis()).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(backoff.delay(u32::MAX, &mut rng), Duration::from_secs(1));
        let twice_at_once = Backoff { at_once: 2, ..backoff };
        let delays: Vec<u128> = (0..5).map(|n| twice_at_once.delay(n, &mut rng).as_millis()).collect();
        assert_eq!(delays, [0, 0, 100, 200, 400]);
    }

    #[test]
    fn jitter_stays_inside_its_share_and_below_the_maximum() {
        let backoff = Backoff {
            at_once: 0,
            min: Duration::from_millis(100),
            max: Duration::from_millis(110),
            factor: 1.0,
            jitter: 0.5,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let delays: Vec<Duration> = (0..200).map(|_| backoff.delay(0, &mut rng)).collect();
        assert!(delays.iter().all(|d| *d >= Duration::from_millis(50) && *d <= Duration::from_millis(110)));
        assert!(delays.iter().any(|d| *d != delays[0]), "a jitter that never varies is none");
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        let draw = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            (0..20).map(|n| Backoff::default().delay(n, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
