//! Examines the files of a replay before it starts: what they hold, in which order, and whether they can be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tensortrade_market::{Symbol, Timeframe, Ts};

use super::columns::{FileFormat, Layout};
use super::fault::Halt;
use super::fields::Fields;
use super::file_rows::{header, is_blank};
use super::glance::glance;
use super::lines::Lines;
use super::order::{OrderDetector, RowOrder};
use super::report::RowError;
use super::row::RowData;
use super::scan::{scan_all, scan_order};
use super::stopwatch::Stopwatch;
use super::timeframe::Labels;
use crate::feed::FeedError;

/// Text examined in full at the start of each file.
const HEAD_LEN: u64 = 256 * 1024;

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProbe {
    /// Where it is.
    pub path: PathBuf,
    /// Ticks, or bars of an inferred timeframe.
    pub format: FileFormat,
    /// Symbols met so far, in order of first appearance.
    pub symbols: Vec<Symbol>,
    /// Whether these are all symbols of the file: it was read to its end.
    pub symbols_complete: bool,
    /// In which order its rows stand.
    pub order: RowOrder,
    /// Time of its first readable row; of its earliest where rows are not in order.
    pub first: Ts,
    /// Where its first bar begins within a timeframe (the half hour, for hours from 09:30), nanoseconds; zero for ticks.
    pub phase_ns: i64,
    /// Its size on disk, bytes.
    pub size_bytes: u64,
}

/// What the files of a replay hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Each file, in the order given.
    pub files: Vec<FileProbe>,
    /// Time it took to examine them, nanoseconds. It counts as the reader's.
    pub busy_ns: u64,
}

impl Probe {
    /// All symbols met so far, by name.
    #[must_use]
    pub fn symbols(&self) -> BTreeSet<Symbol> {
        self.files.iter().flat_map(|file| file.symbols.iter().copied()).collect()
    }

    /// Whether [`Self::symbols`] are all that the files hold.
    #[must_use]
    pub fn symbols_complete(&self) -> bool {
        self.files.iter().all(|file| file.symbols_complete)
    }

    /// The longest timeframe among the files of bars: decisions cannot come more often. `None` when all hold ticks.
    #[must_use]
    pub fn longest_timeframe(&self) -> Option<Timeframe> {
        let timeframe = |file: &FileProbe| match file.format {
            FileFormat::Ticks => None,
            FileFormat::Bars(timeframe) => Some(timeframe),
        };
        self.files.iter().filter_map(timeframe).max()
    }

    /// Where bars begin within a timeframe: as in the file of the longest bars.
    pub(super) fn phase_ns(&self) -> i64 {
        let longest = self.files.iter().filter_map(|file| match file.format {
            FileFormat::Bars(timeframe) => Some((timeframe, file.phase_ns)),
            FileFormat::Ticks => None,
        });
        longest.max_by_key(|(timeframe, _)| *timeframe).map_or(0, |(_, phase)| phase)
    }

    /// Time of the earliest first row.
    #[must_use]
    pub fn first(&self) -> Option<Ts> {
        self.files.iter().map(|file| file.first).min()
    }
}

