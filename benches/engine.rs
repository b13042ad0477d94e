//! A tick file through the whole tree: reading, bars, features, policy, risk, paper fills, journal.
//!
//! `cargo bench --bench engine`. Real tick files are used where the shared data folder is there (by `TENSORTRADE_SHARED` or
//! `../shared` beside the workspace root), else a generated one. The node's binary replays each file several times into
//! fresh data directories and the median is shown. Beside it, in the same process and on the same rows: a bare loop that
//! builds one-minute bars from ticks in memory, and bare decompression. Last, memory: a replay ten times longer.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use support::{Summary, generate_ticks, median, print_load, run, shared};
use tensortrade_broker::replay::{ReplayFeed, ReplayOptions, probe};
use tensortrade_broker::{Feed, MarketData};
use tensortrade_market::{Symbol, Tick, TickData, Timeframe};

/// Runs of each file.
const ROUNDS: usize = 3;
/// What the engine is to reach, in ticks a second of engine time on two cores.
const ENGINE_TARGET: f64 = 8e6;
/// What the reader is to reach, in rows a second of its own time.
const READ_TARGET: f64 = 3e6;
/// Rows of the generated file, and of the short file of the memory check.
const ROWS: u64 = 2_000_000;
const SHORT_ROWS: u64 = 1_000_000;
/// How much larger the peak of the ten times longer replay may be.
const MEMORY_MARGIN: f64 = 0.10;

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    print_load();
    println!(
        "{:<36} {:>8} {:>6} {:>6} {:>7} {:>9} {:>9} {:>9} {:>10} {:>6} {:>6} {:>7} {:>8} {:>8}",
        "file",
        "rows",
        "steps",
        "orders",
        "read s",
        "M rows/s",
        "engine s",
        "M ticks/s",
        "loop ns",
        "x loop",
        "x gz",
        "MiB",
        "send p50",
        "p99 us"
    );
    for (number, path) in files(scratch.path()).into_iter().enumerate() {
        let rounds = (0..ROUNDS).map(|round| {
            let data_dir = scratch.path().join(format!("{number}-{round}"));
            replay(&data_dir, &path)
        });
        row(&path, &rounds.collect::<Vec<_>>());
    }
    println!(
        "targets: engine {} M ticks/s, reading {} M rows/s. Medians of {ROUNDS} runs.",
        ENGINE_TARGET / 1e6,
        READ_TARGET / 1e6
    );
    println!(
        "loop ns: one-minute bars from the same ticks in memory, a tick; x loop: the engine's time to it."
    );
    println!("x gz: the reader's time (decompression, parsing, grouping) to decompression alone.");
    memory(scratch.path());
    print_load();
}

fn replay(data_dir: &Path, file: &Path) -> Summary {
    let file = file.to_str().expect("a path in UTF-8");
    run(data_dir, &["--feed", "replay", "--replay", file, "--speed", "max"])
}

fn row(path: &Path, rounds: &[Summary]) {
    let of = |pointer: &str| median(rounds.iter().map(|summary| summary.number(pointer)).collect());
    let (ticks, read_s, engine_s) = (of("/ticks"), of("/read_s"), of("/engine_s"));
    let (looped_ns, looped_ticks) = bare_loop(path);
    let inflated_s = bare_inflate(path);
    // Below that the span from the first tick to the last step is too short to tell anything.
    let measurable = engine_s > 0.005;
    println!(
        "{:<36} {:>8} {:>6} {:>6} {:>7.3} {:>9.2} {:>9.3} {:>9} {:>10.2} {:>6} {:>5.2}x {:>7.1} {:>8.1} {:>8.1}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        ticks,
        of("/steps"),
        of("/orders/sent"),
        read_s,
        ticks / read_s / 1e6,
        engine_s,
        if measurable { format!("{:.2}", ticks / engine_s / 1e6) } else { "-".into() },
        looped_ns / looped_ticks,
        if measurable { format!("{:.1}x", engine_s * 1e9 / looped_ns) } else { "-".into() },
        read_s / inflated_s,
        of("/peak_rss_mib"),
        of("/latency_us/decision_to_send/p50"),
        of("/latency_us/decision_to_send/p99"),
    );
}

/// A minute's bar of the yardstick.
#[expect(dead_code, reason = "kept for the cost of keeping it")]
#[derive(Debug, Clone, Copy, Default)]
struct Ohlc {
    minute: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
}

