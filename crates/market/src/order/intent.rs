//! What the node wants to trade.

use serde::{Deserialize, Serialize};

use super::{ClientOrderId, IntentId, OrderKind, Side, TimeInForce};
use crate::fixed::{Price, Qty};
use crate::symbol::Symbol;
use crate::time::Ts;

/// The terms of an order: what a risk approval covers and what the broker receives, compared field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderTerms {
    /// What.
    pub symbol: Symbol,
    /// Which way.
    pub side: Side,
    /// How much, more than zero.
    pub qty: Qty,
    /// How.
    pub kind: OrderKind,
    /// How long.
    pub tif: TimeInForce,
}

impl OrderTerms {
    /// The signed change of position if it fills whole.
    #[must_use]
    pub fn signed_qty(&self) -> Qty {
        self.side.signed(self.qty)
    }
}

/// A wish to trade, not yet approved. Only risk can turn it into something that execution accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderIntent {
    /// Identity, from [`IntentId::derive`].
    pub id: IntentId,
    /// The strategy that decided (`rules`, `operator` for a command).
    pub strategy: String,
    /// The decision's market time.
    pub decided_at: Ts,
    /// What is wanted.
    pub terms: OrderTerms,
    /// The price the decision was made at, for collars and slippage.
    pub reference: Price,
    /// Why, in a few words, for people.
    pub reason: String,
}

impl OrderIntent {
    /// The order id under which it would go out.
    #[must_use]
    pub fn client_order_id(&self) -> ClientOrderId {
        self.id.client_order_id()
    }
}
