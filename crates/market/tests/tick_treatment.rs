//! Each treatment of an input tick, one scenario a test.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod scenario;

use tensortrade_market::bars::{QuoteBars, TimeBars};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Qty, Tick, Timeframe, Ts};

use scenario::*;

#[test]
fn a_bar_sums_its_trades_and_closes_at_the_watermark() {
    let mut builder = minutes();
    let ticks = [
        trade("2021-01-08T00:00:01Z", "10", 1),
        quote("2021-01-08T00:00:02Z", "10", "10.2"),
        trade("2021-01-08T00:00:03Z", "13", 3),
        quote("2021-01-08T00:00:04Z", "10", "10.4"),
        trade("2021-01-08T00:00:59.999Z", "11", 0),
    ];
    assert!(feed(&mut builder, &ticks).is_empty());
    assert_eq!(builder.peek().unwrap().high, p("13"));
    assert!(advance(&mut builder, "2021-01-08T00:00:59.999Z").is_empty());
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z"));
    assert_eq!((bar.open, bar.high, bar.low, bar.close), (p("10"), p("13"), p("10"), p("11")));
    assert_eq!((bar.volume, bar.vwap, bar.trades, bar.spread), (q(4), p("12.25"), 3, Some(p("0.3"))));
    assert_eq!(builder.counts().zero_size, 1);
    assert_eq!(builder.peek(), None);
}

#[test]
fn a_late_tick_is_counted_and_never_enters_a_closed_bar() {
    let mut builder = minutes();
    feed(&mut builder, &[trade("2021-01-08T00:00:01Z", "10", 1), trade("2021-01-08T00:01:01Z", "11", 1)]);
    feed(&mut builder, &[trade("2021-01-08T00:00:59Z", "99", 7)]);
    assert_eq!(builder.counts().late, 1);
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:02:00Z"));
    assert_eq!((bar.high, bar.volume), (p("11"), q(1)));
}

#[test]
fn a_tick_out_of_order_takes_its_place_in_time() {
    let mut builder = minutes();
    feed(
        &mut builder,
        &[
            trade("2021-01-08T00:00:10Z", "10", 1),
            trade("2021-01-08T00:00:20Z", "12", 1),
            trade("2021-01-08T00:00:05Z", "9", 1),
            trade("2021-01-08T00:00:15Z", "11", 1),
        ],
    );
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z"));
    assert_eq!((bar.open, bar.close, bar.volume), (p("9"), p("12"), q(4)));
    assert_eq!(builder.counts().out_of_order, 2);
}

