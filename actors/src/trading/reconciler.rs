//! The reconciler.
//!
//! Owns nothing but the verdict. Asks the broker for its books, lets execution book what is missing and resolve what is in
//! doubt, compares positions and cash, records the result, and opens or closes the way for orders.
//!
//! A query that fails is not an empty answer: nothing is concluded from it, and no order leaves.
//!
//! It looks at a start, when asked, at once when an order becomes unknown, and every two seconds while something is open.
//! While all is clean it compares positions and cash every ten seconds without touching anything: fills on their way look
//! like differences, so only one that stands as it is over several looks leads to a reconciliation.
//!
//! It waits for others, each time no longer than [`ANSWER_DEADLINE`], and gives a sign of life before each wait: one that does not is
//! hung, and is started anew.
//!
//! When it crashes: the verdict falls back to "not reconciled" until it has run again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_journal::event::{Difference, Reconciliation};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Clock, Currency, Money, Qty, Symbol, Ts};
use tensortrade_portfolio::PortfolioView;
use tokio::sync::oneshot;

use super::execution::{ExecutionMsg, ExecutionStats, Resolved};
use super::portfolio::PortfolioMsg;
use super::risk::TradingFlags;
use super::session::{BrokerBooks, SessionMsg};
use crate::ops::door::JournalDoor;
use crate::route::Route;
use crate::supervision::ChildHandle;

/// Longest wait for one actor's answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// How often a comparison that differs is repeated: fills on their way look like differences.
const TRIES: u32 = 5;
/// How often it looks again while something is open.
const AGAIN: Duration = Duration::from_secs(2);
/// Every so many of these, positions and cash are compared although nothing is open: every ten seconds.
const WATCH_EVERY: u32 = 5;
/// Looks in which a difference must stand unchanged before it is believed.
const WATCH_LOOKS: u32 = 4;
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What a reconciliation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileOutcome {
    /// Journal and broker agree.
    Clean {
        /// Positions and cash balances compared.
        checked: usize,
    },
    /// They differ: no order leaves.
    Differs(Vec<Difference>),
    /// The broker's books could not be had.
    Unavailable(String),
}

/// What the reconciler is sent.
#[derive(Debug)]
pub enum ReconcilerMsg {
    /// Compare now.
    Run {
        /// Answered with the result.
        reply: Option<oneshot::Sender<ReconcileOutcome>>,
    },
    /// An order has become unknown.
    Doubt,
    /// Look again if something is still open.
    Again,
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Reconciler;

/// What it is started with.
pub struct ReconcilerArgs {
    /// Where it is found.
    pub route: Route<ReconcilerMsg>,
    /// The broker.
    pub session: Route<SessionMsg>,
    /// The orders.
    pub execution: Route<ExecutionMsg>,
    /// The positions.
    pub portfolio: Route<PortfolioMsg>,
    /// Where results are recorded.
    pub journal: JournalDoor,
    /// The verdict.
    pub flags: Arc<TradingFlags>,
    /// The node's clock.
    pub clock: Arc<dyn Clock>,
    /// Timer calls since the last comparison of a clean account.
    pub idle_ticks: u32,
    /// Where it is read how many orders are of unknown outcome: an answer that does not come makes them so at any time.
    pub stats: Arc<ExecutionStats>,
    /// Told every result.
    pub results: tokio::sync::watch::Sender<Option<ReconcileOutcome>>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

impl Actor for Reconciler {
    type Msg = ReconcilerMsg;
    type State = ReconcilerArgs;
    type Arguments = ReconcilerArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ReconcilerMsg>,
        args: ReconcilerArgs,
    ) -> Result<ReconcilerArgs, ActorProcessingErr> {
        // Whatever made this incarnation necessary also makes a new look at the broker necessary.
        args.flags.reconciled.store(false, Ordering::Release);
        args.route.register(myself.clone());
        myself.cast(ReconcilerMsg::Run { reply: None })?;
        myself.send_interval(AGAIN, || ReconcilerMsg::Again);
        Ok(args)
    }

