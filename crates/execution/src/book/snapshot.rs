//! The serialised form of a book: facts without the indexes that follow from them.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;
use tensortrade_market::order::{ClientOrderId, Commission, ExecId};

use super::{BookConfig, OrderBook};
use crate::counters::Counters;
use crate::order::Order;
use crate::quality::SlippageSummary;

/// What is written.
#[derive(Serialize, Deserialize)]
pub(super) struct BookState {
    config: BookConfig,
    orders: Vec<Order>,
    done: Vec<ClientOrderId>,
    forgotten_until: Option<Ts>,
    foreign: Vec<(String, ExecId)>,
    early_commissions: Vec<Commission>,
    counters: Counters,
    slippage: SlippageSummary,
}

impl From<OrderBook> for BookState {
    fn from(book: OrderBook) -> Self {
        Self {
            config: book.config,
            orders: book.orders.into_values().collect(),
            done: book.done.into(),
            forgotten_until: book.forgotten_until,
            foreign: book.foreign.into(),
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
                book.executions.insert((record.venue.clone(), record.exec_id.clone()), Some(id.clone()));
            }
            if let Some(broker_order_id) = &order.broker_order_id {
                book.by_broker.insert(broker_order_id.clone(), id.clone());
            }
            if !order.state.is_terminal() {
                book.mark_live(order.terms.symbol, id.clone());
            }
            book.orders.insert(id, order);
        }
        book.executions.extend(state.foreign.iter().map(|key| (key.clone(), None)));
        book.done = state.done.into();
        book.forgotten_until = state.forgotten_until;
        book.foreign = state.foreign.into();
        book.early_commissions = state.early_commissions.into();
        book.counters = state.counters;
        book.slippage = state.slippage;
        book
    }
}
