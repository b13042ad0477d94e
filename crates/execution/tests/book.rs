//! The book through the lives of single orders.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

mod common;

use common::*;
use tensortrade_execution::{
    Alarm, BookConfig, ExecutionEvent, OrderBook, OrderState as S, Refusal, Submission, SubmitError,
};
use tensortrade_market::order::{Commission, Side};
use tensortrade_market::{Currency, Qty};

fn state(book: &OrderBook, id: &tensortrade_market::order::ClientOrderId) -> S {
    book.get(id).unwrap().state
}

#[test]
fn an_order_lives_from_intent_to_filled() {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    assert_eq!(state(&book, &id), S::Pending);
    assert_eq!(book.open_qty(ibm()), qty(100), "a pending order is exposure already");
    book.apply(&sent(&id, 0));
    assert_eq!(state(&book, &id), S::Sent);
    book.apply(&accepted(&id, 1));
    assert_eq!(state(&book, &id), S::Working);
    assert!(book.apply(&filled(&id, "e1", 40)).new_fill);
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::PartiallyFilled, qty(60)));
    let out = book.apply(&filled(&id, "e2", 60));
    assert_eq!((out.changes.len(), out.alarms.len()), (1, 0));
    assert_eq!((state(&book, &id), book.open_qty(ibm()), book.live_count()), (S::Filled, Qty::ZERO, 0));
    let counters = book.counters();
    assert_eq!((counters.intents, counters.sent, counters.filled, counters.fills), (1, 1, 1, 2));
    assert!(
        (book.slippage().mean_bps().unwrap() - 50.0).abs() < 1e-9,
        "bought at 100.5 what was decided at 100"
    );
    assert_eq!(book.get(&id).unwrap().average_price(), Some(price(100.5)));
}

#[test]
fn an_intent_becomes_at_most_one_order() {
    let (mut book, mut desk) = (book(), Desk::new());
    let first = desk.approve(intent(0, terms(Side::Buy, 100)));
    let again = Desk::new().approve(intent(0, terms(Side::Buy, 100)));
    let other = Desk::new().approve(intent(0, terms(Side::Buy, 50)));
    let Submission::Send { client_order_id: id, .. } = book.submit(first, at(0)).unwrap() else { panic!() };
    assert_eq!(book.submit(again, at(0)), Ok(Submission::Already(S::Pending)));
    assert_eq!(book.submit(other, at(0)), Err(SubmitError::OtherTerms(id.clone())));
    book.apply(&rejected(&id, 1));
    let late = Desk::new().approve(intent(0, terms(Side::Buy, 100)));
    assert_eq!(
        book.submit(late, at(1)),
        Ok(Submission::Already(S::Rejected)),
        "a rejected intent is not retried"
    );
    assert_eq!(book.counters().intents, 1);
}

#[test]
fn an_approval_that_ran_out_is_not_taken() {
    let (mut book, mut desk) = (book(), Desk::new());
    let approved = desk.approve(intent(0, terms(Side::Buy, 100)));
    let late = approved.expires_at();
    assert!(matches!(book.submit(approved, late), Err(SubmitError::NotApproved(_, _))));
    assert_eq!(book.live_count(), 0);
}

#[test]
fn a_symbol_in_doubt_takes_no_new_risk_but_lets_it_out() {
    let (mut book, mut desk) = (book(), Desk::new());
    desk.hold(Side::Buy, 500);
    let id = submit(&mut book, &mut desk, 0, terms(Side::Buy, 100));
    book.apply(&sent(&id, 0));
    book.apply(&in_doubt(&id, 5));
    assert!(book.has_unknown(ibm()));
    let more = desk.approve(intent(1, terms(Side::Buy, 100)));
    assert_eq!(book.submit(more, at(0)), Err(SubmitError::SymbolInDoubt(ibm())));
    let less = desk.approve(intent(2, terms(Side::Sell, 100)));
    assert!(less.is_reducing());
    assert!(matches!(book.submit(less, at(0)), Ok(Submission::Send { .. })));
}

#[test]
fn a_full_book_takes_no_more() {
    let mut book = OrderBook::new(BookConfig { live_max: 1, ..BookConfig::default() }).unwrap();
    let mut desk = Desk::new();
    submit(&mut book, &mut desk, 0, terms(Side::Buy, 1));
    let second = desk.approve(intent(1, terms(Side::Buy, 1)));
    assert_eq!(book.submit(second, at(0)), Err(SubmitError::Full(1)));
}

