//! Which regime the market is in, from the cross-section of features.
//!
//! Pure and causal: an estimate at step T uses frames up to T, never later ones, and is never revised. The first model
//! is honest thresholds on volatility; later models stand behind the same [`RegimeModel`].

pub mod estimate;
pub mod histogram;
pub mod thresholds;

pub use estimate::{Regime, RegimeEstimate};
pub use thresholds::{ThresholdConfig, ThresholdError, VolatilityThresholds};

use tensortrade_features::StepFrame;

/// A filter from cross-sections to regimes.
pub trait RegimeModel: Send {
    /// Such as `volatility_thresholds`: recorded with each estimate.
    fn name(&self) -> &'static str;

    /// Takes the next step and gives the estimate at it. Steps come once each, in order.
    fn update(&mut self, frame: &StepFrame) -> RegimeEstimate;
}
