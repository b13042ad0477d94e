//! The books of one currency.

use serde::{Deserialize, Serialize};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Currency, Money, MoneyError};

/// What came in and went out in one currency. Invariants, exact to the micro-unit:
/// `cash = contributed - traded - commissions`, and over the positions in this currency
/// `sum(cost) = adopted + traded + realised`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Money at hand; negative when borrowed.
    pub cash: Money,
    /// Opening balance plus deposits, less withdrawals.
    pub contributed: Money,
    /// Cost of positions taken over from the broker without a fill.
    pub adopted: Money,
    /// Sum of signed notionals: positive when more was bought than sold.
    pub traded: Money,
    /// Sum of commissions, positive when paid.
    pub commissions: Money,
    /// Profit and loss of closed quantity, before commissions.
    pub realised: Money,
}

/// Books that do not balance: a programming error or a damaged snapshot. Trading on them would be guessing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{currency}: {what} is {found}, must be {expected}; rebuild the portfolio from the journal")]
pub struct Imbalance {
    /// Where.
    pub currency: Currency,
    /// Which identity.
    pub what: &'static str,
    /// Left-hand side.
    pub found: Money,
    /// Right-hand side.
    pub expected: Money,
}

impl Account {
    /// After money came in (or, negative, went out).
    pub(crate) fn deposited(mut self, amount: Money) -> Result<Self, MoneyError> {
        self.cash = self.cash.checked_add(amount)?;
        self.contributed = self.contributed.checked_add(amount)?;
        Ok(self)
    }

    /// After a fill of signed `notional` that realised `realised`.
    pub(crate) fn traded(mut self, notional: Money, realised: Money) -> Result<Self, MoneyError> {
        self.cash = self.cash.checked_sub(notional)?;
        if planted(Bug::CashLeak) {
            self.cash = self.cash.checked_sub(Money::from_micros(1))?;
        }
        self.traded = self.traded.checked_add(notional)?;
        self.realised = self.realised.checked_add(realised)?;
        Ok(self)
    }

    /// After a commission.
    pub(crate) fn charged(mut self, amount: Money) -> Result<Self, MoneyError> {
        self.cash = self.cash.checked_sub(amount)?;
        self.commissions = self.commissions.checked_add(amount)?;
        Ok(self)
    }

    /// Checks both identities against the sum of position costs in this currency.
    pub(crate) fn audit(&self, currency: Currency, costs: i128) -> Result<(), Imbalance> {
        let clamp = |micros: i128| {
            Money::from_micros(micros.clamp(i64::MIN.into(), i64::MAX.into()).try_into().unwrap_or(i64::MAX))
        };
        let m = |money: Money| i128::from(money.micros());
        let cash = m(self.contributed) - m(self.traded) - m(self.commissions);
        if cash != m(self.cash) {
            return Err(Imbalance { currency, what: "cash", found: self.cash, expected: clamp(cash) });
        }
        let expected = m(self.adopted) + m(self.traded) + m(self.realised);
        if expected != costs {
            let (found, expected) = (clamp(costs), clamp(expected));
            return Err(Imbalance { currency, what: "the cost of positions", found, expected });
        }
        Ok(())
    }
}
