//! The shape of a trading day: volatility and volume are high at the open, low at midday and high again at the close.

use std::sync::Arc;

/// Weights by minute of the session.
#[derive(Debug)]
pub(super) struct Seasonality {
    /// Share of the session's variance that falls into each minute; sums to 1.
    pub(super) variance: Box<[f64]>,
    /// Square roots of `variance`.
    pub(super) sd: Box<[f64]>,
    /// Volume and message rate of each minute, relative to the session's mean.
    pub(super) activity: Box<[f64]>,
}

impl Seasonality {
    /// The shape of a session of some minutes (390, or 210 with an early close).
    fn new(minutes: usize) -> Self {
        // x runs from -1 at the open to +1 at the close; the fourth power keeps midday flat. The open is wilder than
        // the close, the close busier than the open, as in US shares.
        let curve = |left: f64, right: f64| -> Box<[f64]> {
            let raw = (0..minutes).map(|k| {
                let x = (2 * k + 1) as f64 / minutes as f64 - 1.0;
                0.5 + x * x * x * x * if x < 0.0 { left } else { right }
            });
            let sum: f64 = raw.clone().sum();
            raw.map(|weight| weight / sum).collect()
        };
        let variance = curve(3.5, 1.5);
        let sd = variance.iter().map(|weight| weight.sqrt()).collect();
        let activity = curve(1.5, 2.5).iter().map(|weight| weight * minutes as f64).collect();
        Self { variance, sd, activity }
    }
}

/// The shapes met so far: a calendar knows a handful of session lengths.
#[derive(Debug, Default)]
pub(super) struct Seasonalities(Vec<Arc<Seasonality>>);

impl Seasonalities {
    /// The shape of a session of some minutes.
    pub(super) fn get(&mut self, minutes: usize) -> Arc<Seasonality> {
        if let Some(known) = self.0.iter().find(|shape| shape.sd.len() == minutes) {
            return Arc::clone(known);
        }
        let shape = Arc::new(Seasonality::new(minutes));
        self.0.push(Arc::clone(&shape));
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_wild_at_both_ends_and_its_shares_sum_to_one() {
        for minutes in [390, 210] {
            let shape = Seasonality::new(minutes);
            assert!((shape.variance.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            assert!((shape.activity.iter().sum::<f64>() / minutes as f64 - 1.0).abs() < 1e-12);
            let middle = shape.variance[minutes / 2];
            assert!(shape.variance[0] > 5.0 * middle && shape.variance[minutes - 1] > 3.0 * middle);
        }
    }
}
