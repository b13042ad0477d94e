//! A sorted run of rows: in memory, or a stretch of the temporary file read through a small buffer.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::{io, vec};

use super::fault::Halt;
use super::file_rows::{Rows, Shared};
use super::record::RECORD_LEN;
use super::row::Row;
use super::sort::{refuse, row_of};

/// Rows in order of their keys.
pub(super) enum Run {
    Memory(vec::IntoIter<Row>),
    Disk(DiskRun),
}

/// A stretch of the temporary file.
pub(super) struct DiskRun {
    file: Arc<File>,
    dir: Arc<Path>,
    /// The next record to read into the buffer, and the one after the last.
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer already given.
    given: usize,
    records_max: usize,
}

impl Run {
    pub(super) fn in_memory(rows: Vec<Row>) -> Self {
        Self::Memory(rows.into_iter())
    }

    /// Records `from..to` of `file`, read `records` at a time.
    pub(super) fn on_disk(file: Arc<File>, dir: Arc<Path>, from: u64, to: u64, records: usize) -> Self {
        Self::Disk(DiskRun {
            file,
            dir,
            next: from,
            end: to,
            buffer: Vec::new(),
            given: 0,
            records_max: records,
        })
    }
}

impl Rows for Run {
    #[inline]
    fn next(&mut self, _shared: &mut Shared) -> Result<Option<Row>, Halt> {
        match self {
            Self::Memory(rows) => Ok(rows.next()),
            Self::Disk(run) => run.next(),
        }
    }
}

impl DiskRun {
    #[inline]
    fn next(&mut self) -> Result<Option<Row>, Halt> {
        if self.given == self.buffer.len() {
            if self.next == self.end {
                return Ok(None);
            }
            self.refill().map_err(|error| refuse(&self.dir, &error))?;
        }
        let row = self.buffer.get(self.given..).and_then(row_of);
        self.given += RECORD_LEN;
        let damaged = || {
            refuse(
                &self.dir,
                &io::Error::new(io::ErrorKind::InvalidData, "it holds other bytes than were written"),
            )
        };
        row.map(Some).ok_or_else(damaged)
    }

    fn refill(&mut self) -> io::Result<()> {
        let records = (self.records_max as u64).min(self.end - self.next);
        self.buffer.resize(records as usize * RECORD_LEN, 0);
        self.file.read_exact_at(&mut self.buffer, self.next * RECORD_LEN as u64)?;
        self.next += records;
        self.given = 0;
        Ok(())
    }
}
