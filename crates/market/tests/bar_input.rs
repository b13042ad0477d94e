//! Finished bars as input, and longer timeframes.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod scenario;

use tensortrade_market::bars::{
    AggregateError, Aggregator, MultiTimeframe, Output, QuoteBars, TimeBars, TimeBarsConfig,
};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Gap, GapReason, Tick, Timeframe};

use scenario::{gap, p, q, ts};

fn config(sessions: SessionKind, timeframe: Timeframe, extended: bool) -> TimeBarsConfig {
    TimeBarsConfig { timeframe, sessions, extended, quote_bars: QuoteBars::default(), negative_prices: false }
}

fn bar(start: &str, timeframe: Timeframe, close: &str, volume: i64) -> Bar {
    let start = ts(start);
    Bar::ohlcv(start, start.plus_nanos(timeframe.nanos()), [p(close); 4], q(volume))
}

fn push(builder: &mut TimeBars, bars: &[Bar]) -> Vec<Output> {
    let mut out = Vec::new();
    for bar in bars {
        builder.push_bar(bar, &mut out);
    }
    out
}

const MINUTE: Timeframe = Timeframe::MINUTE;
const DAY: Timeframe = Timeframe::DAY;

#[test]
fn missing_minutes_between_input_bars_are_gaps_and_nights_are_not() {
    let mut builder = TimeBars::new(config(SessionKind::UsEquity, MINUTE, false));
    let bars = [
        bar("2018-03-09T20:58:00Z", MINUTE, "10", 1),
        bar("2018-03-09T21:00:00Z", MINUTE, "11", 1), // the auction's minute, in winter time
        bar("2018-03-12T13:31:00Z", MINUTE, "12", 1), // Monday, in summer time
    ];
    let out = push(&mut builder, &bars);
    assert_eq!(
        out,
        [
            Output::Closed(bars[0]),
            gap("2018-03-09T20:59:00Z", "2018-03-09T21:00:00Z"),
            Output::Closed(bars[1]),
            gap("2018-03-12T13:30:00Z", "2018-03-12T13:31:00Z"),
            Output::Closed(bars[2]),
        ]
    );
    let mut out = Vec::new();
    builder.advance(ts("2018-03-12T13:34:00Z"), &mut out);
    assert_eq!(out, [gap("2018-03-12T13:32:00Z", "2018-03-12T13:34:00Z")]);
}

#[test]
fn input_bars_that_repeat_come_late_or_make_no_sense_are_dropped_and_counted() {
    let mut builder = TimeBars::new(config(SessionKind::UsEquity, MINUTE, false));
    let good = bar("2018-03-12T13:31:00Z", MINUTE, "10", 1);
    let mut upside_down = bar("2018-03-12T13:32:00Z", MINUTE, "10", 1);
    upside_down.low = p("11");
    let free = bar("2018-03-12T13:32:00Z", MINUTE, "0", 1);
    let early = bar("2018-03-12T13:30:00Z", MINUTE, "9", 1);
    let premarket = bar("2018-03-12T13:00:00Z", MINUTE, "9", 1);
    let night = bar("2018-03-13T05:00:00Z", MINUTE, "9", 1);
    let out = push(&mut builder, &[good, good, upside_down, free, early, premarket, night]);
    assert_eq!(out, [Output::Closed(good)]);
    let counts = *builder.bar_counts();
    assert_eq!((counts.accepted, counts.duplicate, counts.malformed, counts.late), (1, 1, 2, 1));
    assert_eq!(counts.outside_session, 2);
}

#[test]
fn dated_daily_bars_keep_their_day_and_missing_sessions_are_gaps() {
    let mut builder = TimeBars::new(config(SessionKind::UsEquity, DAY, false));
    let bars = [
        bar("1999-11-15", DAY, "10", 1), // Monday
        bar("1999-11-17", DAY, "11", 1), // the 16th is missing
        bar("1999-11-18", DAY, "12", 1),
        bar("1999-11-19", DAY, "12", 1),
        bar("1999-11-22", DAY, "13", 1), // after the weekend
    ];
    let out = push(&mut builder, &bars);
    assert_eq!(out.len(), 6);
    assert_eq!(out[0], Output::Closed(bars[0]));
    assert_eq!(out[1], gap("1999-11-16", "1999-11-17"));
    assert_eq!(out[5], Output::Closed(bars[4]));
    let thanksgiving = bar("1999-11-25", DAY, "13", 1);
    assert!(push(&mut builder, &[thanksgiving]).is_empty());
    assert_eq!(builder.bar_counts().outside_session, 1);
    // The watermark at the end of the 23rd finds it missing.
    let mut out = Vec::new();
    builder.advance(ts("1999-11-24"), &mut out);
    assert_eq!(out, [gap("1999-11-23", "1999-11-24")]);
}

