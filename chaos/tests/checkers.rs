//! Each checker is given the record of a sound world with its promise broken, and must see it.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use tensortrade_chaos::history::{Fact, History, Undisturbed};
use tensortrade_chaos::plan::family;
use tensortrade_chaos::{promises, simulate};
use tensortrade_journal::Event;
use tensortrade_journal::event::{
    Breaker, BreakerState, Lease, LeaseAction, OrderStateChange, OrderStatus, Watchlist, WatchlistAction,
};
use tensortrade_market::{Money, Qty, Symbol, Ts};

/// The record of a world in which nothing goes wrong.
fn sound() -> History {
    static SOUND: OnceLock<History> = OnceLock::new();
    SOUND.get_or_init(|| simulate::run(&family("calm").unwrap().draw(5)).unwrap().history).clone()
}

fn broken(history: &History) -> BTreeSet<u8> {
    promises::check(history).into_iter().map(|violation| violation.promise).collect()
}

/// Breaks a sound record, and expects that this promise's checker sees it.
fn expect(promise: u8, breach: impl FnOnce(&mut History)) {
    let mut history = sound();
    breach(&mut history);
    let found = promises::check(&history);
    assert!(found.iter().any(|violation| violation.promise == promise), "promise {promise}: {found:?}");
}

/// Place and contents of the events of a kind.
fn places(history: &History, of: impl Fn(&Event) -> bool) -> Vec<usize> {
    history.events().filter(|(_, _, event)| of(event)).map(|(at, _, _)| at).collect()
}

fn event_at(history: &mut History, at: usize) -> &mut Event {
    match &mut history.facts[at] {
        Fact::Journalled { event, .. } => event,
        other => panic!("no event: {other:?}"),
    }
}

/// A fact of an event beside the numbered ones: the number repeats that of the event before it.
fn insert(history: &mut History, at: usize, event: Event) {
    let seq = history.facts[..at]
        .iter()
        .rev()
        .find_map(|fact| match fact {
            Fact::Journalled { seq, .. } => Some(*seq),
            _ => None,
        })
        .unwrap_or(0);
    history.facts.insert(at, Fact::Journalled { seq, event: Box::new(event) });
}

fn first_reached(history: &History) -> usize {
    history.reached().next().unwrap().0
}

fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

#[test]
fn a_sound_record_breaks_no_promise_and_holds_enough_to_break() {
    let history = sound();
    assert_eq!(promises::check(&history), Vec::new());
    assert!(history.reached().count() > 20, "{} orders", history.reached().count());
    assert!(places(&history, |e| matches!(e, Event::Fill(_))).len() > 20);
}

#[test]
fn promise_1_a_position_that_is_not_the_sum_of_its_fills() {
    expect(1, |h| {
        h.rest.as_mut().unwrap().broker_positions.insert(symbol("AAPL"), Qty::from_raw(1));
    });
    expect(1, |h| h.rest.as_mut().unwrap().node_positions.clear());
    expect(1, |h| {
        h.rest.as_mut().unwrap().writer_positions.insert(symbol("ZZZ"), Qty::from_raw(1));
    });
    expect(1, |h| {
        let fills = places(h, |e| matches!(e, Event::Fill(_)));
        h.facts.remove(fills[0]);
    });
}

#[test]
fn promise_2_an_order_without_record_approval_or_with_other_terms() {
    expect(2, |h| {
        // The order leaves before anything of it is durable.
        let at = first_reached(h);
        let order = h.facts.remove(at);
        h.facts.insert(0, order);
    });
    for drop in [
        (|e: &Event| matches!(e, Event::Submitted(_))) as fn(&Event) -> bool,
        |e| matches!(e, Event::Approved(_)),
        |e| matches!(e, Event::Intent(_)),
    ] {
        expect(2, |h| {
            for at in places(h, drop).into_iter().rev() {
                h.facts.remove(at);
            }
        });
    }
    expect(2, |h| {
        let at = first_reached(h);
        if let Fact::Reached(reached) = &mut h.facts[at] {
            reached.terms.qty = Qty::from_raw(reached.terms.qty.raw() * 2);
        }
    });
    expect(2, |h| {
        for at in places(h, |e| matches!(e, Event::Approved(_))) {
            if let Event::Approved(approved) = event_at(h, at) {
                approved.expires_at = Ts::ZERO;
            }
        }
    });
}

#[test]
fn promise_3_an_order_sent_twice_or_an_execution_booked_twice_or_never() {
    expect(3, |h| {
        let at = first_reached(h);
        h.facts.push(h.facts[at].clone());
    });
    expect(3, |h| {
        let at = places(h, |e| matches!(e, Event::Fill(_)))[0];
        h.facts.push(h.facts[at].clone());
    });
    expect(3, |h| {
        let at = places(h, |e| matches!(e, Event::Submitted(_)))[0];
        h.facts.push(h.facts[at].clone());
    });
    expect(3, |h| {
        let at = places(h, |e| matches!(e, Event::Commission(_)))[0];
        h.facts.push(h.facts[at].clone());
    });
    expect(3, |h| {
        let at = places(h, |e| matches!(e, Event::Fill(_)))[0];
        h.facts.remove(at);
    });
}

