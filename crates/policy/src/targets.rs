//! What a policy wants.

use std::fmt;

use serde::{Deserialize, Serialize};
use tensortrade_market::{GapReason, Symbol, Ts};

/// The targets of one step, one per symbol, sorted by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The step's moment.
    pub ts: Ts,
    /// The step's number.
    pub step: u64,
    /// The targets.
    pub rows: Vec<Target>,
}

impl Targets {
    /// Sum of absolute weights over all opinions.
    #[must_use]
    pub fn gross(&self) -> f64 {
        self.rows.iter().filter_map(|row| row.opinion.weight()).map(f64::abs).sum()
    }
}

/// What is wanted of one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Of which.
    pub symbol: Symbol,
    /// What.
    pub opinion: Opinion,
}

/// A weight, or none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "opinion")]
pub enum Opinion {
    /// Hold this part of equity.
    Weight {
        /// Position value over equity, negative when short.
        weight: f64,
        /// From 0 to 1.
        confidence: f64,
        /// Why.
        reason: WeightReason,
    },
    /// No opinion: leave the position and its open orders as they are. Not the same as a weight of zero.
    Hold {
        /// Why.
        reason: HoldReason,
    },
}

impl Opinion {
    /// The weight, if there is an opinion.
    #[must_use]
    pub fn weight(&self) -> Option<f64> {
        match self {
            Self::Weight { weight, .. } => Some(*weight),
            Self::Hold { .. } => None,
        }
    }
}

/// Why a weight is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightReason {
    /// There is no trend to follow.
    NoTrend,
    /// A trend, just entered.
    Entered,
    /// The trend ended.
    Exited,
    /// The trend turned round.
    Reversed,
    /// The trend goes on; its strength, volatility or the regime asked for another size.
    Resized,
    /// The trend goes on, and the wish differs too little, or the last change is too recent, to trade.
    WithinBand,
    /// The price is stretched in the direction of the trend: nothing is added.
    Stretched,
    /// Made smaller to keep the gross limit.
    GrossLimit,
}

impl WeightReason {
    /// In a few words, for people and for the reason of an order.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTrend => "no trend",
            Self::Entered => "trend entered",
            Self::Exited => "trend ended",
            Self::Reversed => "trend reversed",
            Self::Resized => "resized",
            Self::WithinBand => "within band",
            Self::Stretched => "price stretched",
            Self::GrossLimit => "gross limit",
        }
    }
}

impl fmt::Display for WeightReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why there is no opinion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The symbol gave no row.
    Missing(GapReason),
    /// The row is older than the step.
    Stale,
    /// A number the policy needs is not warm, or not defined.
    NotWarm,
    /// The manifest lacks a column the policy needs.
    NoColumn,
}
