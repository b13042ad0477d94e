//! Order kinds on quotes and trades.

use super::desk::*;
use tensortrade_broker::paper::{PaperOptions, QueueModel, Slippage};

fn desk() -> Desk {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk
}

#[test]
fn a_market_sell_takes_the_bid() {
    let mut desk = desk();
    desk.place("a", Sell, "100", Market, Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.97", "500", "100.01", "500")), ["100 @ 99.97"]);
    assert_eq!(desk.held(), qty("-100"), "short sales are allowed");
}

#[test]
fn slippage_on_quotes_worsens_a_market_order_but_never_passes_a_limit() {
    let mut options = free();
    options.slippage.quotes = Slippage::Ticks(3);
    let mut desk = Desk::new(options);
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("m", Buy, "10", Market, Day, 0);
    desk.place("l", Buy, "10", limit("100.02"), Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "500", "100.01", "500")), ["10 @ 100.04", "10 @ 100.02"]);
}

#[test]
fn where_only_trades_are_known_a_market_order_pays_an_estimate_of_the_spread() {
    let mut desk = Desk::new(free());
    desk.trade(0, "150.33", "100");
    desk.place("a", Buy, "40", Market, Day, 0);
    assert_eq!(filled(&desk.trade(60, "150.33", "100")), ["40 @ 150.35"]);
}

#[test]
fn where_quotes_are_fresh_a_trade_does_not_fill_a_market_order_and_where_they_are_stale_it_does() {
    let mut desk = desk();
    desk.place("a", Buy, "100", Market, Day, 0);
    assert!(fills(&desk.trade(100, "100.01", "1000")).is_empty());
    assert!(fills(&desk.trade(60_000, "100.01", "1000")).is_empty());
    assert_eq!(filled(&desk.trade(60_001, "100", "1000")), ["100 @ 100.01"]);
}

#[test]
fn a_limit_that_arrives_marketable_gets_the_better_price() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("100.10"), Day, 0);
    assert_eq!(filled(&desk.quote(60, "99.99", "500", "100.03", "500")), ["100 @ 100.03"]);
}

#[test]
fn a_resting_limit_is_filled_at_its_limit_when_the_other_side_comes_to_it() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.95"), Day, 0);
    assert!(fills(&desk.quote(60, "99.99", "500", "100.01", "500")).is_empty());
    assert!(fills(&desk.quote(70, "99.94", "500", "99.96", "500")).is_empty());
    assert_eq!(filled(&desk.quote(80, "99.90", "500", "99.92", "500")), ["100 @ 99.95"]);
}

#[test]
fn a_trade_through_the_limit_fills_and_a_trade_at_it_only_beyond_the_queue() {
    let mut desk = desk();
    desk.place("a", Buy, "100", limit("99.99"), Day, 0);
    assert!(fills(&desk.quote(60, "99.99", "300", "100.01", "500")).is_empty(), "300 are ahead");
    assert!(fills(&desk.trade(70, "99.99", "200")).is_empty());
    assert_eq!(filled(&desk.trade(80, "99.99", "140")), ["40 @ 99.99"], "100 were still ahead");
    assert_eq!(
        filled(&desk.trade(90, "99.98", "80")),
        ["40 @ 99.99"],
        "through: half of the print, at the limit"
    );
    assert_eq!(filled(&desk.trade(95, "99.98", "80")), ["20 @ 99.99"]);
}

#[test]
fn an_order_that_improves_the_market_has_nobody_ahead() {
    let mut desk = desk();
    desk.place("a", Sell, "100", limit("100.00"), Day, 0);
    assert!(fills(&desk.quote(60, "99.99", "300", "100.01", "500")).is_empty());
    assert_eq!(filled(&desk.trade(70, "100.00", "60")), ["30 @ 100"]);
}

#[test]
fn while_the_queue_ahead_is_unknown_a_trade_at_the_limit_fills_nothing() {
    let mut desk = Desk::new(free());
    desk.trade(0, "100", "100");
    desk.place("a", Buy, "100", limit("99.50"), Day, 0);
    assert!(fills(&desk.trade(60, "99.80", "1000")).is_empty());
    assert!(fills(&desk.trade(70, "99.50", "1000")).is_empty());
    assert_eq!(filled(&desk.trade(80, "99.49", "1000")), ["100 @ 99.5"]);
}

