//! Orders of unknown outcome against the broker's books: only proof resolves them.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

mod common;

use common::*;
use tensortrade_execution::{Alarm, BrokerAnswers, KnownState, OrderBook, OrderState as S};
use tensortrade_market::Qty;
use tensortrade_market::order::{ClientOrderId, Side};

/// A book with one order to buy a hundred that was sent and never answered.
fn in_question() -> (OrderBook, ClientOrderId) {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    book.apply(&sent(&id, 0));
    book.apply(&in_doubt(&id, 10));
    (book, id)
}

fn state(book: &OrderBook, id: &ClientOrderId) -> S {
    book.get(id).unwrap().state
}

#[test]
fn an_open_order_there_works_here() {
    let (mut book, id) = in_question();
    let answers = BrokerAnswers { open: vec![known(&id, KnownState::Working, 0)], ..books() };
    let out = book.resolve(&answers);
    assert_eq!((state(&book, &id), out.alarms.len()), (S::Working, 0));
    let order = book.get(&id).unwrap();
    assert!(order.confirmed && order.broker_order_id == Some(broker_id(&id)));
}

#[test]
fn executions_come_first_and_are_authoritative() {
    let (mut book, id) = in_question();
    let answers = BrokerAnswers {
        open: vec![known(&id, KnownState::Working, 30)],
        executions: vec![(fill(&id, "e1", 30), None)],
        ..books()
    };
    let out = book.resolve(&answers);
    assert!(out.new_fill && out.alarms.is_empty());
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::PartiallyFilled, qty(70)));
    let again = book.resolve(&answers);
    assert!(!again.new_fill && again.changes.is_empty() && again.alarms.is_empty());
}

#[test]
fn a_completed_order_ends_as_it_ended_there() {
    for (known_state, expected) in [
        (KnownState::Cancelled, S::Cancelled),
        (KnownState::Expired, S::Expired),
        (KnownState::Rejected, S::Rejected),
    ] {
        let (mut book, id) = in_question();
        book.resolve(&BrokerAnswers { completed: vec![known(&id, known_state, 0)], ..books() });
        assert_eq!(state(&book, &id), expected);
    }
    let (mut book, id) = in_question();
    book.resolve(&BrokerAnswers {
        completed: vec![known(&id, KnownState::Filled, 100)],
        executions: vec![(fill(&id, "e1", 100), None)],
        ..books()
    });
    assert_eq!(state(&book, &id), S::Filled);
}

#[test]
fn a_fill_the_broker_counts_but_does_not_show_keeps_the_order_open() {
    let (mut book, id) = in_question();
    let out =
        book.resolve(&BrokerAnswers { completed: vec![known(&id, KnownState::Filled, 100)], ..books() });
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::Unknown, qty(100)));
    assert!(matches!(out.alarms[..], [Alarm::MissingFills { .. }]));
    book.apply(&filled(&id, "e1", 100));
    assert_eq!(state(&book, &id), S::Filled);
}

#[test]
fn absence_from_complete_books_proves_an_order_lost() {
    let (mut book, id) = in_question();
    let out = book.resolve(&books());
    assert_eq!((state(&book, &id), book.counters().lost), (S::Lost, 1));
    assert!(matches!(out.alarms[..], [Alarm::Lost { .. }]));
    assert_eq!(book.open_qty(ibm()), Qty::ZERO);
}

#[test]
fn books_that_do_not_reach_back_far_enough_prove_nothing() {
    let (mut book, id) = in_question();
    book.resolve(&BrokerAnswers { since: at(1), ..books() });
    assert_eq!(state(&book, &id), S::Unknown);
}

#[test]
fn books_asked_for_while_the_request_was_on_its_way_prove_nothing() {
    let (mut book, id) = in_question();
    book.resolve(&BrokerAnswers { asked_at: at(11), ..books() });
    assert_eq!(state(&book, &id), S::Unknown);
    book.resolve(&BrokerAnswers { asked_at: at(12), ..books() });
    assert_eq!(state(&book, &id), S::Lost);
}

