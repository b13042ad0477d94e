//! Real files: as many rows as their manifest says, in order, quickly. Skipped, with a word, where the data is not there.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod replay_support;

use std::path::{Path, PathBuf};

use replay_support::read_all;
use tensortrade_broker::Feed;
use tensortrade_broker::replay::{ReplayFeed, ReplayOptions, RowOrder, probe};
use tensortrade_market::{Timeframe, Ts};

/// The folder with the data; says so where it is absent.
fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from).join("data");
    if data.is_dir() {
        return Some(data);
    }
    println!("skipped: no shared data at {} (set TENSORTRADE_SHARED)", data.display());
    None
}

/// Files and rows of the manifest's table, of ticks and bars.
fn manifest(data: &Path) -> Vec<(String, u64)> {
    let text = std::fs::read_to_string(data.join("MANIFEST.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let (name, rows) = (cells.next()?.to_owned(), cells.next()?.replace(',', "").parse().ok()?);
        let table = name.ends_with(".csv.gz") && (name.starts_with("ticks/") || name.starts_with("bars_"));
        table.then_some((name, rows))
    };
    text.lines().filter_map(row).collect()
}

fn feed(paths: &[PathBuf]) -> ReplayFeed {
    let examined = probe(paths).unwrap();
    let decision = examined.longest_timeframe().unwrap_or(Timeframe::SECOND).max(Timeframe::MINUTE);
    ReplayFeed::open(examined, ReplayOptions::new(decision)).unwrap()
}

#[test]
fn every_file_delivers_the_rows_that_its_manifest_counts() {
    let Some(data) = data() else { return };
    let files = manifest(&data);
    assert!(files.len() >= 17, "{} files", files.len());
    assert!(files.contains(&("ticks/fx_eurusd_fxcm.csv.gz".to_owned(), 675_401)));
    for (name, rows) in files {
        let mut feed = feed(&[data.join(&name)]);
        let (slices, end) = read_all(&mut feed);
        end.unwrap();
        let stats = feed.stats();
        // Only the recording of Interactive Brokers has rows of kind `other`.
        assert_eq!(stats.skipped > 0, name.contains("ib_stream_0700hk"), "{name}: {stats:?}");
        assert_eq!(
            (stats.rows + stats.skipped, stats.malformed),
            (rows, 0),
            "{name}: {:?}",
            feed.row_errors()
        );
        let watermarks: Vec<Ts> = slices.iter().filter_map(|slice| slice.watermark).collect();
        assert!(watermarks.is_sorted_by(|a, b| a < b), "{name}");
        assert!(slices.last().unwrap().watermark.is_some(), "{name}");
        println!("{name}: {rows} rows, {} slices, busy {} ms", slices.len(), stats.busy_ns / 1_000_000);
    }
}

#[test]
fn the_files_written_symbol_after_symbol_are_recognised_and_no_others() {
    let Some(data) = data() else { return };
    // The manifest also says it of the anonymous multi-symbol ticks, whose rows are in fact merged by time.
    let blocks = ["bars_1d/us_equity_adj_1999_2011.csv.gz", "bars_1d/us_equity_raw_1998_2011.csv.gz"];
    for (name, _) in manifest(&data) {
        let examined = probe(&[data.join(&name)]).unwrap();
        let expected =
            if blocks.contains(&name.as_str()) { RowOrder::SymbolBlocks } else { RowOrder::TimeOrdered };
        assert_eq!(examined.files[0].order, expected, "{name}");
        let format = examined.files[0].format.to_string();
        let folder = name.split('/').next().unwrap().replace("bars_", "");
        let matches = if folder == "ticks" { format == "ticks" } else { format == format!("{folder} bars") };
        assert!(matches, "{name}: {format}");
    }
}

#[test]
fn daily_bars_of_69_symbols_come_day_by_day() {
    let Some(data) = data() else { return };
    let (slices, end) = read_all(&mut feed(&[data.join("bars_1d/us_equity_adj_1999_2011.csv.gz")]));
    end.unwrap();
    assert_eq!(slices.len(), 3271, "sessions from 1999 to 2011");
    assert!(
        slices.iter().all(|slice| slice.watermark.is_some() && slice.batches.iter().all(|b| b.len() == 1))
    );
    assert_eq!(slices.iter().map(|slice| slice.batches.len()).max(), Some(69));
}

#[test]
fn tick_files_of_one_morning_are_merged() {
    let Some(data) = data() else { return };
    let names = ["us_equity_ibm", "us_equity_aig", "us_equity_spy_trades"];
    let paths = names.map(|name| data.join("ticks").join(format!("{name}.csv.gz")));
    let mut feed = feed(&paths);
    let mut rows = 0;
    let mut boundary = Ts::MIN;
    while rows < 500_000 {
        let slice = futures::executor::block_on(feed.next()).unwrap().unwrap();
        rows += slice.batches.iter().map(|batch| batch.len()).sum::<usize>();
        if let Some(watermark) = slice.watermark {
            assert!(watermark > boundary);
            boundary = watermark;
        }
    }
    let progress = feed.stats().progress_permille.unwrap();
    assert!((50..500).contains(&progress), "{progress} of 1000 after an eighth of the rows");
}
