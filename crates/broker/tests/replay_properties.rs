//! What holds for every table: nothing lost, nothing invented, each symbol's order kept, intervals and watermarks true.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod replay_support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use replay_support::{TICKS, gzip, minutes, open, price_of, read_all, ticks, write};
use tensortrade_broker::MarketData;
use tensortrade_broker::replay::{ReplayLimits, probe};
use tensortrade_market::{Timeframe, Ts};

/// A row: symbol, seconds, and a price that tells it from all others.
type Row = (&'static str, i64, u32);

/// Rows over twenty minutes: no stamp is an hour ahead of another, so each is believed.
fn rows(symbols: &'static [&'static str]) -> impl Strategy<Value = Vec<(&'static str, i64)>> {
    prop::collection::vec((prop::sample::select(symbols), 0i64..1200), 1..120)
}

fn numbered(rows: &[(&'static str, i64)], from: u32) -> Vec<Row> {
    rows.iter().zip(from..).map(|((symbol, secs), id)| (*symbol, *secs, id)).collect()
}

fn table(rows: &[Row]) -> String {
    let line = |(symbol, secs, id): &Row| format!("{},{symbol},trade,{id},1,,,,\n", 1_000_000_000 * secs);
    format!("{TICKS}{}", rows.iter().map(line).collect::<String>())
}

fn limits() -> impl Strategy<Value = ReplayLimits> {
    (1usize..20, 1usize..20, 1usize..4, 1usize..30, 1usize..2000).prop_map(
        |(slice_rows_max, chunk_rows, chunks_ahead_max, sort_rows_max, merge_buffers_len_max)| ReplayLimits {
            slice_rows_max,
            chunk_rows,
            chunk_slices_max: 3,
            chunks_ahead_max,
            sort_rows_max,
            merge_buffers_len_max,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_row_is_delivered_once_in_the_order_of_its_symbol_and_in_its_interval(
        one in rows(&["A", "B", "C"]),
        two in rows(&["C", "D"]),
        limits in limits(),
        compressed in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let files = [numbered(&one, 1), numbered(&two, 1000)];
        let paths: Vec<_> = files.iter().zip(["1", "2"]).map(|(rows, name)| {
            let text = table(rows).into_bytes();
            write(dir.path(), name, if compressed { gzip(text) } else { text })
        }).collect();
        let examined = probe(&paths).unwrap();
        let sorted: Vec<bool> = examined.files.iter()
            .map(|f| f.order == tensortrade_broker::replay::RowOrder::SymbolBlocks).collect();
        let mut options = minutes();
        options.limits = limits;
        options.spill_dir = dir.path().to_owned();
        let mut feed = open(&paths, options).unwrap();
        let (slices, end) = read_all(&mut feed);
        prop_assert!(end.is_ok());

        // Nothing lost, nothing invented.
        let mut got: Vec<String> = ticks(&slices).iter().map(|(s, t)| format!("{s} {} {}", t.ts, price_of(t))).collect();
        let mut written: Vec<String> = files.iter().flatten()
            .map(|(s, secs, id)| format!("{s} {} {id}", Ts::from_secs(*secs))).collect();
        // Each symbol of a file in its own order; that of a file with the newest row first is read backwards.
        let newest_first: Vec<bool> = examined.files.iter()
            .map(|f| f.order == tensortrade_broker::replay::RowOrder::NewestFirst).collect();
        for (file, newest_first) in files.iter().zip(&newest_first) {
            let mut order: BTreeMap<&str, Vec<String>> = BTreeMap::new();
            let mut file = file.clone();
            if *newest_first {
                file.reverse();
                file.sort_by_key(|(_, secs, _)| *secs);
            }
            for (symbol, _, id) in &file {
                order.entry(symbol).or_default().push(id.to_string());
            }
            for (symbol, ids) in order {
                let delivered: Vec<String> = ticks(&slices).iter()
                    .filter(|(s, _)| s.as_str() == symbol).map(|(_, t)| price_of(t))
                    .filter(|id| ids.contains(id)).collect();
                prop_assert_eq!(delivered, ids);
            }
        }
        got.sort();
        written.sort();
        prop_assert_eq!(got, written);

        // The key of each row by the definition: the running maximum of its file, or of its symbol in a file of blocks.
        let mut keys: BTreeMap<String, i64> = BTreeMap::new();
        for ((file, by_symbol), newest_first) in files.iter().zip(&sorted).zip(&newest_first) {
            let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
            for (symbol, secs, id) in file {
                let latest = latest.entry(if *by_symbol { symbol } else { "" }).or_insert(i64::MIN);
                *latest = if *newest_first { *secs } else { (*latest).max(*secs) };
                keys.insert(id.to_string(), *latest);
            }
        }
        let mut boundary = i64::MIN;
        let mut open_rows: Vec<i64> = Vec::new();
        for slice in &slices {
            prop_assert!(slice.batches.iter().map(|b| b.len()).sum::<usize>() <= limits.slice_rows_max);
            open_rows.extend(ticks(std::slice::from_ref(slice)).iter().map(|(_, t)| keys[&price_of(t)]));
            if let Some(watermark) = slice.watermark {
                let end = watermark.nanos() / 1_000_000_000;
                prop_assert!(end > boundary, "watermarks increase");
                prop_assert_eq!(end % 60, 0);
                prop_assert!(open_rows.iter().all(|key| *key >= end - 60 && *key < end), "{:?} in {}", open_rows, end);
                prop_assert!(!open_rows.is_empty());
                open_rows.clear();
                boundary = end;
            }
        }
        prop_assert!(open_rows.is_empty(), "the last slice has its watermark");
    }

    #[test]
    fn how_the_reader_is_bounded_changes_nothing_but_the_cut(rows in rows(&["A", "B"]), limits in limits()) {
        let dir = tempfile::tempdir().unwrap();
        let path = [write(dir.path(), "t.csv", table(&numbered(&rows, 1)))];
        let plain = read_all(&mut open(&path, minutes()).unwrap()).0;
        let mut options = minutes();
        options.limits = limits;
        let bounded = read_all(&mut open(&path, options).unwrap()).0;
        let by_symbol = |slices: &[tensortrade_broker::FeedSlice]| {
            let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for (symbol, tick) in ticks(slices) {
                all.entry(symbol.to_string()).or_default().push(price_of(&tick));
            }
            (all, slices.iter().filter_map(|s| s.watermark).collect::<Vec<_>>())
        };
        prop_assert_eq!(by_symbol(&plain), by_symbol(&bounded));
    }

    #[test]
    fn a_resumed_replay_delivers_exactly_the_rest(rows in rows(&["A", "B"]), done in 0usize..20) {
        let dir = tempfile::tempdir().unwrap();
        let path = [write(dir.path(), "t.csv", table(&numbered(&rows, 1)))];
        let whole = read_all(&mut open(&path, minutes()).unwrap()).0;
        let done = done.min(whole.len());
        let mut options = minutes();
        options.resume_after = done.checked_sub(1).and_then(|last| whole[last].watermark);
        let rest = read_all(&mut open(&path, options).unwrap()).0;
        prop_assert_eq!(format!("{:?}", &whole[done..]), format!("{rest:?}"));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), bars in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let header = if bars { "ts,symbol,open,high,low,close\n2018-02-16T00:00:00Z,A,1,1,1,1\n" } else { TICKS };
        let mut text = header.as_bytes().to_vec();
        text.extend(bytes);
        let path = [write(dir.path(), "t.csv", text)];
        if let Ok(mut feed) = open(&path, minutes()) {
            let (slices, end) = read_all(&mut feed);
            prop_assert!(end.is_ok());
            for batch in slices.iter().flat_map(|s| &s.batches) {
                if let MarketData::Bars(timeframe, bars) = &batch.data {
                    prop_assert!(bars.iter().all(|bar| bar.is_sane()) && *timeframe <= Timeframe::MINUTE);
                }
            }
        }
    }
}
