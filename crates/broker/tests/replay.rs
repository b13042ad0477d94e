//! What a replay delivers, in which order, on small tables.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod replay_support;

use std::collections::BTreeSet;

use replay_support::{
    TICKS, all_words, gzip, minutes, open, price_of, read_all, symbol, ticks, trades, words, write,
};
use tensortrade_broker::replay::{FileFormat, ReplayLimits, RowOrder, probe};
use tensortrade_broker::{Feed, FeedError, MarketData};
use tensortrade_market::{Instrument, Price, Qty, Tick, Timeframe, Ts};

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

#[test]
fn rows_are_cut_into_intervals_and_each_interval_ends_with_its_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(1, "A"), (2, "B"), (59, "A"), (60, "B"), (400, "A")]);
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], minutes()).unwrap();
    let (slices, end) = read_all(&mut feed);
    assert!(end.is_ok());
    assert_eq!(all_words(&slices), ["A 1 59|B 2 @60", "B 60 @120", "A 400 @420"]);
    let stats = feed.stats();
    assert_eq!((stats.rows, stats.malformed, stats.skipped, stats.progress_permille), (5, 0, 0, Some(1000)));
    assert!(stats.busy_ns > 0);
    assert!(futures::executor::block_on(feed.next()).unwrap().is_none(), "the end stays the end");
}

#[test]
fn quotes_and_trades_are_read_with_columns_in_any_order_and_further_ones_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let text = "\u{feff}venue,kind,symbol,ask,bid,Price,size,ts_ns,cond\r\n\
                P,quote,ibm,183.63,,,,1381132800054000000,1\r\n\
                \r\n\
                \"Q, N\",trade,\"IBM\",,, 183.5 ,100,1381132800054000000,2\r\n\
                P,quote,IBM,183.6,183.4,,,1381132800055000000,3";
    let mut feed = open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap();
    let (slices, end) = read_all(&mut feed);
    assert!(end.is_ok());
    let (ts, ibm, none) = (Ts::from_nanos(1_381_132_800_054_000_000), symbol("IBM"), Qty::ZERO);
    let expected = [
        Tick::quote(ts, None, Some(price("183.63")), none, none),
        Tick::trade(ts, price("183.5"), Qty::from_units(100).unwrap()),
        Tick::quote(ts.plus_nanos(1_000_000), Some(price("183.4")), Some(price("183.6")), none, none),
    ];
    assert_eq!(ticks(&slices), expected.map(|tick| (ibm, tick)));
    assert_eq!(feed.stats().malformed, 0);
}

#[test]
fn files_are_merged_by_time_and_equal_times_come_in_the_order_of_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let first = write(dir.path(), "1.csv", format!("{TICKS}{}", trades(&[(10, "A"), (20, "A"), (30, "A")])));
    let second =
        write(dir.path(), "2.csv.gz", gzip(format!("{TICKS}{}", trades(&[(5, "B"), (20, "B"), (70, "B")]))));
    let mut options = minutes();
    options.limits.slice_rows_max = 1;
    let (slices, _) = read_all(&mut open(&[first.clone(), second.clone()], options.clone()).unwrap());
    assert_eq!(all_words(&slices), ["B 5", "A 10", "A 20", "B 20", "A 30 @60", "B 70 @120"]);
    let (slices, _) = read_all(&mut open(&[second, first], options).unwrap());
    assert_eq!(all_words(&slices), ["B 5", "A 10", "B 20", "A 20", "A 30 @60", "B 70 @120"]);
}

#[test]
fn late_and_repeated_rows_stay_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(10, "A"), (70, "A"), (20, "A"), (20, "A"), (71, "A"), (59, "B"), (125, "A")]);
    let other = trades(&[(15, "C"), (65, "C"), (100, "C")]);
    let paths = [
        write(dir.path(), "1.csv", format!("{TICKS}{rows}")),
        write(dir.path(), "2.csv", format!("{TICKS}{other}")),
    ];
    let (slices, _) = read_all(&mut open(&paths, minutes()).unwrap());
    assert_eq!(all_words(&slices), ["A 10|C 15 @60", "C 65 100|A 70 20 20 71|B 59 @120", "A 125 @180"]);
}

