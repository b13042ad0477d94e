//! Losses that trip the breaker: drawdown from the high-water mark, and the loss of the session day.

use serde::{Deserialize, Serialize};
use tensortrade_portfolio::{Performance, PortfolioView};

use crate::breaker::BreakerState;
use crate::limits::{LimitError, LimitErrors};

/// Losses as fractions: of the high-water mark for drawdowns, of the day's first equity for the day. Absent is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossLimits {
    /// Drawdown from which only reducing orders pass.
    pub drawdown_reduce: Option<f64>,
    /// Drawdown that halts.
    pub drawdown_halt: Option<f64>,
    /// Loss of the day from which only reducing orders pass.
    pub day_loss_reduce: Option<f64>,
    /// Loss of the day that halts.
    pub day_loss_halt: Option<f64>,
}

impl Default for LossLimits {
    /// A day's loss of 4 % ends the day, so that 5 % is not reached; a drawdown of 20 % ends the run.
    fn default() -> Self {
        Self {
            drawdown_reduce: Some(0.20),
            drawdown_halt: None,
            day_loss_reduce: Some(0.04),
            day_loss_halt: None,
        }
    }
}

/// A loss over its limit: what the node's breaker is to be tripped to, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct LossBreach {
    /// Severity.
    pub level: BreakerState,
    /// With value and limit.
    pub reason: String,
}

impl LossLimits {
    /// Checks that every fraction lies above 0 and at most 1.
    pub fn validate(&self) -> Result<(), LimitErrors> {
        let bad = self.by_severity().into_iter().filter_map(|(key, _, limit, _)| {
            let value = limit.filter(|limit| !(*limit > 0.0 && *limit <= 1.0))?.to_string();
            Some(LimitError { key, value, range: "more than 0, at most 1" })
        });
        let errors: Vec<_> = bad.collect();
        if errors.is_empty() { Ok(()) } else { Err(LimitErrors(errors)) }
    }

    /// The most severe limit that the performance shown by a view has broken.
    #[must_use]
    pub fn breach(&self, view: &PortfolioView) -> Option<LossBreach> {
        self.breach_of(view.performance())
    }

    fn breach_of(&self, performance: &Performance) -> Option<LossBreach> {
        let drawdown = performance.drawdown_ratio();
        let day_loss = performance.day_loss_ratio();
        self.by_severity().into_iter().find_map(|(key, level, limit, is_day)| {
            let (value, limit) = (if is_day { day_loss } else { drawdown }, limit?);
            let what = if is_day { "the day's loss" } else { "drawdown" };
            let reason = || format!("{what} is {:.2} %, {key} is {:.2} %", value * 100.0, limit * 100.0);
            (value >= limit).then(|| LossBreach { level, reason: reason() })
        })
    }

    fn by_severity(&self) -> [(&'static str, BreakerState, Option<f64>, bool); 4] {
        [
            ("drawdown_halt", BreakerState::Halted, self.drawdown_halt, false),
            ("day_loss_halt", BreakerState::Halted, self.day_loss_halt, true),
            ("drawdown_reduce", BreakerState::Reducing, self.drawdown_reduce, false),
            ("day_loss_reduce", BreakerState::Reducing, self.day_loss_reduce, true),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::{Currency, Instrument, Money, Price, Symbol, Ts};
    use tensortrade_portfolio::{FxConfig, Portfolio};

    const LIMITS: LossLimits = LossLimits {
        drawdown_reduce: Some(0.10),
        drawdown_halt: Some(0.20),
        day_loss_reduce: Some(0.05),
        day_loss_halt: None,
    };

    /// The breach after an account of 1,000 that holds 10 shares from 100 sees them at `price`, on the day it began or
    /// the day after a start at `price`.
    fn breach(price: i64, new_day: bool) -> Option<(BreakerState, String)> {
        let ibm = Instrument::guess(Symbol::intern("IBM").unwrap());
        let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
        portfolio.register(&ibm).unwrap();
        portfolio.deposit(Currency::USD, Money::ZERO).unwrap();
        let at = |units: i64| Price::from_raw(units * Price::ONE).unwrap();
        portfolio
            .adopt(ibm.symbol, tensortrade_market::Qty::from_units(10).unwrap(), at(100), Ts::ZERO)
            .unwrap();
        portfolio.roll_day(Ts::ZERO).unwrap();
        portfolio.mark(ibm.symbol, at(price), Ts::from_secs(1)).unwrap();
        if new_day {
            portfolio.roll_day(Ts::from_secs(86_400)).unwrap();
        }
        LIMITS.breach(&portfolio.view(Ts::from_secs(1))).map(|breach| (breach.level, breach.reason))
    }

    #[test]
    fn each_limit_trips_at_its_value_and_the_severest_first() {
        assert_eq!(breach(96, false), None);
        let (level, reason) = breach(95, false).unwrap();
        assert_eq!(level, BreakerState::Reducing);
        assert_eq!(reason, "the day's loss is 5.00 %, day_loss_reduce is 5.00 %");
        assert_eq!(breach(95, true), None, "a new day, a new budget");
        assert!(breach(90, true).unwrap().1.contains("drawdown_reduce"));
        let (level, reason) = breach(80, false).unwrap();
        assert_eq!(
            (level, reason.as_str()),
            (BreakerState::Halted, "drawdown is 20.00 %, drawdown_halt is 20.00 %")
        );
    }

    #[test]
    fn fractions_out_of_range_are_refused_by_key() {
        assert_eq!(LIMITS.validate(), Ok(()));
        let text = LossLimits { drawdown_halt: Some(1.5), ..LIMITS }.validate().unwrap_err().to_string();
        assert_eq!(text, "drawdown_halt = 1.5 is out of range: more than 0, at most 1");
    }
}
