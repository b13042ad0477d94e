//! The port: slices of the running symbols, one decision interval after the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use futures::future::BoxFuture;
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Instrument, Symbol, Tick, Timeframe, Ts};

use super::market::Market;
use super::options::SimulatedOptions;
use super::profile::instrument;
use super::sessions::{MINUTE_NS, interval};
use super::symbol_path::SymbolPath;
use super::symbol_ticks::SymbolTicks;
use crate::feed::{Feed, FeedError, FeedSlice, FeedStats, MarketBatch, MarketData};

/// A slice is handed out once it holds this many ticks (3 MB), with or without the interval's end. One batch may go
/// over.
const SLICE_TICKS: usize = 65_536;

/// The interval that is being delivered.
#[derive(Debug, Clone, Copy)]
struct Interval {
    end: Ts,
    /// How far the symbols are being read at present; some are there already.
    piece_end: Ts,
}

/// One symbol of the feed. Boxed: the map has room for every symbol, and one that waits takes none.
#[derive(Debug)]
enum Stream {
    /// To be delivered from the next interval on; the path is kept when its history was asked for, since walking to the
    /// present day is most of the cost of both.
    Waits(Option<Box<SymbolPath>>),
    Runs(SessionKind, Box<SymbolTicks>),
}

/// A market for each kind of hours.
#[derive(Debug)]
struct Markets([Market; 3]);

impl Markets {
    fn of(&mut self, kind: SessionKind) -> &mut Market {
        let [shares, pairs, coins] = &mut self.0;
        match kind {
            SessionKind::UsEquity => shares,
            SessionKind::Forex24x5 => pairs,
            SessionKind::Always => coins,
        }
    }
}

/// The simulated market as a [`Feed`]. It jumps over closed time, and never waits: whoever wants a pace paces it.
#[derive(Debug)]
pub struct SimulatedFeed {
    options: SimulatedOptions,
    markets: Markets,
    symbols: BTreeMap<Symbol, Stream>,
    /// Where the next interval is looked for.
    at: Ts,
    interval: Option<Interval>,
    scratch: Vec<Tick>,
    stats: FeedStats,
}

impl SimulatedFeed {
    /// A market at its start; refuses options out of range.
    pub fn new(options: SimulatedOptions) -> Result<Self, FeedError> {
        let options = options.validated()?;
        Ok(Self {
            markets: Markets([
                Market::of(options.seed, SessionKind::UsEquity),
                Market::of(options.seed, SessionKind::Forex24x5),
                Market::of(options.seed, SessionKind::Always),
            ]),
            symbols: options.symbols.iter().map(|symbol| (*symbol, Stream::Waits(None))).collect(),
            at: options.start,
            interval: None,
            scratch: Vec::new(),
            stats: FeedStats::default(),
            options,
        })
    }

    /// The shared part of US shares, with the truth about regimes and factors.
    pub fn market(&mut self) -> &mut Market {
        self.markets.of(SessionKind::UsEquity)
    }

