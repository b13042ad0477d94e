//! Whatever order the broker's messages come in, repeated or missing: executions are booked once and states never go
//! back.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

mod common;

use common::*;
use proptest::prelude::*;
use tensortrade_execution::{BrokerAnswers, ExecutionEvent, KnownState, OrderBook, OrderState};
use tensortrade_market::Qty;
use tensortrade_market::order::{ClientOrderId, Side};

/// One thing that may happen to an order of a hundred.
#[derive(Debug, Clone)]
enum Happening {
    Sent,
    NotSent,
    Accepted,
    Rejected,
    Fill(u8, i64),
    Cancelled(i64),
    Expired(i64),
    CancelRequested,
    RequestRejected(bool),
    InDoubt,
    Disconnected,
    Recovered,
    Deadlines,
    Resolve(Option<(u8, i64)>),
    GiveUp,
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    prop_oneof![
        3 => Just(H::Sent),
        1 => Just(H::NotSent),
        3 => Just(H::Accepted),
        1 => Just(H::Rejected),
        // The same execution id always has the same quantity.
        8 => (0u8..8).prop_map(|n| H::Fill(n, 5 + i64::from(n) * 7)),
        1 => (0i64..60).prop_map(H::Cancelled),
        1 => (0i64..60).prop_map(H::Expired),
        2 => Just(H::CancelRequested),
        1 => any::<bool>().prop_map(H::RequestRejected),
        1 => Just(H::InDoubt),
        1 => Just(H::Disconnected),
        1 => Just(H::Recovered),
        1 => Just(H::Deadlines),
        2 => prop::option::of((0u8..5, 0i64..101)).prop_map(H::Resolve),
        1 => Just(H::GiveUp),
    ]
}

