//! Execution.
//!
//! Owns the order book. Receives a step's targets from the portfolio and plans the orders that lead there; receives risk's
//! verdicts on them, and everything the broker tells. Makes intents, approvals and outbox records durable in one commit before it hands orders to the session; passes fills and order
//! states to the portfolio, on record, in the broker's order.
//!
//! When it crashes: the book is rebuilt from the journal with every order under way in doubt, and the reconciler resolves
//! what is in doubt from the broker's books before anything new is sent.

mod booking;
mod planning;
mod sending;
mod stats;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_broker::{BrokerError, BrokerEvent};
use tensortrade_execution::plan::IdleWatch;
use tensortrade_execution::{Acceptance, Counters, ExecutionEvent, OrderBook, Planner};
use tensortrade_market::calendar::{CalendarCursor, SessionKind};
use tensortrade_market::order::{ClientOrderId, OrderIntent};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Instrument, Symbol, Ts};
use tensortrade_policy::Targets;
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::{Conduct, RejectLimits, RiskApproved, RiskRefused};
use tokio::sync::oneshot;

pub use self::stats::{ExecutionCounts, ExecutionStats, OrderView};
pub use self::words::status;
use super::breaker::{BreakerMsg, BreakerView};
use super::portfolio::PortfolioMsg;
use super::reconciler::ReconcilerMsg;
use super::risk::{LimitsView, RiskMsg, TradingFlags};
use super::session::{BrokerBooks, SessionMsg};
use crate::ops::door::JournalDoor;
use crate::route::Route;
use crate::step::{StepGate, StepTag};
use crate::stopwatch::Stopwatch;
use crate::supervision::ChildHandle;

/// A step that is to be planned.
#[derive(Debug)]
pub struct StepToPlan {
    /// Which.
    pub tag: StepTag,
    /// What the policy wants.
    pub targets: Targets,
    /// The account at the step, every fill before it booked.
    pub view: PortfolioView,
    /// When it was decided.
    pub decided: Stopwatch,
    /// Symbols that are being closed by command: their target is zero.
    pub closing: BTreeSet<Symbol>,
}

/// Risk's verdicts on one step.
#[derive(Debug)]
pub struct Judged {
    /// Which step.
    pub tag: StepTag,
    /// May be sent.
    pub approved: Vec<RiskApproved<OrderIntent>>,
    /// May not; on record all the same.
    pub refused: Vec<RiskRefused<OrderIntent>>,
    /// Orders that stand in the way of the step's targets.
    pub cancels: Vec<ClientOrderId>,
    /// When the step was decided.
    pub decided: Stopwatch,
}

/// What resolving against the broker's books found.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// Executions that had not been booked.
    pub fills_booked: u64,
    /// What a person should know.
    pub alarms: Vec<String>,
    /// Orders whose outcome is still unknown.
    pub unknown: Vec<ClientOrderId>,
}

