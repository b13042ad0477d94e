//! The broker session.
//!
//! Owns the broker. Receives orders from execution, market data from the hub (for brokers that match against it), and
//! queries from the reconciler. Sends everything the broker tells to execution, in the broker's order.
//!
//! When it crashes: the broker object outlives it in [`SharedBroker`]; what was under way is unknown until the reconciler
//! has asked.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_broker::{
    AccountSnapshot, Broker, BrokerError, BrokerEvent, BrokerOrder, BrokerPosition, Execution, MarketBatch,
};
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Instrument, Ts};
use tensortrade_risk::breaker::{BreakerState, Scope};
use tokio::sync::{Mutex, oneshot};

use super::breaker::{BreakerMsg, BreakerView};
use super::execution::ExecutionMsg;
use super::risk::TradingFlags;
use crate::route::Route;
use crate::stopwatch::{Latency, Stopwatch};
use crate::supervision::{Admitted, ChildHandle};

/// The broker, shared by the incarnations of the session.
pub type SharedBroker = Arc<Mutex<Box<dyn Broker>>>;

/// Longest time one request to the broker may take before its outcome is unknown.
const REQUEST_DEADLINE: Duration = Duration::from_secs(5);

/// A piece of market data for brokers that match against it.
#[derive(Debug)]
pub struct MarketSlice {
    /// The data.
    pub batches: Arc<[MarketBatch]>,
    /// The boundary it completes.
    pub watermark: Option<Ts>,
}

/// The broker's books at one moment.
#[derive(Debug, Clone)]
pub struct BrokerBooks {
    /// Orders that work.
    pub open: Vec<BrokerOrder>,
    /// Orders that are done.
    pub completed: Vec<BrokerOrder>,
    /// Executions, oldest first.
    pub executions: Vec<Execution>,
    /// Positions.
    pub positions: Vec<BrokerPosition>,
    /// Cash.
    pub account: AccountSnapshot,
}

/// What an order carries to the door: the terms it was approved for, and what decides whether it may still leave.
#[derive(Debug, Clone, PartialEq)]
pub struct Clearance {
    /// Whose breaker is looked at.
    pub strategy: String,
    /// Whether it only brings a position toward zero.
    pub reducing: bool,
    /// The approved terms.
    pub terms: OrderTerms,
}