#[test]
fn an_order_with_fills_is_never_lost_by_absence_and_can_be_given_up() {
    let (mut book, id) = in_question();
    book.apply(&filled(&id, "e1", 30));
    assert_eq!(state(&book, &id), S::Unknown, "that it was there once does not say that it works now");
    let out = book.resolve(&books());
    assert_eq!(state(&book, &id), S::Unknown);
    assert!(matches!(out.alarms[..], [Alarm::Contradiction { .. }]));
    let out = book.give_up(&id, "confirmed by telephone", at(70));
    assert_eq!((state(&book, &id), out.refused), (S::Lost, None));
    assert_eq!(book.get(&id).unwrap().filled, qty(30));
}

#[test]
fn only_an_order_of_unknown_outcome_can_be_given_up() {
    let mut book = book();
    let id = working(&mut book);
    assert!(book.give_up(&id, "impatience", at(70)).refused.is_some());
    assert_eq!(state(&book, &id), S::Working);
}

#[test]
fn a_working_order_that_is_not_there_is_questioned_before_it_is_lost() {
    let mut book = book();
    let id = working(&mut book);
    book.resolve(&books());
    assert_eq!(state(&book, &id), S::Unknown);
    book.resolve(&BrokerAnswers { asked_at: at(61), ..books() });
    assert_eq!(state(&book, &id), S::Unknown, "it was questioned a second ago");
    book.resolve(&BrokerAnswers { asked_at: at(120), ..books() });
    assert_eq!(state(&book, &id), S::Lost);
}

#[test]
fn an_order_alive_after_its_end_and_one_that_is_not_ours_are_alarmed() {
    let mut book = book();
    let id = working(&mut book);
    book.apply(&cancelled(&id, 0, 3));
    let mut foreign = known(&id, KnownState::Working, 0);
    foreign.client_order_id = None;
    foreign.broker_order_id = tensortrade_market::order::BrokerOrderId::new("by-hand").unwrap();
    let answers = BrokerAnswers { open: vec![known(&id, KnownState::Working, 0), foreign], ..books() };
    let out = book.resolve(&answers);
    assert_eq!(state(&book, &id), S::Cancelled);
    assert!(
        matches!(&out.alarms[..], [Alarm::AliveAfterEnd { .. }, Alarm::ForeignOrder { .. }]),
        "{:?}",
        out.alarms
    );
}

#[test]
fn a_change_in_doubt_is_resolved_to_the_terms_the_broker_has() {
    let (mut book, mut desk) = (book(), Desk::new());
    let id = submit(&mut book, &mut desk, 0, terms(Side::Buy, 100));
    book.apply(&sent(&id, 0));
    book.apply(&accepted(&id, 1));
    book.request_change(desk.approve_change(&id, terms(Side::Buy, 150)), at(0)).unwrap();
    book.apply(&in_doubt(&id, 10));
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::Unknown, qty(150)));
    book.resolve(&BrokerAnswers { open: vec![known(&id, KnownState::Working, 0)], ..books() });
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::Working, qty(100)));
}

#[test]
fn a_node_that_is_restarted_again_and_again_believes_the_books_in_the_end() {
    let (mut recorded, mut desk) = (book(), Desk::new());
    let never_sent = submit(&mut recorded, &mut desk, 0, terms(Side::Buy, 100));
    let cancelling = submit(&mut recorded, &mut desk, 1, terms(Side::Buy, 100));
    recorded.apply(&sent(&cancelling, 0));
    recorded.apply(&accepted(&cancelling, 0));
    recorded.apply(&cancel_requested(&cancelling, 1));
    // Every life looks at the broker's books at its start, and is killed before it looks again.
    let life = |secs: i64| {
        let mut book = recorded.clone();
        book.apply(&tensortrade_execution::ExecutionEvent::Recovered { ts: at(secs) });
        let open = vec![known(&cancelling, KnownState::Working, 0)];
        book.resolve(&BrokerAnswers { open, asked_at: at(secs), ..books() });
        (state(&book, &never_sent), state(&book, &cancelling))
    };
    assert_eq!(life(1), (S::Unknown, S::Unknown), "the requests may still be on their way");
    assert_eq!(life(11), (S::Unknown, S::Unknown), "no answer is overdue yet");
    assert_eq!(
        life(30),
        (S::Lost, S::Working),
        "the requests had time to arrive, in whatever life they were made"
    );
}
