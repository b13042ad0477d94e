//! The only ways in: approved intents and approved changes.

use tensortrade_market::order::{ClientOrderId, OrderIntent, OrderTerms};
use tensortrade_market::{Symbol, Ts};
use tensortrade_risk::{OrderChange, RiskApproved};

use super::OrderBook;
use crate::event::ExecutionEvent;
use crate::order::Order;
use crate::state::OrderState;
use crate::transition::{Refusal, Trigger, transition};

/// What to do with a submitted intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Submission {
    /// A new order: make it durable, then send it under this identity with these terms, once.
    Send {
        /// Its identity at the broker.
        client_order_id: ClientOrderId,
        /// What to send.
        terms: OrderTerms,
    },
    /// This intent has its order already. Send nothing.
    Already(OrderState),
}

/// Why an intent or a change was not taken. The book is unchanged, nothing may be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The approval has run out, or is for other terms.
    #[error("order {0}: the approval does not hold for these terms at {1}: ask risk again")]
    NotApproved(ClientOrderId, Ts),
    /// Another order exists under the same identity.
    #[error("order {0} exists with other terms: an intent is one order, decide anew")]
    OtherTerms(ClientOrderId),
    /// The symbol has an order of unknown outcome, and this one does not reduce its position.
    #[error("{0} has an order of unknown outcome: no new risk until it is resolved")]
    SymbolInDoubt(Symbol),
    /// Too many orders have not ended.
    #[error("{0} orders have not ended, the most that execution.live_max allows")]
    Full(usize),
    /// The decision is older than orders that are no longer kept, and may be one of them.
    #[error("order {0} was decided before orders that are no longer kept: it may be a repeat")]
    TooOld(ClientOrderId),
    /// No such order.
    #[error("order {0} is not in the book")]
    NoOrder(ClientOrderId),
    /// The order cannot be changed now.
    #[error("order {0} cannot be changed: {1}")]
    NotChangeable(ClientOrderId, Refusal),
}

impl OrderBook {
    /// Takes an approved intent. Idempotent: the same intent again is `Already`, whatever became of it. O(log n).
    pub fn submit(
        &mut self,
        approved: RiskApproved<OrderIntent>,
        now: Ts,
    ) -> Result<Submission, SubmitError> {
        let client_order_id = approved.value().client_order_id();
        let terms = approved.value().terms;
        if let Some(order) = self.orders.get(&client_order_id) {
            return if order.intent.terms == terms {
                Ok(Submission::Already(order.state))
            } else {
                Err(SubmitError::OtherTerms(client_order_id))
            };
        }
        if !approved.is_valid_for(&terms, now) || *approved.reservation_id() != client_order_id {
            return Err(SubmitError::NotApproved(client_order_id, now));
        }
        if self.may_be_forgotten(approved.value().decided_at, &client_order_id) {
            return Err(SubmitError::TooOld(client_order_id));
        }
        // Risk asks the same; this book may know of a doubt a moment earlier.
        if self.has_unknown(terms.symbol) && !approved.is_reducing() {
            return Err(SubmitError::SymbolInDoubt(terms.symbol));
        }
        if self.live_count >= self.config.live_max {
            return Err(SubmitError::Full(self.live_count));
        }
        self.enter(approved.into_value(), now);
        Ok(Submission::Send { client_order_id, terms })
    }

    /// Takes back an order from the journal, as `Pending`; its journalled events follow by [`Self::apply`], and
    /// [`ExecutionEvent::Recovered`] at the end. It gives no right to send: only [`Self::submit`] does. An order that is
    /// in the book already stays as it is.
    pub fn reinstate(&mut self, intent: OrderIntent, created_at: Ts) {
        if !self.orders.contains_key(&intent.client_order_id()) {
            self.enter(intent, created_at);
        }
    }

    /// Notes an approved change of an order. `Ok` gives the right to send it.
    pub fn request_change(
        &mut self,
        approved: RiskApproved<OrderChange>,
        now: Ts,
    ) -> Result<OrderTerms, SubmitError> {
        let change = approved.value();
        let (id, terms) = (change.client_order_id.clone(), change.terms);
        let order = self.orders.get(&id).ok_or_else(|| SubmitError::NoOrder(id.clone()))?;
        if !approved.is_valid_for(&terms, now) || *approved.reservation_id() != id {
            return Err(SubmitError::NotApproved(id, now));
        }
        if (order.terms.symbol, order.terms.side) != (terms.symbol, terms.side) {
            return Err(SubmitError::OtherTerms(id));
        }
        transition(order.state, Trigger::ModifyRequested, order.filled.signum() > 0)
            .map_err(|refusal| SubmitError::NotChangeable(id.clone(), refusal))?;
        self.apply(&ExecutionEvent::ModifyRequested { client_order_id: id, terms, ts: now });
        Ok(terms)
    }

    fn enter(&mut self, intent: OrderIntent, now: Ts) {
        let (id, symbol) = (intent.client_order_id(), intent.terms.symbol);
        self.counters.intents += 1;
        self.mark_live(symbol, id.clone());
        self.orders.insert(id, Order::new(intent, now));
    }
}
