//! Execution.
//!
//! Owns the order book. Receives a step's targets from the portfolio and plans the orders that lead there; receives risk's
//! verdicts on them, and everything the broker tells. Makes intents, approvals and outbox records durable in one commit before it hands orders to the session; passes fills and order
//! states to the portfolio, on record, in the broker's order.
//!
//! When it crashes: the book is rebuilt from the journal with every order under way in doubt, and the reconciler resolves
//! what is in doubt from the broker's books before anything new is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::Serialize;
use tensortrade_broker::{BrokerError, BrokerEvent, BrokerOrder, BrokerOrderState, Connection, RejectCode};
use tensortrade_execution::book::Change;
use tensortrade_execution::plan::{IdleWatch, OpenOrder, PlanContext};
use tensortrade_execution::{
    Alarm, BrokerAnswers, Counters, ExecutionEvent, KnownOrder, KnownState, Order, OrderBook, OrderState,
    Outcome, Planner, Submission, SymbolInput,
};
use tensortrade_journal::Event;
use tensortrade_journal::event::{self, OrderStatus};
use tensortrade_market::calendar::{CalendarCursor, SessionKind};
use tensortrade_market::order::{ClientOrderId, Fill, OrderIntent, OrderTerms};
use tensortrade_market::{Catalog, Instrument, Money, Price, Qty, Symbol, Ts};
use tensortrade_policy::{Opinion, Targets};
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::breaker::BreakerState;
use tensortrade_risk::{Conduct, ConductBreach, RejectLimits, RiskApproved, RiskRefused, SessionPolicy};
use tokio::sync::oneshot;

use super::breaker::{BreakerMsg, BreakerView};
use super::portfolio::{OrderProgress, PortfolioMsg};
use super::reconciler::ReconcilerMsg;
use super::risk::{LimitsView, RiskMsg, StepToJudge, TradingFlags};
use super::session::{BrokerBooks, SessionMsg};
use crate::ops::journal::{JournalDoor, JournalMsg};
use crate::route::Route;
use crate::step::{StepGate, StepTag};
use crate::stopwatch::Stopwatch;
use crate::supervision::ChildHandle;

/// Longest wait for the commit that must precede a send.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the breaker.
const TRIP_DEADLINE: Duration = Duration::from_secs(5);

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

/// An order as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct OrderView {
    /// Ours.
    pub client_order_id: ClientOrderId,
    /// What.
    pub symbol: Symbol,
    /// Which way.
    pub side: String,
    /// How much.
    pub qty: Qty,
    /// Executed so far.
    pub filled: Qty,
    /// Where it stands.
    pub state: OrderState,
    /// Since when.
    pub created_at: String,
    /// Why.
    pub reason: String,
}

/// Counts of execution.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ExecutionCounts {
    /// Intents, refused ones included.
    pub intents: u64,
    /// Handed over.
    pub sent: u64,
    /// Filled whole.
    pub filled: u64,
    /// Cancelled or expired.
    pub cancelled: u64,
    /// Refused by the broker.
    pub rejected: u64,
    /// Of unknown outcome now.
    pub unknown_now: u64,
    /// Executions booked.
    pub fills: u64,
    /// Intents that risk refused.
    pub refused: u64,
    /// Orders that are not done.
    pub open: u64,
}

/// Where counts are read.
#[derive(Debug, Default)]
pub struct ExecutionStats(Mutex<ExecutionCounts>);

