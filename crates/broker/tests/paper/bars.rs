//! Matching where bars are the input.

use super::desk::*;
use tensortrade_broker::paper::{Latency, PaperBroker, PaperOptions, Slippage};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::order::{OrderKind, Side};
use tensortrade_market::{Bar, Price, Timeframe};

const MINUTE: i64 = 60_000;

/// No slippage and no volume limit (bars without volume), so that prices are plain.
fn plain() -> PaperOptions {
    let mut options = free();
    options.slippage.bars = Slippage::None;
    options
}

fn desk(options: PaperOptions) -> Desk {
    let mut desk = Desk::new(options);
    desk.bars(Timeframe::MINUTE, vec![minute(0, ["100", "100.5", "99.5", "100"], "0")]);
    desk.watermark(MINUTE);
    desk
}

/// What one bar does to an order placed at its start.
fn on_bar(side: Side, kind: OrderKind, ohlc: [&str; 4]) -> Vec<String> {
    let mut desk = desk(plain());
    desk.place("a", side, "100", kind, Gtc, MINUTE);
    filled(&desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ohlc, "0")]))
}

#[test]
fn a_decision_at_the_close_is_filled_at_the_next_open_never_in_the_bar_that_was_decided_on() {
    let mut desk = desk(plain());
    assert_eq!(words(&desk.place("a", Buy, "100", Market, Day, MINUTE)), ["accepted"]);
    let events = desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ["101", "102", "100", "101"], "0")]);
    assert_eq!(filled(&events), ["100 @ 101"]);
    assert_eq!(fills(&events)[0].ts, at(MINUTE));
}

#[test]
fn with_a_delay_on_bars_the_bar_that_starts_at_the_decision_is_missed() {
    let latency = Latency { bars_ns: 1, ..Latency::default() };
    let mut desk = desk(PaperOptions { latency, ..plain() });
    desk.place("a", Buy, "100", Market, Day, MINUTE);
    let bars = vec![
        minute(MINUTE, ["101", "102", "100", "101"], "0"),
        minute(2 * MINUTE, ["103", "104", "102", "103"], "0"),
    ];
    assert_eq!(filled(&desk.bars(Timeframe::MINUTE, bars)), ["100 @ 103"]);
}

#[test]
fn a_market_order_pays_slippage_or_half_of_the_bars_spread_whichever_is_more() {
    for (spread, expected) in [(None, "100 @ 100.01"), (Some(price("0.1")), "100 @ 100.05")] {
        let mut desk = desk(free());
        desk.place("a", Buy, "100", Market, Day, MINUTE);
        let bar = Bar { spread, ..minute(MINUTE, ["100", "101", "99", "100"], "0") };
        assert_eq!(filled(&desk.bars(Timeframe::MINUTE, vec![bar])), [expected]);
    }
}

#[test]
fn a_limit_is_filled_at_a_better_open_else_at_the_limit_if_the_bar_passes_it() {
    assert_eq!(on_bar(Buy, limit("99"), ["98", "99.5", "97", "98"]), ["100 @ 98"]);
    assert_eq!(on_bar(Buy, limit("99"), ["100", "101", "98.99", "100"]), ["100 @ 99"]);
    assert!(on_bar(Buy, limit("99"), ["100", "101", "99", "100"]).is_empty(), "a touch is not enough");
    assert_eq!(on_bar(Sell, limit("101"), ["102", "103", "100", "101"]), ["100 @ 102"]);
    assert_eq!(on_bar(Sell, limit("101"), ["100", "101.01", "100", "100"]), ["100 @ 101"]);
}

#[test]
fn a_touch_fills_when_so_configured() {
    let mut desk = desk(PaperOptions { bar_touch_fills: true, ..plain() });
    desk.place("a", Buy, "100", limit("99"), Gtc, MINUTE);
    let events = desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ["100", "101", "99", "100"], "0")]);
    assert_eq!(filled(&events), ["100 @ 99"]);
}

#[test]
fn a_stop_is_filled_at_a_worse_open_else_at_the_stop() {
    assert_eq!(on_bar(Buy, stop("102"), ["103", "104", "102", "103"]), ["100 @ 103"]);
    assert_eq!(on_bar(Buy, stop("102"), ["100", "102", "99", "101"]), ["100 @ 102"]);
    assert!(on_bar(Buy, stop("102"), ["100", "101.99", "99", "101"]).is_empty());
    assert_eq!(on_bar(Sell, stop("98"), ["97", "99", "96", "98"]), ["100 @ 97"]);
    assert_eq!(on_bar(Sell, stop("98"), ["100", "101", "97", "100"]), ["100 @ 98"]);
}

#[test]
fn a_stop_limit_reached_inside_a_bar_fills_there_only_if_the_close_is_within_its_limit() {
    let kind = stop_limit("102", "102.5");
    assert!(on_bar(Buy, kind, ["100", "104", "99", "103"]).is_empty(), "it closed beyond: nothing is known");
    assert_eq!(on_bar(Buy, kind, ["100", "104", "99", "102.2"]), ["100 @ 102.5"]);
    assert_eq!(
        on_bar(Buy, kind, ["102.2", "104", "99", "103"]),
        ["100 @ 102.2"],
        "reached by the open, within the limit"
    );
    assert_eq!(
        on_bar(Buy, kind, ["103", "104", "102.4", "103"]),
        ["100 @ 102.5"],
        "reached by the open, came back"
    );
    assert!(on_bar(Buy, kind, ["103", "104", "102.6", "103"]).is_empty());
}

