//! Trading hours of one symbol: when its orders are matched, and when its day orders end.

use tensortrade_market::Ts;
use tensortrade_market::calendar::{Calendar, SessionKind};

/// A stretch of matching `[open, close)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// First moment of matching.
    pub(super) open: Ts,
    /// First moment after it.
    pub(super) close: Ts,
}

/// Answers for one symbol, remembering the stretch that was last asked for: ticks follow each other in time.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    calendar: Calendar,
    extended: bool,
    /// The stretch, and the moment from which on it is the answer (the end of the stretch before it).
    memo: Option<(Ts, Window)>,
}

impl Hours {
    pub(super) fn new(kind: SessionKind, extended: bool) -> Self {
        Self { calendar: Calendar::new(kind), extended, memo: None }
    }

    /// The stretch that holds `ts`, else the first one after it; `None` outside the calendar's years.
    #[inline]
    pub(super) fn window(&mut self, ts: Ts) -> Option<Window> {
        match self.memo {
            Some((from, window)) if from <= ts && ts < window.close => Some(window),
            _ => self.seek(ts),
        }
    }

    #[cold]
    fn seek(&mut self, ts: Ts) -> Option<Window> {
        let running = self.calendar.current_or_next(ts)?;
        let cut = |s: tensortrade_market::calendar::Session| {
            if self.extended {
                Window { open: s.ext_open, close: s.ext_close }
            } else {
                Window { open: s.open, close: s.close }
            }
        };
        // After the regular close the session still runs in extended hours: then the next one counts.
        let session =
            if ts < cut(running).close { running } else { self.calendar.session_after(running.date)? };
        let window = cut(session);
        let from = self.calendar.session_before(session.date).map_or(Ts::MIN, |s| cut(s).close);
        self.memo = Some((from, window));
        Some(window)
    }

    /// Whether orders are matched at `ts`.
    #[inline]
    pub(super) fn is_open(&mut self, ts: Ts) -> bool {
        self.window(ts).is_some_and(|w| w.open <= ts)
    }

    /// When a day order that arrives at `ts` ends: the close of the session that runs, or of the next one.
    pub(super) fn day_end(&mut self, ts: Ts) -> Option<Ts> {
        self.window(ts).map(|w| w.close)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Ts {
        Ts::parse(text).unwrap()
    }

    #[test]
    fn a_day_order_after_the_close_lives_until_the_next_close() {
        let mut hours = Hours::new(SessionKind::UsEquity, false);
        // Friday: New York is four hours behind UTC in October.
        assert!(hours.is_open(at("2013-10-11T13:30:00Z")));
        assert_eq!(hours.day_end(at("2013-10-11T13:30:00Z")), Some(at("2013-10-11T20:00:00Z")));
        assert!(!hours.is_open(at("2013-10-11T20:00:00Z")));
        assert_eq!(hours.day_end(at("2013-10-11T20:00:00Z")), Some(at("2013-10-14T20:00:00Z")));
        assert!(!hours.is_open(at("2013-10-11T13:29:59Z")), "asking backwards is answered too");
    }

    #[test]
    fn extended_hours_count_when_configured() {
        let mut hours = Hours::new(SessionKind::UsEquity, true);
        assert!(hours.is_open(at("2013-10-11T08:00:00Z")) && hours.is_open(at("2013-10-11T23:59:00Z")));
        assert_eq!(hours.day_end(at("2013-10-11T22:00:00Z")), Some(at("2013-10-12T00:00:00Z")));
    }

    #[test]
    fn a_market_that_never_closes_has_days_that_turn_at_midnight() {
        let mut hours = Hours::new(SessionKind::Always, false);
        assert!(hours.is_open(at("2024-03-10T00:00:00Z")));
        assert_eq!(hours.day_end(at("2024-03-10T12:00:00Z")), Some(at("2024-03-11T00:00:00Z")));
    }
}
