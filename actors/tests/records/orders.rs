//! Between an approval and the broker the breaker is looked at three times: by execution before the record, by the journal
//! when the record is written, and by the session when the order leaves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::{Journal, JournalArgs};
use tensortrade_actors::route::Route;
use tensortrade_actors::step::{Purpose, StepGate, StepTag};
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::ChildHandle;
use tensortrade_actors::trading::breaker::{BreakerView, recorded as state_word};
use tensortrade_actors::trading::execution::{
    Execution, ExecutionArgs, ExecutionMsg, ExecutionStats, Judged,
};
use tensortrade_actors::trading::session::{Clearance, Session, SessionArgs, SessionMsg};
use tensortrade_broker::paper::{PaperBroker, PaperOptions};
use tensortrade_execution::{BookConfig, OrderBook, PlanConfig, Planner};
use tensortrade_journal::Event;
use tensortrade_journal::event;
use tensortrade_market::order::{IntentId, OrderIntent, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Currency, Instrument, Price, Qty, Symbol, Ts};
use tensortrade_portfolio::{FxConfig, Portfolio};
use tensortrade_risk::breaker::{Breaker, BreakerState, Scope};
use tensortrade_risk::{Limits, RejectLimits, RiskApproved, RiskContext, RiskEngine, SessionPhase};

use super::queue::{journal, recorded};

fn ibm() -> Symbol {
    Symbol::intern("IBM").unwrap()
}

fn now() -> Ts {
    Ts::from_secs(1_000)
}

fn terms() -> OrderTerms {
    let (side, qty) = (Side::Buy, Qty::from_units(5).unwrap());
    OrderTerms { symbol: ibm(), side, qty, kind: OrderKind::Market, tif: TimeInForce::Day }
}

/// An approval to buy, from a real risk engine that knows of no trip.
fn approved() -> RiskApproved<OrderIntent> {
    let mut portfolio = Portfolio::new(&FxConfig::default()).unwrap();
    portfolio.deposit(Currency::USD, "10000000".parse().unwrap()).unwrap();
    portfolio.register(&Instrument::guess(ibm())).unwrap();
    let price = Price::from_f64(100.0).unwrap();
    portfolio.mark(ibm(), price, now()).unwrap();
    let mut engine = RiskEngine::new(Limits::default()).unwrap();
    let intent = OrderIntent {
        id: IntentId::derive("rules", ibm(), now(), 0),
        strategy: "rules".into(),
        decided_at: now(),
        terms: terms(),
        reference: price,
        reason: "test".into(),
    };
    let context = RiskContext {
        view: &portfolio.view(now()),
        instrument: &Instrument::guess(ibm()),
        now: now(),
        session: SessionPhase::Regular,
        symbol_halted: false,
        reconciled: true,
        lease_held: true,
        breaker: &Breaker::default(),
    };
    engine.assess(intent, &context).unwrap()
}

fn scopes() -> [Scope; 3] {
    [Scope::Node, Scope::Strategy("rules".into()), Scope::Symbol(ibm())]
}

fn tripped(scope: &Scope) -> Breaker {
    let mut breaker = Breaker::default();
    breaker.trip(scope.clone(), BreakerState::Reducing, ("test", "drill"), now(), None).unwrap();
    breaker
}

/// The record of such a trip.
fn trip_record(scope: &Scope) -> Vec<Event> {
    let (from, to) = (state_word(BreakerState::Normal), state_word(BreakerState::Reducing));
    let (reason, by) = ("drill".to_owned(), "test".to_owned());
    vec![event::Breaker { scope: scope.to_string(), from, to, reason, by, ts: now() }.into()]
}

/// Says whether an order comes.
struct Door;

impl Actor for Door {
    type Msg = SessionMsg;
    type State = Arc<AtomicBool>;
    type Arguments = Arc<AtomicBool>;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMsg>,
        placed: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(placed)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        placed: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        placed.fetch_or(matches!(message, SessionMsg::Place { .. }), Ordering::AcqRel);
        Ok(())
    }
}

