//! What a regime model says.

use std::fmt;

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

/// Market regimes, ordered by volatility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    /// Low volatility.
    Calm,
    /// Usual volatility.
    Normal,
    /// High volatility.
    Turbulent,
}

impl Regime {
    /// All, from the least volatile: the order of [`RegimeEstimate::probabilities`].
    pub const ALL: [Self; 3] = [Self::Calm, Self::Normal, Self::Turbulent];

    /// Place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Regime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Calm => "calm",
            Self::Normal => "normal",
            Self::Turbulent => "turbulent",
        })
    }
}

/// The regime at one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RegimeEstimate {
    /// The step's moment.
    pub ts: Ts,
    /// The step's number.
    pub step: u64,
    /// The regime acted upon. `Normal` until the model is warm.
    pub label: Regime,
    /// Of calm, normal and turbulent, summing to one. What they are is the model's to say: for the thresholds a
    /// softened distance, not a posterior.
    pub probabilities: [f64; 3],
    /// From 0 (no idea) to 1. Zero until the model is warm.
    pub confidence: f64,
    /// Step at which the label last changed, or the first step seen.
    pub since: Ts,
    /// Steps since then.
    pub steps_since_change: u64,
    /// The volatility that was judged, per step, in log return; `None` until there is one.
    pub volatility: Option<f64>,
    /// Whether the model has seen enough to have an opinion.
    pub warm: bool,
}
