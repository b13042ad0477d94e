//! Where an order stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an order stands, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// The intent is durable, nothing was sent.
    Pending,
    /// Handed over; the broker has not answered.
    Sent,
    /// The broker has it, nothing is filled.
    Working,
    /// The broker has it, a part is filled.
    PartiallyFilled,
    /// A cancel is under way. Fills may still come.
    PendingCancel,
    /// A change is under way: the old terms stand until the broker confirms. Fills may still come.
    PendingModify,
    /// Outcome unknown: a timeout, a disconnect or a kill while a request was under way. Its exposure stays reserved
    /// and its symbol takes no new risk until the broker's books prove what became of it.
    Unknown,
    /// Filled whole.
    Filled,
    /// The rest is cancelled.
    Cancelled,
    /// It never worked.
    Rejected,
    /// The rest ran out of time.
    Expired,
    /// The broker's books prove that it never had it, or an operator gave it up.
    Lost,
}

impl OrderState {
    /// All states, in the order of a life.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Sent,
        Self::Working,
        Self::PartiallyFilled,
        Self::PendingCancel,
        Self::PendingModify,
        Self::Unknown,
        Self::Filled,
        Self::Cancelled,
        Self::Rejected,
        Self::Expired,
        Self::Lost,
    ];

    /// Whether nothing more is expected of it.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired | Self::Lost)
    }

    /// Whether a request is under way whose loss would leave its outcome unknown.
    #[must_use]
    pub const fn awaits_answer(self) -> bool {
        matches!(self, Self::Sent | Self::PendingCancel | Self::PendingModify)
    }

    /// How far along its life: 0 not sent, 1 sent, 2 at the broker or in doubt, 3 done. Never falls.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Sent => 1,
            Self::Working
            | Self::PartiallyFilled
            | Self::PendingCancel
            | Self::PendingModify
            | Self::Unknown => 2,
            Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired | Self::Lost => 3,
        }
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Working => "working",
            Self::PartiallyFilled => "partially filled",
            Self::PendingCancel => "pending cancel",
            Self::PendingModify => "pending modify",
            Self::Unknown => "unknown",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Lost => "lost",
        })
    }
}
