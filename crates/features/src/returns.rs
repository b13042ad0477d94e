//! Log return over n bars.

use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::window::Window;

/// `ln(close / close n bars ago)`, dimensionless. Warm after n returns. Additive over time, unlike simple returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogReturn {
    returns: Window,
}

impl LogReturn {
    /// Over `bars` bars (at least one).
    #[must_use]
    pub fn new(bars: u32) -> Self {
        Self { returns: Window::new(bars) }
    }

    /// Takes a bar. O(n): n is small, and a fresh sum has no drift.
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        let Some(log_return) = bar.log_return else {
            // The chain of returns is broken: a sum across the break would be the return of nothing.
            self.returns.clear();
            return None;
        };
        self.returns.push(log_return);
        self.returns.is_full().then(|| self.returns.values().iter().sum())
    }

    /// What [`Self::update`] would return.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.returns.heap_bytes()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.returns.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    #[test]
    fn returns_over_several_bars_are_the_log_of_the_price_ratio() {
        let mut ret = LogReturn::new(3);
        let values: Vec<_> =
            observations(&[100.0, 101.0, 99.0, 102.0, 105.0]).iter().map(|o| ret.update(o)).collect();
        assert_eq!(values[..3], [None, None, None]);
        assert!((values[3].unwrap() - (102.0f64 / 100.0).ln()).abs() < 1e-15);
        assert!((values[4].unwrap() - (105.0f64 / 101.0).ln()).abs() < 1e-15);
    }
}
