//! The feed hub.
//!
//! Owns the feed and every symbol's [`Seat`]. Receives commands (add, remove, resume, drain) and the end of its pump.
//! Sends market data to the broker session and the symbol actors, step boundaries to the cross-section.
//!
//! When it crashes: the [`HubCore`] outlives it, so the next incarnation goes on with the same feed, the same rings and
//! the same numbering; a symbol actor that was skipped notices the hole in its sequence and asks for the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_broker::{Feed, FeedStats};
use tensortrade_market::{Catalog, Instrument, ManualClock, Symbol, Timeframe, Ts};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::pacing::Pacer;
use super::pump;
use super::ring::{Input, Ring};
use super::symbol::{SymbolMsg, SymbolParams, SymbolState};
use crate::ops::journal::JournalMsg;
use crate::route::Route;
use crate::step::{StepGate, StepTag};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{Admission, ReleaseReply, SupervisorHandle};
use crate::trading::session::SessionMsg;

/// Commands waiting at the hub's door at most.
const COMMANDS_MAX: usize = 4_096;

/// A symbol's place in the node: what its actor and the hub share, and what outlives a crash of either.
#[derive(Debug)]
pub struct Seat {
    /// What is traded.
    pub instrument: Instrument,
    /// Where its actor is.
    pub route: Route<SymbolMsg>,
    /// The door of its mailbox: batches in flight.
    pub door: Admission,
    /// State at the last closed step, from which a crashed actor is rebuilt. Shared with the actor until that writes.
    pub snapshot: Mutex<Arc<SymbolState>>,
    /// The first input that the snapshot does not cover.
    pub snapshot_next_seq: AtomicU64,
    /// Whether the supervisor has given up on its actor.
    pub quarantined: AtomicBool,
}

impl Seat {
    /// A seat for an instrument, its state already warmed up.
    #[must_use]
    pub fn new(instrument: Instrument, state: SymbolState, inflight_max: usize) -> Self {
        Self {
            instrument,
            route: Route::default(),
            door: Admission::new(inflight_max),
            snapshot: Mutex::new(Arc::new(state)),
            snapshot_next_seq: AtomicU64::new(0),
            quarantined: AtomicBool::new(false),
        }
    }

    /// Publishes the state after everything before `next_seq`.
    pub fn publish(&self, state: Arc<SymbolState>, next_seq: u64) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.snapshot_next_seq.store(next_seq, Ordering::Release);
    }

    /// The last published state and the first input it does not cover.
    #[must_use]
    pub fn restore(&self) -> (Arc<SymbolState>, u64) {
        let guard = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        (guard.clone(), self.snapshot_next_seq.load(Ordering::Acquire))
    }
}

/// A seat with what only the hub needs.
#[derive(Debug)]
pub struct Member {
    /// Shared with the actor.
    pub seat: Arc<Seat>,
    /// Recent input.
    pub ring: Ring,
    /// Input that goes out together with the watermark which follows at once.
    pub held: Vec<Input>,
    /// Whether an incarnation of the actor has asked for its input and gets it as it comes.
    pub attached: bool,
    /// The seat's flag, kept here because every step looks at it.
    pub quarantined: bool,
    /// The boundary of the last watermark it was sent.
    pub watermark: Ts,
    /// Whether the ring was outrun within the interval under way: it comes back at the interval's end.
    pub back_at_boundary: bool,
}

/// What the hub's work needs and what survives its crash.
pub struct HubCore {
    /// The door to the market.
    pub feed: Box<dyn Feed>,
    /// Members by name.
    pub members: BTreeMap<Symbol, Member>,
    /// Names in order, for the cross-section; `None` after membership changed, until a step needs them.
    pub names: Option<Arc<[Symbol]>>,
    /// Symbols removed on purpose: data that still comes for them adds nobody.
    pub removed: BTreeSet<Symbol>,
    /// Whether symbols that appear in the data join by themselves.
    pub open_universe: bool,
    /// Speed; `None` is as fast as the tree can.
    pub pacer: Option<Pacer>,
    /// Steps up to here only warm the models up.
    pub warm_up_until: Ts,
    /// Steps begun in this run.
    pub step: u64,
    /// The step that is on its way.
    pub awaiting: Option<Ts>,
    /// The step that has begun and whose watermarks have not all been sent.
    pub unsent: Option<StepTag>,
    /// The last boundary passed.
    pub watermark: Ts,
    /// Whether a drain was asked for: no more data is released.
    pub draining: bool,
}

