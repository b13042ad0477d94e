//! A step in one event: what the market did, what was decided, what the account was worth.
//!
//! One event a step keeps the journal at one message per step on the hot path; the projections split it into rows.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Bar, Currency, Gap, Money, Symbol, Timeframe, Ts};

use crate::real::Real;

/// The step at `ts` is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepClosed {
    /// The watermark that closed it, market time.
    pub ts: Ts,
    /// Its number; strictly rising within a journal.
    pub step: u64,
    /// Bars that closed. Labels are strictly rising per symbol and timeframe.
    pub bars: Vec<StepBar>,
    /// Stretches without bars.
    pub gaps: Vec<StepGap>,
    /// What the regime filter said; `None` while it warms up.
    pub regime: Option<Regime>,
    /// What the policy decided.
    pub decision: Decision,
    /// The account after the step; `None` before the first price.
    pub equity: Option<Equity>,
}

/// A closed bar and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepBar {
    /// Whose.
    pub symbol: Symbol,
    /// Of which timeframe.
    pub timeframe: Timeframe,
    /// The bar.
    pub bar: Bar,
}

/// A gap and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepGap {
    /// Whose.
    pub symbol: Symbol,
    /// Of which timeframe; `None` for all of the symbol's.
    pub timeframe: Option<Timeframe>,
    /// The stretch.
    pub gap: Gap,
}

/// The regime filter's view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regime {
    /// Name of the likeliest state.
    pub label: String,
    /// Probability of each state, in the filter's own order.
    pub probabilities: Vec<Real>,
}

/// What the policy decided for the whole cross-section.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Names of the features, once for all rows; empty where they are those of the step before.
    pub features: Vec<String>,
    /// One row a symbol, in the order of symbols.
    pub rows: Vec<Decided>,
}

/// What the policy decided for one symbol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Whose.
    pub symbol: Symbol,
    /// Target weight, as a share of equity; negative for short.
    pub weight: Real,
    /// Confidence, 0 to 1.
    pub confidence: Real,
    /// The features it saw, in the order of [`Decision::features`]; `None` while not warm.
    pub values: Vec<Option<Real>>,
}

/// The account's worth in its base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equity {
    /// Base currency.
    pub currency: Currency,
    /// Cash.
    pub cash: Money,
    /// Cash and the positions' worth.
    pub equity: Money,
    /// Sum of the positions' absolute worth.
    pub gross: Money,
    /// Sum of the positions' signed worth.
    pub net: Money,
    /// Profit taken so far.
    pub realised: Money,
    /// Profit of the open positions.
    pub unrealised: Money,
    /// Commissions paid so far.
    pub fees: Money,
}