#[test]
fn fills_that_overtake_the_confirmation_are_booked() {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    book.apply(&filled(&id, "e1", 40));
    assert_eq!(state(&book, &id), S::PartiallyFilled, "not even noted as sent");
    book.apply(&accepted(&id, 1));
    book.apply(&sent(&id, 0));
    assert_eq!(state(&book, &id), S::PartiallyFilled);
    book.apply(&filled(&id, "e2", 60));
    assert_eq!((state(&book, &id), book.counters().sent), (S::Filled, 1));
}

#[test]
fn a_repeated_fill_is_not_booked_and_a_changed_repeat_is_alarmed() {
    let mut book = book();
    let id = working(&mut book);
    assert!(book.apply(&filled(&id, "e1", 40)).new_fill);
    let again = book.apply(&filled(&id, "e1", 40));
    assert!(!again.new_fill && again.alarms.is_empty());
    let changed = book.apply(&filled(&id, "e1", 41));
    assert!(!changed.new_fill && matches!(changed.alarms[..], [Alarm::ConflictingRepeat { .. }]));
    assert_eq!(book.get(&id).unwrap().filled, qty(40));
}

#[test]
fn a_late_fill_is_booked_and_alarmed_and_leaves_the_end_as_it_was() {
    for end in [S::Cancelled, S::Rejected, S::Expired, S::Lost] {
        let mut book = book();
        let id = working(&mut book);
        match end {
            S::Cancelled => book.apply(&cancelled(&id, 0, 3)),
            S::Rejected => book.apply(&rejected(&id, 3)),
            S::Expired => book.apply(&expired(&id, 0, 3)),
            _ => {
                book.resolve(&books());
                book.give_up(&id, "operator", at(61))
            }
        };
        assert_eq!(state(&book, &id), end);
        let out = book.apply(&filled(&id, "late", 30));
        assert!(out.new_fill, "the position changes whatever the order says");
        assert!(
            matches!(&out.alarms[..], [Alarm::LateFill { state, .. }] if *state == end),
            "{:?}",
            out.alarms
        );
        assert_eq!((state(&book, &id), book.get(&id).unwrap().filled), (end, qty(30)));
        assert_eq!(book.counters().late_fills, 1);
    }
}

#[test]
fn an_overfill_is_booked_and_alarmed() {
    let mut book = book();
    let id = working(&mut book);
    let out = book.apply(&filled(&id, "e1", 130));
    assert!(out.new_fill && matches!(out.alarms[..], [Alarm::Overfill { .. }]));
    assert_eq!((state(&book, &id), book.get(&id).unwrap().filled), (S::Filled, qty(130)));
    assert_eq!(book.get(&id).unwrap().remaining(), Qty::ZERO);
}

#[test]
fn a_cancel_that_announces_more_fills_than_came_keeps_them_reserved() {
    let mut book = book();
    let id = working(&mut book);
    book.apply(&filled(&id, "e1", 10));
    let out = book.apply(&cancelled(&id, 50, 3));
    assert!(matches!(out.alarms[..], [Alarm::MissingFills { .. }]));
    assert_eq!((state(&book, &id), book.get(&id).unwrap().remaining()), (S::Cancelled, qty(40)));
    book.apply(&filled(&id, "e2", 40));
    assert_eq!(book.get(&id).unwrap().remaining(), Qty::ZERO);
}

#[test]
fn a_fill_of_no_order_is_new_once_and_alarmed() {
    let mut book = book();
    let mut desk = Desk::new();
    let id = submit(&mut book, &mut desk, 0, terms(Side::Buy, 100));
    let manual = tensortrade_market::order::Fill {
        client_order_id: None,
        broker_order_id: tensortrade_market::order::BrokerOrderId::new("by-hand").unwrap(),
        ..fill(&id, "m1", 5)
    };
    let out = book.apply(&ExecutionEvent::Fill(manual.clone()));
    assert!(out.new_fill && matches!(out.alarms[..], [Alarm::ForeignFill { .. }]));
    assert!(!book.apply(&ExecutionEvent::Fill(manual)).new_fill);
    let wrong_side = tensortrade_market::order::Fill { side: Side::Sell, ..fill(&id, "m2", 5) };
    let out = book.apply(&ExecutionEvent::Fill(wrong_side));
    assert!(out.new_fill && matches!(out.alarms[..], [Alarm::Mismatch { .. }]));
    assert_eq!(book.get(&id).unwrap().filled, Qty::ZERO);
}

