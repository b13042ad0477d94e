//! The circuit breaker.
//!
//! Owns the breaker's state. Receives trips from anyone and resets from people; journals each change, then shows it where
//! risk looks: in the published copy and in the gate. A trip whose record is late acts without it, and is recorded as soon
//! as the journal can; until then nothing is reset.
//!
//! When it crashes: the published copy and the gate stay as they were, and the next incarnation starts from the copy. No
//! restart closes a breaker. A record that is late is on a task of its own, which outlives the actor.

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
/// Pause before a record is tried anew, for a journal that is being restarted.
const RECORD_PAUSE: Duration = Duration::from_millis(200);
/// Most tries: more than a journal's restart budget allows. A journal that fails for good says so and ends the node.
const RECORD_TRIES_MAX: u32 = 3_000;

/// How long a reset waits for its record. Without one it does not act.
const RESET_DEADLINE: Duration = Duration::from_secs(10);

/// Where the state is read: risk for every order, the control plane for people.
#[derive(Debug, Default)]
pub struct BreakerView {
    breaker: ArcSwap<Breaker>,
    /// The node scope, for those who only need that.
    pub gate: BreakerGate,
    trips: std::sync::atomic::AtomicU64,
    /// Trips that act and are not on record yet.
    unrecorded: std::sync::atomic::AtomicU64,
}

