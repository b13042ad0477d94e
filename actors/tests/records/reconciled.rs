//! What nothing explains: it trips the breaker when it stands, and a person can accept it, on record with a reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_actors::market::hub::HubHandle;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::{Journal, JournalArgs};
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::supervision::ChildHandle;
use tensortrade_actors::trading::breaker::{BreakerActor, BreakerArgs, BreakerView};
use tensortrade_actors::trading::execution::{Execution, ExecutionArgs, ExecutionStats};
use tensortrade_actors::trading::portfolio::{PortfolioActor, PortfolioArgs, PortfolioMsg};
use tensortrade_actors::trading::reconciler::{ReconcileOutcome, Reconciler, ReconcilerArgs, ReconcilerMsg};
use tensortrade_actors::trading::risk::TradingFlags;
use tensortrade_actors::trading::session::{BrokerBooks, SessionMsg};
use tensortrade_broker::{AccountSnapshot, BrokerPosition};
use tensortrade_execution::{BookConfig, OrderBook, PlanConfig, Planner};
use tensortrade_journal::{Event, event};
use tensortrade_market::{Currency, ManualClock, Money, Symbol, Ts};
use tensortrade_portfolio::{FxConfig, Portfolio, PortfolioView};
use tensortrade_risk::breaker::{Breaker, BreakerState, Scope};
use tensortrade_risk::{Limits, LossLimits, MismatchLimits, MismatchWatch, RejectLimits};

use super::queue::{journal, recorded};

const LIMIT: Duration = Duration::from_secs(60);

fn ibm() -> Symbol {
    Symbol::intern("IBM").unwrap()
}

/// A broker that holds something and has forgotten why.
#[derive(Debug, Clone, Default)]
struct Broker {
    held: i64,
    cash: Money,
    asked_since: Vec<Ts>,
}

struct Forgetful;

impl Actor for Forgetful {
    type Msg = SessionMsg;
    type State = Arc<Mutex<Broker>>;
    type Arguments = Arc<Mutex<Broker>>;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMsg>,
        books: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(books)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let SessionMsg::Books { since, reply } = message {
            let mut broker = state.lock().unwrap();
            broker.asked_since.push(since);
            let qty = broker.held.to_string().parse().unwrap();
            let position = BrokerPosition { symbol: ibm(), qty, average_price: "100".parse().unwrap() };
            let cash = BTreeMap::from([(Currency::USD, broker.cash)]);
            let _ = reply.send(Ok(BrokerBooks {
                open: vec![],
                completed: vec![],
                executions: vec![],
                positions: if broker.held == 0 { vec![] } else { vec![position] },
                account: AccountSnapshot { account: "PAPER".into(), cash },
            }));
        }
        Ok(())
    }
}

/// The trading actors over such a broker, from `portfolio` on.
struct Trading {
    broker: Arc<Mutex<Broker>>,
    journal: JournalDoor,
    reconciler: Route<ReconcilerMsg>,
    portfolio: Route<PortfolioMsg>,
    view: Arc<BreakerView>,
    flags: Arc<TradingFlags>,
}

