//! The portfolio.
//!
//! Owns positions, cash and their worth. Receives decided steps from the policy, and fills, order states and the broker's
//! watermark from execution. Sends execution the targets with a view of the account, and risk every booked fill and order
//! state in order. Appends the step to the journal.
//!
//! A step is acted on only when the broker's watermark of the same moment has come: every fill before it is booked then.
//!
//! When it crashes: it is rebuilt from the journal's fills, and trading waits for a clean reconciliation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_features::RowState;
use tensortrade_journal::event::{self, Decided, Decision, Equity, StepClosed};
use tensortrade_journal::{Event, Real};
use tensortrade_market::order::{ClientOrderId, Commission, Fill};
use tensortrade_market::time::NS_PER_DAY;
use tensortrade_market::{Catalog, Currency, Money, Qty, Symbol, Ts};
use tensortrade_policy::{Opinion, Targets};
use tensortrade_portfolio::{FillOutcome, Portfolio, PortfolioView};
use tensortrade_risk::LossLimits;
use tensortrade_risk::breaker::Scope;
use tokio::sync::oneshot;

use super::breaker::{BreakerMsg, BreakerView};
use super::execution::{ExecutionMsg, StepToPlan};
use super::risk::RiskMsg;
use crate::market::hub::{HubCommand, HubHandle};
use crate::ops::door::JournalDoor;
use crate::route::Route;
use crate::step::{Purpose, StepGate};
use crate::strategy::policy::DecidedStep;
use crate::supervision::ChildHandle;

/// What became of an order, on its way to risk behind the fills it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderProgress {
    /// The broker has it.
    Working(ClientOrderId),
    /// Its outcome is not known.
    Unknown(ClientOrderId),
    /// It is done, with so much executed in all.
    Done(ClientOrderId, Qty),
}

/// What steps came to, readable at any time.
#[derive(Debug, Default)]
pub struct StepCounts {
    /// Steps recorded.
    pub steps: AtomicU64,
    /// Bars closed, of all timeframes.
    pub bars: AtomicU64,
    /// Gaps marked.
    pub gaps: AtomicU64,
    /// Opinions of the policy.
    pub decisions: AtomicU64,
}

