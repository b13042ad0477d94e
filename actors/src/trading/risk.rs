//! Risk.
//!
//! Owns the limits and the exposure held for open orders. Receives a step's intents from execution with the portfolio's
//! view, judges each, and sends its verdicts back. Receives every booked fill and order state from the portfolio, in order.
//!
//! When it crashes: reservations are rebuilt from the journal's open orders; no order leaves meanwhile, because nothing
//! else can approve one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use arc_swap::ArcSwap;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_market::calendar::{CalendarCursor, Phase, SessionKind};
use tensortrade_market::order::{ClientOrderId, OrderIntent};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Instrument, Qty, Symbol, Ts};
use tensortrade_portfolio::{AppliedFill, PortfolioView};
use tensortrade_risk::{Limits, OrderFlow, RiskContext, RiskEngine, SessionPhase};
use tokio::sync::oneshot;

use super::breaker::BreakerView;
use super::execution::{ExecutionMsg, Judged};
use super::portfolio::OrderProgress;
use crate::route::Route;
use crate::step::StepTag;
use crate::stopwatch::Stopwatch;
use crate::supervision::ChildHandle;

/// Facts that more than one actor reads and exactly one writes.
#[derive(Debug, Default)]
pub struct TradingFlags {
    /// Journal and broker agree: written by the reconciler.
    pub reconciled: AtomicBool,
    /// An order has become unknown since the reconciler last looked: set by execution, taken down by the reconciler.
    pub in_doubt: AtomicBool,
    /// This node holds the right to trade the account: written by the node.
    pub lease_held: AtomicBool,
    /// Approvals, counted by risk, against orders that left, counted by the session.
    pub flow: OrderFlow,
    /// When journal and broker last agreed, in nanoseconds of the injected clock; [`i64::MIN`]: not known. Written by the
    /// reconciler.
    pub clean_at: CleanAt,
}

/// A moment that can be read and written by anyone.
#[derive(Debug)]
pub struct CleanAt(AtomicI64);

impl Default for CleanAt {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl CleanAt {
    /// The moment; [`Ts::MIN`] when there was none.
    #[must_use]
    pub fn get(&self) -> Ts {
        Ts::from_nanos(self.0.load(Ordering::Acquire))
    }

    /// Another moment.
    pub fn set(&self, ts: Ts) {
        self.0.store(ts.nanos(), Ordering::Release);
    }
}

/// The limits in force, written by risk alone.
pub type LimitsView = Arc<ArcSwap<Limits>>;

/// A step's wishes, to be judged.
#[derive(Debug)]
pub struct StepToJudge {
    /// Which.
    pub tag: StepTag,
    /// The wishes.
    pub intents: Vec<OrderIntent>,
    /// Orders that are to be cancelled whatever the verdicts.
    pub cancels: Vec<ClientOrderId>,
    /// The account at the step, every fill before it booked.
    pub view: PortfolioView,
    /// When it was decided.
    pub decided: Stopwatch,
}

/// What risk is sent.
#[derive(Debug)]
pub enum RiskMsg {
    /// Judge a step's intents.
    Judge(Box<StepToJudge>),
    /// A fill was booked.
    Fill(AppliedFill),
    /// An order's state changed.
    Order(OrderProgress),
    /// Other limits.
    SetLimits {
        /// The limits.
        limits: Box<Limits>,
        /// Answered when they hold.
        reply: oneshot::Sender<Result<(), String>>,
    },
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Risk;

/// What it is started with.
pub struct RiskArgs {
    /// Where it is found.
    pub route: Route<RiskMsg>,
    /// Who sends orders.
    pub execution: Route<ExecutionMsg>,
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// Limits and reservations.
    pub engine: RiskEngine,
    /// The limits in force, for those who plan.
    pub limits: LimitsView,
    /// The breaker.
    pub breaker: Arc<BreakerView>,
    /// Reconciled, lease held.
    pub flags: Arc<TradingFlags>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct RiskState {
    args: RiskArgs,
    instruments: BTreeMap<Symbol, Instrument>,
    calendars: BTreeMap<SessionKind, CalendarCursor>,
}

impl Actor for Risk {
    type Msg = RiskMsg;
    type State = RiskState;
    type Arguments = RiskArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RiskMsg>,
        args: RiskArgs,
    ) -> Result<RiskState, ActorProcessingErr> {
        args.route.register(myself);
        args.limits.store(Arc::new(args.engine.limits().clone()));
        Ok(RiskState { args, instruments: BTreeMap::new(), calendars: BTreeMap::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<RiskMsg>,
        message: RiskMsg,
        state: &mut RiskState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RiskMsg::Judge(step) => state.judge(*step),
            RiskMsg::Fill(fill) => state.args.engine.on_fill(&fill),
            RiskMsg::Order(OrderProgress::Working(id)) => state.args.engine.on_working(&id),
            RiskMsg::Order(OrderProgress::Unknown(id)) if planted(Bug::ReservationReleasedOnTimeout) => {
                state.args.engine.on_done(&id, Qty::ZERO);
            }
            RiskMsg::Order(OrderProgress::Unknown(id)) => state.args.engine.on_unknown(&id),
            RiskMsg::Order(OrderProgress::Done(id, filled)) => {
                state.args.engine.on_done(&id, filled);
            }
            RiskMsg::SetLimits { limits, reply } => {
                let set = state.args.engine.set_limits(*limits).map_err(|e| e.to_string());
                state.args.limits.store(Arc::new(state.args.engine.limits().clone()));
                // Whoever asked may have given up waiting; the limits stand.
                let _ = reply.send(set);
            }
            RiskMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl RiskState {
    fn judge(&mut self, step: StepToJudge) {
        let StepToJudge { tag, intents, cancels, view, decided } = step;
        let breaker = self.args.breaker.load();
        let (mut approved, mut refused) = (Vec::new(), Vec::new());
        for intent in intents {
            let symbol = intent.terms.symbol;
            let catalog = &self.args.catalog;
            let instrument = self.instruments.entry(symbol).or_insert_with(|| catalog.get(symbol));
            let session = phase(&mut self.calendars, instrument.sessions, tag.ts);
            let context = RiskContext {
                view: &view,
                instrument,
                now: tag.ts,
                session,
                symbol_halted: false, // a symbol is halted through its breaker scope
                reconciled: self.args.flags.reconciled.load(Ordering::Acquire)
                    || planted(Bug::UnreconciledOrders),
                lease_held: self.args.flags.lease_held.load(Ordering::Acquire) || planted(Bug::LeaseIgnored),
                breaker: &breaker,
            };
            match self.args.engine.assess(intent, &context) {
                Ok(approval) => approved.push(approval),
                Err(refusal) => refused.push(refusal),
            }
        }
        self.args.flags.flow.approved(approved.len() as u64);
        let judged = Judged { tag, approved, refused, cancels, decided };
        self.args.execution.cast(ExecutionMsg::Judged(Box::new(judged)));
    }
}

fn phase(calendars: &mut BTreeMap<SessionKind, CalendarCursor>, kind: SessionKind, now: Ts) -> SessionPhase {
    let cursor = calendars.entry(kind).or_insert_with(|| CalendarCursor::new(kind));
    match cursor.phase(now) {
        Phase::Regular => SessionPhase::Regular,
        Phase::Pre | Phase::Post => SessionPhase::Extended,
        Phase::Closed => SessionPhase::Closed,
    }
}
