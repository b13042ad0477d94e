//! The broker's books, asked as a whole.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, Fill, OrderTerms};
use tensortrade_market::{Qty, Ts};

use crate::state::OrderState;

/// How an order stands in the broker's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownState {
    /// It works.
    Working,
    /// Filled whole.
    Filled,
    /// Cancelled, perhaps after partial fills.
    Cancelled,
    /// Expired, perhaps after partial fills.
    Expired,
    /// Refused.
    Rejected,
}

impl KnownState {
    /// The state here that it proves.
    #[must_use]
    pub const fn order_state(self) -> OrderState {
        match self {
            Self::Working => OrderState::Working,
            Self::Filled => OrderState::Filled,
            Self::Cancelled => OrderState::Cancelled,
            Self::Expired => OrderState::Expired,
            Self::Rejected => OrderState::Rejected,
        }
    }
}

/// An order in the broker's books.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownOrder {
    /// Ours; `None` for an order that did not come from this node.
    pub client_order_id: Option<ClientOrderId>,
    /// The broker's.
    pub broker_order_id: BrokerOrderId,
    /// Terms.
    pub terms: OrderTerms,
    /// Executed so far.
    pub filled: Qty,
    /// State.
    pub state: KnownState,
}

/// The answers to all three questions. There is no partial form: where one question failed, nothing is proven, and this
/// value cannot be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokerAnswers {
    /// Orders that work.
    pub open: Vec<KnownOrder>,
    /// Orders that are done.
    pub completed: Vec<KnownOrder>,
    /// Executions with their costs, oldest first.
    pub executions: Vec<(Fill, Option<Commission>)>,
    /// From when on completed orders and executions were asked for. An order sent before that is not proven absent.
    pub since: Ts,
    /// When the questions were asked, market time. Requests made shortly before may not have arrived by then.
    pub asked_at: Ts,
}
