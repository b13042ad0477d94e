//! What the columns of a row mean.

use serde::{Deserialize, Serialize};
use tensortrade_market::Timeframe;

use crate::config::{ConfigError, FeatureConfig};

/// What a column measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Natural log of a price ratio.
    LogReturn,
    /// Deviation of log returns, per bar.
    VolatilityPerBar,
    /// Deviation of log returns, per year.
    VolatilityPerYear,
    /// Standard deviations.
    Deviations,
    /// A part of the price.
    PartOfPrice,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Such as `zscore_20_5m`.
    pub name: String,
    /// What it measures.
    pub unit: Unit,
    /// Of which bars.
    pub timeframe: Timeframe,
    /// Bars until its first value.
    pub lookback: u32,
}

/// The columns of every row, in order, with a version that changes when any of them does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
    version: u64,
}

impl Manifest {
    /// Columns of `config` on `timeframes`: all features of the first timeframe, then all of the next.
    pub fn new(config: &FeatureConfig, timeframes: &[Timeframe]) -> Result<Self, ConfigError> {
        config.validate()?;
        if timeframes.is_empty() || timeframes.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(ConfigError::Timeframes);
        }
        let column = |timeframe: &Timeframe| {
            let timeframe = *timeframe;
            config.specs.iter().map(move |spec| ManifestEntry {
                name: format!("{}_{timeframe}", spec.name()),
                unit: spec.unit(),
                timeframe,
                lookback: spec.lookback(),
            })
        };
        let entries: Vec<_> = timeframes.iter().flat_map(column).collect();
        let version = version_of(&entries);
        Ok(Self { entries, version })
    }

    /// The columns.
    #[must_use]
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// How many columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.entries.len()
    }

    /// Column of a name.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == name)
    }

    /// Hash of names, units and look-backs: a model trained on one version refuses another.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo): no adversary chooses these names, so a short well-known hash is enough.
fn version_of(entries: &[ManifestEntry]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for entry in entries {
        eat(entry.name.as_bytes());
        eat(&[0xff, entry.unit as u8]);
        eat(&entry.lookback.to_le_bytes());
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FeatureSpec;

    #[test]
    fn columns_carry_parameters_and_timeframe_in_their_names() {
        let manifest =
            Manifest::new(&FeatureConfig::default(), &[Timeframe::MINUTE, Timeframe::MINUTES_5]).unwrap();
        let names: Vec<_> = manifest.entries().iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names[..2], ["ret_1_1m", "ewma_vol_60_1m"]);
        assert_eq!(manifest.index_of("ma_cross_12_26_1m"), Some(4));
        assert_eq!(manifest.index_of("zscore_20_5m"), Some(12));
        assert_eq!(manifest.width(), 14);
    }

    #[test]
    fn the_version_changes_with_any_column() {
        let version = |bars| {
            let config = FeatureConfig { specs: vec![FeatureSpec::ZScore { bars }] };
            Manifest::new(&config, &[Timeframe::MINUTE]).unwrap().version()
        };
        assert_eq!(version(20), version(20));
        assert_ne!(version(20), version(21));
    }

    #[test]
    fn timeframes_out_of_order_are_refused() {
        let refused = Manifest::new(&FeatureConfig::default(), &[Timeframe::HOUR, Timeframe::MINUTE]);
        assert_eq!(refused, Err(ConfigError::Timeframes));
    }
}
