//! What the order book is told.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, Fill, OrderTerms};
use tensortrade_market::{Qty, Ts};

/// What the book is told: what we did with an order, and what the broker says of it. Broker events may be repeated,
/// late, out of order or missing. Journalled as they are, they give the book back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum ExecutionEvent {
    /// We handed the order over.
    Sent {
        /// Which.
        client_order_id: ClientOrderId,
        /// Market time.
        ts: Ts,
    },
    /// The order certainly was not handed over.
    NotSent {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// We dropped the order before sending it.
    Withdrawn {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// A request timed out or broke: it may or may not have arrived.
    InDoubt {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// We want to cancel the order.
    CancelRequested {
        /// Which.
        client_order_id: ClientOrderId,
        /// Market time.
        ts: Ts,
    },
    /// We want these terms; risk approved them.
    ModifyRequested {
        /// Which.
        client_order_id: ClientOrderId,
        /// New terms.
        terms: OrderTerms,
        /// Market time.
        ts: Ts,
    },
    /// The broker has the order.
    Accepted {
        /// Which.
        client_order_id: ClientOrderId,
        /// The broker's name for it.
        broker_order_id: BrokerOrderId,
        /// Market time.
        ts: Ts,
    },
    /// The broker rejected the order.
    Rejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// An execution.
    Fill(Fill),
    /// What an execution cost.
    Commission(Commission),
    /// The rest is cancelled.
    Cancelled {
        /// Which.
        client_order_id: ClientOrderId,
        /// Executed before, by the broker's count.
        filled: Qty,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// The rest ran out of time.
    Expired {
        /// Which.
        client_order_id: ClientOrderId,
        /// Executed before, by the broker's count.
        filled: Qty,
        /// Market time.
        ts: Ts,
    },
    /// The order has these terms now.
    Modified {
        /// Which.
        client_order_id: ClientOrderId,
        /// Terms; the quantity is the whole order's, executed part included.
        terms: OrderTerms,
        /// Market time.
        ts: Ts,
    },
    /// A cancel or change was refused.
    RequestRejected {
        /// Which.
        client_order_id: ClientOrderId,
        /// False where the broker says that it has no such working order: it ended, and the report of its end is late
        /// or lost.
        still_works: bool,
        /// Why.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// The session with the broker broke: every request under way is in doubt.
    Disconnected {
        /// Market time.
        ts: Ts,
    },
    /// The node came up from its journal: every order not known to work is in doubt, those never sent included, since
    /// the node may have died between sending and noting it.
    Recovered {
        /// Market time.
        ts: Ts,
    },
}

impl ExecutionEvent {
    /// The order it speaks of; fills and commissions are matched by the book.
    #[must_use]
    pub fn client_order_id(&self) -> Option<&ClientOrderId> {
        match self {
            Self::Sent { client_order_id, .. }
            | Self::NotSent { client_order_id, .. }
            | Self::Withdrawn { client_order_id, .. }
            | Self::InDoubt { client_order_id, .. }
            | Self::CancelRequested { client_order_id, .. }
            | Self::ModifyRequested { client_order_id, .. }
            | Self::Accepted { client_order_id, .. }
            | Self::Rejected { client_order_id, .. }
            | Self::Cancelled { client_order_id, .. }
            | Self::Expired { client_order_id, .. }
            | Self::Modified { client_order_id, .. }
            | Self::RequestRejected { client_order_id, .. } => Some(client_order_id),
            Self::Fill(fill) => fill.client_order_id.as_ref(),
            Self::Commission(_) | Self::Disconnected { .. } | Self::Recovered { .. } => None,
        }
    }
}