#[test]
fn promise_4_an_order_beyond_a_limit() {
    expect(4, |h| h.limits.order_notional_max /= 1_000.0);
    expect(4, |h| h.limits.symbol_notional_max /= 1_000.0);
    expect(4, |h| h.limits.open_orders_per_symbol_max = 0);
    expect(4, |h| {
        // Orders of unknown outcome count: what the broker has open is more than the node thinks.
        let at = first_reached(h);
        if let Fact::Reached(reached) = &mut h.facts[at] {
            reached.open_buys = Qty::from_units(1_000_000).unwrap();
            reached.open_sells = Qty::from_units(1_000_000).unwrap();
        }
    });
}

#[test]
fn promise_4_an_order_given_up_that_the_broker_has() {
    let state = |id, to| OrderStateChange {
        client_order_id: id,
        broker_order_id: None,
        from: OrderStatus::Sent,
        to,
        filled: Qty::ZERO,
        reason: String::new(),
        ts: Ts::ZERO,
    };
    for to in [OrderStatus::Rejected, OrderStatus::NotSent, OrderStatus::Lost] {
        expect(4, |h| {
            let at = places(h, |e| matches!(e, Event::Fill(_)))[0];
            let Event::Fill(fill) = event_at(h, at).clone() else { panic!("a fill") };
            insert(h, at, state(fill.fill.client_order_id.unwrap(), to).into());
        });
    }
}

fn change(from: BreakerState, to: BreakerState, by: &str) -> Event {
    let (scope, reason) = ("node".to_owned(), "test".to_owned());
    Breaker { scope, from, to, reason, by: by.to_owned(), ts: Ts::ZERO }.into()
}

#[test]
fn promise_5_new_risk_after_a_trip_a_reset_without_authority_or_by_a_restart() {
    expect(5, |h| insert(h, 0, change(BreakerState::Normal, BreakerState::Reducing, "supervision")));
    expect(5, |h| {
        insert(h, 0, change(BreakerState::Normal, BreakerState::Reducing, "supervision"));
        insert(h, 1, change(BreakerState::Reducing, BreakerState::Normal, "supervision"));
    });
    expect(5, |h| {
        let end = h.facts.len();
        insert(h, end, change(BreakerState::Normal, BreakerState::Halted, "user 0"));
        h.facts.push(Fact::Born { breaker: BTreeMap::new() });
    });
    expect(5, |h| insert(h, 0, change(BreakerState::Halted, BreakerState::Normal, "user 0")));
}

#[test]
fn promise_6_an_order_before_or_without_a_clean_reconciliation() {
    expect(6, |h| {
        for at in places(h, |e| matches!(e, Event::Reconciliation(_))).into_iter().rev() {
            h.facts.remove(at);
        }
    });
    expect(6, |h| {
        for at in places(h, |e| matches!(e, Event::Reconciliation(_))) {
            if let Event::Reconciliation(e) = event_at(h, at) {
                e.clean = false;
            }
        }
    });
    expect(6, |h| {
        // A new process that sends before it has looked.
        let at = first_reached(h);
        h.facts.insert(at, Fact::Born { breaker: BTreeMap::new() });
    });
}

#[test]
fn promise_7_bars_out_of_order_missing_or_from_the_future() {
    let steps = |h: &History| places(h, |e| matches!(e, Event::StepClosed(s) if s.bars.len() > 3));
    expect(7, |h| {
        let at = steps(h)[40];
        if let Event::StepClosed(step) = event_at(h, at) {
            let bar = &mut step.bars[0].bar;
            bar.start = bar.start.plus_nanos(-3_600_000_000_000);
            bar.end = bar.end.plus_nanos(-3_600_000_000_000);
        }
    });
    expect(7, |h| {
        let at = steps(h)[40];
        if let Event::StepClosed(step) = event_at(h, at) {
            step.bars.remove(0);
        }
    });
    expect(7, |h| {
        let at = steps(h)[40];
        if let Event::StepClosed(step) = event_at(h, at) {
            step.bars[0].bar.end = step.ts.plus_nanos(1);
        }
    });
    expect(7, |h| {
        let steps = steps(h);
        h.facts.swap(steps[40], steps[41]);
    });
}

