//! Times in force and sessions.

use super::desk::*;
use tensortrade_broker::BrokerEvent;
use tensortrade_broker::paper::PaperOptions;

/// Milliseconds from noon to the close of that day, and to the next day's open.
const CLOSE: i64 = 4 * 3_600_000;
const NEXT_OPEN: i64 = 21 * 3_600_000 + 1_800_000;

fn desk() -> Desk {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk
}

#[test]
fn a_day_order_expires_at_the_close_and_not_before() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("90"), Day, 0);
    assert_eq!(words(&desk.watermark(CLOSE - 1)), ["accepted"]);
    let events = desk.watermark(CLOSE);
    assert!(
        matches!(&events[..], [BrokerEvent::Expired { ts, filled, .. }] if *ts == at(CLOSE) && filled.is_zero())
    );
}

#[test]
fn a_tick_at_the_close_expires_a_day_order_before_it_could_fill_it() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("90"), Day, 0);
    desk.watermark(CLOSE - 1);
    assert_eq!(words(&desk.trade(CLOSE, "80", "1000")), ["expired"]);
}

#[test]
fn an_order_placed_after_the_close_waits_for_the_open() {
    let mut desk = desk();
    desk.watermark(CLOSE);
    desk.place("a", Buy, "100", Market, Day, CLOSE + 1);
    assert_eq!(words(&desk.quote(CLOSE + 1_000, "99.99", "500", "100.01", "500")), ["accepted"]);
    assert!(desk.watermark(NEXT_OPEN - 2).is_empty());
    assert!(desk.quote(NEXT_OPEN - 1, "99.99", "500", "100.01", "500").is_empty());
    assert_eq!(filled(&desk.quote(NEXT_OPEN, "101.99", "500", "102.01", "500")), ["100 @ 102.01"]);
}

#[test]
fn extended_hours_match_when_configured() {
    let mut desk = Desk::new(PaperOptions { extended_hours: true, ..free() });
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.watermark(CLOSE);
    desk.place("a", Buy, "100", Market, Day, CLOSE + 1);
    assert_eq!(filled(&desk.quote(CLOSE + 1_000, "99.99", "500", "100.01", "500")), ["100 @ 100.01"]);
}

#[test]
fn good_till_cancelled_outlives_the_session_and_good_till_date_ends_at_its_moment() {
    let mut desk = desk();
    desk.place("gtc", Buy, "100", limit("90"), Gtc, 0);
    desk.place("gtd", Buy, "100", limit("90"), Gtd(at(5_000)), 0);
    let events = desk.watermark(NEXT_OPEN + CLOSE);
    assert_eq!(words(&events), ["accepted", "accepted", "expired"]);
    assert!(matches!(&events[2], BrokerEvent::Expired { client_order_id, ts, .. }
        if client_order_id.as_str() == "gtd" && *ts == at(5_000)));
}

#[test]
fn immediate_or_cancel_takes_what_is_there_and_cancels_the_rest() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("100.01"), Ioc, 0);
    let events = desk.quote(60, "99.99", "500", "100.01", "70");
    assert_eq!(words(&events), ["accepted", "fill", "commission", "cancelled"]);
    assert!(matches!(&events[3], BrokerEvent::Cancelled { filled, .. } if *filled == qty("70")));
}

#[test]
fn immediate_or_cancel_that_is_not_marketable_ends_at_the_first_quote() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99"), Ioc, 0);
    assert!(fills(&desk.trade(60, "98", "1000")).is_empty(), "it never rests");
    assert_eq!(words(&desk.quote(61, "99.99", "500", "100.01", "70")), ["cancelled"]);
}

#[test]
fn fill_or_kill_fills_whole_or_not_at_all() {
    let mut desk = desk();
    desk.place("no", Buy, "100", limit("100.01"), Fok, 0);
    desk.place("yes", Buy, "70", limit("100.01"), Fok, 0);
    let events = desk.quote(60, "99.99", "500", "100.01", "99");
    assert_eq!(words(&events), ["accepted", "accepted", "cancelled", "fill", "commission"]);
    assert_eq!(filled(&events), ["70 @ 100.01"], "what was killed took nothing away");
}

#[test]
fn an_immediate_order_that_sees_no_market_ends_with_the_session() {
    let mut desk = desk();
    desk.place("a", Buy, "100", Market, Ioc, 0);
    assert_eq!(words(&desk.watermark(CLOSE)), ["accepted", "cancelled"]);
}

#[test]
fn an_immediate_stop_becomes_immediate_when_it_is_reached() {
    let mut desk = desk();
    desk.trade(1, "100", "10");
    desk.place("a", Sell, "100", stop("99.50"), Ioc, 1);
    assert_eq!(words(&desk.quote(60, "99.99", "500", "100.01", "500")), ["accepted"]);
    desk.trade(70, "99.50", "10");
    assert_eq!(words(&desk.quote(80, "99.44", "60", "99.46", "500")), ["fill", "commission", "cancelled"]);
}