/// What execution is sent.
#[derive(Debug)]
pub enum ExecutionMsg {
    /// Plan a step.
    Step(Box<StepToPlan>),
    /// Act on risk's verdicts.
    Judged(Box<Judged>),
    /// What the broker told.
    Broker(Vec<BrokerEvent>),
    /// Everything the broker did with data before this moment has been sent.
    BrokerDone(Ts),
    /// An order was handed over.
    Sent {
        /// Which.
        id: ClientOrderId,
        /// Market time.
        now: Ts,
    },
    /// Handing an order over failed.
    SendFailed {
        /// Which.
        id: ClientOrderId,
        /// Why; most reasons leave its outcome unknown.
        error: BrokerError,
        /// Market time.
        now: Ts,
    },
    /// Compare with the broker's books and book what is missing.
    Resolve {
        /// The books.
        books: Box<BrokerBooks>,
        /// From when on they are complete.
        since: Ts,
        /// When they were asked for.
        asked_at: Ts,
        /// What was found.
        reply: oneshot::Sender<Resolved>,
    },
    /// Take the broker's books over as they are, by a person's word.
    Accept {
        /// What takes our books there.
        acceptance: Box<Acceptance>,
        /// Who.
        by: String,
        /// Why.
        reason: String,
        /// When, by the injected clock.
        ts: Ts,
        /// Answered when it is on record and passed on.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// Orders that are not done.
    Orders {
        /// The answer.
        reply: oneshot::Sender<Vec<OrderView>>,
    },
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Execution;

/// What it is started with.
pub struct ExecutionArgs {
    /// Where it is found.
    pub route: Route<ExecutionMsg>,
    /// Who sends.
    pub session: Route<SessionMsg>,
    /// Who judges.
    pub risk: Route<RiskMsg>,
    /// Who books.
    pub portfolio: Route<PortfolioMsg>,
    /// Told when an order becomes unknown.
    pub reconciler: Route<ReconcilerMsg>,
    /// Where everything is recorded.
    pub journal: JournalDoor,
    /// Where finished steps are reported.
    pub gate: StepGate,
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// All orders.
    pub book: OrderBook,
    /// From targets to intents.
    pub planner: Planner,
    /// The limits in force, so that no order is planned larger than risk lets pass.
    pub limits: LimitsView,
    /// The verdict of the reconciler, which a new incarnation withdraws.
    pub flags: Arc<TradingFlags>,
    /// The breaker: looked at once more before anything is recorded as sent.
    pub breaker: Arc<BreakerView>,
    /// Who is tripped when the broker rejects too much.
    pub breaker_door: Route<BreakerMsg>,
    /// How much is too much.
    pub rejects: RejectLimits,
    /// Epoch of the right to trade.
    pub lease_epoch: u64,
    /// Counts.
    pub stats: Arc<ExecutionStats>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct ExecutionState {
    args: ExecutionArgs,
    instruments: BTreeMap<Symbol, Instrument>,
    calendars: BTreeMap<SessionKind, CalendarCursor>,
    refused: u64,
    base: Counters,
    idle: IdleWatch,
    conduct: Conduct,
}

impl Actor for Execution {
    type Msg = ExecutionMsg;
    type State = ExecutionState;
    type Arguments = ExecutionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ExecutionMsg>,
        args: ExecutionArgs,
    ) -> Result<ExecutionState, ActorProcessingErr> {
        args.route.register(myself);
        // Orders of an earlier incarnation are in doubt: nothing is sent before the reconciler has looked.
        args.flags.reconciled.store(false, std::sync::atomic::Ordering::Release);
        // Counts are of this run: what the rebuilt book already counted is taken off.
        let base = args.book.counters();
        let state = ExecutionState {
            conduct: Conduct::new(args.rejects),
            args,
            instruments: BTreeMap::new(),
            calendars: BTreeMap::new(),
            refused: 0,
            base,
            idle: IdleWatch::default(),
        };
        state.publish();
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<ExecutionMsg>,
        message: ExecutionMsg,
        state: &mut ExecutionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ExecutionMsg::Step(step) => state.plan(*step).await,
            ExecutionMsg::Judged(judged) => state.judged(*judged).await,
            ExecutionMsg::Broker(events) => state.broker(events).await,
            ExecutionMsg::BrokerDone(ts) => state.broker_done(ts).await,
            ExecutionMsg::Sent { id, now } => {
                state.apply_all(vec![ExecutionEvent::Sent { client_order_id: id, ts: now }]).await;
            }
            ExecutionMsg::SendFailed { id, error, now } => {
                let (client_order_id, reason, ts) = (id, error.to_string(), now);
                let event = match error {
                    BrokerError::NotSent(_) => ExecutionEvent::NotSent { client_order_id, reason, ts },
                    _ if planted(Bug::SilenceReadAsNotSent) => {
                        ExecutionEvent::NotSent { client_order_id, reason, ts }
                    }
                    _ => ExecutionEvent::InDoubt { client_order_id, reason, ts },
                };
                state.apply_all(vec![event]).await;
            }
            ExecutionMsg::Resolve { books, since, asked_at, reply } => {
                let resolved = state.resolve(*books, since, asked_at).await;
                // Whoever asked may have given up waiting; what was booked stays booked.
                let _ = reply.send(resolved);
            }
            ExecutionMsg::Accept { acceptance, by, reason, ts, reply } => {
                let accepted = state.accept(*acceptance, (&by, &reason), ts).await;
                // Whoever asked may have given up waiting; what was booked stays booked.
                let _ = reply.send(accepted);
            }
            ExecutionMsg::Orders { reply } => {
                let _ = reply.send(state.args.book.live().map(words::view).collect());
            }
            ExecutionMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}
