//! The records of the books: what happened, in the words that are written to the file.
//!
//! The state of the account ([`super::ledger::Ledger`]) changes only by applying records, live as well as when a file
//! is read back, so the two cannot disagree. Each record is one whole change: an execution with its commission, a
//! refusal with its order. A file that ends between two records is therefore always a state that existed.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{
    BrokerOrderId, ClientOrderId, Commission, ExecId, Fill, IdError, OrderTerms,
};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Ts};

use crate::broker::{BrokerOrder, BrokerOrderState, Execution, RejectCode};

/// The venue's name: part of every execution's identity.
pub const VENUE: &str = "paper";

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Received, on its way to the exchange.
    Travelling,
    /// At the exchange.
    Working,
    /// Done: filled whole.
    Filled,
    /// Done: the rest was cancelled.
    Cancelled,
    /// Done: the rest ran out of time.
    Expired,
    /// Done: never worked.
    Rejected,
}

impl Stage {
    pub(super) fn is_done(self) -> bool {
        !matches!(self, Self::Travelling | Self::Working)
    }
}

/// An order in the books.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct OrderRow {
    /// Number, unique for the life of the account; the broker order id is `P<seq>`.
    pub(super) seq: u64,
    pub(super) client_order_id: ClientOrderId,
    /// Terms, as last changed.
    pub(super) terms: OrderTerms,
    pub(super) received_at: Ts,
    /// Data from here on may match it.
    pub(super) effective: Ts,
    /// When it ends by itself, known once it works.
    pub(super) expires: Option<Ts>,
    pub(super) stage: Stage,
    /// Whether its stop was reached.
    pub(super) triggered: bool,
    /// Executed.
    pub(super) filled: Qty,
    /// Number of executions.
    pub(super) fills: u32,
    /// Value executed, without sign.
    pub(super) value: Money,
    /// Commission paid.
    pub(super) commission: Money,
}

impl OrderRow {
    /// The broker order id.
    pub(super) fn broker_order_id(&self) -> Result<BrokerOrderId, IdError> {
        BrokerOrderId::new(format!("P{}", self.seq))
    }

    /// As the port answers it.
    pub(super) fn to_broker_order(&self) -> Result<BrokerOrder, IdError> {
        Ok(BrokerOrder {
            client_order_id: Some(self.client_order_id.clone()),
            broker_order_id: self.broker_order_id()?,
            terms: self.terms,
            filled: self.filled,
            state: match self.stage {
                Stage::Travelling | Stage::Working => BrokerOrderState::Working,
                Stage::Filled => BrokerOrderState::Filled,
                Stage::Cancelled => BrokerOrderState::Cancelled,
                Stage::Expired => BrokerOrderState::Expired,
                Stage::Rejected => BrokerOrderState::Rejected,
            },
            received_at: self.received_at,
        })
    }
}

/// An execution as it happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct FillRecord {
    pub(super) seq: u64,
    /// Which execution of the order, from 1; the execution id is `P<seq>.<n>`.
    pub(super) n: u32,
    pub(super) qty: Qty,
    pub(super) price: Price,
    pub(super) ts: Ts,
    /// What leaves the account for it: positive for a purchase, rounded once.
    pub(super) cost: Money,
    pub(super) commission: Money,
    pub(super) currency: Currency,
}

/// An execution in the books, with all that its order said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ExecutionRow {
    pub(super) fill: FillRecord,
    pub(super) client_order_id: ClientOrderId,
    pub(super) symbol: Symbol,
    pub(super) side: tensortrade_market::order::Side,
}

impl ExecutionRow {
    /// As the port answers it.
    pub(super) fn to_execution(&self) -> Result<Execution, IdError> {
        let FillRecord { seq, n, qty, price, ts, commission, currency, .. } = self.fill;
        let exec_id = ExecId::new(format!("P{seq}.{n}"))?;
        Ok(Execution {
            fill: Fill {
                venue: VENUE.to_owned(),
                exec_id: exec_id.clone(),
                client_order_id: Some(self.client_order_id.clone()),
                broker_order_id: BrokerOrderId::new(format!("P{seq}"))?,
                symbol: self.symbol,
                side: self.side,
                qty,
                price,
                ts,
            },
            commission: Some(Commission { venue: VENUE.to_owned(), exec_id, amount: commission, currency }),
        })
    }
}

