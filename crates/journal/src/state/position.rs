//! A position as the sum of its fills.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Currency, Money, MoneyError, Price, Qty, Ts};

use crate::event::BookedFill;

/// A position at average cost, in exact integers.
///
/// A fill that adds to the position adds its notional to `basis`. One that reduces it takes out `basis` in proportion,
/// rounded half to even, and realises the difference; one that turns it around closes it whole and opens the rest.
/// So at every moment `basis - realised` is the sum of all signed notionals: no micro-unit is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Signed quantity: the sum of all fills.
    pub qty: Qty,
    /// What the open quantity cost; negative for a short position; zero when flat.
    pub basis: Money,
    /// Profit taken, before commissions.
    pub realised: Money,
    /// The instrument's multiplier, as of the last fill.
    pub multiplier: Qty,
    /// The currency of `basis` and `realised`.
    pub currency: Currency,
    /// Number of fills.
    pub fills: u64,
    /// The last fill, market time.
    pub updated_at: Ts,
}

impl BookedFill {
    /// The signed notional: positive for what a purchase costs, negative for what a sale brings.
    pub fn value(&self) -> Result<Money, MoneyError> {
        Money::notional(self.fill.price, self.fill.signed_qty(), self.multiplier)
    }
}

impl Position {
    /// Before the first fill.
    #[must_use]
    pub fn flat(currency: Currency, multiplier: Qty) -> Self {
        Self {
            qty: Qty::ZERO,
            basis: Money::ZERO,
            realised: Money::ZERO,
            multiplier,
            currency,
            fills: 0,
            updated_at: Ts::MIN,
        }
    }

    /// The position after a fill; an error on overflow, and then nothing has changed.
    pub fn after(self, booked: &BookedFill) -> Result<Self, MoneyError> {
        let change = booked.fill.signed_qty();
        let value = booked.value()?;
        let qty = self.qty.checked_add(change).ok_or(MoneyError::Overflow)?;
        let mut next = Self {
            qty,
            multiplier: booked.multiplier,
            fills: self.fills.saturating_add(1),
            updated_at: self.updated_at.max(booked.fill.ts),
            ..self
        };
        if self.qty.signum() * change.signum() >= 0 {
            next.basis = self.basis.checked_add(value)?;
        } else if change.abs() < self.qty.abs() {
            let part = self.basis.scaled(change.abs().raw(), self.qty.abs().raw())?;
            next.basis = self.basis.checked_sub(part)?;
            next.realised = self.realised.checked_sub(value.checked_add(part)?)?;
        } else {
            let closing = Money::notional(booked.fill.price, self.qty.negated(), booked.multiplier)?;
            next.realised = self.realised.checked_sub(closing.checked_add(self.basis)?)?;
            next.basis = value.checked_sub(closing)?;
        }
        Ok(next)
    }

    /// Average price of the open quantity, rounded toward zero to a billionth; `None` when flat or out of range. For
    /// people and reports: accounting uses `basis`.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        // basis 10^-6 = price 10^-9 * qty 10^-8 * multiplier 10^-8
        let divisor = i128::from(self.qty.raw()).checked_mul(i128::from(self.multiplier.raw()))?;
        let raw = i128::from(self.basis.micros()).checked_mul(10i128.pow(19))?.checked_div(divisor)?;
        i64::try_from(raw).ok().and_then(Price::from_raw)
    }
}
