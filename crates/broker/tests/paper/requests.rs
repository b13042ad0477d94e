//! Cancels and changes.

use super::desk::*;
use tensortrade_broker::{BrokerEvent, RejectCode};

fn desk() -> Desk {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk
}

#[test]
fn a_cancel_travels_too_and_the_order_may_fill_before_it_arrives() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.95"), Day, 0);
    desk.quote(60, "99.99", "500", "100.01", "500");
    assert!(desk.cancel("a", 100).is_empty());
    assert_eq!(filled(&desk.trade(149, "99.90", "120")), ["60 @ 99.95"]);
    let events = desk.trade(150, "99.90", "120");
    assert!(
        matches!(&events[..], [BrokerEvent::Cancelled { ts, filled, .. }] if *ts == at(150) && *filled == qty("60"))
    );
}

#[test]
fn a_cancel_that_loses_the_race_is_refused_when_it_arrives() {
    let mut desk = desk();
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.watermark(60);
    desk.cancel("a", 61);
    desk.quote(70, "99.99", "500", "100.01", "500");
    let events = desk.watermark(200);
    assert_eq!(reject_code(&events), RejectCode::NotWorking);
    assert!(matches!(&events[0], BrokerEvent::RequestRejected { ts, .. } if *ts == at(111)));
}

#[test]
fn a_change_of_price_holds_from_its_arrival_and_may_make_the_order_marketable() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.95"), Day, 0);
    desk.quote(60, "99.99", "500", "100.01", "500");
    let terms = desk.terms(Buy, "100", limit("100.05"), Day);
    desk.modify("a", &terms, 100);
    assert!(desk.quote(120, "99.99", "500", "100.01", "500").is_empty(), "the old limit still holds");
    let events = desk.quote(160, "99.99", "500", "100.02", "500");
    assert_eq!(words(&events), ["modified", "fill", "commission"]);
    assert!(
        matches!(&events[0], BrokerEvent::Modified { terms: t, ts, .. } if *t == terms && *ts == at(150))
    );
    assert_eq!(filled(&events), ["100 @ 100.02"], "arriving anew, it gets the better price");
}

#[test]
fn the_quantity_of_a_change_is_the_whole_orders() {
    let mut desk = desk();
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.quote(60, "99.99", "500", "100.01", "40");
    let terms = desk.terms(Buy, "70", Market, Day);
    desk.modify("a", &terms, 60);
    let events = desk.quote(200, "99.99", "500", "100.01", "500");
    assert_eq!(filled(&events), ["30 @ 100.01"]);
    assert_eq!(desk.held(), qty("70"));
}

#[test]
fn a_change_below_what_is_executed_is_refused_and_the_order_stands() {
    let mut desk = desk();
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.quote(60, "99.99", "500", "100.01", "40");
    let terms = desk.terms(Buy, "40", Market, Day);
    assert_eq!(reject_code(&desk.modify("a", &terms, 61)), RejectCode::BadQuantity);
    let terms = desk.terms(Buy, "50", Market, Day);
    assert!(desk.modify("a", &terms, 62).is_empty());
    let events = desk.quote(70, "99.99", "500", "100.01", "20");
    assert_eq!(filled(&events), ["20 @ 100.01"]);
    assert_eq!(reject_code(&desk.watermark(200)), RejectCode::BadQuantity, "overtaken by an execution");
    assert_eq!(answers(&mut desk.broker).open[0].terms.qty, qty("100"));
}

#[test]
fn only_quantity_and_prices_can_change() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.95"), Day, 0);
    let changes = [
        desk.terms(Sell, "100", limit("99.95"), Day),
        desk.terms(Buy, "100", Market, Day),
        desk.terms(Buy, "100", limit("99.95"), Gtc),
    ];
    for terms in changes {
        assert_eq!(reject_code(&desk.modify("a", &terms, 1)), RejectCode::Other);
    }
    let off_grid = desk.terms(Buy, "100", limit("99.951"), Day);
    assert_eq!(reject_code(&desk.modify("a", &off_grid, 1)), RejectCode::BadPrice);
}

#[test]
fn a_smaller_quantity_keeps_the_place_in_the_queue_and_a_larger_one_loses_it() {
    for (quantity, expected) in [("50", vec!["10 @ 99.99"]), ("150", vec![])] {
        let mut desk = desk();
        desk.place("a", Buy, "100", limit("99.99"), Day, 0);
        desk.quote(60, "99.99", "100", "100.01", "500");
        desk.trade(70, "99.99", "90");
        let terms = desk.terms(Buy, quantity, limit("99.99"), Day);
        desk.modify("a", &terms, 80);
        desk.quote(140, "99.99", "400", "100.01", "500");
        assert_eq!(filled(&desk.trade(150, "99.99", "20")), expected, "{quantity}");
    }
}

#[test]
fn a_change_beyond_the_buying_power_is_refused_and_the_order_stands() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.95"), Gtc, 0);
    desk.watermark(60);
    let terms = desk.terms(Buy, "50000", limit("99.95"), Gtc);
    desk.modify("a", &terms, 60);
    assert_eq!(reject_code(&desk.watermark(200)), RejectCode::InsufficientFunds);
    assert_eq!(answers(&mut desk.broker).open[0].terms.qty, qty("100"));
}
