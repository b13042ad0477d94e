//! Any one of the indicators.

use serde::{Deserialize, Serialize};

use crate::average::AverageCross;
use crate::config::FeatureSpec;
use crate::ewma::{AnnualVolatility, EwmaVolatility};
use crate::observation::Observation;
use crate::range::AverageRange;
use crate::realised::RealisedVolatility;
use crate::returns::LogReturn;
use crate::zscore::ZScore;

/// An indicator with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// Log return.
    LogReturn(LogReturn),
    /// Volatility per bar.
    EwmaVolatility(EwmaVolatility),
    /// Volatility per year.
    AnnualVolatility(AnnualVolatility),
    /// Volatility of a window, per bar.
    RealisedVolatility(RealisedVolatility),
    /// Cross of averages.
    AverageCross(AverageCross),
    /// Standing against the recent mean.
    ZScore(ZScore),
    /// Range relative to price.
    AverageRange(AverageRange),
}

impl Feature {
    /// Fresh, from its description; `bars_per_year` is that of the timeframe it runs on.
    #[must_use]
    pub fn new(spec: &FeatureSpec, bars_per_year: f64) -> Self {
        match *spec {
            FeatureSpec::LogReturn { bars } => Self::LogReturn(LogReturn::new(bars)),
            FeatureSpec::EwmaVolatility { span } => Self::EwmaVolatility(EwmaVolatility::new(span)),
            FeatureSpec::AnnualVolatility { span } => {
                Self::AnnualVolatility(AnnualVolatility::new(span, bars_per_year))
            }
            FeatureSpec::RealisedVolatility { bars } => {
                Self::RealisedVolatility(RealisedVolatility::new(bars))
            }
            FeatureSpec::AverageCross { fast, slow, average } => {
                Self::AverageCross(AverageCross::new(average, fast, slow))
            }
            FeatureSpec::ZScore { bars } => Self::ZScore(ZScore::new(bars)),
            FeatureSpec::AverageRange { bars } => Self::AverageRange(AverageRange::new(bars)),
        }
    }

    /// Takes a bar.
    #[inline]
    pub fn update(&mut self, bar: &Observation) -> Option<f64> {
        match self {
            Self::LogReturn(f) => f.update(bar),
            Self::EwmaVolatility(f) => f.update(bar),
            Self::AnnualVolatility(f) => f.update(bar),
            Self::RealisedVolatility(f) => f.update(bar),
            Self::AverageCross(f) => f.update(bar),
            Self::ZScore(f) => f.update(bar),
            Self::AverageRange(f) => f.update(bar),
        }
    }

    /// The value that [`Self::update`] would return, without keeping it.
    #[must_use]
    pub fn peek(&self, bar: &Observation) -> Option<f64> {
        match self {
            Self::LogReturn(f) => f.peek(bar),
            Self::EwmaVolatility(f) => f.peek(bar),
            Self::AnnualVolatility(f) => f.peek(bar),
            Self::RealisedVolatility(f) => f.peek(bar),
            Self::AverageCross(f) => f.peek(bar),
            Self::ZScore(f) => f.peek(bar),
            Self::AverageRange(f) => f.peek(bar),
        }
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        match self {
            Self::LogReturn(f) => f.reset(),
            Self::EwmaVolatility(f) => f.reset(),
            Self::AnnualVolatility(f) => f.reset(),
            Self::RealisedVolatility(f) => f.reset(),
            Self::AverageCross(f) => f.reset(),
            Self::ZScore(f) => f.reset(),
            Self::AverageRange(f) => f.reset(),
        }
    }

    /// Bytes it holds outside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Self::LogReturn(f) => f.heap_bytes(),
            Self::RealisedVolatility(f) => f.heap_bytes(),
            Self::AverageCross(f) => f.heap_bytes(),
            Self::ZScore(f) => f.heap_bytes(),
            Self::EwmaVolatility(_) | Self::AnnualVolatility(_) | Self::AverageRange(_) => 0,
        }
    }
}