/// Examines files: reads the first 256 KiB of text of each, and more only where these show a single symbol, to learn
/// whether further symbols follow as blocks (that pass decompresses, but parses nothing except symbol and time).
///
/// Errors: no file, a file given twice, missing, empty, of unknown columns, or without a readable row.
pub fn probe(paths: &[PathBuf]) -> Result<Probe, FeedError> {
    let stopwatch = Stopwatch::start();
    if paths.is_empty() {
        return Err(FeedError::Input("a replay needs at least one file: give --replay FILE".to_owned()));
    }
    let mut known = BTreeSet::new();
    for path in paths {
        // A file that is not there is named by the attempt to open it.
        if let Ok(real) = path.canonicalize()
            && !known.insert(real)
        {
            return Err(FeedError::Input(format!("{}: given twice; name each file once", path.display())));
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let files = paths.iter().map(|path| probe_file(path, &stop)).collect::<Result<_, _>>()?;
    Ok(Probe { files, busy_ns: stopwatch.elapsed_ns() })
}

/// What the head of a file shows.
struct Head {
    lines: Lines,
    layout: Layout,
    order: OrderDetector,
    labels: Labels,
    first: Option<Ts>,
    /// Whether the file ended within it; an error is an end too, and comes again when the rows are read.
    ended: Option<Option<Halt>>,
    rows: u64,
    malformed: u64,
    first_error: Option<RowError>,
}

fn probe_file(path: &Path, stop: &Arc<AtomicBool>) -> Result<FileProbe, Halt> {
    let shared: Arc<Path> = path.into();
    let mut lines = Lines::open(&shared, stop)?;
    let (_, layout) = header(&mut lines)?;
    let mut head = Head {
        lines,
        layout,
        order: OrderDetector::new(layout.is_ticks()),
        labels: Labels::default(),
        first: None,
        ended: None,
        rows: 0,
        malformed: 0,
        first_error: None,
    };
    head.read();
    let Some(first) = head.first else { return Err(head.nothing_readable(path)) };
    let format = if layout.is_ticks() {
        FileFormat::Ticks
    } else {
        let unusual = || {
            Halt::Input(format!(
                "{}: the labels of its bars are no whole seconds apart; bars are labelled by their start, one second \
                 to one day long",
                path.display()
            ))
        };
        FileFormat::Bars(head.labels.timeframe().ok_or_else(unusual)?)
    };
    let mut complete = matches!(head.ended, Some(None));
    let mut first = first;
    let order = match (head.order.disorder(), head.order.verdict()) {
        (Some(order), _) => {
            if head.ended.is_none() {
                complete = scan_all(&mut head.lines, &layout, &mut head.order);
            }
            first = head.order.earliest().unwrap_or(first);
            order
        }
        (None, Some(order)) => order,
        (None, None) if head.ended.is_some() => head.order.final_verdict(),
        (None, None) => {
            let (order, ended) = scan_order(&mut head.lines, &layout, &mut head.order);
            complete = ended;
            order
        }
    };
    let size_bytes = std::fs::metadata(path).map(|meta| meta.len()).unwrap_or_default();
    let symbols = head.order.symbols().to_vec();
    let phase_ns = match format {
        FileFormat::Ticks => 0,
        FileFormat::Bars(timeframe) => first.nanos().rem_euclid(timeframe.nanos()),
    };
    Ok(FileProbe {
        path: path.to_owned(),
        format,
        symbols,
        symbols_complete: complete,
        order,
        first,
        phase_ns,
        size_bytes,
    })
}

impl Head {
    /// Reads until enough text and one readable row are seen, or the file ends.
    fn read(&mut self) {
        let mut fields = Fields::new(self.layout.fields_needed());
        while self.lines.position() < HEAD_LEN || self.first.is_none() {
            let place = match self.lines.advance() {
                Ok(Some(place)) => place,
                Ok(None) => {
                    self.ended = Some(None);
                    return;
                }
                Err(halt) => {
                    self.ended = Some(Some(halt));
                    return;
                }
            };
            let line = self.lines.text(place);
            if is_blank(line) {
                continue;
            }
            self.rows += 1;
            match glance(&self.layout, &mut fields, line) {
                Ok(row) => {
                    let Some(data) = row.data else { continue };
                    let ts = match data {
                        RowData::Tick(tick) => tick.ts,
                        RowData::Bar(bar) => {
                            self.labels.push(row.symbol, bar.start, row.is_date);
                            bar.start
                        }
                    };
                    self.first.get_or_insert(ts);
                    self.order.push(row.symbol, ts);
                }
                Err(fault) => {
                    self.malformed += 1;
                    if self.first_error.is_none() {
                        let error = RowError::new(self.lines.path(), self.lines.number(), &fault, line);
                        self.first_error = Some(error);
                    }
                }
            }
        }
    }

    fn nothing_readable(&self, path: &Path) -> Halt {
        let file = path.display();
        Halt::Input(match (&self.ended, &self.first_error) {
            (Some(Some(Halt::Input(damage))), _) => format!("no row comes before the damage: {damage}"),
            (_, Some(error)) => format!(
                "{file}: none of its {} rows can be read ({} malformed); the first: {error}; mend: compare the rows with \
                 the header line",
                self.rows, self.malformed
            ),
            _ if self.rows > 0 => format!(
                "{file}: none of its {} rows is of kind trade or quote, and other kinds are skipped",
                self.rows
            ),
            _ => format!("{file}: a header and no row; mend: check how the file was written"),
        })
    }
}
