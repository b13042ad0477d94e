//! The simulated market: a seeded, endless market with known regimes: US shares, currency pairs (`EURUSD`), which trade from
//! Sunday to Friday evening, and coins (`BTCUSD`), which always trade. What a symbol is follows from its name; each of the
//! three has days, regimes and factors of its own, so none changes what another does.
//!
//! **Everything is a function of (seed, symbol name, time).** Nothing depends on which other symbols run, on when a
//! symbol was added, on how the stream is sliced or on how fast it is read; starting at a moment gives what an
//! uninterrupted run gives from that moment on. The same bits come out on every machine (`math`).
//!
//! The model, from the outside in:
//!
//! 1. *Market* ([`Market`]; follows from the seed alone). A Markov chain moves between three [`REGIMES`] at the turn
//!    of the day. The market factor's daily log return has the regime's drift and volatility, GARCH(1,1) around it,
//!    Student-t shocks with five degrees of freedom and rare jumps. Eight sector factors have t5 shocks of the
//!    regime's volatility.
//! 2. *Symbol, by day* (`symbol_path`). Log return = beta market + loading sector + own GARCH-t5 shock + own jumps.
//!    The loadings follow from the seed and the name. A fifth of the variance falls into the night.
//! 3. *Symbol, by minute*. Each component's session return is spread over the minutes as a bridge of fat-tailed
//!    shocks with U-shaped volatility, so that symbols are correlated within the day as they are over days.
//! 4. *Minute* (`minute`). Open, high, low, close, spread, volume, number of messages.
//! 5. *Ticks* (`minute_ticks`), fitted to the minute exactly.
//!
//! Random access: days are a recursion from 2020-01-02 (a tenth of a microsecond each); everything within a day is
//! addressed by (symbol, day, minute) in counter-based random streams (`streams`).
//!
//! A day has 390 minutes of continuous trading (210 before some holidays) and the minute of the closing auction, one
//! print.
//!
//! What it does not model: an opening auction, extended hours, halts, dividends and splits, one-sided
//! or crossed quotes, market impact of the node's own orders (the paper exchange has slippage).

mod bars;
mod disturbed;
mod factor;
mod feed;
mod level;
mod market;
mod math;
mod minute;
mod minute_ticks;
mod options;
mod profile;
mod regime;
mod seasonality;
mod sessions;
mod streams;
mod symbol_path;
mod symbol_ticks;

pub use bars::{TICKS_PER_MINUTE, bars, regime_at};
pub use disturbed::{Disturbance, DisturbedFeed};
pub use factor::{FactorDay, Jump};
pub use feed::SimulatedFeed;
pub use level::{currencies, dollars};
pub use market::{Market, MarketDay};
pub use options::{SimulatedOptions, TICKS_PER_MINUTE_MAX};
pub use profile::{SECTORS, instrument};
pub use regime::{REGIMES, Regime};