impl ExecutionStats {
    /// The counts now.
    #[must_use]
    pub fn read(&self) -> ExecutionCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
                    _ => ExecutionEvent::InDoubt { client_order_id, reason, ts },
                };
                state.apply_all(vec![event]).await;
            }
            ExecutionMsg::Resolve { books, since, asked_at, reply } => {
                let resolved = state.resolve(*books, since, asked_at).await;
                // Whoever asked may have given up waiting; what was booked stays booked.
                let _ = reply.send(resolved);
            }
            ExecutionMsg::Orders { reply } => {
                let _ = reply.send(state.args.book.live().map(view).collect());
            }
            ExecutionMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl ExecutionState {
    /// From targets to intents; a step that leads to no order is done here.
    async fn plan(&mut self, step: StepToPlan) {
        let StepToPlan { tag, targets, view, decided, closing } = step;
        let limits = self.args.limits.load();
        let mut wanted: BTreeMap<Symbol, (f64, String)> = BTreeMap::new();
        for row in &targets.rows {
            if let Opinion::Weight { weight, reason, .. } = row.opinion {
                wanted.insert(row.symbol, (weight, reason.to_string()));
            }
        }
        wanted.extend(closing.iter().map(|symbol| (*symbol, (0.0, "closed by command".to_owned()))));
        for symbol in wanted.keys() {
            self.instruments.entry(*symbol).or_insert_with(|| self.args.catalog.get(*symbol));
        }
        let open: BTreeMap<Symbol, Vec<OpenOrder>> =
            wanted.keys().map(|symbol| (*symbol, self.args.book.open_orders(*symbol).collect())).collect();
        // Outside the hours that risk admits nothing is planned: a wish for every closed minute would be noise.
        let admitted: BTreeSet<Symbol> = match limits.session_policy {
            SessionPolicy::QueueToNextOpen => wanted.keys().copied().collect(),
            policy => {
                let extended = policy == SessionPolicy::Extended;
                let open = |symbol: &Symbol| {
                    let Some(instrument) = self.instruments.get(symbol) else { return false };
                    let kind = instrument.sessions;
                    self.calendars
                        .entry(kind)
                        .or_insert_with(|| CalendarCursor::new(kind))
                        .is_open(tag.ts, extended)
                };
                wanted.keys().copied().filter(open).collect()
            }
        };
        let inputs = wanted.iter().filter_map(|(symbol, (weight, reason))| {
            let instrument = self.instruments.get(symbol).filter(|_| admitted.contains(symbol))?;
            let price = view.price(*symbol)?;
            // Without a rate there is no quantity: the plan says so, and risk would refuse.
            let rate = view.rate(instrument.currency).map_or(f64::NAN, tensortrade_portfolio::Rate::to_f64);
            Some(SymbolInput {
                instrument,
                weight: Some(*weight),
                price,
                rate,
                position: view.qty(*symbol),
                open: open.get(symbol).map_or(&[], Vec::as_slice),
                qty_max: order_qty_max(instrument, price, rate, limits.order_notional_max),
                reason,
            })
        });
        let equity = view.valuation().map_or(Money::ZERO, |worth| worth.equity);
        let symbols = targets.rows.len();
        let context = PlanContext { decided_at: tag.ts, equity, symbols };
        let mut plan = self.args.planner.plan(context, inputs);
        let sized =
            admitted.iter().filter(|symbol| wanted.get(*symbol).is_some_and(|(weight, _)| *weight != 0.0));
        if let Some(text) = self.idle.observe(&self.args.planner, context, &plan, sized.count()) {
            tracing::warn!("{text}");
            self.record(vec![event::Alarm { ts: tag.ts, code: "never_orders".into(), text }.into()]).await;
        }
        // Nobody plans for a symbol that has left the watchlist: what still works for it would fill unwatched.
        let members: BTreeSet<Symbol> = targets.rows.iter().map(|row| row.symbol).collect();
        let works = |order: &&Order| {
            matches!(order.state, OrderState::Working | OrderState::PartiallyFilled)
                && !members.contains(&order.terms.symbol)
                && !closing.contains(&order.terms.symbol)
        };
        plan.cancels.extend(self.args.book.live().filter(works).map(Order::client_order_id));
        let closed: Vec<Symbol> = closing
            .iter()
            .filter(|symbol| view.qty(**symbol).is_zero())
            .filter(|symbol| self.args.book.live().all(|order| order.terms.symbol != **symbol))
            .copied()
            .collect();
        if !closed.is_empty() {
            self.args.portfolio.cast(PortfolioMsg::Closed(closed));
        }
        if plan.intents.is_empty() {
            let none =
                Judged { tag, approved: Vec::new(), refused: Vec::new(), cancels: plan.cancels, decided };
            return self.judged(none).await;
        }
        let step = StepToJudge { tag, intents: plan.intents, cancels: plan.cancels, view, decided };
        if !self.args.risk.cast(RiskMsg::Judge(Box::new(step))) {
            tracing::error!(ts = %tag.ts, "risk is not running: the step sends nothing");
            self.args.gate.done(tag.ts);
        }
    }

    async fn judged(&mut self, judged: Judged) {
        let now = judged.tag.ts;
        let mut events: Vec<Event> = Vec::new();
        let mut progress = Vec::new();
        let mut to_send = Vec::new();
        for refused in judged.refused {
            self.refused += 1;
            let (intent, refusal) = refused.into_parts();
            let record = event::Refused {
                intent_id: intent.id.clone(),
                terms: intent.terms,
                code: refusal.code.to_string(),
                detail: refusal.detail,
                ts: now,
            };
            events.push(intent.into());
            events.push(record.into());
        }
        let gate = self.args.breaker.gate.state();
        for approved in judged.approved {
            // A trip between approval and record: what adds risk stays here.
            let blocked = match gate {
                BreakerState::Normal => false,
                BreakerState::Reducing => !approved.is_reducing(),
                BreakerState::Halted => true,
            };
            if blocked {
                self.refused += 1;
                let id = approved.reservation_id().clone();
                let intent = approved.into_value();
                let refused = event::Refused {
                    intent_id: intent.id.clone(),
                    terms: intent.terms,
                    code: "breaker".into(),
                    detail: format!("the breaker is {} since the approval", gate.as_str()),
                    ts: now,
                };
                events.extend([intent.into(), refused.into()]);
                progress.push(OrderProgress::Done(id, Qty::ZERO));
                continue;
            }
            let intent = approved.value().clone();
            let record = event::Approved {
                intent_id: intent.id.clone(),
                terms: *approved.terms(),
                approved_at: approved.approved_at(),
                expires_at: approved.expires_at(),
                reservation: approved.reserved(),
            };
            let id = intent.client_order_id();
            match self.args.book.submit(approved, now) {
                Ok(Submission::Send { client_order_id, terms }) => {
                    let outbox = event::Submitted {
                        client_order_id: client_order_id.clone(),
                        intent_id: intent.id.clone(),
                        terms,
                        lease_epoch: self.args.lease_epoch,
                        ts: now,
                    };
                    events.extend([intent.into(), record.into(), outbox.into()]);
                    to_send.push((client_order_id, terms));
                }
                Ok(Submission::Already(state)) => {
                    tracing::warn!(%id, %state, "an intent came again: nothing is sent")
                }
                Err(error) => {
                    let refused = event::Refused {
                        intent_id: intent.id.clone(),
                        terms: intent.terms,
                        code: "execution".into(),
                        detail: error.to_string(),
                        ts: now,
                    };
                    events.extend([intent.into(), record.into(), refused.into()]);
                    progress.push(OrderProgress::Done(id, Qty::ZERO));
                }
            }
        }
        let mut to_cancel = Vec::new();
        for id in judged.cancels {
            let out = self
                .args
                .book
                .apply(&ExecutionEvent::CancelRequested { client_order_id: id.clone(), ts: now });
            if out.refused.is_none() {
                to_cancel.push(id);
            }
            self.note(&out, now, &mut events, &mut progress);
        }
        // Only what is about to be sent must be durable first; refusals alone wait for nobody.
        let recorded = if to_send.is_empty() && to_cancel.is_empty() {
            self.record(events).await;
            Ok(())
        } else {
            self.make_durable(events).await
        };
        match recorded {
            Ok(()) => {
                for (id, terms) in to_send {
                    self.args.session.cast(SessionMsg::Place {
                        id,
                        terms,
                        now,
                        decided: Some(judged.decided),
                    });
                }
                for id in to_cancel {
                    self.args.session.cast(SessionMsg::Cancel { id, now });
                }
            }
            Err(why) => {
                tracing::error!(%why, "orders are not sent, because they cannot be recorded");
                let mut events = Vec::new();
                for (client_order_id, _) in to_send {
                    let reason = format!("not recorded: {why}");
                    let event = ExecutionEvent::Withdrawn {
                        client_order_id: client_order_id.clone(),
                        reason,
                        ts: now,
                    };
                    let out = self.args.book.apply(&event);
                    self.note(&out, now, &mut events, &mut progress);
                }
                // A record that came too late for the order may still be written: then this is written behind it.
                self.record(events).await;
            }
        }
        self.forward(progress);
        self.publish();
        self.args.gate.done(judged.tag.ts);
    }

    /// One commit for everything the step leads to.
    async fn make_durable(&self, events: Vec<Event>) -> Result<(), String> {
        if events.is_empty() {
            return Ok(());
        }
        let answer = self
            .args
            .journal
            .route
            .ask(RECORD_DEADLINE, |reply| JournalMsg::AppendDurable { events, reply })
            .await;
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn broker(&mut self, events: Vec<BrokerEvent>) {
        // What happened while nobody was connected is not told later: no order leaves before the reconciler has looked.
        if events.iter().any(|event| matches!(event, BrokerEvent::Connection { .. })) {
            self.args.flags.reconciled.store(false, std::sync::atomic::Ordering::Release);
        }
        let events = events.into_iter().filter_map(translate).collect();
        self.apply_all(events).await;
    }

    async fn broker_done(&mut self, ts: Ts) {
        if self.args.book.live_count() > 0 {
            let out = self.args.book.check_deadlines(ts);
            let (mut events, mut progress) = (Vec::new(), Vec::new());
            self.note(&out, ts, &mut events, &mut progress);
            self.record(events).await;
            self.forward(progress);
            self.publish();
        }
        self.args.portfolio.cast(PortfolioMsg::BrokerDone(ts));
    }

    /// Takes events in order: book, record, forward.
    async fn apply_all(&mut self, events: Vec<ExecutionEvent>) {
        let (mut records, mut messages) = (Vec::new(), Vec::new());
        let mut breaches = Vec::new();
        for event in events {
            breaches.extend(self.watch(&event));
            self.take(event, &mut records, &mut messages);
        }
        for breach in breaches {
            self.trip(breach).await;
        }
        self.record(records).await;
        for message in messages {
            self.args.portfolio.cast(message);
        }
        self.publish();
    }

    /// Counts the broker's answers to our orders.
    fn watch(&mut self, event: &ExecutionEvent) -> Option<ConductBreach> {
        let (id, rejected) = match event {
            ExecutionEvent::Accepted { client_order_id, .. } => (client_order_id, false),
            ExecutionEvent::Rejected { client_order_id, .. } => (client_order_id, true),
            _ => return None,
        };
        let symbol = self.args.book.get(id)?.terms.symbol;
        self.conduct.answered(symbol, rejected)
    }

    /// Waits until the breaker acts, so that the next orders are judged under it.
    async fn trip(&self, breach: ConductBreach) {
        let ConductBreach { scope, level, reason } = breach;
        if self.args.breaker.load().state(&scope) >= level {
            return;
        }
        let answer = self.args.breaker_door.ask(TRIP_DEADLINE, |reply| {
            let by = "execution".to_owned();
            BreakerMsg::Trip { scope, level, reason, by, reply: Some(reply) }
        });
        if let Err(error) = answer.await {
            tracing::error!(%error, "the breaker does not answer to rejected orders");
        }
    }

    fn take(&mut self, event: ExecutionEvent, records: &mut Vec<Event>, messages: &mut Vec<PortfolioMsg>) {
        let ts = moment(&event);
        let out = self.args.book.apply(&event);
        match event {
            ExecutionEvent::Fill(fill) if out.new_fill => {
                records.push(self.booked(&fill));
                messages.push(PortfolioMsg::Fill(Box::new(fill)));
            }
            _ => {}
        }
        for commission in &out.new_commissions {
            records.push(commission.clone().into());
            messages.push(PortfolioMsg::Commission(commission.clone()));
        }
        let mut progress = Vec::new();
        self.note(&out, ts, records, &mut progress);
        messages.extend(progress.into_iter().map(PortfolioMsg::Order));
    }

    fn booked(&mut self, fill: &Fill) -> Event {
        let catalog = &self.args.catalog;
        let instrument = self.instruments.entry(fill.symbol).or_insert_with(|| catalog.get(fill.symbol));
        event::BookedFill {
            fill: fill.clone(),
            multiplier: instrument.multiplier,
            currency: instrument.currency,
        }
        .into()
    }

    /// Records changes and alarms of an outcome, and says what risk must know.
    fn note(&self, out: &Outcome, ts: Ts, records: &mut Vec<Event>, progress: &mut Vec<OrderProgress>) {
        for change in &out.changes {
            let Some(order) = self.args.book.get(&change.order) else { continue };
            records.push(changed(order, change, ts));
            let id = change.order.clone();
            match change.after {
                OrderState::Working
                | OrderState::PartiallyFilled
                | OrderState::PendingCancel
                | OrderState::PendingModify => progress.push(OrderProgress::Working(id)),
                OrderState::Unknown => {
                    progress.push(OrderProgress::Unknown(id));
                    let told = self.args.flags.in_doubt.swap(true, std::sync::atomic::Ordering::AcqRel);
                    if !told {
                        self.args.reconciler.cast(ReconcilerMsg::Doubt);
                    }
                }
                state if state.is_terminal() => {
                    progress.push(OrderProgress::Done(id, order.filled.max(order.announced)));
                }
                _ => {}
            }
        }
        for alarm in &out.alarms {
            tracing::warn!(%alarm, "execution");
            records.push(event::Alarm { ts, code: alarm_code(alarm), text: alarm.to_string() }.into());
            if let Alarm::LateFill { order, state, exec_id, .. } = alarm {
                let venue =
                    self.args.book.get(order).and_then(|o| o.executions.last()).map(|e| e.venue.clone());
                records.push(
                    event::LateFill {
                        client_order_id: order.clone(),
                        venue: venue.unwrap_or_default(),
                        exec_id: exec_id.clone(),
                        status: status(*state),
                        ts,
                    }
                    .into(),
                );
            }
        }
    }

    async fn record(&self, events: Vec<Event>) {
        if !events.is_empty() {
            self.args.journal.send(JournalMsg::Append(events)).await;
        }
    }

    fn forward(&self, progress: Vec<OrderProgress>) {
        for progress in progress {
            self.args.portfolio.cast(PortfolioMsg::Order(progress));
        }
    }

    async fn resolve(&mut self, books: BrokerBooks, since: Ts, asked_at: Ts) -> Resolved {
        let before = self.args.book.counters();
        let executions = books.executions.iter().flat_map(|execution| {
            let fill = ExecutionEvent::Fill(execution.fill.clone());
            let commission = execution.commission.clone().map(ExecutionEvent::Commission);
            std::iter::once(fill).chain(commission)
        });
        self.apply_all(executions.collect()).await;
        let answers = BrokerAnswers {
            open: books.open.into_iter().map(known).collect(),
            completed: books.completed.into_iter().map(known).collect(),
            executions: Vec::new(), // taken above, one by one, so that each is recorded
            since,
            asked_at,
        };
        let out = self.args.book.resolve(&answers);
        let (mut records, mut progress) = (Vec::new(), Vec::new());
        self.note(&out, asked_at, &mut records, &mut progress);
        self.record(records).await;
        self.forward(progress);
        self.publish();
        let after = self.args.book.counters();
        Resolved {
            fills_booked: (after.fills + after.foreign_fills)
                .saturating_sub(before.fills + before.foreign_fills),
            alarms: out.alarms.iter().map(ToString::to_string).collect(),
            unknown: self.args.book.unknown().map(Order::client_order_id).collect(),
        }
    }

    fn publish(&self) {
        let (now, base) = (self.args.book.counters(), self.base);
        let counts = ExecutionCounts {
            intents: now.intents - base.intents + self.refused,
            sent: now.sent - base.sent,
            filled: now.filled - base.filled,
            cancelled: now.cancelled + now.expired - base.cancelled - base.expired,
            rejected: now.rejected - base.rejected,
            unknown_now: self.args.book.unknown().count() as u64,
            fills: now.fills + now.foreign_fills - base.fills - base.foreign_fills,
            refused: self.refused,
            open: self.args.book.live_count() as u64,
        };
        *self.args.stats.0.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// The most that one order may be for under the notional limit; a hundredth is left for the collar beyond the price.
fn order_qty_max(instrument: &Instrument, price: Price, rate: f64, notional_max: Money) -> Option<Qty> {
    let unit = price.to_f64().abs() * instrument.multiplier.to_f64() * rate;
    let most = notional_max.to_f64() * 0.99 / unit;
    (most.is_finite() && most > 0.0)
        .then(|| Qty::from_f64(most).ok())
        .flatten()
        .map(|q| q.truncate_to(instrument.lot))
}

/// The journal's word for a state.
#[must_use]
pub const fn status(state: OrderState) -> OrderStatus {
    match state {
        OrderState::Pending => OrderStatus::Submitted,
        OrderState::Sent => OrderStatus::Sent,
        OrderState::Working => OrderStatus::Working,
        OrderState::PartiallyFilled => OrderStatus::PartiallyFilled,
        OrderState::PendingCancel => OrderStatus::CancelPending,
        OrderState::PendingModify => OrderStatus::ModifyPending,
        OrderState::Unknown => OrderStatus::Unknown,
        OrderState::Filled => OrderStatus::Filled,
        OrderState::Cancelled => OrderStatus::Cancelled,
        OrderState::Rejected => OrderStatus::Rejected,
        OrderState::Expired => OrderStatus::Expired,
        OrderState::Lost => OrderStatus::Lost,
    }
}

fn changed(order: &Order, change: &Change, ts: Ts) -> Event {
    event::OrderStateChange {
        client_order_id: change.order.clone(),
        broker_order_id: order.broker_order_id.clone(),
        from: status(change.before),
        to: status(change.after),
        filled: order.filled,
        reason: order.reason.clone(),
        ts,
    }
    .into()
}

fn view(order: &Order) -> OrderView {
    OrderView {
        client_order_id: order.client_order_id(),
        symbol: order.terms.symbol,
        side: order.terms.side.to_string(),
        qty: order.terms.qty,
        filled: order.filled,
        state: order.state,
        created_at: order.created_at.to_string(),
        reason: order.reason.clone(),
    }
}

fn moment(event: &ExecutionEvent) -> Ts {
    use ExecutionEvent as E;
    match event {
        E::Sent { ts, .. }
        | E::NotSent { ts, .. }
        | E::Withdrawn { ts, .. }
        | E::InDoubt { ts, .. }
        | E::CancelRequested { ts, .. }
        | E::ModifyRequested { ts, .. }
        | E::Accepted { ts, .. }
        | E::Rejected { ts, .. }
        | E::Cancelled { ts, .. }
        | E::Expired { ts, .. }
        | E::Modified { ts, .. }
        | E::RequestRejected { ts, .. }
        | E::Disconnected { ts }
        | E::Recovered { ts } => *ts,
        E::Fill(fill) => fill.ts,
        E::Commission(_) => Ts::ZERO,
    }
}

/// The broker's words in the order book's.
fn translate(event: BrokerEvent) -> Option<ExecutionEvent> {
    Some(match event {
        BrokerEvent::Accepted { client_order_id, broker_order_id, ts } => {
            ExecutionEvent::Accepted { client_order_id, broker_order_id, ts }
        }
        BrokerEvent::Rejected { client_order_id, code, reason, ts } => {
            ExecutionEvent::Rejected { client_order_id, reason: format!("{code:?}: {reason}"), ts }
        }
        BrokerEvent::Fill(fill) => ExecutionEvent::Fill(fill),
        BrokerEvent::Commission(commission) => ExecutionEvent::Commission(commission),
        BrokerEvent::Cancelled { client_order_id, filled, reason, ts } => {
            ExecutionEvent::Cancelled { client_order_id, filled, reason, ts }
        }
        BrokerEvent::Expired { client_order_id, filled, ts } => {
            ExecutionEvent::Expired { client_order_id, filled, ts }
        }
        BrokerEvent::Modified { client_order_id, terms, ts } => {
            ExecutionEvent::Modified { client_order_id, terms, ts }
        }
        BrokerEvent::RequestRejected { client_order_id, code, reason, ts } => {
            let still_works = !matches!(code, RejectCode::UnknownOrder | RejectCode::NotWorking);
            ExecutionEvent::RequestRejected { client_order_id, still_works, reason, ts }
        }
        BrokerEvent::Connection { state: Connection::Down, ts, .. } => ExecutionEvent::Disconnected { ts },
        BrokerEvent::Connection { state: Connection::Up, .. } => return None,
    })
}

fn known(order: BrokerOrder) -> KnownOrder {
    let state = match order.state {
        BrokerOrderState::Working => KnownState::Working,
        BrokerOrderState::Filled => KnownState::Filled,
        BrokerOrderState::Cancelled => KnownState::Cancelled,
        BrokerOrderState::Expired => KnownState::Expired,
        BrokerOrderState::Rejected => KnownState::Rejected,
    };
    let terms: OrderTerms = order.terms;
    KnownOrder {
        client_order_id: order.client_order_id,
        broker_order_id: order.broker_order_id,
        terms,
        filled: order.filled,
        state,
    }
}

/// A stable word for filters.
fn alarm_code(alarm: &Alarm) -> String {
    serde_json::to_value(alarm)
        .ok()
        .and_then(|value| value.get("alarm").and_then(|code| code.as_str().map(str::to_owned)))
        .unwrap_or_else(|| "alarm".to_owned())
}
