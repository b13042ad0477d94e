//! Rates into the base currency: from the marks of forex pairs, else from configuration, else none.
//!
//! There is no default rate. A currency without a pair and without configuration has no rate, and what needs it says so;
//! nothing is ever taken as 1. Rates are not chained through a third currency: configure what no pair gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::{AssetClass, Currency, Instrument, Money, MoneyError, Price, Ts};

use crate::error::PortfolioError;

/// How rates are configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FxConfig {
    /// Currency of equity and of limits.
    pub base: Currency,
    /// Units of the base currency per unit of another (`USDT = "1"`, `HKD = "0.128"`). A pair's mark comes before it.
    pub rates: BTreeMap<Currency, Price>,
}

impl Default for FxConfig {
    /// US dollar, with the two dollar tokens and the Hong Kong dollar at their pegs.
    fn default() -> Self {
        let peg = |code: &str, raw: i64| Some((Currency::new(code).ok()?, Price::from_raw(raw)?));
        let pegs = [peg("USDT", Price::ONE), peg("USDC", Price::ONE), peg("HKD", 128_000_000)];
        Self { base: Currency::USD, rates: pegs.into_iter().flatten().collect() }
    }
}

/// An exact rate: base units per unit of a currency, as a fraction, so that an inverted pair (USDJPY) loses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    numerator: i64,
    denominator: i64,
}

impl Rate {
    /// One for one: the base currency itself.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    fn direct(price: Price) -> Option<Self> {
        (price > Price::ZERO).then_some(Self { numerator: price.raw(), denominator: Price::ONE })
    }

    fn inverse(price: Price) -> Option<Self> {
        (price > Price::ZERO).then_some(Self { numerator: Price::ONE, denominator: price.raw() })
    }

    /// An amount in base currency, rounded half to even to a micro-unit.
    pub fn convert(self, amount: Money) -> Result<Money, MoneyError> {
        if self == Self::ONE { Ok(amount) } else { amount.scaled(self.numerator, self.denominator) }
    }

    /// As a float, for reports.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// The pair whose mark gives a currency's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FxLeg {
    currency: Currency,
    inverse: bool,
}

/// Rates into one base currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FxRates {
    base: Currency,
    configured: BTreeMap<Currency, Rate>,
    observed: BTreeMap<Currency, (Rate, Ts)>,
}

impl FxRates {
    /// Rates as configured; pairs add theirs as their marks come.
    pub fn new(config: &FxConfig) -> Result<Self, PortfolioError> {
        let mut configured = BTreeMap::new();
        for (&currency, &rate) in &config.rates {
            let direct = Rate::direct(rate).ok_or(PortfolioError::BadRate { currency, rate })?;
            configured.insert(currency, direct);
        }
        Ok(Self { base: config.base, configured, observed: BTreeMap::new() })
    }

    /// Dollars, and no rate.
    pub(crate) fn none() -> Self {
        Self { base: Currency::USD, configured: BTreeMap::new(), observed: BTreeMap::new() }
    }

    /// The currency converted into.
    #[must_use]
    pub fn base(&self) -> Currency {
        self.base
    }

    /// Base units per unit of `currency`: 1 for the base itself, the latest mark of a pair, or the configured rate.
    #[must_use]
    pub fn rate(&self, currency: Currency) -> Option<Rate> {
        if currency == self.base {
            return Some(Rate::ONE);
        }
        self.observed
            .get(&currency)
            .map(|(rate, _)| *rate)
            .or_else(|| self.configured.get(&currency).copied())
    }

    /// When the pair behind a currency's rate last had a mark; `None` for a configured rate.
    #[must_use]
    pub fn observed_at(&self, currency: Currency) -> Option<Ts> {
        self.observed.get(&currency).map(|(_, ts)| *ts)
    }

    /// Which rate the marks of an instrument give, if any: a forex pair with the base currency on one side.
    pub(crate) fn leg_of(&self, instrument: &Instrument) -> Option<FxLeg> {
        if instrument.asset_class != AssetClass::Forex {
            return None;
        }
        let name: String = instrument.symbol.as_str().chars().filter(char::is_ascii_alphanumeric).collect();
        let left = Currency::new(name.get(..3)?).ok()?;
        let right = Currency::new(name.get(3..6)?).ok()?;
        if right == self.base && left != self.base {
            Some(FxLeg { currency: left, inverse: false })
        } else if left == self.base && right != self.base {
            Some(FxLeg { currency: right, inverse: true })
        } else {
            None
        }
    }

    /// Takes a pair's mark; a price of zero or less is no rate and changes nothing.
    pub(crate) fn observe(&mut self, leg: FxLeg, price: Price, ts: Ts) {
        let rate = if leg.inverse { Rate::inverse(price) } else { Rate::direct(price) };
        if let Some(rate) = rate {
            self.observed.insert(leg.currency, (rate, ts));
        }
    }

    pub(crate) fn resolved(&self) -> BTreeMap<Currency, Rate> {
        let known = self.configured.keys().chain(self.observed.keys()).copied().chain([self.base]);
        known.filter_map(|currency| Some((currency, self.rate(currency)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Symbol;

    fn rates() -> FxRates {
        FxRates::new(&FxConfig::default()).unwrap()
    }

    fn pair(name: &str) -> Instrument {
        Instrument::guess(Symbol::intern(name).unwrap())
    }

    fn usd(rates: &FxRates, code: &str, amount: &str) -> Option<String> {
        let rate = rates.rate(Currency::new(code).unwrap())?;
        Some(rate.convert(amount.parse().unwrap()).unwrap().to_string())
    }

    #[test]
    fn a_currency_without_a_rate_has_none_and_is_never_taken_as_one() {
        assert_eq!(rates().rate(Currency::new("JPY").unwrap()), None);
        assert_eq!(usd(&rates(), "USD", "5").unwrap(), "5");
    }

    #[test]
    fn pairs_give_rates_in_both_directions_without_loss() {
        let mut rates = rates();
        let leg = rates.leg_of(&pair("USD/JPY")).unwrap();
        rates.observe(leg, "150".parse().unwrap(), Ts::from_secs(1));
        assert_eq!(usd(&rates, "JPY", "15000").unwrap(), "100");
        let leg = rates.leg_of(&pair("EURUSD")).unwrap();
        rates.observe(leg, "1.1".parse().unwrap(), Ts::from_secs(1));
        assert_eq!(usd(&rates, "EUR", "100").unwrap(), "110");
        assert_eq!(rates.leg_of(&pair("EURGBP")), None);
        assert_eq!(rates.leg_of(&pair("IBM")), None);
    }

    #[test]
    fn pegs_come_from_configuration_and_a_pair_comes_before_them() {
        let mut rates = rates();
        assert_eq!(usd(&rates, "HKD", "100").unwrap(), "12.8");
        let leg = rates.leg_of(&pair("USDHKD")).unwrap();
        rates.observe(leg, "8".parse().unwrap(), Ts::from_secs(1));
        assert_eq!(usd(&rates, "HKD", "100").unwrap(), "12.5");
    }

    #[test]
    fn a_rate_of_zero_or_less_is_refused_from_configuration_and_from_the_market() {
        let mut config = FxConfig::default();
        config.rates.insert(Currency::new("EUR").unwrap(), Price::ZERO);
        assert!(FxRates::new(&config).unwrap_err().to_string().contains("rate of EUR"));
        let mut rates = rates();
        let leg = rates.leg_of(&pair("EURUSD")).unwrap();
        rates.observe(leg, Price::ZERO, Ts::from_secs(1));
        assert_eq!(rates.rate(Currency::new("EUR").unwrap()), None);
    }
}
