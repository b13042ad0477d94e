//! Promises about what the node holds: 1, 8, 10, 13.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_journal::Event;
use tensortrade_market::order::{ClientOrderId, IntentId};
use tensortrade_market::{Currency, Money, Qty, Symbol};

use crate::history::{Fact, History};

/// Positions as the journalled fills sum up.
fn summed(history: &History) -> BTreeMap<Symbol, Qty> {
    let mut sums: BTreeMap<Symbol, i64> = BTreeMap::new();
    for (_, _, event) in history.events() {
        if let Event::Fill(e) = event {
            *sums.entry(e.fill.symbol).or_default() += e.fill.signed_qty().raw();
        }
    }
    sums.into_iter().filter(|(_, raw)| *raw != 0).map(|(symbol, raw)| (symbol, Qty::from_raw(raw))).collect()
}

/// Promise 1.
pub(super) fn positions(history: &History, found: &mut Vec<String>) {
    let Some(rest) = &history.rest else { return };
    let sums = summed(history);
    for (whose, positions) in [
        ("the broker", &rest.broker_positions),
        ("the running node", &rest.node_positions),
        ("the journal's own state", &rest.writer_positions),
    ] {
        if *positions != sums {
            found.push(format!("fills sum up to {sums:?}, {whose} has {positions:?}"));
        }
    }
}

/// Promise 8: opening balance, less what fills cost and commissions took, in integer micros.
pub(super) fn cash(history: &History, found: &mut Vec<String>) {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for (_, seq, event) in history.events() {
        match event {
            Event::Opened(e) => {
                for (currency, amount) in &e.cash {
                    *sums.entry(*currency).or_default() += amount.micros();
                }
            }
            Event::Fill(e) => match Money::notional(e.fill.price, e.fill.signed_qty(), e.multiplier) {
                Ok(cost) => *sums.entry(e.currency).or_default() -= cost.micros(),
                Err(error) => found.push(format!("event {seq}: {error}")),
            },
            Event::CashMoved(e) => *sums.entry(e.currency).or_default() += e.amount.micros(),
            Event::Commission(e) => *sums.entry(e.currency).or_default() -= e.amount.micros(),
            _ => {}
        }
    }
    let Some(rest) = &history.rest else { return };
    let sums: BTreeMap<Currency, Money> =
        sums.into_iter().map(|(currency, micros)| (currency, Money::from_micros(micros))).collect();
    for (whose, cash) in [("the broker", &rest.broker_cash), ("the running node", &rest.node_cash)] {
        if *cash != sums {
            found.push(format!("cash by the journal is {sums:?}, {whose} has {cash:?}"));
        }
    }
}

/// Promise 10.
pub(super) fn replay(history: &History, found: &mut Vec<String>) {
    let Some(rest) = &history.rest else { return };
    if !rest.folds_alike {
        found.push("folding every event gives another state than the writer had".to_owned());
    }
    found.extend(rest.verify.iter().map(|problem| format!("journal verify: {problem}")));
    let mut expected = 1;
    for (_, seq, _) in history.events() {
        if seq != expected {
            found.push(format!("event {seq} follows event {}: one that was durable is gone", expected - 1));
        }
        expected = seq + 1;
    }
}

/// Orders younger than this at the end may still work, in market time: patience, and the deadline of a cancel.
const YOUNG_NS: i64 = 300 * 1_000_000_000;

/// Steps at the end of which each member must be decided on at least once. Not in the last one alone: a price that stands still
/// for a whole window of a feature has no deviation to measure with, and then there is no opinion.
const DECIDED_WITHIN: usize = 30;

/// Promise 13.
pub(super) fn healed(history: &History, found: &mut Vec<String>) {
    let Some(rest) = &history.rest else {
        let ends = history.facts.iter().rev().filter_map(|fact| match fact {
            Fact::Ended(why) | Fact::Died(why) => Some(why.as_str()),
            _ => None,
        });
        let last: Vec<&str> = ends.take(2).collect();
        found.push(format!("the node never came to rest; its last processes ended by: {last:?}"));
        return;
    };
    found.extend(rest.down.iter().map(|what| format!("at rest: {what}")));
    if !rest.reconciled {
        found.push("at rest, journal and broker are not reconciled".to_owned());
    }
    match rest.heal_ms {
        Some(ms) if ms <= history.heal_ms_max => {}
        Some(ms) => found.push(format!("healing took {ms} ms, {} is the bound", history.heal_ms_max)),
        None => found.push("never healthy after the last fault".to_owned()),
    }
    open_ends(history, rest.last_boundary, found);
    let steps: Vec<_> = history
        .events()
        .filter_map(|(_, _, event)| match event {
            Event::StepClosed(step) => Some(step),
            _ => None,
        })
        .collect();
    let last_step = steps.last().map_or(tensortrade_market::Ts::MIN, |step| step.ts);
    let late = steps.iter().rev().take(DECIDED_WITHIN);
    let decided: BTreeSet<Symbol> = late.flat_map(|step| &step.decision.rows).map(|row| row.symbol).collect();
    if last_step != rest.last_boundary {
        found.push(format!("the last step is that of {last_step}, the feed came to {}", rest.last_boundary));
    }
    for (symbol, quarantined) in &rest.members {
        if !quarantined && !decided.contains(symbol) {
            found.push(format!(
                "{symbol} is a member, and the last {DECIDED_WITHIN} steps decided nothing for it"
            ));
        }
    }
}

/// Every intent must have come to an end, unless it is young.
fn open_ends(history: &History, end: tensortrade_market::Ts, found: &mut Vec<String>) {
    let mut intents: BTreeMap<IntentId, tensortrade_market::Ts> = BTreeMap::new();
    let mut orders: BTreeMap<ClientOrderId, (tensortrade_market::Ts, &'static str)> = BTreeMap::new();
    for (_, _, event) in history.events() {
        match event {
            Event::Intent(e) => {
                intents.insert(e.id.clone(), e.decided_at);
            }
            Event::Refused(e) => {
                intents.remove(&e.intent_id);
            }
            Event::Submitted(e) => {
                intents.remove(&e.intent_id);
                orders.insert(e.client_order_id.clone(), (e.ts, "submitted"));
            }
            Event::OrderState(e) if e.to.is_terminal() => {
                orders.remove(&e.client_order_id);
            }
            Event::OrderState(e) => {
                // A late report does not open again what has ended.
                if let Some(order) = orders.get_mut(&e.client_order_id) {
                    order.1 = e.to.as_str();
                }
            }
            _ => {}
        }
    }
    let old = |ts: &tensortrade_market::Ts| end.since(*ts) > YOUNG_NS;
    for (id, _) in intents.iter().filter(|(_, ts)| old(ts)) {
        found.push(format!("intent {id} was neither refused nor sent"));
    }
    for (id, (ts, state)) in &orders {
        if *state == "unknown" || old(ts) {
            found.push(format!("order {id} is still {state} at the end"));
        }
    }
}