#[test]
fn a_fill_without_our_id_is_matched_by_the_brokers() {
    let mut book = book();
    let id = working(&mut book);
    let anonymous = tensortrade_market::order::Fill { client_order_id: None, ..fill(&id, "e1", 40) };
    assert!(book.apply(&ExecutionEvent::Fill(anonymous)).alarms.is_empty());
    assert_eq!(book.get(&id).unwrap().filled, qty(40));
}

#[test]
fn a_commission_joins_its_execution_before_or_after_it() {
    let mut book = book();
    let id = working(&mut book);
    let cost = |exec: &str, micros| {
        let fill = fill(&id, exec, 1);
        ExecutionEvent::Commission(Commission {
            venue: fill.venue,
            exec_id: fill.exec_id,
            amount: tensortrade_market::Money::from_micros(micros),
            currency: Currency::USD,
        })
    };
    book.apply(&cost("e1", 7));
    book.apply(&filled(&id, "e1", 40));
    book.apply(&filled(&id, "e2", 40));
    book.apply(&cost("e2", 8));
    book.apply(&cost("e2", 9));
    let records = &book.get(&id).unwrap().executions;
    let costs: Vec<_> = records.iter().map(|r| r.commission.as_ref().unwrap().amount.micros()).collect();
    assert_eq!(costs, [7, 8], "a repeat changes nothing");
}

#[test]
fn a_cancel_can_lose_against_a_fill() {
    let mut book = book();
    let id = working(&mut book);
    assert_eq!(book.apply(&cancel_requested(&id, 2)).refused, None);
    assert_eq!(state(&book, &id), S::PendingCancel);
    book.apply(&filled(&id, "e1", 40));
    assert_eq!(state(&book, &id), S::PendingCancel);
    book.apply(&filled(&id, "e2", 60));
    assert_eq!(state(&book, &id), S::Filled);
    book.apply(&request_rejected(&id, false, 3));
    assert_eq!(state(&book, &id), S::Filled);
    assert_eq!(book.apply(&cancel_requested(&id, 4)).refused, Some(Refusal::Done(S::Filled)));
}

#[test]
fn a_pending_order_is_withdrawn_not_cancelled() {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    assert_eq!(book.apply(&cancel_requested(&id, 0)).refused, Some(Refusal::NotSentYet));
    let reason = "the journal halted".to_owned();
    book.apply(&ExecutionEvent::Withdrawn { client_order_id: id.clone(), reason, ts: at(0) });
    assert_eq!((state(&book, &id), book.counters().sent), (S::Cancelled, 0));
    assert_eq!(book.get(&id).unwrap().reason, "the journal halted");
}

#[test]
fn a_change_counts_as_the_larger_of_both_until_it_is_answered() {
    let (mut book, mut desk) = (book(), Desk::new());
    let id = submit(&mut book, &mut desk, 0, terms(Side::Buy, 100));
    let larger = terms(Side::Buy, 150);
    let early = desk.approve_change(&id, larger);
    assert!(matches!(book.request_change(early, at(0)), Err(SubmitError::NotChangeable(_, _))));
    book.apply(&sent(&id, 0));
    book.apply(&accepted(&id, 1));
    let mut desk = Desk::new();
    drop(desk.approve(intent(0, terms(Side::Buy, 100))));
    assert_eq!(book.request_change(desk.approve_change(&id, larger), at(0)), Ok(larger));
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::PendingModify, qty(150)));
    book.apply(&filled(&id, "e1", 100));
    assert_eq!(state(&book, &id), S::PendingModify, "whole by the old terms, not by the new");
    let mut refused = book.clone();
    refused.apply(&request_rejected(&id, true, 3));
    assert_eq!(state(&refused, &id), S::Filled, "the old terms stand, and they are filled");
    book.apply(&ExecutionEvent::Modified { client_order_id: id.clone(), terms: larger, ts: at(3) });
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::PartiallyFilled, qty(50)));
}

