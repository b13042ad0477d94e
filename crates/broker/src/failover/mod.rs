//! A feed over two feeds: the primary, and a backup that is taken symbol by symbol while the primary is bad.
//!
//! [`quality`] scores one feed's data of one symbol, [`pair`] judges the two and decides which is taken, with hysteresis: both
//! are pure. [`FailoverFeed`] reads the two feeds in step, hands out the data of each symbol's source, and tells what it did as
//! [`FeedNotice`](crate::feed::FeedNotice)s.
//!
//! What holds across a switch: it happens at a boundary, no row is delivered twice (rows of the new source that are not after
//! the last one delivered are left out and counted), and what is missing, or cannot be trusted, is a `Gap`.

mod feed;
mod lane;
mod limits;
pub mod pair;
pub mod quality;

pub use feed::FailoverFeed;
pub use limits::{FailoverLimitError, FailoverLimits};

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one that is taken while it is good.
    Primary = 0,
    /// The one that stands in.
    Backup = 1,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Primary, Self::Backup];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }

    /// The name in configuration, journal and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
