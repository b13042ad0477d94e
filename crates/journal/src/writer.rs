//! Chaining and group commit: what the journal actor owns. The actor adds a mailbox and a timer, nothing else.

use std::collections::VecDeque;

use tensortrade_market::Ts;

use crate::envelope::{Envelope, Hash, Head};
use crate::error::JournalError;
use crate::event::{Event, SnapshotTaken};
use crate::meta::JournalId;
use crate::projection::{RowSet, project};
use crate::recover::{Opening, recover};
use crate::state::Recovered;
use crate::store::{Snapshot, Store};
use crate::trace::TraceHash;

/// Most events staged between two commits.
pub const PENDING_EVENTS_MAX: usize = 65_536;

/// Most payload bytes staged between two commits.
pub const PENDING_BYTES_MAX: usize = 64 << 20;

/// Rows after which a slice of what lags behind is closed: as many as are written in a few milliseconds.
const SLICE_ROWS: usize = 1024;
/// What poisons a writer whose commit was dropped before its outcome was known.
const ABANDONED: &str = "a commit was abandoned before its outcome was known";
/// Bytes of events after which a snapshot is due however few they are: a restart folds at most about twice as many again.
pub const SNAPSHOT_EVERY_BYTES: u64 = 32 << 20;

/// Writes one journal.
///
/// [`stage`](Self::stage) numbers, chains and folds an event in memory; [`commit`](Self::commit) makes all staged events
/// durable in one transaction. An event may be acted upon only after the commit that holds it has returned `Ok`.
///
/// After a failed or abandoned commit the writer is poisoned: what is stored is not known to agree with what was staged,
/// so every later call fails with the first reason, and trading must halt. A restart reads the truth from the store.
pub struct JournalWriter {
    store: Box<dyn Store>,
    state: Recovered,
    committed: Head,
    pending: Vec<Envelope>,
    pending_bytes: usize,
    /// Rows that are not stored yet, of pending events and of the last ones that were stored alone.
    rows: RowSet,
    /// Rows of earlier events that were stored alone, in slices that end with the event named.
    behind: VecDeque<(u64, RowSet)>,
    trace: TraceHash,
    /// The event that the last snapshot was begun at, and the bytes of events since.
    snapshot_at: u64,
    snapshot_bytes: u64,
    /// A snapshot that is being stored, and its next piece.
    storing: Option<(Snapshot, usize)>,
    poisoned: Option<String>,
}

impl std::fmt::Debug for JournalWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalWriter")
            .field("place", &self.store.place())
            .field("committed", &self.committed)
            .field("pending", &self.pending.len())
            .field("poisoned", &self.poisoned)
            .finish_non_exhaustive()
    }
}

impl JournalWriter {
    /// Checks the end of the chain and recovers the state from the newest usable snapshot and the events after it.
    pub async fn open(mut store: Box<dyn Store>) -> Result<(Self, Opening), JournalError> {
        let (state, opening) = recover(store.as_mut()).await?;
        let writer = Self {
            committed: state.head,
            store,
            pending: Vec::new(),
            pending_bytes: 0,
            rows: RowSet::default(),
            behind: VecDeque::new(),
            trace: TraceHash::default(),
            snapshot_at: opening.snapshot.unwrap_or(0),
            snapshot_bytes: opening.folded_bytes,
            storing: None,
            state,
            poisoned: None,
        };
        Ok((writer, opening))
    }

    /// Which journal this is.
    #[must_use]
    pub fn id(&self) -> &JournalId {
        &self.store.meta().id
    }