#[test]
fn one_corrupt_stamp_far_ahead_does_not_make_all_rows_after_it_late() {
    let dir = tempfile::tempdir().unwrap();
    let rows =
        trades(&[(9_000_000, "A"), (10, "A"), (8_000_000, "B"), (70, "A"), (90_000, "A"), (90_001, "A")]);
    let (slices, _) =
        read_all(&mut open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], minutes()).unwrap());
    let expected = ["A 9000000 10|B 8000000 @60", "A 70 @120", "A 90000 90001 @90060"];
    assert_eq!(all_words(&slices), expected, "a real jump over a night is confirmed by the row after it");
}

#[test]
fn a_long_interval_comes_in_several_slices_and_only_the_last_has_the_watermark() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String =
        (0..10).map(|at| replay_support::trade(at, if at % 3 == 0 { "A" } else { "B" })).collect();
    let mut options = minutes();
    options.limits = ReplayLimits { slice_rows_max: 4, chunk_rows: 3, chunks_ahead_max: 1, ..options.limits };
    let (slices, _) =
        read_all(&mut open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], options).unwrap());
    assert_eq!(all_words(&slices), ["A 0 3|B 1 2", "B 4 5 7|A 6", "B 8|A 9 @60"]);
}

#[test]
fn a_file_of_symbol_blocks_is_put_into_time_order() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[
        (10, "A"),
        (70, "A"),
        (65, "A"),
        (130, "A"),
        (5, "B"),
        (66, "B"),
        (140, "B"),
        (70, "C"),
        (71, "C"),
        (20, "C"),
    ]);
    let path = write(dir.path(), "blocks.csv", format!("{TICKS}{rows}"));
    let examined = probe(std::slice::from_ref(&path)).unwrap();
    assert_eq!(examined.files[0].order, RowOrder::SymbolBlocks);
    let expected = ["B 5|A 10 @60", "B 66|A 70 65|C 70 71 20 @120", "A 130|B 140 @180"];
    // In memory at once, and as runs on disk of three rows each, read back one record at a time.
    for (sort_rows_max, merge_buffers_len_max) in [(1000, 1000), (3, 1)] {
        let mut options = minutes();
        options.spill_dir = dir.path().to_owned();
        options.limits = ReplayLimits { sort_rows_max, merge_buffers_len_max, ..options.limits };
        let (slices, end) = read_all(&mut open(std::slice::from_ref(&path), options).unwrap());
        assert!(end.is_ok());
        assert_eq!(all_words(&slices), expected, "{sort_rows_max} rows in memory");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn short_blocks_of_daily_bars_are_put_into_time_order() {
    let dir = tempfile::tempdir().unwrap();
    let row = |day: &str, name: &str| format!("{day},{name},1,1,1,1,1\n");
    let days = ["1970-01-01", "1970-01-02"];
    let rows: String = ["A", "B"].iter().flat_map(|name| days.map(|day| row(day, name))).collect();
    let path = write(dir.path(), "d.csv", format!("ts,symbol,open,high,low,close,volume\n{rows}"));
    let mut options = minutes();
    options.decision = Timeframe::DAY;
    let (slices, _) = read_all(&mut open(&[path], options).unwrap());
    assert_eq!(all_words(&slices), ["A 0/1d|B 0/1d @86400", "A 86400/1d|B 86400/1d @172800"]);
}

#[test]
fn blocks_that_begin_long_after_the_head_of_the_file_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let block = |name: &str| (0..12_000).map(|at| replay_support::trade(at, name)).collect::<String>();
    let text = format!("{TICKS}{}{}", block("LONGNAME"), block("OTHER"));
    assert!(text.len() > 512 * 1024, "the first block is longer than what is examined in full");
    let path = write(dir.path(), "blocks.csv.gz", gzip(text));
    let examined = probe(std::slice::from_ref(&path)).unwrap();
    assert_eq!(examined.files[0].order, RowOrder::SymbolBlocks);
    assert_eq!(examined.files[0].symbols, [symbol("LONGNAME"), symbol("OTHER")]);
    let mut options = minutes();
    options.limits.sort_rows_max = 5000;
    let (slices, _) = read_all(&mut open(&[path], options).unwrap());
    assert_eq!(slices.len(), 200);
    for slice in &slices {
        let counts: Vec<_> = slice.batches.iter().map(|b| (b.symbol.as_str(), b.len())).collect();
        assert_eq!(counts, [("LONGNAME", 60), ("OTHER", 60)]);
    }
}

