//! Average true range, relative to price.

use serde::{Deserialize, Serialize};

use crate::exact;
use crate::observation::Observation;

/// J. Welles Wilder's average true range ("New Concepts in Technical Trading Systems", 1978) divided by the close:
/// dimensionless, so that symbols compare. The true range of a bar reaches from `min(low, previous close)` to
/// `max(high, previous close)`; the average starts as the plain mean of the first n and then keeps `(n - 1) / n` of
/// itself. Warm after n true ranges; undefined while the close is not above zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AverageRange {
    bars: u32,
    count: u32,
    #[serde(with = "exact")]
    mean: f64,
}

impl AverageRange {
    /// Over `bars` bars (at least one).
    #[must_use]
    pub fn new(bars: u32) -> Self {
        Self { bars: bars.max(1), count: 0, mean: 0.0 }
    }

    /// Takes a bar. O(1).
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        let previous = bar.previous_close?;
        let range = bar.high.max(previous) - bar.low.min(previous);
        self.count = self.count.saturating_add(1).min(self.bars);
        self.mean += (range - self.mean) / f64::from(self.count);
        (self.count >= self.bars && bar.close > 0.0).then(|| self.mean / bar.close)
    }

    /// What [`Self::update`] would return.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.bars);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    #[test]
    fn a_jump_between_bars_is_part_of_the_range() {
        let mut range = AverageRange::new(1);
        let seen = observations(&[100.0, 110.0]);
        assert_eq!(range.update(&seen[0]), None);
        // From the close before (100) to the high (110.55).
        assert!((range.update(&seen[1]).unwrap() - 10.55 / 110.0).abs() < 1e-12);
    }

    #[test]
    fn wilder_keeps_all_but_one_nth_of_the_average() {
        let mut range = AverageRange::new(2);
        let seen = observations(&[100.0, 100.0, 100.0, 200.0]);
        let values: Vec<_> = seen.iter().map(|o| range.update(o)).collect();
        assert_eq!(values[..2], [None, None]);
        assert!((values[2].unwrap() - 0.01).abs() < 1e-12);
        assert!((values[3].unwrap() - (1.0 / 2.0 + 101.0 / 2.0) / 200.0).abs() < 1e-12);
    }
}
