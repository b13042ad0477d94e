//! The books: the account's file, an append-only log of records.
//!
//! - One `write` per request or batch, before anybody learns of what it holds. What is written survives the end of the
//!   process at any point; for the end of the machine see [`Fsync`].
//! - A file begins with a header and a snapshot, and is only ever put in place whole (written beside, synced, renamed).
//! - A write that was cut leaves a last line without its end: it is cut off at opening, and reported. Anything else that
//!   is damaged is refused: guessing at an account is worse than stopping.
//! - When the file has grown beyond its bound, it is kept under a numbered name and a new one begins with a snapshot.
//! - A lock file beside it, locked by the process that has the account open, keeps others out, also while the file is made;
//!   the lock ends with the process, and the lock file stays. Should somebody delete it, the file itself is locked too.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use super::error::PaperError;
use super::files::{
    beside, io_error, keep_segment, lock, lock_file, put_in_place, sync_folder, write_beside,
};
use super::ledger::Ledger;
use super::line;
use super::options::{Fsync, PaperOptions};
use super::record::Record;
use super::recover::{Recovery, read};

/// An open file.
#[derive(Debug)]
pub(super) struct Books {
    path: PathBuf,
    account: String,
    identity: String,
    file: File,
    /// Held for its lock.
    _lock: File,
    fsync: Fsync,
    segment: u32,
    /// Lines and bytes written.
    lines: u64,
    bytes: u64,
    compact_bytes: u64,
    /// Size at which the next compaction is tried.
    compact_at: u64,
    buffer: Vec<u8>,
}

impl Books {
    /// Opens or makes an account.
    pub(super) fn open(options: &PaperOptions) -> Result<(Self, Ledger, Recovery), PaperError> {
        let path = options.path.clone();
        let lock = lock(&path)?;
        let created = !fs::exists(&path).map_err(io_error(&path, "look for the file"))?;
        if created {
            let empty = Ledger::new(options.starting_cash.clone(), options.history_max);
            put_in_place(&path, (&options.account, &options.identity), 0, &empty)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(io_error(&path, "open the file for reading and writing"))?;
        // Before it is read: what looks torn may be another's write under way.
        lock_file(&file, &path)?;
        let read = read(&path, &file, options)?;
        let recovery = Recovery { created, ..read.recovery };
        let books = Self {
            path,
            account: options.account.clone(),
            identity: read.identity,
            file,
            _lock: lock,
            fsync: options.fsync,
            segment: recovery.segment,
            lines: recovery.records,
            bytes: read.bytes,
            compact_bytes: options.compact_bytes,
            compact_at: options.compact_bytes,
            buffer: Vec::new(),
        };
        Ok((books, read.ledger, recovery))
    }

    /// Writes records at the end, in one write. After an error nothing of them counts as written.
    pub(super) fn append(&mut self, records: &[Record]) -> Result<(), PaperError> {
        self.buffer.clear();
        for (at, record) in records.iter().enumerate() {
            line::encode(record, self.lines + 1 + at as u64, &mut self.buffer)
                .map_err(|e| io_error(&self.path, "write a record")(e.into()))?;
        }
        let written = self.file.write_all(&self.buffer).and_then(|()| match self.fsync {
            Fsync::Never => Ok(()),
            Fsync::OnFlush => self.file.sync_data(),
        });
        if let Err(error) = written {
            // Half a write must not be read back as a whole one; if this fails too, opening cuts it off or refuses.
            let _ = self.file.set_len(self.bytes);
            return Err(io_error(&self.path, "write at the end of the file (is the disk full?)")(error));
        }
        self.lines += records.len() as u64;
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// What tells this account from others of its name; empty where none was given.
    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether the file has grown beyond its bound.
    pub(super) fn is_large(&self) -> bool {
        self.bytes > self.compact_at
    }

    /// Begins a new file with a snapshot of `ledger`, which must hold all that was appended; the old one stays beside
    /// it under a number. After an error the old file goes on, and the next attempt comes when it has grown again.
    pub(super) fn compact(&mut self, ledger: &Ledger) -> Result<(), PaperError> {
        self.compact_at = self.bytes.saturating_add(self.compact_bytes);
        let segment = self.segment.saturating_add(1);
        let fresh = write_beside(&self.path, (&self.account, &self.identity), segment, ledger)?;
        lock_file(&fresh.file, &beside(&self.path))?;
        keep_segment(&self.path, segment)?;
        fs::rename(beside(&self.path), &self.path)
            .map_err(io_error(&self.path, "put the compacted file in place"))?;
        self.file = fresh.file;
        self.segment = segment;
        self.lines = fresh.lines;
        self.bytes = fresh.bytes;
        // A snapshot near the bound must not be compacted again at once.
        self.compact_at = self.compact_bytes.max(fresh.bytes.saturating_mul(2));
        sync_folder(&self.path)
    }
}

#[cfg(test)]
impl Books {
    /// From now on every write fails, as on a full disk.
    pub(super) fn refuse_writes(&mut self) {
        self.file = File::open(&self.path).unwrap();
    }
}
