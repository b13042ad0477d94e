//! Where a journal is kept: one trait, and the same promises from every store. The conformance tests run against each.

mod memory;
pub(crate) mod replay;
mod sqlite;

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

pub use memory::{MemoryDisk, MemoryStore};
pub use sqlite::{Access, SqliteStore};

use crate::envelope::{Envelope, Hash, Head};
use crate::error::JournalError;
use crate::meta::Meta;
use crate::projection::{Cell, Row, RowSet, Table};
use crate::state::{Recovered, STATE_VERSION};

/// Most events one page holds.
pub const PAGE_EVENTS_MAX: usize = 4096;

/// Payload bytes after which a page ends early; it always holds at least one event.
pub const PAGE_BYTES_MAX: usize = 16 << 20;

/// How many snapshots are kept, the newest ones: one that turns out unreadable has a predecessor.
pub const SNAPSHOTS_KEPT: usize = 3;

/// Bytes of a snapshot that are stored at once: what an order may have to wait for.
pub const SNAPSHOT_PART_BYTES: usize = 128 << 10;

/// What an appended event survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// A power loss: every append waits for the disk. SQLite: `synchronous = FULL`.
    #[default]
    Power,
    /// A kill of the process, but the last appends may be lost when the power fails; [`Store::sync`] makes them safe.
    /// SQLite: `synchronous = NORMAL`. For replays and simulations, whose input can be played again.
    Process,
}

/// The state folded from all events up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The last event covered.
    pub head: Head,
    /// Version of the state's form, see [`crate::state::STATE_VERSION`].
    pub state_version: u32,
    /// The state's bytes.
    pub state: Vec<u8>,
    /// BLAKE3 of `state`.
    pub state_hash: Hash,
}

impl Snapshot {
    /// The snapshot of a state, its bytes written and hashed: takes a while, and can be done anywhere.
    pub fn of(state: &Recovered) -> Result<Self, JournalError> {
        let bytes = serde_json::to_vec(state)
            .map_err(|e| JournalError::Encode { kind: crate::Kind::SnapshotTaken, reason: e.to_string() })?;
        let state_hash = Hash::of(&bytes);
        Ok(Self { head: state.head, state_version: STATE_VERSION, state: bytes, state_hash })
    }

    /// The pieces it is stored in.
    pub fn parts(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (0..).zip(self.state.chunks(SNAPSHOT_PART_BYTES))
    }
}

/// What a rebuild did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Events read.
    pub events: u64,
    /// Rows in each table afterwards.
    pub rows: BTreeMap<Table, u64>,
}

/// A place for one journal. One owner, one writer; every method is one transaction.
pub trait Store: Send {
    /// What the journal says of itself.
    fn meta(&self) -> &Meta;

    /// Path or address, for messages.
    fn place(&self) -> &str;

    /// Number of the last event that survives what [`Durability::Power`] names.
    fn durable_upto(&self) -> u64;

    /// The end of the chain as stored.
    fn head(&self) -> Head;

    /// Appends events together with every row that is not stored yet, of these events and of earlier ones that
    /// [`Store::append_events`] took; all or nothing. The tables are complete afterwards. The first event must follow the
    /// head and each the one before it ([`JournalError::NotNext`]).
    fn append<'a>(
        &'a mut self,
        events: &'a [Envelope],
        rows: &'a RowSet,
    ) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Appends events alone, for those who wait for them: the rows they change follow by [`Store::append_rows`] or with the
    /// next [`Store::append`]. Until then the tables are as of an earlier event, which the store knows:
    /// [`crate::recover`] derives what a kill left out, and a frozen store ([`Store::freeze`]) shows complete tables all the same.
    fn append_events<'a>(&'a mut self, events: &'a [Envelope]) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Adds the rows that follow from the stored events after [`Store::lag`] up to number `upto`, all or nothing. A store may
    /// do it in the background: then [`Store::is_busy`], and a failure is the next call's.
    fn append_rows(&mut self, rows: RowSet, upto: u64) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Whether rows or a piece of a snapshot are being stored in the background: every call but [`Store::append_events`] would wait for them.
    fn is_busy(&self) -> bool {
        false
    }

    /// Waits for what is done in the background, and says whether it failed.
    fn settled(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// The event after which rows may be missing; `None` while none is.
    fn lag(&self) -> Option<u64>;

    /// Makes everything appended safe against a power loss; returns [`Store::durable_upto`].
    fn sync(&mut self) -> BoxFuture<'_, Result<u64, JournalError>>;

    /// A page of the events after number `after`: at most `limit` and [`PAGE_EVENTS_MAX`] of them, and not many more than
    /// [`PAGE_BYTES_MAX`] bytes. Empty only at the end.
    fn read(&mut self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Envelope>, JournalError>>;

    /// Stores piece `part` of the state of the snapshot at event `seq`, perhaps in the background: then a failure is the next
    /// piece's or the seal's. It counts for nothing until [`Store::seal_snapshot`].
    fn put_snapshot_part<'a>(
        &'a mut self,
        seq: u64,
        part: u32,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Says that every piece of a snapshot is stored, and drops all but the newest [`SNAPSHOTS_KEPT`].
    fn seal_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Numbers of the snapshots' last events, newest first.
    fn snapshot_numbers(&mut self) -> BoxFuture<'_, Result<Vec<u64>, JournalError>>;

    /// The snapshot at an event; `None` when there is none that could be read.
    fn snapshot(&mut self, seq: u64) -> BoxFuture<'_, Result<Option<Snapshot>, JournalError>>;

    /// Stores a whole snapshot.
    fn put_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            for (part, bytes) in snapshot.parts() {
                self.put_snapshot_part(snapshot.head.seq, part, bytes).await?;
            }
            self.seal_snapshot(snapshot).await
        })
    }

    /// Snapshots that can be read, newest first.
    fn snapshots(&mut self) -> BoxFuture<'_, Result<Vec<Snapshot>, JournalError>> {
        Box::pin(async move {
            let mut snapshots = Vec::new();
            for seq in self.snapshot_numbers().await? {
                snapshots.extend(self.snapshot(seq).await?);
            }
            Ok(snapshots)
        })
    }

    /// Up to `limit` rows of a table in the order of its key, those after the key `after`.
    fn rows<'a>(
        &'a mut self,
        table: Table,
        after: Option<&'a [Cell]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, JournalError>>;

    /// Number of rows in each table.
    fn row_counts(&mut self) -> BoxFuture<'_, Result<BTreeMap<Table, u64>, JournalError>>;

    /// Empties the tables and derives them from the events again, all or nothing.
    fn rebuild(&mut self) -> BoxFuture<'_, Result<Rebuilt, JournalError>>;

    /// From now until [`Store::thaw`] every read shows the journal as of this moment, also beside a writer, with the rows
    /// of every event in it.
    fn freeze(&mut self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Ends [`Store::freeze`].
    fn thaw(&mut self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// What the store finds wrong with its own structure; empty when nothing is.
    fn check(&mut self) -> BoxFuture<'_, Result<Vec<String>, JournalError>>;

    /// Finishes what is under way and closes.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), JournalError>>;
}

/// Refuses a batch that does not follow `head`.
pub(crate) fn check_follows(place: &str, head: Head, events: &[Envelope]) -> Result<(), JournalError> {
    let mut before = head;
    for envelope in events {
        // The hash was computed when the event was sealed; here only the links are compared.
        if let Some(fault) = envelope.link_fault_after(&before) {
            let fault = Box::new(fault);
            return Err(JournalError::NotNext { place: place.to_owned(), after: before.seq, fault });
        }
        before = envelope.head();
    }
    Ok(())
}
