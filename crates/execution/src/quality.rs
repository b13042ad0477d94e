//! How well orders fill.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::Side;
use tensortrade_market::{Price, Qty};

/// What one execution cost against the price at the decision ("implementation shortfall" of the executed part: A. Perold,
/// Journal of Portfolio Management, 1988).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slippage {
    /// Hundredths of a percent of the reference; positive is worse than the reference.
    pub bps: f64,
    /// Reference price times quantity, in the instrument's currency for a multiplier of one.
    pub notional: f64,
}

impl Slippage {
    /// Of an execution; `None` where the reference is not above zero.
    #[must_use]
    pub fn of(side: Side, reference: Price, price: Price, qty: Qty) -> Option<Self> {
        let (reference, price) = (reference.to_f64(), price.to_f64());
        let worse = (price - reference) * side.sign() as f64;
        (reference > 0.0)
            .then(|| Self { bps: worse / reference * 10_000.0, notional: reference * qty.abs().to_f64() })
    }
}

/// All executions of a book.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlippageSummary {
    /// How many.
    pub fills: u64,
    /// Sum of their notionals. Across currencies it is a weight, not an amount.
    pub notional: f64,
    /// Sum of bps times notional.
    weighted: f64,
    /// Worst of them, in bps; zero without fills.
    pub worst_bps: f64,
}

impl SlippageSummary {
    /// Takes an execution.
    pub fn add(&mut self, slippage: Slippage) {
        self.worst_bps = if self.fills == 0 { slippage.bps } else { self.worst_bps.max(slippage.bps) };
        self.fills += 1;
        self.notional += slippage.notional;
        self.weighted += slippage.bps * slippage.notional;
    }

    /// Mean by notional, in bps; `None` without fills.
    #[must_use]
    pub fn mean_bps(&self) -> Option<f64> {
        (self.notional > 0.0).then(|| self.weighted / self.notional)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paying_more_and_receiving_less_are_both_worse() {
        let of = |side, price: &str| {
            Slippage::of(side, "100".parse().unwrap(), price.parse().unwrap(), "10".parse().unwrap()).unwrap()
        };
        assert!((of(Side::Buy, "100.1").bps - 10.0).abs() < 1e-9);
        assert!((of(Side::Sell, "99.9").bps - 10.0).abs() < 1e-9);
        assert!((of(Side::Sell, "100.2").bps + 20.0).abs() < 1e-9);
        let mut summary = SlippageSummary::default();
        assert_eq!(summary.mean_bps(), None);
        summary.add(of(Side::Buy, "100.1"));
        summary.add(of(Side::Sell, "100.2"));
        assert!((summary.mean_bps().unwrap() + 5.0).abs() < 1e-9);
        assert!((summary.worst_bps - 10.0).abs() < 1e-9);
    }
}
