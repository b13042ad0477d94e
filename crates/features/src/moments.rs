//! Rolling mean and variance that do not drift.

use serde::{Deserialize, Serialize};

use crate::exact;
use crate::window::Window;

/// Mean and variance of the last n numbers.
///
/// Welford's recurrence, in the form that exchanges one number for another (B. P. Welford, "Note on a method for
/// calculating corrected sums of squares and products", Technometrics 1962), and once per n pushes a two-pass
/// recomputation from the window. The recurrence alone gathers rounding errors without bound; with the recomputation
/// an error lives for at most one window. Within it the error of the deviation goes with the root of what has left, so a
/// window of one number only is known by counting: its deviation is exactly zero. Amortised O(1) a push.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollingMoments {
    window: Window,
    #[serde(with = "exact")]
    mean: f64,
    /// Sum of squared deviations from the mean.
    #[serde(with = "exact")]
    squares: f64,
    /// How many of the newest numbers are the same.
    same: u32,
}

/// Mean and population standard deviation of a full window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Mean.
    pub mean: f64,
    /// Standard deviation with divisor n.
    pub std: f64,
}

impl RollingMoments {
    /// Over the last `count` numbers (at least one).
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self { window: Window::new(count), mean: 0.0, squares: 0.0, same: 0 }
    }

    /// Takes a number; `None` until the window is full.
    pub fn update(&mut self, value: f64) -> Option<Moments> {
        (self.mean, self.squares, self.same) = self.after(value);
        self.window.push(value);
        if self.window.at_seam() {
            self.recompute();
        }
        self.current()
    }

    /// What [`Self::update`] would return, up to the rounding that its recomputation removes.
    #[must_use]
    pub fn peek(&self, value: f64) -> Option<Moments> {
        let full = self.window.len() + 1 >= self.window.capacity();
        let (mean, squares, _) = self.after(value);
        full.then(|| self.finish(mean, squares))
    }

    /// The present value; `None` until the window is full.
    #[must_use]
    pub fn current(&self) -> Option<Moments> {
        self.window.is_full().then(|| self.finish(self.mean, self.squares))
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.window.clear();
        (self.mean, self.squares, self.same) = (0.0, 0.0, 0);
    }

    /// Bytes it holds outside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.window.heap_bytes()
    }

    fn finish(&self, mean: f64, squares: f64) -> Moments {
        // Rounding can leave a sum of squares a hair below zero.
        Moments { mean, std: (squares.max(0.0) / f64::from(self.window.capacity())).sqrt() }
    }

    /// Mean, sum of squares and equal newest numbers once `value` is in the window.
    fn after(&self, value: f64) -> (f64, f64, u32) {
        let same = if self.window.newest() == Some(value) { self.same.saturating_add(1) } else { 1 };
        if same >= self.window.capacity() {
            return (value, 0.0, same);
        }
        match self.window.oldest() {
            None => {
                let count = f64::from(self.window.len() + 1);
                let delta = value - self.mean;
                let mean = self.mean + delta / count;
                (mean, self.squares + delta * (value - mean), same)
            }
            Some(old) => {
                let delta = value - old;
                let mean = self.mean + delta / f64::from(self.window.capacity());
                (mean, self.squares + delta * ((value - mean) + (old - self.mean)), same)
            }
        }
    }

    fn recompute(&mut self) {
        let values = self.window.values();
        let count = values.len().max(1) as f64;
        // Shifted by one of the values, so that the mean of a high price keeps its last digits.
        let shift = values.first().copied().unwrap_or(0.0);
        self.mean = shift + values.iter().map(|v| v - shift).sum::<f64>() / count;
        self.squares = values.iter().map(|v| (v - self.mean) * (v - self.mean)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn two_pass(values: &[f64]) -> Moments {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
        Moments { mean, std }
    }

    #[test]
    fn ten_million_bars_leave_no_drift() {
        // A price of 60,000 that moves by cents, with a jump of ten thousand now and then: the worst case for sums of
        // squares, which would lose all digits.
        let mut moments = RollingMoments::new(20);
        let mut recent = std::collections::VecDeque::new();
        let mut state = 1u64;
        let mut price = 60_000.0;
        let mut worst: f64 = 0.0;
        for n in 0..10_000_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            price += ((state >> 33) as f64 / f64::from(1u32 << 31) - 0.5) * 0.02;
            if n % 1_000_003 == 1_000_000 {
                price += if n % 2 == 0 { 10_000.0 } else { -10_000.0 };
            }
            if recent.len() == 20 {
                recent.pop_front();
            }
            recent.push_back(price);
            let value = moments.update(price);
            if n > 20 && n % 9_973 == 0 {
                let truth = two_pass(recent.make_contiguous());
                worst = worst.max((value.unwrap().std - truth.std).abs() / truth.std);
            }
        }
        assert!(worst < 1e-6, "relative error of the deviation after 10^7 bars: {worst:e}");
    }

    #[test]
    fn a_window_that_is_not_full_has_no_moments() {
        let mut moments = RollingMoments::new(3);
        assert_eq!(moments.update(1.0), None);
        assert_eq!(moments.update(2.0), None);
        assert_eq!(moments.peek(3.0), Some(two_pass(&[1.0, 2.0, 3.0])));
        assert!(moments.update(3.0).is_some());
    }

    proptest! {
        /// Prices that stand still for a while: where the window's seam lies must not show.
        #[test]
        fn a_window_has_no_deviation_exactly_when_all_its_numbers_are_the_same(
            cents in prop::collection::vec(1903u32..1905, 6..200),
        ) {
            let mut moments = RollingMoments::new(4);
            let values: Vec<f64> = cents.iter().map(|cents| f64::from(*cents) / 100.0).collect();
            for (n, value) in values.iter().enumerate() {
                let peeked = moments.peek(*value);
                let got = moments.update(*value);
                if n >= 3 {
                    let flat = values[n - 3..=n].iter().all(|v| v == value);
                    prop_assert_eq!(got.unwrap().std == 0.0, flat);
                    prop_assert_eq!(peeked.unwrap().std == 0.0, flat);
                }
            }
        }

        #[test]
        fn it_agrees_with_two_passes(values in prop::collection::vec(1.0f64..1e5, 5..200)) {
            let mut moments = RollingMoments::new(5);
            for (n, value) in values.iter().enumerate() {
                let peeked = moments.peek(*value);
                let got = moments.update(*value);
                prop_assert_eq!(peeked.is_some(), got.is_some());
                if n >= 4 {
                    let truth = two_pass(&values[n - 4..=n]);
                    let got = got.unwrap();
                    prop_assert!((got.mean - truth.mean).abs() <= 1e-9 * truth.mean);
                    prop_assert!((got.std - truth.std).abs() <= 1e-7 * truth.mean);
                    prop_assert!((peeked.unwrap().std - truth.std).abs() <= 1e-7 * truth.mean);
                }
            }
        }
    }
}
