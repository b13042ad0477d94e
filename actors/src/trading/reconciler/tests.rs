//! Its timing and its verdicts, with stand-ins for every other actor.

use super::*;
use crate::ops::journal::{Journal, JournalArgs};
use std::sync::Mutex;
use tensortrade_broker::AccountSnapshot;
use tensortrade_market::ManualClock;
use tensortrade_portfolio::{FxConfig, Portfolio};

/// Every other actor: answers with what the test has put here, and counts.
#[derive(Default)]
struct World {
    /// The broker's cash in micro-dollars; ours is none.
    cash: i64,
    books_since: Vec<Ts>,
    resolved: u32,
}
type Shared = Arc<Mutex<World>>;

macro_rules! stand_in {
    ($name:ident, $msg:ty, $handle:expr) => {
        struct $name;
        impl Actor for $name {
            type Msg = $msg;
            type State = Shared;
            type Arguments = Shared;
            async fn pre_start(
                &self,
                _: ActorRef<$msg>,
                world: Shared,
            ) -> Result<Shared, ActorProcessingErr> {
                Ok(world)
            }
            async fn handle(
                &self,
                _: ActorRef<$msg>,
                m: $msg,
                w: &mut Shared,
            ) -> Result<(), ActorProcessingErr> {
                let handle: fn($msg, &mut World) = $handle;
                handle(m, &mut w.lock().unwrap());
                Ok(())
            }
        }
    };
}
stand_in!(FakeSession, SessionMsg, |message, world| {
    let SessionMsg::Books { since, reply } = message else { return };
    world.books_since.push(since);
    let cash = BTreeMap::from([(Currency::USD, Money::from_micros(world.cash))]);
    let account = AccountSnapshot { account: "PAPER".into(), cash };
    let books =
        BrokerBooks { open: vec![], completed: vec![], positions: vec![], account, executions: vec![] };
    let _ = reply.send(Ok(books));
});
stand_in!(FakeExecution, ExecutionMsg, |message, world| {
    let ExecutionMsg::Resolve { reply, .. } = message else { return };
    world.resolved += 1;
    let _ = reply.send(Resolved::default());
});
stand_in!(FakePortfolio, PortfolioMsg, |message, _world| {
    let PortfolioMsg::View { now, reply } = message else { return };
    let _ = reply.send(Portfolio::new(&FxConfig::default()).unwrap().view(now));
});
/// Verdicts on record, in order.
async fn recorded(journal: &JournalDoor) -> Vec<bool> {
    journal.recover(Duration::from_secs(1)).await.unwrap();
    let mut writer = journal.slot().lock().await;
    let events = writer.as_mut().unwrap().store().read(0, 1_000).await.unwrap();
    let decoded = events.iter().map(|e| tensortrade_journal::Event::decode(&e.payload).unwrap());
    decoded
        .filter_map(|event| match event {
            tensortrade_journal::Event::Reconciliation(e) => Some(e.clean),
            _ => None,
        })
        .collect()
}

async fn found<A>(actor: A, world: &Shared) -> Route<A::Msg>
where
    A: Actor<Arguments = Shared>,
{
    let route = Route::default();
    route.register(Actor::spawn(None, actor, world.clone()).await.unwrap().0);
    route
}

/// A reconciler that has found everything clean, and what it was started with.
async fn reconciler() -> (Shared, Arc<TradingFlags>, Route<ReconcilerMsg>, JournalDoor) {
    let world = Shared::default();
    let clock = Arc::new(ManualClock::at(Ts::ZERO));
    let journal = JournalDoor::in_memory(clock.clone()).await.unwrap();
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&journal)).await.unwrap();
    let flags = Arc::new(TradingFlags::default());
    let route = Route::default();
    let args = ReconcilerArgs {
        route: route.clone(),
        session: found(FakeSession, &world).await,
        execution: found(FakeExecution, &world).await,
        portfolio: found(FakePortfolio, &world).await,
        journal: journal.clone(),
        flags: flags.clone(),
        clock,
        stats: Arc::default(),
        idle_ticks: 0,
        breaker: Route::default(),
        standing: MismatchWatch::default(),
        catalog: Arc::default(),
        begun: tokio::time::Instant::now(),
        results: tokio::sync::watch::channel(None).0,
        child: ChildHandle::detached(1),
    };
    Actor::spawn(None, Reconciler, args).await.unwrap();
    while !flags.reconciled.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (world, flags, route, journal)
}

#[tokio::test(start_paused = true)]
async fn an_order_that_becomes_unknown_is_asked_for_at_once_and_once_for_many() {
    let (world, flags, route, _) = reconciler().await;
    let before = world.lock().unwrap().resolved;
    flags.in_doubt.store(true, Ordering::Release);
    for _ in 0..100 {
        route.cast(ReconcilerMsg::Doubt);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.lock().unwrap().resolved, before + 1);
    assert!(!flags.in_doubt.load(Ordering::Acquire) && flags.reconciled.load(Ordering::Acquire));
}

#[tokio::test(start_paused = true)]
async fn a_clean_account_is_compared_every_ten_seconds_and_nothing_is_touched() {
    let (world, flags, _route, journal) = reconciler().await;
    let resolved = world.lock().unwrap().resolved;
    let before = recorded(&journal).await;
    world.lock().unwrap().books_since.clear();
    tokio::time::sleep(Duration::from_secs(35)).await;
    assert_eq!(recorded(&journal).await, before);
    let world = world.lock().unwrap();
    assert_eq!(world.books_since, [Ts::MAX; 3], "no history is asked for");
    assert_eq!(world.resolved, resolved);
    assert!(flags.reconciled.load(Ordering::Acquire));
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_stands_stops_orders_and_one_that_passes_does_not() {
    let (world, flags, _route, journal) = reconciler().await;
    let clean_looks = recorded(&journal).await;
    // Moves with every look, as in a market that trades.
    let moving = world.clone();
    let market = tokio::spawn(async move {
        loop {
            moving.lock().unwrap().cash += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert!(flags.reconciled.load(Ordering::Acquire));
    assert_eq!(recorded(&journal).await, clean_looks);
    market.abort();
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!flags.reconciled.load(Ordering::Acquire), "the broker has cash that the journal does not know");
    assert_eq!(recorded(&journal).await.last(), Some(&false));
    world.lock().unwrap().cash = 0;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(flags.reconciled.load(Ordering::Acquire), "and once they agree orders leave again");
}