async fn trading() -> Trading {
    let clock = Arc::new(ManualClock::at(Ts::from_secs(1_000_000)));
    let (hub, _commands) = HubHandle::new();
    let door = journal().await;
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    let cash = BTreeMap::from([(Currency::USD, "1000".parse().unwrap())]);
    let opened = event::Opened { account: "PAPER".into(), account_id: None, cash, ts: Ts::ZERO };
    door.durable(vec![opened.into()], LIMIT).await.unwrap();
    let view = Arc::new(BreakerView::new(Breaker::default(), 0));
    let broker = Arc::new(Mutex::new(Broker { cash: "1000".parse().unwrap(), ..Broker::default() }));
    let (session, breaker) = (Route::default(), Route::default());
    session.register(Actor::spawn(None, Forgetful, broker.clone()).await.unwrap().0);
    let child = || ChildHandle::detached(1);
    let args = BreakerArgs {
        route: Route::clone(&breaker),
        journal: door.clone(),
        view: view.clone(),
        clock: clock.clone(),
        child: child(),
    };
    Actor::spawn(None, BreakerActor, args).await.unwrap();
    let (execution, portfolio, reconciler) = (Route::default(), Route::default(), Route::default());
    let (flags, stats) = (Arc::new(TradingFlags::default()), Arc::new(ExecutionStats::default()));
    let args = ExecutionArgs {
        route: Route::clone(&execution),
        session: session.clone(),
        risk: Route::default(),
        portfolio: Route::clone(&portfolio),
        reconciler: Route::clone(&reconciler),
        journal: door.clone(),
        gate: StepGate::default(),
        catalog: Arc::default(),
        book: OrderBook::new(BookConfig::default()).unwrap(),
        planner: Planner::new("rules", PlanConfig::default()).unwrap(),
        limits: Arc::new(arc_swap::ArcSwap::from_pointee(Limits::default())),
        flags: flags.clone(),
        breaker: view.clone(),
        breaker_door: breaker.clone(),
        rejects: RejectLimits::default(),
        lease_epoch: 1,
        stats: stats.clone(),
        child: child(),
    };
    Actor::spawn(None, Execution, args).await.unwrap();
    let mut books = Portfolio::new(&FxConfig::default()).unwrap();
    books.deposit(Currency::USD, "1000".parse().unwrap()).unwrap();
    let args = PortfolioArgs {
        route: Route::clone(&portfolio),
        risk: Route::default(),
        execution: Route::clone(&execution),
        journal: door.clone(),
        hub,
        gate: StepGate::default(),
        catalog: Arc::default(),
        portfolio: books,
        explained: Vec::new(),
        losses: LossLimits::default(),
        breaker: breaker.clone(),
        breaker_view: view.clone(),
        steps_before: 0,
        counts: Arc::default(),
        child: child(),
    };
    Actor::spawn(None, PortfolioActor, args).await.unwrap();
    let args = ReconcilerArgs {
        route: Route::clone(&reconciler),
        session,
        execution,
        portfolio: Route::clone(&portfolio),
        journal: door.clone(),
        flags: flags.clone(),
        clock,
        breaker,
        standing: MismatchWatch::new(MismatchLimits::default()),
        catalog: Arc::default(),
        begun: tokio::time::Instant::now(),
        idle_ticks: 0,
        stats,
        results: tokio::sync::watch::channel(None).0,
        child: child(),
    };
    Actor::spawn(None, Reconciler, args).await.unwrap();
    Trading { broker, journal: door, reconciler, portfolio, view, flags }
}

impl Trading {
    async fn look(&self) -> ReconcileOutcome {
        self.reconciler.ask(LIMIT, |reply| ReconcilerMsg::Run { reply: Some(reply) }).await.unwrap()
    }

    async fn accept(&self) -> Result<ReconcileOutcome, String> {
        let (by, reason) = ("user 0".to_owned(), "statement of the day".to_owned());
        self.reconciler.ask(LIMIT, |reply| ReconcilerMsg::Accept { by, reason, reply }).await.unwrap()
    }

    async fn books(&self) -> PortfolioView {
        self.portfolio
            .ask(LIMIT, |reply| PortfolioMsg::View { now: Ts::from_secs(1_000_000), reply })
            .await
            .unwrap()
    }

    fn reconciled(&self) -> bool {
        self.flags.reconciled.load(std::sync::atomic::Ordering::Acquire)
    }
}

