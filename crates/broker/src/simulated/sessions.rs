//! The trading days of the simulated market, numbered from its first day, and the bar intervals within them.

use tensortrade_market::calendar::{Calendar, Date, Session, SessionKind};
use tensortrade_market::time::NS_PER_S;
use tensortrade_market::{Timeframe, Ts};

/// Nanoseconds in a minute.
pub(super) const MINUTE_NS: i64 = 60 * NS_PER_S;

/// Eve of the first trading day, 2020-01-02, where the model's recursion begins. Five years before the default start:
/// any symbol has five years of history, and walking them costs 0.15 milliseconds.
pub(super) const EVE: Date = Date::from_ymd(2020, 1, 1);

/// The last date; bounds every table of days.
pub(super) const LAST: Date = Date::from_ymd(2099, 12, 31);

/// Minutes in which something trades: those of continuous trading, and where there is one that of the closing auction.
pub(super) fn slots(session: &Session) -> usize {
    minutes(session) + usize::from(session.auction_end() > session.close)
}

/// Whole minutes of continuous trading; where there is a closing auction, one more holds it.
pub(super) fn minutes(session: &Session) -> usize {
    usize::try_from(session.close.since(session.open) / MINUTE_NS).unwrap_or(0)
}

/// Regular sessions of a market from the first day on, extended as they are asked for.
#[derive(Debug)]
pub(super) struct Sessions {
    calendar: Calendar,
    table: Vec<Session>,
}

impl Sessions {
    pub(super) fn new(kind: SessionKind) -> Self {
        Self { calendar: Calendar::new(kind), table: Vec::new() }
    }

    /// Session number `day`; `None` after the last.
    pub(super) fn get(&mut self, day: usize) -> Option<Session> {
        while self.table.len() <= day {
            self.extend()?;
        }
        self.table.get(day).copied()
    }

    /// The first session whose closing auction ends after `ts`, and its number; `None` after the last.
    pub(super) fn closing_after(&mut self, ts: Ts) -> Option<(usize, Session)> {
        while self.table.last().is_none_or(|last| last.auction_end() <= ts) {
            self.extend()?;
        }
        let day = self.table.partition_point(|session| session.auction_end() <= ts);
        self.table.get(day).map(|session| (day, *session))
    }

    fn extend(&mut self) -> Option<()> {
        let last = self.table.last().map_or(EVE, |session| session.date);
        let next = self.calendar.session_after(last).filter(|next| next.date <= LAST)?;
        self.table.push(next);
        Some(())
    }
}

/// The bar interval that holds `ts`, a moment from the open to the end of the closing auction: as the bar builders
/// cut it, at multiples of the timeframe since midnight UTC, at the open, the close and the auction's end; for daily
/// bars what the calendar calls the day.
pub(super) fn interval(timeframe: Timeframe, ts: Ts, session: &Session) -> (Ts, Ts) {
    if timeframe.is_daily() {
        return session.day();
    }
    let (from, to) = if ts < session.close {
        (session.open, session.close)
    } else {
        (session.close, session.auction_end())
    };
    let start = timeframe.start_of(ts);
    (start.max(from), start.plus_nanos(timeframe.nanos()).min(to))
}
