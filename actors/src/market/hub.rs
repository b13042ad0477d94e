//! The feed hub.
//!
//! Owns the feed and every symbol's [`Seat`]. Receives commands (add, remove, resume, drain) and the end of its pump.
//! Sends market data to the broker session and the symbol actors, step boundaries to the cross-section.
//!
//! When it crashes: the [`HubCore`] outlives it, so the next incarnation goes on with the same feed, the same rings and
//! the same numbering; a symbol actor that was skipped notices the hole in its sequence and asks for the rest.

mod door;
mod seat;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_broker::{Feed, FeedHealth, FeedStats};
use tensortrade_market::{Catalog, ManualClock, Symbol, Timeframe, Ts};
use tensortrade_risk::StaleLimits;
use tokio::sync::watch;

pub use self::door::{AddRefused, Added, HubCommand, HubDoor, HubGone, HubHandle, MemberView};
pub use self::seat::{Member, Seat};
use super::pacing::Pacer;
use super::pump;
use super::pump::in_hand::InHand;
use super::pump::silence::Silence;
use super::symbol::SymbolParams;
use super::treatments::Treatments;
use crate::ops::door::JournalDoor;
use crate::route::Route;
use crate::step::{StepGate, StepTag};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{Admission, SupervisorHandle};
use crate::trading::breaker::{BreakerMsg, BreakerView};
use crate::trading::session::SessionMsg;

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
    /// What was taken from the feed and has not been sent on.
    pub in_hand: InHand,
    /// The step that has begun and whose watermarks have not all been sent.
    pub unsent: Option<StepTag>,
    /// The last boundary passed.
    pub watermark: Ts,
    /// Whether a drain was asked for: no more data is released.
    pub draining: bool,
    /// Who has been silent since when.
    pub silence: Silence,
    /// Members with something held back.
    pub backlogged: BTreeSet<Symbol>,
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
    pub journal: JournalDoor,
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
    /// How long silence may last.
    pub stale: StaleLimits,
    /// Who is tripped by it.
    pub breaker: Route<BreakerMsg>,
    /// Its state.
    pub breaker_view: Arc<BreakerView>,
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
    /// Quotes that a newer one replaced in a full mailbox.
    pub conflated: AtomicU64,
    /// Trades that a full mailbox, and what is held back for it, had no room for.
    pub dropped_trades: AtomicU64,
    /// How the feeds behind the feed are, if it is one over several.
    pub health: Mutex<Option<FeedHealth>>,
    /// When the first row came.
    pub first_row: Mutex<Option<Stopwatch>>,
    /// Treatments of odd inputs, over all symbols.
    pub treatments: Arc<Treatments>,
}

impl HubStats {
    /// The engine's time: first row to last finished step, less the waiting for the reader.
    #[must_use]
    pub fn engine_ns(&self) -> u64 {
        self.engine_ns.load(Ordering::Relaxed)
    }

    /// How the feeds behind the feed are, as last seen.
    #[must_use]
    pub fn feed_health(&self) -> Option<FeedHealth> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The feed's counts as last seen.
    #[must_use]
    pub fn feed_stats(&self) -> FeedStats {
        *self.feed.lock().unwrap_or_else(PoisonError::into_inner)
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