/// Fixed surroundings of the hub.
#[derive(Clone)]
pub struct HubContext {
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// Parameters of symbol actors.
    pub symbol_params: Arc<SymbolParams>,
    /// The supervisor of symbol actors.
    pub symbols: SupervisorHandle,
    /// Makes the child specification of a symbol.
    pub symbol_spec: Arc<dyn Fn(Arc<Seat>) -> crate::supervision::ChildSpec + Send + Sync>,
    /// The broker session.
    pub session: Route<SessionMsg>,
    /// The door of the session's mailbox.
    pub session_door: Admission,
    /// The cross-section.
    pub cross_section: Route<CrossSectionMsg>,
    /// The journal.
    pub journal: Route<JournalMsg>,
    /// Where finished steps are reported.
    pub gate: StepGate,
    /// The market clock, moved by the data in replay and simulation.
    pub market_clock: ManualClock,
    /// Decision timeframe.
    pub decision: Timeframe,
    /// History that a joining symbol is warmed up with.
    pub warm_up_bars: usize,
    /// Rows kept per symbol.
    pub ring_rows: usize,
    /// Batches in flight per symbol.
    pub inflight_max: usize,
    /// Counts.
    pub stats: Arc<HubStats>,
    /// How the data ended.
    pub end: watch::Sender<Option<DataEnd>>,
    /// Data flows only once this is true: the node has reconciled.
    pub open: watch::Receiver<bool>,
}

/// How the data ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataEnd {
    /// Everything was delivered.
    EndOfData,
    /// The input is at fault.
    Failed(String),
}

/// Counts of the hub, readable at any time.
#[derive(Debug, Default)]
pub struct HubStats {
    /// Rows delivered.
    pub rows: AtomicU64,
    /// Steps begun to trade.
    pub steps: AtomicU64,
    /// Nanoseconds spent waiting for the feed since the first row.
    pub waited_ns: AtomicU64,
    /// Nanoseconds from the first row to the last finished step, less the waiting for the feed in between.
    pub engine_ns: AtomicU64,
    /// What the feed says of itself.
    pub feed: Mutex<FeedStats>,
    /// When the first row came.
    pub first_row: Mutex<Option<Stopwatch>>,
}

impl HubStats {
    /// The engine's time: first row to last finished step, less the waiting for the reader.
    #[must_use]
    pub fn engine_ns(&self) -> u64 {
        self.engine_ns.load(Ordering::Relaxed)
    }

    /// The feed's counts as last seen.
    #[must_use]
    pub fn feed_stats(&self) -> FeedStats {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a symbol did not join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddRefused {
    /// The feed has no such symbol.
    Unknown(String),
    /// Anything else: the text tells.
    Other(String),
}

/// What became of an add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It trades from the next step on, warmed up with so many bars.
    Joined {
        /// Bars of history.
        warm_up_bars: usize,
    },
    /// It was a member already.
    Already,
}

/// A member as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct MemberView {
    /// Name.
    pub symbol: Symbol,
    /// Asset class.
    pub asset_class: String,
    /// Currency.
    pub currency: String,
    /// Whether the supervisor has given up on it.
    pub quarantined: bool,
    /// Inputs sent so far.
    pub inputs: u64,
}

/// What the hub can be told.
#[derive(Debug)]
pub enum HubCommand {
    /// Start delivering symbols. They join in turns of some milliseconds ([`pump::JOIN_TURN`]) between data, steps and
    /// other commands; answered when the last one has, each with an outcome of its own, in the order asked for.
    AddMany {
        /// Which.
        symbols: Vec<Symbol>,
        /// Journalled with them.
        by: String,
        /// What became of each.
        reply: oneshot::Sender<Vec<(Symbol, Result<Added, AddRefused>)>>,
    },
    /// Take a symbol back that the supervisor has given up on: its actor starts again and catches up from the ring.
    Release {
        /// Which.
        symbol: Symbol,
        /// What the supervisor says.
        reply: oneshot::Sender<ReleaseReply>,
    },
    /// Stop delivering a symbol; answers whether it was a member.
    Remove {
        /// Which.
        symbol: Symbol,
        /// Journalled with it.
        by: String,
        /// Whether it was a member.
        reply: oneshot::Sender<bool>,
    },
    /// An incarnation of a symbol actor wants everything from `from_seq` on.
    Resume {
        /// Which.
        symbol: Symbol,
        /// The first input it has not seen.
        from_seq: u64,
    },
    /// The supervisor gave up on a symbol, or took it back.
    Quarantine {
        /// Which.
        symbol: Symbol,
        /// Given up on, or taken back.
        quarantined: bool,
    },
    /// Who is a member.
    List {
        /// The members by name.
        reply: oneshot::Sender<Vec<MemberView>>,
    },
    /// Release no more data; answers when no step is on its way.
    Drain {
        /// Answered once.
        reply: oneshot::Sender<()>,
    },
}

/// What symbols want of the hub: one entry a symbol, the newest wish of each kind. So however many start or fail at once,
/// no wish is lost and none waits in front of a person's command for longer than there are symbols.
#[derive(Debug, Default)]
struct Notes {
    waiting: Mutex<BTreeMap<Symbol, Note>>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Note {
    quarantined: Option<bool>,
    resume: Option<u64>,
}

impl Notes {
    fn put(&self, symbol: Symbol, write: impl FnOnce(&mut Note)) {
        write(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(symbol).or_default());
        self.came.notify_one();
    }

    fn take(&self) -> Option<HubCommand> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut first) = waiting.first_entry() {
            let symbol = *first.key();
            if let Some(quarantined) = first.get_mut().quarantined.take() {
                return Some(HubCommand::Quarantine { symbol, quarantined });
            }
            // Newer than the quarantine it came with, or from an actor that is gone, whom nothing reaches.
            if let Some(from_seq) = first.remove().resume {
                return Some(HubCommand::Resume { symbol, from_seq });
            }
        }
        None
    }
}

