//! Which features are computed, and their names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::average::AverageKind;
use crate::manifest::Unit;

/// Most features per timeframe.
pub const FEATURES_MAX: usize = 64;
/// Longest look-back, in bars.
pub const BARS_MAX: u32 = 10_000;

/// One feature with its parameters; computed on every timeframe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "feature", deny_unknown_fields)]
pub enum FeatureSpec {
    /// `ret_{bars}`: see [`crate::returns::LogReturn`].
    LogReturn {
        /// Bars spanned.
        bars: u32,
    },
    /// `ewma_vol_{span}`, per bar: see [`crate::ewma::EwmaVolatility`].
    EwmaVolatility {
        /// Span in bars.
        span: u32,
    },
    /// `ann_vol_{span}`, per year: see [`crate::ewma::AnnualVolatility`].
    AnnualVolatility {
        /// Span in bars.
        span: u32,
    },
    /// `real_vol_{bars}`, per bar: see [`crate::realised::RealisedVolatility`].
    RealisedVolatility {
        /// Window in bars.
        bars: u32,
    },
    /// `ma_cross_{fast}_{slow}` (exponential) or `sma_cross_{fast}_{slow}`: see [`crate::average::AverageCross`].
    AverageCross {
        /// Bars of the fast average.
        fast: u32,
        /// Bars of the slow average.
        slow: u32,
        /// Kind of both.
        #[serde(default)]
        average: AverageKind,
    },
    /// `zscore_{bars}`: see [`crate::zscore::ZScore`].
    ZScore {
        /// Window in bars.
        bars: u32,
    },
    /// `atr_{bars}`: see [`crate::range::AverageRange`].
    AverageRange {
        /// Bars averaged.
        bars: u32,
    },
}

impl FeatureSpec {
    /// Name without the timeframe, such as `ma_cross_12_26`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::LogReturn { bars } => format!("ret_{bars}"),
            Self::EwmaVolatility { span } => format!("ewma_vol_{span}"),
            Self::AnnualVolatility { span } => format!("ann_vol_{span}"),
            Self::RealisedVolatility { bars } => format!("real_vol_{bars}"),
            Self::AverageCross { fast, slow, average: AverageKind::Exponential } => {
                format!("ma_cross_{fast}_{slow}")
            }
            Self::AverageCross { fast, slow, average: AverageKind::Simple } => {
                format!("sma_cross_{fast}_{slow}")
            }
            Self::ZScore { bars } => format!("zscore_{bars}"),
            Self::AverageRange { bars } => format!("atr_{bars}"),
        }
    }

    /// What its numbers measure.
    #[must_use]
    pub fn unit(&self) -> Unit {
        match self {
            Self::LogReturn { .. } => Unit::LogReturn,
            Self::EwmaVolatility { .. } | Self::RealisedVolatility { .. } => Unit::VolatilityPerBar,
            Self::AnnualVolatility { .. } => Unit::VolatilityPerYear,
            Self::AverageCross { .. } | Self::ZScore { .. } => Unit::Deviations,
            Self::AverageRange { .. } => Unit::PartOfPrice,
        }
    }

    /// Bars needed until its first value, on a price that moves.
    #[must_use]
    pub fn lookback(&self) -> u32 {
        match self {
            // One more than the returns: a return takes two closes.
            Self::LogReturn { bars } | Self::RealisedVolatility { bars } | Self::AverageRange { bars } => {
                bars + 1
            }
            Self::EwmaVolatility { span } | Self::AnnualVolatility { span } => {
                crate::ewma::EwmaVolatility::warm_after(*span) + 1
            }
            Self::AverageCross { slow, .. } => *slow,
            Self::ZScore { bars } => *bars,
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let (name, spans) = match self {
            Self::LogReturn { bars } => ("log_return.bars", vec![(*bars, 1)]),
            Self::EwmaVolatility { span } => ("ewma_volatility.span", vec![(*span, 2)]),
            Self::AnnualVolatility { span } => ("annual_volatility.span", vec![(*span, 2)]),
            Self::RealisedVolatility { bars } => ("realised_volatility.bars", vec![(*bars, 2)]),
            Self::AverageCross { fast, slow, .. } => {
                ("average_cross.fast", vec![(*fast, 1), (*slow, fast.saturating_add(1))])
            }
            Self::ZScore { bars } => ("z_score.bars", vec![(*bars, 2)]),
            Self::AverageRange { bars } => ("average_range.bars", vec![(*bars, 1)]),
        };
        for (value, least) in spans {
            if !(least..=BARS_MAX).contains(&value) {
                return Err(ConfigError::Range { key: name, value, least, most: BARS_MAX });
            }
        }
        Ok(())
    }
}

