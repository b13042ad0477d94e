//! Promises 2, 3, 5 and 6 over the events of orders.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_market::Symbol;
use tensortrade_market::order::{ClientOrderId, IntentId, OrderTerms};

use crate::event::{Approved, BreakerState, Event, Submitted};

/// What is known of an intent.
#[derive(Debug, Default)]
struct Seen {
    strategy: String,
    approval: Option<Approved>,
    submitted: Option<ClientOrderId>,
}

/// Follows intents to their orders. Memory grows with the number of orders.
#[derive(Debug, Default)]
pub(super) struct Orders {
    intents: BTreeMap<IntentId, Seen>,
    orders: BTreeSet<ClientOrderId>,
    breakers: BTreeMap<String, BreakerState>,
    reconciled: bool,
}

impl Orders {
    /// Checks one event; `position` gives the signed position in a symbol, in raw units, as of this event.
    pub(super) fn check(
        &mut self,
        event: &Event,
        position: impl Fn(Symbol) -> i128,
        broken: &mut dyn FnMut(String),
    ) {
        match event {
            Event::RunStarted(_) => self.reconciled = false,
            Event::Reconciliation(e) => self.reconciled = e.clean,
            Event::Breaker(e) => {
                let known = self.breakers.get(&e.scope).copied().unwrap_or_default();
                if e.from != known {
                    broken(format!(
                        "breaker '{}' moves from {} but was last recorded {}",
                        e.scope,
                        e.from.as_str(),
                        known.as_str()
                    ));
                }
                self.breakers.insert(e.scope.clone(), e.to);
            }
            Event::Intent(e) => {
                self.intents.entry(e.id.clone()).or_default().strategy.clone_from(&e.strategy);
            }
            Event::Approved(e) => match self.intents.get_mut(&e.intent_id) {
                Some(seen) => seen.approval = Some(e.clone()),
                None => broken(format!("approval of intent {}, which was never recorded", e.intent_id)),
            },
            Event::Refused(e) => {
                if let Some(seen) = self.intents.get_mut(&e.intent_id) {
                    seen.approval = None;
                }
            }
            Event::Submitted(e) => self.check_submission(e, position(e.terms.symbol), broken),
            Event::Modified(e) => {
                let approval = self.intents.get(&e.intent_id).and_then(|seen| seen.approval.as_ref());
                check_approval(&e.client_order_id, &e.terms, e.ts, approval, broken);
            }
            Event::OrderState(e) if !self.orders.contains(&e.client_order_id) => {
                broken(format!("state of order {}, which was never submitted", e.client_order_id));
            }
            Event::Fill(e) => {
                let unknown = e.fill.client_order_id.as_ref().filter(|id| !self.orders.contains(*id));
                if let Some(id) = unknown {
                    broken(format!("fill of order {id}, which was never submitted"));
                }
            }
            _ => {}
        }
    }

    fn check_submission(&mut self, e: &Submitted, position: i128, broken: &mut dyn FnMut(String)) {
        let id = &e.client_order_id;
        if !self.orders.insert(id.clone()) {
            broken(format!("order {id} is submitted twice"));
        }
        match self.intents.get_mut(&e.intent_id) {
            None => broken(format!("order {id} has no recorded intent")),
            Some(seen) => {
                if let Some(other) = seen.submitted.replace(id.clone()) {
                    broken(format!("intent {} became order {other} and order {id}", e.intent_id));
                }
                check_approval(id, &e.terms, e.ts, seen.approval.as_ref(), broken);
            }
        }
        if !self.reconciled {
            broken(format!("order {id} was submitted while the books were not reconciled"));
        }
        self.check_breakers(e, position, broken);
    }

    /// Promise 5: behind a trip's record nothing that adds risk, and behind a halt's nothing at all.
    fn check_breakers(&self, e: &Submitted, position: i128, broken: &mut dyn FnMut(String)) {
        let id = &e.client_order_id;
        let strategy = self.intents.get(&e.intent_id).map_or("", |seen| seen.strategy.as_str());
        let change = i128::from(e.terms.signed_qty().raw());
        let adds = (position + change).abs() > position.abs() || (position + change) * position < 0;
        for scope in ["node".to_owned(), format!("strategy:{strategy}"), format!("symbol:{}", e.terms.symbol)]
        {
            match self.breakers.get(&scope) {
                Some(BreakerState::Halted) => {
                    broken(format!("order {id} is submitted while breaker '{scope}' is halted"));
                }
                Some(BreakerState::Reducing) if adds => {
                    broken(format!("order {id} increases risk while breaker '{scope}' is open"));
                }
                _ => {}
            }
        }
    }
}

fn check_approval(
    id: &ClientOrderId,
    terms: &OrderTerms,
    ts: tensortrade_market::Ts,
    approval: Option<&Approved>,
    broken: &mut dyn FnMut(String),
) {
    match approval {
        None => broken(format!("order {id} has no standing approval")),
        Some(approval) => {
            if approval.terms != *terms {
                broken(format!("order {id} has other terms than its approval"));
            }
            if ts > approval.expires_at {
                broken(format!("order {id} of {ts} was approved only until {}", approval.expires_at));
            }
        }
    }
}
