//! Which orders are live, and how long ended ones are kept.

use tensortrade_market::Symbol;
use tensortrade_market::order::ClientOrderId;

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
            self.forgotten_until = self.forgotten_until.max(Some(order.intent.decided_at));
            for record in order.executions {
                self.executions.remove(&(record.venue, record.exec_id));
            }
        }
    }
}
