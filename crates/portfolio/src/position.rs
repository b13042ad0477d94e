//! One symbol's position by the average-cost method.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Currency, Instrument, Money, MoneyError, Price, Qty, Symbol, Ts};

/// A price at which positions are valued, with the moment it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Last trade, or midpoint, or bar close.
    pub price: Price,
    /// Market time.
    pub ts: Ts,
}

/// A position. The book holds total cost, an integer, not an average price, so nothing is lost to division:
/// `cost - realised` always equals the sum of signed notionals (plus what was adopted).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// What.
    pub symbol: Symbol,
    /// Currency of cost, value and profit.
    pub currency: Currency,
    /// Units of the underlying per unit of quantity.
    pub multiplier: Qty,
    /// How much, signed; short is negative.
    pub qty: Qty,
    /// What the open quantity cost, signed like `qty * price`. Commissions are kept apart, in `fees`.
    pub cost: Money,
    /// Profit and loss of closed quantity, before commissions.
    pub realised: Money,
    /// Commissions in the position's own currency, positive when paid.
    pub fees: Money,
    /// Latest mark. A position that is not flat always has one: its first fill, if nothing else.
    pub mark: Option<Mark>,
}

impl Position {
    /// A flat position in an instrument.
    #[must_use]
    pub fn flat(instrument: &Instrument) -> Self {
        Self {
            symbol: instrument.symbol,
            currency: instrument.currency,
            multiplier: instrument.multiplier,
            qty: Qty::ZERO,
            cost: Money::ZERO,
            realised: Money::ZERO,
            fees: Money::ZERO,
            mark: None,
        }
    }

    /// The position after a fill of signed quantity `change`, and the fill's signed notional.
    ///
    /// Same direction: cost grows by the notional. Opposite direction: the closed share of the cost leaves, and the
    /// difference to the notional is realised. Through zero: the old quantity closes at its own notional, the rest
    /// opens with what remains of the fill's notional, so the two parts add up exactly.
    pub(crate) fn filled(&self, change: Qty, price: Price) -> Result<(Self, Money), MoneyError> {
        let notional = Money::notional(price, change, self.multiplier)?;
        let qty = self.qty.checked_add(change).ok_or(MoneyError::Overflow)?;
        let mut next = Self { qty, ..*self };
        if self.qty.signum() * change.signum() >= 0 {
            next.cost = self.cost.checked_add(notional)?;
        } else if qty.is_zero() || qty.signum() == self.qty.signum() {
            let removed = self.cost.scaled(change.raw(), self.qty.raw())?;
            next.cost = self.cost.checked_add(removed)?;
            next.realised = self.realised.checked_add(removed.checked_sub(notional)?)?;
        } else {
            let closing = Money::notional(price, self.qty.negated(), self.multiplier)?;
            let gain = self.cost.negated().checked_sub(closing)?;
            next.realised = self.realised.checked_add(gain)?;
            next.cost = notional.checked_sub(closing)?;
        }
        Ok((next, notional))
    }

    /// Average price of the open quantity, before commissions, rounded toward zero to a billionth; `None` when flat.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        // cost [1e-6] / (qty [1e-8] * multiplier [1e-8]) in [1e-9]: scale by 10^(16 - 6 + 9).
        let units = i128::from(self.qty.raw()).checked_mul(i128::from(self.multiplier.raw()))?;
        let scaled = i128::from(self.cost.micros()).checked_mul(10i128.pow(19))?;
        i64::try_from(scaled.checked_div(units)?).ok().and_then(Price::from_raw)
    }

    /// Value at a price, signed, in the position's currency.
    pub fn value_at(&self, price: Price) -> Result<Money, MoneyError> {
        Money::notional(price, self.qty, self.multiplier)
    }

    /// Value at the latest mark; zero when flat.
    pub fn value(&self) -> Result<Money, MoneyError> {
        self.mark.map_or(Ok(Money::ZERO), |mark| self.value_at(mark.price))
    }

    /// Profit and loss of the open quantity at the latest mark.
    pub fn unrealised(&self) -> Result<Money, MoneyError> {
        self.value()?.checked_sub(self.cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(name: &str) -> Position {
        Position::flat(&Instrument::guess(Symbol::intern(name).unwrap()))
    }

    fn fill(position: &mut Position, qty: i64, price: &str) {
        let (next, _) = position.filled(Qty::from_units(qty).unwrap(), price.parse().unwrap()).unwrap();
        *position = next;
    }

    #[test]
    fn buying_more_averages_and_selling_some_realises_against_the_average() {
        let mut p = position("IBM");
        fill(&mut p, 100, "10");
        fill(&mut p, 100, "12");
        assert_eq!(p.average_price().unwrap().to_string(), "11");
        fill(&mut p, -50, "13");
        assert_eq!(p.realised.to_string(), "100");
        assert_eq!(p.average_price().unwrap().to_string(), "11");
        assert_eq!(p.qty.to_string(), "150");
    }

    #[test]
    fn a_fill_through_zero_closes_the_old_side_and_opens_the_new_one_at_its_price() {
        let mut p = position("IBM");
        fill(&mut p, 100, "10");
        fill(&mut p, -150, "12");
        assert_eq!(p.realised.to_string(), "200");
        assert_eq!(p.qty.to_string(), "-50");
        assert_eq!(p.average_price().unwrap().to_string(), "12");
        assert_eq!(p.cost.to_string(), "-600");
    }

    #[test]
    fn a_short_gains_when_the_price_falls() {
        let mut p = position("IBM");
        fill(&mut p, -10, "100");
        fill(&mut p, 10, "90");
        assert_eq!((p.realised.to_string().as_str(), p.cost), ("100", Money::ZERO));
        assert_eq!(p.average_price(), None);
    }

    #[test]
    fn a_future_is_valued_with_its_multiplier() {
        let mut es = position("ES");
        es.multiplier = Qty::from_units(50).unwrap();
        fill(&mut es, 2, "4000");
        assert_eq!(es.cost.to_string(), "400000");
        assert_eq!(es.average_price().unwrap().to_string(), "4000");
        assert_eq!(es.value_at("4001".parse().unwrap()).unwrap().to_string(), "400100");
    }

    #[test]
    fn a_negative_price_is_booked_like_any_other() {
        let mut oil = position("CL");
        fill(&mut oil, 1, "-37.63");
        assert_eq!(oil.cost.to_string(), "-37.63");
        fill(&mut oil, -1, "10");
        assert_eq!(oil.realised.to_string(), "47.63");
    }
}
