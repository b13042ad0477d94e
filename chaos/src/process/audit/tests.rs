//! Each problem that an audit can find, planted and found.

use super::*;
use tensortrade_broker::{BrokerOrder, Execution};
use tensortrade_journal::event::{
    Approved, BookedFill, Breaker, OrderStateChange, Reconciliation, RunStarted, Submitted, Watchlist,
};
use tensortrade_market::Price;
use tensortrade_market::order::{BrokerOrderId, OrderIntent, OrderKind, Side, TimeInForce};

fn symbol() -> Symbol {
    Symbol::intern("AAPL").unwrap()
}

fn terms(units: i64) -> OrderTerms {
    let (side, qty) = (Side::Buy, Qty::from_units(units).unwrap());
    OrderTerms { symbol: symbol(), side, qty, kind: OrderKind::Market, tif: TimeInForce::Day }
}

fn intent() -> OrderIntent {
    OrderIntent {
        id: IntentId::derive("rules", symbol(), Ts::from_secs(60), 1),
        strategy: "rules".into(),
        decided_at: Ts::from_secs(60),
        terms: terms(5),
        reference: Price::from_raw(100_000_000_000).unwrap(),
        reason: String::new(),
    }
}

fn approved(units: i64) -> Event {
    let (at, until) = (Ts::from_secs(60), Ts::from_secs(65));
    let reservation = Money::ZERO;
    Approved { intent_id: intent().id, terms: terms(units), approved_at: at, expires_at: until, reservation }
        .into()
}

fn submitted(ts: i64) -> Event {
    Submitted {
        client_order_id: intent().client_order_id(),
        intent_id: intent().id,
        terms: terms(5),
        lease_epoch: 1,
        ts: Ts::from_secs(ts),
    }
    .into()
}

fn fill() -> Fill {
    Fill {
        venue: "paper".into(),
        exec_id: ExecId::new("P1.1").unwrap(),
        client_order_id: Some(intent().client_order_id()),
        broker_order_id: BrokerOrderId::new("P1").unwrap(),
        symbol: symbol(),
        side: Side::Buy,
        qty: Qty::from_units(5).unwrap(),
        price: Price::from_raw(100_000_000_000).unwrap(),
        ts: Ts::from_secs(61),
    }
}

fn booked() -> Event {
    let multiplier = Qty::from_units(1).unwrap();
    BookedFill { fill: fill(), multiplier, currency: Currency::USD }.into()
}

fn done(to: OrderStatus) -> Event {
    OrderStateChange {
        client_order_id: intent().client_order_id(),
        broker_order_id: None,
        from: OrderStatus::Working,
        to,
        filled: Qty::ZERO,
        reason: String::new(),
        ts: Ts::from_secs(62),
    }
    .into()
}

fn started() -> Event {
    RunStarted {
        version: "0".into(),
        feed: "sim".into(),
        inputs: Vec::new(),
        seed: 1,
        mode: "paper".into(),
        config_hash: String::new(),
        resumed: false,
        ts: Ts::ZERO,
    }
    .into()
}

fn whole() -> Vec<Event> {
    vec![started(), intent().into(), approved(5), submitted(60), booked(), done(OrderStatus::Filled)]
}

fn told(events: Vec<Event>) -> Audit {
    let mut audit = Audit::default();
    events.into_iter().zip(1..).for_each(|(event, seq)| audit.take(seq, event));
    audit
}

fn books() -> Books {
    let mut holdings = Holdings::default();
    holdings.positions.insert(symbol(), Qty::from_units(5).unwrap());
    holdings.cash.insert(Currency::USD, Money::from_units(-500).unwrap());
    let completed = BrokerOrder {
        client_order_id: Some(intent().client_order_id()),
        broker_order_id: BrokerOrderId::new("P1").unwrap(),
        terms: terms(5),
        filled: Qty::from_units(5).unwrap(),
        state: tensortrade_broker::BrokerOrderState::Filled,
        received_at: Ts::from_secs(60),
    };
    let executions = vec![Execution { fill: fill(), commission: None }];
    Books { holdings, executions, open: Vec::new(), completed: vec![completed] }
}