/// What the session is sent.
#[derive(Debug)]
pub enum SessionMsg {
    /// Market data.
    Market(Admitted<MarketSlice>),
    /// An instrument that may be traded from now on.
    Instrument(Box<Instrument>),
    /// Send an order: its record is durable.
    Place {
        /// Which.
        id: ClientOrderId,
        /// Its approved terms, and what it must pass.
        clearance: Clearance,
        /// Market time.
        now: Ts,
        /// When it was decided, for the latency record.
        decided: Option<Stopwatch>,
    },
    /// Cancel what is left of an order.
    Cancel {
        /// Which.
        id: ClientOrderId,
        /// Market time.
        now: Ts,
    },
    /// Tell the broker's books; a query that fails is an error, never an empty answer.
    Books {
        /// Orders and executions at or after this moment.
        since: Ts,
        /// The answer.
        reply: oneshot::Sender<Result<BrokerBooks, BrokerError>>,
    },
    /// The broker may have something to tell.
    EventsReady,
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Session;

/// What it is started with.
pub struct SessionArgs {
    /// Where it is found.
    pub route: Route<SessionMsg>,
    /// Where the broker's events go.
    pub execution: Route<ExecutionMsg>,
    /// The broker.
    pub broker: SharedBroker,
    /// The breaker: looked at in the last moment before an order leaves.
    pub breaker: Arc<BreakerView>,
    /// Who is tripped when more would leave than was approved.
    pub breaker_door: Route<BreakerMsg>,
    /// The right to trade, and the verdict of the reconciler, which a new incarnation withdraws.
    pub flags: Arc<TradingFlags>,
    /// Decision to the moment the order was handed to the broker.
    pub decision_to_send: Arc<Latency>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct SessionState {
    args: SessionArgs,
    events: Vec<BrokerEvent>,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for SessionState {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Actor for Session {
    type Msg = SessionMsg;
    type State = SessionState;
    type Arguments = SessionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMsg>,
        args: SessionArgs,
    ) -> Result<SessionState, ActorProcessingErr> {
        args.route.register(myself.clone());
        // What was under way in an earlier incarnation is not known: nothing is sent before the reconciler has looked.
        args.flags.reconciled.store(false, std::sync::atomic::Ordering::Release);
        // A broker whose events come on their own wakes the session; the paper exchange never does.
        let ready = args.broker.lock().await.events_ready();
        let broker = args.broker.clone();
        let listener = tokio::spawn(async move {
            let mut ready = ready;
            loop {
                ready.await;
                if myself.cast(SessionMsg::EventsReady).is_err() {
                    return;
                }
                ready = broker.lock().await.events_ready();
            }
        });
        Ok(SessionState { args, events: Vec::new(), listener })
    }

    async fn handle(
        &self,
        _myself: ActorRef<SessionMsg>,
        message: SessionMsg,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SessionMsg::Market(slice) => state.market(&slice.msg).await,
            SessionMsg::Instrument(instrument) => state.args.broker.lock().await.on_instrument(&instrument),
            SessionMsg::Place { id, clearance, now, decided } => {
                state.place(id, clearance, now, decided).await
            }
            SessionMsg::Cancel { id, now } => state.cancel(id, now).await,
            SessionMsg::Books { since, reply } => {
                let books = state.books(since).await;
                // Whoever asked may have given up waiting.
                let _ = reply.send(books);
            }
            SessionMsg::EventsReady => state.forward().await,
            SessionMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl SessionState {
    async fn market(&mut self, slice: &MarketSlice) {
        {
            let mut broker = self.args.broker.lock().await;
            for batch in slice.batches.iter() {
                broker.on_market(batch);
            }
            if let Some(watermark) = slice.watermark {
                broker.on_watermark(watermark);
            }
            broker.drain_events(&mut self.events);
        }
        self.send_events();
        if let Some(watermark) = slice.watermark {
            self.args.execution.cast(ExecutionMsg::BrokerDone(watermark));
        }
    }

    async fn place(&mut self, id: ClientOrderId, clearance: Clearance, now: Ts, decided: Option<Stopwatch>) {
        let sent = {
            let mut broker = self.args.broker.lock().await;
            match self.stopped(&clearance) {
                Some(why) => Err(BrokerError::NotSent(why)),
                None if !self.flows(&id) => return,
                None => bounded("place", broker.place(&id, &clearance.terms, now)).await,
            }
        };
        match sent {
            Ok(()) => {
                if let Some(decided) = decided {
                    self.args.decision_to_send.record(decided.elapsed());
                }
                self.args.execution.cast(ExecutionMsg::Sent { id, now });
            }
            Err(error) => {
                self.args.execution.cast(ExecutionMsg::SendFailed { id, error, now });
            }
        }
        self.forward().await;
    }

    /// Whether the order is one that risk approved and that has not left before. One that is not is a fault of this node: it
    /// stays, everything is halted, and nothing is concluded about the order, which may have left the first time.
    fn flows(&self, id: &ClientOrderId) -> bool {
        let Err(breach) = self.args.flags.flow.leaves(id) else { return true };
        tracing::error!(%breach, "an order without an approval of its own: trading is halted");
        self.args.breaker.gate.halt();
        self.args.breaker_door.cast(BreakerMsg::Trip {
            scope: Scope::Node,
            level: BreakerState::Halted,
            reason: format!("orders out against intents in: {breach}"),
            by: "broker session".to_owned(),
            cools_down: false,
            reply: None,
        });
        false
    }

    /// Why an order on record may no longer leave.
    fn stopped(&self, order: &Clearance) -> Option<String> {
        // The bug is planted here too: risk's look, taken out alone, is covered by this one.
        let lease_held = self.args.flags.lease_held.load(std::sync::atomic::Ordering::Acquire);
        if !lease_held && !planted(Bug::LeaseIgnored) {
            return Some("this node has lost the right to trade".to_owned());
        }
        let breaker = self.args.breaker.over(&order.strategy, order.terms.symbol);
        match breaker {
            BreakerState::Normal => None,
            BreakerState::Reducing if order.reducing => None,
            _ => Some(format!("the breaker is {breaker}")),
        }
    }

    async fn cancel(&mut self, id: ClientOrderId, now: Ts) {
        let asked = {
            let mut broker = self.args.broker.lock().await;
            bounded("cancel", broker.cancel(&id, now)).await
        };
        if let Err(error) = asked {
            tracing::warn!(%id, %error, "a cancel was not handed over; the order keeps its reservation");
        }
        self.forward().await;
    }

    async fn books(&mut self, since: Ts) -> Result<BrokerBooks, BrokerError> {
        let mut broker = self.args.broker.lock().await;
        // Executions last: one that happens while the others are read is then in this answer or in an event after it.
        Ok(BrokerBooks {
            open: flat(bounded("open orders", broker.open_orders()).await)?,
            completed: flat(bounded("completed orders", broker.completed_orders(since)).await)?,
            positions: flat(bounded("positions", broker.positions()).await)?,
            account: bounded("account", broker.account()).await?,
            executions: flat(bounded("executions", broker.executions(since)).await)?,
        })
    }

    async fn forward(&mut self) {
        self.args.broker.lock().await.drain_events(&mut self.events);
        self.send_events();
    }

    fn send_events(&mut self) {
        if !self.events.is_empty() {
            self.args.execution.cast(ExecutionMsg::Broker(std::mem::take(&mut self.events)));
        }
    }
}

/// The answer as it is: a query that fails is no empty answer, unless that very bug is planted.
fn flat<T: Default>(answer: Result<T, BrokerError>) -> Result<T, BrokerError> {
    if planted(Bug::FailedQueryReadAsFlat) { Ok(answer.unwrap_or_default()) } else { answer }
}

/// A request with a deadline: past it, its outcome is unknown.
async fn bounded<T>(
    what: &str,
    request: impl Future<Output = Result<T, BrokerError>>,
) -> Result<T, BrokerError> {
    match tokio::time::timeout(REQUEST_DEADLINE, request).await {
        Ok(answer) => answer,
        Err(_) => Err(BrokerError::Timeout(format!("{what}: no answer within {REQUEST_DEADLINE:?}"))),
    }
}