#[test]
fn terms_that_nobody_asked_for_are_taken_over_and_alarmed() {
    let mut book = book();
    let id = working(&mut book);
    let other = terms(Side::Buy, 80);
    let out = book.apply(&ExecutionEvent::Modified { client_order_id: id.clone(), terms: other, ts: at(3) });
    assert!(matches!(out.alarms[..], [Alarm::OtherTerms { .. }]));
    assert_eq!(book.open_qty(ibm()), qty(80));
}

#[test]
fn silence_makes_unknown_never_rejected() {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    assert_eq!(book.next_deadline(), None);
    book.apply(&sent(&id, 0));
    assert_eq!(book.next_deadline(), Some(at(10)));
    assert!(book.check_deadlines(at(9)).changes.is_empty());
    let out = book.check_deadlines(at(10));
    assert_eq!(out.changes.len(), 1);
    assert!(matches!(out.alarms[..], [Alarm::BecameUnknown { .. }]));
    assert_eq!((state(&book, &id), book.open_qty(ibm())), (S::Unknown, qty(100)), "its exposure stays");
    assert_eq!(book.next_deadline(), None);
}

#[test]
fn an_unanswered_cancel_makes_unknown() {
    let mut book = book();
    let id = working(&mut book);
    book.apply(&cancel_requested(&id, 5));
    book.check_deadlines(at(15));
    assert_eq!(state(&book, &id), S::Unknown);
}

#[test]
fn a_broken_session_puts_only_requests_under_way_in_doubt() {
    let (mut book, mut desk) = (book(), Desk::new());
    let ids: Vec<_> = (0..4).map(|leg| submit(&mut book, &mut desk, leg, terms(Side::Buy, 100))).collect();
    for id in &ids[1..] {
        book.apply(&sent(id, 0));
    }
    for id in &ids[2..] {
        book.apply(&accepted(id, 1));
    }
    book.apply(&cancel_requested(&ids[3], 2));
    let mut broken = book.clone();
    broken.apply(&ExecutionEvent::Disconnected { ts: at(3) });
    let states = |book: &OrderBook| ids.iter().map(|id| state(book, id)).collect::<Vec<_>>();
    assert_eq!(states(&broken), [S::Pending, S::Unknown, S::Working, S::Unknown]);
    book.apply(&ExecutionEvent::Recovered { ts: at(3) });
    assert_eq!(
        states(&book),
        [S::Unknown, S::Unknown, S::Working, S::Unknown],
        "sending may not have been noted"
    );
}

#[test]
fn the_first_confirmation_resolves_doubt_and_a_repeated_one_does_not() {
    let mut book = book();
    let id = submit(&mut book, &mut Desk::new(), 0, terms(Side::Buy, 100));
    book.apply(&sent(&id, 0));
    book.apply(&in_doubt(&id, 1));
    book.apply(&accepted(&id, 2));
    assert_eq!(state(&book, &id), S::Working);
    book.apply(&cancel_requested(&id, 3));
    book.apply(&in_doubt(&id, 4));
    book.apply(&accepted(&id, 2));
    assert_eq!(state(&book, &id), S::Unknown, "an old message says nothing about now");
}

#[test]
fn a_rejection_of_what_was_executed_needs_proof() {
    let mut book = book();
    let id = working(&mut book);
    book.apply(&filled(&id, "e1", 40));
    let out = book.apply(&rejected(&id, 3));
    assert_eq!(state(&book, &id), S::Unknown);
    assert!(out.alarms.iter().any(|alarm| matches!(alarm, Alarm::Contradiction { .. })));
}

#[test]
fn a_report_about_an_order_that_is_not_here_changes_nothing() {
    let (mut book, mut other) = (book(), common::book());
    let id = working(&mut other);
    let before = book.clone();
    for event in [accepted(&id, 1), rejected(&id, 1), cancelled(&id, 0, 1), sent(&id, 1)] {
        assert!(matches!(book.apply(&event).alarms[..], [Alarm::UnknownOrder { .. }]));
    }
    assert_eq!(book, before);
}

