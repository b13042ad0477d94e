//! How events move orders.

use serde::Serialize;
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, OrderTerms};
use tensortrade_market::{Qty, Ts};

use super::OrderBook;
use crate::alarm::Alarm;
use crate::event::ExecutionEvent;
use crate::order::Order;
use crate::state::OrderState;
use crate::transition::{Refusal, Trigger};

/// One order's change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub order: ClientOrderId,
    /// State before.
    pub before: OrderState,
    /// State after.
    pub after: OrderState,
}

/// What an event did.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Outcome {
    /// Orders whose state changed.
    pub changes: Vec<Change>,
    /// Whether an execution was booked that was not known before, on an order or as a foreign one. Exactly then the
    /// portfolio takes it.
    pub new_fill: bool,
    /// Commissions that were not known before: exactly those are charged.
    pub new_commissions: Vec<Commission>,
    /// Why a request of ours is refused. Then it must not be sent.
    pub refused: Option<Refusal>,
    /// What a person should know.
    pub alarms: Vec<Alarm>,
}

impl Outcome {
    /// Adds what another event did.
    pub fn absorb(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.new_fill |= other.new_fill;
        self.new_commissions.extend(other.new_commissions);
        self.refused = self.refused.or(other.refused);
        self.alarms.extend(other.alarms);
    }
}

impl OrderBook {
    /// Takes an event. Total: repeated, late, reordered and unknown reports have a stated treatment and never an error.
    /// O(log n); a broken session or a restart is O(live orders).
    pub fn apply(&mut self, event: &ExecutionEvent) -> Outcome {
        use ExecutionEvent as E;
        let mut out = Outcome::default();
        match event {
            E::Sent { client_order_id, ts } => self.request(client_order_id, Trigger::Sent, *ts, &mut out),
            E::NotSent { client_order_id, reason, ts } => {
                self.note(client_order_id, reason);
                self.request(client_order_id, Trigger::NotSent, *ts, &mut out);
            }
            E::Withdrawn { client_order_id, reason, ts } => {
                self.note(client_order_id, reason);
                self.request(client_order_id, Trigger::Withdrawn, *ts, &mut out);
            }
            E::CancelRequested { client_order_id, ts } => {
                self.request(client_order_id, Trigger::CancelRequested, *ts, &mut out);
            }
            E::ModifyRequested { client_order_id, terms, ts } => {
                self.request(client_order_id, Trigger::ModifyRequested, *ts, &mut out);
                if let (None, Some(order)) = (out.refused, self.orders.get_mut(client_order_id)) {
                    order.terms_wanted = Some(*terms);
                }
            }
            E::InDoubt { client_order_id, reason, ts } => {
                self.doubt(client_order_id, Trigger::InDoubt, reason, *ts, &mut out);
            }
            E::Accepted { client_order_id, broker_order_id, ts } => {
                self.accepted(client_order_id, broker_order_id, *ts, &mut out);
            }
            E::Rejected { client_order_id, reason, ts } => {
                self.note(client_order_id, reason);
                self.report(client_order_id, Trigger::Rejected, *ts, &mut out);
            }
            E::Cancelled { client_order_id, filled, reason, ts } => {
                self.note(client_order_id, reason);
                self.end(client_order_id, Trigger::Cancelled, *filled, *ts, &mut out);
            }
            E::Expired { client_order_id, filled, ts } => {
                self.end(client_order_id, Trigger::Expired, *filled, *ts, &mut out);
            }
            E::Modified { client_order_id, terms, ts } => {
                self.modified(client_order_id, *terms, *ts, &mut out)
            }
            E::RequestRejected { client_order_id, still_works, reason, ts } => {
                self.note(client_order_id, reason);
                let trigger = Trigger::RequestRefused { still_works: *still_works };
                self.report(client_order_id, trigger, *ts, &mut out);
            }
            E::Fill(fill) => self.fill(fill, &mut out),
            E::Commission(commission) => self.commission(commission, &mut out),
            E::Disconnected { ts } => {
                self.doubt_all("the session with the broker broke", *ts, false, &mut out)
            }
            E::Recovered { ts } => self.doubt_all("the node restarted", *ts, true, &mut out),
        }
        out
    }

    /// Gives an order of unknown outcome up: it is `Lost` from now on, and its reservation can go. For operators, and for
    /// a reconciler past its bound; a late fill is still booked.
    pub fn give_up(&mut self, id: &ClientOrderId, reason: &str, now: Ts) -> Outcome {
        let mut out = Outcome::default();
        self.note(id, reason);
        self.request(id, Trigger::GivenUp, now, &mut out);
        if out.refused.is_none() && !out.changes.is_empty() {
            out.alarms.push(Alarm::Lost { order: id.clone(), reason: reason.to_owned() });
        }
        out
    }

    fn note(&mut self, id: &ClientOrderId, reason: &str) {
        if let Some(order) = self.orders.get_mut(id).filter(|order| !order.state.is_terminal()) {
            reason.clone_into(&mut order.reason);
        }
    }

    /// Something we do: a refusal goes back to the caller.
    fn request(&mut self, id: &ClientOrderId, trigger: Trigger, ts: Ts, out: &mut Outcome) {
        if let Some(Err(refusal)) = self.step(id, trigger, ts, out) {
            out.refused = Some(refusal);
        }
    }

