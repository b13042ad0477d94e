//! Events along an order's life: approval, submission, states, executions.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, ExecId, Fill, IntentId, OrderTerms};
use tensortrade_market::{Currency, Money, Qty, Ts};

/// Risk approved an intent, and holds exposure for it until `expires_at`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// Which intent.
    pub intent_id: IntentId,
    /// For exactly these terms.
    pub terms: OrderTerms,
    /// When, market time.
    pub approved_at: Ts,
    /// Last moment at which it may be submitted, market time.
    pub expires_at: Ts,
    /// Notional reserved, in the account's base currency.
    pub reservation: Money,
}

/// Risk refused an intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which intent.
    pub intent_id: IntentId,
    /// For these terms.
    pub terms: OrderTerms,
    /// Reason code, as risk names it.
    pub code: String,
    /// Limit and value, for people.
    pub detail: String,
    /// When, market time.
    pub ts: Ts,
}

/// The outbox record: durable before the order is sent, so that after a kill the node knows what may be out there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The id it goes out under; never changes on retry.
    pub client_order_id: ClientOrderId,
    /// Of which intent; at most one order each.
    pub intent_id: IntentId,
    /// The approved terms.
    pub terms: OrderTerms,
    /// Epoch of the lease under which it is sent.
    pub lease_epoch: u64,
    /// When, market time.
    pub ts: Ts,
}

/// The outbox record of a change: durable before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modified {
    /// Which order.
    pub client_order_id: ClientOrderId,
    /// Of which intent.
    pub intent_id: IntentId,
    /// The new, approved terms; the quantity is the whole order's, executed part included.
    pub terms: OrderTerms,
    /// Epoch of the lease under which it is sent.
    pub lease_epoch: u64,
    /// When, market time.
    pub ts: Ts,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Recorded; sending it is next.
    Submitted,
    /// Handed to the broker, not acknowledged yet.
    Sent,
    /// Works at the broker.
    Working,
    /// Works, with a part executed.
    PartiallyFilled,
    /// A cancel is on its way.
    CancelPending,
    /// A change is on its way.
    ModifyPending,
    /// Whether it arrived, works or was executed is not known; exposure stays reserved.
    Unknown,
    /// Executed whole.
    Filled,
    /// Cancelled, perhaps after partial executions.
    Cancelled,
    /// Refused by the broker.
    Rejected,
    /// Ran out of time.
    Expired,
    /// Never sent: recorded, then given up with proof that nothing left.
    NotSent,
    /// The broker proved that it has no such order and never executed it.
    Lost,
}

impl OrderStatus {
    /// Whether nothing more is expected. A late fill may still come.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Cancelled | Self::Rejected | Self::Expired | Self::NotSent | Self::Lost
        )
    }

    /// The name in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Sent => "sent",
            Self::Working => "working",
            Self::PartiallyFilled => "partially_filled",
            Self::CancelPending => "cancel_pending",
            Self::ModifyPending => "modify_pending",
            Self::Unknown => "unknown",
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::NotSent => "not_sent",
            Self::Lost => "lost",
        }
    }
}

impl std::fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// An order changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderStateChange {
    /// Which order.
    pub client_order_id: ClientOrderId,
    /// The broker's id, once known.
    pub broker_order_id: Option<BrokerOrderId>,
    /// From.
    pub from: OrderStatus,
    /// To.
    pub to: OrderStatus,
    /// Executed so far, as the state machine counts it.
    pub filled: Qty,
    /// Why, for people.
    pub reason: String,
    /// When, market time.
    pub ts: Ts,
}

/// An execution and what is needed to book it without looking anything up.
///
/// Trades that did not come from this node have no client order id in their fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BookedFill {
    /// The execution.
    pub fill: Fill,
    /// The instrument's multiplier.
    pub multiplier: Qty,
    /// The currency in which it settles.
    pub currency: Currency,
}

/// An execution came for an order that was thought cancelled, expired, rejected or lost. The fill itself is booked by
/// its own event; this one asks for attention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateFill {
    /// Which order.
    pub client_order_id: ClientOrderId,
    /// Where.
    pub venue: String,
    /// Which execution.
    pub exec_id: ExecId,
    /// The state in which the order was thought to be.
    pub status: OrderStatus,
    /// When, market time.
    pub ts: Ts,
}
