//! Exponentially weighted volatility.

use serde::{Deserialize, Serialize};

use crate::exact;
use crate::observation::Observation;

/// Exponentially weighted mean of squared log returns, whose root is the volatility per bar.
///
/// `v = sum(lambda^k r_{t-k}^2) / sum(lambda^k)` with `lambda = 1 - 2 / (span + 1)`: the RiskMetrics estimator (J.P.
/// Morgan, RiskMetrics Technical Document, 1996, section 5.2: mean taken as zero), divided by the weights seen so
/// far, so that its first values are not biased toward a seed. RiskMetrics' daily lambda of 0.94 is a span of 32.3.
/// The effective sample is `span` bars; it is warm after half of them.
///
/// Returns over closed hours (overnight, weekends) count like any other: the price did move.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EwmaVolatility {
    span: u32,
    count: u32,
    #[serde(with = "exact")]
    lambda: f64,
    #[serde(with = "exact")]
    squares: f64,
    #[serde(with = "exact")]
    weight: f64,
}

impl EwmaVolatility {
    /// With a span in bars (at least one).
    #[must_use]
    pub fn new(span: u32) -> Self {
        let span = span.max(1);
        Self { span, count: 0, lambda: 1.0 - 2.0 / (f64::from(span) + 1.0), squares: 0.0, weight: 0.0 }
    }

    /// Returns needed before the first value: half the span, rounded up.
    #[must_use]
    pub fn warm_after(span: u32) -> u32 {
        span.max(1).div_ceil(2)
    }

    /// The decay of the weights from one bar to the one before it.
    #[must_use]
    pub fn lambda(&self) -> f64 {
        self.lambda
    }

    /// Takes a bar; volatility per bar, in log return. O(1).
    #[inline]
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        self.update_return(bar.log_return?)
    }

    /// Takes a return instead of a bar.
    #[inline]
    pub fn update_return(&mut self, log_return: f64) -> Option<f64> {
        let lambda = self.lambda;
        self.squares = lambda * self.squares + (1.0 - lambda) * log_return * log_return;
        self.weight = lambda * self.weight + (1.0 - lambda);
        self.count = self.count.saturating_add(1);
        self.current()
    }

    /// What [`Self::update`] would return.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    /// The present value; `None` until warm.
    #[must_use]
    pub fn current(&self) -> Option<f64> {
        (self.count >= Self::warm_after(self.span)).then(|| (self.squares / self.weight).sqrt())
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::new(self.span);
    }
}

/// [`EwmaVolatility`] in log return per square root of a year: per bar times the root of bars per year (the returns
/// are taken as uncorrelated).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnnualVolatility {
    per_bar: EwmaVolatility,
    #[serde(with = "exact")]
    root_bars_per_year: f64,
}

impl AnnualVolatility {
    /// With a span in bars and the number of bars in a year (see [`crate::year`]).
    #[must_use]
    pub fn new(span: u32, bars_per_year: f64) -> Self {
        Self { per_bar: EwmaVolatility::new(span), root_bars_per_year: bars_per_year.max(0.0).sqrt() }
    }

    /// Takes a bar; volatility per year. O(1).
    #[inline]
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        self.per_bar.update(bar).map(|v| v * self.root_bars_per_year)
    }

    /// What [`Self::update`] would return.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.per_bar.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    #[test]
    fn it_equals_the_weighted_sum_it_is_defined_by() {
        let closes: Vec<f64> = (0..40).map(|n| 100.0 + (f64::from(n) * 1.7).sin() * 3.0).collect();
        let seen = observations(&closes);
        let mut vol = EwmaVolatility::new(9);
        let got = seen.iter().map(|o| vol.update(o)).last().flatten().unwrap();
        let returns: Vec<f64> = seen.iter().filter_map(|o| o.log_return).collect();
        let (mut sum, mut weights) = (0.0, 0.0);
        for (age, r) in returns.iter().rev().enumerate() {
            let weight = 0.8f64.powi(age as i32);
            sum += weight * r * r;
            weights += weight;
        }
        assert!((got - (sum / weights).sqrt()).abs() < 1e-14);
    }

    #[test]
    fn the_first_values_are_not_biased_toward_zero() {
        let mut vol = EwmaVolatility::new(60);
        let values: Vec<_> =
            (0..30).map(|n| vol.update_return(if n % 2 == 0 { 0.01 } else { -0.01 })).collect();
        assert_eq!(values[28], None);
        assert!((values[29].unwrap() - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_year_of_252_daily_bars_scales_by_its_root() {
        let mut annual = AnnualVolatility::new(2, 252.0);
        let seen = observations(&[100.0, 101.0, 100.0, 101.0]);
        let last = seen.iter().map(|o| annual.update(o)).last().flatten().unwrap();
        assert!((last - (1.01f64).ln() * 252f64.sqrt()).abs() < 1e-9);
    }
}