#[test]
fn minute_bars_come_with_the_interval_that_they_end_in() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ts,symbol,open,high,low,close,volume\n\
                2018-02-16T14:30:00Z,A,10,12,9.5,11,100\n\
                2018-02-16T14:30:00Z,B,20,20,20,20,\n\
                2018-02-16T14:31:00Z,A,11,11,11,11,5\n";
    let path = write(dir.path(), "bars.csv", text);
    let examined = probe(std::slice::from_ref(&path)).unwrap();
    assert_eq!(examined.files[0].format, FileFormat::Bars(Timeframe::MINUTE));
    assert_eq!(examined.longest_timeframe(), Some(Timeframe::MINUTE));
    let (slices, _) = read_all(&mut open(&[path], minutes()).unwrap());
    let start = Ts::parse("2018-02-16T14:30:00Z").unwrap();
    let at = start.nanos() / 1_000_000_000;
    assert_eq!(
        all_words(&slices),
        [format!("A {at}/1m|B {at}/1m @{}", at + 60), format!("A {}/1m @{}", at + 60, at + 120)]
    );
    let MarketData::Bars(_, bars) = &slices[0].batches[0].data else { panic!("bars") };
    assert_eq!((bars[0].start, bars[0].end), (start, start.plus_nanos(60_000_000_000)));
    assert_eq!(
        [bars[0].open, bars[0].high, bars[0].low, bars[0].close],
        ["10", "12", "9.5", "11"].map(price)
    );
    assert_eq!(bars[0].volume, Qty::from_units(100).unwrap());
}

#[test]
fn a_bar_that_is_not_aligned_with_the_clock_comes_when_it_is_over_and_ends_its_interval() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ts,symbol,open,high,low,close\n\
                2018-02-16T14:30:00Z,A,10,12,9.5,11\n2018-02-16T15:30:00Z,A,10,12,9.5,11\n";
    let mut options = minutes();
    options.decision = Timeframe::HOUR;
    let (slices, _) = read_all(&mut open(&[write(dir.path(), "bars.csv", text)], options).unwrap());
    let watermarks: Vec<_> = slices.iter().map(|s| s.watermark.unwrap().to_string()).collect();
    assert_eq!(watermarks, ["2018-02-16T15:30:00Z", "2018-02-16T16:30:00Z"]);
}

#[test]
fn quote_bars_become_bars_of_the_midpoint_with_the_spread_at_the_close() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ts,symbol,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close\n\
                2013-02-01T00:00:00Z,USDJPY,91.70,91.80,91.60,91.70,91.72,91.82,91.62,91.69\n";
    let (slices, _) = read_all(&mut open(&[write(dir.path(), "bars.csv", text)], minutes()).unwrap());
    let MarketData::Bars(_, bars) = &slices[0].batches[0].data else { panic!("bars") };
    assert_eq!(
        [bars[0].open, bars[0].high, bars[0].low, bars[0].close],
        ["91.71", "91.81", "91.61", "91.695"].map(price)
    );
    assert_eq!((bars[0].spread, bars[0].volume), (Some(price("-0.01")), Qty::ZERO));
}

#[test]
fn daily_bars_and_ticks_of_the_same_day_share_a_slice() {
    let dir = tempfile::tempdir().unwrap();
    let bars = "ts,symbol,open,high,low,close,volume\n1970-01-01,A,1,1,1,1,1\n1970-01-02,A,1,1,1,1,1\n";
    let paths = [
        write(dir.path(), "bars.csv", bars),
        write(dir.path(), "t.csv", format!("{TICKS}{}", trades(&[(3600, "A"), (90_000, "B")]))),
    ];
    let mut options = minutes();
    options.decision = Timeframe::DAY;
    let (slices, _) = read_all(&mut open(&paths, options).unwrap());
    assert_eq!(all_words(&slices), ["A 3600|A 0/1d @86400", "B 90000|A 86400/1d @172800"]);
}

