//! The serialised form of a book: facts without the indexes that follow from them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, ExecutionMemory};

use super::fills::Booked;
use super::{BookConfig, OrderBook};
use crate::counters::Counters;
use crate::order::Order;
use crate::quality::SlippageSummary;

/// What is written.
#[derive(Serialize, Deserialize)]
pub(super) struct BookState {
    config: BookConfig,
    orders: Vec<Order>,
    /// A fact too: should a broker name two orders alike, it is the one that was named last.
    by_broker: Vec<(BrokerOrderId, ClientOrderId)>,
    done: Vec<ClientOrderId>,
    forgotten: Option<(Ts, BTreeSet<ClientOrderId>)>,
    known: ExecutionMemory<Booked>,
    early_commissions: Vec<Commission>,
    counters: Counters,
    slippage: SlippageSummary,
}

impl From<OrderBook> for BookState {
    fn from(book: OrderBook) -> Self {
        Self {
            config: book.config,
            orders: book.orders.into_values().collect(),
            by_broker: book.by_broker.into_iter().collect(),
            done: book.done.into(),
            forgotten: book.forgotten,
            known: book.known,
            early_commissions: book.early_commissions.into(),
            counters: book.counters,
            slippage: book.slippage,
        }
    }
}

impl From<BookState> for OrderBook {
    fn from(state: BookState) -> Self {
        let mut book = Self::empty(state.config);
        for order in state.orders {
            let id = order.client_order_id();
            for record in &order.executions {
                book.executions.insert((record.venue.clone(), record.exec_id.clone()), id.clone());
            }
            if !order.state.is_terminal() {
                book.mark_live(order.terms.symbol, id.clone());
            }
            book.orders.insert(id, order);
        }
        book.by_broker = state.by_broker.into_iter().collect();
        book.done = state.done.into();
        book.forgotten = state.forgotten;
        book.known = state.known;
        book.early_commissions = state.early_commissions.into();
        book.counters = state.counters;
        book.slippage = state.slippage;
        book
    }
}
