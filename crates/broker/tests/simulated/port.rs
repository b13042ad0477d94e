//! The simulated market as a feed: watermarks, sessions, slices, adding and removing, ends and refusals.

use futures::FutureExt;
use futures::executor::block_on;
use tensortrade_broker::simulated::{SimulatedFeed, SimulatedOptions, TICKS_PER_MINUTE_MAX, instrument};
use tensortrade_broker::{Feed, FeedSlice, MarketData};
use tensortrade_market::calendar::{Calendar, SessionKind};
use tensortrade_market::{Timeframe, Ts};

use super::{drain, feed, options, symbol, ts};

fn stamps(slice: &FeedSlice) -> impl Iterator<Item = Ts> + '_ {
    slice.batches.iter().flat_map(|batch| match &batch.data {
        MarketData::Ticks(ticks) => ticks.iter().map(|tick| tick.ts).collect::<Vec<_>>(),
        _ => Vec::new(),
    })
}

#[test]
fn watermarks_rise_and_every_tick_lies_between_two_of_them_in_a_session() {
    let calendar = Calendar::new(SessionKind::UsEquity);
    for decision in ["20s", "1m", "1h", "1d"] {
        let base = options(3, &["IBM", "AIG"], "2025-07-02", "2025-07-08");
        let mut feed = feed(SimulatedOptions { decision: decision.parse().unwrap(), ..base });
        let mut last = Ts::ZERO;
        let mut rows = 0;
        while let Some(slice) = feed.next_slice() {
            for at in stamps(&slice) {
                rows += 1;
                assert!(at >= last && slice.watermark.is_none_or(|next| at < next), "{decision}: {at}");
                let session = calendar.session_of(at).unwrap();
                assert!(session.open <= at && at < session.auction_end(), "{at} is not in regular hours");
            }
            if let Some(next) = slice.watermark {
                assert!(next > last);
                last = next;
            }
        }
        assert_eq!(
            last,
            ts("2025-07-07T20:01:00Z"),
            "{decision}: the last day ends with its closing auction"
        );
        assert_eq!(feed.stats().rows, rows);
    }
}

#[test]
fn a_minute_feed_has_a_watermark_for_every_minute_of_the_calendar_and_none_in_closed_time() {
    // 3 July is an early close, 4 July a holiday, then a weekend.
    let mut feed = feed(options(3, &["IBM"], "2025-07-03", "2025-07-08"));
    let marks: Vec<Ts> =
        std::iter::from_fn(|| feed.next_slice()).filter_map(|slice| slice.watermark).collect();
    assert_eq!(marks.len(), 211 + 391);
    assert_eq!(marks[0], ts("2025-07-03T13:31:00Z"));
    assert_eq!(marks[210], ts("2025-07-03T17:01:00Z"));
    assert_eq!(marks[211], ts("2025-07-07T13:31:00Z"));
}

