//! The reconciler.
//!
//! Owns nothing but the verdict. Asks the broker for its books, lets execution book what is missing and resolve what is in
//! doubt, compares positions and cash, records the result, and opens or closes the way for orders.
//!
//! A query that fails is not an empty answer: nothing is concluded from it, and no order leaves.
//!
//! It looks at a start, when asked, at once when an order becomes unknown, and every two seconds while something is open.
//! While all is clean it compares positions and cash every ten seconds without touching anything: fills on their way look
//! like differences, so only one that stands as it is over several looks leads to a reconciliation. One that then stands
//! for long trips the breaker, so that a person looks at it also when it goes away.
//!
//! Completed orders and executions are asked for from a day before both books last agreed, and from when the oldest open
//! order was made; where that does not explain everything, all that the broker has.
//!
//! What no execution proves a person can accept: our books then take over the broker's, on record with a reason.
//!
//! It waits for others, each time no longer than [`ANSWER_DEADLINE`], and gives a sign of life before each wait: one that does not is
//! hung, and is started anew.
//!
//! When it crashes: the verdict falls back to "not reconciled" until it has run again.

mod differences;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_execution::{Acceptance, PositionToAccept, accept};
use tensortrade_journal::event::{Alarm, Difference, Reconciliation};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::time::NS_PER_DAY;
use tensortrade_market::{Catalog, Clock, Currency, Money, Qty, Ts};
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::{Mismatch, MismatchWatch};
use tokio::sync::oneshot;