#[test]
fn dated_daily_bars_work_after_an_early_watermark_and_for_every_calendar() {
    for kind in [SessionKind::UsEquity, SessionKind::Forex24x5, SessionKind::Always] {
        let mut builder = TimeBars::new(config(kind, DAY, true));
        let mut out = Vec::new();
        builder.advance(ts("1999-11-15"), &mut out);
        let bars = ["1999-11-15", "1999-11-16", "1999-11-17"].map(|day| bar(day, DAY, "10", 1));
        let out = push(&mut builder, &bars);
        assert_eq!(out, bars.map(Output::Closed), "{kind:?}");
    }
}

#[test]
fn history_then_ticks_continue_without_a_seam() {
    let mut builder = TimeBars::new(config(SessionKind::Always, MINUTE, true));
    let history = bar("2021-01-08T00:00:00Z", MINUTE, "10", 1);
    let mut out = push(&mut builder, &[history]);
    builder.push_all(
        &[
            Tick::trade(ts("2021-01-08T00:00:59Z"), p("99"), q(1)), // belongs to the history
            Tick::trade(ts("2021-01-08T00:01:05Z"), p("11"), q(1)),
        ],
        &mut out,
    );
    builder.advance(ts("2021-01-08T00:02:00Z"), &mut out);
    assert_eq!(out.len(), 2);
    assert_eq!((out[1].start(), out[1].bar().unwrap().high), (ts("2021-01-08T00:01:00Z"), p("11")));
    assert_eq!(builder.counts().late, 1);
    // A finished bar for a minute that ticks are already building comes too late.
    builder.push_all(&[Tick::trade(ts("2021-01-08T00:02:05Z"), p("11"), q(1))], &mut out);
    assert!(push(&mut builder, &[bar("2021-01-08T00:02:00Z", MINUTE, "10", 1)]).is_empty());
    assert_eq!(builder.bar_counts().late, 1);
}

#[test]
fn a_longer_bar_with_some_minutes_missing_is_a_bar_and_with_all_missing_a_gap() {
    let mut multi =
        MultiTimeframe::new(config(SessionKind::Always, MINUTE, true), &[Timeframe::MINUTES_5, MINUTE])
            .unwrap();
    assert_eq!(multi.timeframes().collect::<Vec<_>>(), [MINUTE, Timeframe::MINUTES_5]);
    let mut out = Vec::new();
    multi.push_bars(
        &[
            bar("2021-01-08T00:00:00Z", MINUTE, "10", 1),
            bar("2021-01-08T00:03:00Z", MINUTE, "14", 3),
            bar("2021-01-08T00:10:00Z", MINUTE, "11", 1),
        ],
        &mut out,
    );
    let long: Vec<_> = out.iter().filter(|(t, _)| *t == Timeframe::MINUTES_5).map(|(_, o)| *o).collect();
    let first = long[0].bar().unwrap();
    assert_eq!((first.open, first.close, first.vwap, first.volume), (p("10"), p("14"), p("13"), q(4)));
    assert_eq!(long[1..], [gap("2021-01-08T00:05:00Z", "2021-01-08T00:10:00Z")]);
    assert_eq!(multi.peek(Timeframe::MINUTES_5).unwrap().close, p("11"));
    multi.push_all(&[Tick::trade(ts("2021-01-08T00:11:30Z"), p("15"), q(1))], &mut out);
    multi.push_all(&[Tick::trade(ts("2021-01-08T00:11:40Z"), p("16"), q(1))], &mut out);
    let peeked = multi.peek(Timeframe::MINUTES_5).unwrap();
    assert_eq!((peeked.open, peeked.close, peeked.volume), (p("11"), p("16"), q(3)));
}

#[test]
fn a_loss_shows_in_the_longer_gap_and_not_as_mere_quiet() {
    let mut longer = Aggregator::new(MINUTE, Timeframe::MINUTES_5, SessionKind::Always, true).unwrap();
    let mut out = Vec::new();
    let piece = |from, to, reason| Output::Gap(Gap { from: ts(from), to: ts(to), reason });
    longer.push(&piece("2021-01-08T00:00:00Z", "2021-01-08T00:02:00Z", GapReason::FeedLost), &mut out);
    longer.push(&piece("2021-01-08T00:02:00Z", "2021-01-08T00:05:00Z", GapReason::NoData), &mut out);
    assert_eq!(out, [piece("2021-01-08T00:00:00Z", "2021-01-08T00:05:00Z", GapReason::FeedLost)]);
}

#[test]
fn a_timeframe_that_is_no_multiple_is_refused_with_both_named() {
    let refused = Aggregator::new(Timeframe::MINUTES_5, MINUTE, SessionKind::Always, true).unwrap_err();
    assert_eq!(refused, AggregateError { base: Timeframe::MINUTES_5, target: MINUTE });
    assert!(refused.to_string().contains("5m") && refused.to_string().contains("1m"));
    let six = Timeframe::from_secs(360).unwrap();
    assert!(MultiTimeframe::new(config(SessionKind::Always, Timeframe::MINUTES_5, true), &[six]).is_err());
}
