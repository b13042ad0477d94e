//! Commission schedules. Every amount is in the currency of the instrument.

use serde::{Deserialize, Serialize};
use tensortrade_market::{AssetClass, Money, MoneyError, Qty};

/// What one asset class pays.
///
/// A schedule gives the commission of all of an order's executions together; an execution is charged the difference
/// to what the order has paid before. So an order that fills in ten parts pays one minimum, as at the broker, and no
/// execution ever has a negative commission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Nothing.
    Free,
    /// Per share, with a minimum per order and a maximum in parts per million of the order's value. Where the maximum
    /// is less than the minimum, the maximum holds (IBKR Pro, fixed).
    PerShare {
        /// Per share.
        rate: Money,
        /// Least per order.
        min: Money,
        /// Most per order, parts per million of its value.
        max_ppm: u32,
    },
    /// Parts per million of the value (100 are one basis point), with a minimum per order.
    OfValue {
        /// Parts per million.
        ppm: u32,
        /// Least per order.
        min: Money,
    },
    /// Per contract.
    PerContract {
        /// Per contract.
        rate: Money,
    },
}

impl Schedule {
    /// The commission of an order that has executed `qty` for `value` (both zero or more) in all.
    pub fn total(&self, qty: Qty, value: Money) -> Result<Money, MoneyError> {
        let per_unit = |rate: Money| rate.scaled(qty.raw(), Qty::ONE);
        let of_value = |ppm: u32| value.scaled(i64::from(ppm), 1_000_000);
        match *self {
            Self::Free => Ok(Money::ZERO),
            Self::PerShare { rate, min, max_ppm } => Ok(per_unit(rate)?.max(min).min(of_value(max_ppm)?)),
            Self::OfValue { ppm, min } => Ok(of_value(ppm)?.max(min)),
            Self::PerContract { rate } => per_unit(rate),
        }
    }

    fn amounts(&self) -> [Money; 2] {
        match *self {
            Self::Free => [Money::ZERO; 2],
            Self::PerShare { rate, min, .. } => [rate, min],
            Self::OfValue { min, .. } => [min, Money::ZERO],
            Self::PerContract { rate } => [rate, Money::ZERO],
        }
    }
}

/// Schedules by asset class. The defaults follow published retail rates: shares 0.005 each, at least 1, at most 1 %
/// (IBKR Pro fixed); currency pairs 0.2 basis points, at least 2 (IBKR); futures 0.85 a contract (IBKR, before
/// exchange fees); crypto assets 10 basis points (Binance spot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CommissionSchedule {
    /// Shares and funds.
    pub equity: Schedule,
    /// Currency pairs.
    pub forex: Schedule,
    /// Futures.
    pub future: Schedule,
    /// Crypto assets.
    pub crypto: Schedule,
}

impl Default for CommissionSchedule {
    fn default() -> Self {
        let micros = Money::from_micros;
        Self {
            equity: Schedule::PerShare { rate: micros(5_000), min: micros(1_000_000), max_ppm: 10_000 },
            forex: Schedule::OfValue { ppm: 20, min: micros(2_000_000) },
            future: Schedule::PerContract { rate: micros(850_000) },
            crypto: Schedule::OfValue { ppm: 1_000, min: Money::ZERO },
        }
    }
}

impl CommissionSchedule {
    /// No commission at all.
    #[must_use]
    pub fn free() -> Self {
        Self { equity: Schedule::Free, forex: Schedule::Free, future: Schedule::Free, crypto: Schedule::Free }
    }

    /// The schedule of an asset class.
    #[must_use]
    pub fn of(&self, class: AssetClass) -> &Schedule {
        match class {
            AssetClass::Equity => &self.equity,
            AssetClass::Forex => &self.forex,
            AssetClass::Future => &self.future,
            AssetClass::Crypto => &self.crypto,
        }
    }

    /// Whether no amount is negative.
    pub(super) fn is_sane(&self) -> bool {
        [self.equity, self.forex, self.future, self.crypto]
            .iter()
            .flat_map(Schedule::amounts)
            .all(|m| m >= Money::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(text: &str) -> Money {
        text.parse().unwrap()
    }

    fn total(schedule: Schedule, qty: i64, value: &str) -> Money {
        schedule.total(Qty::from_units(qty).unwrap(), money(value)).unwrap()
    }

    #[test]
    fn the_defaults_are_the_published_rates() {
        let schedules = CommissionSchedule::default();
        assert_eq!(total(schedules.equity, 1_000, "50000"), money("5"));
        assert_eq!(total(schedules.equity, 100, "5000"), money("1"), "the minimum");
        assert_eq!(total(schedules.equity, 100, "25"), money("0.25"), "the maximum, below the minimum");
        assert_eq!(total(schedules.forex, 1_000_000, "1100000"), money("22"));
        assert_eq!(total(schedules.forex, 10_000, "11000"), money("2"));
        assert_eq!(total(schedules.crypto, 1, "40000"), money("40"));
        assert_eq!(total(schedules.future, 3, "600000"), money("2.55"));
    }

    proptest! {
        #[test]
        fn an_order_that_executes_more_never_owes_less(
            qty in 1i64..1_000_000, more in 0i64..1_000_000, value in 0i64..1_000_000_000_000, on_top in 0i64..1_000_000_000_000,
        ) {
            let s = CommissionSchedule::default();
            for schedule in [s.equity, s.forex, s.future, s.crypto, Schedule::Free] {
                let at = |q: i64, v: i64| schedule.total(Qty::from_units(q).unwrap(), Money::from_micros(v)).unwrap();
                prop_assert!(at(qty + more, value + on_top) >= at(qty, value));
                prop_assert!(at(qty, value) >= Money::ZERO);
            }
        }
    }
}