    /// The next slice, at once: what [`Feed::next`] wraps.
    pub fn next_slice(&mut self) -> Option<FeedSlice> {
        let watch = stopwatch();
        let slice = self.advance();
        self.stats.busy_ns += u64::try_from(watch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        slice
    }

    fn advance(&mut self) -> Option<FeedSlice> {
        let mut now = match self.interval {
            Some(interval) => interval,
            None => self.begin_interval()?,
        };
        let mut slice = FeedSlice::default();
        let mut ticks = 0;
        // Each round ends a piece, and the last piece ends with the interval.
        loop {
            // A slice that was cut short left some symbols at the end of the piece: those have nothing more to give
            // to it.
            for (symbol, stream) in &mut self.symbols {
                let Stream::Runs(kind, stream) = stream else { continue };
                self.scratch.clear();
                stream.read(self.markets.of(*kind), now.piece_end, |tick| self.scratch.push(tick));
                if self.scratch.is_empty() {
                    continue;
                }
                ticks += self.scratch.len();
                let data = MarketData::Ticks(Arc::from(self.scratch.as_slice()));
                slice.batches.push(MarketBatch { symbol: *symbol, data });
                if ticks >= SLICE_TICKS {
                    self.stats.rows += ticks as u64;
                    self.interval = Some(now);
                    return Some(slice);
                }
            }
            if now.piece_end >= now.end {
                break;
            }
            now.piece_end = self.piece_end(now.piece_end, now.end);
        }
        self.stats.rows += ticks as u64;
        self.at = now.end;
        self.interval = None;
        slice.watermark = Some(now.end);
        Some(slice)
    }

    /// Finds the next interval of open time and places the symbols that wait for it.
    fn begin_interval(&mut self) -> Option<Interval> {
        let (at, end) = self.next_interval()?;
        if self.options.until.is_some_and(|until| end > until) {
            return None;
        }
        for (symbol, stream) in &mut self.symbols {
            if let Stream::Waits(path) = stream {
                let kind = instrument(*symbol).sessions;
                let market = self.markets.of(kind);
                let path = path.take().map_or_else(|| SymbolPath::new(market, *symbol), |path| *path);
                let rate = self.options.ticks_per_symbol_minute;
                let mut fresh = SymbolTicks::of(market, *symbol, path, rate);
                fresh.seek(market, at)?;
                *stream = Stream::Runs(kind, Box::new(fresh));
            }
        }
        let piece_end = self.piece_end(at, end);
        Some(Interval { end, piece_end })
    }

    /// Where the next open time of a market with symbols begins, and the first end of an interval of any that is open then.
    fn next_interval(&mut self) -> Option<(Ts, Ts)> {
        let mut kinds = BTreeSet::new();
        for (symbol, stream) in &self.symbols {
            kinds.insert(match stream {
                Stream::Runs(kind, _) => *kind,
                Stream::Waits(_) => instrument(*symbol).sessions,
            });
        }
        if kinds.is_empty() {
            kinds.insert(SessionKind::UsEquity);
        }
        let mut next: Option<(Ts, Ts)> = None;
        for kind in kinds {
            let market = self.markets.of(kind);
            let Some(day) = market.day_closing_after(self.at) else { continue };
            let Some(session) = market.day(day).map(|facts| facts.session) else { continue };
            let at = self.at.max(session.open);
            let end = interval(self.options.decision, at, &session).1;
            next = Some(match next {
                Some((from, to)) => (from.min(at), to.min(end)),
                None => (at, end),
            });
        }
        next
    }

    /// How far the symbols are read in one go: a long interval in pieces of whole minutes that fill about one slice.
    fn piece_end(&self, at: Ts, end: Ts) -> Ts {
        let per_minute = self.symbols.len().max(1) * self.options.ticks_per_symbol_minute as usize;
        let minutes = (SLICE_TICKS / per_minute).max(1) as i64;
        at.floor_to(MINUTE_NS).plus_nanos(minutes.saturating_mul(MINUTE_NS)).min(end)
    }

    fn history_now(&mut self, symbol: Symbol, timeframe: Timeframe, until: Ts, bars_max: usize) -> Vec<Bar> {
        let market = self.markets.of(instrument(symbol).sessions);
        let Some(last) = market.day_at(until).filter(|_| bars_max > 0) else { return Vec::new() };
        let Some(from) = history_start(market, last, timeframe, until, bars_max) else { return Vec::new() };
        let waiting = match self.symbols.get_mut(&symbol) {
            Some(Stream::Waits(path)) => path.take(),
            _ => None,
        };
        let mut path = waiting.unwrap_or_else(|| Box::new(SymbolPath::new(market, symbol)));
        let mut bars = VecDeque::new();
        let rate = self.options.ticks_per_symbol_minute;
        market.each_bar(&mut path, symbol, timeframe, rate, from, until, |bar| {
            if bars.len() == bars_max {
                bars.pop_front();
            }
            bars.push_back(bar);
        });
        if let Some(Stream::Waits(waiting)) = self.symbols.get_mut(&symbol) {
            *waiting = Some(path);
        }
        bars.into()
    }
}

/// A moment from which on there are at least `bars_max` bars until `until`, and not many more; the first open if there
/// are not so many.
fn history_start(
    market: &mut Market,
    last: usize,
    timeframe: Timeframe,
    until: Ts,
    bars_max: usize,
) -> Option<Ts> {
    // Every minute has trades, a shorter interval may have none.
    let length = timeframe.nanos().max(MINUTE_NS);
    let mut missing = i64::try_from(bars_max).unwrap_or(i64::MAX);
    let mut day = last;
    loop {
        let session = market.day(day)?.session;
        // Intervals are cut at the open and never longer than the timeframe: there are at least so many. A day that is
        // over has one at least.
        let whole = session.auction_end().min(until).since(session.open) / length;
        missing = missing.saturating_sub(whole.max(i64::from(day < last)));
        if missing <= 0 || day == 0 {
            // One less than there are too many, since the first may be a short one.
            let spare = (-missing - 1).max(0).saturating_mul(length);
            return Some(session.open.plus_nanos(spare));
        }
        day -= 1;
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how long the feed was busy; nothing else reads it")]
fn stopwatch() -> std::time::Instant {
    std::time::Instant::now()
}

impl Feed for SimulatedFeed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        // Computed within one poll: dropped before it, nothing has happened; after it, nothing is left to drop.
        Box::pin(async move { Ok(self.next_slice()) })
    }

    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        let symbol = instrument.symbol;
        Box::pin(async move {
            self.symbols.entry(symbol).or_insert(Stream::Waits(None));
            Ok(())
        })
    }

    fn remove(&mut self, symbol: Symbol) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.symbols.remove(&symbol);
        })
    }

    fn history(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        Box::pin(async move { Ok(self.history_now(symbol, timeframe, until, bars_max)) })
    }

    fn stats(&self) -> FeedStats {
        self.stats
    }
}
