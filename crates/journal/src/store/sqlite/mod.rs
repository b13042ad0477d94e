//! The embedded store: one SQLite file in write-ahead-log mode.
//!
//! - `open`: is it ours, which version, which account; who else writes.
//! - `header`: what the file says of itself.
//! - `tail`: the hot path: commits that somebody waits for, in a file beside the database until they are moved into it.
//! - `append`: events and rows in one transaction, many rows a statement. `database`: the thread that does it.
//! - `read`: pages of events. `snapshots`: states to begin with. `tables`: rows, and deriving them again. `overlay`: rows that are still to follow.
//! - `failure`: what SQLite says, in the journal's words.

mod append;
mod database;
mod failure;
mod header;
mod open;
mod overlay;
mod read;
mod snapshots;
mod tables;
mod tail;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures::FutureExt;
use futures::future::BoxFuture;
use sqlx::Connection;

use append::Work;
use database::Database;
pub use open::Access;
use overlay::Overlay;
use tail::Tail;

use super::{Durability, Rebuilt, Snapshot, Store};
use crate::envelope::{Envelope, Head};
use crate::error::JournalError;
use crate::meta::Meta;
use crate::projection::{Cell, Row, RowSet, Table};

/// A journal in a SQLite file, written by one process at a time.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    place: String,
    database: Database,
    meta: Meta,
    durability: Durability,
    head: Head,
    durable: u64,
    /// The last event whose rows are in the tables.
    derived: u64,
    /// What the database does in the background.
    under_way: Option<Work>,
    /// Why a commit to the tail, or rows in the background, failed: then nothing is read or written any more.
    failed: Option<String>,
    /// Why the last piece of a snapshot was not stored.
    piece_failed: Option<JournalError>,
    /// Events after those in the database, oldest first.
    waiting: VecDeque<Envelope>,
    /// Where those are on record; only while open for writing.
    tail: Option<Tail>,
    /// While frozen: the rows that the tables lack.
    overlay: Overlay,
    /// Whether there may be pieces of snapshots that are no more.
    stale_parts: Arc<AtomicBool>,
    /// Held while open for writing; the system releases it when the process dies.
    lock: Option<Arc<File>>,
}

impl SqliteStore {
    fn writable(&self, doing: &'static str) -> Result<(), JournalError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(JournalError::ReadOnly { place: self.place.clone(), doing }),
        }
    }
}

impl Store for SqliteStore {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn place(&self) -> &str {
        &self.place
    }

    fn durable_upto(&self) -> u64 {
        self.durable
    }

    fn head(&self) -> Head {
        self.head
    }

    fn append<'a>(
        &'a mut self,
        events: &'a [Envelope],
        rows: &'a RowSet,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.append_all(events, rows).boxed()
    }

    fn append_events<'a>(&'a mut self, events: &'a [Envelope]) -> BoxFuture<'a, Result<(), JournalError>> {
        self.append_alone(events).boxed()
    }

    fn append_rows(&mut self, rows: RowSet, upto: u64) -> BoxFuture<'_, Result<(), JournalError>> {
        self.append_derived(rows, upto).boxed()
    }

    fn is_busy(&self) -> bool {
        self.database.is_busy()
    }

    fn settled(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.settle().boxed()
    }

    fn lag(&self) -> Option<u64> {
        (self.derived < self.head.seq).then_some(self.derived)
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, JournalError>> {
        self.sync_files().boxed()
    }

    fn read(&mut self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Envelope>, JournalError>> {
        self.read_page(after, limit).boxed()
    }

    fn put_snapshot_part<'a>(
        &'a mut self,
        seq: u64,
        part: u32,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.write_snapshot_part(seq, part, bytes).boxed()
    }

    fn seal_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>> {
        self.write_snapshot(snapshot).boxed()
    }

    fn snapshot_numbers(&mut self) -> BoxFuture<'_, Result<Vec<u64>, JournalError>> {
        self.read_snapshot_numbers().boxed()
    }

    fn snapshot(&mut self, seq: u64) -> BoxFuture<'_, Result<Option<Snapshot>, JournalError>> {
        self.read_snapshot(seq).boxed()
    }

    fn rows<'a>(
        &'a mut self,
        table: Table,
        after: Option<&'a [Cell]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, JournalError>> {
        self.read_rows(table, after, limit).boxed()
    }

    fn row_counts(&mut self) -> BoxFuture<'_, Result<BTreeMap<Table, u64>, JournalError>> {
        self.count_rows().boxed()
    }

    fn rebuild(&mut self) -> BoxFuture<'_, Result<Rebuilt, JournalError>> {
        self.rebuild_tables().boxed()
    }

    fn freeze(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.begin_reading().boxed()
    }

    fn thaw(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.end_reading().boxed()
    }

    fn check(&mut self) -> BoxFuture<'_, Result<Vec<String>, JournalError>> {
        self.quick_check().boxed()
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<(), JournalError>> {
        async move {
            if self.lock.is_some() {
                self.store_waiting().await?;
            }
            let Self { mut database, place, lock, tail, .. } = *self;
            let closed = match database.take().await {
                Some(connection) => connection.close().await,
                None => Ok(()),
            };
            let closed = closed.map_err(|e| failure::store(&place, "close", e));
            if let (Ok(()), Some(tail)) = (&closed, tail) {
                let io = |source| JournalError::Io { place, doing: "remove its empty tail", source };
                tail.remove().map_err(io)?;
            }
            drop(lock);
            closed
        }
        .boxed()
    }
}
