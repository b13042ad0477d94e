//! How many bars a year has.

use tensortrade_market::Timeframe;
use tensortrade_market::calendar::SessionKind;

/// Bars in a year of full trading: 252 sessions of 6.5 hours for US shares, 260 days of 24 hours for currencies, 365
/// days of 24 hours for the rest.
///
/// A convention for annualising, not a calendar: extended hours and sparse streams have other counts, which scales
/// annual figures by the root of the ratio.
#[must_use]
pub fn bars_per_year(timeframe: Timeframe, sessions: SessionKind) -> f64 {
    let (days, hours) = match sessions {
        SessionKind::UsEquity => (252.0, 6.5),
        SessionKind::Forex24x5 => (260.0, 24.0),
        SessionKind::Always => (365.0, 24.0),
    };
    if timeframe.is_daily() { days } else { days * hours * 3600.0 / f64::from(timeframe.secs()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_days_of_each_market() {
        assert_eq!(bars_per_year(Timeframe::MINUTE, SessionKind::UsEquity), 98_280.0);
        assert_eq!(bars_per_year(Timeframe::DAY, SessionKind::UsEquity), 252.0);
        assert_eq!(bars_per_year(Timeframe::DAY, SessionKind::Forex24x5), 260.0);
        assert_eq!(bars_per_year(Timeframe::HOUR, SessionKind::Always), 8760.0);
    }
}