    /// Numbers, chains and folds an event; returns its number. It is not stored yet.
    ///
    /// An event that cannot be written or booked, or that does not fit into the limits, changes nothing.
    pub fn stage(&mut self, event: &Event, recorded_at: Ts) -> Result<u64, JournalError> {
        self.alive()?;
        if self.pending.len() >= PENDING_EVENTS_MAX || self.pending_bytes >= PENDING_BYTES_MAX {
            return Err(JournalError::PendingFull { events: self.pending.len(), bytes: self.pending_bytes });
        }
        let envelope = Envelope::seal(&self.state.head, recorded_at, event.kind(), event.encode()?);
        let seq = envelope.seq;
        let applied = self.state.apply(envelope.head(), event).map_err(|e| JournalError::Unbookable {
            seq,
            kind: event.kind(),
            reason: e.to_string(),
        })?;
        project(seq, event, applied, &self.state, &mut self.rows);
        self.trace.update(event, &envelope.payload);
        self.pending_bytes += envelope.payload.len();
        self.snapshot_bytes += envelope.payload.len() as u64;
        self.pending.push(envelope);
        Ok(seq)
    }

    /// Stores everything staged, and completes the tables; returns the new head. With [`crate::Durability::Power`] it
    /// survives a power loss from then on. Nothing staged costs nothing.
    pub async fn commit(&mut self) -> Result<Head, JournalError> {
        while self.commit_rows().await? {}
        self.alive()?;
        if self.pending.is_empty() && self.store.lag().is_none() {
            return Ok(self.committed);
        }
        self.poisoned = Some(ABANDONED.to_owned());
        let appended = self.store.append(&self.pending, &self.rows).await;
        self.settle(appended)?;
        self.rows.clear();
        Ok(self.stored())
    }

    /// As [`commit`](Self::commit), but the events alone, in one statement: for those who wait. The rows they change are left
    /// for [`commit_rows`](Self::commit_rows) and the next commit, so that an intent does not wait for a page of bars.
    pub async fn commit_events(&mut self) -> Result<Head, JournalError> {
        self.alive()?;
        if self.pending.is_empty() {
            return Ok(self.committed);
        }
        self.poisoned = Some(ABANDONED.to_owned());
        let appended = self.store.append_events(&self.pending).await;
        self.settle(appended)?;
        let head = self.stored();
        if self.rows.len() >= SLICE_ROWS {
            self.behind.push_back((head.seq, std::mem::take(&mut self.rows)));
        }
        Ok(head)
    }

    /// Stores one slice of the rows that lag behind, or starts to; `false` when there is none.
    pub async fn commit_rows(&mut self) -> Result<bool, JournalError> {
        self.alive()?;
        let Some((upto, rows)) = self.behind.pop_front() else { return Ok(false) };
        self.poisoned = Some(ABANDONED.to_owned());
        let appended = self.store.append_rows(rows, upto).await;
        self.settle(appended)?;
        Ok(true)
    }

    /// Closes the slice of rows that lag behind, however small it is, if it holds no row of a pending event.
    pub fn close_slice(&mut self) {
        if self.pending.is_empty()
            && (!self.rows.is_empty() || self.store.lag().is_some())
            && self.behind.is_empty()
        {
            self.behind.push_back((self.committed.seq, std::mem::take(&mut self.rows)));
        }
    }

