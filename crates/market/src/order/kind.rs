//! Sides, order types and times in force.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::fixed::{Price, Qty};
use crate::time::Ts;

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Adds to the position.
    Buy,
    /// Takes from the position.
    Sell,
}

impl Side {
    /// +1 or -1.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// The side and size of a signed change; `None` for zero.
    #[must_use]
    pub fn of(change: Qty) -> Option<(Self, Qty)> {
        match change.signum() {
            1 => Some((Self::Buy, change)),
            -1 => Some((Self::Sell, change.abs())),
            _ => None,
        }
    }

    /// `qty` with the sign of the side.
    #[must_use]
    pub fn signed(self, qty: Qty) -> Qty {
        match self {
            Self::Buy => qty,
            Self::Sell => qty.negated(),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        })
    }
}

/// How an order is to be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum OrderKind {
    /// At whatever price the market gives.
    Market,
    /// At `limit` or better.
    Limit {
        /// Worst price accepted.
        limit: Price,
    },
    /// A market order once the market trades at or through `stop`.
    Stop {
        /// Trigger.
        stop: Price,
    },
    /// A limit order once the market trades at or through `stop`.
    StopLimit {
        /// Trigger.
        stop: Price,
        /// Worst price accepted.
        limit: Price,
    },
}

impl OrderKind {
    /// The limit price, if the order has one.
    #[must_use]
    pub const fn limit(&self) -> Option<Price> {
        match self {
            Self::Limit { limit } | Self::StopLimit { limit, .. } => Some(*limit),
            Self::Market | Self::Stop { .. } => None,
        }
    }

    /// The trigger price, if the order has one.
    #[must_use]
    pub const fn stop(&self) -> Option<Price> {
        match self {
            Self::Stop { stop } | Self::StopLimit { stop, .. } => Some(*stop),
            Self::Market | Self::Limit { .. } => None,
        }
    }
}

/// How long an order lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "tif", content = "until")]
pub enum TimeInForce {
    /// Until the end of the session in which it arrives, or of the next one when it arrives outside.
    Day,
    /// Until filled or cancelled.
    GoodTillCancelled,
    /// Until a moment.
    GoodTillDate(Ts),
    /// What can be filled at once; the rest is cancelled.
    ImmediateOrCancel,
    /// All at once, or nothing.
    FillOrKill,
}
