//! Streaming features of closed bars, per symbol and timeframe, and the cross-section they form at each step.
//!
//! Pure: no I/O, no clock, no randomness. One code path serves live trading, replay and training.
//!
//! Every indicator has the same shape: `new(params)`, `update(&Observation) -> Option<f64>`,
//! `peek(&Observation) -> Option<f64>` (the value that `update` would return, without keeping it) and `reset()`.
//! `None` means "not warm" or "undefined on this input"; in a row of numbers it is NaN. Nothing is ever imputed.
//!
//! State is small (under 4 KiB for three timeframes of the default set), cloneable, and survives serialisation bit for
//! bit, so that an indicator restored from a snapshot continues exactly as if it had never stopped.

pub mod average;
pub mod config;
pub mod ewma;
pub mod exact;
pub mod feature;
pub mod frame;
pub mod manifest;
pub mod moments;
pub mod observation;
pub mod range;
pub mod realised;
pub mod returns;
pub mod row;
pub mod set;
pub mod window;
pub mod year;
pub mod zscore;

pub use config::{ConfigError, FeatureConfig, FeatureSpec};
pub use frame::{FrameError, RowState, StepFrame, StepFrameBuilder};
pub use manifest::{Manifest, ManifestEntry, Unit};
pub use observation::Observation;
pub use row::FeatureRow;
pub use set::{FeatureError, FeatureSet};
