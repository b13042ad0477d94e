//! What the whole is worth in base currency.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Currency, Money, MoneyError};

/// Why there is no valuation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValuationError {
    /// A currency with cash or positions has no rate.
    #[error(
        "no rate from {currency} to {base}: watch a pair such as {currency}{base}, or configure the rate"
    )]
    NoRate {
        /// From.
        currency: Currency,
        /// To.
        base: Currency,
    },
    /// A sum does not fit in 64 bits of micro-units.
    #[error("the value of the account is out of range")]
    Overflow,
}

impl From<MoneyError> for ValuationError {
    fn from(_: MoneyError) -> Self {
        Self::Overflow
    }
}

/// The account in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Valuation {
    /// Cash plus the value of all positions; each currency is summed exactly and converted once.
    pub equity: Money,
    /// Cash alone.
    pub cash: Money,
    /// Exposure of long positions, zero or more.
    pub long: Money,
    /// Exposure of short positions, zero or more.
    pub short: Money,
    /// Profit and loss of open quantity at the marks, before commissions.
    pub unrealised: Money,
}

impl Valuation {
    /// Sum of absolute exposures.
    #[must_use]
    pub fn gross(&self) -> Money {
        Money::from_micros(self.long.micros().saturating_add(self.short.micros()))
    }

    /// Long less short exposure.
    #[must_use]
    pub fn net(&self) -> Money {
        Money::from_micros(self.long.micros().saturating_sub(self.short.micros()))
    }

    /// A part of equity; `None` when equity is zero or less.
    #[must_use]
    pub fn weight(&self, value: Money) -> Option<f64> {
        (self.equity > Money::ZERO).then(|| value.to_f64() / self.equity.to_f64())
    }
}
