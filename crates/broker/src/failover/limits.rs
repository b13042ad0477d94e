//! What makes a feed bad, and when it is left and taken again.

use serde::{Deserialize, Serialize};

/// Limits of the failover, `[feed.failover]`. Each score has a value from which a feed is bad and a lower one at or below which
/// it is good again; in between it stays what it was. Times are market time unless named otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailoverLimits {
    /// Staleness, in multiples of the usual silence, from which a symbol's data is bad.
    pub stale_enter: f64,
    /// Staleness at or below which it is good again.
    pub stale_leave: f64,
    /// The usual silence is never taken to be shorter than this.
    pub quiet_ms_min: u64,
    /// Share of intervals without data, while the other feed had some, from which it is bad.
    pub gap_enter: f64,
    /// Share at or below which it is good again.
    pub gap_leave: f64,
    /// Distance of the two feeds' mid prices, in basis points, from which one of them is bad.
    pub divergence_bps_enter: f64,
    /// Distance at or below which they agree again.
    pub divergence_bps_leave: f64,
    /// Share of crossed or locked quotes from which it is bad.
    pub crossed_enter: f64,
    /// Share at or below which it is good again.
    pub crossed_leave: f64,
    /// Decision intervals that the shares look back on.
    pub window: u32,
    /// Least time between two switches of a symbol.
    pub dwell_ms: u64,
    /// How long the primary must have been good before it is taken again.
    pub return_after_ms: u64,
    /// Most switches of a symbol in an hour; past it the symbol stays where it is.
    pub switches_per_hour_max: u32,
    /// Longest time, by the clock, that one live feed keeps the other waiting at a boundary.
    pub answer_ms_max: u64,
}

impl Default for FailoverLimits {
    fn default() -> Self {
        Self {
            stale_enter: 4.0,
            stale_leave: 2.0,
            quiet_ms_min: 15_000,
            gap_enter: 0.3,
            gap_leave: 0.1,
            divergence_bps_enter: 50.0,
            divergence_bps_leave: 20.0,
            crossed_enter: 0.2,
            crossed_leave: 0.05,
            window: 10,
            dwell_ms: 120_000,
            return_after_ms: 300_000,
            switches_per_hour_max: 6,
            answer_ms_max: 1_000,
        }
    }
}

/// A limit that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FailoverLimitError(String);

impl FailoverLimits {
    /// Checks ranges, and that what is left lies below what is entered.
    pub fn validate(&self) -> Result<(), FailoverLimitError> {
        let refuse = |text: String| Err(FailoverLimitError(text));
        let pairs = [
            ("stale", self.stale_leave, self.stale_enter, 1_000.0),
            ("gap", self.gap_leave, self.gap_enter, 1.0),
            ("divergence_bps", self.divergence_bps_leave, self.divergence_bps_enter, 10_000.0),
            ("crossed", self.crossed_leave, self.crossed_enter, 1.0),
        ];
        for (name, leave, enter, most) in pairs {
            if !(leave >= 0.0 && leave < enter && enter <= most) {
                return refuse(format!(
                    "{name}_leave = {leave} and {name}_enter = {enter}: must be 0 <= leave < enter <= {most}"
                ));
            }
        }
        let ranges = [
            ("quiet_ms_min", self.quiet_ms_min, 1, 3_600_000),
            ("window", u64::from(self.window), 1, 64),
            ("dwell_ms", self.dwell_ms, 0, 86_400_000),
            ("return_after_ms", self.return_after_ms, 0, 86_400_000),
            ("switches_per_hour_max", u64::from(self.switches_per_hour_max), 1, 1_000),
            ("answer_ms_max", self.answer_ms_max, 1, 600_000),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return refuse(format!("{name} = {value} is out of range: {low} to {high}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_what_is_left_must_lie_below_what_is_entered() {
        FailoverLimits::default().validate().unwrap();
        let upside_down = FailoverLimits { gap_leave: 0.5, ..FailoverLimits::default() };
        assert!(upside_down.validate().unwrap_err().to_string().contains("gap_leave = 0.5"));
        let nan = FailoverLimits { stale_enter: f64::NAN, ..FailoverLimits::default() };
        assert!(nan.validate().unwrap_err().to_string().contains("stale_enter"));
        let window = FailoverLimits { window: 65, ..FailoverLimits::default() };
        assert!(window.validate().unwrap_err().to_string().contains("window = 65"));
    }
}