/// Gives execution an approved order; tells whether it came to the session, and how many of it are still live.
async fn execute(view: BreakerView, door: &JournalDoor) -> (bool, u64) {
    let (route, session) = (Route::default(), Route::default());
    let placed = Arc::new(AtomicBool::new(false));
    session.register(Actor::spawn(None, Door, placed.clone()).await.unwrap().0);
    let (gate, stats) = (StepGate::default(), Arc::new(ExecutionStats::default()));
    let args = ExecutionArgs {
        route: Route::clone(&route),
        session,
        risk: Route::default(),
        portfolio: Route::default(),
        reconciler: Route::default(),
        journal: door.clone(),
        gate: gate.clone(),
        catalog: Arc::default(),
        book: OrderBook::new(BookConfig::default()).unwrap(),
        planner: Planner::new("rules", PlanConfig::default()).unwrap(),
        limits: Arc::new(ArcSwap::from_pointee(Limits::default())),
        flags: Arc::default(),
        breaker: Arc::new(view),
        breaker_door: Route::default(),
        rejects: RejectLimits::default(),
        lease_epoch: 1,
        stats: stats.clone(),
        child: ChildHandle::detached(1),
    };
    Actor::spawn(None, Execution, args).await.unwrap();
    let tag = StepTag { ts: now(), number: 1, purpose: Purpose::Trade, arrived: Stopwatch::start() };
    let judged = Judged {
        tag,
        approved: vec![approved()],
        refused: Vec::new(),
        cancels: Vec::new(),
        decided: Stopwatch::start(),
    };
    assert!(route.cast(ExecutionMsg::Judged(Box::new(judged))));
    tokio::time::timeout(Duration::from_secs(60), gate.wait(now())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    (placed.load(Ordering::Acquire), stats.read().open)
}

fn counts(events: &[Event]) -> (usize, usize) {
    let refused = events.iter().filter(|e| matches!(e, Event::Refused(r) if r.code == "breaker")).count();
    (events.iter().filter(|e| matches!(e, Event::Submitted(_))).count(), refused)
}

async fn written() -> JournalDoor {
    let door = journal().await;
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    door
}

#[tokio::test(start_paused = true)]
async fn an_order_goes_out_when_nothing_is_tripped() {
    let door = written().await;
    let view = BreakerView::new(Breaker::default(), 0);
    assert_eq!(execute(view, &door).await, (true, 1));
    assert_eq!(counts(&recorded(&door).await), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn execution_keeps_an_order_that_was_approved_before_a_trip_of_any_of_its_scopes() {
    for scope in scopes() {
        let door = written().await;
        let view = BreakerView::new(tripped(&scope), 1);
        assert_eq!(execute(view, &door).await, (false, 0), "{scope}");
        assert_eq!(counts(&recorded(&door).await), (0, 1), "{scope}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_record_comes_behind_that_of_a_trip_is_withdrawn_and_never_sent() {
    for scope in scopes() {
        let door = written().await;
        door.note(trip_record(&scope));
        // Execution looked before the trip was shown.
        let view = BreakerView::new(Breaker::default(), 0);
        assert_eq!(execute(view, &door).await, (false, 0), "{scope}");
        assert_eq!(counts(&recorded(&door).await), (0, 1), "{scope}");
    }
}

/// Whether an order on record leaves.
async fn leaves(view: BreakerView, lease_held: bool, reducing: bool) -> bool {
    leave(Arc::new(view), lease_held, reducing, 1, 1).await > 0
}

/// How many of so many orders leave, all of them the same one, with so many approvals given.
async fn leave(view: Arc<BreakerView>, lease_held: bool, reducing: bool, orders: u64, approvals: u64) -> u64 {
    let route = Route::default();
    let broker = PaperBroker::in_memory(PaperOptions::default()).unwrap();
    let broker = Arc::new(tokio::sync::Mutex::new(Box::new(broker) as Box<dyn tensortrade_broker::Broker>));
    let flags = Arc::new(tensortrade_actors::trading::risk::TradingFlags::default());
    flags.lease_held.store(lease_held, Ordering::Release);
    flags.flow.approved(approvals);
    let (told, execution) = (Arc::new(AtomicU64::new(0)), Route::default());
    execution.register(Actor::spawn(None, Sent, told.clone()).await.unwrap().0);
    let args = SessionArgs {
        route: Route::clone(&route),
        execution,
        broker: broker.clone(),
        breaker: view,
        breaker_door: Route::default(),
        flags,
        decision_to_send: Arc::default(),
        child: ChildHandle::detached(1),
    };
    Actor::spawn(None, Session, args).await.unwrap();
    route.cast(SessionMsg::Instrument(Box::new(Instrument::guess(ibm()))));
    for _ in 0..orders {
        let id = IntentId::derive("rules", ibm(), now(), 0).client_order_id();
        let clearance = Clearance { strategy: "rules".into(), reducing, terms: terms() };
        route.cast(SessionMsg::Place { id, clearance, now: now(), decided: None });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut broker = broker.lock().await;
    let (open, done) = (broker.open_orders().await.unwrap(), broker.completed_orders(Ts::MIN).await.unwrap());
    assert!(open.len() + done.len() <= 1);
    assert_eq!(
        told.load(Ordering::Acquire),
        (open.len() + done.len()) as u64,
        "what left is told, and nothing else"
    );
    (open.len() + done.len()) as u64
}

/// Counts what the session says has left.
struct Sent;

impl Actor for Sent {
    type Msg = ExecutionMsg;
    type State = Arc<AtomicU64>;
    type Arguments = Arc<AtomicU64>;

    async fn pre_start(
        &self,
        _: ActorRef<ExecutionMsg>,
        sent: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(sent)
    }

    async fn handle(
        &self,
        _: ActorRef<ExecutionMsg>,
        message: ExecutionMsg,
        sent: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        sent.fetch_add(u64::from(matches!(message, ExecutionMsg::Sent { .. })), Ordering::AcqRel);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_risk_has_not_approved_or_that_has_left_before_halts_everything() {
    let view = || Arc::new(BreakerView::new(Breaker::default(), 0));
    let honest = view();
    assert_eq!(leave(honest.clone(), true, false, 1, 1).await, 1);
    assert_eq!(honest.gate.state(), BreakerState::Normal);
    let more = view();
    assert_eq!(leave(more.clone(), true, false, 1, 0).await, 0);
    assert_eq!(more.gate.state(), BreakerState::Halted);
    let twice = view();
    assert_eq!(leave(twice.clone(), true, false, 2, 100).await, 1);
    assert_eq!(twice.gate.state(), BreakerState::Halted);
}

#[tokio::test(start_paused = true)]
async fn an_order_on_record_does_not_leave_after_a_trip_nor_without_the_right_to_trade() {
    let open = || BreakerView::new(Breaker::default(), 0);
    assert!(leaves(open(), true, false).await);
    assert!(!leaves(open(), false, false).await, "the lease is lost");
    for scope in scopes() {
        assert!(!leaves(BreakerView::new(tripped(&scope), 1), true, false).await, "{scope}");
        assert!(leaves(BreakerView::new(tripped(&scope), 1), true, true).await, "{scope}: it reduces");
    }
    let halted = open();
    halted.gate.halt();
    assert!(!leaves(halted, true, true).await, "an emergency halt");
}