    /// Something the broker says: a contradiction is alarmed.
    pub(super) fn report(&mut self, id: &ClientOrderId, trigger: Trigger, ts: Ts, out: &mut Outcome) {
        let contradicts = match self.step(id, trigger, ts, out) {
            None => return,
            Some(Ok((before, after))) => {
                if before == after {
                    self.counters.repeated_reports += 1;
                }
                // Only a rejection of what was executed turns a broker's report into doubt.
                (trigger == Trigger::Rejected && after == OrderState::Unknown && before != after)
                    .then_some(before)
            }
            Some(Err(Refusal::Contradicts(state))) => Some(state),
            Some(Err(_)) => None,
        };
        if let Some(state) = contradicts {
            out.alarms.push(Alarm::Contradiction { order: id.clone(), state, report: trigger });
        }
    }

    /// Moves an order and keeps book of it; `None` when there is no such order.
    pub(super) fn step(
        &mut self,
        id: &ClientOrderId,
        trigger: Trigger,
        ts: Ts,
        out: &mut Outcome,
    ) -> Option<Result<(OrderState, OrderState), Refusal>> {
        let Some(order) = self.orders.get_mut(id) else {
            out.alarms.push(Alarm::UnknownOrder { order: id.clone() });
            return None;
        };
        let sent_before = order.sent_at.is_some();
        let before = match order.step(trigger, ts) {
            Ok(before) => before,
            Err(refusal) => return Some(Err(refusal)),
        };
        if order.is_filled_whole() {
            // Cannot fail: every order that has not ended can become filled.
            let _before = order.step(Trigger::FilledWhole, ts);
        }
        let (after, symbol) = (order.state, order.terms.symbol);
        self.counters.sent += u64::from(!sent_before && order.sent_at.is_some());
        if before != after {
            self.counters.entered(after);
            out.changes.push(Change { order: id.clone(), before, after });
            if after == OrderState::Unknown {
                let reason = order.reason.clone();
                out.alarms.push(Alarm::BecameUnknown { order: id.clone(), reason });
            }
            if after.is_terminal() {
                self.retire(symbol, id);
            }
        }
        Some(Ok((before, after)))
    }

    fn accepted(&mut self, id: &ClientOrderId, broker_id: &BrokerOrderId, ts: Ts, out: &mut Outcome) {
        self.learn_broker_id(id, broker_id);
        match self.orders.get_mut(id) {
            // The first confirmation proves that the broker has the order. A repeat proves nothing about now.
            Some(order) if !order.confirmed => {
                order.confirmed = true;
                if order.state == OrderState::Lost {
                    out.alarms.push(Alarm::AliveAfterEnd { order: id.clone(), state: order.state });
                }
                self.report(id, Trigger::Accepted, ts, out);
            }
            Some(_) => self.counters.repeated_reports += 1,
            None => out.alarms.push(Alarm::UnknownOrder { order: id.clone() }),
        }
    }

    pub(super) fn learn_broker_id(&mut self, id: &ClientOrderId, broker_id: &BrokerOrderId) {
        if let Some(order) = self.orders.get_mut(id)
            && order.broker_order_id.is_none()
        {
            order.broker_order_id = Some(broker_id.clone());
            self.by_broker.insert(broker_id.clone(), id.clone());
        }
    }

    fn end(&mut self, id: &ClientOrderId, trigger: Trigger, filled: Qty, ts: Ts, out: &mut Outcome) {
        if let Some(order) = self.orders.get_mut(id) {
            order.announce(filled, &mut out.alarms);
        }
        self.report(id, trigger, ts, out);
    }

    fn modified(&mut self, id: &ClientOrderId, terms: OrderTerms, ts: Ts, out: &mut Outcome) {
        if let Some(order) = self.orders.get_mut(id).filter(|order| !order.state.is_terminal()) {
            take_terms(order, terms, &mut out.alarms);
        }
        self.report(id, Trigger::Modified, ts, out);
    }

    fn doubt(&mut self, id: &ClientOrderId, trigger: Trigger, reason: &str, ts: Ts, out: &mut Outcome) {
        self.note(id, reason);
        self.report(id, trigger, ts, out);
    }

    /// Puts every request under way in doubt; after a restart also what was never noted as sent.
    fn doubt_all(&mut self, reason: &str, ts: Ts, restarted: bool, out: &mut Outcome) {
        let doubtful =
            |order: &&Order| order.state.awaits_answer() || (restarted && order.state == OrderState::Pending);
        let doubted: Vec<_> = (self.live().filter(doubtful))
            .map(|order| (order.client_order_id(), self.overdue_at(order)))
            .collect();
        for (id, overdue_at) in doubted {
            self.doubt(&id, Trigger::InDoubt, reason, ts, out);
            // A restart makes no request younger: without it the answer would have been overdue by then. Else a node that
            // is restarted again and again would never have waited long enough to believe the broker's books.
            if restarted
                && let Some(order) = self.orders.get_mut(&id).filter(|o| o.state == OrderState::Unknown)
            {
                order.waiting_since = Some(ts.min(overdue_at));
            }
        }
    }

    /// Puts an order in doubt that is not where it should be.
    pub(super) fn question(&mut self, id: &ClientOrderId, reason: &str, ts: Ts, out: &mut Outcome) {
        self.doubt(id, Trigger::Questioned, reason, ts, out);
    }
}

/// Takes over the terms that the broker has; the wanted ones are answered by them.
pub(super) fn take_terms(order: &mut Order, terms: OrderTerms, alarms: &mut Vec<Alarm>) {
    let asked = order.terms_wanted == Some(terms) || order.terms == terms;
    if !asked {
        alarms.push(Alarm::OtherTerms { order: order.client_order_id() });
    }
    if order.terms_wanted == Some(terms) {
        order.terms_wanted = None;
    }
    // An order never changes its symbol or side: such a report is about something else.
    if (terms.symbol, terms.side) == (order.terms.symbol, order.terms.side) {
        order.terms = terms;
    }
}
