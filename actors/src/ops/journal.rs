//! The journal writer.
//!
//! Commits what stands in the queue before the writer (`writer_slot.rs`): at once what somebody waits for, together with all
//! that came before; the rest at latest after the commit interval. Sends nothing but answers.
//!
//! When it crashes: queue, writer and owed answers are outside, and the next incarnation goes on with them. When it cannot
//! write: the writer refuses everything after the first failure, so nothing that needs a record acts any more; the breaker's
//! gate is halted and the node ends with a code that the service manager sees.
//!
//! Rows of derived tables and snapshots follow the events, one piece of work at a time, which the store does in the background
//! if it can: whoever waits for a commit waits for none of it. A snapshot is due now and then: it is a copy of the state, made
//! into bytes on another thread and stored in pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_journal::{JournalWriter, Snapshot};
use tensortrade_market::Clock;

use super::door::JournalDoor;
use super::writer_slot::CLOSED;
use crate::supervision::ChildHandle;
use crate::trading::breaker::BreakerView;

/// Slices of rows that may lag behind the events before those who write wait for them. Until then they are stored one after
/// the other in the background, and no order waits for one.
const SLICES_BEHIND_MAX: usize = 32;

/// What the journal is sent.
#[derive(Debug)]
pub enum JournalMsg {
    /// There is something in the queue.
    Work,
    /// A snapshot has been made into bytes.
    Snapshot(Box<Snapshot>),
    /// Store a piece of the snapshot under way.
    SnapshotPiece,
    /// The commit interval has passed.
    Tick,
    /// A sign of life is wanted.
    Ping,
}

/// Counts of the journal, readable at any time.
#[derive(Debug, Default)]
pub struct JournalStats {
    /// Events on record, earlier runs included.
    pub events: AtomicU64,
    /// Commits done.
    pub commits: AtomicU64,
}

/// The actor.
pub struct Journal;

/// What it is started with.
pub struct JournalArgs {
    /// The queue and the writer behind it.
    pub door: JournalDoor,
    /// The node's clock.
    pub clock: Arc<dyn Clock>,
    /// Longest time an event stays uncommitted.
    pub commit_interval: Duration,
    /// Events after which a snapshot is written.
    pub snapshot_every: u64,
    /// Halted when nothing can be recorded.
    pub breaker: Arc<BreakerView>,
    /// Counts.
    pub stats: Arc<JournalStats>,
    /// Told the first failure.
    pub failed: tokio::sync::watch::Sender<Option<String>>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

impl JournalArgs {
    /// What a journal is started with that stands alone, for tests and benches.
    #[must_use]
    pub fn of_a_test(door: &JournalDoor) -> Self {
        Self {
            door: door.clone(),
            clock: Arc::new(tensortrade_market::ManualClock::at(tensortrade_market::Ts::ZERO)),
            commit_interval: Duration::from_millis(100),
            snapshot_every: u64::MAX,
            breaker: Arc::default(),
            stats: Arc::default(),
            failed: tokio::sync::watch::channel(None).0,
            child: ChildHandle::detached(1),
        }
    }
}

/// What it owns.
pub struct JournalState {
    args: JournalArgs,
    myself: ActorRef<JournalMsg>,
    /// A piece of a snapshot was to be stored while the store was busy.
    piece_waits: bool,
    /// What was last stored beside the events was a piece, not a slice of rows.
    piece_was_last: bool,
}

impl Actor for Journal {
    type Msg = JournalMsg;
    type State = JournalState;
    type Arguments = JournalArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<JournalMsg>,
        args: JournalArgs,
    ) -> Result<JournalState, ActorProcessingErr> {
        args.door.route.register(myself.clone());
        myself.send_interval(args.commit_interval, || JournalMsg::Tick);
        // What an earlier incarnation left, and a snapshot that was being stored when it ended.
        myself.cast(JournalMsg::Work)?;
        myself.cast(JournalMsg::SnapshotPiece)?;
        Ok(JournalState { args, myself, piece_waits: false, piece_was_last: false })
    }

    async fn handle(
        &self,
        _myself: ActorRef<JournalMsg>,
        message: JournalMsg,
        state: &mut JournalState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            JournalMsg::Work => {
                state.args.door.slot.looks();
                state.commit(Extent::Events).await?;
                state.relieve().await?;
            }
            JournalMsg::Tick => {
                let quiet = state.args.door.slot.is_quiet();
                state.commit(Extent::Events).await?;
                state.follow(quiet).await?;
            }
            JournalMsg::Snapshot(snapshot) => {
                if let Some(writer) = state.args.door.slot.lock().await.as_mut() {
                    writer.store_snapshot(*snapshot);
                }
                state.store_snapshot_piece().await;
            }
            JournalMsg::SnapshotPiece => state.store_snapshot_piece().await,
            JournalMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<JournalMsg>,
        state: &mut JournalState,
    ) -> Result<(), ActorProcessingErr> {
        // A drain has handled every message; what is staged is committed now rather than by the node's close.
        state.commit(Extent::Everything).await?;
        Ok(())
    }
}