    /// Whether a slice or a piece of a snapshot is being stored: the next one would wait for it.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.store.is_busy()
    }

    /// Slices of rows that [`commit_rows`](Self::commit_rows) has still to store.
    #[must_use]
    pub fn slices_behind(&self) -> usize {
        self.behind.len()
    }

    /// Takes back the poison that stands while a commit is under way: whoever drops its future halfway leaves it.
    fn settle(&mut self, outcome: Result<(), JournalError>) -> Result<(), JournalError> {
        self.poisoned = outcome.as_ref().err().map(ToString::to_string);
        outcome
    }

    fn stored(&mut self) -> Head {
        self.committed = self.state.head;
        self.pending.clear();
        self.pending_bytes = 0;
        self.committed
    }

    /// Commits, and waits until everything survives a power loss, whatever the store's durability.
    pub async fn sync(&mut self) -> Result<Head, JournalError> {
        let head = self.commit().await?;
        match self.store.sync().await {
            Ok(_) => Ok(head),
            Err(e) => {
                self.poisoned = Some(e.to_string());
                Err(e)
            }
        }
    }

    /// Whether `every` events or [`SNAPSHOT_EVERY_BYTES`] have come since a snapshot was last begun, and none is under way.
    #[must_use]
    pub fn snapshot_due(&self, every: u64) -> bool {
        let due = self.committed.seq.saturating_sub(self.snapshot_at) >= every
            || self.snapshot_bytes >= SNAPSHOT_EVERY_BYTES;
        due && self.storing.is_none()
    }

    /// Begins a snapshot: the state as committed, for [`Snapshot::of`] to be made of it, on another thread best. `None`
    /// while events are staged. A copy of what the books hold is cheap, and orders go on meanwhile.
    pub fn begin_snapshot(&mut self) -> Option<Recovered> {
        if !self.pending.is_empty() {
            return None;
        }
        self.snapshot_at = self.committed.seq;
        self.snapshot_bytes = 0;
        Some(self.state.clone())
    }

    /// Takes a snapshot, to be stored by [`store_snapshot_piece`](Self::store_snapshot_piece). One that was being stored is
    /// given up.
    pub fn store_snapshot(&mut self, snapshot: Snapshot) {
        self.storing = Some((snapshot, 0));
    }

    /// Does one piece of work for the snapshot under way: stores a piece of it, or, behind the last one, a slice of the rows
    /// that lag behind it, since the tables must have what a snapshot covers: they cannot be derived from it. Then journals
    /// that it was taken. `false` when nothing is left to do.
    ///
    /// A failure gives the snapshot up, and nothing else: the events are the truth.
    pub async fn store_snapshot_piece(&mut self, recorded_at: Ts) -> Result<bool, JournalError> {
        self.alive()?;
        let Some((snapshot, next)) = self.storing.take() else { return Ok(false) };
        let seq = snapshot.head.seq;
        let piece = snapshot.parts().nth(next);
        if let Some((part, bytes)) = piece {
            self.store.put_snapshot_part(seq, part, bytes).await?;
            self.storing = Some((snapshot, next + 1));
            return Ok(true);
        }
        if self.store.lag().is_some_and(|derived| derived < seq) {
            if self.behind.is_empty() {
                self.commit_events().await?;
                self.close_slice();
            }
            self.commit_rows().await?;
            self.storing = Some((snapshot, next));
            return Ok(true);
        }
        self.store.seal_snapshot(&snapshot).await?;
        let (state_hash, bytes) = (snapshot.state_hash, snapshot.state.len() as u64);
        self.stage(&SnapshotTaken { upto: seq, state_hash, bytes }.into(), recorded_at)?;
        Ok(false)
    }

    /// Commits, stores a snapshot of the state whole, and journals that it did; returns the new head. For an end, where
    /// nobody waits.
    pub async fn snapshot(&mut self, recorded_at: Ts) -> Result<Head, JournalError> {
        self.commit().await?;
        if let Some(state) = self.begin_snapshot() {
            self.store_snapshot(Snapshot::of(&state)?);
        }
        while self.store_snapshot_piece(recorded_at).await? {}
        self.commit().await
    }

    /// The state after everything staged.
    #[must_use]
    pub const fn state(&self) -> &Recovered {
        &self.state
    }

    /// The last committed event.
    #[must_use]
    pub const fn committed(&self) -> Head {
        self.committed
    }

    /// Events staged and not committed.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Payload bytes staged and not committed.
    #[must_use]
    pub const fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Hash of what the run has decided, ordered and traded so far, and of its positions.
    #[must_use]
    pub fn trace_hash(&self) -> Hash {
        self.trace.finish(&self.state)
    }

    /// The first failure, after which nothing is written any more.
    #[must_use]
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// The store, for reading beside the writing.
    pub fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut()
    }

    /// Commits, syncs and closes.
    pub async fn close(mut self) -> Result<Head, JournalError> {
        let head = self.sync().await?;
        self.store.close().await?;
        Ok(head)
    }

    fn alive(&self) -> Result<(), JournalError> {
        match &self.poisoned {
            Some(reason) => Err(JournalError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