#[test]
fn a_long_interval_comes_in_several_slices_and_only_the_last_has_the_watermark() {
    let names: Vec<String> = (0..40).map(|i| format!("S{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let base = options(3, &names, "2025-03-03", "2025-03-05");
    let mut feed = feed(SimulatedOptions { decision: Timeframe::DAY, ..base });
    let mut marks = Vec::new();
    while let Some(slice) = feed.next_slice() {
        let rows: usize = slice.batches.iter().map(tensortrade_broker::MarketBatch::len).sum();
        assert!(rows < 80_000, "{rows} ticks in one slice");
        marks.push(slice.watermark);
    }
    assert!(marks.len() > 20, "{} slices for 1.8 million ticks", marks.len());
    let ends: Vec<Ts> = marks.iter().copied().flatten().collect();
    assert_eq!(ends, [ts("2025-03-03T21:01:00Z"), ts("2025-03-04T21:01:00Z")]);
    assert!(marks.last().unwrap().is_some());
}

#[test]
fn a_removed_symbol_is_silent_until_it_is_added_again() {
    let mut feed = feed(options(3, &["AIG", "IBM"], "2025-03-03", "2025-03-04"));
    let ibm = symbol("IBM");
    let has = |slice: &FeedSlice| slice.batches.iter().any(|batch| batch.symbol == ibm);
    assert!(has(&feed.next_slice().unwrap()));
    block_on(feed.remove(ibm));
    block_on(feed.remove(ibm));
    assert!((0..5).all(|_| !has(&feed.next_slice().unwrap())));
    block_on(feed.add(&instrument(ibm))).unwrap();
    assert!(has(&feed.next_slice().unwrap()));
}

#[test]
fn a_symbol_added_within_a_long_interval_starts_with_the_next_one() {
    let base = options(3, &["AIG"], "2025-03-03", "2025-03-05");
    let mut feed =
        feed(SimulatedOptions { decision: Timeframe::DAY, ticks_per_symbol_minute: 2_000, ..base });
    assert!(feed.next_slice().unwrap().watermark.is_none(), "the day is still going on");
    block_on(feed.add(&instrument(symbol("IBM")))).unwrap();
    let first = drain(&mut feed)[&symbol("IBM")][0].ts;
    assert!(first >= ts("2025-03-04T14:30:00Z") && first < ts("2025-03-04T14:31:00Z"));
}

#[test]
fn time_passes_without_symbols() {
    let mut feed = feed(options(3, &[], "2025-03-03", "2025-03-04"));
    assert_eq!(std::iter::from_fn(|| feed.next_slice()).count(), 391);
}

#[test]
fn dropping_a_future_loses_nothing() {
    let base = options(3, &["IBM"], "2025-03-03", "2025-03-04");
    let mut reference = feed(base.clone());
    let mut feed = feed(base);
    let mut cancelled = 0;
    loop {
        drop(feed.next());
        cancelled += 1;
        let slice = feed.next().now_or_never().unwrap().unwrap();
        let expected = reference.next_slice();
        assert_eq!(slice.as_ref().and_then(|s| s.watermark), expected.as_ref().and_then(|s| s.watermark));
        let (Some(slice), Some(expected)) = (slice, expected) else { break };
        assert!(stamps(&slice).eq(stamps(&expected)));
    }
    assert_eq!(cancelled, 392);
}

#[test]
fn options_out_of_range_are_refused_with_the_range() {
    let refusal = |options| SimulatedFeed::new(options).unwrap_err().to_string();
    let early = refusal(SimulatedOptions { start: ts("2019-12-31"), ..SimulatedOptions::default() });
    assert!(early.contains("2019-12-31") && early.contains("2020-01-01 to 2099-12-31"), "{early}");
    for rate in [0, 15, TICKS_PER_MINUTE_MAX + 1] {
        let text = refusal(SimulatedOptions { ticks_per_symbol_minute: rate, ..SimulatedOptions::default() });
        assert!(text.contains("16 to 10000"), "{text}");
    }
}

#[test]
fn the_simulated_market_ends_with_its_century() {
    let mut feed = feed(SimulatedOptions {
        symbols: vec![symbol("IBM")],
        start: ts("2099-12-30T21:30:00Z"),
        ..SimulatedOptions::default()
    });
    let slices = std::iter::from_fn(|| feed.next_slice()).count();
    assert_eq!(slices, 391, "one day is left");
    assert!(feed.next_slice().is_none());
}

#[test]
fn every_name_is_an_instrument_with_a_sector() {
    let ibm = instrument(symbol("IBM")).validated().unwrap();
    assert_eq!(ibm.tick_size.to_string(), "0.01");
    assert_eq!(ibm.sessions, SessionKind::UsEquity);
    let sectors: std::collections::BTreeSet<_> =
        (0..100).map(|i| instrument(symbol(&format!("N{i}"))).sector.unwrap()).collect();
    assert_eq!(sectors.len(), 8);
}
