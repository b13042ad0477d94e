//! Parameters of the rules policy.

use serde::{Deserialize, Serialize};

/// Parameters of [`crate::RulesPolicy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// Trend column, in standard deviations.
    pub trend_column: String,
    /// Volatility column, per year.
    pub volatility_column: String,
    /// Stretch column, in standard deviations.
    pub stretch_column: String,
    /// A trend is entered past this many deviations.
    pub enter: f64,
    /// It ends when it falls below this many; less than `enter`.
    pub exit: f64,
    /// Deviations at which a trend has full size.
    pub full: f64,
    /// Beyond this stretch in the direction of the trend nothing is added.
    pub stretch_max: f64,
    /// Wanted volatility of the portfolio, per year, were its symbols uncorrelated.
    pub target_volatility: f64,
    /// Volatility is never taken as lower than this, per year.
    pub volatility_floor: f64,
    /// Largest absolute weight of a symbol.
    pub weight_max: f64,
    /// Largest sum of absolute weights.
    pub gross_max: f64,
    /// Size in calm, normal and turbulent regimes, as a part of full size.
    pub regime_scale: [f64; 3],
    /// A weight changes by at least this part of equity, or by [`Self::band_of_size`] where that is less...
    pub band: f64,
    /// Part of a symbol's equal share of `gross_max` beyond which `band` does not reach: the more symbols, the smaller
    /// their weights and the changes that count. 1 and a small `band` make the band absolute.
    pub band_of_size: f64,
    /// ...and by at least this part of itself; entries, exits and reversals always pass.
    pub band_relative: f64,
    /// Steps between two changes of size of one symbol; exits and reversals always pass.
    pub rebalance_every_steps: u64,
    /// Whether negative weights are wanted.
    pub short: bool,
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            trend_column: "ma_cross_12_26_1m".into(),
            volatility_column: "ann_vol_60_1m".into(),
            stretch_column: "zscore_20_1m".into(),
            enter: 0.75,
            exit: 0.1,
            full: 2.0,
            stretch_max: 2.5,
            target_volatility: 0.10,
            volatility_floor: 0.02,
            weight_max: 0.25,
            gross_max: 1.0,
            regime_scale: [1.0, 1.0, 0.5],
            band: 0.01,
            band_of_size: 0.5,
            band_relative: 0.25,
            rebalance_every_steps: 10,
            short: true,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("policy.{key} = {value} is outside {range}: choose a value within it")]
pub struct RulesError {
    /// Which parameter.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What is allowed.
    pub range: &'static str,
}

impl RulesConfig {
    /// The default parameters on the columns of another timeframe, such as `1d`.
    #[must_use]
    pub fn on(timeframe: tensortrade_market::Timeframe) -> Self {
        Self {
            trend_column: format!("ma_cross_12_26_{timeframe}"),
            volatility_column: format!("ann_vol_60_{timeframe}"),
            stretch_column: format!("zscore_20_{timeframe}"),
            ..Self::default()
        }
    }

    /// These parameters with every column that is still the default's moved to `timeframe`: whoever sets a threshold does
    /// not choose a timeframe with it.
    #[must_use]
    pub fn moved_to(mut self, timeframe: tensortrade_market::Timeframe) -> Self {
        let (usual, there) = (Self::default(), Self::on(timeframe));
        let moves = [
            (&mut self.trend_column, usual.trend_column, there.trend_column),
            (&mut self.volatility_column, usual.volatility_column, there.volatility_column),
            (&mut self.stretch_column, usual.stretch_column, there.stretch_column),
        ];
        for (column, usual, there) in moves {
            if *column == usual {
                *column = there;
            }
        }
        self
    }

    /// The least change of a weight among `count` symbols, part of equity.
    #[must_use]
    pub fn band_among(&self, count: usize) -> f64 {
        self.band.min(self.band_of_size * self.gross_max / count.max(1) as f64)
    }

    /// The columns the policy reads.
    #[must_use]
    pub fn columns(&self) -> [&str; 3] {
        [&self.trend_column, &self.volatility_column, &self.stretch_column]
    }

    /// Checks ranges. A NaN is outside every range.
    pub fn validate(&self) -> Result<(), RulesError> {
        let within = |key, value: f64, least: f64, most: f64, range| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(RulesError { key, value, range }) }
        };
        within("enter", self.enter, 0.0, 10.0, "0..=10")?;
        within("exit", self.exit, 0.0, self.enter, "0..=enter")?;
        within("full", self.full, self.enter.max(1e-6), 20.0, "enter..=20, 0 excluded")?;
        within("stretch_max", self.stretch_max, 0.0, 100.0, "0..=100")?;
        within("target_volatility", self.target_volatility, 0.0, 2.0, "0..=2")?;
        within("volatility_floor", self.volatility_floor, 1e-4, 2.0, "0.0001..=2")?;
        within("weight_max", self.weight_max, 0.0, 10.0, "0..=10")?;
        within("gross_max", self.gross_max, 0.0, 100.0, "0..=100")?;
        for (key, scale) in ["regime_scale.calm", "regime_scale.normal", "regime_scale.turbulent"]
            .iter()
            .zip(self.regime_scale)
        {
            within(key, scale, 0.0, 2.0, "0..=2")?;
        }
        within("band", self.band, 0.0, 1.0, "0..=1")?;
        within("band_of_size", self.band_of_size, 0.0, 1.0, "0..=1")?;
        within("band_relative", self.band_relative, 0.0, 1.0, "0..=1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refuse = |change: fn(&mut RulesConfig)| {
            let mut config = RulesConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(
            refuse(|c| c.weight_max = -0.1),
            "policy.weight_max = -0.1 is outside 0..=10: choose a value within it"
        );
        assert!(refuse(|c| c.exit = 5.0).contains("0..=enter"));
        assert!(refuse(|c| c.band = f64::NAN).contains("policy.band"));
        assert!(refuse(|c| c.regime_scale[2] = 3.0).contains("regime_scale.turbulent"));
        assert_eq!(RulesConfig::default().validate(), Ok(()));
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let unknown = serde_json::from_str::<RulesConfig>("{\"weigth_max\":0.5}");
        assert!(unknown.unwrap_err().to_string().contains("weigth_max"));
    }
}
