//! Every code of refusal.

use super::desk::*;
use futures::executor::block_on;
use tensortrade_broker::paper::{PaperOptions, WhenClosed};
use tensortrade_broker::{Broker, BrokerEvent, BrokerOrderState, RejectCode};
use tensortrade_market::order::OrderTerms;
use tensortrade_market::{Qty, Symbol};

const CLOSE: i64 = 4 * 3_600_000;

fn desk() -> Desk {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk
}

#[test]
fn an_unknown_symbol_is_refused_on_receipt() {
    let mut desk = desk();
    let terms = OrderTerms { symbol: Symbol::intern("NOSUCH").unwrap(), ..desk.terms(Buy, "1", Market, Day) };
    block_on(desk.broker.place(&id("a"), &terms, at(0))).unwrap();
    assert_eq!(reject_code(&desk.events()), RejectCode::UnknownSymbol);
    assert_eq!(answers(&mut desk.broker).done[0].state, BrokerOrderState::Rejected);
}

#[test]
fn quantities_off_the_lot_grid_zero_negative_or_beyond_any_account_are_refused() {
    let mut desk = desk();
    for (n, quantity) in ["0.5", "0", "-1", "90000000000"].into_iter().enumerate() {
        let events = desk.place(&format!("o{n}"), Buy, quantity, limit("110"), Day, 0);
        assert_eq!(reject_code(&events), RejectCode::BadQuantity, "{quantity}");
    }
}

#[test]
fn prices_off_the_tick_grid_or_not_above_zero_are_refused() {
    let mut desk = desk();
    for (n, kind) in [limit("100.005"), limit("0"), stop("99.999"), stop("-1"), stop_limit("100", "100.001")]
        .into_iter()
        .enumerate()
    {
        assert_eq!(
            reject_code(&desk.place(&format!("o{n}"), Buy, "1", kind, Day, 0)),
            RejectCode::BadPrice,
            "{kind:?}"
        );
    }
}

#[test]
fn a_client_order_id_used_before_is_refused_and_its_order_stands() {
    let mut desk = desk();
    desk.place("a", Buy, "1", limit("90"), Gtc, 0);
    assert_eq!(reject_code(&desk.place("a", Sell, "5", Market, Day, 1)), RejectCode::DuplicateOrder);
    desk.watermark(100);
    desk.cancel("a", 100);
    desk.watermark(200);
    assert_eq!(
        reject_code(&desk.place("a", Buy, "1", limit("90"), Gtc, 300)),
        RejectCode::DuplicateOrder,
        "done too"
    );
    let answers = answers(&mut desk.broker);
    assert_eq!((answers.open.len(), answers.done.len()), (0, 1));
}

#[test]
fn requests_for_orders_that_are_not_there_or_done_are_refused() {
    let mut desk = desk();
    assert_eq!(reject_code(&desk.cancel("nobody", 0)), RejectCode::UnknownOrder);
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.quote(60, "99.99", "500", "100.01", "500");
    assert_eq!(reject_code(&desk.cancel("a", 70)), RejectCode::NotWorking);
    let terms = desk.terms(Buy, "200", Market, Day);
    assert_eq!(reject_code(&desk.modify("a", &terms, 70)), RejectCode::NotWorking);
}

#[test]
fn an_order_beyond_the_buying_power_is_refused_on_arrival() {
    let mut desk = desk();
    desk.place("fits", Buy, "39000", limit("100"), Gtc, 0);
    desk.place("too-much", Buy, "1", Market, Gtc, 0);
    desk.place("beyond", Buy, "1100", limit("100"), Gtc, 0);
    let events = desk.watermark(100);
    assert_eq!(words(&events), ["accepted", "accepted", "rejected"]);
    assert_eq!(reject_code(&events), RejectCode::InsufficientFunds);
    let Some(BrokerEvent::Rejected { reason, .. }) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("400 %") && reason.contains("1000000 USD"), "{reason}");
}

#[test]
fn an_order_that_reduces_the_position_needs_no_buying_power() {
    let mut desk = Desk::new(PaperOptions { leverage_max_percent: 100, ..free() });
    desk.quote(0, "99.99", "0", "100", "0");
    desk.place("in", Buy, "10000", limit("100"), Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "0", "100", "0")), ["10000 @ 100"]);
    desk.quote(70, "49.99", "0", "50", "0");
    desk.place("more", Buy, "10001", Market, Day, 70);
    desk.place("out", Sell, "10000", Market, Day, 70);
    let events = desk.quote(130, "49.99", "0", "50", "0");
    assert_eq!(words(&events), ["rejected", "accepted", "fill", "commission"]);
}

#[test]
fn immediate_orders_are_refused_while_the_market_is_closed_and_others_when_so_configured() {
    let mut desk = desk();
    desk.place("ioc", Buy, "1", Market, Ioc, CLOSE);
    desk.place("day", Buy, "1", Market, Day, CLOSE);
    let events = desk.watermark(CLOSE + 1_000);
    assert_eq!(words(&events), ["rejected", "accepted"]);
    assert_eq!(reject_code(&events), RejectCode::MarketClosed);

    let mut desk = Desk::new(PaperOptions { when_closed: WhenClosed::Reject, ..free() });
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("day", Buy, "1", Market, Day, CLOSE);
    assert_eq!(reject_code(&desk.watermark(CLOSE + 1_000)), RejectCode::MarketClosed);
}

#[test]
fn a_market_order_for_a_symbol_without_any_price_is_refused() {
    let mut desk = Desk::new(free());
    desk.place("m", Buy, "1", Market, Day, 0);
    desk.place("l", Buy, "1", limit("90"), Day, 0);
    let events = desk.watermark(1_000);
    assert_eq!(words(&events), ["rejected", "accepted"], "a limit has a price of its own");
    assert_eq!(reject_code(&events), RejectCode::NoMarket);
}

#[test]
fn an_order_that_is_no_longer_good_when_it_arrives_is_refused() {
    let mut desk = desk();
    desk.place("a", Buy, "1", limit("90"), Gtd(at(40)), 0);
    assert_eq!(reject_code(&desk.watermark(100)), RejectCode::Other);
}

#[test]
fn more_open_orders_than_allowed_are_refused() {
    let mut desk = Desk::new(PaperOptions { open_orders_max: 2, ..free() });
    desk.place("a", Buy, "1", limit("90"), Gtc, 0);
    desk.place("b", Buy, "1", limit("90"), Gtc, 0);
    assert_eq!(reject_code(&desk.place("c", Buy, "1", limit("90"), Gtc, 0)), RejectCode::Other);
}

#[test]
fn an_execution_that_no_account_can_hold_cancels_the_order_and_changes_nothing() {
    let options = PaperOptions { leverage_max_percent: 100_000, ..free() };
    let mut big = instrument("ES", tensortrade_market::calendar::SessionKind::Always);
    big.multiplier = Qty::from_units(1_000_000).unwrap();
    let mut desk = Desk::of(tensortrade_broker::paper::PaperBroker::in_memory(options).unwrap(), &big);
    desk.quote(0, "0.01", "0", "0.01", "0");
    desk.place("a", Buy, "50000", Market, Day, 0);
    assert_eq!(words(&desk.watermark(100)), ["accepted"]);
    let events = desk.quote(200, "9000000", "0", "9000000", "0");
    assert_eq!(words(&events), ["cancelled"]);
    assert_eq!((desk.cash().to_string(), desk.held()), ("1000000".to_owned(), Qty::ZERO));
}
