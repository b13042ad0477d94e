//! The circuit breaker.
//!
//! Owns the breaker's state. Receives trips from anyone and resets from people.
//!
//! A trip stops orders at once, because stopping is the safe side, and is acknowledged when its record is durable: risk,
//! execution and session see it before the record is put into the journal's queue, and what was approved meanwhile and comes
//! behind that record is refused by the journal. A reset acts once its record is durable. So at any moment what orders must
//! pass is the last state on record with every later trip on top of it, and no later reset ([`BreakerView`] keeps both).
//!
//! When it crashes: what orders must pass stays, and the next incarnation goes on from it. No restart closes a breaker. The
//! records are in the journal's queue, which outlives both actors.

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
    /// What orders must pass: every trip, also one that is not on record yet, and no reset that is not.
    acting: ArcSwap<Breaker>,
    /// The node scope, for those who only need that.
    pub gate: BreakerGate,
    trips: AtomicU64,
    /// Changes that are not on record yet.
    unrecorded: AtomicU64,
    ahead: Mutex<Ahead>,
}

/// The breaker as it will be when everything on its way is on record.
#[derive(Debug, Default)]
struct Ahead {
    breaker: Breaker,
    /// Number of the reset that is on its way; there is never more than one.
    reset: Option<u64>,
    /// How often a state was shown.
    shown: u64,
}

impl BreakerView {
    /// A view that shows `breaker`, with so many trips in its past.
    #[must_use]
    pub fn new(breaker: Breaker, trips: u64) -> Self {
        let gate = BreakerGate::default();
        gate.show(1, breaker.state(&Scope::Node));
        let ahead = Mutex::new(Ahead { breaker: breaker.clone(), reset: None, shown: 1 });
        let (acting, trips, unrecorded) = (ArcSwap::from_pointee(breaker), trips.into(), 0.into());
        Self { acting, gate, trips, unrecorded, ahead }
    }

    /// What orders must pass at this moment.
    #[must_use]
    pub fn load(&self) -> Arc<Breaker> {
        self.acting.load_full()
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
        self.acting.load().effective(strategy, symbol).0.max(self.gate.state())
    }

    /// A trip: acts now. `None`: as severe already.
    fn trip(&self, trip: impl Fn(&mut Breaker) -> Option<BreakerChange>) -> Option<BreakerChange> {
        let mut ahead = self.ahead();
        let change = trip(&mut ahead.breaker)?;
        let mut acting = (*self.load()).clone();
        // `None` where it acts already, below a reset that is on its way.
        trip(&mut acting);
        self.show(&mut ahead, acting);
        self.trips.fetch_add(1, Ordering::Relaxed);
        Some(change)
    }

    /// A reset: acts when [`Self::reset_recorded`] is told of it.
    fn reset<E>(
        &self,
        reset: impl FnOnce(&mut Breaker) -> Result<BreakerChange, E>,
    ) -> Result<BreakerChange, E> {
        let mut ahead = self.ahead();
        let change = reset(&mut ahead.breaker)?;
        ahead.reset = Some(change.sequence);
        Ok(change)
    }

    /// The record of a reset is there: it acts, and with it every trip behind it.
    fn reset_recorded(&self, sequence: u64) {
        let mut ahead = self.ahead();
        if ahead.reset == Some(sequence) {
            ahead.reset = None;
            let breaker = ahead.breaker.clone();
            self.show(&mut ahead, breaker);
        }
    }

    fn show(&self, ahead: &mut Ahead, breaker: Breaker) {
        ahead.shown += 1;
        self.gate.show(ahead.shown, breaker.state(&Scope::Node));
        self.acting.store(Arc::new(breaker));
    }

    fn ahead(&self) -> std::sync::MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
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
        BreakerSummary {
            state: breaker.state(&Scope::Node),
            trips: self.trips(),
            unrecorded: self.unrecorded(),
            scopes,
        }
    }
}

/// The breaker as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct BreakerSummary {
    /// State of the whole node.
    pub state: BreakerState,
    /// How often it was tripped.
    pub trips: u64,
    /// Changes that the journal does not hold yet; a trip among them acts, a reset does not.
    pub unrecorded: u64,
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
        /// Whether whoever trips will end it by itself, after a declared cool-down: any other cause of the same severity then
        /// takes its place, and holds until a person resets it.
        cools_down: bool,
        /// Answered when it is on record, or with what is missing; it acts before that.
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
            BreakerMsg::Trip { scope, level, reason, by, cools_down, reply } => {
                let recorded = state.trip(scope, level, (&by, &reason), cools_down).await;
                if let Some(reply) = reply {
                    // Whoever asked may have given up waiting; the trip stands.
                    let _ = reply.send(recorded);
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
    async fn trip(
        &self,
        scope: Scope,
        level: BreakerState,
        (by, reason): (&str, &str),
        cools_down: bool,
    ) -> Result<(), String> {
        let now = self.clock.now();
        let ends = cools_down.then(|| Ts::MAX.since(now).saturating_sub(1));
        let change = self.view.trip(|breaker| breaker.trip(scope.clone(), level, (by, reason), now, ends));
        // `None`: as severe already.
        let Some(change) = change else { return Ok(()) };
        tracing::error!(scope = %change.scope, state = ?change.to, by, "the breaker is tripped: {reason}");
        if planted(Bug::BreakerNotPersisted) {
            return Ok(());
        }
        let recorded = self.record(&change, now, |_| {});
        match tokio::time::timeout(RECORD_DEADLINE, recorded).await {
            Ok(Ok(recorded)) => recorded.map_err(|error| format!("it acts, but cannot be recorded: {error}")),
            Ok(Err(error)) => Err(format!("it acts, but whether it is on record is not known: {error}")),
            Err(_) => {
                tracing::error!("a breaker trip acts and is not on record yet: the journal is slow");
                Err(format!("it acts, and is not on record within {RECORD_DEADLINE:?}: the journal is slow"))
            }
        }
    }

    async fn reset(&self, scope: Scope, authority: &Authority) -> Result<(), String> {
        if self.view.unrecorded() > 0 {
            return Err("a change is not on record yet: try again when the journal answers".into());
        }
        let now = self.clock.now();
        let change = self.view.reset(|breaker| {
            // Out of a halt there are two steps: first what is held may be closed, then new risk may be taken.
            let to = match breaker.state(&scope) {
                BreakerState::Halted => BreakerState::Reducing,
                _ => BreakerState::Normal,
            };
            breaker.reset(scope, to, authority, now)
        });
        let change = change.map_err(|e| e.to_string())?;
        let sequence = change.sequence;
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
