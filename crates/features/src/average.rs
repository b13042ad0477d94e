//! Moving averages and their cross.

use serde::{Deserialize, Serialize};

use crate::ewma::EwmaVolatility;
use crate::exact;
use crate::moments::RollingMoments;
use crate::observation::Observation;

/// How an average weighs the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AverageKind {
    /// The last n prices alike.
    Simple,
    /// Weights that fall by `1 - 2 / (n + 1)` a bar, started at the first price.
    #[default]
    Exponential,
}

/// A moving average of closes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MovingAverage {
    /// See [`AverageKind::Simple`]. Boxed: the common kind needs none of it.
    Simple(Box<RollingMoments>),
    /// See [`AverageKind::Exponential`].
    Exponential {
        /// Bars that the weights stand for.
        bars: u32,
        /// Prices seen, up to `bars`.
        count: u32,
        /// The average.
        #[serde(with = "exact")]
        value: f64,
    },
}

impl MovingAverage {
    /// Over `bars` bars (at least one).
    #[must_use]
    pub fn new(kind: AverageKind, bars: u32) -> Self {
        match kind {
            AverageKind::Simple => Self::Simple(Box::new(RollingMoments::new(bars))),
            AverageKind::Exponential => Self::Exponential { bars: bars.max(1), count: 0, value: 0.0 },
        }
    }

    /// Takes a price; `None` until `bars` prices have come. Amortised O(1).
    pub fn update(&mut self, price: f64) -> Option<f64> {
        match self {
            Self::Simple(moments) => moments.update(price).map(|m| m.mean),
            Self::Exponential { bars, count, value } => {
                let alpha = if *count == 0 { 1.0 } else { 2.0 / (f64::from(*bars) + 1.0) };
                *value += alpha * (price - *value);
                *count = count.saturating_add(1).min(*bars);
                (*count >= *bars).then_some(*value)
            }
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Simple(moments) => size_of::<RollingMoments>() + moments.heap_bytes(),
            Self::Exponential { .. } => 0,
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        match self {
            Self::Simple(moments) => moments.reset(),
            Self::Exponential { count, value, .. } => (*count, *value) = (0, 0.0),
        }
    }
}

/// Fast average less slow average, in standard deviations of what a driftless random walk of the same volatility gives.
///
/// `(fast - slow) / (close * volatility * c)`: dividing by price and volatility makes symbols and timeframes compare,
/// and `c`, which follows from the weights alone, gives the score unit variance under a random walk (in the manner of
/// Baz, Granger, Harvey, Le Roux and Rattray, "Dissecting investment strategies in the cross section and time series",
/// 2015). So +1 means one deviation of evidence for an upward trend. Volatility is the [`EwmaVolatility`] of the slow
/// span. Warm after `slow` bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AverageCross {
    fast: MovingAverage,
    slow: MovingAverage,
    volatility: EwmaVolatility,
    #[serde(with = "exact")]
    unit: f64,
}

impl AverageCross {
    /// Of averages over `fast` and `slow` bars, `fast < slow`.
    #[must_use]
    pub fn new(kind: AverageKind, fast: u32, slow: u32) -> Self {
        Self {
            fast: MovingAverage::new(kind, fast),
            slow: MovingAverage::new(kind, slow),
            volatility: EwmaVolatility::new(slow),
            unit: random_walk_unit(kind, fast, slow),
        }
    }

    /// Takes a bar. Amortised O(1).
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        // All three move on every bar, whichever of them is warm.
        let fast = self.fast.update(bar.close);
        let slow = self.slow.update(bar.close);
        let volatility = self.volatility.update(bar);
        let unit = bar.close * volatility? * self.unit;
        (unit > 0.0).then_some((fast? - slow?) / unit)
    }

    /// What [`Self::update`] would return. O(slow) for simple averages.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        self.clone().update(bar)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.fast.heap_bytes() + self.slow.heap_bytes()
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.fast.reset();
        self.slow.reset();
        self.volatility.reset();
    }
}

/// Deviation of `fast - slow` for a random walk of unit steps. An average of a random walk lags the price by
/// `sum_k g(k) step_{t-k}`; the difference of two averages has the weights `g_slow - g_fast`.
fn random_walk_unit(kind: AverageKind, fast: u32, slow: u32) -> f64 {
    let variance = match kind {
        AverageKind::Exponential => {
            // g(k) = d^(k+1): geometric series.
            let (f, s) = (decay(fast), decay(slow));
            s * s / (1.0 - s * s) + f * f / (1.0 - f * f) - 2.0 * s * f / (1.0 - s * f)
        }
        AverageKind::Simple => {
            let lag = |n: u32, k: u32| f64::from(n.saturating_sub(1 + k)) / f64::from(n.max(1));
            (0..slow).map(|k| (lag(slow, k) - lag(fast, k)).powi(2)).sum()
        }
    };
    variance.sqrt()
}

fn decay(bars: u32) -> f64 {
    1.0 - 2.0 / (f64::from(bars.max(1)) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::tests::observations;

    fn last(kind: AverageKind, closes: &[f64]) -> Option<f64> {
        let mut cross = AverageCross::new(kind, 4, 9);
        observations(closes).iter().map(|o| cross.update(o)).last().flatten()
    }

    #[test]
    fn it_has_the_sign_of_the_trend_and_ignores_the_price_level() {
        for kind in [AverageKind::Simple, AverageKind::Exponential] {
            let up: Vec<f64> = (0..40).map(|n| 100.0 * 1.01f64.powi(n)).collect();
            let tenfold: Vec<f64> = up.iter().map(|p| p * 10.0).collect();
            let down: Vec<f64> = up.iter().rev().copied().collect();
            assert!(last(kind, &up).unwrap() > 0.5 && last(kind, &down).unwrap() < -0.5);
            assert!((last(kind, &up).unwrap() - last(kind, &tenfold).unwrap()).abs() < 1e-6);
        }
    }

    #[test]
    fn a_flat_price_has_no_cross() {
        assert_eq!(last(AverageKind::Exponential, &[5.0; 40]), None);
    }

    #[test]
    fn a_random_walk_gives_it_unit_variance() {
        for kind in [AverageKind::Simple, AverageKind::Exponential] {
            let mut cross = AverageCross::new(kind, 12, 26);
            let mut state = 7u64;
            let mut price = 1000.0f64;
            let mut closes = Vec::new();
            for _ in 0..200_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                price *= if state >> 63 == 0 { 1.0005 } else { 1.0 / 1.0005 };
                closes.push(price);
            }
            let values: Vec<f64> = observations(&closes).iter().filter_map(|o| cross.update(o)).collect();
            let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
            assert!((0.9..1.1).contains(&variance), "{kind:?}: {variance}");
        }
    }
}