    async fn handle(
        &self,
        _myself: ActorRef<ReconcilerMsg>,
        message: ReconcilerMsg,
        state: &mut ReconcilerArgs,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReconcilerMsg::Run { reply } => {
                let outcome = state.run().await;
                state.results.send_replace(Some(outcome.clone()));
                if let Some(reply) = reply {
                    // Whoever asked may have given up waiting; the verdict stands.
                    let _ = reply.send(outcome);
                }
            }
            ReconcilerMsg::Doubt => {
                // Taken down first: an order that becomes unknown during the look asks for another one.
                if state.flags.in_doubt.swap(false, Ordering::AcqRel) {
                    let outcome = state.run().await;
                    state.results.send_replace(Some(outcome));
                }
            }
            ReconcilerMsg::Again => {
                // An order of unknown outcome holds back its own symbol, through its reservation; it is asked for again.
                let mut open =
                    state.stats.read().unknown_now > 0 || !state.flags.reconciled.load(Ordering::Acquire);
                state.idle_ticks += 1;
                if !open && state.idle_ticks >= WATCH_EVERY {
                    state.idle_ticks = 0;
                    open = state.differs_steadily().await;
                }
                if open {
                    state.idle_ticks = 0;
                    let outcome = state.run().await;
                    state.results.send_replace(Some(outcome));
                }
            }
            ReconcilerMsg::Ping => state.child.beat(),
        }
        Ok(())
    }
}

impl ReconcilerArgs {
    async fn run(&self) -> ReconcileOutcome {
        let mut outcome = ReconcileOutcome::Unavailable("not asked yet".into());
        let mut before = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            outcome = self.compare(&mut before).await;
            if matches!(outcome, ReconcileOutcome::Clean { .. }) {
                break;
            }
        }
        let differences = match &outcome {
            ReconcileOutcome::Clean { .. } => Vec::new(),
            ReconcileOutcome::Differs(differences) => differences.clone(),
            ReconcileOutcome::Unavailable(why) => {
                vec![Difference { what: "broker".into(), ours: "asked".into(), theirs: why.clone() }]
            }
        };
        let clean = differences.is_empty();
        self.child.beat();
        let event = Reconciliation { ts: self.clock.now(), clean, differences };
        let recorded = self.journal.durable(vec![event.into()], ANSWER_DEADLINE).await.is_ok();
        self.flags.reconciled.store(clean && recorded, Ordering::Release);
        if !clean {
            tracing::error!(?outcome, "not reconciled: no order leaves");
        }
        outcome
    }

    /// Whether positions or cash differ by the same amount in every one of several looks. Changes nothing, and a query
    /// that fails says nothing: the session's own fault handling is for that.
    async fn differs_steadily(&self) -> bool {
        let mut before: Option<Vec<Gap>> = None;
        for look in 0..WATCH_LOOKS {
            if look > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            self.child.beat();
            let books =
                self.session.ask(ANSWER_DEADLINE, |reply| SessionMsg::Books { since: Ts::MAX, reply });
            let Ok(Ok(books)) = books.await else { return false };
            self.child.beat();
            let now = self.clock.now();
            let view = self.portfolio.ask(ANSWER_DEADLINE, |reply| PortfolioMsg::View { now, reply });
            let Ok(view) = view.await else { return false };
            let found = steady(differences(&books, &view), before.as_ref());
            if found.is_empty() {
                return false;
            }
            before = Some(found);
        }
        tracing::warn!(differences = ?before, "journal and broker differ: reconciling");
        true
    }

    /// Compares once. While orders may leave, only what also stood in the look before counts.
    async fn compare(&self, before: &mut Option<Vec<Gap>>) -> ReconcileOutcome {
        if planted(Bug::ReconcileSkipped) {
            return ReconcileOutcome::Clean { checked: 0 };
        }
        match self.gather().await {
            Ok((books, _resolved, view)) => {
                let found = steady(differences(&books, &view), before.as_ref());
                if found.is_empty() {
                    return ReconcileOutcome::Clean {
                        checked: books.positions.len() + books.account.cash.len(),
                    };
                }
                let told = found.iter().map(|(difference, _)| difference.clone()).collect();
                if self.flags.reconciled.load(Ordering::Acquire) {
                    *before = Some(found);
                }
                ReconcileOutcome::Differs(told)
            }
            Err(why) => ReconcileOutcome::Unavailable(why),
        }
    }

    async fn gather(&self) -> Result<(BrokerBooks, Resolved, PortfolioView), String> {
        self.child.beat();
        // The paper exchange and a journal agree on their whole common past; a broker with a shorter memory gives what it has.
        let since = Ts::MIN;
        let asked_at = self.clock.now();
        let books = self
            .session
            .ask(ANSWER_DEADLINE, |reply| SessionMsg::Books { since, reply })
            .await
            .map_err(|e| format!("broker session: {e}"))?
            .map_err(|e| e.to_string())?;
        self.child.beat();
        let copy = Box::new(books.clone());
        let resolved = self
            .execution
            .ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Resolve { books: copy, since, asked_at, reply })
            .await
            .map_err(|e| format!("execution: {e}"))?;
        self.child.beat();
        let view = self
            .portfolio
            .ask(ANSWER_DEADLINE, |reply| PortfolioMsg::View { now: asked_at, reply })
            .await
            .map_err(|e| format!("portfolio: {e}"))?;
        Ok((books, resolved, view))
    }
}

