//! The port through which orders go out.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, Fill, OrderTerms};
use tensortrade_market::{Currency, Money, Price, Qty, Symbol, Ts};

use crate::feed::MarketBatch;

/// Why a broker refused something, in the field's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// The broker does not know the symbol.
    UnknownSymbol,
    /// Quantity is zero, negative, off the lot grid, or too large.
    BadQuantity,
    /// Price is off the tick grid or missing.
    BadPrice,
    /// The client order id was used before.
    DuplicateOrder,
    /// No such order.
    UnknownOrder,
    /// The order can no longer be changed or cancelled: it is filled, cancelled or expired.
    NotWorking,
    /// Not enough money or margin.
    InsufficientFunds,
    /// The market is closed for this order.
    MarketClosed,
    /// No price to match against.
    NoMarket,
    /// Anything else: the text tells.
    Other,
}

/// State of the session with the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Orders may go out (once reconciled).
    Up,
    /// Nothing goes out; what comes in is still booked.
    Down,
}

/// What the broker tells, in the order in which it tells it. May be repeated or late: whoever reads it deduplicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum BrokerEvent {
    /// The order works.
    Accepted {
        /// Ours.
        client_order_id: ClientOrderId,
        /// The broker's.
        broker_order_id: BrokerOrderId,
        /// Market time.
        ts: Ts,
    },
    /// The order never worked.
    Rejected {
        /// Ours.
        client_order_id: ClientOrderId,
        /// Why.
        code: RejectCode,
        /// Why, in words.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// An execution.
    Fill(Fill),
    /// What an execution cost.
    Commission(Commission),
    /// The rest of the order is cancelled.
    Cancelled {
        /// Ours.
        client_order_id: ClientOrderId,
        /// Executed before.
        filled: Qty,
        /// Why, in words.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// The rest of the order ran out of time.
    Expired {
        /// Ours.
        client_order_id: ClientOrderId,
        /// Executed before.
        filled: Qty,
        /// Market time.
        ts: Ts,
    },
    /// The order now has these terms.
    Modified {
        /// Ours.
        client_order_id: ClientOrderId,
        /// New terms; the quantity is the whole order's, executed part included.
        terms: OrderTerms,
        /// Market time.
        ts: Ts,
    },
    /// A cancel or a change was refused; the order stands as it was.
    RequestRejected {
        /// Ours.
        client_order_id: ClientOrderId,
        /// Why.
        code: RejectCode,
        /// Why, in words.
        reason: String,
        /// Market time.
        ts: Ts,
    },
    /// The session changed.
    Connection {
        /// To what.
        state: Connection,
        /// Why, in words.
        reason: String,
        /// Market time.
        ts: Ts,
    },
}

/// Where an order stands in the broker's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerOrderState {
    /// Waiting or partly filled.
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

/// An order as the broker has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BrokerOrder {
    /// Ours; `None` for an order that did not come from this node.
    pub client_order_id: Option<ClientOrderId>,
    /// The broker's.
    pub broker_order_id: BrokerOrderId,
    /// Terms.
    pub terms: OrderTerms,
    /// Executed so far.
    pub filled: Qty,
    /// State.
    pub state: BrokerOrderState,
    /// When the broker received it, market time.
    pub received_at: Ts,
}

/// An execution with what it cost, if that is known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// The fill.
    pub fill: Fill,
    /// Its cost.
    pub commission: Option<Commission>,
}

/// A position as the broker has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerPosition {
    /// What.
    pub symbol: Symbol,
    /// How much, signed; never zero.
    pub qty: Qty,
    /// Average price paid or received, per unit.
    pub average_price: Price,
}

/// Money in the account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccountSnapshot {
    /// Whose.
    pub account: String,
    /// Cash by currency.
    pub cash: BTreeMap<Currency, Money>,
}

/// Why a request did not get through. None of these says that the request had no effect: after `Timeout` or
/// `Disconnected` the outcome is unknown until the broker proves it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// No connection. The request may or may not have arrived.
    #[error("broker disconnected: {0}")]
    Disconnected(String),
    /// No answer in time. The request may or may not have arrived.
    #[error("broker did not answer: {0}")]
    Timeout(String),
    /// Certain refusal before anything was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The broker's own books cannot be read or written.
    #[error("broker books: {0}")]
    Books(String),
}

/// A place that takes orders. Implementations: the paper exchange, Interactive Brokers, and wrappers that inject faults.
///
/// `place`, `cancel` and `modify` return once the request is handed over; what became of it comes as [`BrokerEvent`]s.
pub trait Broker: Send {
    /// The venue's name, part of every execution's identity.
    fn venue(&self) -> &str;

    /// Market data, for brokers that match against it; others ignore it. Comes in event order, each batch once.
    fn on_market(&mut self, batch: &MarketBatch);

    /// All data before this moment has been given to `on_market`.
    fn on_watermark(&mut self, watermark: Ts);

    /// Makes an instrument known before its first order.
    fn on_instrument(&mut self, instrument: &tensortrade_market::Instrument);

    /// Hands over an order at market time `now`.
    fn place<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Asks to cancel what is left of an order.
    fn cancel<'a>(&'a mut self, id: &'a ClientOrderId, now: Ts) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Asks to change an order's quantity or prices.
    fn modify<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>>;

    /// Moves the events that have come since the last call to the end of `out`.
    fn drain_events(&mut self, out: &mut Vec<BrokerEvent>);

    /// Completes when events may be waiting; for brokers whose events come on their own. Those that only answer to
    /// `on_market` and requests return a future that never completes.
    fn events_ready(&mut self) -> BoxFuture<'static, ()>;

    /// Orders that work.
    fn open_orders(&mut self) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>>;

    /// Orders that are done, received at or after `since`.
    fn completed_orders(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>>;

    /// Executions at or after `since`, oldest first.
    fn executions(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<Execution>, BrokerError>>;

    /// Every position that is not zero.
    fn positions(&mut self) -> BoxFuture<'_, Result<Vec<BrokerPosition>, BrokerError>>;

    /// Cash.
    fn account(&mut self) -> BoxFuture<'_, Result<AccountSnapshot, BrokerError>>;
}
