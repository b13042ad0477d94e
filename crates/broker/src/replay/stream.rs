//! One file as a source of the merge: read as it stands, or put into time order first.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::fault::Halt;
use super::file_rows::{FileRows, Rows, Shared};
use super::options::{ReplayLimits, ReplayOptions};
use super::order::RowOrder;
use super::probe::FileProbe;
use super::row::Row;
use super::sort::{SortLimits, Sorted};

/// A file of the replay.
pub(super) struct Stream {
    size_bytes: u64,
    state: State,
}

enum State {
    /// Rows in file order.
    Direct(Box<FileRows>),
    /// A file of symbol blocks, or in disorder, that is sorted when its first row is asked for.
    Unsorted {
        rows: Box<FileRows>,
        limits: SortLimits,
        dir: Arc<Path>,
    },
    Sorted(Box<Sorted>),
    /// Sorting failed: the error stands.
    Failed(Halt),
}

impl Stream {
    pub(super) fn open(
        file: &FileProbe,
        options: &ReplayOptions,
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, Halt> {
        let rows = FileRows::open(&file.path.as_path().into(), file.format, file.order, stop)?;
        Ok(Self::of(rows, file, file.order != RowOrder::TimeOrdered, &options.limits, &options.spill_dir))
    }

    /// Rows of a file, put into time order first where they are to be sorted.
    pub(super) fn of(
        rows: FileRows,
        file: &FileProbe,
        sort: bool,
        limits: &ReplayLimits,
        spill_dir: &Path,
    ) -> Self {
        let rows = Box::new(rows);
        let state = if sort {
            let limits = SortLimits {
                rows_max: limits.sort_rows_max.max(1),
                buffers_len_max: limits.merge_buffers_len_max,
                newest_first: file.order == RowOrder::NewestFirst,
            };
            State::Unsorted { rows, limits, dir: spill_dir.into() }
        } else {
            State::Direct(rows)
        };
        Self { size_bytes: file.size_bytes, state }
    }

    /// Bytes of the file dealt with: those read, or, once it is sorted, a share of its size as its rows go out.
    pub(super) fn bytes_done(&self) -> u64 {
        match &self.state {
            State::Direct(rows) => rows.consumed().min(self.size_bytes),
            State::Unsorted { .. } | State::Failed(_) => 0,
            State::Sorted(sorted) => (self.size_bytes as f64 * sorted.share_given()) as u64,
        }
    }

    /// Reads and sorts the file.
    #[cold]
    fn sort(&mut self, shared: &mut Shared) -> Result<(), Halt> {
        let unsorted = std::mem::replace(&mut self.state, State::Failed(Halt::Stopped));
        let State::Unsorted { rows, limits, dir } = unsorted else {
            self.state = unsorted;
            return Ok(());
        };
        match Sorted::read(*rows, shared, limits, &dir) {
            Ok(sorted) => {
                self.state = State::Sorted(Box::new(sorted));
                Ok(())
            }
            Err(halt) => {
                self.state = State::Failed(halt.clone());
                Err(halt)
            }
        }
    }
}

impl Rows for Stream {
    #[inline]
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, Halt> {
        if let State::Direct(rows) = &mut self.state {
            return rows.next(shared);
        }
        self.sort(shared)?;
        match &mut self.state {
            State::Direct(rows) | State::Unsorted { rows, .. } => rows.next(shared),
            State::Sorted(sorted) => sorted.next(shared),
            State::Failed(halt) => Err(halt.clone()),
        }
    }
}
