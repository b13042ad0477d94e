//! How much of a quote or a print our orders get.

use super::desk::*;
use tensortrade_broker::paper::{Liquidity, PaperOptions};
use tensortrade_broker::{Broker, MarketBatch, MarketData};
use tensortrade_market::{Gap, GapReason, Tick};

#[test]
fn a_displayed_size_is_taken_once_per_update_and_the_rest_waits() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.place("b", Buy, "100", Market, Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "500", "100.01", "130")), ["100 @ 100.01", "30 @ 100.01"]);
    assert!(fills(&desk.quote(61, "99.98", "500", "-", "0")).is_empty(), "only the bid was told");
    assert_eq!(filled(&desk.quote(62, "99.98", "500", "100.02", "40")), ["40 @ 100.02"]);
    assert_eq!(filled(&desk.quote(63, "99.98", "500", "100.03", "500")), ["30 @ 100.03"]);
    assert_eq!(desk.held(), qty("200"));
}

#[test]
fn an_unknown_size_limits_nothing() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "0", "100.01", "0");
    desk.place("a", Buy, "2500", Market, Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "0", "100.01", "0")), ["2500 @ 100.01"]);
}

#[test]
fn displayed_sizes_can_be_left_out_of_account() {
    let liquidity = Liquidity { displayed_limits: false, ..Liquidity::default() };
    let mut desk = Desk::new(PaperOptions { liquidity, ..free() });
    desk.quote(0, "99.99", "1", "100.01", "1");
    desk.place("a", Buy, "2500", Market, Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "1", "100.01", "1")), ["2500 @ 100.01"]);
}

#[test]
fn our_orders_together_get_at_most_their_share_of_a_print() {
    let mut desk = Desk::new(free());
    desk.trade(0, "100", "100");
    desk.place("a", Buy, "30", Market, Day, 0);
    desk.place("b", Sell, "30", Market, Day, 0);
    let events = desk.trade(60, "100", "81");
    assert_eq!(filled(&events), ["30 @ 100.01", "10 @ 99.99"], "40 of 81, in whole lots");
}

#[test]
fn missing_data_makes_quotes_and_queue_places_unknown() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "100", "100.01", "100");
    desk.place("l", Buy, "10", limit("99.99"), Day, 0);
    desk.quote(60, "99.99", "100", "100.01", "100");
    let gap = Gap { from: at(61), to: at(69), reason: GapReason::FeedLost };
    desk.broker.on_market(&MarketBatch { symbol: desk.symbol, data: MarketData::Gap(gap) });
    desk.place("m", Buy, "10", Market, Day, 61);
    let events = desk.ticks(vec![Tick::trade(at(120), price("99.99"), qty("1000"))]);
    assert_eq!(
        filled(&events),
        ["10 @ 100"],
        "the market order takes the print, the limit's place is unknown"
    );
}

#[test]
fn a_limit_that_the_market_reaches_pays_the_market_and_never_its_own_limit() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", limit("100.50"), Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "500", "100.01", "30")), ["30 @ 100.01"]);
    assert_eq!(filled(&desk.quote(61, "99.98", "500", "100.02", "70")), ["70 @ 100.02"], "not at 100.50");
}
