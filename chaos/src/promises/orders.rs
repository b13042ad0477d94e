//! Promises about orders on their way: 2, 3, 4, 5, 6, 11.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_journal::Event;
use tensortrade_journal::event::{Approved, BreakerState, LeaseAction, OrderStatus, Submitted};
use tensortrade_market::order::{ClientOrderId, IntentId, Side};
use tensortrade_market::{Price, Qty, Ts};

use crate::history::{Fact, History, Reached};

/// Whether the order can only bring the broker's position nearer to zero, whatever of it and of its like fills.
fn reduces(reached: &Reached) -> bool {
    let (position, size) = (reached.position.raw(), reached.terms.qty.raw());
    match reached.terms.side {
        Side::Sell => position >= size.saturating_add(reached.open_sells.raw()),
        Side::Buy => position.saturating_neg() >= size.saturating_add(reached.open_buys.raw()),
    }
}

/// Promise 2.
pub(super) fn approved(history: &History, found: &mut Vec<String>) {
    let mut intents: BTreeMap<IntentId, tensortrade_market::order::OrderTerms> = BTreeMap::new();
    let mut approvals: BTreeMap<IntentId, &Approved> = BTreeMap::new();
    let mut outbox: BTreeMap<ClientOrderId, &Submitted> = BTreeMap::new();
    for fact in &history.facts {
        match fact {
            Fact::Journalled { event, .. } => match event.as_ref() {
                Event::Intent(intent) => {
                    intents.insert(intent.id.clone(), intent.terms);
                }
                Event::Approved(approved) => {
                    approvals.insert(approved.intent_id.clone(), approved);
                }
                Event::Submitted(submitted) => {
                    outbox.insert(submitted.client_order_id.clone(), submitted);
                }
                _ => {}
            },
            Fact::Reached(reached) => {
                let id = &reached.id;
                let Some(submitted) = outbox.get(id) else {
                    found.push(format!("order {id} reached the broker without a durable outbox record"));
                    continue;
                };
                if submitted.terms != reached.terms {
                    found.push(format!("order {id} reached the broker with other terms than recorded"));
                }
                match intents.get(&submitted.intent_id) {
                    None => found.push(format!("order {id} has no earlier durable intent")),
                    Some(terms) if *terms != reached.terms => {
                        found.push(format!("order {id} has other terms than its intent"));
                    }
                    Some(_) => {}
                }
                match approvals.get(&submitted.intent_id) {
                    None => found.push(format!("order {id} has no earlier durable approval")),
                    Some(approval) if approval.terms != reached.terms => {
                        found.push(format!("order {id} has other terms than its approval"));
                    }
                    Some(approval) if approval.expires_at < reached.now => {
                        found.push(format!("the approval of order {id} had expired"));
                    }
                    Some(_) => {}
                }
            }
            _ => {}
        }
    }
}

/// Promise 3.
pub(super) fn once(history: &History, found: &mut Vec<String>) {
    let mut reached_before = BTreeSet::new();
    for (_, reached) in history.reached() {
        if !reached_before.insert(&reached.id) {
            found.push(format!("order {} reached the broker twice", reached.id));
        }
    }
    let (mut submitted, mut orders_of) = (BTreeSet::new(), BTreeSet::new());
    let (mut fills, mut commissions) = (BTreeSet::new(), BTreeSet::new());
    for (_, seq, event) in history.events() {
        match event {
            Event::Submitted(e)
                if (!submitted.insert(&e.client_order_id) || !orders_of.insert(&e.intent_id)) =>
            {
                found.push(format!("event {seq}: a second order of intent {}", e.intent_id));
            }
            Event::Fill(e) if !fills.insert((&e.fill.venue, &e.fill.exec_id)) => {
                found.push(format!("event {seq}: execution {} is booked twice", e.fill.exec_id));
            }
            Event::Commission(e) if !commissions.insert((&e.venue, &e.exec_id)) => {
                found.push(format!("event {seq}: the commission of {} is booked twice", e.exec_id));
            }
            _ => {}
        }
    }
    let Some(rest) = &history.rest else { return };
    for execution in &rest.broker_executions {
        let fill = &execution.fill;
        if !fills.contains(&(&fill.venue, &fill.exec_id)) {
            found.push(format!("execution {} was never booked", fill.exec_id));
        }
    }
    if fills.len() > rest.broker_executions.len() {
        found.push(format!(
            "{} executions are booked, the broker knows {}",
            fills.len(),
            rest.broker_executions.len()
        ));
    }
}

/// How far prices may move between a decision and its arrival, in worst-case exposure.
const DRIFT: f64 = 1.03;

fn notional(qty: i64, price: Price) -> f64 {
    Qty::from_raw(qty).to_f64().abs() * price.to_f64().abs()
}

