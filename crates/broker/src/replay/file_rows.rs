//! The rows of one file, in file order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tensortrade_market::{Symbol, Timeframe, Ts};

use super::columns::{FileFormat, Layout};
use super::fault::Halt;
use super::fields::Fields;
use super::lanes::{LaneCache, Lanes};
use super::lines::Lines;
use super::order::RowOrder;
use super::parse;
use super::report::Report;
use super::row::{Row, RowData};

/// What all files of a reader share.
#[derive(Default)]
pub(super) struct Shared {
    /// Symbols and formats met so far.
    pub(super) lanes: Lanes,
    /// Counts and unreadable rows.
    pub(super) report: Report,
    /// Intervals of decisions and where they begin, to tell rows that come after theirs; `None` where nobody counts them.
    pub(super) grid: Option<(Timeframe, i64)>,
}

impl Shared {
    /// Whether a row that happened at `event` comes when an interval after its own is under way.
    #[cold]
    fn is_late(&self, event: Ts, now: Ts) -> bool {
        self.grid.is_some_and(|(decision, phase_ns)| {
            event < decision.start_of(now.plus_nanos(-phase_ns)).plus_nanos(phase_ns)
        })
    }
}

/// A source of rows whose keys never decrease.
pub(super) trait Rows {
    /// The next row, or `None` at the end.
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, Halt>;
}

/// What makes the keys of rows: running maxima, one for the file, which leaves its rows in file order, or one for each
/// symbol, for files written symbol after symbol; or each row's own time, for files in no order.
struct Keys {
    order: RowOrder,
    /// By lane, or a single one.
    latest: Vec<Ts>,
}

/// The rows of one file.
pub(super) struct FileRows {
    lines: Lines,
    header: Box<[u8]>,
    layout: Layout,
    timeframe: Option<Timeframe>,
    fields: Fields,
    cache: LaneCache,
    keys: Keys,
    /// A tick stamped far ahead of all before it, until the next row shows whether to believe it.
    held: Option<(u32, RowData)>,
    /// The row that showed it.
    after_held: Option<(u32, RowData)>,
    /// Only rows of this lane are given.
    only: Option<u32>,
}

impl FileRows {
    /// Opens a file whose format is known, at its first row, with keys that fit the order of its rows.
    pub(super) fn open(
        path: &Arc<Path>,
        format: FileFormat,
        order: RowOrder,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Halt> {
        let mut lines = Lines::open(path, stop)?;
        let (header, layout) = header(&mut lines)?;
        let timeframe = match format {
            FileFormat::Ticks => None,
            FileFormat::Bars(timeframe) => Some(timeframe),
        };
        if layout.is_ticks() != timeframe.is_none() {
            return Err(Halt::Input(format!(
                "{}: the columns have changed since the file was examined; let it rest while it is replayed",
                path.display()
            )));
        }
        let keys = Keys::new(order);
        let fields = Fields::new(layout.fields_needed());
        let cache = LaneCache::new(format);
        let (held, after_held, only) = (None, None, None);
        Ok(Self { lines, header, layout, timeframe, fields, cache, keys, held, after_held, only })
    }

    /// Gives only the rows of one symbol.
    pub(super) fn only(mut self, symbol: Symbol, format: FileFormat, lanes: &mut Lanes) -> Self {
        self.only = Some(lanes.number(symbol, format));
        self
    }

    /// Bytes taken from the file so far.
    pub(super) fn consumed(&self) -> u64 {
        self.lines.consumed()
    }
}

impl FileRows {
    /// The next readable row and its lane.
    #[inline]
    fn read(&mut self, shared: &mut Shared) -> Result<Option<(u32, RowData)>, Halt> {
        'line: while let Some(place) = self.lines.advance()? {
            let line = self.lines.text(place);
            if is_blank(line) {
                continue;
            }
            // Written out instead of a chain of results: rows are large, and each hand-over would copy them.
            let fault = 'row: {
                let cut = match self.fields.cut(line) {
                    Ok(cut) => cut,
                    Err(fault) => break 'row fault,
                };
                let lane = match self.cache.lane(cut.get(self.layout.symbol()), &mut shared.lanes) {
                    Ok(lane) => lane,
                    Err(fault) => break 'row fault,
                };
                if self.only.is_some_and(|only| only != lane) {
                    continue 'line;
                }
                match parse::row(&self.layout, &cut, &mut shared.report.tally.rounded) {
                    Ok(Some(data)) => return Ok(Some((lane, data))),
                    Ok(None) => {
                        shared.report.tally.other_kinds += 1;
                        continue 'line;
                    }
                    Err(fault) => fault,
                }
            };
            // Files put together from several repeat their header.
            if line != &*self.header {
                shared.report.malformed(self.lines.path(), self.lines.number(), &fault, line);
            }
        }
        Ok(None)
    }

    /// The row with its key, which from now on is the least key of its stream.
    #[inline]
    fn keyed(&mut self, (lane, data): (u32, RowData), shared: &mut Shared) -> Row {
        let event = data.event(self.timeframe);
        let key = self.keys.raise(lane, event);
        if event < key && shared.is_late(event, key) {
            shared.report.late(self.lines.path(), self.lines.number(), event, key);
        }
        Row { key, lane, data }
    }

    /// The held row, now that the next one is known; that one is kept for the next call.
    #[cold]
    fn decide(&mut self, held: (u32, RowData), next: Option<(u32, RowData)>, shared: &mut Shared) -> Row {
        self.after_held = next;
        let Some((lane, data)) = next else { return self.keyed(held, shared) };
        let (stamp, next_stamp) = (held.1.event(self.timeframe), data.event(self.timeframe));
        if !self.keys.share_stream(lane, held.0) || !is_far_ahead(stamp, next_stamp) {
            return self.keyed(held, shared);
        }
        // Not believed: it is given where it stands, and moves no time. Before the very first row there is no time yet
        // but that of the row after it.
        let key = if self.keys.latest(held.0) == Ts::MIN {
            self.keys.raise(held.0, next_stamp)
        } else {
            self.keys.latest(held.0)
        };
        Row { key, lane: held.0, data: held.1 }
    }
}