#[test]
fn a_stop_limit_that_was_reached_is_a_limit_in_the_next_bar() {
    let mut desk = desk(plain());
    desk.place("a", Buy, "100", stop_limit("102", "102.5"), Gtc, MINUTE);
    assert!(
        fills(&desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ["100", "104", "99", "103"], "0")]))
            .is_empty()
    );
    let events = desk.bars(Timeframe::MINUTE, vec![minute(2 * MINUTE, ["103", "103", "101", "101"], "0")]);
    assert_eq!(filled(&events), ["100 @ 102.5"]);
}

#[test]
fn our_orders_get_a_share_of_the_volume_and_the_rest_waits_for_the_next_bar() {
    let mut desk = desk(plain());
    desk.place("a", Buy, "100", Market, Gtc, MINUTE);
    desk.place("b", Buy, "100", Market, Gtc, MINUTE);
    let events = desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ["100", "101", "99", "100"], "1509")]);
    assert_eq!(filled(&events), ["100 @ 100", "50 @ 100"]);
    let events = desk.bars(Timeframe::MINUTE, vec![minute(2 * MINUTE, ["102", "103", "101", "102"], "1509")]);
    assert_eq!(filled(&events), ["50 @ 102"]);
}

#[test]
fn an_order_for_at_once_is_filled_at_the_open_or_not_at_all() {
    let mut desk = desk(plain());
    desk.place("ioc", Buy, "100", limit("99"), Ioc, MINUTE);
    desk.place("fok", Buy, "100", limit("100"), Fok, MINUTE);
    desk.place("part", Buy, "100", limit("100"), Ioc, MINUTE);
    let events = desk.bars(Timeframe::MINUTE, vec![minute(MINUTE, ["100", "101", "98", "100"], "600")]);
    assert_eq!(words(&events), ["cancelled", "cancelled", "fill", "commission", "cancelled"]);
    assert_eq!(filled(&events), ["60 @ 100"]);
}

#[test]
fn on_daily_bars_a_day_order_lives_for_the_next_bar() {
    let day = 24 * 3_600_000;
    let bar = |n: i64, ohlc: [&str; 4]| {
        // Labelled at midnight UTC, as files do: sessions inside the day mean nothing then.
        let start = at(-16 * 3_600_000 + n * day);
        Bar::ohlcv(start, start.plus_nanos(day * 1_000_000), ohlc.map(price), qty("0"))
    };
    let mut desk = Desk::new(plain());
    let midnight = |n: i64| -16 * 3_600_000 + n * day;
    desk.bars(Timeframe::DAY, vec![bar(0, ["100", "101", "99", "100"])]);
    desk.watermark(midnight(1));
    desk.place("limit", Buy, "100", limit("90"), Day, midnight(1));
    desk.place("market", Buy, "100", Market, Day, midnight(1));
    let events = desk.bars(Timeframe::DAY, vec![bar(1, ["102", "103", "101", "102"])]);
    assert_eq!(words(&events), ["expired", "fill", "commission"]);
    assert_eq!(filled(&events), ["100 @ 102"]);
    // Over a weekend without bars the order waits.
    desk.place("waits", Buy, "100", Market, Day, midnight(2));
    assert!(desk.watermark(midnight(5)).is_empty());
    assert_eq!(filled(&desk.bars(Timeframe::DAY, vec![bar(5, ["104", "105", "103", "104"])])), ["100 @ 104"]);
}

#[test]
fn on_minute_bars_a_day_order_expires_at_the_close_and_waits_for_the_open() {
    let close = 4 * 3_600_000;
    let mut desk = desk(plain());
    desk.place("a", Buy, "100", limit("90"), Day, MINUTE);
    assert_eq!(words(&desk.watermark(close)), ["expired"]);
    desk.place("b", Buy, "100", Market, Day, close);
    assert!(
        desk.bars(Timeframe::MINUTE, vec![minute(close, ["100", "101", "99", "100"], "0")]).is_empty(),
        "closed"
    );
    let open = 21 * 3_600_000 + 1_800_000;
    let events = desk.bars(Timeframe::MINUTE, vec![minute(open, ["103", "104", "102", "103"], "0")]);
    assert_eq!(filled(&events), ["100 @ 103"]);
}

#[test]
fn longer_bars_of_the_same_symbol_are_not_matched_a_second_time() {
    let mut desk = desk(plain());
    desk.place("a", Buy, "100", limit("99"), Gtc, MINUTE);
    let hour = Bar { end: at(61 * MINUTE), ..minute(MINUTE, ["100", "101", "98", "100"], "0") };
    assert!(desk.bars(Timeframe::HOUR, vec![hour]).is_empty());
}

#[test]
fn a_bar_that_contradicts_itself_fills_nothing() {
    let mut desk = desk(plain());
    desk.place("a", Buy, "100", Market, Gtc, MINUTE);
    let mut bar = minute(MINUTE, ["100", "101", "99", "100"], "0");
    bar.low = Price::from_raw(bar.high.raw() + 1).unwrap();
    assert!(fills(&desk.bars(Timeframe::MINUTE, vec![bar])).is_empty());
}

#[test]
fn a_symbol_that_trades_around_the_clock_is_matched_at_night() {
    let broker = PaperBroker::in_memory(plain()).unwrap();
    let mut desk = Desk::of(broker, &instrument("BTCUSDT", SessionKind::Always));
    let night = 12 * 3_600_000;
    desk.bars(Timeframe::MINUTE, vec![minute(night, ["100", "101", "99", "100"], "0")]);
    desk.watermark(night + MINUTE);
    desk.place("a", Buy, "0.5", Market, Day, night + MINUTE);
    let events =
        desk.bars(Timeframe::MINUTE, vec![minute(night + MINUTE, ["101", "102", "100", "101"], "0")]);
    assert_eq!(filled(&events), ["0.5 @ 101"]);
}
