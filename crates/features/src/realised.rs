//! Realised volatility over a window.

use serde::{Deserialize, Serialize};

use crate::exact;
use crate::observation::Observation;
use crate::window::Window;

/// Root of the mean squared log return of the last n bars: volatility per bar, in log return. The mean return is taken
/// as zero, as is usual for short horizons (Andersen, Bollerslev, Diebold and Labys, "Modeling and forecasting
/// realized volatility", Econometrica 2003). Warm after n returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RealisedVolatility {
    squares: Window,
    #[serde(with = "exact")]
    sum: f64,
}

impl RealisedVolatility {
    /// Over `bars` returns (at least one).
    #[must_use]
    pub fn new(bars: u32) -> Self {
        Self { squares: Window::new(bars), sum: 0.0 }
    }

    /// Takes a bar. Amortised O(1).
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        let ret = bar.log_return?;
        let square = ret * ret;
        self.sum += square - self.squares.push(square).unwrap_or(0.0);
        if self.squares.at_seam() {
            // Rounding errors end here: see Window::at_seam.
            self.sum = self.squares.values().iter().sum();
        }
        let count = f64::from(self.squares.capacity());
        self.squares.is_full().then(|| (self.sum.max(0.0) / count).sqrt())
    }

    /// What [`Self::update`] would return. O(n).
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.squares.heap_bytes()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.squares.clear();
        self.sum = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    #[test]
    fn it_is_the_root_mean_square_of_the_window() {
        let closes: Vec<f64> = (0..50).map(|n| 50.0 + (f64::from(n) * 0.9).cos()).collect();
        let seen = observations(&closes);
        let mut vol = RealisedVolatility::new(7);
        for (n, o) in seen.iter().enumerate() {
            let got = vol.update(o);
            assert_eq!(got.is_some(), n >= 7);
            if let Some(got) = got {
                let sum: f64 = seen[n - 6..=n].iter().map(|o| o.log_return.unwrap().powi(2)).sum();
                assert!((got - (sum / 7.0).sqrt()).abs() < 1e-13);
            }
        }
    }
}
