//! Silence that trips the breaker: no data of a symbol, or of the whole node, for too long within trading hours.
//!
//! Silence at a moment = the moment - the later of the last data and the start of the uninterrupted stretch of trading that
//! the moment lies in. A closed market is not silent, and an opening one has its whole limit before it. Only regular hours
//! count, unless told otherwise: in extended hours a thin share is silent for an hour and nothing is wrong.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;
use tensortrade_market::calendar::{Calendar, Phase, SessionKind};

use crate::limits::{LimitError, LimitErrors};

/// Longest limit that can be asked for: a day.
const LIMIT_MS_MAX: u64 = 86_400_000;
/// Sessions that are joined to one stretch where they touch, at most: more than the longest limit needs.
const SESSIONS_MAX: usize = 3;

/// How long silence may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StaleLimits {
    /// Silence of a symbol, in milliseconds of trading time, from which it only reduces; 0 turns it off.
    pub symbol_ms: u64,
    /// Silence of every symbol at once from which the node only reduces; 0 turns it off.
    pub node_ms: u64,
    /// How long after data flows again the trip ends by itself; 0: only a reset ends it.
    pub cool_down_ms: u64,
    /// Whether extended hours count as trading time.
    pub extended_hours: bool,
}

impl Default for StaleLimits {
    /// Half an hour for a symbol, a quarter for the node.
    fn default() -> Self {
        Self { symbol_ms: 1_800_000, node_ms: 900_000, cool_down_ms: 0, extended_hours: false }
    }
}

impl StaleLimits {
    /// Checks ranges.
    pub fn validate(&self) -> Result<(), LimitErrors> {
        let fields =
            [("symbol_ms", self.symbol_ms), ("node_ms", self.node_ms), ("cool_down_ms", self.cool_down_ms)];
        let bad = fields.into_iter().filter(|(_, value)| *value > LIMIT_MS_MAX || (1..1_000).contains(value));
        let error = |(key, value): (&'static str, u64)| LimitError {
            key,
            value: value.to_string(),
            range: "0, or 1000 to 86400000",
        };
        let errors: Vec<_> = bad.map(error).collect();
        if errors.is_empty() { Ok(()) } else { Err(LimitErrors(errors)) }
    }

    /// The limits for input whose data comes in bars of `bar_ns`: a missing bar or two is no silence.
    #[must_use]
    pub fn for_bars(self, bar_ns: i64) -> Self {
        let least = u64::try_from(bar_ns / 1_000_000).unwrap_or(0).saturating_mul(3).min(LIMIT_MS_MAX);
        let raised = |limit: u64| if limit == 0 { 0 } else { limit.max(least) };
        Self { symbol_ms: raised(self.symbol_ms), node_ms: raised(self.node_ms), ..self }
    }

    /// A symbol's limit in nanoseconds, if it is on.
    #[must_use]
    pub fn symbol_ns(&self) -> Option<i64> {
        nanos(self.symbol_ms)
    }

    /// The node's limit in nanoseconds, if it is on.
    #[must_use]
    pub fn node_ns(&self) -> Option<i64> {
        nanos(self.node_ms)
    }

    /// The cool-down in nanoseconds, if one is declared.
    #[must_use]
    pub fn cool_down_ns(&self) -> Option<i64> {
        nanos(self.cool_down_ms)
    }
}

fn nanos(ms: u64) -> Option<i64> {
    (ms > 0).then(|| i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000))
}

/// Silence at `now` since the last data at `last`, in nanoseconds of trading time; `None` when there is no trading.
#[must_use]
pub fn silence_ns(kind: SessionKind, last: Ts, now: Ts, extended: bool) -> Option<i64> {
    let begun = trading_since(kind, now, extended)?;
    Some(now.since(last.max(begun)).max(0))
}

/// Start of the uninterrupted trading that the moment just before `now` lies in.
fn trading_since(kind: SessionKind, now: Ts, extended: bool) -> Option<Ts> {
    let (calendar, at) = (Calendar::new(kind), now.plus_nanos(-1));
    let mut session = calendar.session_of(at)?;
    let begins = |session: &tensortrade_market::calendar::Session| {
        if extended { session.ext_open } else { session.open }
    };
    match session.phase(at) {
        Phase::Closed => return None,
        Phase::Pre | Phase::Post if !extended => return None,
        _ => {}
    }
    for _ in 1..SESSIONS_MAX {
        let Some(before) = calendar.session_before(session.date) else { break };
        let ended = if extended { before.ext_close } else { before.close };
        if ended != begins(&session) {
            break;
        }
        session = before;
    }
    Some(begins(&session))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2013-10-07, midnight UTC; New York opens at 13:30 and closes at 20:00.
    const MONDAY: i64 = 1_381_104_000;

    fn at(day: i64, hour: i64, minute: i64) -> Ts {
        Ts::from_secs(MONDAY + day * 86_400 + hour * 3_600 + minute * 60)
    }

    fn minutes(kind: SessionKind, last: Ts, now: Ts, extended: bool) -> Option<i64> {
        silence_ns(kind, last, now, extended).map(|ns| ns / 60_000_000_000)
    }

    #[test]
    fn a_closed_market_is_not_silent_and_an_opening_one_begins_anew() {
        let us = SessionKind::UsEquity;
        assert_eq!(minutes(us, at(0, 19, 50), at(0, 20, 0), false), Some(10));
        assert_eq!(minutes(us, at(0, 19, 50), at(0, 20, 1), false), None, "after the close");
        assert_eq!(minutes(us, at(0, 19, 50), at(1, 12, 0), false), None, "before the open");
        assert_eq!(minutes(us, at(0, 19, 50), at(1, 12, 0), true), Some(240), "since four in New York");
        assert_eq!(minutes(us, at(0, 19, 50), at(1, 13, 40), false), Some(10));
        assert_eq!(minutes(us, at(0, 15, 0), at(0, 16, 0), false), Some(60));
    }

    #[test]
    fn a_currency_is_not_silent_over_the_weekend_and_is_when_its_day_turns() {
        let fx = SessionKind::Forex24x5;
        // Friday 21:00 UTC to Sunday 21:00 UTC.
        assert_eq!(minutes(fx, at(4, 20, 59), at(5, 12, 0), false), None);
        assert_eq!(minutes(fx, at(4, 20, 59), at(6, 21, 5), false), Some(5));
        assert_eq!(minutes(fx, at(1, 20, 50), at(1, 21, 20), false), Some(30), "a new day begins at 21:00");
        assert_eq!(minutes(SessionKind::Always, at(1, 23, 0), at(2, 1, 0), false), Some(120));
    }

    #[test]
    fn limits_out_of_range_are_refused_by_key_and_bars_raise_those_that_are_on() {
        StaleLimits::default().validate().unwrap();
        let bad = StaleLimits { node_ms: 500, ..StaleLimits::default() };
        assert!(bad.validate().unwrap_err().to_string().contains("node_ms = 500"));
        let off = StaleLimits { node_ms: 0, ..StaleLimits::default() };
        let raised = off.for_bars(3_600_000_000_000);
        assert_eq!((raised.symbol_ms, raised.node_ms), (10_800_000, 0));
        assert_eq!(off.for_bars(60_000_000_000), off);
    }
}