/// How much a commit stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The events that are staged. Their rows follow.
    Events,
    /// Some of the rows that lag behind.
    Slice,
    /// Events and all rows.
    Everything,
}

impl JournalState {
    /// Lets rows and a snapshot follow; with too many slices behind, waits for one.
    async fn relieve(&mut self) -> Result<(), String> {
        self.follow(false).await?;
        if self.slices_behind().await >= SLICES_BEHIND_MAX {
            self.commit(Extent::Slice).await?;
        }
        Ok(())
    }

    /// Starts to store a slice of the rows that lag behind or a piece of a snapshot, in turn, unless one is being stored;
    /// when all is quiet, a small slice too.
    async fn follow(&mut self, quiet: bool) -> Result<(), String> {
        let slice = {
            let mut guard = self.args.door.slot.lock().await;
            let Some(writer) = guard.as_mut().filter(|writer| !writer.is_busy()) else { return Ok(()) };
            if quiet {
                writer.close_slice();
            }
            writer.slices_behind() > 0
        };
        if self.piece_waits && !(slice && self.piece_was_last) {
            self.store_snapshot_piece().await;
        } else if slice {
            self.piece_was_last = false;
            self.commit(Extent::Slice).await?;
        }
        Ok(())
    }

    async fn slices_behind(&self) -> usize {
        self.args.door.slot.lock().await.as_ref().map_or(0, JournalWriter::slices_behind)
    }

    async fn commit(&mut self, extent: Extent) -> Result<(), String> {
        let slot = &self.args.door.slot;
        let mut guard = slot.lock().await;
        if let Some(why) = slot.failed() {
            return Err(self.fail(why));
        }
        let Some(writer) = guard.as_mut() else { return Err(CLOSED.to_owned()) };
        let before = writer.committed().seq;
        let committed = match extent {
            Extent::Events => writer.commit_events().await.map(|_| ()),
            Extent::Slice => writer.commit_rows().await.map(|_| ()),
            Extent::Everything => writer.commit().await.map(|_| ()),
        };
        if let Err(error) = committed {
            return Err(self.fail(&error.to_string()));
        }
        if extent == Extent::Slice {
            return Ok(());
        }
        slot.settle(writer);
        let stored = writer.committed().seq - before;
        if stored > 0 {
            self.args.stats.events.store(writer.committed().seq, Ordering::Relaxed);
            self.args.stats.commits.fetch_add(1, Ordering::Relaxed);
        }
        self.begin_snapshot(writer);
        Ok(())
    }

    /// Makes a snapshot into bytes if one is due. Without one the next start only takes longer.
    fn begin_snapshot(&self, writer: &mut JournalWriter) {
        if !writer.snapshot_due(self.args.snapshot_every) {
            return;
        }
        let Some(frozen) = writer.begin_snapshot() else { return };
        let myself = self.myself.clone();
        let make = move || match Snapshot::of(&frozen) {
            // Refused only when this incarnation has ended: the next one makes another.
            Ok(snapshot) => drop(myself.cast(JournalMsg::Snapshot(Box::new(snapshot)))),
            Err(error) => tracing::warn!(%error, "no snapshot was made"),
        };
        if self.args.door.slot.in_background() {
            drop(tokio::task::spawn_blocking(make));
        } else {
            make();
        }
    }

    /// One piece, and behind everything that waits in the mailbox by then the next. While the store is busy the piece waits.
    async fn store_snapshot_piece(&mut self) {
        let mut guard = self.args.door.slot.lock().await;
        let Some(writer) = guard.as_mut() else { return };
        self.piece_waits = writer.is_busy();
        if self.piece_waits {
            return;
        }
        self.piece_was_last = true;
        match writer.store_snapshot_piece(self.args.clock.now()).await {
            // Refused only when this incarnation has ended.
            Ok(true) => drop(self.myself.cast(JournalMsg::SnapshotPiece)),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a snapshot was not stored"),
        }
    }

    /// Nothing can be recorded: nothing may be sent.
    fn fail(&self, why: &str) -> String {
        self.args.door.slot.give_up(why);
        self.args.breaker.gate.halt();
        self.args.failed.send_if_modified(|first| {
            let unset = first.is_none();
            if unset {
                tracing::error!(%why, "the journal cannot be written: trading halts");
                *first = Some(why.to_owned());
            }
            unset
        });
        why.to_owned()
    }
}