#[tokio::test(start_paused = true)]
async fn what_nothing_explains_is_taken_over_by_a_persons_word_and_stays_on_record() {
    let node = trading().await;
    assert!(matches!(node.look().await, ReconcileOutcome::Clean { .. }));
    *node.broker.lock().unwrap() =
        Broker { held: 7, cash: "250.5".parse().unwrap(), asked_since: Vec::new() };
    let ReconcileOutcome::Differs(differences) = node.look().await else { panic!("it has to differ") };
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(!node.reconciled());
    let accepted = node.accept().await.unwrap();
    assert!(matches!(accepted, ReconcileOutcome::Clean { .. }), "{accepted:?}");
    assert!(node.reconciled());
    let view = node.books().await;
    assert_eq!(view.qty(ibm()).to_string(), "7");
    assert_eq!(view.accounts()[&Currency::USD].cash, "250.5".parse().unwrap());
    let events = recorded(&node.journal).await;
    let fills: Vec<_> =
        events.iter().filter_map(|e| if let Event::Fill(f) = e { Some(&f.fill) } else { None }).collect();
    let [fill] = fills.as_slice() else { panic!("{fills:?}") };
    assert_eq!((fill.venue.as_str(), fill.qty.to_string().as_str()), ("accepted", "7"));
    let moved: Vec<_> =
        events.iter().filter_map(|e| if let Event::CashMoved(m) = e { Some(m) } else { None }).collect();
    let [moved] = moved.as_slice() else { panic!("{moved:?}") };
    // 1000 - 700 = 300 by our books after the execution; the broker has 250.5.
    assert_eq!((moved.amount, moved.reason.as_str()), ("-49.5".parse().unwrap(), "statement of the day"));
    // The journal alone gives the same books.
    let folded = node.journal.recover(LIMIT).await.unwrap().resume_books(
        &FxConfig::default(),
        &tensortrade_market::Catalog::default(),
        Ts::from_secs(1_000_000),
    );
    let folded = folded.unwrap().0.portfolio;
    assert_eq!(folded.accounts()[&Currency::USD].cash, "250.5".parse().unwrap());
    assert_eq!(folded.position(ibm()).unwrap().qty.to_string(), "7");
    // Nothing is left to accept: nothing is booked again.
    let before = recorded(&node.journal).await.len();
    assert!(matches!(node.accept().await.unwrap(), ReconcileOutcome::Clean { .. }));
    let after = recorded(&node.journal).await;
    assert!(after[before..].iter().all(|e| matches!(e, Event::Reconciliation(_))), "{:?}", &after[before..]);
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_stands_trips_the_breaker_and_stays_tripped_when_it_goes() {
    let node = trading().await;
    assert!(matches!(node.look().await, ReconcileOutcome::Clean { .. }));
    node.broker.lock().unwrap().held = 7;
    node.look().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(node.view.trips(), 0, "it may be on its way");
    tokio::time::sleep(Duration::from_secs(20)).await;
    let scope = Scope::Symbol(ibm());
    assert_eq!((node.view.trips(), node.view.load().state(&scope)), (1, BreakerState::Halted));
    assert!(node.view.load().trip_of(&scope).unwrap().reason.contains("ours 0, theirs 7"));
    node.broker.lock().unwrap().held = 0;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(node.reconciled());
    assert_eq!((node.view.trips(), node.view.load().state(&scope)), (1, BreakerState::Halted));
    node.broker.lock().unwrap().cash = "999".parse().unwrap();
    node.look().await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(node.view.load().state(&Scope::Node), BreakerState::Reducing);
}

#[tokio::test(start_paused = true)]
async fn only_what_came_since_both_agreed_is_asked_for_and_all_when_that_explains_nothing() {
    let node = trading().await;
    assert!(matches!(node.look().await, ReconcileOutcome::Clean { .. }));
    let asked = || std::mem::take(&mut node.broker.lock().unwrap().asked_since);
    assert_eq!(asked()[0], Ts::MIN, "nothing is known of when they last agreed");
    node.look().await;
    assert_eq!(asked(), [Ts::from_secs(1_000_000 - 86_400)]);
    node.broker.lock().unwrap().held = 7;
    node.look().await;
    let asked = asked();
    assert_eq!((asked[0], asked[1]), (Ts::from_secs(1_000_000 - 86_400), Ts::MIN));
}
