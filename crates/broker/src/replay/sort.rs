//! Puts the rows of a file written symbol after symbol into time order, in bounded memory: an external merge sort.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use super::fault::Halt;
use super::file_rows::{FileRows, Rows, Shared};
use super::merge::Merge;
use super::record::{RECORD_LEN, decode, encode};
use super::row::Row;
use super::run::Run;

/// Bounds of the sort.
#[derive(Debug, Clone, Copy)]
pub(super) struct SortLimits {
    /// Rows sorted in memory at once.
    pub(super) rows_max: usize,
    /// Bytes of all buffers of the merge together.
    pub(super) buffers_len_max: usize,
    /// Whether of rows with equal keys the last in the file comes first: so where the newest row stands first.
    pub(super) newest_first: bool,
}

/// The rows of a file in order of their keys, which are kept per symbol: each symbol's own order stays, late rows stay late.
///
/// Rows are sorted a memory-full at a time, written to an unnamed temporary file as runs, and merged with a small buffer for
/// each run. A file that fits into memory once is never written. The sort is stable, so rows of equal keys stay in file
/// order.
pub(super) struct Sorted {
    merge: Merge<Run>,
    rows: u64,
    given: u64,
    /// Where the file was damaged: reported after the rows before that place.
    damage: Option<Halt>,
}

impl Sorted {
    /// Reads the whole file and sorts it. The temporary file is made in `dir` without a name, so that nothing is left behind
    /// however the process ends.
    pub(super) fn read(
        mut rows: FileRows,
        shared: &mut Shared,
        limits: SortLimits,
        dir: &Path,
    ) -> Result<Self, Halt> {
        let mut memory: Vec<Row> = Vec::new();
        let mut spill: Option<Spill> = None;
        let mut total = 0u64;
        let damage = loop {
            match rows.next(shared) {
                Ok(Some(row)) => {
                    if memory.len() == limits.rows_max {
                        let spill = match &mut spill {
                            Some(spill) => spill,
                            none => none.insert(Spill::create(dir).map_err(|error| refuse(dir, &error))?),
                        };
                        spill.write(&mut memory, limits.newest_first).map_err(|error| refuse(dir, &error))?;
                    }
                    memory.push(row);
                    total += 1;
                }
                Ok(None) => break None,
                Err(Halt::Stopped) => return Err(Halt::Stopped),
                Err(damage) => break Some(damage),
            }
        };
        let runs = match spill {
            None => {
                sort(&mut memory, limits.newest_first);
                vec![Run::in_memory(memory)]
            }
            Some(mut spill) => {
                let newest_first = limits.newest_first;
                spill.write(&mut memory, newest_first).map_err(|error| refuse(dir, &error))?;
                drop(memory);
                spill
                    .into_runs(limits.buffers_len_max, newest_first, dir)
                    .map_err(|error| refuse(dir, &error))?
            }
        };
        Ok(Self { merge: Merge::new(runs), rows: total, given: 0, damage })
    }

    /// Share of the rows given, from 0 to 1.
    pub(super) fn share_given(&self) -> f64 {
        if self.rows == 0 { 1.0 } else { self.given as f64 / self.rows as f64 }
    }
}

impl Rows for Sorted {
    #[inline]
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, Halt> {
        match self.merge.next(shared)? {
            Some(row) => {
                self.given += 1;
                Ok(Some(row))
            }
            None => match &self.damage {
                Some(damage) => Err(damage.clone()),
                None => Ok(None),
            },
        }
    }
}

/// The temporary file while it is written.
struct Spill {
    out: BufWriter<File>,
    /// Rows written.
    rows: u64,
    /// For each run: its first row and the row after its last.
    runs: Vec<(u64, u64)>,
    last: Option<Row>,
}

impl Spill {
    fn create(dir: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(dir)?;
        Ok(Self { out: BufWriter::with_capacity(256 * 1024, file), rows: 0, runs: Vec::new(), last: None })
    }

    /// Sorts the rows, writes them as a run, or as the rest of the last run where they follow it, and empties `rows`.
    fn write(&mut self, rows: &mut Vec<Row>, newest_first: bool) -> io::Result<()> {
        sort(rows, newest_first);
        let follows = match (&self.last, rows.first()) {
            (Some(last), Some(first)) => last.key <= first.key && !newest_first,
            _ => false,
        };
        for row in rows.iter() {
            self.out.write_all(&encode(row))?;
        }
        let end = self.rows + rows.len() as u64;
        match self.runs.last_mut() {
            Some(run) if follows => run.1 = end,
            _ => self.runs.push((self.rows, end)),
        }
        self.rows = end;
        self.last = rows.last().copied();
        rows.clear();
        Ok(())
    }

    fn into_runs(mut self, buffers_len_max: usize, newest_first: bool, dir: &Path) -> io::Result<Vec<Run>> {
        if newest_first {
            // Of equal keys the merge gives those of the earlier source first.
            self.runs.reverse();
        }
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let (file, dir): (Arc<File>, Arc<Path>) = (Arc::new(file), dir.into());
        // At least one record a buffer, at most what makes a read worth its call.
        let records = (buffers_len_max / RECORD_LEN / self.runs.len().max(1)).clamp(1, 4096);
        let run = |(from, to)| Run::on_disk(Arc::clone(&file), Arc::clone(&dir), from, to, records);
        Ok(self.runs.into_iter().map(run).collect())
    }
}

/// In order of keys; rows of equal keys in file order, or, of a file with the newest row first, against it.
fn sort(rows: &mut [Row], newest_first: bool) {
    if newest_first {
        rows.reverse();
    }
    rows.sort_by_key(|row| row.key);
}

/// An error of the temporary file, in words.
pub(super) fn refuse(dir: &Path, error: &io::Error) -> Halt {
    Halt::Input(format!(
        "{}: the temporary file that puts a file into time order cannot be used: {error}; free space \
         there, name another folder, or give the replay files that are merged by time",
        dir.display()
    ))
}

/// A record as the temporary file has it; `None` for bytes that no [`encode`] wrote.
pub(super) fn row_of(record: &[u8]) -> Option<Row> {
    record.first_chunk::<RECORD_LEN>().and_then(decode)
}
