//! Limits, their defaults, and the check of their ranges.

use std::fmt;

use serde::{Deserialize, Serialize};
use tensortrade_market::Money;

/// When orders may be approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPolicy {
    /// In regular hours only.
    RegularOnly,
    /// In regular and extended hours.
    Extended,
    /// At any time; outside regular hours only orders that can wait for the next open (day, good-till). For decisions
    /// on daily bars, which are made when the market has just closed.
    QueueToNextOpen,
}

/// Limits on orders. Amounts are in base currency, multiples are of equity, times are market time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most notional of one order.
    pub order_notional_max: Money,
    /// Most worst-case exposure in one symbol.
    pub symbol_notional_max: Money,
    /// Most worst-case exposure in one symbol, as a multiple of equity.
    pub symbol_weight_max: f64,
    /// Most worst-case gross exposure in one sector, as a multiple of equity; none when absent.
    pub sector_gross_max: Option<f64>,
    /// Most worst-case gross exposure, as a multiple of equity.
    pub gross_exposure_max: f64,
    /// Most worst-case net exposure, long or short, as a multiple of equity.
    pub net_exposure_max: f64,
    /// Least equity with which exposure may grow.
    pub equity_min: Money,
    /// Most approvals in one second. A cross-section decides for all its symbols at one moment of market time, so this
    /// must hold one basket.
    pub order_rate_per_second_max: u32,
    /// Most approvals in one minute.
    pub order_rate_per_minute_max: u32,
    /// Most open orders in one symbol, those of unknown outcome included.
    pub open_orders_per_symbol_max: u32,
    /// Most open orders in all.
    pub open_orders_max: u32,
    /// Most distance of limit, stop and decision price from the mark, in hundredths of a percent.
    pub price_collar_bps: u32,
    /// Age at which a mark is stale.
    pub price_stale_after_ms: u64,
    /// Age at which a decision has expired.
    pub decision_age_max_ms: u64,
    /// How long the same symbol, side and quantity counts as a repetition; 0 turns the check off.
    pub duplicate_window_ms: u64,
    /// How long an approval holds.
    pub approval_ttl_ms: u64,
    /// When orders may be approved.
    pub session_policy: SessionPolicy,
    /// Whether positions may go below zero.
    pub short_allowed: bool,
}

impl Default for Limits {
    /// For a paper account of about a million.
    fn default() -> Self {
        Self {
            order_notional_max: Money::from_micros(250_000 * Money::ONE),
            symbol_notional_max: Money::from_micros(500_000 * Money::ONE),
            symbol_weight_max: 0.5,
            sector_gross_max: None,
            gross_exposure_max: 2.0,
            net_exposure_max: 1.5,
            equity_min: Money::ZERO,
            order_rate_per_second_max: 1_000,
            order_rate_per_minute_max: 6_000,
            open_orders_per_symbol_max: 8,
            open_orders_max: 10_000,
            price_collar_bps: 1_000,
            price_stale_after_ms: 300_000,
            decision_age_max_ms: 60_000,
            duplicate_window_ms: 500,
            approval_ttl_ms: 5_000,
            session_policy: SessionPolicy::RegularOnly,
            short_allowed: true,
        }
    }
}

/// A limit out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} = {value} is out of range: {range}")]
pub struct LimitError {
    /// Which.
    pub key: &'static str,
    /// As given.
    pub value: String,
    /// What is allowed.
    pub range: &'static str,
}

/// Every limit out of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitErrors(pub Vec<LimitError>);

impl fmt::Display for LimitErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
impl std::error::Error for LimitErrors {}

/// A day in milliseconds: the longest time that any limit may span.
const DAY_MS: u64 = 86_400_000;

