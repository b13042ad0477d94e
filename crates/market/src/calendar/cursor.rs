//! A calendar that remembers where it is.

use serde::{Deserialize, Serialize};

use super::SessionKind;
use super::date::Date;
use super::lookup::Calendar;
use super::session::{Phase, Session};
use crate::time::Ts;

/// The session that was last asked for, and from which moment on it is the answer.
#[derive(Debug, Clone, Copy)]
struct Memo {
    /// End of the session before: from here on `session` is the running or the next one.
    from: Ts,
    session: Session,
}

/// A [`Calendar`] for questions that come in the order of time: inside the same session, or in the closed time before
/// it, an answer is two comparisons. Answers never depend on earlier questions; the memory is left out of snapshots and of
/// equality.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CalendarCursor {
    calendar: Calendar,
    #[serde(skip)]
    memo: Option<Memo>,
}

impl PartialEq for CalendarCursor {
    fn eq(&self, other: &Self) -> bool {
        self.calendar == other.calendar
    }
}
impl Eq for CalendarCursor {}

impl CalendarCursor {
    /// A cursor over the calendar of a kind.
    #[must_use]
    pub const fn new(kind: SessionKind) -> Self {
        Self { calendar: Calendar::new(kind), memo: None }
    }

    /// The calendar itself, for questions out of order.
    #[must_use]
    pub const fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// The session running at a moment, else the first one after it ([`Calendar::current_or_next`]).
    #[inline]
    pub fn current_or_next(&mut self, ts: Ts) -> Option<Session> {
        match self.memo {
            Some(memo) if memo.from <= ts && ts < memo.session.ext_close => Some(memo.session),
            _ => self.seek(ts),
        }
    }

    #[cold]
    fn seek(&mut self, ts: Ts) -> Option<Session> {
        let session = self.calendar.current_or_next(ts)?;
        let from = self.calendar.session_before(session.date).map_or(Ts::MIN, |s| s.ext_close);
        self.memo = Some(Memo { from, session });
        Some(session)
    }

    /// The session running at a moment, extended hours included.
    #[inline]
    pub fn session_of(&mut self, ts: Ts) -> Option<Session> {
        self.current_or_next(ts).filter(|s| s.ext_open <= ts)
    }

    /// The phase at a moment.
    #[inline]
    pub fn phase(&mut self, ts: Ts) -> Phase {
        self.current_or_next(ts).map_or(Phase::Closed, |s| s.phase(ts))
    }

    /// Whether there is trading: in regular hours, or also in extended ones.
    #[inline]
    pub fn is_open(&mut self, ts: Ts, extended: bool) -> bool {
        match self.phase(ts) {
            Phase::Closed => false,
            Phase::Regular => true,
            Phase::Pre | Phase::Post => extended,
        }
    }

    /// The first start of regular trading at or after a moment.
    pub fn next_open(&mut self, ts: Ts) -> Option<Ts> {
        let session = self.current_or_next(ts)?;
        if ts <= session.open {
            Some(session.open)
        } else {
            self.calendar.session_after(session.date).map(|s| s.open)
        }
    }

    /// The first change of phase after a moment.
    pub fn next_boundary(&mut self, ts: Ts) -> Option<Ts> {
        let session = self.current_or_next(ts)?;
        [session.ext_open, session.open, session.close, session.ext_close].into_iter().find(|b| *b > ts)
    }

    /// The civil date of the session running at a moment.
    #[inline]
    pub fn session_date(&mut self, ts: Ts) -> Option<Date> {
        self.session_of(ts).map(|s| s.date)
    }
}