use self::differences::{Gap, Of, differences, steady};
use super::breaker::BreakerMsg;
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
    /// Compare, and take over what of the broker's books is not explained.
    Accept {
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// Answered with what the comparison came to afterwards.
        reply: oneshot::Sender<Result<ReconcileOutcome, String>>,
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
    /// Who is tripped by a difference that stands.
    pub breaker: Route<BreakerMsg>,
    /// Differences that stand.
    pub standing: MismatchWatch,
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// When this incarnation was made, by the runtime's clock.
    pub begun: tokio::time::Instant,
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
            ReconcilerMsg::Accept { by, reason, reply } => {
                let outcome = state.accept(&by, &reason).await;
                if let Ok(outcome) = &outcome {
                    state.results.send_replace(Some(outcome.clone()));
                }
                let _ = reply.send(outcome);
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
    async fn run(&mut self) -> ReconcileOutcome {
        let mut outcome = ReconcileOutcome::Unavailable("not asked yet".into());
        let mut before = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE).await;
            }
            // What a day does not explain, all that the broker remembers may.
            let since = if attempt == 0 { self.since() } else { Ts::MIN };
            outcome = self.compare(since, &mut before).await;
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
        let event_ts = self.clock.now();
        let event = Reconciliation { ts: event_ts, clean, differences };
        let recorded = self.journal.durable(vec![event.into()], ANSWER_DEADLINE).await.is_ok();
        if clean && recorded {
            self.flags.clean_at.set(event_ts);
        }
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
    async fn compare(&mut self, since: Ts, before: &mut Option<Vec<Gap>>) -> ReconcileOutcome {
        if planted(Bug::ReconcileSkipped) {
            return ReconcileOutcome::Clean { checked: 0 };
        }
        match self.gather(since).await {
            Ok((books, _resolved, view)) => {
                let found = steady(differences(&books, &view), before.as_ref());
                self.stands(&found).await;
                if found.is_empty() {
                    return ReconcileOutcome::Clean {
                        checked: books.positions.len() + books.account.cash.len(),
                    };
                }
                let told = found.iter().map(|gap| gap.told.clone()).collect();
                if self.flags.reconciled.load(Ordering::Acquire) {
                    *before = Some(found);
                }
                ReconcileOutcome::Differs(told)
            }
            Err(why) => ReconcileOutcome::Unavailable(why),
        }
    }

    /// From when on the broker is asked for what is done: a day before both books agreed, and no later than the oldest order
    /// that is open, because only books that cover its whole life prove it absent.
    fn since(&self) -> Ts {
        let agreed = self.flags.clean_at.get().plus_nanos(-NS_PER_DAY);
        self.stats.read().oldest_open.map_or(agreed, |oldest| agreed.min(oldest))
    }

    async fn gather(&self, since: Ts) -> Result<(BrokerBooks, Resolved, PortfolioView), String> {
        self.child.beat();
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

impl ReconcilerArgs {
    /// Trips the breaker by what has stood too long.
    async fn stands(&mut self, found: &[Gap]) {
        let mismatch = |gap: &Gap| {
            let what = format!("{}: ours {}, theirs {}", gap.told.what, gap.told.ours, gap.told.theirs);
            Mismatch { scope: gap.of.scope(), what, by: gap.by }
        };
        let breaches = self.standing.looked(found.iter().map(mismatch).collect(), self.begun.elapsed());
        for breach in breaches {
            let text = format!("{}: {}", breach.scope, breach.reason);
            let alarm = Alarm { ts: self.clock.now(), code: "mismatch_stands".into(), text };
            self.journal.send(vec![alarm.into()]).await;
            self.child.beat();
            let answer = self.breaker.ask(ANSWER_DEADLINE, |reply| BreakerMsg::Trip {
                scope: breach.scope,
                level: breach.level,
                reason: breach.reason,
                by: "reconciler".to_owned(),
                cools_down: false,
                reply: Some(reply),
            });
            if let Err(error) = answer.await {
                // No order leaves while it stands; the trip is for afterwards, and is asked for when it stands anew.
                tracing::error!(%error, "the breaker does not answer to a difference that stands");
            }
        }
    }

    /// Takes over what of the broker's books is not explained after a reconciliation, and looks again.
    async fn accept(&mut self, by: &str, reason: &str) -> Result<ReconcileOutcome, String> {
        match self.run().await {
            ReconcileOutcome::Differs(_) => {}
            other => return Ok(other),
        }
        let (books, resolved, view) = self.gather(Ts::MIN).await?;
        if let Some(order) = resolved.unknown.first() {
            return Err(format!(
                "order {order} is of unknown outcome: what it did is not known yet, and would be booked twice; try again once \
                 it is resolved"
            ));
        }
        let acceptance = self.acceptance(&books, &view)?;
        let (by, reason, ts) = (by.to_owned(), reason.to_owned(), self.clock.now());
        let acceptance = Box::new(acceptance);
        self.child.beat();
        self.execution
            .ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Accept { acceptance, by, reason, ts, reply })
            .await
            .map_err(|e| format!("execution: {e}"))??;
        Ok(self.run().await)
    }

    fn acceptance(&self, books: &BrokerBooks, view: &PortfolioView) -> Result<Acceptance, String> {
        let mut positions = Vec::new();
        for gap in differences(books, view) {
            let Of::Position(symbol) = gap.of else { continue };
            let theirs = books.positions.iter().find(|p| p.symbol == symbol);
            let ours = view.rows().find(|row| row.position.symbol == symbol).map(|row| row.position);
            // What it is worth now; where that is not known, what it cost them.
            let mark = ours.and_then(|position| position.mark).map(|mark| mark.price);
            let Some(price) = mark.or(theirs.map(|p| p.average_price)) else {
                return Err(format!("{symbol}: neither books have a price for it"));
            };
            positions.push(PositionToAccept {
                instrument: self.catalog.get(symbol),
                ours: ours.map_or(Qty::ZERO, |position| position.qty),
                theirs: theirs.map_or(Qty::ZERO, |p| p.qty),
                price,
            });
        }
        let mut cash: BTreeMap<Currency, (Money, Money)> = view
            .accounts()
            .iter()
            .map(|(currency, account)| (*currency, (account.cash, Money::ZERO)))
            .collect();
        for (currency, theirs) in &books.account.cash {
            cash.entry(*currency).or_insert((Money::ZERO, Money::ZERO)).1 = *theirs;
        }
        accept(&positions, &cash, self.flags.clean_at.get(), self.clock.now()).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests;
