//! Intents and orders as the events left them.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, IntentId, OrderIntent, OrderTerms};
use tensortrade_market::{Money, Qty, Ts};

use super::Recovered;
use crate::event::{Approved, Modified, OrderStateChange, OrderStatus, Submitted};

/// How many closed orders are remembered, the newest ones: late fills are booked to them.
pub const CLOSED_ORDERS_KEPT_MAX: usize = 2048;

/// How many open intents are remembered; beyond it the one that was decided first is forgotten. Intents leave when they
/// are refused or submitted, so this is reached only when approvals are left lying.
pub(super) const OPEN_INTENTS_MAX: usize = 65_536;

/// An intent that is neither refused nor submitted, with its approval if it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenIntent {
    /// The intent.
    pub intent: OrderIntent,
    /// The last approval.
    pub approval: Option<Approved>,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Of which intent.
    pub intent_id: IntentId,
    /// Terms now.
    pub terms: OrderTerms,
    /// State.
    pub status: OrderStatus,
    /// Executed: the sum over journalled fills.
    pub filled: Qty,
    /// Sum of the fills' signed notionals.
    pub value: Money,
    /// The broker's id, once known.
    pub broker_order_id: Option<BrokerOrderId>,
    /// Why it is in this state.
    pub reason: String,
    /// Approved until, market time; from the approval it was submitted under.
    pub expires_at: Option<Ts>,
    /// Lease epoch of the last submission.
    pub lease_epoch: u64,
    /// When it was recorded, market time.
    pub submitted_at: Ts,
    /// When its state last changed, market time.
    pub updated_at: Ts,
}

impl Recovered {
    pub(super) fn add_intent(&mut self, intent: &OrderIntent) {
        let latest = self.latest_intents.entry(intent.strategy.clone()).or_insert_with(|| {
            super::LatestIntents { decided_at: intent.decided_at, ids: std::collections::BTreeSet::new() }
        });
        if intent.decided_at > latest.decided_at {
            latest.decided_at = intent.decided_at;
            latest.ids.clear();
        }
        if intent.decided_at == latest.decided_at {
            latest.ids.insert(intent.id.clone());
        }
        if self.intents.len() >= OPEN_INTENTS_MAX
            && let Some(oldest) = self
                .intents
                .iter()
                .min_by_key(|(id, open)| (open.intent.decided_at, *id))
                .map(|(id, _)| id.clone())
        {
            self.intents.remove(&oldest);
        }
        self.intents.insert(intent.id.clone(), OpenIntent { intent: intent.clone(), approval: None });
    }

    pub(super) fn add_order(&mut self, e: &Submitted) {
        let open = self.intents.remove(&e.intent_id);
        let expires_at = open.as_ref().and_then(|open| Some(open.approval.as_ref()?.expires_at));
        if let Some(open) = open {
            self.books.submitted(open.intent, e.ts);
        }
        if self.orders.contains_key(&e.client_order_id) {
            // A repeated outbox record changes nothing that is known of the order; `verify` reports it.
            return;
        }
        let order = OrderRecord {
            intent_id: e.intent_id.clone(),
            terms: e.terms,
            status: OrderStatus::Submitted,
            filled: Qty::ZERO,
            value: Money::ZERO,
            broker_order_id: None,
            reason: String::new(),
            expires_at,
            lease_epoch: e.lease_epoch,
            submitted_at: e.ts,
            updated_at: e.ts,
        };
        self.orders.insert(e.client_order_id.clone(), order);
    }

    pub(super) fn modify_order(&mut self, e: &Modified) {
        if let Some(order) = self.orders.get_mut(&e.client_order_id) {
            order.terms = e.terms;
            order.lease_epoch = e.lease_epoch;
            order.updated_at = e.ts;
        }
    }

    pub(super) fn move_order(&mut self, e: &OrderStateChange) {
        self.books.order_state(e);
        let Some(order) = self.orders.get_mut(&e.client_order_id) else { return };
        let was_closed = order.status.is_terminal();
        order.status = e.to;
        order.reason.clone_from(&e.reason);
        order.updated_at = e.ts;
        if e.broker_order_id.is_some() {
            order.broker_order_id.clone_from(&e.broker_order_id);
        }
        match (was_closed, e.to.is_terminal()) {
            (false, true) => self.close_order(e.client_order_id.clone()),
            // Proof that a lost order lives after all.
            (true, false) => self.closed.retain(|id| *id != e.client_order_id),
            _ => {}
        }
    }

    fn close_order(&mut self, id: ClientOrderId) {
        self.closed.push_back(id);
        while self.closed.len() > CLOSED_ORDERS_KEPT_MAX {
            if let Some(oldest) = self.closed.pop_front() {
                self.orders.remove(&oldest);
            }
        }
    }
}