#[test]
fn the_queue_model_can_be_exchanged() {
    for (queue, expected) in [(QueueModel::Front, vec!["50 @ 99.5"]), (QueueModel::ThroughOnly, vec![])] {
        let mut desk = Desk::new(PaperOptions { queue, ..free() });
        desk.trade(0, "100", "100");
        desk.place("a", Buy, "100", limit("99.50"), Day, 0);
        desk.trade(60, "99.80", "1000");
        assert_eq!(filled(&desk.trade(70, "99.50", "100")), expected);
    }
}

#[test]
fn a_stop_is_reached_by_a_trade_at_or_through_it_and_matched_from_the_next_tick() {
    let mut desk = desk();
    desk.trade(1, "100", "10");
    desk.place("a", Sell, "100", stop("99.50"), Day, 1);
    assert!(
        fills(&desk.quote(60, "99.40", "500", "99.42", "500")).is_empty(),
        "quotes do not trigger where trades are"
    );
    assert!(fills(&desk.trade(70, "99.51", "10")).is_empty());
    assert!(fills(&desk.trade(80, "99.50", "10")).is_empty(), "reached, not yet matched");
    assert_eq!(filled(&desk.quote(90, "99.44", "500", "99.46", "500")), ["100 @ 99.44"]);
}

#[test]
fn a_stop_is_reached_by_quotes_where_no_trade_was_ever_seen() {
    let mut desk = desk();
    desk.place("a", Buy, "100", stop("100.10"), Day, 0);
    assert!(fills(&desk.quote(60, "100.07", "500", "100.09", "500")).is_empty());
    assert!(fills(&desk.quote(70, "100.08", "500", "100.10", "500")).is_empty(), "reached");
    assert_eq!(filled(&desk.quote(80, "100.09", "500", "100.11", "500")), ["100 @ 100.11"]);
}

#[test]
fn a_stop_limit_becomes_a_limit() {
    let mut desk = desk();
    desk.trade(1, "100", "10");
    desk.place("a", Buy, "100", stop_limit("100.50", "100.55"), Day, 1);
    desk.trade(70, "100.60", "10");
    assert!(fills(&desk.quote(80, "100.58", "500", "100.60", "500")).is_empty(), "beyond its limit");
    assert_eq!(
        filled(&desk.quote(90, "100.50", "500", "100.52", "500")),
        ["100 @ 100.55"],
        "it rests by now"
    );
}

#[test]
fn a_crossed_quote_fills_and_triggers_nothing_until_it_is_uncrossed() {
    let mut desk = desk();
    desk.place("m", Buy, "100", Market, Day, 0);
    desk.place("l", Buy, "100", limit("100.50"), Day, 0);
    desk.place("s", Sell, "100", stop("99.95"), Day, 0);
    assert!(fills(&desk.quote(60, "100.05", "500", "99.90", "500")).is_empty());
    assert!(
        fills(&desk.quote(70, "-", "0", "100.04", "500")).is_empty(),
        "still crossed by the bid that stands"
    );
    let events = desk.quote(80, "100.01", "500", "100.02", "500");
    assert_eq!(filled(&events), ["100 @ 100.02", "100 @ 100.02"]);
}

#[test]
fn a_locked_quote_is_a_market() {
    let mut desk = desk();
    desk.place("m", Buy, "100", Market, Day, 0);
    assert_eq!(filled(&desk.quote(60, "100", "500", "100", "500")), ["100 @ 100"]);
}

#[test]
fn a_stub_quote_fills_no_market_order_but_may_fill_a_limit() {
    let mut desk = desk();
    desk.place("m", Buy, "100", Market, Day, 0);
    desk.place("l", Buy, "100", limit("150"), Day, 0);
    assert_eq!(filled(&desk.quote(60, "50", "500", "150", "500")), ["100 @ 150"], "the limit alone");
    assert_eq!(filled(&desk.quote(70, "99.99", "500", "100.01", "500")), ["100 @ 100.01"]);
}

#[test]
fn prices_of_zero_are_ignored() {
    let mut desk = desk();
    desk.place("m", Buy, "100", Market, Day, 0);
    assert!(fills(&desk.quote(60, "0", "0", "0", "0")).is_empty());
    assert!(fills(&desk.trade(61, "0", "100")).is_empty());
}
