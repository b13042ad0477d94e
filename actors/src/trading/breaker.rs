//! The circuit breaker.
//!
//! Owns the breaker's state. Receives trips from anyone and resets from people. A trip acts first and is recorded then,
//! because stopping is the safe side: it shows in the published copy and in the gate, where risk, execution and session
//! look, before its record is put into the journal's queue. What was approved meanwhile and comes behind that record is
//! refused by the journal. A reset is recorded first and acts then; while any record is under way nothing is reset.
//!
//! When it crashes: the published copy and the gate stay as they were, and the next incarnation starts from the copy. No
//! restart closes a breaker. The records are in the journal's queue, which outlives both actors.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_journal::event;
use tensortrade_journal::event::BreakerState as Recorded;
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Clock, Symbol, Ts};
use tensortrade_risk::breaker::{Authority, Breaker, BreakerChange, BreakerGate, BreakerState, Scope};
use tokio::sync::oneshot;

use crate::ops::door::JournalDoor;
use crate::route::Route;
use crate::supervision::ChildHandle;

/// How long those who trip wait for the record before they go on: it acts all the same.
const RECORD_DEADLINE: Duration = Duration::from_millis(500);

/// How long a reset is waited for; it acts once its record is there.
const RESET_DEADLINE: Duration = Duration::from_secs(10);

/// Where the state is read: risk for every order, the control plane for people.
#[derive(Debug, Default)]
pub struct BreakerView {
    breaker: ArcSwap<Breaker>,
    /// The node scope, for those who only need that.
    pub gate: BreakerGate,
    trips: AtomicU64,
    /// Changes that are not on record yet.
    unrecorded: AtomicU64,
    /// The breaker as it will be when the record of a reset is there. Whatever changes meanwhile goes on from it, because its
    /// record comes behind.
    resetting: Mutex<Option<Breaker>>,
}

impl BreakerView {
    /// A view that shows `breaker`, with so many trips in its past.
    #[must_use]
    pub fn new(breaker: Breaker, trips: u64) -> Self {
        let gate = BreakerGate::default();
        gate.mirror(&breaker);
        let (breaker, trips, unrecorded) = (ArcSwap::from_pointee(breaker), trips.into(), 0.into());
        Self { breaker, gate, trips, unrecorded, resetting: Mutex::new(None) }
    }

    /// The state at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Breaker> {
        self.breaker.load_full()
    }

    /// How often it was tripped.
    #[must_use]
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }

    /// Changes that are not on record yet.
    #[must_use]
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.load(Ordering::Acquire)
    }

    /// What an order of this strategy in this symbol must pass: the worst of node, strategy, symbol and an emergency halt.
    #[must_use]
    pub fn over(&self, strategy: &str, symbol: Symbol) -> BreakerState {
        self.breaker.load().effective(strategy, symbol).0.max(self.gate.state())
    }

    /// The breaker as its records will have it.
    fn base(&self) -> Breaker {
        self.resetting().as_ref().map_or_else(|| (*self.load()).clone(), Clone::clone)
    }

    fn publish(&self, breaker: &Breaker) {
        *self.resetting() = None;
        self.gate.mirror(breaker);
        self.breaker.store(Arc::new(breaker.clone()));
    }

    /// The record of a reset is there: it acts, unless something came behind it and acts already.
    fn reset_recorded(&self, sequence: u64) {
        let due = self.resetting().take_if(|breaker| breaker.sequence() == sequence);
        if let Some(breaker) = due {
            self.publish(&breaker);
        }
    }

    fn resetting(&self) -> std::sync::MutexGuard<'_, Option<Breaker>> {
        self.resetting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state for people.
    #[must_use]
    pub fn summary(&self) -> BreakerSummary {
        let breaker = self.load();
        let scopes = breaker
            .tripped()
            .map(|(scope, state)| ScopeSummary {
                scope: scope.to_string(),
                state,
                reason: breaker.trip_of(&scope).map(|t| t.reason.clone()).unwrap_or_default(),
                by: breaker.trip_of(&scope).map(|t| t.by.clone()).unwrap_or_default(),
                since: breaker.trip_of(&scope).map(|t| t.at.to_string()).unwrap_or_default(),
            })
            .collect();
        BreakerSummary { state: breaker.state(&Scope::Node), trips: self.trips(), scopes }
    }
}

/// The breaker as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct BreakerSummary {
    /// State of the whole node.
    pub state: BreakerState,
    /// How often it was tripped.
    pub trips: u64,
    /// Every scope that is not normal.
    pub scopes: Vec<ScopeSummary>,
}

/// One scope that is not normal.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeSummary {
    /// Which.
    pub scope: String,
    /// Its state.
    pub state: BreakerState,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when.
    pub since: String,
}

