//! From features and regime to target weights.
//!
//! Pure and deterministic. A policy says what it wants the portfolio to be, never how to trade there: that is
//! execution's, behind risk. The first policy is rules; learned ones stand behind the same [`Policy`].

pub mod config;
pub mod rules;
pub mod sizing;
pub mod targets;
pub mod trend;

pub use config::{RulesConfig, RulesError};
pub use rules::RulesPolicy;
pub use targets::{HoldReason, Opinion, Target, Targets, WeightReason};

use tensortrade_features::StepFrame;
use tensortrade_regime::RegimeEstimate;

/// A decision maker over the whole cross-section.
pub trait Policy: Send {
    /// Such as `rules`: the strategy name of its orders.
    fn name(&self) -> &'static str;

    /// Decides the step's targets, one for each symbol of the frame in its order. Steps come once each, in order.
    fn decide(&mut self, frame: &StepFrame, regime: &RegimeEstimate) -> Targets;

    /// Forgets what it remembers of a symbol that left the watchlist.
    fn forget(&mut self, symbol: tensortrade_market::Symbol);
}
