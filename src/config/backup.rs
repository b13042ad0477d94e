//! The second feed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A second feed that stands in while the first is bad.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// For a replay: files of the same kind, such as another vendor's recording of the same day. Empty for none.
    pub files: Vec<PathBuf>,
    /// For the simulated market.
    pub sim: SimBackupConfig,
}

/// The simulated market's backup: the same paths, recorded by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimBackupConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// Largest distance of its prices from the primary's, basis points.
    pub noise_bps: f64,
    /// One outage of the backup in each stretch of so many minutes; 0 for none.
    pub outage_every_minutes: u32,
    /// Length of its outages.
    pub outage_minutes: u32,
    /// One outage of the primary in each stretch of so many minutes; 0 for none.
    pub primary_outage_every_minutes: u32,
    /// Length of the primary's outages.
    pub primary_outage_minutes: u32,
}

impl Default for SimBackupConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            noise_bps: 1.0,
            outage_every_minutes: 0,
            outage_minutes: 0,
            primary_outage_every_minutes: 0,
            primary_outage_minutes: 0,
        }
    }
}

impl SimBackupConfig {
    /// Checks ranges.
    pub fn validate(&self) -> Result<(), String> {
        if !(0.0..=1_000.0).contains(&self.noise_bps) {
            return Err(format!("noise_bps = {} is out of range: 0 to 1000", self.noise_bps));
        }
        let outages = [
            ("outage", self.outage_every_minutes, self.outage_minutes),
            ("primary_outage", self.primary_outage_every_minutes, self.primary_outage_minutes),
        ];
        for (name, every, length) in outages {
            let fits = if every == 0 { length == 0 } else { (1..every).contains(&length) };
            if !fits || every > 10_080 {
                return Err(format!(
                    "{name}_minutes = {length} and {name}_every_minutes = {every}: both 0, or the outage shorter than its \
                     stretch and that at most 10080"
                ));
            }
        }
        Ok(())
    }
}