#[test]
fn exact_repeats_are_counted_and_keep_their_volume_across_batches() {
    let mut builder = minutes();
    let tick = trade("2021-01-08T00:00:10Z", "10", 5);
    feed(&mut builder, &[tick, tick]);
    feed(&mut builder, &[tick]);
    assert_eq!(builder.counts().repeated, 2);
    assert_eq!(only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z")).volume, q(15));
}

#[test]
fn bad_prices_and_sizes_are_excluded_and_counted() {
    let mut builder = minutes();
    feed(
        &mut builder,
        &[
            trade("2021-01-08T00:00:10Z", "10", 5),
            trade("2021-01-08T00:00:11Z", "0", 5),
            trade("2021-01-08T00:00:12Z", "-3", 5),
            trade("2021-01-08T00:00:13Z", "11", -5),
        ],
    );
    let counts = *builder.counts();
    assert_eq!((counts.zero_or_negative_price, counts.negative_size, counts.trades), (2, 1, 1));
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z"));
    assert_eq!((bar.low, bar.high, bar.volume), (p("10"), p("10"), q(5)));
}

#[test]
fn negative_prices_are_real_where_the_instrument_says_so() {
    let mut config = *minutes().config();
    config.negative_prices = true;
    let mut builder = TimeBars::new(config);
    feed(&mut builder, &[trade("2021-01-08T00:00:10Z", "-37.63", 1), trade("2021-01-08T00:00:11Z", "0", 1)]);
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z"));
    assert_eq!((bar.open, bar.close, bar.vwap), (p("-37.63"), p("0"), p("-18.815")));
}

#[test]
fn a_volume_beyond_its_range_is_refused_and_leaves_the_bar_whole() {
    let mut builder = minutes();
    let huge = |at: &str, price| Tick::trade(ts(at), p(price), Qty::from_raw(i64::MAX - 1));
    feed(&mut builder, &[huge("2021-01-08T00:00:10Z", "10"), huge("2021-01-08T00:00:11Z", "20")]);
    assert_eq!(builder.counts().overflow, 1);
    let bar = only_bar(&advance(&mut builder, "2021-01-08T00:01:00Z"));
    assert_eq!((bar.high, bar.vwap, bar.trades), (p("10"), p("10"), 1));
}

#[test]
fn crossed_locked_and_one_sided_quotes_are_each_treated_and_counted() {
    let mut builder = builder(SessionKind::Forex24x5, Timeframe::MINUTE, true);
    feed(
        &mut builder,
        &[
            quote("2014-05-05T10:00:00Z", "1.3870", ""), // no ask yet: no midpoint
            quote("2014-05-05T10:00:01Z", "", "1.3872"), // with the bid above: 1.3871
            quote("2014-05-05T10:00:02Z", "1.3874", ""), // crossed: unused
            quote("2014-05-05T10:00:03Z", "", "1.3874"), // locked: midpoint 1.3874, spread 0
            quote("2014-05-05T10:00:04Z", "1.3868", "1.3872"), // midpoint 1.3870
            quote("2014-05-05T10:00:05Z", "0", ""),      // the bid is empty now
            quote("2014-05-05T10:00:06Z", "", "1.3800"), // an ask alone
        ],
    );
    let counts = *builder.counts();
    assert_eq!((counts.crossed, counts.locked, counts.one_sided, counts.quotes), (1, 1, 6, 7));
    assert_eq!(counts.zero_or_negative_price, 1);
    let bar = only_bar(&advance(&mut builder, "2014-05-05T10:01:00Z"));
    assert_eq!(
        (bar.open, bar.high, bar.low, bar.close),
        (p("1.3871"), p("1.3874"), p("1.3870"), p("1.3870"))
    );
    assert_eq!((bar.volume, bar.trades, bar.spread), (Qty::ZERO, 0, Some(p("0.0002"))));
}

#[test]
fn midpoints_make_bars_until_the_first_trade_and_never_after_it() {
    let mut builder = minutes();
    let out = feed(
        &mut builder,
        &[
            quote("2021-01-08T00:00:10Z", "10", "12"),
            trade("2021-01-08T00:01:10Z", "10", 1),
            quote("2021-01-08T00:02:10Z", "20", "22"),
            trade("2021-01-08T00:03:10Z", "11", 1),
        ],
    );
    assert_eq!(out[0].bar().unwrap().close, p("11"));
    assert_eq!(out[1].bar().unwrap().close, p("10"));
    assert_eq!(out[2], gap("2021-01-08T00:02:00Z", "2021-01-08T00:03:00Z"));
}

#[test]
fn a_bar_with_a_trade_uses_trades_only_even_when_quotes_may_make_bars() {
    let mut config = *minutes().config();
    config.quote_bars = QuoteBars::Always;
    let mut builder = TimeBars::new(config);
    let out = feed(
        &mut builder,
        &[
            quote("2021-01-08T00:00:10Z", "10", "12"),
            trade("2021-01-08T00:00:20Z", "50", 1),
            quote("2021-01-08T00:01:10Z", "20", "22"),
            trade("2021-01-08T00:02:10Z", "11", 1),
        ],
    );
    assert_eq!(out[0].bar().unwrap().low, p("50"));
    assert_eq!(out[1].bar().unwrap().low, p("21"));
    config.quote_bars = QuoteBars::Never;
    let mut builder = TimeBars::new(config);
    feed(&mut builder, &[quote("2021-01-08T00:00:10Z", "10", "12")]);
    assert_eq!(
        advance(&mut builder, "2021-01-08T00:01:00Z"),
        [gap("2021-01-08T00:00:00Z", "2021-01-08T00:01:00Z")]
    );
}

#[test]
fn one_tick_from_the_far_future_is_dropped_and_stops_nothing() {
    let mut builder = minutes();
    let out = feed(
        &mut builder,
        &[
            trade("2021-01-08T00:00:10Z", "10", 1),
            trade("2121-01-08T00:00:10Z", "99", 1),
            trade("2021-01-08T00:00:20Z", "11", 1),
            trade("2021-01-08T00:01:20Z", "12", 1),
        ],
    );
    assert_eq!(only_bar(&out).high, p("11"));
    assert_eq!((builder.counts().far_ahead, builder.counts().late), (1, 0));
}

#[test]
fn a_jump_that_the_next_tick_or_a_watermark_confirms_loses_nothing() {
    let jump = trade("2021-03-08T00:00:10Z", "20", 1);
    let mut by_tick = minutes();
    feed(&mut by_tick, &[trade("2021-01-08T00:00:10Z", "10", 1), jump]);
    feed(&mut by_tick, &[trade("2021-03-08T00:00:11Z", "21", 1)]);
    assert_eq!(by_tick.peek().unwrap().volume, q(2));
    let mut by_watermark = minutes();
    feed(&mut by_watermark, &[trade("2021-01-08T00:00:10Z", "10", 1), jump]);
    let out = advance(&mut by_watermark, "2021-03-08T00:01:00Z");
    assert_eq!(out.first().unwrap().bar().unwrap().close, p("10"));
    assert_eq!(out.last().unwrap().bar().unwrap().close, p("20"));
    assert_eq!(by_watermark.counts().far_ahead, 0);
}

#[test]
fn a_jump_over_decades_makes_a_bounded_number_of_gaps_that_still_cover_the_time() {
    let mut builder = minutes();
    let out = feed(
        &mut builder,
        &[
            trade("1990-01-08T00:00:10Z", "10", 1),
            trade("2150-01-08T00:00:10Z", "20", 1),
            trade("2150-01-08T00:00:11Z", "20", 1),
        ],
    );
    assert!(out.len() <= 66, "{}", out.len());
    assert!(out.windows(2).all(|pair| pair[0].end() == pair[1].start()));
    assert_eq!(out.last().unwrap().end(), ts("2150-01-08T00:00:00Z"));
}

#[test]
fn stamps_at_the_ends_of_time_neither_panic_nor_loop() {
    for kind in [SessionKind::UsEquity, SessionKind::Forex24x5, SessionKind::Always] {
        let mut builder = builder(kind, Timeframe::MINUTE, true);
        let tick = |at| Tick::trade(at, p("1"), q(1));
        let mut out = Vec::new();
        for at in [Ts::MIN, Ts::MAX, Ts::MIN, Ts::ZERO, Ts::MAX, Ts::MAX, Ts::ZERO] {
            builder.push_all(&[tick(at)], &mut out);
            builder.advance(at, &mut out);
        }
        builder.flush(&mut out);
        assert!(out.len() < 1_000);
        assert!(out.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
    }
}
