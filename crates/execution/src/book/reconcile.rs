//! Orders against the broker's own books.

use tensortrade_market::order::ClientOrderId;
use tensortrade_market::{Qty, Ts};

use super::OrderBook;
use super::apply::{Outcome, take_terms};
use super::deadlines::ms_to_ns;
use crate::alarm::Alarm;
use crate::event::ExecutionEvent;
use crate::order::Order;
use crate::proof::{BrokerAnswers, KnownOrder, KnownState};
use crate::state::OrderState;
use crate::transition::Trigger;

impl OrderBook {
    /// Takes the broker's books. Executions first, since they are authoritative; then every order there; then every
    /// order here that is not there.
    ///
    /// | Here | Open there | Completed there | Neither |
    /// |---|---|---|---|
    /// | unknown | works | as it ended there | lost, if nothing is filled and the books cover its whole life |
    /// | sent, working | works | as it ended there | unknown: it should be there |
    /// | ended | alarm: cancel it | nothing | nothing |
    ///
    /// Books asked for within the settle time after a request say nothing about it. An order completed as filled whose
    /// executions are missing stays as it is, with an alarm, until they come. O(n log n).
    pub fn resolve(&mut self, answers: &BrokerAnswers) -> Outcome {
        let mut out = Outcome::default();
        for (fill, commission) in &answers.executions {
            out.absorb(self.apply(&ExecutionEvent::Fill(fill.clone())));
            if let Some(commission) = commission {
                self.commission(commission, &mut out);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for known in answers.open.iter().chain(&answers.completed) {
            match self.find(known) {
                Some(id) => {
                    self.take_known(&id, known, answers.asked_at, &mut out);
                    seen.insert(id);
                }
                None if known.state == KnownState::Working => {
                    out.alarms.push(Alarm::ForeignOrder { broker_order_id: known.broker_order_id.clone() });
                }
                None => {}
            }
        }
        let absent: Vec<_> = (self.live())
            .filter(|order| !seen.contains(&order.client_order_id()) && self.should_be_there(order, answers))
            .map(|order| (order.client_order_id(), order.state))
            .collect();
        for (id, state) in absent {
            if state == OrderState::Unknown {
                self.prove_absent(&id, answers.asked_at, &mut out);
            } else {
                self.question(&id, "the broker's books do not show it", answers.asked_at, &mut out);
            }
        }
        out
    }

    fn find(&self, known: &KnownOrder) -> Option<ClientOrderId> {
        match &known.client_order_id {
            Some(id) => self.orders.contains_key(id).then(|| id.clone()),
            None => self.by_broker.get(&known.broker_order_id).cloned(),
        }
    }

    fn take_known(&mut self, id: &ClientOrderId, known: &KnownOrder, asked_at: Ts, out: &mut Outcome) {
        self.learn_broker_id(id, &known.broker_order_id);
        let settled = self.settled_before(id, asked_at);
        let Some(order) = self.orders.get_mut(id) else { return };
        if order.state.is_terminal() {
            if known.state == KnownState::Working {
                out.alarms.push(Alarm::AliveAfterEnd { order: id.clone(), state: order.state });
            }
            if known.filled > order.filled {
                order.announce(known.filled, &mut out.alarms);
            }
            return;
        }
        order.confirmed = true;
        if known.filled > order.filled {
            order.announce(known.filled, &mut out.alarms);
        }
        match known.state {
            // A change on its way: the books may show the terms from before it.
            KnownState::Working if order.state == OrderState::PendingModify => {
                if order.terms_wanted == Some(known.terms) {
                    take_terms(order, known.terms, &mut out.alarms);
                    self.report(id, Trigger::Modified, asked_at, out);
                }
            }
            KnownState::Working if settled => {
                take_terms(order, known.terms, &mut out.alarms);
                order.terms_wanted = None;
                self.report(id, Trigger::ProvenWorking, asked_at, out);
            }
            KnownState::Working => {}
            // With its executions here it is filled; without them it stays as it is, alarmed above.
            KnownState::Filled if known.filled > Qty::ZERO && order.filled >= known.filled => {
                take_terms(order, known.terms, &mut out.alarms);
                self.report(id, Trigger::FilledWhole, asked_at, out);
            }
            KnownState::Filled => {}
            KnownState::Cancelled => self.report(id, Trigger::Cancelled, asked_at, out),
            KnownState::Expired => self.report(id, Trigger::Expired, asked_at, out),
            KnownState::Rejected => self.report(id, Trigger::Rejected, asked_at, out),
        }
    }

    /// Whether the last request had time to arrive before the books were asked for.
    fn settled_before(&self, id: &ClientOrderId, asked_at: Ts) -> bool {
        let settle = ms_to_ns(self.config.settle_ms);
        self.orders.get(id).is_some_and(|order| {
            let last = order.waiting_since.or(order.sent_at).unwrap_or(order.created_at);
            asked_at.since(last) >= settle
        })
    }

    /// Whether the books, being complete from `since` on, would show the order if the broker had it.
    fn should_be_there(&self, order: &Order, answers: &BrokerAnswers) -> bool {
        let id = order.client_order_id();
        order.state != OrderState::Pending
            && order.created_at >= answers.since
            && self.settled_before(&id, answers.asked_at)
    }

    fn prove_absent(&mut self, id: &ClientOrderId, asked_at: Ts, out: &mut Outcome) {
        let changes = out.changes.len();
        self.report(id, Trigger::ProvenAbsent, asked_at, out);
        if out.changes.len() > changes {
            let reason = "the broker's books, complete since it was made, do not know it".to_owned();
            if let Some(order) = self.orders.get_mut(id) {
                order.reason.clone_from(&reason);
            }
            out.alarms.push(Alarm::Lost { order: id.clone(), reason });
        }
    }
}
