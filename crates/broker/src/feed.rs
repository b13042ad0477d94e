//! The port through which market data comes in.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use tensortrade_market::{Bar, Gap, Instrument, Symbol, Tick, Timeframe, Ts};

use crate::failover::Side;

/// Data of one symbol, in arrival order.
#[derive(Debug, Clone)]
pub struct MarketBatch {
    /// Whose.
    pub symbol: Symbol,
    /// What.
    pub data: MarketData,
}

/// What a batch holds.
#[derive(Debug, Clone)]
pub enum MarketData {
    /// Trades and quotes.
    Ticks(Arc<[Tick]>),
    /// Finished bars of one timeframe, when bars are the input.
    Bars(Timeframe, Arc<[Bar]>),
    /// The source says that data is missing.
    Gap(Gap),
}

impl MarketBatch {
    /// How many rows it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.data {
            MarketData::Ticks(ticks) => ticks.len(),
            MarketData::Bars(_, bars) => bars.len(),
            MarketData::Gap(_) => 0,
        }
    }

    /// Whether it holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A piece of the stream: all of it belongs to one decision interval `(previous boundary, boundary]`-to-be.
///
/// A slice with `watermark: Some(T)` promises that no later slice holds data that belongs before T (rows stamped
/// earlier that still come are late rows, and are counted as such by whoever builds bars). A long interval may come in
/// several slices; only the last of them has the watermark. Batches keep each symbol's arrival order; a symbol may
/// appear in several batches.
#[derive(Debug, Clone, Default)]
pub struct FeedSlice {
    /// The data.
    pub batches: Vec<MarketBatch>,
    /// The boundary that this slice completes.
    pub watermark: Option<Ts>,
}

/// What a feed has read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedStats {
    /// Rows delivered (ticks, or bars where bars are the input).
    pub rows: u64,
    /// Rows that could not be read.
    pub malformed: u64,
    /// Readable rows of kinds that nobody uses, or of symbols not asked for.
    pub skipped: u64,
    /// Rows that came when an interval after theirs was under way: they enter no bar.
    pub late: u64,
    /// Numbers with more decimals than the node holds, rounded to the nearest.
    pub rounded: u64,
    /// Time the reader was busy (decompression and parsing), nanoseconds.
    pub busy_ns: u64,
    /// Share of the input consumed, in thousandths; `None` when there is no end.
    pub progress_permille: Option<u32>,
}

/// Why a feed cannot deliver.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The input is at fault: a missing file, unknown columns, nothing readable. The text names file, place, reason, mend.
    #[error("{0}")]
    Input(String),
    /// This feed has no such symbol.
    #[error("unknown symbol {symbol}: {reason}")]
    UnknownSymbol {
        /// Which.
        symbol: Symbol,
        /// What the feed knows instead.
        reason: String,
    },
    /// The connection is lost; the feed goes on trying.
    #[error("feed disconnected: {0}")]
    Disconnected(String),
}

/// Who sets the pace of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Whoever takes the data: the next slice comes when it is asked for, and asking late loses nothing. Replay and the
    /// simulated market.
    #[default]
    Consumer,
    /// The market: data comes whether anybody is ready for it or not.
    Live,
}

/// Symbols are taken from another feed from an interval on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSwitch {
    /// From which.
    pub to: Side,
    /// Which symbols.
    pub symbols: Vec<Symbol>,
    /// Why.
    pub reason: String,
    /// The end of the first interval that is taken from there.
    pub ts: Ts,
}

/// What a feed has to tell beside data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedNotice {
    /// The source of symbols was switched.
    Switched(FeedSwitch),
    /// Somebody should look.
    Alarm {
        /// Market time.
        ts: Ts,
        /// A stable code, for filters.
        code: &'static str,
        /// For people.
        text: String,
    },
}

/// How a feed over two feeds is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct FeedHealth {
    /// What is wrong with the primary as a whole; empty while nothing is.
    pub primary: String,
    /// What is wrong with the backup as a whole; empty while nothing is.
    pub backup: String,
    /// Symbols that are taken from the backup.
    pub on_backup: usize,
    /// Symbols without a good feed.
    pub suspect: usize,
    /// Switches so far; symbols that switch together for the same reason are one.
    pub switches: u64,
    /// Rows that were not delivered because their price could not be trusted.
    pub withheld_rows: u64,
    /// Rows of a new source that were left out because that stretch had been delivered.
    pub overlap_rows: u64,
    /// Rows that came for intervals that were over.
    pub late_rows: u64,
}

/// A source of market data. Implementations: replay, the simulated market, Interactive Brokers, and wrappers that
/// inject faults.
pub trait Feed: Send {
    /// The next slice, or `None` at the end of the data. Cancel-safe: dropping the future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>>;

    /// Starts delivering a symbol, from the next boundary on. Adding one twice is harmless.
    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>>;

    /// Stops delivering a symbol. Removing one that is not delivered is harmless.
    fn remove(&mut self, symbol: Symbol) -> BoxFuture<'_, ()>;

    /// Up to `bars_max` finished bars of `timeframe` that end at or before `until`, oldest first: what a symbol is
    /// warmed up with.
    fn history(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>>;

    /// Counts so far.
    fn stats(&self) -> FeedStats;

    /// The first rows that could not be read, one line each with place and reason; bounded by the feed.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    /// What a person should know of rows that were read and are of no use, one line each with place and mend; bounded by
    /// the feed.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Who sets the pace.
    fn pace(&self) -> Pace {
        Pace::Consumer
    }

    /// What there is to tell since the last call; bounded by the feed.
    fn notices(&mut self) -> Vec<FeedNotice> {
        Vec::new()
    }

    /// How the feeds behind this one are, if it is one over several.
    fn health(&self) -> Option<FeedHealth> {
        None
    }
}