#[track_caller]
fn finds(audit: &Audit, text: &str) {
    assert!(audit.problems.iter().any(|p| p.contains(text)), "'{text}' in {:?}", audit.problems);
}

#[test]
fn books_that_agree_are_no_problem() {
    let mut audit = told(whole());
    audit.at_rest(&books());
    assert_eq!(audit.problems, Vec::<String>::new());
}

#[test]
fn an_order_without_intent_without_approval_or_of_other_terms_is_found() {
    for events in [
        vec![submitted(60)],
        vec![intent().into(), submitted(60)],
        vec![intent().into(), approved(6), submitted(60)],
        vec![intent().into(), approved(5), submitted(66)],
    ] {
        finds(&told(events), "no intent and unexpired approval");
    }
}

#[test]
fn an_execution_or_an_order_that_comes_twice_is_found() {
    finds(&told([whole(), vec![booked()]].concat()), "booked again");
    finds(&told([whole(), vec![submitted(60)]].concat()), "submitted again");
}

#[test]
fn an_order_at_the_broker_that_was_never_recorded_is_found() {
    let mut audit = told(vec![started()]);
    audit.after_death(&books());
    finds(&audit, "never recorded");
}

#[test]
fn an_execution_that_the_broker_does_not_know_is_found() {
    let mut audit = told(whole());
    audit.after_death(&Books { executions: Vec::new(), ..books() });
    finds(&audit, "not in the broker's books");
}

#[test]
fn a_start_that_agrees_to_less_than_the_broker_held_is_found() {
    let clean = |clean| Event::from(Reconciliation { ts: Ts::ZERO, clean, differences: Vec::new() });
    let mut audit = told(whole()[..4].to_vec());
    audit.after_death(&books());
    for event in [started(), clean(false), clean(true)] {
        audit.take(9, event);
    }
    finds(&audit, "held");
    assert_eq!(audit.compared, 1);
    let mut audit = told(whole());
    audit.after_death(&books());
    for event in [started(), clean(true)] {
        audit.take(9, event);
    }
    assert_eq!((audit.compared, audit.problems.len()), (1, 0));
}

#[test]
fn a_position_a_missing_execution_and_an_order_in_limbo_are_found_at_rest() {
    let mut audit = told(whole());
    let mut other = books();
    other.holdings.positions.clear();
    audit.at_rest(&other);
    finds(&audit, "add up to");
    let mut audit = told(whole()[..4].to_vec());
    audit.at_rest(&books());
    finds(&audit, "0 executions are on record, and the broker has 1");
    finds(&audit, "submitted on record and not open");
}

#[test]
fn a_breaker_that_closes_by_itself_and_a_removed_symbol_that_comes_back_are_found() {
    let breaker = |from, to, by: &str| -> Event {
        let (scope, reason, by) = ("node".into(), String::new(), by.into());
        Breaker { scope, from, to, reason, by, ts: Ts::ZERO }.into()
    };
    let (normal, halted) = (BreakerState::Normal, BreakerState::Halted);
    finds(&told(vec![breaker(normal, halted, "signal"), breaker(halted, normal, "node")]), "nobody's reset");
    finds(&told(vec![breaker(halted, normal, "user 0")]), "goes on from");
    let by_hand = told(vec![breaker(normal, halted, "signal"), breaker(halted, normal, "user 0")]);
    assert_eq!(by_hand.problems.len(), 0);
    let entry = |action, reason: &str| -> Event {
        Watchlist { action, symbol: symbol(), reason: reason.into(), ts: Ts::ZERO }.into()
    };
    let (added, removed) = (WatchlistAction::Added, WatchlistAction::Removed);
    finds(&told(vec![entry(removed, "user 0"), entry(added, "configuration")]), "is back");
    assert_eq!(told(vec![entry(removed, "user 0"), entry(added, "user 0")]).problems.len(), 0);
}