/// A request to cancel or change an order, on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    /// Number, from the same sequence as the orders'.
    pub(super) no: u64,
    /// Which order.
    pub(super) seq: u64,
    pub(super) client_order_id: ClientOrderId,
    pub(super) symbol: Symbol,
    /// New terms; `None` asks to cancel.
    pub(super) change: Option<OrderTerms>,
    /// When it was received.
    pub(super) ts: Ts,
    /// When it reaches the exchange.
    pub(super) effective: Ts,
}

/// First line of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Always [`FORMAT`].
    pub(super) format: String,
    /// Always [`VERSION`].
    pub(super) version: u32,
    pub(super) account: String,
    /// What tells this account from every other of the same name; empty where whoever made it gave none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) identity: String,
    /// How many segments came before this file.
    pub(super) segment: u32,
    /// Records after this one that belong to the snapshot this file begins with.
    pub(super) rows: u64,
}

/// What the first line calls the format.
pub(super) const FORMAT: &str = "tensortrade-paper-books";
/// The version this code writes and reads.
pub(super) const VERSION: u32 = 1;

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    /// First line of a file.
    Header(Header),
    // Rows of a snapshot.
    /// The next number and the market time.
    Counters { next: u64, market_time: Ts },
    /// Cash in one currency.
    Cash { currency: Currency, amount: Money },
    /// A position.
    Position { symbol: Symbol, qty: Qty, average_price: Price },
    /// An order.
    Order(OrderRow),
    /// An execution.
    Execution(ExecutionRow),
    // What happens.
    /// An instrument became known, or changed.
    Instrument(Instrument),
    /// An order was received.
    Received { seq: u64, client_order_id: ClientOrderId, terms: OrderTerms, ts: Ts, effective: Ts },
    /// An order was refused on receipt. Without a number when the client order id was used before: the order of that
    /// id stands as it was.
    Refused {
        seq: Option<u64>,
        client_order_id: ClientOrderId,
        terms: OrderTerms,
        code: RejectCode,
        reason: String,
        ts: Ts,
    },
    /// An order works.
    Accepted { seq: u64, ts: Ts, expires: Option<Ts> },
    /// An order was refused when it arrived.
    Rejected { seq: u64, code: RejectCode, reason: String, ts: Ts },
    /// A stop was reached.
    Triggered { seq: u64, ts: Ts },
    /// An execution and its commission.
    Fill(FillRecord),
    /// A request was received.
    Requested(Request),
    /// An order has new terms, by request `no`.
    Modified { seq: u64, no: u64, terms: OrderTerms, ts: Ts },
    /// A request was refused: on receipt (no number), or when it arrived.
    RequestRejected {
        no: Option<u64>,
        client_order_id: ClientOrderId,
        code: RejectCode,
        reason: String,
        ts: Ts,
    },
    /// The rest of an order is cancelled, by request `no` or by its time in force.
    Cancelled { seq: u64, no: Option<u64>, reason: String, ts: Ts },
    /// The rest of an order ran out of time.
    Expired { seq: u64, ts: Ts },
    /// Market time moved on.
    Clock { ts: Ts },
}

impl Record {
    /// Its market time, if it tells one.
    pub(super) fn ts(&self) -> Option<Ts> {
        match self {
            Self::Received { ts, .. }
            | Self::Refused { ts, .. }
            | Self::Accepted { ts, .. }
            | Self::Rejected { ts, .. }
            | Self::Triggered { ts, .. }
            | Self::Modified { ts, .. }
            | Self::RequestRejected { ts, .. }
            | Self::Cancelled { ts, .. }
            | Self::Expired { ts, .. }
            | Self::Clock { ts } => Some(*ts),
            Self::Fill(fill) => Some(fill.ts),
            Self::Requested(request) => Some(request.ts),
            _ => None,
        }
    }
}
