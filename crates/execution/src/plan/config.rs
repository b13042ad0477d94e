//! Parameters of planning.

use serde::{Deserialize, Serialize};
use tensortrade_market::Money;
use tensortrade_market::order::TimeInForce;

/// What kind of order is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "style")]
pub enum OrderStyle {
    /// At whatever the market gives.
    Market,
    /// A limit beyond the decision's price, so that it fills at once in a market that has not run away.
    MarketableLimit {
        /// How far beyond, in hundredths of a percent; at least a tick.
        collar_bps: u32,
    },
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanTif {
    /// The session; see [`PlanConfig::patience_ms`].
    Day,
    /// What can be had at once.
    ImmediateOrCancel,
}

impl PlanTif {
    pub(super) fn time_in_force(self) -> TimeInForce {
        match self {
            Self::Day => TimeInForce::Day,
            Self::ImmediateOrCancel => TimeInForce::ImmediateOrCancel,
        }
    }
}

/// Parameters of a [`super::Planner`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanConfig {
    /// What kind of order.
    pub style: OrderStyle,
    /// How long it lives.
    pub tif: PlanTif,
    /// Least notional of an order, in the account's currency. A full exit may be smaller.
    pub notional_min: Money,
    /// Least notional of an order, as a part of equity, or [`Self::band_of_size`] where that is less. A full exit may be
    /// smaller.
    pub band: f64,
    /// Part of a symbol's equal share of equity beyond which `band` does not reach: the more symbols, the smaller their
    /// positions and the orders that are worth it.
    pub band_of_size: f64,
    /// Age at which an open order is cancelled to be planned anew, in milliseconds of market time.
    pub patience_ms: u64,
}

impl Default for PlanConfig {
    fn default() -> Self {
        Self {
            style: OrderStyle::MarketableLimit { collar_bps: 50 },
            tif: PlanTif::Day,
            notional_min: Money::from_micros(100 * Money::ONE),
            band: 0.01,
            band_of_size: 0.5,
            patience_ms: 120_000,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("plan.{key} = {value} is outside {range}: choose a value within it")]
pub struct PlanError {
    /// Which parameter.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// What is allowed.
    pub range: &'static str,
}

impl PlanConfig {
    /// Least notional of an order, in the account's currency.
    #[must_use]
    pub fn least_notional(&self, context: super::PlanContext) -> f64 {
        let band = self.band.min(self.band_of_size / context.symbols.max(1) as f64);
        self.notional_min.to_f64().max(band * context.equity.to_f64())
    }

    /// Checks ranges.
    pub fn validate(&self) -> Result<(), PlanError> {
        let check = |key, value: String, fits: bool, range| {
            if fits { Ok(()) } else { Err(PlanError { key, value, range }) }
        };
        if let OrderStyle::MarketableLimit { collar_bps } = self.style {
            let fits = (1..=2_000).contains(&collar_bps);
            check("style.collar_bps", collar_bps.to_string(), fits, "1..=2000")?;
        }
        let notional = self.notional_min;
        check("notional_min", notional.to_string(), notional >= Money::ZERO, "0 and more")?;
        check("band", self.band.to_string(), (0.0..=1.0).contains(&self.band), "0..=1")?;
        check(
            "band_of_size",
            self.band_of_size.to_string(),
            (0.0..=1.0).contains(&self.band_of_size),
            "0..=1",
        )?;
        let patience = (1..=30 * 86_400_000).contains(&self.patience_ms);
        check("patience_ms", self.patience_ms.to_string(), patience, "1..=2592000000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let refuse = |change: fn(&mut PlanConfig)| {
            let mut config = PlanConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert!(refuse(|c| c.band = f64::NAN).starts_with("plan.band = NaN is outside 0..=1"));
        assert!(refuse(|c| c.style = OrderStyle::MarketableLimit { collar_bps: 0 }).contains("1..=2000"));
        assert!(refuse(|c| c.notional_min = Money::from_micros(-1)).contains("plan.notional_min"));
        assert!(refuse(|c| c.patience_ms = 0).contains("plan.patience_ms"));
        assert_eq!(PlanConfig::default().validate(), Ok(()));
    }
}
