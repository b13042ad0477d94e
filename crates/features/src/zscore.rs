//! How far a price stands from its recent mean.

use serde::{Deserialize, Serialize};

use crate::moments::{Moments, RollingMoments};
use crate::observation::Observation;

/// `(close - mean) / deviation` over the last n closes, the present one included; population deviation. Warm after n
/// bars; undefined on a flat window, where no deviation exists to measure with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ZScore {
    moments: RollingMoments,
}

impl ZScore {
    /// Over `bars` closes (at least two).
    #[must_use]
    pub fn new(bars: u32) -> Self {
        Self { moments: RollingMoments::new(bars.max(2)) }
    }

    /// Takes a bar. Amortised O(1).
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        self.moments.update(bar.close).and_then(|m| score(bar.close, m))
    }

    /// What [`Self::update`] would return, up to rounding. O(1).
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.moments.peek(bar.close).and_then(|m| score(bar.close, m))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.moments.heap_bytes()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.moments.reset();
    }
}

fn score(close: f64, Moments { mean, std }: Moments) -> Option<f64> {
    // Exactly zero on a flat window, so that it does not depend on what has left the window.
    (std > 0.0).then(|| (close - mean) / std)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    #[test]
    fn a_rising_price_stands_above_its_mean() {
        let mut z = ZScore::new(3);
        let values: Vec<_> = observations(&[1.0, 2.0, 3.0]).iter().map(|o| z.update(o)).collect();
        assert_eq!(values[..2], [None, None]);
        assert!((values[2].unwrap() - 1.5f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn a_flat_window_has_no_score_even_after_large_moves_have_left_it() {
        let mut z = ZScore::new(4);
        let closes = [31.7, 90_000.3, 12.1, 45.45, 45.45, 45.45, 45.45, 45.45, 45.45];
        let last = observations(&closes).iter().map(|o| z.update(o)).last().unwrap();
        assert_eq!(last, None);
    }

    #[test]
    fn a_flat_window_has_no_score_wherever_its_seam_lies() {
        for before in 0..6 {
            let mut z = ZScore::new(6);
            let mut closes = vec![19.05; before];
            closes.extend([19.03, 19.03, 19.04, 19.03, 19.03, 19.03]);
            closes.extend([19.04; 6]);
            let last = observations(&closes).iter().map(|o| z.update(o)).last().unwrap();
            assert_eq!(last, None, "with {before} bars before");
        }
    }
}