/// What the portfolio is sent.
#[derive(Debug)]
pub enum PortfolioMsg {
    /// The policy decided.
    Decided(Box<DecidedStep>),
    /// Everything the broker did with data before this moment has been sent.
    BrokerDone(Ts),
    /// An execution, already on record.
    Fill(Box<Fill>),
    /// What an execution cost, already on record.
    Commission(Commission),
    /// Money came in or, negative, went out, already on record.
    CashMoved(Currency, Money),
    /// An order's state changed.
    Order(OrderProgress),
    /// Make these symbols flat and keep them flat.
    Close {
        /// Which.
        symbols: Vec<Symbol>,
        /// Whether to take them off the watchlist once flat.
        then_remove: bool,
    },
    /// Symbols that were to be closed: flat, and no order of theirs is open or in doubt.
    Closed(Vec<Symbol>),
    /// The account now.
    View {
        /// As of this moment.
        now: Ts,
        /// The answer.
        reply: oneshot::Sender<PortfolioView>,
    },
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct PortfolioActor;

/// What it is started with.
pub struct PortfolioArgs {
    /// Where it is found.
    pub route: Route<PortfolioMsg>,
    /// Who judges, and holds exposure for open orders.
    pub risk: Route<RiskMsg>,
    /// Who plans and sends.
    pub execution: Route<ExecutionMsg>,
    /// Where steps are recorded.
    pub journal: JournalDoor,
    /// The hub, to take closed symbols off the watchlist.
    pub hub: HubHandle,
    /// Where finished steps are reported.
    pub gate: StepGate,
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// The books as the journal has them.
    pub portfolio: Portfolio,
    /// Names of the features that decisions rest on: these are recorded with them.
    pub explained: Vec<String>,
    /// Losses that trip the breaker.
    pub losses: LossLimits,
    /// Who is tripped.
    pub breaker: Route<BreakerMsg>,
    /// Its state.
    pub breaker_view: Arc<BreakerView>,
    /// Steps in the journal before this run: numbers go on from there.
    pub steps_before: u64,
    /// What steps came to.
    pub counts: Arc<StepCounts>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// Longest wait for the breaker.
const TRIP_DEADLINE: Duration = Duration::from_secs(5);

/// A symbol that is closed by command. It stays at zero until the strategy's own target has been zero or on the other side:
/// else what a person closed would be bought back at the next step.
#[derive(Debug, Clone, Copy)]
struct Closing {
    /// Side of the position that is closed: -1, 0 or 1.
    side: i64,
    /// Whether it leaves the watchlist once flat.
    then_remove: bool,
}

impl Closing {
    /// Whether the strategy still wants what was closed.
    fn holds_against(self, opinion: &Opinion) -> bool {
        match opinion.weight() {
            None => true,
            Some(weight) => weight != 0.0 && (weight > 0.0) == (self.side > 0),
        }
    }
}

/// What it owns.
pub struct PortfolioState {
    args: PortfolioArgs,
    decided: Option<Box<DecidedStep>>,
    broker_done: Ts,
    day: Ts,
    /// Symbols whose target is zero by command.
    closing: BTreeMap<Symbol, Closing>,
    registered: BTreeSet<Symbol>,
    /// Whether this run has recorded the names of the features: once is enough.
    named: bool,
    /// Columns of the features that are recorded.
    columns: Vec<usize>,
    /// Steps that only warmed up: they have no number in the journal.
    warmed_up: u64,
}

impl Actor for PortfolioActor {
    type Msg = PortfolioMsg;
    type State = PortfolioState;
    type Arguments = PortfolioArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<PortfolioMsg>,
        args: PortfolioArgs,
    ) -> Result<PortfolioState, ActorProcessingErr> {
        args.route.register(myself);
        let registered = args.portfolio.positions().map(|p| p.symbol).collect();
        let day = args.portfolio.performance().date().unwrap_or(Ts::MIN);
        Ok(PortfolioState {
            args,
            decided: None,
            broker_done: Ts::MIN,
            day,
            closing: BTreeMap::new(),
            registered,
            named: false,
            columns: Vec::new(),
            warmed_up: 0,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<PortfolioMsg>,
        message: PortfolioMsg,
        state: &mut PortfolioState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PortfolioMsg::Decided(step) => {
                state.decided = Some(step);
                state.act().await?;
            }
            PortfolioMsg::BrokerDone(ts) => {
                state.broker_done = state.broker_done.max(ts);
                state.act().await?;
            }
            PortfolioMsg::Fill(fill) => state.fill(&fill)?,
            PortfolioMsg::Commission(commission) => {
                state.args.portfolio.apply_commission(&commission)?;
            }
            PortfolioMsg::CashMoved(currency, amount) => state.args.portfolio.deposit(currency, amount)?,
            PortfolioMsg::Order(progress) => {
                state.args.risk.cast(RiskMsg::Order(progress));
            }
            PortfolioMsg::Close { symbols, then_remove } => {
                for symbol in symbols {
                    let side = state.args.portfolio.position(symbol).map_or(0, |p| p.qty.signum());
                    let closing = state.closing.entry(symbol).or_insert(Closing { side, then_remove: false });
                    closing.then_remove |= then_remove;
                }
            }
            PortfolioMsg::Closed(symbols) => state.closed(&symbols),
            PortfolioMsg::View { now, reply } => {
                // Whoever asked may have given up waiting.
                let _ = reply.send(state.args.portfolio.view(now));
            }
            PortfolioMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl PortfolioState {
    fn register(&mut self, symbol: Symbol) -> Result<(), ActorProcessingErr> {
        if self.registered.insert(symbol) {
            self.args.portfolio.register(&self.args.catalog.get(symbol))?;
        }
        Ok(())
    }

    fn fill(&mut self, fill: &Fill) -> Result<(), ActorProcessingErr> {
        self.register(fill.symbol)?;
        match self.args.portfolio.apply_fill(fill)? {
            FillOutcome::Applied(applied) => {
                self.args.risk.cast(RiskMsg::Fill(applied));
            }
            FillOutcome::Duplicate => tracing::debug!(exec_id = %fill.exec_id, "a fill came again"),
        }
        Ok(())
    }

    async fn act(&mut self) -> Result<(), ActorProcessingErr> {
        let ready = self.decided.as_ref().is_some_and(|decided| {
            let tag = decided.step.step.tag;
            tag.purpose == Purpose::WarmUp || tag.ts <= self.broker_done
        });
        if !ready {
            return Ok(());
        }
        let Some(decided) = self.decided.take() else { return Ok(()) };
        let tag = decided.step.step.tag;
        self.mark(&decided)?;
        let day = tag.ts.floor_to(NS_PER_DAY);
        if day > self.day {
            // Before the first price there is nothing to value; the day opens with the first step that can be valued.
            if self.args.portfolio.roll_day(day).is_ok() {
                self.day = day;
            }
        }
        if tag.purpose == Purpose::WarmUp {
            self.warmed_up += 1;
            self.args.gate.done(tag.ts);
            return Ok(());
        }
        let view = self.args.portfolio.view(tag.ts);
        self.guard_losses(&view).await;
        self.finish_closing(&view, &decided.targets);
        let event = self.record(&decided, &view);
        self.args.journal.send(vec![event]).await;
        let DecidedStep { targets, decided: at, .. } = *decided;
        let closing = self.closing.keys().copied().collect();
        let step = StepToPlan { tag, targets, view, decided: at, closing };
        self.args.execution.cast(ExecutionMsg::Step(Box::new(step)));
        Ok(())
    }

    /// A loss over its limit trips the breaker before the step's orders are planned, and every position is closed: a breaker
    /// alone would let what is held go on losing.
    async fn guard_losses(&mut self, view: &PortfolioView) {
        let Some(breach) = self.args.losses.breach(view) else { return };
        if self.args.breaker_view.load().state(&Scope::Node) >= breach.level {
            return;
        }
        for (symbol, side) in
            view.open_positions().map(|row| (row.position.symbol, row.position.qty.signum()))
        {
            self.closing.entry(symbol).or_insert(Closing { side, then_remove: false });
        }
        let (level, reason) = (breach.level, breach.reason);
        let answer = self.args.breaker.ask(TRIP_DEADLINE, |reply| {
            let (scope, by, reply) = (Scope::Node, "loss limits".to_owned(), Some(reply));
            BreakerMsg::Trip { scope, level, reason, by, cools_down: false, reply }
        });
        if let Err(error) = answer.await {
            // The next step finds the same loss and asks again; the positions are closed either way.
            tracing::error!(%error, "the breaker does not answer to a loss over its limit");
        }
    }

    fn mark(&mut self, decided: &DecidedStep) -> Result<(), ActorProcessingErr> {
        let frame = &decided.step.step.frame;
        for ((_, symbol, state), close) in frame.rows().zip(frame.closes()) {
            if let (RowState::Fresh, Some((price, ts))) = (state, close) {
                self.register(symbol)?;
                self.args.portfolio.mark(symbol, *price, *ts)?;
            }
        }
        Ok(())
    }

    /// Symbols that are flat leave the list of those being closed once the strategy has turned.
    fn finish_closing(&mut self, view: &PortfolioView, targets: &Targets) {
        self.closing.retain(|symbol, closing| {
            let turned =
                targets.rows.iter().any(|row| row.symbol == *symbol && !closing.holds_against(&row.opinion));
            closing.then_remove || !view.qty(*symbol).is_zero() || !turned
        });
    }

    /// Symbols with nothing left at the broker leave the watchlist, if they were to. Not before: an order that fills after
    /// its symbol has left would leave a position that nobody watches.
    fn closed(&mut self, symbols: &[Symbol]) {
        for symbol in symbols.iter().copied() {
            let flat = self.args.portfolio.position(symbol).is_none_or(|p| p.qty.is_zero());
            if !flat || !self.closing.get(&symbol).is_some_and(|closing| closing.then_remove) {
                continue;
            }
            self.closing.remove(&symbol);
            let (reply, _nobody_waits) = oneshot::channel();
            let by = "flattened, then removed".to_owned();
            if self.args.hub.tell(HubCommand::Remove { symbol, by, reply }).is_err() {
                tracing::warn!(%symbol, "the hub does not answer; the symbol stays on the watchlist");
            }
        }
    }

    /// The step as one event: bars, decision and the account's worth. Feature names stand in the first step of a run only.
    fn record(&mut self, decided: &DecidedStep, view: &PortfolioView) -> Event {
        let step = &decided.step.step;
        let frame = &step.frame;
        let manifest = frame.manifest();
        if !self.named {
            self.columns = self.args.explained.iter().filter_map(|name| manifest.index_of(name)).collect();
        }
        let columns = &self.columns;
        let rows: Vec<Decided> = decided
            .targets
            .rows
            .iter()
            .zip(0..)
            .filter_map(|(target, row)| {
                let Opinion::Weight { weight, confidence, .. } = target.opinion else { return None };
                let values =
                    columns.iter().map(|column| frame.value(row, *column).and_then(Real::new)).collect();
                Some(Decided {
                    symbol: target.symbol,
                    weight: Real::new(weight)?,
                    confidence: Real::new(confidence)?,
                    values,
                })
            })
            .collect();
        let (bars, gaps) = (step.bars(), step.gaps());
        let counts = &self.args.counts;
        counts.steps.fetch_add(1, Ordering::Relaxed);
        counts.bars.fetch_add(bars.len() as u64, Ordering::Relaxed);
        counts.gaps.fetch_add(gaps.len() as u64, Ordering::Relaxed);
        counts.decisions.fetch_add(rows.len() as u64, Ordering::Relaxed);
        let regime = &decided.step.regime;
        let regime = regime.warm.then(|| event::Regime {
            label: regime.label.to_string(),
            probabilities: regime.probabilities.iter().filter_map(|p| Real::new(*p)).collect(),
        });
        let features = if std::mem::replace(&mut self.named, true) {
            Vec::new()
        } else {
            columns
                .iter()
                .filter_map(|c| manifest.entries().get(*c))
                .map(|entry| entry.name.clone())
                .collect()
        };
        StepClosed {
            ts: step.tag.ts,
            step: self.args.steps_before + step.tag.number.saturating_sub(self.warmed_up),
            bars,
            gaps,
            regime,
            decision: Decision { features, rows },
            equity: self.equity(view),
        }
        .into()
    }

    fn equity(&self, view: &PortfolioView) -> Option<Equity> {
        let worth = view.valuation().ok()?;
        Some(Equity {
            currency: view.base(),
            cash: worth.cash,
            equity: worth.equity,
            gross: worth.gross(),
            net: worth.net(),
            realised: view.total(|account| account.realised)?,
            unrealised: worth.unrealised,
            fees: view.total(|account| account.commissions)?,
        })
    }
}