/// The hub's address.
#[derive(Debug, Clone)]
pub struct HubHandle {
    commands: mpsc::Sender<HubCommand>,
    notes: Arc<Notes>,
}

/// Where the hub's commands come out.
#[derive(Debug)]
pub struct HubDoor {
    commands: mpsc::Receiver<HubCommand>,
    notes: Arc<Notes>,
}

impl HubDoor {
    /// The next command, those of symbols first; `None` when nobody is left to send one. Cancel-safe.
    pub async fn recv(&mut self) -> Option<HubCommand> {
        loop {
            if let Some(command) = self.notes.take() {
                return Some(command);
            }
            tokio::select! {
                biased;
                () = self.notes.came.notified() => {}
                command = self.commands.recv() => return command,
            }
        }
    }
}

impl HubDoor {
    /// The next command if one has come.
    pub fn try_recv(&mut self) -> Option<HubCommand> {
        self.notes.take().or_else(|| self.commands.try_recv().ok())
    }
}

/// The hub has gone, or has more commands waiting than it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the feed hub does not answer")]
pub struct HubGone;

impl HubHandle {
    /// A door and what comes through it.
    #[must_use]
    pub fn new() -> (Self, HubDoor) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let notes = Arc::new(Notes::default());
        (Self { commands, notes: Arc::clone(&notes) }, HubDoor { commands: receiver, notes })
    }

    /// Sends a command that nobody waits for. What symbols send always finds room; the rest may be refused.
    pub fn tell(&self, command: HubCommand) -> Result<(), HubGone> {
        if self.commands.is_closed() {
            return Err(HubGone);
        }
        match command {
            HubCommand::Resume { symbol, from_seq } => {
                self.notes.put(symbol, |note| note.resume = Some(from_seq));
                Ok(())
            }
            HubCommand::Quarantine { symbol, quarantined } => {
                self.notes.put(symbol, |note| note.quarantined = Some(quarantined));
                Ok(())
            }
            other => self.commands.try_send(other).map_err(|_| HubGone),
        }
    }

    /// Sends a command and waits for its answer, at most `limit`.
    pub async fn ask<R>(
        &self,
        limit: Duration,
        command: impl FnOnce(oneshot::Sender<R>) -> HubCommand,
    ) -> Result<R, HubGone> {
        let (reply, answer) = oneshot::channel();
        let work = async {
            self.commands.send(command(reply)).await.map_err(|_| HubGone)?;
            answer.await.map_err(|_| HubGone)
        };
        tokio::time::timeout(limit, work).await.map_err(|_| HubGone)?
    }
}

/// What outlives the hub's incarnations.
pub struct HubShared {
    /// Feed, members, numbering.
    pub core: tokio::sync::Mutex<HubCore>,
    /// What comes through the hub's door.
    pub commands: tokio::sync::Mutex<HubDoor>,
}

/// The actor.
pub struct Hub;

/// What the hub actor is started with.
pub struct HubArgs {
    /// What outlives it.
    pub shared: Arc<HubShared>,
    /// Its surroundings.
    pub context: HubContext,
    /// Its side of supervision.
    pub child: crate::supervision::ChildHandle,
}

/// What the hub actor is sent.
#[derive(Debug)]
pub enum HubMsg {
    /// The pump has ended: by the end of data (`None`), or by a failure.
    PumpEnded(Option<String>),
    /// A sign of life is wanted.
    Ping,
}

/// Aborts the pump when the hub goes.
pub struct HubState {
    pump: tokio::task::JoinHandle<()>,
    child: crate::supervision::ChildHandle,
}

impl Drop for HubState {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Actor for Hub {
    type Msg = HubMsg;
    type State = HubState;
    type Arguments = HubArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<HubMsg>,
        args: HubArgs,
    ) -> Result<HubState, ActorProcessingErr> {
        let HubArgs { shared, context, child } = args;
        // Two tasks: the inner one may panic, the outer one tells the hub.
        let inner = tokio::spawn(async move { pump::run(&shared, &context).await });
        let pump = tokio::spawn(async move {
            let _abort = AbortOnDrop(inner.abort_handle());
            let failure = match inner.await {
                Ok(()) => None,
                Err(error) => Some(error.to_string()),
            };
            // Fails only when the hub is gone, and then nobody needs to know.
            let _ = myself.cast(HubMsg::PumpEnded(failure));
        });
        Ok(HubState { pump, child })
    }

    async fn handle(
        &self,
        _myself: ActorRef<HubMsg>,
        message: HubMsg,
        state: &mut HubState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HubMsg::Ping => state.child.beat(),
            // At the end of data the hub stays: commands are refused by the closed door, the tree stays whole.
            HubMsg::PumpEnded(None) => {}
            HubMsg::PumpEnded(Some(why)) => return Err(format!("the pump failed: {why}").into()),
        }
        Ok(())
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);
impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
