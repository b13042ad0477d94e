//! Instruments and the catalogue that describes them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::SessionKind;
use crate::fixed::{Price, Qty};
use crate::money::Currency;
use crate::symbol::Symbol;

/// What kind of thing is traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetClass {
    /// Shares and funds.
    Equity,
    /// Currency pairs.
    Forex,
    /// Futures.
    Future,
    /// Crypto assets, spot or perpetual.
    Crypto,
}

impl fmt::Display for AssetClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Equity => "equity",
            Self::Forex => "forex",
            Self::Future => "future",
            Self::Crypto => "crypto",
        })
    }
}

/// Everything the node needs to know to trade a symbol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Name.
    pub symbol: Symbol,
    /// Kind.
    pub asset_class: AssetClass,
    /// Smallest price step.
    pub tick_size: Price,
    /// Smallest quantity step.
    pub lot: Qty,
    /// Units of the underlying per unit of quantity (1 for shares and coins, 50 for an ES future).
    pub multiplier: Qty,
    /// Currency of prices and profit.
    pub currency: Currency,
    /// Sector, for neutral portfolios and exposure limits.
    pub sector: Option<String>,
    /// When it trades.
    pub sessions: SessionKind,
}

/// Why an instrument description is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("instrument {symbol}: {what} must be more than zero, not {value}")]
pub struct InstrumentError {
    /// Whose.
    pub symbol: Symbol,
    /// The field.
    pub what: &'static str,
    /// Its value.
    pub value: String,
}

impl Instrument {
    /// Checks that steps and multiplier are positive.
    pub fn validated(self) -> Result<Self, InstrumentError> {
        let bad = |what, value: String| Err(InstrumentError { symbol: self.symbol, what, value });
        if self.tick_size <= Price::ZERO {
            return bad("tick_size", self.tick_size.to_string());
        }
        if self.lot <= Qty::ZERO {
            return bad("lot", self.lot.to_string());
        }
        if self.multiplier <= Qty::ZERO {
            return bad("multiplier", self.multiplier.to_string());
        }
        Ok(self)
    }

    /// What the name alone tells, by the conventions of the field: six letters of two known currencies are a forex
    /// pair; a known crypto quote asset at the end of a longer name a crypto pair; a suffix `.HK`, `.L`, `.T`, `.DE`,
    /// `.PA` a share of that exchange; all else a US share. A catalogue entry overrides any of it.
    #[must_use]
    pub fn guess(symbol: Symbol) -> Self {
        let name: String = symbol.as_str().chars().filter(|c| !matches!(c, '/' | '-' | '_')).collect();
        let one = Qty::from_raw(Qty::ONE);
        let make = |asset_class, tick: i64, lot: i64, currency: Currency, sessions| Self {
            symbol,
            asset_class,
            tick_size: Price::from_raw(tick).unwrap_or(Price::ZERO),
            lot: Qty::from_raw(lot),
            multiplier: one,
            currency,
            sector: None,
            sessions,
        };
        let currency = |code: &str| Currency::new(code).unwrap_or(Currency::USD);
        if name.len() == 6 && is_fiat(&name[..3]) && is_fiat(&name[3..]) {
            let tick = if &name[3..] == "JPY" { 1_000_000 } else { 10_000 };
            return make(AssetClass::Forex, tick, Qty::ONE, currency(&name[3..]), SessionKind::Forex24x5);
        }
        let crypto =
            ["USDT", "USDC", "BUSD", "FDUSD", "USD", "EUR", "GBP", "BTC", "ETH"].iter().find(|quote| {
                name.len() > quote.len()
                    && name.ends_with(**quote)
                    && is_crypto(&name[..name.len() - quote.len()])
            });
        if let Some(quote) = crypto {
            // What is priced in another coin is worth a small part of one.
            let tick = if matches!(*quote, "BTC" | "ETH") { 1_000 } else { 10_000_000 };
            return make(AssetClass::Crypto, tick, 1_000, currency(quote), SessionKind::Always);
        }
        let foreign =
            [(".HK", "HKD"), (".T", "JPY"), (".L", "GBP"), (".DE", "EUR"), (".PA", "EUR"), (".AS", "EUR")];
        if let Some((_, code)) = foreign.iter().find(|(suffix, _)| symbol.as_str().ends_with(suffix)) {
            // Without that exchange's calendar the hours are unknown; the data itself shows when it trades.
            return make(AssetClass::Equity, 10_000_000, Qty::ONE, currency(code), SessionKind::Always);
        }
        make(AssetClass::Equity, 10_000_000, Qty::ONE, Currency::USD, SessionKind::UsEquity)
    }
}

