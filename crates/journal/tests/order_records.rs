//! The record of an order behind a breaker's trip is a refusal, whole.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use common::*;
use tensortrade_journal::event::BreakerState::{Halted, Normal, Reducing};
use tensortrade_journal::{Event, JournalWriter, OrderRecord, verify};
use tensortrade_market::order::Side;

fn order(step: i64, side: Side, quantity: &str, reducing: bool) -> OrderRecord {
    let intent = intent(step, terms("IBM", side, quantity));
    OrderRecord { approved: approved(&intent), submitted: submitted(&intent), intent, reducing }
}

/// A journal that holds ten IBM, then a trip.
async fn tripped(scope: &str, to: tensortrade_journal::event::BreakerState) -> JournalWriter {
    let mut writer = Place::memory().writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    write(&mut writer, &trade(1, "IBM", Side::Buy, "10", "100")).await;
    write(&mut writer, &[breaker(scope, Normal, to)]).await;
    writer
}

#[tokio::test]
async fn what_adds_risk_behind_a_trip_of_any_of_its_scopes_is_refused_whole() {
    for scope in ["node", "strategy:rules", "symbol:IBM"] {
        let mut writer = tripped(scope, Reducing).await;
        let orders = writer.state().orders.len();
        let blocked = writer.stage_order(order(2, Side::Buy, "1", false), at(120)).unwrap().unwrap();
        assert_eq!((blocked.scope.as_str(), blocked.state), (scope, Reducing));
        assert_eq!(writer.state().orders.len(), orders, "it never was an order");
        assert!(writer.state().intents.is_empty(), "its intent has come to its end");
        writer.commit().await.unwrap();
        assert_eq!(verify(writer.store()).await.unwrap().problems, Vec::new());
    }
}

#[tokio::test]
async fn what_reduces_passes_a_reduction_and_not_a_halt_and_its_word_is_not_taken_for_it() {
    let mut writer = tripped("node", Reducing).await;
    assert_eq!(writer.stage_order(order(2, Side::Sell, "4", true), at(120)).unwrap(), None);
    assert!(writer.stage_order(order(3, Side::Sell, "11", true), at(180)).unwrap().is_some(), "through zero");
    let mut writer = tripped("node", Halted).await;
    assert!(writer.stage_order(order(2, Side::Sell, "4", true), at(120)).unwrap().is_some());
    writer.commit().await.unwrap();
    assert_eq!(verify(writer.store()).await.unwrap().problems, Vec::new());
}

#[tokio::test]
async fn an_order_of_another_scope_is_recorded_as_ever() {
    for scope in ["strategy:other", "symbol:AIG"] {
        let mut writer = tripped(scope, Halted).await;
        assert_eq!(writer.stage_order(order(2, Side::Buy, "1", false), at(120)).unwrap(), None);
        let found =
            writer.state().orders.contains_key(&order(2, Side::Buy, "1", false).submitted.client_order_id);
        assert!(found);
    }
}

#[tokio::test]
async fn verify_finds_an_order_under_the_trip_of_its_strategy_and_any_under_a_halt() {
    for (scope, to, side) in [("strategy:rules", Reducing, Side::Buy), ("symbol:IBM", Halted, Side::Sell)] {
        let mut writer = tripped(scope, to).await;
        let events: Vec<Event> = trade(2, "IBM", side, "1", "100");
        write(&mut writer, &events).await;
        let found = verify(writer.store()).await.unwrap().problems;
        assert!(found.iter().any(|p| p.to_string().contains(scope)), "{scope}: {found:?}");
    }
}
