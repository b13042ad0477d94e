//! Questions to a trading calendar.

use serde::{Deserialize, Serialize};

use super::date::Date;
use super::nyse::{TradingDay, nyse_day};
use super::session::{Phase, Session};
use super::{SessionKind, forex, new_york};
use crate::time::Ts;

/// First and last date that calendars answer for. Outside there are no sessions: a row stamped in 1930 or 2230 is a
/// corrupt row, and every search ends.
const FIRST: Date = Date::from_ymd(1950, 1, 1);
const LAST: Date = Date::from_ymd(2200, 12, 31);

/// No calendar is closed for as long as this: 2001-09-11 to 16 is six days, a forex Christmas weekend four.
const LONGEST_CLOSURE_DAYS: i32 = 14;

const MINUTE_EXT_OPEN: i32 = 4 * 60;
const MINUTE_OPEN: i32 = 9 * 60 + 30;
const MINUTE_CLOSE: i32 = 16 * 60;
const MINUTE_EXT_CLOSE: i32 = 20 * 60;
/// On days of early close the late session ends at 17:00 (NYSE Arca and Nasdaq).
const MINUTE_EXT_CLOSE_EARLY: i32 = 17 * 60;

/// The trading hours of one kind of instrument. Every answer is computed by rule; a question costs up to a microsecond.
/// Whoever asks once per tick or bar uses [`super::CalendarCursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calendar {
    kind: SessionKind,
}

impl Calendar {
    /// The calendar of a kind.
    #[must_use]
    pub const fn new(kind: SessionKind) -> Self {
        Self { kind }
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> SessionKind {
        self.kind
    }

    /// The session dated `date`; `None` on a holiday, a weekend, or outside the years 1950 to 2200.
    #[must_use]
    pub fn session_on(self, date: Date) -> Option<Session> {
        if date < FIRST || date > LAST {
            return None;
        }
        match self.kind {
            SessionKind::UsEquity => us_equity(date),
            SessionKind::Forex24x5 => forex::session_on(date),
            SessionKind::Always => {
                let (open, close) = (date.midnight_utc(), date.plus_days(1).midnight_utc());
                Some(Session { date, open, close, ext_open: open, ext_close: close })
            }
        }
    }

    /// The session running at a moment, extended hours included.
    #[must_use]
    pub fn session_of(self, ts: Ts) -> Option<Session> {
        self.current_or_next(ts).filter(|s| s.ext_open <= ts)
    }

    /// The session running at a moment, else the first one after it; `None` only after the year 2200.
    #[must_use]
    pub fn current_or_next(self, ts: Ts) -> Option<Session> {
        // The civil date of the session that could hold `ts`: a forex evening already belongs to the next date.
        let near = match self.kind {
            SessionKind::Always => Date::of_utc(ts),
            SessionKind::UsEquity | SessionKind::Forex24x5 => new_york::date_at(ts),
        };
        let near = near.max(FIRST);
        (0..LONGEST_CLOSURE_DAYS)
            .filter_map(|ahead| self.session_on(near.plus_days(ahead)))
            .find(|s| ts < s.ext_close)
    }

    /// The first session dated after `date`; `None` after the year 2200.
    #[must_use]
    pub fn session_after(self, date: Date) -> Option<Session> {
        let near = date.max(FIRST.plus_days(-1));
        (1..=LONGEST_CLOSURE_DAYS).find_map(|ahead| self.session_on(near.plus_days(ahead)))
    }

    /// The last session dated before `date`; `None` before the year 1950.
    #[must_use]
    pub fn session_before(self, date: Date) -> Option<Session> {
        let near = date.min(LAST.plus_days(1));
        (1..=LONGEST_CLOSURE_DAYS).find_map(|back| self.session_on(near.plus_days(-back)))
    }

    /// The phase at a moment.
    #[must_use]
    pub fn phase(self, ts: Ts) -> Phase {
        self.session_of(ts).map_or(Phase::Closed, |s| s.phase(ts))
    }

    /// Whether there is trading: in regular hours, or also in extended ones.
    #[must_use]
    pub fn is_open(self, ts: Ts, extended: bool) -> bool {
        match self.phase(ts) {
            Phase::Closed => false,
            Phase::Regular => true,
            Phase::Pre | Phase::Post => extended,
        }
    }

    /// The first start of regular trading at or after a moment.
    #[must_use]
    pub fn next_open(self, ts: Ts) -> Option<Ts> {
        let session = self.current_or_next(ts)?;
        if ts <= session.open { Some(session.open) } else { self.session_after(session.date).map(|s| s.open) }
    }

    /// The first change of phase after a moment (open, close, start or end of extended hours).
    #[must_use]
    pub fn next_boundary(self, ts: Ts) -> Option<Ts> {
        let session = self.current_or_next(ts)?;
        [session.ext_open, session.open, session.close, session.ext_close].into_iter().find(|b| *b > ts)
    }

    /// The civil date of the session running at a moment.
    #[must_use]
    pub fn session_date(self, ts: Ts) -> Option<Date> {
        self.session_of(ts).map(|s| s.date)
    }

    /// What the daily bar of a date covers ([`Session::day`]).
    #[must_use]
    pub fn daily_interval(self, date: Date) -> Option<(Ts, Ts)> {
        self.session_on(date).map(|s| s.day())
    }
}

fn us_equity(date: Date) -> Option<Session> {
    let (close, ext_close) = match nyse_day(date) {
        TradingDay::Closed => return None,
        TradingDay::Early(minute) => (minute, MINUTE_EXT_CLOSE_EARLY),
        TradingDay::Full => (MINUTE_CLOSE, MINUTE_EXT_CLOSE),
    };
    Some(Session {
        date,
        open: new_york::moment(date, MINUTE_OPEN),
        close: new_york::moment(date, close),
        ext_open: new_york::moment(date, MINUTE_EXT_OPEN),
        ext_close: new_york::moment(date, ext_close),
    })
}
