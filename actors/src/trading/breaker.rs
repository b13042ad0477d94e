//! The circuit breaker.
//!
//! Owns the breaker's state. Receives trips from anyone and resets from people; journals each change, then shows it where
//! risk looks: in the published copy and in the gate.
//!
//! When it crashes: the published copy and the gate stay as they were, and the next incarnation starts from the copy. No
//! restart closes a breaker.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_journal::event::BreakerState as Recorded;
use tensortrade_journal::{Event, event};
use tensortrade_market::{Clock, Ts};
use tensortrade_risk::breaker::{Authority, Breaker, BreakerChange, BreakerGate, BreakerState, Scope};
use tokio::sync::oneshot;

use crate::ops::journal::JournalMsg;
use crate::route::Route;
use crate::supervision::ChildHandle;

/// How long a trip waits for its record. Past it the trip acts all the same: stopping is the safe side.
const RECORD_DEADLINE: Duration = Duration::from_millis(500);

/// How long a reset waits for its record. Without one it does not act.
const RESET_DEADLINE: Duration = Duration::from_secs(10);

/// Where the state is read: risk for every order, the control plane for people.
#[derive(Debug, Default)]
pub struct BreakerView {
    breaker: ArcSwap<Breaker>,
    /// The node scope, for those who only need that.
    pub gate: BreakerGate,
    trips: std::sync::atomic::AtomicU64,
}

impl BreakerView {
    /// A view that shows `breaker`, with so many trips in its past.
    #[must_use]
    pub fn new(breaker: Breaker, trips: u64) -> Self {
        let gate = BreakerGate::default();
        gate.mirror(&breaker);
        Self { breaker: ArcSwap::from_pointee(breaker), gate, trips: trips.into() }
    }

    /// The state at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Breaker> {
        self.breaker.load_full()
    }

    /// How often it was tripped.
    #[must_use]
    pub fn trips(&self) -> u64 {
        self.trips.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn publish(&self, breaker: &Breaker) {
        self.breaker.store(Arc::new(breaker.clone()));
        self.gate.mirror(breaker);
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
    pub journal: Route<JournalMsg>,
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
                let mut breaker = (*state.view.load()).clone();
                let now = state.clock.now();
                let outcome = breaker.trip(scope, level, (&by, &reason), now, None);
                // `None`: as severe already.
                if let Some(change) = outcome {
                    if let Err(error) = state.record(&change, now, RECORD_DEADLINE).await {
                        tracing::error!(%error, "a breaker trip acts without its record");
                    }
                    state.view.trips.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    state.view.publish(&breaker);
                }
                if let Some(reply) = reply {
                    // Whoever asked may have given up waiting; the trip stands.
                    let _ = reply.send(Ok(()));
                }
            }
            BreakerMsg::Reset { scope, authority, reply } => {
                let mut breaker = (*state.view.load()).clone();
                let now = state.clock.now();
                // Out of a halt there are two steps: first what is held may be closed, then new risk may be taken.
                let to = match breaker.state(&scope) {
                    BreakerState::Halted => BreakerState::Reducing,
                    _ => BreakerState::Normal,
                };
                let answer = match breaker.reset(scope, to, &authority, now) {
                    // A reset that is not on record does not act.
                    Ok(change) => state
                        .record(&change, now, RESET_DEADLINE)
                        .await
                        .map(|()| state.view.publish(&breaker)),
                    Err(error) => Err(error.to_string()),
                };
                let _ = reply.send(answer);
            }
            BreakerMsg::Ping => state.child.beat(),
        }
        Ok(())
    }
}

impl BreakerArgs {
    async fn record(&self, change: &BreakerChange, ts: Ts, limit: Duration) -> Result<(), String> {
        let event: Event = event::Breaker {
            scope: change.scope.to_string(),
            from: recorded(change.from),
            to: recorded(change.to),
            reason: change.reason.clone(),
            by: change.by.clone(),
            ts,
        }
        .into();
        let answer =
            self.journal.ask(limit, |reply| JournalMsg::AppendDurable { events: vec![event], reply });
        match answer.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.to_string()),
        }
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
