//! What stays of a [`MemoryStore`](super::MemoryStore) when it is dropped, and the faults that can happen to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PLACE;
use crate::envelope::{Envelope, Head};
use crate::error::JournalError;
use crate::meta::Meta;
use crate::projection::{Cell, Row, RowSet, Table};
use crate::state::Recovered;
use crate::store::Snapshot;
use crate::store::replay::replay;

type Tables = BTreeMap<Table, BTreeMap<Vec<Cell>, Row>>;

/// What would be on the disk.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) meta: Meta,
    pub(super) events: Vec<Envelope>,
    pub(super) durable: usize,
    pub(super) snapshots: BTreeMap<u64, Snapshot>,
    /// Pieces of the snapshot that is being stored.
    pub(super) parts: BTreeMap<(u64, u32), Vec<u8>>,
    pub(super) tables: Tables,
    pub(super) fail_next: Option<String>,
    pub(super) writer: bool,
    /// The last event whose rows are in the tables.
    pub(super) derived: u64,
}

impl Disk {
    pub(super) fn new(meta: Meta) -> Self {
        Self {
            meta,
            events: Vec::new(),
            durable: 0,
            snapshots: BTreeMap::new(),
            parts: BTreeMap::new(),
            tables: Tables::new(),
            fail_next: None,
            writer: true,
            derived: 0,
        }
    }

    pub(super) fn head(&self) -> Head {
        self.events.last().map_or_else(|| Head::genesis(&self.meta.id), Envelope::head)
    }

    pub(super) fn lag(&self) -> Option<u64> {
        (self.derived < self.head().seq).then_some(self.derived)
    }

    pub(super) fn apply(&mut self, rows: &RowSet) {
        for (table, row) in rows.rows() {
            let key = row.iter().take(table.key_len()).cloned().collect();
            self.tables.entry(table).or_default().insert(key, row.to_vec());
        }
    }

    pub(super) fn derive(&mut self) -> Result<u64, JournalError> {
        let mut state = Recovered::genesis(&self.meta.id);
        let mut rows = RowSet::default();
        for envelope in &self.events {
            replay(PLACE, envelope, &mut state, Some(&mut rows))?;
        }
        self.tables.clear();
        self.apply(&rows);
        self.derived = state.head.seq;
        Ok(state.head.seq)
    }

    pub(super) fn counts(&self) -> BTreeMap<Table, u64> {
        Table::ALL
            .iter()
            .map(|table| (*table, self.tables.get(table).map_or(0, |rows| rows.len() as u64)))
            .collect()
    }
}

/// The disk of a [`MemoryStore`](super::MemoryStore), which outlives it.
#[derive(Debug, Clone)]
pub struct MemoryDisk(pub(super) Arc<Mutex<Disk>>);

impl MemoryDisk {
    /// Forgets every event that was not durable, and every snapshot and row that rests on one.
    pub fn lose_power(&self) -> Result<(), JournalError> {
        let mut disk = lock(&self.0);
        let durable = disk.durable;
        disk.events.truncate(durable);
        disk.snapshots.retain(|seq, _| usize::try_from(*seq).is_ok_and(|seq| seq <= durable));
        disk.derive().map(|_| ())
    }

    /// Forgets that a store has it open, as a lock file that somebody deletes.
    pub fn break_lock(&self) {
        lock(&self.0).writer = false;
    }

    /// Makes the next append fail with this reason, storing nothing.
    pub fn fail_next_append(&self, reason: &str) {
        lock(&self.0).fail_next = Some(reason.to_owned());
    }

    /// Replaces a stored event, as a fault or a forger would.
    pub fn tamper(&self, seq: u64, change: impl FnOnce(&mut Envelope)) {
        let mut disk = lock(&self.0);
        if let Some(envelope) = disk.events.iter_mut().find(|envelope| envelope.seq == seq) {
            change(envelope);
        }
    }
}

pub(super) fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}