#[test]
fn history_is_bounded_and_what_it_forgot_cannot_be_submitted_again() {
    let mut book = OrderBook::new(BookConfig { history_max: 3, ..BookConfig::default() }).unwrap();
    let mut desk = Desk::new();
    let ids: Vec<_> = (0..10)
        .map(|leg| {
            let id = submit(&mut book, &mut desk, leg, terms(Side::Buy, 100));
            book.apply(&filled(&id, &format!("e{leg}"), 100));
            id
        })
        .collect();
    assert_eq!((book.ended().count(), book.live_count(), book.counters().filled), (3, 0, 10));
    assert!(book.get(&ids[6]).is_none() && book.get(&ids[7]).is_some());
    let mut old = intent(77, terms(Side::Buy, 100));
    old.decided_at = at(-1);
    let old = desk.approve(old);
    assert!(matches!(book.submit(old, at(0)), Err(SubmitError::TooOld(_))));
    let text = serde_json::to_string(&book).unwrap();
    assert_eq!(serde_json::from_str::<OrderBook>(&text).unwrap(), book);
}

#[test]
fn a_forgotten_order_of_the_present_step_cannot_be_submitted_again_and_its_fills_are_known() {
    let mut book = OrderBook::new(BookConfig { history_max: 1, ..BookConfig::default() }).unwrap();
    let mut desk = Desk::new();
    // All of one decision time, as the orders of one step are.
    let ids: Vec<_> = (0..3)
        .map(|leg| {
            let id = submit(&mut book, &mut desk, leg, terms(Side::Buy, 100));
            book.apply(&filled(&id, &format!("e{leg}"), 100));
            id
        })
        .collect();
    assert!(book.get(&ids[0]).is_none() && book.get(&ids[1]).is_none());
    let again = Desk::new().approve(intent(0, terms(Side::Buy, 100)));
    assert!(matches!(book.submit(again, at(0)), Err(SubmitError::TooOld(_))));
    let other = desk.approve(intent(9, terms(Side::Buy, 100)));
    assert!(
        matches!(book.submit(other, at(0)), Ok(Submission::Send { .. })),
        "the step's others may still come"
    );

    let repeated = book.apply(&filled(&ids[0], "e0", 100));
    assert!(!repeated.new_fill && repeated.alarms.is_empty(), "{repeated:?}");
    let late = book.apply(&filled(&ids[0], "e0-more", 100));
    assert!(late.new_fill && matches!(late.alarms[..], [Alarm::ForeignFill { .. }]), "{late:?}");
    let repeated = book.apply(&filled(&ids[0], "e0-more", 100));
    assert!(!repeated.new_fill, "{repeated:?}");
}

#[test]
fn an_execution_older_than_what_is_remembered_is_alarmed_and_not_booked() {
    let mut book = OrderBook::new(BookConfig { executions_min: 2, ..BookConfig::default() }).unwrap();
    let foreign = |n: i64| {
        let mut fill = fill_of(0, Side::Buy, &format!("e{n}"), 1);
        fill.client_order_id = None;
        fill.ts = at(n);
        fill
    };
    let cost = |n: i64| Commission {
        venue: foreign(n).venue,
        exec_id: foreign(n).exec_id,
        amount: "1".parse().unwrap(),
        currency: Currency::USD,
    };
    for n in 0..5 {
        let early = book.apply(&ExecutionEvent::Commission(cost(n)));
        let booked = book.apply(&ExecutionEvent::Fill(foreign(n)));
        assert!(booked.new_fill, "{n}");
        let charged = early.new_commissions.len() + booked.new_commissions.len();
        assert_eq!(charged, 1, "a cost before its fill is charged once: {n}");
    }
    let old = book.apply(&ExecutionEvent::Fill(foreign(0)));
    assert!(!old.new_fill && matches!(old.alarms[..], [Alarm::TooOldToTell { .. }]), "{old:?}");
    let cost_again = book.apply(&ExecutionEvent::Commission(cost(0)));
    assert!(cost_again.new_commissions.is_empty(), "{cost_again:?}");
    let known = book.apply(&ExecutionEvent::Fill(foreign(4)));
    assert!(!known.new_fill && known.alarms.is_empty(), "{known:?}");
    let text = serde_json::to_string(&book).unwrap();
    assert_eq!(serde_json::from_str::<OrderBook>(&text).unwrap(), book);
}

#[test]
fn a_configuration_out_of_range_is_refused_by_name() {
    let refused = OrderBook::new(BookConfig { live_max: 0, ..BookConfig::default() }).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "execution.live_max = 0 is outside 1..=1000000: choose a value within it"
    );
}