#[test]
fn promise_8_money_that_is_not_accounted_for() {
    expect(8, |h| {
        let cash = &mut h.rest.as_mut().unwrap().broker_cash;
        cash.values_mut().for_each(|amount| *amount = Money::from_micros(amount.micros() + 1));
    });
    expect(8, |h| {
        let cash = &mut h.rest.as_mut().unwrap().node_cash;
        cash.values_mut().for_each(|amount| *amount = Money::from_micros(amount.micros() - 1));
    });
    expect(8, |h| {
        let at = places(h, |e| matches!(e, Event::Commission(_)))[0];
        if let Event::Commission(e) = event_at(h, at) {
            e.amount = Money::from_micros(e.amount.micros() + 1);
        }
    });
}

#[test]
fn promise_9_a_symbol_that_differs_though_another_was_hit() {
    let undisturbed = |h: &History| Undisturbed { traces: h.traces(), hit: BTreeSet::from([symbol("AAPL")]) };
    let mut same = sound();
    same.undisturbed = Some(undisturbed(&same));
    assert!(broken(&same).is_empty(), "{:?}", promises::check(&same));
    expect(9, |h| {
        let mut calm = undisturbed(h);
        let key = *calm.traces.keys().find(|(name, _)| *name == symbol("XOM")).unwrap();
        calm.traces.get_mut(&key).unwrap().push('x');
        h.undisturbed = Some(calm);
    });
    expect(9, |h| {
        let mut calm = undisturbed(h);
        calm.traces.insert((symbol("XOM"), Ts::MAX), String::new());
        h.undisturbed = Some(calm);
    });
}

#[test]
fn promise_10_a_state_that_is_not_what_the_events_give() {
    expect(10, |h| h.rest.as_mut().unwrap().folds_alike = false);
    expect(10, |h| h.rest.as_mut().unwrap().verify.push("event 3: broken".into()));
    expect(10, |h| {
        let at = places(h, |_| true)[30];
        h.facts.remove(at);
    });
}

#[test]
fn promise_11_a_second_trader() {
    expect(11, |h| h.facts.push(Fact::SecondNode { admitted: true }));
    expect(11, |h| {
        let end = h.facts.len();
        let lease = Lease { epoch: 1, action: LeaseAction::Taken, holder: "other".into(), ts: Ts::ZERO };
        insert(h, end, lease.into());
    });
    expect(11, |h| {
        let at = places(h, |e| matches!(e, Event::Submitted(_)))[0];
        if let Event::Submitted(e) = event_at(h, at) {
            e.lease_epoch = 99;
        }
    });
    expect(11, |h| h.facts.insert(5, Fact::Lease(false)));
}

fn listed(action: WatchlistAction, reason: &str) -> Event {
    Watchlist { action, symbol: symbol("AAPL"), reason: reason.to_owned(), ts: Ts::ZERO }.into()
}

#[test]
fn promise_12_a_symbol_that_joins_twice_or_comes_back() {
    expect(12, |h| {
        let end = h.facts.len();
        insert(h, end, listed(WatchlistAction::Added, "user 0"));
    });
    expect(12, |h| {
        let end = h.facts.len();
        insert(h, end, listed(WatchlistAction::Removed, "user 0"));
    });
    expect(12, |h| {
        let end = h.facts.len();
        insert(h, end, listed(WatchlistAction::Removed, "user 0"));
        insert(h, end + 1, listed(WatchlistAction::Added, "configuration"));
    });
    expect(12, |h| {
        let first_step = places(h, |e| matches!(e, Event::StepClosed(_)))[0];
        insert(h, first_step, listed(WatchlistAction::Removed, "user 0"));
    });
}

#[test]
fn promise_13_a_node_that_does_not_heal() {
    expect(13, |h| h.rest = None);
    expect(13, |h| h.rest.as_mut().unwrap().reconciled = false);
    expect(13, |h| h.rest.as_mut().unwrap().heal_ms = None);
    expect(13, |h| h.rest.as_mut().unwrap().heal_ms = Some(h.heal_ms_max + 1));
    expect(13, |h| h.rest.as_mut().unwrap().down.push("root/market: Stopped".into()));
    expect(13, |h| h.rest.as_mut().unwrap().last_boundary = Ts::MAX);
    expect(13, |h| {
        h.rest.as_mut().unwrap().members.insert(symbol("ZZZ"), false);
    });
    expect(13, |h| {
        // An order whose outcome nobody found out.
        let at = places(h, |e| matches!(e, Event::Submitted(_)))[0];
        let Event::Submitted(order) = event_at(h, at).clone() else { panic!("a submission") };
        let id = order.client_order_id.clone();
        for at in
            places(h, |e| matches!(e, Event::OrderState(s) if s.client_order_id == id)).into_iter().rev()
        {
            h.facts.remove(at);
        }
        let state = OrderStateChange {
            client_order_id: id,
            broker_order_id: None,
            from: OrderStatus::Sent,
            to: OrderStatus::Unknown,
            filled: Qty::ZERO,
            reason: String::new(),
            ts: order.ts,
        };
        insert(h, at + 1, state.into());
    });
}