fn happen(book: &mut OrderBook, id: &ClientOrderId, what: &Happening, secs: i64) -> bool {
    use Happening as H;
    let event = match what {
        H::Sent => sent(id, secs),
        H::NotSent => {
            ExecutionEvent::NotSent { client_order_id: id.clone(), reason: "no".into(), ts: at(secs) }
        }
        H::Accepted => accepted(id, secs),
        H::Rejected => rejected(id, secs),
        H::Fill(n, units) => filled(id, &format!("e{n}"), *units),
        H::Cancelled(units) => cancelled(id, *units, secs),
        H::Expired(units) => expired(id, *units, secs),
        H::CancelRequested => cancel_requested(id, secs),
        H::RequestRejected(still_works) => request_rejected(id, *still_works, secs),
        H::InDoubt => in_doubt(id, secs),
        H::Disconnected => ExecutionEvent::Disconnected { ts: at(secs) },
        H::Recovered => ExecutionEvent::Recovered { ts: at(secs) },
        H::Deadlines => return book.check_deadlines(at(secs)).new_fill,
        H::GiveUp => return book.give_up(id, "test", at(secs)).new_fill,
        H::Resolve(found) => {
            let mut answers = BrokerAnswers { asked_at: at(secs), ..books() };
            if let Some((kind, units)) = found {
                match kind {
                    0 => answers.open.push(known(id, KnownState::Working, *units)),
                    1 => answers.completed.push(known(id, KnownState::Filled, 100)),
                    2 => answers.completed.push(known(id, KnownState::Cancelled, *units)),
                    3 => answers.completed.push(known(id, KnownState::Expired, *units)),
                    _ => answers.completed.push(known(id, KnownState::Rejected, 0)),
                }
            }
            return book.resolve(&answers).new_fill;
        }
    };
    book.apply(&event).new_fill
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_executions_are_booked_once_and_states_never_go_back(
        happenings in prop::collection::vec(happening(), 1..40),
        restart in 0usize..40,
    ) {
        let mut book = book();
        let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
        let mut distinct = std::collections::BTreeMap::new();
        let mut last = (OrderState::Pending, Qty::ZERO);
        for (n, what) in happenings.iter().enumerate() {
            if n == restart {
                let text = serde_json::to_string(&book).unwrap();
                let restored: OrderBook = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(&restored, &book);
                book = restored;
            }
            let new_fill = happen(&mut book, &id, what, n as i64 * 5);
            if let Happening::Fill(exec, units) = what {
                prop_assert_eq!(new_fill, distinct.insert(*exec, *units).is_none());
            }
            let order = book.get(&id).unwrap();
            let now = (order.state, order.filled);
            prop_assert!(now.0.rank() >= last.0.rank(), "{:?} led from {} to {}", what, last.0, now.0);
            prop_assert!(!last.0.is_terminal() || now.0 == last.0, "{what:?} led out of {}", last.0);
            prop_assert!(now.1 >= last.1);
            prop_assert_eq!(order.filled, qty(distinct.values().sum()));
            prop_assert_eq!(book.live_count(), usize::from(!now.0.is_terminal()));
            // Exposure is never dropped while anything can still come of the order.
            if !now.0.is_terminal() && order.filled < qty(100) {
                prop_assert_eq!(order.remaining(), qty(100).checked_sub(order.filled).unwrap());
            }
            if now.0 == OrderState::Filled {
                prop_assert!(order.filled >= qty(100));
            }
            last = now;
        }
        let counters = book.counters();
        prop_assert_eq!(counters.fills, distinct.len() as u64);
        let ends = counters.filled + counters.cancelled + counters.rejected + counters.expired + counters.lost;
        prop_assert_eq!(ends, u64::from(last.0.is_terminal()));
        prop_assert!(counters.sent <= 1);
    }

    #[test]
    fn shuffled_and_repeated_reports_of_a_filled_order_end_filled(
        order in Just((0..7usize).collect::<Vec<_>>()).prop_shuffle(),
        repeats in prop::collection::vec(0..7usize, 0..10),
    ) {
        let mut book = book();
        let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
        let all = |n: usize| match n {
            0 => sent(&id, 0),
            1 => accepted(&id, 1),
            n => filled(&id, &format!("e{n}"), 20),
        };
        for n in order.iter().chain(&repeats) {
            book.apply(&all(*n));
        }
        let done = book.get(&id).unwrap();
        prop_assert_eq!((done.state, done.filled), (OrderState::Filled, qty(100)));
        prop_assert_eq!(book.counters().sent, 1);
    }

    #[test]
    fn every_unknown_order_is_resolved_by_complete_books(
        happenings in prop::collection::vec(happening(), 1..20),
    ) {
        let mut book = book();
        let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
        for (n, what) in happenings.iter().enumerate() {
            happen(&mut book, &id, what, n as i64);
        }
        book.apply(&ExecutionEvent::Recovered { ts: at(30) });
        let filled = book.get(&id).unwrap().filled;
        let answers = BrokerAnswers {
            completed: vec![known(&id, KnownState::Cancelled, filled.raw() / Qty::ONE)],
            asked_at: at(1_000),
            ..books()
        };
        book.resolve(&answers);
        prop_assert!(book.get(&id).unwrap().state.is_terminal());
    }

    #[test]
    fn the_same_events_give_the_same_book_also_when_rebuilt_from_the_journal(
        happenings in prop::collection::vec(happening(), 1..40),
    ) {
        let run = |from_journal: bool| {
            let mut book = book();
            let wish = intent(0, terms(Side::Buy, 100));
            let id = wish.client_order_id();
            if from_journal {
                book.reinstate(wish.clone(), at(0));
                book.reinstate(wish, at(9));
            } else {
                submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
            }
            for (n, what) in happenings.iter().enumerate() {
                happen(&mut book, &id, what, n as i64 * 5);
            }
            serde_json::to_string(&book).unwrap()
        };
        prop_assert_eq!(run(false), run(false));
        prop_assert_eq!(run(false), run(true));
    }
}
