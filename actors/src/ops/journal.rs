//! The journal writer.
//!
//! Owns the chain and the group commit. Receives events; those that somebody waits for are committed at once, together
//! with all that came before; the others at latest after the commit interval. Sends nothing but answers.
//!
//! When it crashes or cannot write: the writer refuses everything after the first failure, so nothing that needs a record
//! acts any more; the breaker's gate is halted and the node ends with a code that the service manager sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_journal::{Event, Head, JournalWriter, Recovered};
use tensortrade_market::Clock;
use tokio::sync::oneshot;

use super::writer_slot::{CLOSED, SharedWriter};
use crate::route::Route;
use crate::supervision::{Admission, Admitted, ChildHandle};
use crate::trading::breaker::BreakerView;

/// Events that start a commit by themselves: as many as one statement takes.
const COMMIT_AT_EVENTS: usize = 64;

/// Slices of rows that may lag behind the events before those who write wait for them. Until then they are stored one after
/// the other in the background, and no order waits for one.
const SLICES_BEHIND_MAX: usize = 32;

/// What the journal is sent.
#[derive(Debug)]
pub enum JournalMsg {
    /// Record these; nobody waits.
    Append(Vec<Event>),
    /// A message that holds a place in the mailbox.
    Admitted(Box<Admitted<JournalMsg>>),
    /// Record these and answer when they are durable.
    AppendDurable {
        /// The events, in order.
        events: Vec<Event>,
        /// The chain's end after the commit, or why there is none.
        reply: oneshot::Sender<Result<Head, String>>,
    },
    /// Commit what is staged, then tell the state that follows from all events.
    Recover {
        /// The state.
        reply: oneshot::Sender<Result<Box<Recovered>, String>>,
    },
    /// The commit interval has passed.
    Tick,
    /// A sign of life is wanted.
    Ping,
}

/// The journal's address for those who send much: they wait when it falls behind.
#[derive(Debug, Clone)]
pub struct JournalDoor {
    /// Where it is.
    pub route: Route<JournalMsg>,
    /// The door of its mailbox.
    pub door: Admission,
}

impl JournalDoor {
    /// Sends a message and waits while the journal's mailbox is full.
    pub async fn send(&self, message: JournalMsg) {
        if let Ok(message) = self.door.admit(message).await {
            self.route.cast(JournalMsg::Admitted(Box::new(message)));
        }
    }
}

/// Counts of the journal, readable at any time.
#[derive(Debug, Default)]
pub struct JournalStats {
    /// Events taken so far, earlier runs included.
    pub events: AtomicU64,
    /// Commits done.
    pub commits: AtomicU64,
}

/// The actor.
pub struct Journal;

/// What it is started with.
pub struct JournalArgs {
    /// Where it is found.
    pub route: Route<JournalMsg>,
    /// Chain, store, pending events.
    pub writer: SharedWriter,
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

/// What it owns.
pub struct JournalState {
    args: JournalArgs,
    /// Events taken since the last commit.
    staged: usize,
    since_snapshot: u64,
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
        args.route.register(myself.clone());
        myself.send_interval(args.commit_interval, || JournalMsg::Tick);
        Ok(JournalState { args, staged: 0, since_snapshot: 0 })
    }

    async fn handle(
        &self,
        _myself: ActorRef<JournalMsg>,
        message: JournalMsg,
        state: &mut JournalState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            JournalMsg::Admitted(admitted) => {
                if let JournalMsg::Append(events) = admitted.into_inner() {
                    state.append(events).await?;
                }
            }
            JournalMsg::Append(events) => state.append(events).await?,
            JournalMsg::AppendDurable { events, reply } => {
                state.accept(events).await;
                let outcome = state.commit(Extent::Events).await;
                // Whoever asked may have given up waiting; the record stands.
                let _ = reply.send(outcome.clone());
                outcome?;
                state.relieve().await?;
            }
            JournalMsg::Recover { reply } => {
                let outcome = state.commit(Extent::Everything).await;
                let answer = match outcome {
                    Ok(_) => match state.args.writer.lock().await.as_ref() {
                        Some(writer) => Ok(Box::new(writer.state().clone())),
                        None => Err(CLOSED.to_owned()),
                    },
                    Err(error) => Err(error),
                };
                let _ = reply.send(answer);
            }
            JournalMsg::Tick => {
                let quiet = state.staged == 0;
                state.commit(Extent::Events).await?;
                state.follow(quiet).await?;
            }
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
    async fn append(&mut self, events: Vec<Event>) -> Result<(), ActorProcessingErr> {
        self.accept(events).await;
        if let Some(why) = self.args.writer.failed() {
            return Err(self.fail(why).into());
        }
        if self.staged >= COMMIT_AT_EVENTS {
            self.commit(Extent::Events).await?;
            self.relieve().await?;
        }
        Ok(())
    }

    /// Lets rows follow: starts to store a slice, if none is being stored; with too many behind, waits for it.
    async fn relieve(&mut self) -> Result<(), String> {
        self.follow(false).await?;
        if self.slices_behind().await >= SLICES_BEHIND_MAX {
            self.commit(Extent::Slice).await?;
        }
        Ok(())
    }

    /// Starts to store a slice of the rows that lag behind, unless one is being stored; when all is quiet, a small one too.
    async fn follow(&mut self, quiet: bool) -> Result<(), String> {
        let due = {
            let mut guard = self.args.writer.lock().await;
            let Some(writer) = guard.as_mut().filter(|writer| !writer.is_storing_rows()) else {
                return Ok(());
            };
            if quiet {
                writer.close_slice();
            }
            writer.slices_behind() > 0
        };
        if due {
            self.commit(Extent::Slice).await?;
        }
        Ok(())
    }

    async fn accept(&mut self, events: Vec<Event>) {
        self.staged += events.len();
        self.args.stats.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        self.args.writer.accept(events, self.args.clock.now()).await;
    }

    async fn slices_behind(&self) -> usize {
        self.args.writer.lock().await.as_ref().map_or(0, JournalWriter::slices_behind)
    }

    async fn commit(&mut self, extent: Extent) -> Result<Head, String> {
        let mut guard = self.args.writer.lock().await;
        if let Some(why) = self.args.writer.failed() {
            return Err(self.fail(why));
        }
        let Some(writer) = guard.as_mut() else { return Err(CLOSED.to_owned()) };
        let committed = match extent {
            Extent::Events => writer.commit_events().await,
            Extent::Slice => writer.commit_rows().await.map(|_| writer.committed()),
            Extent::Everything => writer.commit().await,
        };
        match committed {
            Ok(head) if extent == Extent::Slice => Ok(head),
            Ok(head) => {
                self.since_snapshot += self.staged as u64;
                if self.staged > 0 {
                    self.args.stats.commits.fetch_add(1, Ordering::Relaxed);
                }
                self.staged = 0;
                if self.since_snapshot >= self.args.snapshot_every {
                    self.since_snapshot = 0;
                    if let Err(error) = writer.snapshot(self.args.clock.now()).await {
                        // The events are the truth; without a snapshot the next start only takes longer.
                        tracing::warn!(%error, "no snapshot was written");
                    }
                }
                Ok(head)
            }
            Err(error) => Err(self.fail(&error.to_string())),
        }
    }

    /// Nothing can be recorded: nothing may be sent.
    fn fail(&self, why: &str) -> String {
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
