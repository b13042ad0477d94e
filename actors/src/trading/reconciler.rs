//! The reconciler.
//!
//! Owns nothing but the verdict. Asks the broker for its books, lets execution book what is missing and resolve what is in
//! doubt, compares positions and cash, records the result, and opens or closes the way for orders.
//!
//! A query that fails is not an empty answer: nothing is concluded from it, and no order leaves.
//!
//! When it crashes: the verdict falls back to "not reconciled" until it has run again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_journal::event::{Difference, Reconciliation};
use tensortrade_market::{Clock, Currency, Money, Qty, Symbol, Ts};
use tensortrade_portfolio::PortfolioView;
use tokio::sync::oneshot;

use super::execution::{ExecutionMsg, ExecutionStats, Resolved};
use super::portfolio::PortfolioMsg;
use super::risk::TradingFlags;
use super::session::{BrokerBooks, SessionMsg};
use crate::ops::journal::JournalMsg;
use crate::route::Route;
use crate::supervision::ChildHandle;

/// Longest wait for one actor's answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// How often a comparison that differs is repeated: fills on their way look like differences.
const TRIES: u32 = 5;
/// How often it looks again while something is open.
const AGAIN: Duration = Duration::from_secs(2);
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
    pub journal: Route<JournalMsg>,
    /// The verdict.
    pub flags: Arc<TradingFlags>,
    /// The node's clock.
    pub clock: Arc<dyn Clock>,
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
            ReconcilerMsg::Again => {
                // An order of unknown outcome holds back its own symbol, through its reservation; it is asked for again.
                let open =
                    state.stats.read().unknown_now > 0 || !state.flags.reconciled.load(Ordering::Acquire);
                if open {
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
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            outcome = self.compare().await;
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
        let event = Reconciliation { ts: self.clock.now(), clean, differences };
        let answer = self
            .journal
            .ask(ANSWER_DEADLINE, |reply| JournalMsg::AppendDurable { events: vec![event.into()], reply })
            .await;
        let recorded = matches!(answer, Ok(Ok(_)));
        self.flags.reconciled.store(clean && recorded, Ordering::Release);
        if !clean {
            tracing::error!(?outcome, "not reconciled: no order leaves");
        }
        outcome
    }

    async fn compare(&self) -> ReconcileOutcome {
        match self.gather().await {
            Ok((books, _resolved, view)) => {
                let differences = differences(&books, &view);
                if differences.is_empty() {
                    ReconcileOutcome::Clean { checked: books.positions.len() + books.account.cash.len() }
                } else {
                    ReconcileOutcome::Differs(differences)
                }
            }
            Err(why) => ReconcileOutcome::Unavailable(why),
        }
    }

    async fn gather(&self) -> Result<(BrokerBooks, Resolved, PortfolioView), String> {
        // The paper exchange and a journal agree on their whole common past; a broker with a shorter memory gives what it has.
        let since = Ts::MIN;
        let asked_at = self.clock.now();
        let books = self
            .session
            .ask(ANSWER_DEADLINE, |reply| SessionMsg::Books { since, reply })
            .await
            .map_err(|e| format!("broker session: {e}"))?
            .map_err(|e| e.to_string())?;
        let copy = Box::new(books.clone());
        let resolved = self
            .execution
            .ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Resolve { books: copy, since, asked_at, reply })
            .await
            .map_err(|e| format!("execution: {e}"))?;
        let view = self
            .portfolio
            .ask(ANSWER_DEADLINE, |reply| PortfolioMsg::View { now: asked_at, reply })
            .await
            .map_err(|e| format!("portfolio: {e}"))?;
        Ok((books, resolved, view))
    }
}

/// Where the broker's books and ours differ, after everything that can be proven was booked.
fn differences(books: &BrokerBooks, view: &PortfolioView) -> Vec<Difference> {
    let mut found = Vec::new();
    let theirs: BTreeMap<Symbol, Qty> = books.positions.iter().map(|p| (p.symbol, p.qty)).collect();
    let ours: BTreeMap<Symbol, Qty> =
        view.open_positions().map(|row| (row.position.symbol, row.position.qty)).collect();
    for symbol in theirs.keys().chain(ours.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |books: &BTreeMap<Symbol, Qty>| books.get(symbol).copied().unwrap_or(Qty::ZERO);
        if of(&theirs) != of(&ours) {
            found.push(Difference {
                what: format!("position {symbol}"),
                ours: of(&ours).to_string(),
                theirs: of(&theirs).to_string(),
            });
        }
    }
    let cash: BTreeMap<Currency, Money> =
        view.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
    for currency in books.account.cash.keys().chain(cash.keys()).collect::<std::collections::BTreeSet<_>>() {
        let of = |cash: &BTreeMap<Currency, Money>| cash.get(currency).copied().unwrap_or(Money::ZERO);
        if of(&books.account.cash) != of(&cash) {
            found.push(Difference {
                what: format!("cash {currency}"),
                ours: of(&cash).to_string(),
                theirs: of(&books.account.cash).to_string(),
            });
        }
    }
    found
}
