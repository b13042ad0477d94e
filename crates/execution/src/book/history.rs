//! Which orders are live, and how long ended ones are kept.

use std::collections::BTreeSet;

use tensortrade_market::order::ClientOrderId;
use tensortrade_market::{Symbol, Ts};

use super::OrderBook;

impl OrderBook {
    pub(super) fn mark_live(&mut self, symbol: Symbol, id: ClientOrderId) {
        if self.live.entry(symbol).or_default().insert(id) {
            self.live_count += 1;
        }
    }

    /// Moves an order that has ended to the history, and lets the oldest go.
    pub(super) fn retire(&mut self, symbol: Symbol, id: &ClientOrderId) {
        if let Some(ids) = self.live.get_mut(&symbol) {
            if ids.remove(id) {
                self.live_count = self.live_count.saturating_sub(1);
                self.done.push_back(id.clone());
            }
            if ids.is_empty() {
                self.live.remove(&symbol);
            }
        }
        while self.done.len() > self.config.history_max {
            let Some(order) = self.done.pop_front().and_then(|oldest| self.orders.remove(&oldest)) else {
                break;
            };
            if let Some(broker_order_id) = &order.broker_order_id {
                self.by_broker.remove(broker_order_id);
            }
            self.forget(order.intent.decided_at, order.client_order_id());
            for record in order.executions {
                self.executions.remove(&(record.venue, record.exec_id));
            }
        }
    }

    /// The orders of the latest moment are remembered by name: others of the same step may not be submitted yet.
    fn forget(&mut self, decided_at: Ts, id: ClientOrderId) {
        let (until, ids) = self.forgotten.get_or_insert_with(|| (decided_at, BTreeSet::new()));
        if decided_at > *until {
            *until = decided_at;
            ids.clear();
        }
        if decided_at == *until {
            ids.insert(id);
        }
    }

    /// Whether an intent may be one whose order is no longer kept.
    pub(super) fn may_be_forgotten(&self, decided_at: Ts, id: &ClientOrderId) -> bool {
        let Some((until, ids)) = &self.forgotten else { return false };
        decided_at < *until || ids.contains(id)
    }
}
