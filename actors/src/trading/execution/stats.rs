//! Orders and counts as shown to people.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tensortrade_execution::OrderState;
use tensortrade_market::order::ClientOrderId;
use tensortrade_market::{Qty, Symbol, Ts};

use super::ExecutionState;

/// An order as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct OrderView {
    /// Ours.
    pub client_order_id: ClientOrderId,
    /// What.
    pub symbol: Symbol,
    /// Which way.
    pub side: String,
    /// How much.
    pub qty: Qty,
    /// Executed so far.
    pub filled: Qty,
    /// Where it stands.
    pub state: OrderState,
    /// Since when.
    pub created_at: String,
    /// Why.
    pub reason: String,
}

/// Counts of execution.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ExecutionCounts {
    /// Intents, refused ones included.
    pub intents: u64,
    /// Handed over.
    pub sent: u64,
    /// Filled whole.
    pub filled: u64,
    /// Cancelled or expired.
    pub cancelled: u64,
    /// Refused by the broker.
    pub rejected: u64,
    /// Of unknown outcome now.
    pub unknown_now: u64,
    /// Executions booked.
    pub fills: u64,
    /// Intents that risk refused.
    pub refused: u64,
    /// Orders that are not done.
    pub open: u64,
    /// When the oldest of them was made, market time.
    #[serde(skip)]
    pub oldest_open: Option<Ts>,
}

/// Where counts are read.
#[derive(Debug, Default)]
pub struct ExecutionStats(Mutex<ExecutionCounts>, Mutex<BTreeMap<String, u64>>);

impl ExecutionStats {
    /// The counts now.
    #[must_use]
    pub fn read(&self) -> ExecutionCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refused intents by risk's code, over all incarnations of this process.
    #[must_use]
    pub fn refusals(&self) -> BTreeMap<String, u64> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn refused(&self, code: &str) {
        let mut refusals = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        match refusals.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(refusals.insert(code.to_owned(), 1)),
        }
    }
}

impl ExecutionState {
    pub(super) fn publish(&self) {
        let (now, base) = (self.args.book.counters(), self.base);
        let counts = ExecutionCounts {
            intents: now.intents - base.intents + self.refused,
            sent: now.sent - base.sent,
            filled: now.filled - base.filled,
            cancelled: now.cancelled + now.expired - base.cancelled - base.expired,
            rejected: now.rejected - base.rejected,
            unknown_now: self.args.book.unknown().count() as u64,
            fills: now.fills + now.foreign_fills - base.fills - base.foreign_fills,
            refused: self.refused,
            open: self.args.book.live_count() as u64,
            oldest_open: self.args.book.live().map(|order| order.created_at).min(),
        };
        *self.args.stats.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}