/// One-minute bars of trade prices, or of the middle of the quotes, with nothing checked. Nanoseconds and ticks.
fn bare_loop(path: &Path) -> (f64, f64) {
    let batches = ticks_of(path);
    let ticks: usize = batches.iter().map(|(_, ticks)| ticks.len()).sum();
    let symbols = batches.iter().map(|(symbol, _)| symbol + 1).max().unwrap_or(1);
    let measure = || {
        let mut open = vec![Ohlc::default(); symbols];
        let mut closed = Vec::with_capacity(4_096);
        let start = Instant::now();
        for (symbol, ticks) in &batches {
            let bar = &mut open[*symbol];
            for tick in ticks.iter() {
                let price = match tick.data {
                    TickData::Trade { price, .. } => price.raw(),
                    TickData::Quote { bid: Some(bid), ask: Some(ask), .. } => (bid.raw() + ask.raw()) / 2,
                    TickData::Quote { bid: Some(side), .. } | TickData::Quote { ask: Some(side), .. } => {
                        side.raw()
                    }
                    TickData::Quote { .. } => continue,
                };
                let minute = tick.ts.nanos() / 60_000_000_000;
                if minute == bar.minute {
                    bar.high = bar.high.max(price);
                    bar.low = bar.low.min(price);
                    bar.close = price;
                } else {
                    closed.push(*bar);
                    *bar = Ohlc { minute, open: price, high: price, low: price, close: price };
                }
            }
        }
        black_box((&open, &closed));
        start.elapsed().as_nanos() as f64
    };
    (median((0..5).map(|_| measure()).collect()), ticks as f64)
}

/// A file's ticks as the node's reader delivers them, each batch with its symbol's place.
fn ticks_of(path: &Path) -> Vec<(usize, Arc<[Tick]>)> {
    let probe = probe(&[path.to_owned()]).expect("a readable file");
    let mut feed = ReplayFeed::open(probe, ReplayOptions::new(Timeframe::MINUTE)).expect("a replay");
    let mut places: BTreeMap<Symbol, usize> = BTreeMap::new();
    let mut batches = Vec::new();
    futures::executor::block_on(async {
        while let Some(slice) = feed.next().await.expect("no damage") {
            for batch in slice.batches {
                let next = places.len();
                let place = *places.entry(batch.symbol).or_insert(next);
                if let MarketData::Ticks(ticks) = batch.data {
                    batches.push((place, ticks));
                }
            }
        }
    });
    batches
}

/// Decompression alone, in seconds.
fn bare_inflate(path: &Path) -> f64 {
    let measure = || {
        let file = BufReader::with_capacity(256 * 1024, File::open(path).expect("the file"));
        let mut decoder = flate2::bufread::MultiGzDecoder::new(file);
        let mut buffer = vec![0; 256 * 1024];
        let start = Instant::now();
        while decoder.read(&mut buffer).expect("a whole archive") > 0 {}
        start.elapsed().as_secs_f64()
    };
    median((0..ROUNDS).map(|_| measure()).collect())
}

fn files(scratch: &Path) -> Vec<PathBuf> {
    let names = [
        "ticks/us_equity_ibm.csv.gz",
        "ticks/us_equity_aig.csv.gz",
        "ticks/us_equity_spy_trades.csv.gz",
        "ticks/fx_eurusd_fxcm.csv.gz",
        "ticks/crypto_btcusdt_usdm_binance.csv.gz",
        "ticks/crypto_btcusdt_spot_binance.csv.gz",
    ];
    let mut files: Vec<PathBuf> = names.iter().filter_map(|name| shared(name)).collect();
    if files.is_empty() {
        println!("the shared data folder is not there: a generated file is replayed");
        let path = scratch.join("generated.csv.gz");
        generate_ticks(&path, ROWS);
        files.push(path);
    }
    files
}

/// The peak of resident memory over a replay, and over one ten times as long.
fn memory(scratch: &Path) {
    let peak = |rows: u64, round: usize| {
        let path = scratch.join(format!("{rows}.csv.gz"));
        if !path.exists() {
            generate_ticks(&path, rows);
        }
        let summary = replay(&scratch.join(format!("memory-{rows}-{round}")), &path);
        (summary.number("/peak_rss_mib"), summary.number("/steps"), summary.number("/ticks"))
    };
    let show = |rows: u64| {
        let rounds: Vec<_> = (0..ROUNDS).map(|round| peak(rows, round)).collect();
        let mib = median(rounds.iter().map(|round| round.0).collect());
        let (_, steps, ticks) = rounds[0];
        println!("memory: {ticks:>9} ticks, {steps:>5} steps: peak {mib:>7.1} MiB");
        mib
    };
    let (short, long) = (show(SHORT_ROWS), show(SHORT_ROWS * 10));
    let verdict = if long <= short * (1.0 + MEMORY_MARGIN) { "flat" } else { "NOT flat" };
    println!(
        "memory: ten times the data takes {:.2} times the peak; {verdict} within {:.0} %",
        long / short,
        MEMORY_MARGIN * 100.0
    );
}