/// A difference, and by how much in the smallest units of what it is of.
type Gap = (Difference, i128);

/// What of `now` stood in the look before, by the same amount: in a moving market both sides move, what is missing stays
/// missing.
fn steady(mut now: Vec<Gap>, before: Option<&Vec<Gap>>) -> Vec<Gap> {
    if let Some(before) = before {
        now.retain(|(n, by)| before.iter().any(|(b, was)| b.what == n.what && was == by));
    }
    now
}

/// Where the broker's books and ours differ, after everything that can be proven was booked.
fn differences(books: &BrokerBooks, view: &PortfolioView) -> Vec<Gap> {
    let mut found = Vec::new();
    let theirs: BTreeMap<Symbol, Qty> = books.positions.iter().map(|p| (p.symbol, p.qty)).collect();
    let ours: BTreeMap<Symbol, Qty> =
        view.open_positions().map(|row| (row.position.symbol, row.position.qty)).collect();
    for symbol in theirs.keys().chain(ours.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |books: &BTreeMap<Symbol, Qty>| books.get(symbol).copied().unwrap_or(Qty::ZERO);
        if of(&theirs) != of(&ours) {
            let by = i128::from(of(&theirs).raw()) - i128::from(of(&ours).raw());
            let (ours, theirs) = (of(&ours).to_string(), of(&theirs).to_string());
            found.push((Difference { what: format!("position {symbol}"), ours, theirs }, by));
        }
    }
    let cash: BTreeMap<Currency, Money> =
        view.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
    for currency in books.account.cash.keys().chain(cash.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |cash: &BTreeMap<Currency, Money>| cash.get(currency).copied().unwrap_or(Money::ZERO);
        if of(&books.account.cash) != of(&cash) {
            let by = i128::from(of(&books.account.cash).micros()) - i128::from(of(&cash).micros());
            let (ours, theirs) = (of(&cash).to_string(), of(&books.account.cash).to_string());
            found.push((Difference { what: format!("cash {currency}"), ours, theirs }, by));
        }
    }
    found
}

#[cfg(test)]
mod tests {
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
        assert!(
            !flags.reconciled.load(Ordering::Acquire),
            "the broker has cash that the journal does not know"
        );
        assert_eq!(recorded(&journal).await.last(), Some(&false));
        world.lock().unwrap().cash = 0;
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(flags.reconciled.load(Ordering::Acquire), "and once they agree orders leave again");
    }
}
