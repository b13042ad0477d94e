//! What a symbol is like: all of it follows from the seed and the name.

use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{AssetClass, Currency, Instrument, Price, Symbol};

use super::level;
use super::math::{exp, ln, unit};
use super::streams;
use rand::Rng;

/// The sectors, by their names in the Global Industry Classification Standard.
pub const SECTORS: [&str; 8] = [
    "Information Technology",
    "Financials",
    "Health Care",
    "Energy",
    "Industrials",
    "Consumer Staples",
    "Utilities",
    "Materials",
];

/// Smallest price step of shares, raw billionths: one cent.
const SHARE_TICK_RAW: i64 = 10_000_000;

/// The fixed traits of a symbol. Loadings are multiples of the regime's daily volatility.
#[derive(Debug, Clone, Copy)]
pub(super) struct Profile {
    /// Index into [`SECTORS`].
    pub(super) sector: usize,
    /// Smallest price step, raw billionths. All prices are whole multiples of it.
    pub(super) tick_raw: i64,
    /// Price at the first day's eve, in ticks.
    pub(super) base_ticks: f64,
    /// Loading on the market factor, 0.6 to 1.4.
    pub(super) beta: f64,
    /// Loading on the sector factor, 0.4 to 0.7.
    pub(super) sector_loading: f64,
    /// Loading on the symbol's own shocks, 0.7 to 1.2.
    pub(super) own_loading: f64,
    /// Shares traded on a mean day.
    pub(super) daily_volume: f64,
    /// Mean spread in a calm regime, as a share of the price.
    pub(super) spread: f64,
}

impl Profile {
    /// The traits of a symbol under a seed.
    pub(super) fn of(seed: u64, symbol: Symbol) -> Self {
        let mut rng = streams::stream(streams::key(seed, symbol.as_str(), "profile"), 0);
        let mut between = |low: f64, high: f64| low + (high - low) * unit(rng.next_u64());
        let liquidity = between(0.0, 1.0);
        let instrument = instrument(symbol);
        let share = Self {
            sector: sector_of(symbol),
            tick_raw: instrument.tick_size.raw(),
            base_ticks: 100.0 * exp(between(ln(20.0), ln(400.0))),
            beta: between(0.6, 1.4),
            sector_loading: between(0.4, 0.7),
            own_loading: between(0.7, 1.2),
            daily_volume: 1e6 * exp(liquidity * ln(30.0)),
            spread: (5.0 - 4.0 * liquidity) * between(0.8, 1.2) * 1e-4,
        };
        // Drawn as for a share: the level within five percent of what the pair is worth, then what makes the class.
        let quote = instrument.currency;
        let level = level::pair(symbol.as_str(), quote.as_str()) * between(0.95, 1.05);
        let base_ticks = level * Price::ONE as f64 / share.tick_raw as f64;
        match instrument.asset_class {
            AssetClass::Forex => {
                Self { base_ticks, daily_volume: 3e8, spread: share.spread * 0.1, ..share.louder(0.35) }
            }
            AssetClass::Crypto => {
                let daily_volume = 2e9 / (level * level::dollars(quote.as_str()));
                Self { base_ticks, daily_volume, spread: share.spread * 0.5, ..share.louder(2.0) }
            }
            AssetClass::Equity | AssetClass::Future => share,
        }
    }

    /// Moves by so many times as much as a share.
    fn louder(self, times: f64) -> Self {
        Self {
            beta: self.beta * times,
            sector_loading: self.sector_loading * times,
            own_loading: self.own_loading * times,
            ..self
        }
    }
}

/// The sector follows from the name alone, so that an instrument can be described without a seed.
fn sector_of(symbol: Symbol) -> usize {
    let hash = blake3::hash(symbol.as_str().as_bytes());
    usize::from(hash.as_bytes()[0]) % SECTORS.len()
}

/// The description of a symbol in the simulated market. Currency pairs and coins are what their names say everywhere; every
/// other name is a US share: one cent, one share, US dollars, regular New York hours, and a sector that follows from the name.
#[must_use]
pub fn instrument(symbol: Symbol) -> Instrument {
    let named = Instrument::guess(symbol);
    match named.asset_class {
        AssetClass::Forex | AssetClass::Crypto => named,
        AssetClass::Equity | AssetClass::Future => Instrument {
            asset_class: AssetClass::Equity,
            tick_size: Price::from_raw(SHARE_TICK_RAW).unwrap_or(Price::ZERO),
            currency: Currency::USD,
            sector: SECTORS.get(sector_of(symbol)).map(|name| (*name).to_owned()),
            sessions: SessionKind::UsEquity,
            ..named
        },
    }
}
