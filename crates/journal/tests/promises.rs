//! Every promise that `verify` checks, broken once.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use common::*;
use tensortrade_journal::event::BreakerState::{Halted, Normal, Reducing};
use tensortrade_journal::event::{OrderStatus, Reconciliation};
use tensortrade_journal::{Event, verify};
use tensortrade_market::order::Side;

/// What `verify` says of a run of these events.
async fn verdict(events: Vec<Event>) -> Vec<String> {
    let place = Place::memory();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    write(&mut writer, &events).await;
    let report = verify(writer.store()).await.unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

async fn assert_broken(events: Vec<Event>, seq: u64, what: &str) {
    let found = verdict(events).await;
    let expected = format!("event {seq}: broken promise:");
    assert!(found.iter().any(|t| t.starts_with(&expected) && t.contains(what)), "{what}: {found:?}");
}

#[tokio::test]
async fn an_order_without_an_intent() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    assert_broken(vec![submitted(&intent).into()], 3, "has no recorded intent").await;
}

#[tokio::test]
async fn an_order_without_an_approval() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    assert_broken(vec![intent.clone().into(), submitted(&intent).into()], 4, "no standing approval").await;
}

#[tokio::test]
async fn an_approval_without_an_intent() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    assert_broken(vec![approved(&intent).into()], 3, "which was never recorded").await;
}

#[tokio::test]
async fn an_order_of_other_terms_than_approved() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    let mut larger = submitted(&intent);
    larger.terms.qty = qty("2");
    let events = vec![intent.clone().into(), approved(&intent).into(), larger.into()];
    assert_broken(events, 5, "other terms than its approval").await;
}

#[tokio::test]
async fn an_order_after_its_approval_expired() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    let mut late = submitted(&intent);
    late.ts = late.ts.plus_nanos(5_000_000_001);
    let events = vec![intent.clone().into(), approved(&intent).into(), late.into()];
    assert_broken(events, 5, "was approved only until").await;
}

#[tokio::test]
async fn two_orders_of_one_intent() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    let mut second = submitted(&intent);
    second.client_order_id = tensortrade_market::order::ClientOrderId::new("tt-other").unwrap();
    let events =
        vec![intent.clone().into(), approved(&intent).into(), submitted(&intent).into(), second.into()];
    assert_broken(events, 6, "became order").await;
}

#[tokio::test]
async fn an_order_submitted_twice() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    let submitted: Event = submitted(&intent).into();
    let events = vec![intent.clone().into(), approved(&intent).into(), submitted.clone(), submitted];
    assert_broken(events, 6, "is submitted twice").await;
}

#[tokio::test]
async fn a_fill_or_a_state_of_an_order_that_never_left() {
    let intent = intent(1, terms("IBM", Side::Buy, "1"));
    let id = intent.client_order_id();
    let booked = fill("e1", Some(&id), &intent.terms, "100", at(1));
    assert_broken(vec![booked.into()], 3, "never submitted").await;
    let change = state_change(&id, OrderStatus::Sent, OrderStatus::Working, at(1));
    assert_broken(vec![change], 3, "never submitted").await;
}

#[tokio::test]
async fn an_execution_applied_twice() {
    let terms = terms("IBM", Side::Buy, "1");
    let booked: Event = fill("e1", None, &terms, "100", at(1)).into();
    assert_broken(vec![booked.clone(), booked], 4, "is recorded twice").await;
    let paid: Event = commission("e1").into();
    assert_broken(vec![paid.clone(), paid], 4, "is recorded twice").await;
}

#[tokio::test]
async fn an_order_while_not_reconciled() {
    let dirty: Event = Reconciliation { ts: at(1), clean: false, differences: Vec::new() }.into();
    let mut events = vec![dirty];
    events.extend(trade(1, "IBM", Side::Buy, "1", "100"));
    assert_broken(events, 6, "not reconciled").await;
    let mut events = vec![run_started(true)];
    events.extend(trade(1, "IBM", Side::Buy, "1", "100"));
    assert_broken(events, 6, "not reconciled").await;
}

#[tokio::test]
async fn an_order_that_increases_risk_while_a_breaker_is_open() {
    for scope in ["node", "symbol:IBM"] {
        let mut events = vec![breaker(scope, Normal, Reducing)];
        events.extend(trade(1, "IBM", Side::Buy, "1", "100"));
        assert_broken(events, 6, "increases risk while breaker").await;
    }
    // From long one to short two: it passes zero, and ends larger.
    let mut events = trade(1, "IBM", Side::Buy, "1", "100");
    events.push(breaker("node", Normal, Halted));
    events.extend(trade(2, "IBM", Side::Sell, "3", "100"));
    assert_broken(events, 14, "while breaker 'node' is halted").await;
}

#[tokio::test]
async fn an_order_that_reduces_risk_is_no_breach_of_an_open_breaker() {
    let mut events = trade(1, "IBM", Side::Buy, "2", "100");
    events.push(breaker("symbol:IBM", Normal, Reducing));
    events.extend(trade(2, "IBM", Side::Sell, "2", "100"));
    events.extend(trade(3, "AIG", Side::Buy, "5", "60"));
    assert_eq!(verdict(events).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_breaker_that_was_closed_without_a_record() {
    let events = vec![breaker("node", Normal, Halted), breaker("node", Normal, Reducing)];
    assert_broken(events, 4, "was last recorded halted").await;
}

#[tokio::test]
async fn bars_that_repeat_or_go_back() {
    let mut again = step(2, &["IBM"]);
    again.bars[0].bar.start = step(1, &["IBM"]).bars[0].bar.start;
    assert_broken(vec![step(1, &["IBM"]).into(), again.into()], 4, "IBM 1m bar of").await;
}

#[tokio::test]
async fn steps_that_repeat_or_go_back() {
    assert_broken(vec![step(2, &[]).into(), step(1, &[]).into()], 4, "step 1 of").await;
    assert_broken(vec![step(2, &[]).into(), step(2, &[]).into()], 4, "step 2 of").await;
}