/// Promise 4. Computed from the broker's own books at the moment the order reached it.
pub(super) fn limits(history: &History, found: &mut Vec<String>) {
    doubt(history, found);
    given_up(history, found);
    let references = history.references();
    let limits = history.limits;
    for (_, reached) in history.reached() {
        let Some(price) = references.get(&reached.id) else { continue };
        let (id, qty) = (&reached.id, reached.terms.qty.raw());
        let order = notional(qty, *price);
        if order > limits.order_notional_max * DRIFT {
            found
                .push(format!("order {id} is for {order:.0}, the limit is {:.0}", limits.order_notional_max));
        }
        if reduces(reached) {
            continue;
        }
        let after = match reached.terms.side {
            Side::Buy => reached.position.raw() + reached.open_buys.raw() + qty,
            Side::Sell => reached.position.raw() - reached.open_sells.raw() - qty,
        };
        let exposure = notional(after, *price);
        if exposure > limits.symbol_notional_max * DRIFT {
            found.push(format!(
                "with order {id} the exposure in {} may come to {exposure:.0}, the limit is {:.0}",
                reached.terms.symbol, limits.symbol_notional_max
            ));
        }
        if reached.open_orders >= limits.open_orders_per_symbol_max {
            found.push(format!(
                "order {id} is number {} that works in {}, the limit is {}",
                reached.open_orders + 1,
                reached.terms.symbol,
                limits.open_orders_per_symbol_max
            ));
        }
    }
}

/// Market time after which a decision must know that an order's outcome is unknown: the step that was on its way may not.
const KNOWN_AFTER_NS: i64 = 60 * 1_000_000_000;

/// Promise 4 as well: while an order's outcome is unknown its symbol takes no new risk.
fn doubt(history: &History, found: &mut Vec<String>) {
    let mut symbols: BTreeMap<&ClientOrderId, tensortrade_market::Symbol> = BTreeMap::new();
    let mut unknown: BTreeMap<&ClientOrderId, Ts> = BTreeMap::new();
    let mut submitted_at: BTreeMap<&ClientOrderId, Ts> = BTreeMap::new();
    for fact in &history.facts {
        match fact {
            Fact::Journalled { event, .. } => match event.as_ref() {
                Event::Submitted(e) => {
                    symbols.insert(&e.client_order_id, e.terms.symbol);
                    submitted_at.insert(&e.client_order_id, e.ts);
                }
                Event::OrderState(e) if e.to == OrderStatus::Unknown => {
                    unknown.insert(&e.client_order_id, e.ts);
                }
                Event::OrderState(e) => {
                    unknown.remove(&e.client_order_id);
                }
                _ => {}
            },
            Fact::Reached(reached) if !reduces(reached) => {
                let Some(decided) = submitted_at.get(&reached.id) else { continue };
                let in_doubt = unknown.iter().find(|(id, since)| {
                    symbols.get(*id) == Some(&reached.terms.symbol)
                        && **id != &reached.id
                        && *decided > since.plus_nanos(KNOWN_AFTER_NS)
                });
                if let Some((doubtful, since)) = in_doubt {
                    found.push(format!(
                        "order {} adds risk in {} while the outcome of {doubtful} is unknown since {since}",
                        reached.id, reached.terms.symbol
                    ));
                }
            }
            _ => {}
        }
    }
}

/// Promise 4 as well: an order is only given up, and its exposure with it, when it is certain that the broker does not have it.
/// Silence is no proof.
fn given_up(history: &History, found: &mut Vec<String>) {
    let mut gone: BTreeMap<&ClientOrderId, (OrderStatus, u64)> = BTreeMap::new();
    for (_, seq, event) in history.events() {
        match event {
            Event::OrderState(e)
                if matches!(e.to, OrderStatus::Rejected | OrderStatus::NotSent | OrderStatus::Lost) =>
            {
                gone.insert(&e.client_order_id, (e.to, seq));
            }
            Event::Fill(e) => {
                let Some(id) = &e.fill.client_order_id else { continue };
                if let Some((state, since)) = gone.get(id) {
                    let state = state.as_str();
                    found.push(format!(
                        "event {seq}: order {id} is executed, and on record as {state} since event {since}"
                    ));
                }
            }
            _ => {}
        }
    }
    let open = history.rest.iter().flat_map(|rest| &rest.broker_open);
    for id in open.filter_map(|order| order.client_order_id.as_ref()) {
        if let Some((state, since)) = gone.get(id) {
            let state = state.as_str();
            found.push(format!(
                "order {id} works at the broker, and is on record as {state} since event {since}"
            ));
        }
    }
}

