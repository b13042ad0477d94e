//! Whatever the events are, in whatever order: the state, its snapshots and the tables agree.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use std::collections::BTreeMap;

use common::*;
use proptest::prelude::*;
use tensortrade_journal::event::{BreakerState, OrderStatus, Watchlist, WatchlistAction};
use tensortrade_journal::{Envelope, Event, Head, Meta, Recovered, rebuild};
use tensortrade_market::order::Side;
use tensortrade_market::{Money, Symbol};

const NAMES: [&str; 3] = ["IBM", "AIG", "SPY"];

/// Any event over a few symbols, orders and executions, so that repetitions, late fills and contradictions are common.
fn any_event() -> impl Strategy<Value = Event> {
    let name = prop::sample::select(NAMES.to_vec());
    let side = prop::sample::select(vec![Side::Buy, Side::Sell]);
    let status = prop::sample::select(vec![
        OrderStatus::Sent,
        OrderStatus::Working,
        OrderStatus::Unknown,
        OrderStatus::Filled,
        OrderStatus::Cancelled,
        OrderStatus::Lost,
    ]);
    let breaker_state =
        prop::sample::select(vec![BreakerState::Normal, BreakerState::Reducing, BreakerState::Halted]);
    let order = (1i64..6, name.clone(), side, 1i64..1_000_000_000_000)
        .prop_map(|(n, name, side, raw)| {
            let quantity = tensortrade_market::Qty::from_raw(raw).to_string();
            intent(n, terms(name, side, &quantity))
        })
        .boxed();
    prop_oneof![
        order.clone().prop_map(Event::from),
        order.clone().prop_map(|intent| approved(&intent).into()),
        order.clone().prop_map(|intent| submitted(&intent).into()),
        (order.clone(), status.clone(), status, 0i64..99)
            .prop_map(|(intent, from, to, s)| { state_change(&intent.client_order_id(), from, to, at(s)) }),
        (order, 0u32..40, any::<bool>(), 1i64..1_000_000_000_000, 0i64..99).prop_map(
            |(intent, exec, ours, raw, s)| {
                let id = intent.client_order_id();
                let price = tensortrade_market::Price::from_raw(raw).unwrap().to_string();
                fill(&format!("e{exec}"), ours.then_some(&id), &intent.terms, &price, at(s)).into()
            }
        ),
        (0u32..40).prop_map(|exec| commission(&format!("e{exec}")).into()),
        (1i64..99).prop_map(|n| step(n, &NAMES).into()),
        (breaker_state.clone(), breaker_state).prop_map(|(from, to)| breaker("node", from, to)),
        (name, any::<bool>(), 0i64..99).prop_map(|(name, add, s)| {
            let action = if add { WatchlistAction::Added } else { WatchlistAction::Removed };
            Watchlist { action, symbol: symbol(name), reason: "test".into(), ts: at(s) }.into()
        }),
        any::<bool>().prop_map(run_started),
        Just(opened()),
    ]
}

/// The envelopes of a journal with these events.
fn sealed(events: &[Event]) -> Vec<(Head, &Event)> {
    let mut head = Head::genesis(&Meta::create(&identity()).id);
    events
        .iter()
        .map(|event| {
            head = Envelope::seal(&head, at(0), event.kind(), event.encode().unwrap()).head();
            (head, event)
        })
        .collect()
}

fn fold(mut state: Recovered, events: &[(Head, &Event)]) -> Recovered {
    for (head, event) in events {
        state.apply(*head, event).unwrap();
    }
    state
}

fn genesis() -> Recovered {
    Recovered::genesis(&Meta::create(&identity()).id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_event_survives_the_journal(event in any_event()) {
        let payload = event.encode().unwrap();
        let back = Event::decode(&payload).unwrap();
        prop_assert_eq!(&back, &event);
        prop_assert_eq!(back.encode().unwrap(), payload);
    }

    #[test]
    fn a_snapshot_and_the_tail_give_the_state_of_all_events(
        events in prop::collection::vec(any_event(), 1..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let sealed = sealed(&events);
        let whole = fold(genesis(), &sealed);
        let (first, tail) = sealed.split_at(cut.index(sealed.len() + 1));
        let snapshot = serde_json::to_vec(&fold(genesis(), first)).unwrap();
        let restored: Recovered = serde_json::from_slice(&snapshot).unwrap();
        prop_assert_eq!(fold(restored, tail), whole);
    }

    #[test]
    fn positions_are_the_sums_of_their_fills_and_no_money_is_lost(
        events in prop::collection::vec(any_event(), 1..120),
    ) {
        let state = fold(genesis(), &sealed(&events));
        let mut first: BTreeMap<_, _> = BTreeMap::new();
        for event in &events {
            if let Event::Fill(e) = event {
                first.entry(e.fill.exec_id.clone()).or_insert(e);
            }
        }
        let mut quantities: BTreeMap<Symbol, i64> = BTreeMap::new();
        let mut values: BTreeMap<Symbol, i64> = BTreeMap::new();
        for booked in first.values() {
            *quantities.entry(booked.fill.symbol).or_default() += booked.fill.signed_qty().raw();
            *values.entry(booked.fill.symbol).or_default() += booked.value().unwrap().micros();
        }
        prop_assert_eq!(state.positions.len(), quantities.len());
        for (symbol, position) in &state.positions {
            prop_assert_eq!(position.qty.raw(), quantities[symbol]);
            prop_assert_eq!(position.basis.micros() - position.realised.micros(), values[symbol]);
            prop_assert!(!position.qty.is_zero() || position.basis == Money::ZERO);
        }
        // The portfolio is a second fold of the same events, by other code: both come to the same, to the last micro.
        for (symbol, position) in &state.positions {
            let held = state.books.portfolio.position(*symbol).unwrap();
            prop_assert_eq!(
                (held.qty, held.cost, held.realised),
                (position.qty, position.basis, position.realised)
            );
        }
        let opened = state.opened.as_ref().map_or(0, |e| e.cash.values().map(|c| c.micros()).sum::<i64>());
        let moved: i64 = state.cash.values().map(|c| c.fills.micros() - c.commissions.micros()).sum();
        let held: i64 = state.books.portfolio.accounts().values().map(|a| a.cash.micros()).sum();
        prop_assert_eq!(held, opened + moved);
        let cash: i64 = state.cash.values().map(|effect| effect.fills.micros()).sum();
        prop_assert_eq!(cash, -values.values().sum::<i64>());
    }

    #[test]
    fn tables_derived_at_once_equal_those_derived_event_by_event(
        events in prop::collection::vec(any_event(), 1..60),
        batch in 1usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut writer = Place::memory().writer().await;
            for chunk in events.chunks(batch) {
                write(&mut writer, chunk).await;
            }
            let inline = dump(writer.store()).await;
            rebuild(writer.store()).await.unwrap();
            prop_assert_eq!(dump(writer.store()).await, inline);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sqlite_and_memory_hold_the_same(events in prop::collection::vec(any_event(), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (file, memory) = (Place::sqlite(), Place::memory());
            let (mut file, mut memory) = (file.writer().await, memory.writer().await);
            write(&mut file, &events).await;
            write(&mut memory, &events).await;
            prop_assert_eq!(file.committed(), memory.committed());
            prop_assert_eq!(dump(file.store()).await, dump(memory.store()).await);
            rebuild(file.store()).await.unwrap();
            prop_assert_eq!(dump(file.store()).await, dump(memory.store()).await);
            Ok(())
        })?;
    }
}
