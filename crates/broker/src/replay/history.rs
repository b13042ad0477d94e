//! Reads the files again: for the bars that warm a symbol up, and for the names of all symbols.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tensortrade_market::bars::{MultiTimeframe, Output, TimeBarsConfig};
use tensortrade_market::{Bar, Instrument, Symbol, Tick, Timeframe, Ts};

use super::columns::FileFormat;
use super::fault::Halt;
use super::file_rows::{FileRows, Rows, Shared, header};
use super::lines::Lines;
use super::merge::Merge;
use super::options::ReplayLimits;
use super::order::RowOrder;
use super::probe::{FileProbe, Probe};
use super::row::{Row, RowData};
use super::scan::Scan;
use super::stream::Stream;

/// Ticks handed to the builder at once.
const TICKS_AT_ONCE: usize = 1024;

/// Which bars are wanted.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) instrument: Instrument,
    pub(super) timeframe: Timeframe,
    /// The decision interval: what the node builds longer bars from.
    pub(super) decision: Timeframe,
    /// Whether the node builds bars in extended hours.
    pub(super) extended: bool,
    pub(super) until: Ts,
    pub(super) bars_max: usize,
}

/// The last finished bars that end at or before `until`. Damage that lies after them does not show; damage before ends
/// them there, as it ends the replay.
pub(super) fn bars(probe: &Probe, request: &Request, stop: &Arc<AtomicBool>) -> Result<Vec<Bar>, Halt> {
    let symbol = request.instrument.symbol;
    let holds = |file: &&FileProbe| !file.symbols_complete || file.symbols.contains(&symbol);
    let files: Vec<&FileProbe> = probe.files.iter().filter(holds).collect();
    let Some(base) = base_timeframe(&files, request) else { return Ok(Vec::new()) };
    let config = TimeBarsConfig::for_instrument(&request.instrument, base, request.extended);
    let builder =
        MultiTimeframe::new(config, &[request.timeframe]).map_err(|error| Halt::Input(error.to_string()))?;
    let mut shared = Shared::default();
    let mut sources = Vec::new();
    for file in files {
        if file.format == FileFormat::Ticks || file.format == FileFormat::Bars(base) {
            // Of one symbol, blocks are in order as they stand.
            let sort = file.order.by_own_time();
            let order = if sort { file.order } else { RowOrder::SymbolBlocks };
            let rows = FileRows::open(&file.path.as_path().into(), file.format, order, stop)?;
            let rows = rows.only(symbol, file.format, &mut shared.lanes);
            let limits = ReplayLimits::default();
            sources.push(Stream::of(rows, file, sort, &limits, &std::env::temp_dir()));
        }
    }
    let mut warm = Warm { builder, request, base, ticks: Vec::new(), out: Vec::new(), bars: VecDeque::new() };
    let mut rows = Merge::new(sources);
    while let Some(row) = rows.next(&mut shared)? {
        if row.key >= request.until {
            break;
        }
        warm.push(&row);
    }
    Ok(warm.finish())
}

/// What the bars are built from: the shortest bars of the files that divide them, else, from ticks, the decision interval
/// where it divides them, as the node does it. `None` where the files hold only bars that do not fit.
fn base_timeframe(files: &[&FileProbe], request: &Request) -> Option<Timeframe> {
    let divides = |short: &Timeframe| request.timeframe.secs().is_multiple_of(short.secs());
    let bars = files.iter().filter_map(|file| match file.format {
        FileFormat::Bars(timeframe) => Some(timeframe),
        FileFormat::Ticks => None,
    });
    let from_ticks = || {
        let any = files.iter().any(|file| file.format == FileFormat::Ticks);
        any.then_some(if divides(&request.decision) { request.decision } else { request.timeframe })
    };
    bars.filter(divides).min().or_else(from_ticks)
}

struct Warm<'a> {
    builder: MultiTimeframe,
    request: &'a Request,
    base: Timeframe,
    ticks: Vec<Tick>,
    out: Vec<(Timeframe, Output)>,
    bars: VecDeque<Bar>,
}

impl Warm<'_> {
    fn push(&mut self, row: &Row) {
        match row.data {
            RowData::Tick(tick) => {
                self.ticks.push(tick);
                if self.ticks.len() >= TICKS_AT_ONCE {
                    self.build();
                }
            }
            RowData::Bar(bar) => {
                self.build();
                self.builder.push_bars(&[bar.bar(self.base)], &mut self.out);
                self.collect();
            }
        }
    }

    fn build(&mut self) {
        self.builder.push_all(&self.ticks, &mut self.out);
        self.ticks.clear();
        self.collect();
    }

    fn collect(&mut self) {
        for (timeframe, output) in self.out.drain(..) {
            if let Output::Closed(bar) = output
                && timeframe == self.request.timeframe
                && bar.end <= self.request.until
            {
                if self.bars.len() >= self.request.bars_max {
                    self.bars.pop_front();
                }
                self.bars.push_back(bar);
            }
        }
    }

    fn finish(mut self) -> Vec<Bar> {
        self.build();
        self.builder.advance(self.request.until, &mut self.out);
        self.collect();
        if self.request.bars_max == 0 {
            return Vec::new();
        }
        self.bars.into()
    }
}

/// All symbols of the files. Where a file is damaged, those before the damage.
pub(super) fn symbols(probe: &Probe, stop: &Arc<AtomicBool>) -> Result<BTreeSet<Symbol>, Halt> {
    let mut all = probe.symbols();
    for file in probe.files.iter().filter(|file| !file.symbols_complete) {
        let path: Arc<Path> = file.path.as_path().into();
        let mut lines = Lines::open(&path, stop)?;
        let (_, layout) = header(&mut lines)?;
        let mut scan = Scan::new(&layout);
        let mut last = None;
        loop {
            match scan.next(&mut lines) {
                Ok(Some((symbol, _))) if last == Some(symbol) => {}
                Ok(Some((symbol, _))) => {
                    last = Some(symbol);
                    all.insert(symbol);
                }
                Ok(None) | Err(Halt::Input(_)) => break,
                Err(Halt::Stopped) => return Err(Halt::Stopped),
            }
        }
    }
    Ok(all)
}