fn is_fiat(code: &str) -> bool {
    const FIAT: [&str; 24] = [
        "USD", "EUR", "JPY", "GBP", "CHF", "AUD", "CAD", "NZD", "SEK", "NOK", "DKK", "HKD", "SGD", "CNH",
        "MXN", "ZAR", "TRY", "PLN", "CZK", "HUF", "ILS", "KRW", "INR", "RUB",
    ];
    FIAT.contains(&code)
}

fn is_crypto(code: &str) -> bool {
    const CRYPTO: [&str; 30] = [
        "BTC", "XBT", "ETH", "BNB", "XRP", "ADA", "SOL", "DOGE", "DOT", "LTC", "LINK", "AVAX", "TRX",
        "MATIC", "POL", "BCH", "XLM", "ETC", "UNI", "ATOM", "NEAR", "FIL", "APT", "ARB", "OP", "SUI", "TON",
        "SHIB", "PEPE", "EOS",
    ];
    CRYPTO.contains(&code)
}

/// Known instruments: what configuration says of a symbol, else what its name tells.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    known: BTreeMap<Symbol, Instrument>,
    otherwise: Option<fn(Symbol) -> Instrument>,
}

impl Catalog {
    /// Adds or replaces a description, checked.
    pub fn insert(&mut self, instrument: Instrument) -> Result<(), InstrumentError> {
        let instrument = instrument.validated()?;
        self.known.insert(instrument.symbol, instrument);
        Ok(())
    }

    /// A market that describes its own instruments: asked where nothing was inserted, in place of the name.
    #[must_use]
    pub fn with_default(self, otherwise: fn(Symbol) -> Instrument) -> Self {
        Self { otherwise: Some(otherwise), ..self }
    }

    /// The description of a symbol.
    #[must_use]
    pub fn get(&self, symbol: Symbol) -> Instrument {
        self.known
            .get(&symbol)
            .cloned()
            .unwrap_or_else(|| self.otherwise.unwrap_or(Instrument::guess)(symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(name: &str) -> Instrument {
        Instrument::guess(Symbol::intern(name).unwrap())
    }

    #[test]
    fn names_tell_the_asset_class() {
        assert_eq!(guess("IBM").asset_class, AssetClass::Equity);
        assert_eq!(guess("EURUSD").asset_class, AssetClass::Forex);
        assert_eq!(guess("USD/JPY").currency.as_str(), "JPY");
        assert_eq!(guess("BTCUSDT").currency.as_str(), "USDT");
        assert_eq!(guess("BTCUSD").sessions, SessionKind::Always);
        assert_eq!(guess("ETHBTC").tick_size.to_string(), "0.000001");
        assert_eq!(guess("700.HK").currency.as_str(), "HKD");
        assert_eq!(guess("AAPL").sessions, SessionKind::UsEquity);
    }

    #[test]
    fn a_catalogue_entry_overrides_the_guess_and_is_checked() {
        let mut catalog = Catalog::default();
        let mut ibm = guess("IBM");
        ibm.sector = Some("Technology".into());
        catalog.insert(ibm.clone()).unwrap();
        assert_eq!(catalog.get(ibm.symbol).sector.as_deref(), Some("Technology"));
        ibm.lot = Qty::ZERO;
        assert!(catalog.insert(ibm).unwrap_err().to_string().contains("lot must be more than zero"));
    }
}