impl Limits {
    /// Checks every range and reports all that are broken.
    pub fn validate(&self) -> Result<(), LimitErrors> {
        let mut errors = Vec::new();
        let mut need = |ok: bool, key, value: String, range| {
            if !ok {
                errors.push(LimitError { key, value, range });
            }
        };
        for (key, amount) in [
            ("order_notional_max", self.order_notional_max),
            ("symbol_notional_max", self.symbol_notional_max),
        ] {
            need(amount > Money::ZERO, key, amount.to_string(), "more than 0");
        }
        need(self.equity_min >= Money::ZERO, "equity_min", self.equity_min.to_string(), "0 or more");
        for (key, multiple) in [
            ("symbol_weight_max", Some(self.symbol_weight_max)),
            ("sector_gross_max", self.sector_gross_max),
            ("gross_exposure_max", Some(self.gross_exposure_max)),
            ("net_exposure_max", Some(self.net_exposure_max)),
        ] {
            let multiple = multiple.unwrap_or(1.0);
            let ok = multiple > 0.0 && multiple <= 100.0;
            need(ok, key, multiple.to_string(), "more than 0, at most 100 times equity");
        }
        for (key, count) in [
            ("order_rate_per_second_max", self.order_rate_per_second_max),
            ("order_rate_per_minute_max", self.order_rate_per_minute_max),
            ("open_orders_per_symbol_max", self.open_orders_per_symbol_max),
            ("open_orders_max", self.open_orders_max),
        ] {
            need((1..=100_000).contains(&count), key, count.to_string(), "1 to 100000");
        }
        let collar = self.price_collar_bps;
        need((1..=10_000).contains(&collar), "price_collar_bps", collar.to_string(), "1 to 10000");
        for (key, ms) in [
            ("price_stale_after_ms", self.price_stale_after_ms),
            ("decision_age_max_ms", self.decision_age_max_ms),
            ("approval_ttl_ms", self.approval_ttl_ms),
        ] {
            // Daily bars may be marked a week ago over a long holiday.
            need((1..=14 * DAY_MS).contains(&ms), key, ms.to_string(), "1 to 1209600000 (14 days)");
        }
        let window = self.duplicate_window_ms;
        need(window <= 60_000, "duplicate_window_ms", window.to_string(), "0 (off) to 60000");
        if errors.is_empty() { Ok(()) } else { Err(LimitErrors(errors)) }
    }
}

/// `multiple` times `equity` in micro-units; zero for equity of zero or less. The multiple is taken to a millionth.
pub(crate) fn times_equity(equity: Money, multiple: f64) -> i128 {
    let millionths = (multiple * 1e6).round().clamp(0.0, 1e12) as i128;
    i128::from(equity.micros()).max(0) * millionths / 1_000_000
}

/// Milliseconds as nanoseconds, saturating.
pub(crate) fn ms_to_ns(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(Limits::default().validate(), Ok(()));
    }

    #[test]
    fn every_broken_range_is_named_with_key_value_and_range() {
        let limits = Limits {
            order_notional_max: Money::ZERO,
            gross_exposure_max: f64::NAN,
            net_exposure_max: -1.0,
            price_collar_bps: 0,
            order_rate_per_second_max: 0,
            duplicate_window_ms: 60_001,
            approval_ttl_ms: 0,
            ..Limits::default()
        };
        let text = limits.validate().unwrap_err().to_string();
        for part in [
            "order_notional_max = 0 is out of range: more than 0",
            "gross_exposure_max = NaN",
            "net_exposure_max = -1",
            "price_collar_bps = 0 is out of range: 1 to 10000",
            "order_rate_per_second_max = 0",
            "duplicate_window_ms = 60001",
            "approval_ttl_ms = 0",
        ] {
            assert!(text.contains(part), "{part} not in: {text}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error = serde_json::from_str::<Limits>(r#"{"order_notional": "5"}"#).unwrap_err();
        assert!(error.to_string().contains("order_notional"));
    }

    #[test]
    fn a_multiple_of_negative_equity_is_nothing() {
        assert_eq!(times_equity(Money::from_micros(-5), 2.0), 0);
        assert_eq!(times_equity(Money::from_micros(1_000_000), 1.5), 1_500_000);
    }
}