#[test]
fn several_gzip_members_are_read_to_the_last_and_a_repeated_header_is_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = gzip(format!("{TICKS}{}", trades(&[(1, "A")])));
    bytes.extend(gzip(format!("{TICKS}{}", trades(&[(2, "A")]))));
    bytes.extend(gzip(trades(&[(3, "A")])));
    // No suffix says that it is compressed.
    let mut feed = open(&[write(dir.path(), "ticks", bytes)], minutes()).unwrap();
    let (slices, end) = read_all(&mut feed);
    assert!(end.is_ok());
    assert_eq!(all_words(&slices), ["A 1 2 3 @60"]);
    assert_eq!(feed.stats().malformed, 0);
}

#[test]
fn other_kinds_are_skipped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{TICKS}1,A,other,5,5,,,,\n2,A,trade,5,5,,,,\n3,A,halt,,,,,,\n");
    let mut feed = open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap();
    let (slices, _) = read_all(&mut feed);
    assert_eq!(ticks(&slices).len(), 1);
    let stats = feed.stats();
    assert_eq!((stats.rows, stats.skipped, stats.malformed), (1, 2, 0));
}

#[test]
fn float_noise_is_rounded_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{TICKS}1,A,trade,1.1000000000000001,0.30000000000000004,,,,\n");
    let mut feed = open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap();
    let (slices, _) = read_all(&mut feed);
    assert_eq!(price_of(&ticks(&slices)[0].1), "1.1");
    assert_eq!((feed.rounded(), feed.stats().malformed), (2, 0));
}

#[test]
fn a_resumed_replay_leaves_out_the_intervals_already_done() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(1, "A"), (61, "A"), (121, "A"), (30, "A"), (122, "A")]);
    let mut options = minutes();
    options.resume_after = Some(Ts::from_secs(120));
    let (slices, _) =
        read_all(&mut open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], options).unwrap());
    assert_eq!(
        all_words(&slices),
        ["A 121 30 122 @180"],
        "a row that is late stays with the interval it came in"
    );
}

#[test]
fn only_the_symbols_asked_for_are_delivered_and_the_rest_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(1, "A"), (2, "B"), (61, "B"), (121, "A"), (122, "B")]);
    let mut options = minutes();
    options.symbols = Some(BTreeSet::from([symbol("A")]));
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], options).unwrap();
    let (slices, _) = read_all(&mut feed);
    assert_eq!(
        all_words(&slices),
        ["A 1 @60", "A 121 @180"],
        "an interval without rows asked for says nothing"
    );
    assert_eq!((feed.stats().rows, feed.stats().skipped), (2, 3));
}

#[tokio::test]
async fn a_symbol_is_added_from_the_next_boundary_on_and_removed_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..40).map(|at| trades(&[(at * 10, "A"), (at * 10 + 1, "B")])).collect();
    let mut options = minutes();
    options.symbols = Some(BTreeSet::from([symbol("A")]));
    options.limits.slice_rows_max = 6;
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], options).unwrap();
    let b = Instrument::guess(symbol("B"));
    let next =
        async |feed: &mut tensortrade_broker::replay::ReplayFeed| words(&feed.next().await.unwrap().unwrap());
    assert_eq!(next(&mut feed).await, "A 0 10 20");
    feed.add(&b).await.unwrap();
    feed.add(&b).await.unwrap();
    assert_eq!(next(&mut feed).await, "A 30 40 50 @60", "not within an interval");
    assert_eq!(next(&mut feed).await, "A 60 70 80|B 61 71 81");
    feed.remove(symbol("B")).await;
    feed.remove(symbol("B")).await;
    assert_eq!(next(&mut feed).await, "A 90 100 110 @120");
    feed.add(&b).await.unwrap();
    assert_eq!(next(&mut feed).await, "A 120 130 140|B 121 131 141", "at a boundary it joins at once");
}

#[tokio::test]
async fn a_removed_symbol_of_a_feed_of_all_symbols_stays_out_until_it_is_added_again() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(1, "A"), (2, "B"), (61, "A"), (62, "B"), (121, "A"), (122, "B")]);
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], minutes()).unwrap();
    feed.remove(symbol("B")).await;
    assert_eq!(words(&feed.next().await.unwrap().unwrap()), "A 1 @60");
    assert_eq!(words(&feed.next().await.unwrap().unwrap()), "A 61 @120");
    feed.add(&Instrument::guess(symbol("B"))).await.unwrap();
    assert_eq!(words(&feed.next().await.unwrap().unwrap()), "A 121|B 122 @180");
}