impl Rows for FileRows {
    #[inline]
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, Halt> {
        loop {
            let next = match self.after_held.take() {
                Some(row) => Some(row),
                None => match self.read(shared) {
                    Ok(next) => next,
                    // The held row came before the damage, which is met again by the next call.
                    Err(halt) => {
                        let held = self.held.take().ok_or(halt)?;
                        return Ok(Some(self.decide(held, None, shared)));
                    }
                },
            };
            if let Some(held) = self.held.take() {
                return Ok(Some(self.decide(held, next, shared)));
            }
            let Some(row) = next else { return Ok(None) };
            let far = matches!(row.1, RowData::Tick(tick) if is_far_ahead(tick.ts, self.keys.latest(row.0)));
            if !far || self.keys.order.by_own_time() {
                return Ok(Some(self.keyed(row, shared)));
            }
            self.held = Some(row);
        }
    }
}

/// A tick stamped further than this past all before it (one hour) waits for a second opinion, that of the next row, before it
/// moves time: else one corrupt stamp would make every row after it late, of every symbol. The bar builders take the same
/// care. Bars are believed at once: their builders refuse none, and a bar must not be given before its end.
const FAR_AHEAD_NS: i64 = 3_600 * 1_000_000_000;

/// Whether a stamp is too far past a moment to be believed at once.
pub(super) fn is_far_ahead(stamp: Ts, latest: Ts) -> bool {
    stamp > latest.plus_nanos(FAR_AHEAD_NS)
}

impl Keys {
    fn new(order: RowOrder) -> Self {
        Self { order, latest: Vec::new() }
    }

    #[inline]
    fn place(&self, lane: u32) -> usize {
        if self.order == RowOrder::SymbolBlocks { lane as usize } else { 0 }
    }

    /// The largest time of the stream that rows of this lane belong to; [`Ts::MIN`] before the first.
    #[inline]
    fn latest(&self, lane: u32) -> Ts {
        self.latest.get(self.place(lane)).copied().unwrap_or(Ts::MIN)
    }

    /// Raises it to `to`, if it is less, and gives it.
    #[inline]
    fn raise(&mut self, lane: u32, to: Ts) -> Ts {
        if self.order.by_own_time() {
            return to;
        }
        let place = self.place(lane);
        if place >= self.latest.len() {
            self.latest.resize(place + 1, Ts::MIN);
        }
        let Some(latest) = self.latest.get_mut(place) else { return to };
        *latest = to.max(*latest);
        *latest
    }

    /// Whether rows of two lanes are compared in time.
    fn share_stream(&self, one: u32, other: u32) -> bool {
        self.order != RowOrder::SymbolBlocks || one == other
    }
}

/// Reads the header line: its text and what it says.
pub(super) fn header(lines: &mut Lines) -> Result<(Box<[u8]>, Layout), Halt> {
    loop {
        let Some(place) = lines.advance()? else {
            return Err(Halt::Input(format!(
                "{}: the file holds no text; a table with a header line is expected",
                lines.path().display()
            )));
        };
        let text = lines.text(place);
        if !is_blank(text) {
            let header: Box<[u8]> = text.into();
            let layout = Layout::of(lines.path(), &header)?;
            return Ok((header, layout));
        }
    }
}

/// Whether a line holds nothing but spaces.
#[inline]
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.first().is_none_or(u8::is_ascii_whitespace) && line.trim_ascii().is_empty()
}
