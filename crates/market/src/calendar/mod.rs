//! Exchange sessions.

use serde::{Deserialize, Serialize};

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