#[tokio::test]
async fn a_symbol_that_the_files_do_not_hold_is_refused_with_those_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    // Long enough that the first look does not show every symbol: LAST comes at the very end.
    let rows: String = (0..8000).map(|at| trades(&[(at, "A"), (at, "B")])).collect();
    let text = format!("{TICKS}{rows}{}", trades(&[(9000, "LAST")]));
    let path = write(dir.path(), "t.csv", text);
    let examined = probe(std::slice::from_ref(&path)).unwrap();
    assert!(!examined.symbols_complete());
    let mut feed = open(&[path], minutes()).unwrap();
    let refused = feed.add(&Instrument::guess(symbol("NOPE"))).await.unwrap_err();
    assert!(matches!(refused, FeedError::UnknownSymbol { symbol, .. } if symbol.as_str() == "NOPE"));
    assert_eq!(refused.to_string(), "unknown symbol NOPE: the replay files hold A, B, LAST");
    feed.add(&Instrument::guess(symbol("LAST"))).await.unwrap();
}

#[tokio::test]
async fn history_gives_the_last_finished_bars_before_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..600).map(|at| trades(&[(at, "BTCUSD"), (at, "ETHUSD")])).collect();
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], minutes()).unwrap();
    let until = Ts::from_secs(310);
    let bars = feed.history(symbol("BTCUSD"), Timeframe::MINUTE, until, 3).await.unwrap();
    let covered: Vec<_> = bars.iter().map(|bar| (bar.start.nanos() / 1_000_000_000, bar.trades)).collect();
    assert_eq!(covered, [(120, 60), (180, 60), (240, 60)], "the bar in progress is not finished");
    let longer = feed.history(symbol("BTCUSD"), Timeframe::MINUTES_5, until, 9).await.unwrap();
    assert_eq!((longer.len(), longer[0].end, longer[0].trades), (1, Ts::from_secs(300), 300));
    assert!(feed.history(symbol("BTCUSD"), Timeframe::MINUTE, until, 0).await.unwrap().is_empty());
    assert!(feed.history(symbol("NOPE"), Timeframe::MINUTE, until, 9).await.is_err());
}

#[tokio::test]
async fn history_of_a_file_of_blocks_needs_no_sorting_and_aggregates_bars() {
    let dir = tempfile::tempdir().unwrap();
    let block = |name: &str| {
        let row = |at: i64| format!("{},{name},{at},{at},{at},{at},2\n", Ts::from_secs(at * 60));
        (0..30).map(row).collect::<String>()
    };
    let text = format!("ts,symbol,open,high,low,close,volume\n{}{}", block("BTCUSD"), block("ETHUSD"))
        .replace(",0,0,0,0,", ",1,1,1,1,");
    let mut options = minutes();
    options.decision = Timeframe::MINUTES_5;
    let mut feed = open(&[write(dir.path(), "bars.csv", text)], options).unwrap();
    let bars = feed.history(symbol("ETHUSD"), Timeframe::MINUTES_5, Ts::from_secs(900), 10).await.unwrap();
    let seen: Vec<_> =
        bars.iter().map(|b| (b.open.to_string(), b.close.to_string(), b.volume.to_string())).collect();
    let expected = [("1", "4", "10"), ("5", "9", "10"), ("10", "14", "10")];
    assert_eq!(seen, expected.map(|(o, c, v)| (o.to_owned(), c.to_owned(), v.to_owned())));
    assert!(
        feed.history(symbol("ETHUSD"), Timeframe::SECOND, Ts::from_secs(900), 10).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn dropping_a_feed_stops_its_reader_even_when_it_waits_for_room() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..20_000).map(|at| replay_support::trade(at * 60, "A")).collect();
    let mut options = minutes();
    options.limits = ReplayLimits { chunk_rows: 10, chunks_ahead_max: 1, ..options.limits };
    let mut feed = open(&[write(dir.path(), "t.csv", format!("{TICKS}{rows}"))], options).unwrap();
    feed.next().await.unwrap();
    // Joins the thread: a reader that did not stop would hang this test.
    drop(feed);
}