/// The features of every symbol and timeframe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureConfig {
    /// In the order of their columns.
    pub specs: Vec<FeatureSpec>,
}

/// What the rules policy and the volatility regime need, and two more for people to look at.
impl Default for FeatureConfig {
    fn default() -> Self {
        Self {
            specs: vec![
                FeatureSpec::LogReturn { bars: 1 },
                FeatureSpec::EwmaVolatility { span: 60 },
                FeatureSpec::AnnualVolatility { span: 60 },
                FeatureSpec::RealisedVolatility { bars: 30 },
                FeatureSpec::AverageCross { fast: 12, slow: 26, average: AverageKind::Exponential },
                FeatureSpec::ZScore { bars: 20 },
                FeatureSpec::AverageRange { bars: 14 },
            ],
        }
    }
}

/// Why a feature configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A parameter is outside its range.
    #[error("features.{key} = {value} is outside {least}..={most}: choose a number of bars within it")]
    Range {
        /// Which parameter.
        key: &'static str,
        /// Its value.
        value: u32,
        /// Least allowed.
        least: u32,
        /// Most allowed.
        most: u32,
    },
    /// The same feature twice.
    #[error("feature {0} is listed twice: remove one")]
    Duplicate(String),
    /// No feature, or too many.
    #[error("{0} features are listed: give 1 to {FEATURES_MAX}")]
    Count(usize),
    /// No timeframe, the same one twice, or not shortest first.
    #[error("timeframes must be given once each, shortest first, at least one")]
    Timeframes,
}

impl FeatureConfig {
    /// Checks ranges, count and that names are unique.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.specs.is_empty() || self.specs.len() > FEATURES_MAX {
            return Err(ConfigError::Count(self.specs.len()));
        }
        let mut names = BTreeSet::new();
        for spec in &self.specs {
            spec.check()?;
            if !names.insert(spec.name()) {
                return Err(ConfigError::Duplicate(spec.name()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_parameters_are_refused_with_their_name_and_range() {
        let refuse = |spec| FeatureConfig { specs: vec![spec] }.validate().unwrap_err().to_string();
        assert_eq!(
            refuse(FeatureSpec::ZScore { bars: 1 }),
            "features.z_score.bars = 1 is outside 2..=10000: choose a number of bars within it"
        );
        let cross = FeatureSpec::AverageCross { fast: 26, slow: 12, average: AverageKind::Simple };
        assert!(refuse(cross).contains("outside 27..=10000"));
        assert!(refuse(FeatureSpec::LogReturn { bars: u32::MAX }).contains("log_return"));
    }

    #[test]
    fn a_feature_listed_twice_is_refused() {
        let spec = FeatureSpec::ZScore { bars: 20 };
        let twice = FeatureConfig { specs: vec![spec, spec] };
        assert_eq!(twice.validate(), Err(ConfigError::Duplicate("zscore_20".into())));
        assert_eq!(FeatureConfig { specs: vec![] }.validate(), Err(ConfigError::Count(0)));
    }

    #[test]
    fn the_default_is_valid() {
        assert_eq!(FeatureConfig::default().validate(), Ok(()));
    }
}
