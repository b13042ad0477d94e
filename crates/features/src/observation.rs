//! What indicators see of a bar.

use tensortrade_market::Bar;

/// A closed bar in floats, with its return from the bar before: computed once and shared by all indicators.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Last price of the bar before, if there is one to compare with.
    pub previous_close: Option<f64>,
    /// `ln(close / previous_close)`; `None` without a bar before, or where either price is not above zero (a log
    /// return of a negative futures price does not exist).
    pub log_return: Option<f64>,
}

impl Observation {
    /// Of `bar`, after a bar that closed at `previous_close`. O(1).
    #[must_use]
    pub fn new(bar: &Bar, previous_close: Option<f64>) -> Self {
        let close = bar.close.to_f64();
        let log_return = previous_close.filter(|p| *p > 0.0 && close > 0.0).map(|p| (close / p).ln());
        Self { high: bar.high.to_f64(), low: bar.low.to_f64(), close, previous_close, log_return }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use tensortrade_market::{Price, Qty, Ts};

    /// One-minute bars that close at these prices and span one percent.
    pub(crate) fn bars(closes: &[f64]) -> Vec<Bar> {
        let at = |value: f64| Price::from_f64(value).unwrap();
        (closes.iter().enumerate())
            .map(|(n, close)| {
                let start = Ts::from_secs(60 * n as i64);
                let half = close.abs() * 0.005;
                let prices = [at(*close), at(close + half), at(close - half), at(*close)];
                Bar::ohlcv(start, start.plus_nanos(60_000_000_000), prices, Qty::ZERO)
            })
            .collect()
    }

    /// The same as indicators see them.
    pub(crate) fn observations(closes: &[f64]) -> Vec<Observation> {
        let mut previous = None;
        (bars(closes).iter())
            .map(|bar| {
                let seen = Observation::new(bar, previous);
                previous = Some(seen.close);
                seen
            })
            .collect()
    }

    #[test]
    fn a_return_across_a_price_that_is_not_positive_does_not_exist() {
        let seen = observations(&[10.0, -5.0, 10.0, 11.0]);
        assert_eq!(
            seen.iter().map(|o| o.log_return.is_some()).collect::<Vec<_>>(),
            [false, false, false, true]
        );
    }
}
