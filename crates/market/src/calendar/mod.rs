//! Exchange sessions: when an instrument trades, by rule, without tables to download.
//!
//! [`Calendar`] answers questions about any moment; [`CalendarCursor`] answers the same ones in a few nanoseconds when
//! the moments follow each other, because it remembers the session it is in.
//!
//! | kind | session of a date D | days without one |
//! |---|---|---|
//! | US shares | 09:30 to 16:00 New York, extended 04:00 to 20:00; early closes 13:00, extended to 17:00 | weekends, NYSE holidays and special closures |
//! | forex | 17:00 New York of D-1 to 17:00 of D | Saturday, Sunday, 25 December, 1 January |
//! | always | 00:00 to 24:00 UTC | none |

mod cursor;
mod date;
mod forex;
mod lookup;
mod new_york;
mod nyse;
mod session;

use serde::{Deserialize, Serialize};

pub use cursor::CalendarCursor;
pub use date::{Date, Weekday};
pub use lookup::Calendar;
pub use nyse::{TradingDay, nyse_day};
pub use session::{CLOSING_AUCTION_NS, Phase, Session};

/// Which trading hours an instrument follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// US shares: 09:30 to 16:00 New York, extended 04:00 to 20:00, NYSE holidays and early closes.
    UsEquity,
    /// Currency pairs: Sunday 17:00 to Friday 17:00 New York, a new day at 17:00.
    Forex24x5,
    /// Around the clock, every day; days turn at midnight UTC.
    Always,
}
