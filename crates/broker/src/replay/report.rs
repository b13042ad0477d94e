//! What a reader reports beside the rows: counts, and the first rows that it could not read.

use std::fmt;
use std::path::{Path, PathBuf};

use tensortrade_market::Ts;

use super::fault::RowFault;

/// Most unreadable rows kept in full; further ones are only counted.
pub const ROW_ERRORS_MAX: usize = 20;
/// Longest piece of an unreadable row that is kept, in characters.
const EXCERPT_LEN_MAX: usize = 120;

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The file.
    pub file: PathBuf,
    /// The line in it, counted from 1 (the header is line 1).
    pub line: u64,
    /// Why it is not a row.
    pub reason: String,
    /// The beginning of the line, unprintable characters escaped.
    pub excerpt: String,
}

impl RowError {
    pub(super) fn new(file: &Path, line: u64, fault: &RowFault, text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text.get(..EXCERPT_LEN_MAX).unwrap_or(text));
        let excerpt = text.chars().flat_map(char::escape_debug).collect();
        Self { file: file.to_owned(), line, reason: fault.to_string(), excerpt }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} in '{}'", self.file.display(), self.line, self.reason, self.excerpt)
    }
}

/// Most files whose first late row is kept.
const LATE_FILES_MAX: usize = 20;

/// Late rows of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LateRows {
    /// The file.
    pub file: PathBuf,
    /// How many rows came when an interval after theirs was under way.
    pub rows: u64,
    /// Line of the first.
    pub line: u64,
    /// When it happened, and the time that the file had come to.
    pub stamps: (Ts, Ts),
}

impl fmt::Display for LateRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, now) = self.stamps;
        write!(
            f,
            "{}: {} rows come late, after their interval is closed, and enter no bar; the first in line {}: of {event}, behind \
             rows of {now}; mend: sort the file by time",
            self.file.display(),
            self.rows,
            self.line
        )
    }
}

/// Counts of one reader, from the start of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Rows that could not be read.
    pub(super) malformed: u64,
    /// Readable rows of kinds that nobody uses.
    pub(super) other_kinds: u64,
    /// Numbers with more decimals than the type holds, rounded to the nearest.
    pub(super) rounded: u64,
    /// Rows that came when an interval after theirs was under way.
    pub(super) late: u64,
}

/// The counts, and the unreadable rows found since they were last taken.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Counts.
    pub(super) tally: Tally,
    /// Unreadable rows not yet taken.
    errors: Vec<RowError>,
    /// Late rows by file.
    late: Vec<LateRows>,
}

impl Report {
    /// Counts an unreadable row and keeps it if it is among the first.
    #[cold]
    pub(super) fn malformed(&mut self, file: &Path, line: u64, fault: &RowFault, text: &[u8]) {
        if self.tally.malformed < ROW_ERRORS_MAX as u64 {
            self.errors.push(RowError::new(file, line, fault, text));
        }
        self.tally.malformed += 1;
    }

    /// Counts a late row, and keeps its place if it is its file's first.
    #[cold]
    pub(super) fn late(&mut self, file: &Path, line: u64, event: Ts, now: Ts) {
        self.tally.late += 1;
        if let Some(late) = self.late.iter_mut().find(|late| late.file == file) {
            late.rows += 1;
        } else if self.late.len() < LATE_FILES_MAX {
            self.late.push(LateRows { file: file.to_owned(), rows: 1, line, stamps: (event, now) });
        }
    }

    /// Late rows by file, those of the first files.
    pub(super) fn late_rows(&self) -> &[LateRows] {
        &self.late
    }

    /// The unreadable rows found since the last call.
    pub(super) fn take_errors(&mut self) -> Vec<RowError> {
        std::mem::take(&mut self.errors)
    }
}