impl BreakerView {
    /// A view that shows `breaker`, with so many trips in its past.
    #[must_use]
    pub fn new(breaker: Breaker, trips: u64) -> Self {
        let gate = BreakerGate::default();
        gate.mirror(&breaker);
        Self { breaker: ArcSwap::from_pointee(breaker), gate, trips: trips.into(), unrecorded: 0.into() }
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

    /// Trips that act and are not on record yet.
    #[must_use]
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded.load(std::sync::atomic::Ordering::Acquire)
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
                    let recorded = state.keep_recording(&change, now);
                    if tokio::time::timeout(RECORD_DEADLINE, recorded).await.is_err() {
                        tracing::error!(
                            "a breaker trip acts before its record, which is tried until it is there"
                        );
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
                // The reset's record must not come before the trip's.
                if state.view.unrecorded() > 0 {
                    let _ = reply
                        .send(Err("a trip is not on record yet: try again when the journal answers".into()));
                    return Ok(());
                }
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

/// Records a trip, however often the journal is restarted meanwhile.
async fn record_trip(journal: &Route<JournalMsg>, record: event::Breaker) {
    for attempt in 0..RECORD_TRIES_MAX {
        if attempt > 0 {
            tokio::time::sleep(RECORD_PAUSE).await;
            // The incarnation that ended may have recorded it before it could answer.
            let state = journal.ask(RESET_DEADLINE, |reply| JournalMsg::Recover { reply }).await;
            match state {
                Ok(Ok(state)) if state.breaker(&record.scope) == record.to => return,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return tracing::error!(%error, "a breaker trip cannot be recorded"),
                Err(_) => continue,
            }
        }
        let (reply, answer) = oneshot::channel();
        let events: Vec<Event> = vec![record.clone().into()];
        if !journal.cast(JournalMsg::AppendDurable { events, reply }) {
            continue;
        }
        match answer.await {
            Ok(Ok(_)) => return,
            // The journal has failed for good: it halts trading itself, and the node ends.
            Ok(Err(error)) => return tracing::error!(%error, "a breaker trip cannot be recorded"),
            // It ended with the request in its mailbox.
            Err(_) => {}
        }
    }
    tracing::error!(
        tries = RECORD_TRIES_MAX,
        "a breaker trip could not be recorded; it acts until the node ends"
    );
}

impl BreakerArgs {
    /// Records a trip on a task of its own; the answer comes when nothing more can be done for it.
    fn keep_recording(&self, change: &BreakerChange, ts: Ts) -> tokio::task::JoinHandle<()> {
        use std::sync::atomic::Ordering;
        let (journal, view, record) = (self.journal.clone(), self.view.clone(), record_of(change, ts));
        view.unrecorded.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(async move {
            record_trip(&journal, record).await;
            view.unrecorded.fetch_sub(1, Ordering::AcqRel);
        })
    }

    async fn record(&self, change: &BreakerChange, ts: Ts, limit: Duration) -> Result<(), String> {
        let event: Event = record_of(change, ts).into();
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

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_journal::{AccountKind, Head, JournalId, Recovered};
    use tensortrade_market::ManualClock;
    use tokio::sync::mpsc;

    /// A journal that passes on what it is asked and answers nothing by itself.
    struct Silent;

    impl Actor for Silent {
        type Msg = JournalMsg;
        type State = mpsc::UnboundedSender<JournalMsg>;
        type Arguments = mpsc::UnboundedSender<JournalMsg>;

        async fn pre_start(
            &self,
            _myself: ActorRef<JournalMsg>,
            asked: Self::Arguments,
        ) -> Result<Self::State, ActorProcessingErr> {
            Ok(asked)
        }

        async fn handle(
            &self,
            _myself: ActorRef<JournalMsg>,
            message: JournalMsg,
            asked: &mut Self::State,
        ) -> Result<(), ActorProcessingErr> {
            let _ = asked.send(message);
            Ok(())
        }
    }

    fn trip(reply: oneshot::Sender<Result<(), String>>) -> BreakerMsg {
        BreakerMsg::Trip {
            scope: Scope::Node,
            level: BreakerState::Halted,
            reason: "drill".into(),
            by: "tester".into(),
            reply: Some(reply),
        }
    }

    fn reset(reply: oneshot::Sender<Result<(), String>>) -> BreakerMsg {
        BreakerMsg::Reset {
            scope: Scope::Node,
            authority: Authority::new("tester", "drill is over").unwrap(),
            reply,
        }
    }

    async fn asked_for(requests: &mut mpsc::UnboundedReceiver<JournalMsg>) -> JournalMsg {
        tokio::time::timeout(Duration::from_secs(60), requests.recv()).await.expect("a request").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_trip_acts_at_once_and_is_recorded_even_if_the_journal_ends_with_the_request() {
        let (asked, mut requests) = mpsc::unbounded_channel();
        let (journal, _) = Actor::spawn(None, Silent, asked).await.unwrap();
        let route = Route::<JournalMsg>::default();
        route.register(journal);
        let view = Arc::new(BreakerView::default());
        let breaker = Route::default();
        let args = BreakerArgs {
            route: breaker.clone(),
            journal: route.clone(),
            view: view.clone(),
            clock: Arc::new(ManualClock::at(Ts::ZERO)),
            child: ChildHandle::detached(1),
        };
        let (actor, _) = Actor::spawn(None, BreakerActor, args).await.unwrap();
        let limit = Duration::from_secs(60);

        // The journal hangs: the trip acts, and nothing can be reset past it.
        breaker.ask(limit, trip).await.unwrap().unwrap();
        assert_eq!((view.gate.state(), view.unrecorded()), (BreakerState::Halted, 1));
        let JournalMsg::AppendDurable { reply, .. } = asked_for(&mut requests).await else {
            panic!("a record")
        };
        assert!(breaker.ask(limit, reset).await.unwrap().unwrap_err().contains("not on record"));

        // It ends with the request, and the breaker ends too: the next journal is asked what it knows, then to record.
        actor.stop(None);
        drop(reply);
        let JournalMsg::Recover { reply } = asked_for(&mut requests).await else { panic!("what is known") };
        let id = JournalId::derive(Ts::ZERO, AccountKind::Paper, "paper", "test");
        reply.send(Ok(Box::new(Recovered::genesis(&id)))).unwrap();
        let JournalMsg::AppendDurable { reply, events } = asked_for(&mut requests).await else {
            panic!("a record")
        };
        assert!(
            matches!(&events[..], [Event::Breaker(e)] if e.to == Recorded::Halted && e.reason == "drill")
        );
        assert_eq!(view.unrecorded(), 1);
        reply.send(Ok(Head::genesis(&id))).unwrap();
        while view.unrecorded() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(view.gate.state(), BreakerState::Halted);
    }
}
