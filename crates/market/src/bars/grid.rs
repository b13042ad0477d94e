//! The intervals of a timeframe: aligned to the clock, cut where a session is cut.

use serde::{Deserialize, Serialize};

use super::output::Output;
use crate::bar::{Gap, GapReason};
use crate::calendar::{CalendarCursor, Date, Session, SessionKind};
use crate::time::{Timeframe, Ts};

/// How many sessions a single hole may cross before the rest of it becomes one gap: a row stamped decades ahead must not
/// make thousands of gaps.
pub(super) const GAP_SESSIONS_MAX: usize = 64;

/// One interval `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cell {
    /// First moment.
    pub(super) start: Ts,
    /// First moment after it.
    pub(super) end: Ts,
    /// From here up to `start` no bars are built: the closed time before a session's first interval, else `start` itself.
    pub(super) idle_from: Ts,
}

impl Cell {
    /// After every session: no tick falls into it, none ends it.
    const NEVER: Self = Self { start: Ts::MAX, end: Ts::MAX, idle_from: Ts::MAX };

    /// Whether a moment lies in it.
    #[inline]
    pub(super) fn contains(&self, ts: Ts) -> bool {
        self.start <= ts && ts < self.end
    }
}

/// Cuts session time into intervals. Intraday intervals start at multiples of the timeframe since midnight UTC and are cut
/// at the open, the close, the end of the closing auction's minute and the ends of extended hours; daily ones are
/// [`Session::day`], or whole UTC days where the input is labelled by date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Grid {
    cursor: CalendarCursor,
    timeframe: Timeframe,
    extended: bool,
    dated: bool,
}

impl Grid {
    pub(super) const fn new(kind: SessionKind, timeframe: Timeframe, extended: bool) -> Self {
        Self { cursor: CalendarCursor::new(kind), timeframe, extended, dated: false }
    }

    pub(super) const fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// From now on daily intervals are the UTC days of the session dates.
    pub(super) const fn label_by_date(&mut self) {
        self.dated = true;
    }

    pub(super) const fn is_dated(&self) -> bool {
        self.dated
    }

    /// Where bars of a session are built.
    fn span(&self, session: &Session) -> (Ts, Ts) {
        if !self.timeframe.is_daily() {
            session.bars(self.extended)
        } else if self.dated {
            (session.date.midnight_utc(), session.date.plus_days(1).midnight_utc())
        } else {
            session.day()
        }
    }

    /// The session whose span holds `ts`, else the next one, with its span.
    fn session_at(&mut self, ts: Ts) -> Option<(Session, Ts, Ts)> {
        let mut session = if self.dated {
            let date = Date::of_utc(ts);
            let calendar = self.cursor.calendar();
            calendar.session_on(date).or_else(|| calendar.session_after(date))?
        } else {
            self.cursor.current_or_next(ts)?
        };
        let (mut start, mut end) = self.span(&session);
        if ts >= end {
            session = self.cursor.calendar().session_after(session.date)?;
            (start, end) = self.span(&session);
        }
        Some((session, start, end))
    }

    /// Whether bars are built for a moment.
    pub(super) fn is_open(&mut self, ts: Ts) -> bool {
        self.session_at(ts).is_some_and(|(_, start, _)| start <= ts)
    }

    /// The interval that holds `ts`, else the first one after it.
    pub(super) fn locate(&mut self, ts: Ts) -> Cell {
        let Some((session, first, last)) = self.session_at(ts) else {
            return Cell::NEVER;
        };
        let at = ts.max(first);
        let (start, end) = if self.timeframe.is_daily() {
            (first, last)
        } else {
            let floor = self.timeframe.start_of(at);
            let (before, after) = phase(&session, at, first, last);
            (floor.max(before), floor.plus_nanos(self.timeframe.nanos()).min(after))
        };
        self.cell(&session, first, start, end)
    }

    /// The stretch without a session boundary that holds `ts`, else the first one after it.
    pub(super) fn locate_phase(&mut self, ts: Ts) -> Cell {
        let Some((session, first, last)) = self.session_at(ts) else {
            return Cell::NEVER;
        };
        let (start, end) = phase(&session, ts.max(first), first, last);
        self.cell(&session, first, start, end)
    }

    fn cell(&self, session: &Session, first: Ts, start: Ts, end: Ts) -> Cell {
        let idle_from = if start == first {
            let before = self.cursor.calendar().session_before(session.date);
            before.map_or(Ts::MIN, |s| self.span(&s).1).min(start)
        } else {
            start
        };
        Cell { start, end, idle_from }
    }

    /// Emits the session time in `[from, to)` as gaps: one per session, at most [`GAP_SESSIONS_MAX`], then one for the rest.
    pub(super) fn gaps(
        &mut self,
        from: Ts,
        to: Ts,
        reason: impl Fn(Ts, Ts) -> GapReason,
        out: &mut Vec<Output>,
    ) {
        let mut at = from;
        let mut emitted = 0;
        while at < to {
            let Some((_, start, end)) = self.session_at(at) else {
                return;
            };
            let start = start.max(at);
            if start >= to {
                return;
            }
            emitted += 1;
            let end = if emitted > GAP_SESSIONS_MAX { to } else { end.min(to) };
            out.push(Output::Gap(Gap { from: start, to: end, reason: reason(start, end) }));
            at = end;
        }
    }
}

/// The stretch of a session, whose bars span `[first, last)`, that holds `at` and no boundary.
fn phase(session: &Session, at: Ts, first: Ts, last: Ts) -> (Ts, Ts) {
    if !session.has_extended_hours() {
        return (first, last);
    }
    let mut stretch = (first, last);
    for cut in [session.open, session.close, session.auction_end()] {
        if cut <= at {
            stretch.0 = stretch.0.max(cut);
        } else {
            stretch.1 = stretch.1.min(cut);
        }
    }
    stretch
}