/// What the breaker is sent.
#[derive(Debug)]
pub enum BreakerMsg {
    /// Raise severity.
    Trip {
        /// Where.
        scope: Scope,
        /// How far.
        level: BreakerState,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// Answered when it acts.
        reply: Option<oneshot::Sender<Result<(), String>>>,
    },
    /// One step back, by a person with a reason: from halted to reducing, from reducing to normal.
    Reset {
        /// Where.
        scope: Scope,
        /// Who and why.
        authority: Authority,
        /// Answered when it acts.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct BreakerActor;

/// What it is started with.
pub struct BreakerArgs {
    /// Where it is found.
    pub route: Route<BreakerMsg>,
    /// Where its changes are recorded.
    pub journal: JournalDoor,
    /// Where its state is read.
    pub view: Arc<BreakerView>,
    /// The node's clock.
    pub clock: Arc<dyn Clock>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

impl Actor for BreakerActor {
    type Msg = BreakerMsg;
    type State = BreakerArgs;
    type Arguments = BreakerArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<BreakerMsg>,
        args: BreakerArgs,
    ) -> Result<BreakerArgs, ActorProcessingErr> {
        args.route.register(myself);
        Ok(args)
    }

    async fn handle(
        &self,
        _myself: ActorRef<BreakerMsg>,
        message: BreakerMsg,
        state: &mut BreakerArgs,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            BreakerMsg::Trip { scope, level, reason, by, reply } => {
                state.trip(scope, level, (&by, &reason)).await;
                if let Some(reply) = reply {
                    // Whoever asked may have given up waiting; the trip stands.
                    let _ = reply.send(Ok(()));
                }
            }
            BreakerMsg::Reset { scope, authority, reply } => {
                let answer = state.reset(scope, &authority).await;
                let _ = reply.send(answer);
            }
            BreakerMsg::Ping => state.child.beat(),
        }
        Ok(())
    }
}

/// The record of a change.
fn record_of(change: &BreakerChange, ts: Ts) -> event::Breaker {
    event::Breaker {
        scope: change.scope.to_string(),
        from: recorded(change.from),
        to: recorded(change.to),
        reason: change.reason.clone(),
        by: change.by.clone(),
        ts,
    }
}

impl BreakerArgs {
    async fn trip(&self, scope: Scope, level: BreakerState, (by, reason): (&str, &str)) {
        let mut breaker = self.view.base();
        let now = self.clock.now();
        // `None`: as severe already.
        let Some(change) = breaker.trip(scope, level, (by, reason), now, None) else { return };
        self.view.publish(&breaker);
        self.view.trips.fetch_add(1, Ordering::Relaxed);
        if planted(Bug::BreakerNotPersisted) {
            return;
        }
        let recorded = self.record(&change, now, |_| {});
        if tokio::time::timeout(RECORD_DEADLINE, recorded).await.is_err() {
            tracing::error!("a breaker trip acts and is not on record yet: the journal is slow");
        }
    }

    async fn reset(&self, scope: Scope, authority: &Authority) -> Result<(), String> {
        if self.view.unrecorded() > 0 {
            return Err("a change is not on record yet: try again when the journal answers".into());
        }
        let mut breaker = self.view.base();
        let now = self.clock.now();
        // Out of a halt there are two steps: first what is held may be closed, then new risk may be taken.
        let to = match breaker.state(&scope) {
            BreakerState::Halted => BreakerState::Reducing,
            _ => BreakerState::Normal,
        };
        let change = breaker.reset(scope, to, authority, now).map_err(|e| e.to_string())?;
        let sequence = breaker.sequence();
        *self.view.resetting() = Some(breaker);
        let recorded = self.record(&change, now, move |view| view.reset_recorded(sequence));
        match tokio::time::timeout(RESET_DEADLINE, recorded).await {
            Ok(Ok(recorded)) => recorded,
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("not on record within {RESET_DEADLINE:?}: it acts as soon as it is")),
        }
    }

    /// Puts the record of a change into the journal's queue, and calls `then` when it is durable: on a task of its own, which
    /// outlives the actor.
    fn record(
        &self,
        change: &BreakerChange,
        ts: Ts,
        then: impl FnOnce(&BreakerView) + Send + 'static,
    ) -> tokio::task::JoinHandle<Result<(), String>> {
        let view = self.view.clone();
        view.unrecorded.fetch_add(1, Ordering::AcqRel);
        let answer = self.journal.begin(vec![record_of(change, ts).into()]);
        tokio::spawn(async move {
            let recorded = match answer.await {
                Ok(answer) => answer.map(|_| ()),
                Err(_) => Err("the journal was closed".to_owned()),
            };
            match &recorded {
                Ok(()) => then(&view),
                // The journal has failed for good: it halts trading itself, and the node ends.
                Err(error) => tracing::error!(%error, "a change of the breaker cannot be recorded"),
            }
            view.unrecorded.fetch_sub(1, Ordering::AcqRel);
            recorded
        })
    }
}

/// The journal's word for a state.
#[must_use]
pub const fn recorded(state: BreakerState) -> Recorded {
    match state {
        BreakerState::Normal => Recorded::Normal,
        BreakerState::Reducing => Recorded::Reducing,
        BreakerState::Halted => Recorded::Halted,
    }
}

/// Risk's word for a journalled state.
#[must_use]
pub const fn restored(state: Recorded) -> BreakerState {
    match state {
        Recorded::Normal => BreakerState::Normal,
        Recorded::Reducing => BreakerState::Reducing,
        Recorded::Halted => BreakerState::Halted,
    }
}
