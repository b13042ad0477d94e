//! A session and its phases.

use serde::{Deserialize, Serialize};

use super::date::Date;
use crate::time::{NS_PER_S, Ts};

/// How long after the close of US shares a print still belongs to the trading day: 60 seconds.
///
/// The closing auction sets the official close, yet its print is stamped when it is reported: in the sessions of 7 to
/// 9 October 2013 between 0.7 s and 64 s after 16:00 for SPY, AIG and IBM. A longer allowance would catch the slowest of
/// them, but in SPY blocks reported 71 s and 75 s after the close were already 0.9 % and 1.2 % off the market. One minute
/// also is what minute files do: their bar labelled 16:00 holds the auction.
pub const CLOSING_AUCTION_NS: i64 = 60 * NS_PER_S;

/// Where in its day a market is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No trading.
    Closed,
    /// Extended hours before the open.
    Pre,
    /// The regular session.
    Regular,
    /// Extended hours after the close.
    Post,
}

/// One trading session: `[open, close)` inside `[ext_open, ext_close)`. Markets without extended hours have both alike.
///
/// Invariant: `ext_open <= open < close <= ext_close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The civil date that the session belongs to.
    pub date: Date,
    /// Start of regular trading.
    pub open: Ts,
    /// End of regular trading.
    pub close: Ts,
    /// Start of extended hours.
    pub ext_open: Ts,
    /// End of extended hours.
    pub ext_close: Ts,
}

impl Session {
    /// The phase at a moment; `Closed` outside this session.
    #[must_use]
    pub fn phase(&self, ts: Ts) -> Phase {
        if ts < self.ext_open || ts >= self.ext_close {
            Phase::Closed
        } else if ts < self.open {
            Phase::Pre
        } else if ts < self.close {
            Phase::Regular
        } else {
            Phase::Post
        }
    }

    /// Whether the session has hours outside the regular ones.
    #[must_use]
    pub fn has_extended_hours(&self) -> bool {
        self.ext_open < self.open || self.close < self.ext_close
    }

    /// The stretch that a daily bar covers: regular trading, and the minute in which the closing auction prints
    /// ([`CLOSING_AUCTION_NS`]) where the market goes on after the close. Sessions that touch the next one have no such
    /// minute.
    #[must_use]
    pub fn day(&self) -> (Ts, Ts) {
        (self.open, self.auction_end())
    }

    /// End of the closing auction's minute.
    #[must_use]
    pub fn auction_end(&self) -> Ts {
        self.close.plus_nanos(CLOSING_AUCTION_NS).min(self.ext_close)
    }

    /// The stretch in which bars are built: the extended session, or the day without extended hours.
    #[must_use]
    pub fn bars(&self, extended: bool) -> (Ts, Ts) {
        if extended { (self.ext_open, self.ext_close) } else { self.day() }
    }
}
