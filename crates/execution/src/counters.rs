//! How many orders came to what.

use serde::{Deserialize, Serialize};

use crate::state::OrderState;

/// Counts since the book began. An order counts once in each state it enters that is counted here; `unknown` counts
/// entries, since an order can fall into doubt more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Intents that became orders.
    pub intents: u64,
    /// Orders handed over, or proven to have been.
    pub sent: u64,
    /// Filled whole.
    pub filled: u64,
    /// Cancelled, perhaps after partial fills.
    pub cancelled: u64,
    /// Rejected.
    pub rejected: u64,
    /// Expired, perhaps after partial fills.
    pub expired: u64,
    /// Times an order's outcome became unknown.
    pub unknown: u64,
    /// Lost.
    pub lost: u64,
    /// Executions booked on orders.
    pub fills: u64,
    /// Executions that came again.
    pub repeated_fills: u64,
    /// Executions of no order in the book.
    pub foreign_fills: u64,
    /// Executions of orders that had ended.
    pub late_fills: u64,
    /// Reports that changed nothing: repeats and latecomers.
    pub repeated_reports: u64,
}

impl Counters {
    /// Counts a change of state.
    pub(crate) fn entered(&mut self, state: OrderState) {
        let counter = match state {
            OrderState::Filled => &mut self.filled,
            OrderState::Cancelled => &mut self.cancelled,
            OrderState::Rejected => &mut self.rejected,
            OrderState::Expired => &mut self.expired,
            OrderState::Unknown => &mut self.unknown,
            OrderState::Lost => &mut self.lost,
            OrderState::Pending
            | OrderState::Sent
            | OrderState::Working
            | OrderState::PartiallyFilled
            | OrderState::PendingCancel
            | OrderState::PendingModify => return,
        };
        *counter += 1;
    }
}