/// Promise 5.
pub(super) fn breaker(history: &History, found: &mut Vec<String>) {
    // By scope: the state, and the number of the event that set it.
    let mut scopes: BTreeMap<String, (BreakerState, u64)> = BTreeMap::new();
    // Whose orders they are.
    let mut strategies: BTreeMap<ClientOrderId, &str> = BTreeMap::new();
    for fact in &history.facts {
        match fact {
            Fact::Journalled { seq, event } => match event.as_ref() {
                Event::Breaker(change) => {
                    let before = scopes.get(&change.scope).map_or(BreakerState::Normal, |(state, _)| *state);
                    if before != change.from {
                        found.push(format!("event {seq}: the breaker changes from what it was not"));
                    }
                    let loosens = rank(change.to) < rank(before);
                    if loosens && (!change.by.starts_with("user ") || change.reason.trim().is_empty()) {
                        found.push(format!(
                            "event {seq}: the breaker of {} closes without authority, by '{}'",
                            change.scope, change.by
                        ));
                    }
                    scopes.insert(change.scope.clone(), (change.to, *seq));
                }
                Event::Intent(intent) => {
                    strategies.insert(intent.client_order_id(), &intent.strategy);
                }
                _ => {}
            },
            Fact::Born { breaker } => {
                let recorded: BTreeMap<String, String> = scopes
                    .iter()
                    .filter(|(_, (state, _))| *state != BreakerState::Normal)
                    .map(|(scope, (state, _))| {
                        (scope.clone(), crate::simulate::state_name(*state).to_owned())
                    })
                    .collect();
                if recorded != *breaker {
                    found.push(format!("a start shows the breaker as {breaker:?}, recorded is {recorded:?}"));
                }
            }
            // However early it was recorded: what has not left when a trip is on record does not leave.
            Fact::Reached(reached) => {
                let strategy = strategies.get(&reached.id).copied().unwrap_or_default();
                let symbol = reached.terms.symbol;
                for scope in ["node".to_owned(), format!("strategy:{strategy}"), format!("symbol:{symbol}")] {
                    let Some((state, since)) = scopes.get(&scope) else { continue };
                    let passes = match state {
                        BreakerState::Normal => true,
                        BreakerState::Reducing => reduces(reached),
                        BreakerState::Halted => false,
                    };
                    if !passes {
                        found.push(format!(
                            "order {} leaves, and the breaker of {scope} is {} since event {since}",
                            reached.id,
                            state.as_str()
                        ));
                    }
                }
            }
            _ => {}
        }
    }
}

const fn rank(state: BreakerState) -> u8 {
    match state {
        BreakerState::Normal => 0,
        BreakerState::Reducing => 1,
        BreakerState::Halted => 2,
    }
}

/// Promise 6.
pub(super) fn reconciled(history: &History, found: &mut Vec<String>) {
    let mut verdict = None;
    for fact in &history.facts {
        match fact {
            Fact::Born { .. } => verdict = None,
            Fact::Journalled { event, .. } => {
                if let Event::Reconciliation(e) = event.as_ref() {
                    verdict = Some(e.clean);
                }
            }
            Fact::Reached(reached) => match verdict {
                Some(true) => {}
                Some(false) => {
                    found.push(format!("order {} left while journal and broker differed", reached.id))
                }
                None => found.push(format!("order {} left before this process had reconciled", reached.id)),
            },
            _ => {}
        }
    }
}

/// Promise 11.
pub(super) fn lease(history: &History, found: &mut Vec<String>) {
    let mut held = true;
    let mut lost_at = Ts::MIN;
    let (mut epoch, mut outbox) = (0, BTreeMap::new());
    for fact in &history.facts {
        match fact {
            Fact::Born { .. } => held = true,
            Fact::Lease(now) => {
                held = *now;
                lost_at = Ts::MIN;
            }
            Fact::SecondNode { admitted: true } => {
                found.push("a second node was let in while one ran".to_owned());
            }
            Fact::Journalled { seq, event } => match event.as_ref() {
                Event::Lease(lease) if lease.action == LeaseAction::Taken => {
                    if lease.epoch <= epoch {
                        found.push(format!("event {seq}: epoch {} was taken before", lease.epoch));
                    }
                    epoch = lease.epoch;
                }
                Event::StepClosed(step) if !held && lost_at == Ts::MIN => lost_at = step.ts,
                Event::Submitted(submitted) => {
                    if submitted.lease_epoch != epoch {
                        found.push(format!(
                            "event {seq}: an order of epoch {} in epoch {epoch}",
                            submitted.lease_epoch
                        ));
                    }
                    outbox.insert(submitted.client_order_id.clone(), submitted.ts);
                }
                _ => {}
            },
            Fact::Reached(reached)
                if !held
                // What was decided before the loss may be on its way; what is decided after it may not leave.
                && outbox.get(&reached.id).is_some_and(|ts| lost_at > Ts::MIN && *ts > lost_at) =>
            {
                found.push(format!("order {} left without the right to trade", reached.id));
            }
            _ => {}
        }
    }
}
