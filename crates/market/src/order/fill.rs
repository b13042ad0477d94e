//! What the broker reports back.

use serde::{Deserialize, Serialize};

use super::{BrokerOrderId, ClientOrderId, ExecId, Side};
use crate::fixed::{Price, Qty};
use crate::money::{Currency, Money};
use crate::symbol::Symbol;
use crate::time::Ts;

/// One execution. Applied once per `(venue, exec_id)`, whatever the broker repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fill {
    /// Where, as the broker names it (`paper`).
    pub venue: String,
    /// Identity at the venue.
    pub exec_id: ExecId,
    /// Our order; `None` for a trade that did not come from this node (a manual order, a liquidation).
    pub client_order_id: Option<ClientOrderId>,
    /// The broker's order id.
    pub broker_order_id: BrokerOrderId,
    /// What.
    pub symbol: Symbol,
    /// Which way.
    pub side: Side,
    /// How much, more than zero.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// When, in market time.
    pub ts: Ts,
}

impl Fill {
    /// The signed change of position.
    #[must_use]
    pub fn signed_qty(&self) -> Qty {
        self.side.signed(self.qty)
    }
}

/// What an execution cost; may come before or after its fill, and is joined to it by execution id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commission {
    /// Where.
    pub venue: String,
    /// Of which execution.
    pub exec_id: ExecId,
    /// How much, positive when paid.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
}
