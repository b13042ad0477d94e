//! What the tests of the replay share: writing small tables, and reading a feed to its end.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test binary uses a part of it, and a test fails by a panic"
)]

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tensortrade_broker::replay::{ReplayFeed, ReplayOptions, probe};
use tensortrade_broker::{Feed, FeedError, FeedSlice, MarketData};
use tensortrade_market::{Symbol, Tick, TickData, Timeframe, Ts};

pub(crate) const TICKS: &str = "ts_ns,symbol,kind,price,size,bid,ask,bid_size,ask_size\n";

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

pub(crate) fn write(dir: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn open(paths: &[PathBuf], options: ReplayOptions) -> Result<ReplayFeed, FeedError> {
    ReplayFeed::open(probe(paths)?, options)
}

pub(crate) fn minutes() -> ReplayOptions {
    ReplayOptions::new(Timeframe::MINUTE)
}

/// All slices up to the end, or up to the error.
pub(crate) fn read_all(feed: &mut ReplayFeed) -> (Vec<FeedSlice>, Result<(), FeedError>) {
    let mut slices = Vec::new();
    loop {
        match futures::executor::block_on(feed.next()) {
            Ok(Some(slice)) => slices.push(slice),
            Ok(None) => return (slices, Ok(())),
            Err(error) => return (slices, Err(error)),
        }
    }
}

/// A slice in words: `A 1 2|B 1 @60` for ticks stamped 1 and 2 of A, 1 of B, and a watermark of 60 (all in seconds).
pub(crate) fn words(slice: &FeedSlice) -> String {
    let batch = |batch: &tensortrade_broker::MarketBatch| {
        let stamps: Vec<String> = match &batch.data {
            MarketData::Ticks(ticks) => ticks.iter().map(|tick| secs(tick.ts)).collect(),
            MarketData::Bars(timeframe, bars) => {
                bars.iter().map(|bar| format!("{}/{timeframe}", secs(bar.start))).collect()
            }
            MarketData::Gap(gap) => vec![format!("{gap:?}")],
        };
        format!("{} {}", batch.symbol, stamps.join(" "))
    };
    let batches: Vec<String> = slice.batches.iter().map(batch).collect();
    let watermark = slice.watermark.map(|ts| format!(" @{}", secs(ts))).unwrap_or_default();
    format!("{}{watermark}", batches.join("|"))
}

pub(crate) fn all_words(slices: &[FeedSlice]) -> Vec<String> {
    slices.iter().map(words).collect()
}

pub(crate) fn secs(ts: Ts) -> String {
    (ts.nanos() / 1_000_000_000).to_string()
}

pub(crate) fn trade(secs: i64, symbol: &str) -> String {
    format!("{},{symbol},trade,100,1,,,,\n", secs * 1_000_000_000)
}

pub(crate) fn trades(rows: &[(i64, &str)]) -> String {
    rows.iter().map(|(secs, symbol)| trade(*secs, symbol)).collect()
}

/// All ticks in the order in which they come.
pub(crate) fn ticks(slices: &[FeedSlice]) -> Vec<(Symbol, Tick)> {
    let batches = slices.iter().flat_map(|slice| &slice.batches);
    let rows = batches.map(|batch| match &batch.data {
        MarketData::Ticks(ticks) => ticks.iter().map(|tick| (batch.symbol, *tick)).collect::<Vec<_>>(),
        other => panic!("ticks were expected, not {other:?}"),
    });
    rows.flatten().collect()
}

pub(crate) fn price_of(tick: &Tick) -> String {
    match tick.data {
        TickData::Trade { price, .. } => price.to_string(),
        TickData::Quote { .. } => "quote".to_owned(),
    }
}
