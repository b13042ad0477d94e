//! The in-memory twin of the database stores, for tests, simulations and fault campaigns.
//!
//! The handle and the "disk" are two things: a store that is dropped, as by a crash, leaves its disk behind, and
//! [`MemoryStore::reopen`] opens it again. [`MemoryDisk::lose_power`] drops what was not durable, and
//! [`MemoryDisk::fail_next_append`] makes a commit fail.

mod disk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};

pub use disk::MemoryDisk;
use disk::{Disk, lock};

use super::{
    Durability, PAGE_BYTES_MAX, PAGE_EVENTS_MAX, Rebuilt, SNAPSHOTS_KEPT, Snapshot, Store, check_follows,
};
use crate::envelope::{Envelope, Head};
use crate::error::JournalError;
use crate::meta::{Identity, Meta};
use crate::projection::{Cell, Row, RowSet, Table};

const PLACE: &str = "memory";

/// A journal in memory.
#[derive(Debug)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    meta: Meta,
    durability: Durability,
}

impl MemoryStore {
    /// A new, empty journal.
    #[must_use]
    pub fn create(identity: &Identity, durability: Durability) -> Self {
        let meta = Meta::create(identity);
        let disk = Disk::new(meta.clone());
        Self { disk: Arc::new(Mutex::new(disk)), meta, durability }
    }

    /// What stays when the store is dropped.
    #[must_use]
    pub fn disk(&self) -> MemoryDisk {
        MemoryDisk(Arc::clone(&self.disk))
    }

    /// Opens what an earlier store left; refuses another account kind or venue, and a second writer.
    pub fn reopen(
        disk: &MemoryDisk,
        identity: &Identity,
        durability: Durability,
    ) -> Result<Self, JournalError> {
        let mut inner = lock(&disk.0);
        inner.meta.expect(PLACE, identity)?;
        if inner.writer {
            let detail = "another store has it open".to_owned();
            return Err(JournalError::Locked { place: PLACE.to_owned(), detail });
        }
        inner.writer = true;
        let meta = inner.meta.clone();
        drop(inner);
        Ok(Self { disk: Arc::clone(&disk.0), meta, durability })
    }

    fn take(&self, events: &[Envelope], rows: Option<&RowSet>) -> Result<(), JournalError> {
        let mut disk = self.disk_mut();
        check_follows(PLACE, disk.head(), events)?;
        if let Some(detail) = disk.fail_next.take() {
            return Err(JournalError::Database { place: PLACE.to_owned(), doing: "append", detail });
        }
        disk.events.extend_from_slice(events);
        if let Some(rows) = rows {
            disk.apply(rows);
            disk.derived = disk.head().seq;
        }
        if self.durability == Durability::Power {
            disk.durable = disk.events.len();
        }
        Ok(())
    }

    fn disk_mut(&self) -> MutexGuard<'_, Disk> {
        lock(&self.disk)
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        self.disk_mut().writer = false;
    }
}

impl Store for MemoryStore {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn place(&self) -> &str {
        PLACE
    }

    fn durable_upto(&self) -> u64 {
        self.disk_mut().durable as u64
    }

    fn head(&self) -> Head {
        self.disk_mut().head()
    }

    fn append<'a>(
        &'a mut self,
        events: &'a [Envelope],
        rows: &'a RowSet,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        ready(self.take(events, Some(rows))).boxed()
    }

    fn append_events<'a>(&'a mut self, events: &'a [Envelope]) -> BoxFuture<'a, Result<(), JournalError>> {
        ready(self.take(events, None)).boxed()
    }

    fn append_rows(&mut self, rows: RowSet, upto: u64) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut disk = self.disk_mut();
        disk.apply(&rows);
        disk.derived = upto.min(disk.head().seq);
        drop(disk);
        ready(Ok(())).boxed()
    }

    fn lag(&self) -> Option<u64> {
        self.disk_mut().lag()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, JournalError>> {
        let mut disk = self.disk_mut();
        disk.durable = disk.events.len();
        let durable = disk.durable as u64;
        drop(disk);
        ready(Ok(durable)).boxed()
    }

    fn read(&mut self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Envelope>, JournalError>> {
        let disk = self.disk_mut();
        let mut bytes = 0;
        let page = disk
            .events
            .iter()
            .skip(disk.events.partition_point(|envelope| envelope.seq <= after))
            .take(limit.clamp(1, PAGE_EVENTS_MAX))
            .take_while(|envelope| {
                let fits = bytes < PAGE_BYTES_MAX;
                bytes += envelope.payload.len();
                fits
            })
            .cloned()
            .collect();
        drop(disk);
        ready(Ok(page)).boxed()
    }

    fn put_snapshot_part<'a>(
        &'a mut self,
        seq: u64,
        part: u32,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.disk_mut().parts.insert((seq, part), bytes.to_vec());
        ready(Ok(())).boxed()
    }

    fn seal_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>> {
        let seq = snapshot.head.seq;
        let mut disk = self.disk_mut();
        // What is read back is what was stored, not what was meant.
        let state =
            disk.parts.range((seq, 0)..=(seq, u32::MAX)).flat_map(|(_, bytes)| bytes).copied().collect();
        disk.parts.clear();
        disk.snapshots.insert(seq, Snapshot { state, ..snapshot.clone() });
        while disk.snapshots.len() > SNAPSHOTS_KEPT {
            disk.snapshots.pop_first();
        }
        drop(disk);
        ready(Ok(())).boxed()
    }

    fn snapshot_numbers(&mut self) -> BoxFuture<'_, Result<Vec<u64>, JournalError>> {
        let numbers = self.disk_mut().snapshots.keys().rev().copied().collect();
        ready(Ok(numbers)).boxed()
    }

    fn snapshot(&mut self, seq: u64) -> BoxFuture<'_, Result<Option<Snapshot>, JournalError>> {
        let snapshot = self.disk_mut().snapshots.get(&seq).cloned();
        ready(Ok(snapshot)).boxed()
    }

    fn rows<'a>(
        &'a mut self,
        table: Table,
        after: Option<&'a [Cell]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, JournalError>> {
        let disk = self.disk_mut();
        let rows = disk.tables.get(&table).map_or_else(Vec::new, |rows| {
            rows.iter()
                .skip_while(|(key, _)| after.is_some_and(|after| key.as_slice() <= after))
                .take(limit)
                .map(|(_, row)| row.clone())
                .collect()
        });
        drop(disk);
        ready(Ok(rows)).boxed()
    }

    fn row_counts(&mut self) -> BoxFuture<'_, Result<BTreeMap<Table, u64>, JournalError>> {
        let counts = self.disk_mut().counts();
        ready(Ok(counts)).boxed()
    }

    fn rebuild(&mut self) -> BoxFuture<'_, Result<Rebuilt, JournalError>> {
        let mut disk = self.disk_mut();
        let result = disk.derive().map(|events| Rebuilt { events, rows: disk.counts() });
        drop(disk);
        ready(result).boxed()
    }

    /// The handle is the only one: nothing changes between its reads.
    fn freeze(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        let mut disk = self.disk_mut();
        let complete = if disk.lag().is_some() { disk.derive().map(|_| ()) } else { Ok(()) };
        drop(disk);
        ready(complete).boxed()
    }

    fn thaw(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        ready(Ok(())).boxed()
    }

    fn check(&mut self) -> BoxFuture<'_, Result<Vec<String>, JournalError>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), JournalError>> {
        ready(Ok(())).boxed()
    }
}
