//! Wires the supervision tree: who is started in which order, with what, and under which supervisor.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::BoxFuture;
use ractor::{Actor, SpawnErr};
use tensortrade_actors::market::hub::{
    DataEnd, Hub, HubArgs, HubContext, HubCore, HubHandle, HubMsg, HubShared, HubStats, Seat,
};
use tensortrade_actors::market::pacing::Pacer;
use tensortrade_actors::market::symbol::{SymbolActor, SymbolArgs, SymbolMsg, SymbolParams};
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::{Journal, JournalArgs, JournalMsg, JournalStats};
use tensortrade_actors::ops::writer_slot::SharedWriter;
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::stopwatch::Latency;
use tensortrade_actors::strategy::cross_section::{CrossSection, CrossSectionArgs, CrossSectionMsg};
use tensortrade_actors::strategy::policy::{Policy, PolicyArgs, PolicyMsg};
use tensortrade_actors::strategy::regime::{Regime, RegimeArgs, RegimeMsg};
use tensortrade_actors::supervision::{
    Admission, Backoff, ChildSpec, Heartbeat, StartContext, SupervisorSpec,
};
use tensortrade_actors::trading::breaker::{BreakerActor, BreakerArgs, BreakerMsg, BreakerView};
use tensortrade_actors::trading::execution::{Execution, ExecutionArgs, ExecutionMsg, ExecutionStats};
use tensortrade_actors::trading::portfolio::{PortfolioActor, PortfolioArgs, PortfolioMsg, StepCounts};
use tensortrade_actors::trading::reconciler::{ReconcileOutcome, Reconciler, ReconcilerArgs, ReconcilerMsg};
use tensortrade_actors::trading::risk::{LimitsView, Risk, RiskArgs, RiskMsg, TradingFlags};
use tensortrade_actors::trading::session::{Session, SessionArgs, SessionMsg, SharedBroker};
use tensortrade_execution::{OrderState, Planner};
use tensortrade_journal::state::Books;
use tensortrade_market::{Catalog, Clock, ManualClock, Timeframe};
use tensortrade_policy::{RulesConfig, RulesPolicy};
use tensortrade_regime::{ThresholdConfig, VolatilityThresholds};
use tensortrade_risk::{
    Limits, LossLimits, MismatchLimits, MismatchWatch, RejectLimits, Reservation, RiskEngine, StaleLimits,
};
use tokio::sync::watch;

use super::wrap::ActorWrap;

/// Batches in flight to one symbol.
const SYMBOL_INFLIGHT_MAX: usize = 32;
/// Slices in flight to the broker session.
const SESSION_INFLIGHT_MAX: usize = 64;
/// Signs of life: looked for this often, and missed after this long. A handler may wait for a commit or a broker.
const HEARTBEAT: Heartbeat =
    Heartbeat { interval: Duration::from_secs(5), silence_limit: Duration::from_secs(40) };

/// Every address and every shared thing of a node.
pub struct Parts {
    /// The journal.
    pub journal: JournalDoor,
    /// Counts of the journal.
    pub journal_stats: Arc<JournalStats>,
    /// Told when nothing can be recorded any more.
    pub journal_failed: watch::Sender<Option<String>>,
    /// Chain and store.
    pub writer: SharedWriter,
    /// The breaker.
    pub breaker: Route<BreakerMsg>,
    /// The breaker's state.
    pub breaker_view: Arc<BreakerView>,
    /// The broker session.
    pub session: Route<SessionMsg>,
    /// The portfolio.
    pub portfolio: Route<PortfolioMsg>,
    /// Risk.
    pub risk: Route<RiskMsg>,
    /// Execution.
    pub execution: Route<ExecutionMsg>,
    /// Counts of execution.
    pub execution_stats: Arc<ExecutionStats>,
    /// The reconciler.
    pub reconciler: Route<ReconcilerMsg>,
    /// Results of reconciliations.
    pub reconciled: watch::Sender<Option<ReconcileOutcome>>,
    /// Reconciled, lease held.
    pub flags: Arc<TradingFlags>,
    /// The cross-section.
    pub cross_section: Route<CrossSectionMsg>,
    /// The hub.
    pub hub: HubHandle,
    /// What outlives the hub.
    pub hub_shared: Arc<HubShared>,
    /// Counts of the hub.
    pub hub_stats: Arc<HubStats>,
    /// How the data ended.
    pub data_end: watch::Sender<Option<DataEnd>>,
    /// Opens when data may flow.
    pub open: watch::Sender<bool>,
    /// Finished steps.
    pub gate: StepGate,
    /// Tick to decision.
    pub tick_to_decision: Arc<Latency>,
    /// Decision to send.
    pub decision_to_send: Arc<Latency>,
    /// Restarts so far.
    pub restarts: Arc<AtomicU64>,
    /// The market clock.
    pub clock: ManualClock,
}

/// What the tree is made from.
pub struct Materials {
    /// Descriptions of instruments.
    pub catalog: Arc<Catalog>,
    /// Parameters of symbol actors.
    pub symbol_params: Arc<SymbolParams>,
    /// Orders and positions as the journal had them at the start, for the first incarnations.
    pub at_start: AtStart,
    /// Orders and positions as the journal has them now: what a restarted incarnation begins with.
    pub books_now: Arc<dyn Fn() -> BoxFuture<'static, Result<Books, String>> + Send + Sync>,
    /// Steps in the journal before this run.
    pub steps_before: u64,
    /// The broker.
    pub broker: SharedBroker,
    /// Limits.
    pub limits: Limits,
    /// Losses that trip the breaker.
    pub losses: LossLimits,
    /// Rejections that trip the breaker.
    pub rejects: RejectLimits,
    /// Differences from the broker's books that trip the breaker.
    pub mismatch: MismatchLimits,
    /// Silence that trips the breaker.
    pub stale: StaleLimits,
    /// From targets to intents.
    pub planner: Planner,
    /// The rules.
    pub rules: RulesConfig,
    /// Regime thresholds.
    pub thresholds: ThresholdConfig,
    /// Decision timeframe.
    pub decision: Timeframe,
    /// History that a joining symbol is warmed up with.
    pub warm_up_bars: usize,
    /// Rows kept per symbol.
    pub ring_rows: usize,
    /// Longest time an event stays uncommitted.
    pub commit_interval: Duration,
    /// Events after which a snapshot is written.
    pub snapshot_every: u64,
    /// How long a step waits for rows.
    pub row_deadline: Duration,
    /// Epoch of the right to trade.
    pub lease_epoch: u64,
    /// What steps came to.
    pub counts: Arc<StepCounts>,
}

/// The books read at the start, until everybody who begins with them has taken them: they are as large as the journal's
/// memory, and are not to be held a second time for the life of the node.
#[derive(Debug)]
pub struct AtStart(Mutex<(Option<Books>, usize)>);

impl AtStart {
    /// Those who take them: execution, portfolio, risk.
    const TAKERS: usize = 3;

    /// Nobody has taken them yet.
    #[must_use]
    pub fn new(books: Books) -> Self {
        Self(Mutex::new((Some(books), Self::TAKERS)))
    }

    fn take(&self) -> Option<Books> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.1 = held.1.saturating_sub(1);
        if held.1 == 0 { held.0.take() } else { held.0.clone() }
    }
}

/// The tree, ready to be started: every actor inside `wrap`, `control` as the last child.
pub fn specify<W: ActorWrap>(
    parts: &Parts,
    materials: Materials,
    control: ChildSpec,
    wrap: &W,
) -> Result<SupervisorSpec, String> {
    let symbols = SupervisorSpec::dynamic("symbols");
    let symbols_handle = symbols.handle();
    let materials = Arc::new(materials);
    let strategy = strategy(parts, &materials, wrap)?;
    let trading = trading(parts, &materials, wrap)?;
    let hub = hub(parts, &materials, symbols_handle, wrap);
    let market = SupervisorSpec::one_for_one("market", vec![symbols.into(), hub]);
    Ok(SupervisorSpec::rest_for_one(
        "root",
        vec![
            journal(parts, &materials, wrap),
            breaker(parts, wrap),
            trading.into(),
            strategy.into(),
            market.into(),
            control,
        ],
    ))
}

/// The books that an incarnation begins with: the first takes those read at the start, later ones read the journal again.
async fn books(materials: &Materials, started: &AtomicBool) -> Result<Books, SpawnErr> {
    if !started.swap(true, Ordering::AcqRel)
        && let Some(books) = materials.at_start.take()
    {
        return Ok(books);
    }
    (materials.books_now)().await.map_err(|e| SpawnErr::StartupFailed(e.into()))
}

/// Spawns an incarnation under its full name, linked to its supervisor.
async fn spawn<A: Actor, W: ActorWrap>(
    start: StartContext,
    wrap: &W,
    actor: A,
    args: A::Arguments,
) -> Result<(ractor::ActorCell, ractor::concurrency::JoinHandle<()>), SpawnErr> {
    let actor = wrap.wrap(&start, actor);
    let (running, join) =
        W::Wrapped::<A>::spawn_linked(Some(start.name), actor, args, start.supervisor).await?;
    Ok((running.into(), join))
}

fn beating<M: ractor::Message>(spec: ChildSpec, ping: fn() -> M) -> ChildSpec {
    spec.heartbeat(HEARTBEAT, move |cell| {
        // Fails only when the actor is gone, which its supervisor learns anyway.
        let _ = cell.send_message(ping());
    })
}

fn journal<W: ActorWrap>(parts: &Parts, materials: &Arc<Materials>, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (door, clock) = (parts.journal.clone(), parts.clock.clone());
    let (breaker, stats, failed) =
        (parts.breaker_view.clone(), parts.journal_stats.clone(), parts.journal_failed.clone());
    let materials = materials.clone();
    let spec = ChildSpec::actor("journal", "journal", move |start: &StartContext| {
        let args = JournalArgs {
            door: door.clone(),
            clock: Arc::new(clock.clone()) as Arc<dyn Clock>,
            commit_interval: materials.commit_interval,
            snapshot_every: materials.snapshot_every,
            breaker: breaker.clone(),
            stats: stats.clone(),
            failed: failed.clone(),
            child: start.handle.clone(),
        };
        (wrap.wrap(start, Journal), args)
    });
    beating(spec.critical(), || JournalMsg::Ping)
}

fn breaker<W: ActorWrap>(parts: &Parts, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (route, journal, view, clock) =
        (parts.breaker.clone(), parts.journal.clone(), parts.breaker_view.clone(), parts.clock.clone());
    let spec = ChildSpec::actor("breaker", "breaker", move |start: &StartContext| {
        let args = BreakerArgs {
            route: route.clone(),
            journal: journal.clone(),
            view: view.clone(),
            clock: Arc::new(clock.clone()) as Arc<dyn Clock>,
            child: start.handle.clone(),
        };
        (wrap.wrap(start, BreakerActor), args)
    });
    beating(spec.critical(), || BreakerMsg::Ping)
}

fn trading<W: ActorWrap>(
    parts: &Parts,
    materials: &Arc<Materials>,
    wrap: &W,
) -> Result<SupervisorSpec, String> {
    let limits_view: LimitsView = Arc::new(ArcSwap::from_pointee(materials.limits.clone()));
    // Checked once here, so that a restart cannot fail on it.
    RiskEngine::new(materials.limits.clone()).map_err(|e| e.to_string())?;
    Ok(SupervisorSpec::rest_for_one(
        "trading",
        vec![
            session(parts, materials, wrap),
            execution(parts, materials, limits_view.clone(), wrap),
            portfolio(parts, materials, wrap),
            risk(parts, materials, limits_view, wrap),
            reconciler(parts, materials, wrap),
        ],
    ))
}

fn session<W: ActorWrap>(parts: &Parts, materials: &Arc<Materials>, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (route, execution, latency) =
        (parts.session.clone(), parts.execution.clone(), parts.decision_to_send.clone());
    let (flags, breaker) = (parts.flags.clone(), parts.breaker_view.clone());
    let breaker_door = parts.breaker.clone();
    let materials = materials.clone();
    let spec = ChildSpec::actor("session", "broker session", move |start: &StartContext| {
        let args = SessionArgs {
            route: route.clone(),
            execution: execution.clone(),
            broker: materials.broker.clone(),
            breaker: breaker.clone(),
            breaker_door: breaker_door.clone(),
            flags: flags.clone(),
            decision_to_send: latency.clone(),
            child: start.handle.clone(),
        };
        (wrap.wrap(start, Session), args)
    });
    beating(spec, || SessionMsg::Ping)
}

fn execution<W: ActorWrap>(
    parts: &Parts,
    materials: &Arc<Materials>,
    limits: LimitsView,
    wrap: &W,
) -> ChildSpec {
    let wrap = wrap.clone();
    let (route, session, risk) = (parts.execution.clone(), parts.session.clone(), parts.risk.clone());
    let (portfolio, gate, stats) =
        (parts.portfolio.clone(), parts.gate.clone(), parts.execution_stats.clone());
    let journal = parts.journal.clone();
    let (flags, breaker, reconciler) =
        (parts.flags.clone(), parts.breaker_view.clone(), parts.reconciler.clone());
    let breaker_door = parts.breaker.clone();
    let materials = materials.clone();
    let started = Arc::new(AtomicBool::new(false));
    let spec = ChildSpec::new("execution", "execution", move |start: StartContext| {
        let (route, session, risk) = (route.clone(), session.clone(), risk.clone());
        let (portfolio, gate, stats, journal) =
            (portfolio.clone(), gate.clone(), stats.clone(), journal.clone());
        let (materials, limits, started) = (materials.clone(), limits.clone(), started.clone());
        let (flags, breaker, reconciler) = (flags.clone(), breaker.clone(), reconciler.clone());
        let (breaker_door, wrap) = (breaker_door.clone(), wrap.clone());
        async move {
            let books = books(&materials, &started).await?;
            let args = ExecutionArgs {
                route,
                session,
                risk,
                portfolio,
                reconciler,
                journal,
                gate,
                catalog: materials.catalog.clone(),
                book: books.orders,
                planner: materials.planner.clone(),
                limits,
                flags,
                breaker,
                breaker_door,
                rejects: materials.rejects,
                lease_epoch: materials.lease_epoch,
                stats,
                child: start.handle.clone(),
            };
            spawn(start, &wrap, Execution, args).await
        }
    });
    beating(spec, || ExecutionMsg::Ping)
}

fn risk<W: ActorWrap>(parts: &Parts, materials: &Arc<Materials>, limits: LimitsView, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (route, execution) = (parts.risk.clone(), parts.execution.clone());
    let (breaker, flags) = (parts.breaker_view.clone(), parts.flags.clone());
    let materials = materials.clone();
    let started = Arc::new(AtomicBool::new(false));
    let spec = ChildSpec::new("risk", "risk", move |start: StartContext| {
        let (route, execution, limits) = (route.clone(), execution.clone(), limits.clone());
        let (breaker, flags) = (breaker.clone(), flags.clone());
        let (materials, started, wrap) = (materials.clone(), started.clone(), wrap.clone());
        async move {
            let books = books(&materials, &started).await?;
            let engine = RiskEngine::new((**limits.load()).clone());
            let mut engine = engine.map_err(|e| SpawnErr::StartupFailed(e.to_string().into()))?;
            reserve(&mut engine, &books, &materials.catalog);
            let child = start.handle.clone();
            let catalog = materials.catalog.clone();
            let args = RiskArgs { route, execution, catalog, engine, limits, breaker, flags, child };
            spawn(start, &wrap, Risk, args).await
        }
    });
    beating(spec, || RiskMsg::Ping)
}

/// Exposure of the orders that the journal shows open.
fn reserve(engine: &mut RiskEngine, books: &Books, catalog: &Catalog) {
    for order in books.orders.live() {
        let instrument = catalog.get(order.terms.symbol);
        let reference = order.intent.reference;
        let id = order.client_order_id();
        let mut reservation =
            Reservation::new(id.clone(), &order.terms, &instrument, [reference, reference], order.created_at);
        reservation.filled = order.filled;
        engine.restore_reservation(reservation);
        if order.state == OrderState::Unknown {
            engine.on_unknown(&id);
        } else {
            engine.on_working(&id);
        }
    }
}

fn portfolio<W: ActorWrap>(parts: &Parts, materials: &Arc<Materials>, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (route, risk, execution) = (parts.portfolio.clone(), parts.risk.clone(), parts.execution.clone());
    let (hub, gate) = (parts.hub.clone(), parts.gate.clone());
    let (breaker, breaker_view) = (parts.breaker.clone(), parts.breaker_view.clone());
    let journal = parts.journal.clone();
    let materials = materials.clone();
    let started = Arc::new(AtomicBool::new(false));
    let spec = ChildSpec::new("portfolio", "portfolio", move |start: StartContext| {
        let (route, risk, execution) = (route.clone(), risk.clone(), execution.clone());
        let (breaker, breaker_view) = (breaker.clone(), breaker_view.clone());
        let (hub, gate, journal) = (hub.clone(), gate.clone(), journal.clone());
        let (materials, started, wrap) = (materials.clone(), started.clone(), wrap.clone());
        async move {
            let books = books(&materials, &started).await?;
            let args = PortfolioArgs {
                route,
                risk,
                execution,
                journal,
                hub,
                gate,
                catalog: materials.catalog.clone(),
                portfolio: books.portfolio,
                explained: vec![
                    materials.rules.trend_column.clone(),
                    materials.rules.volatility_column.clone(),
                    materials.rules.stretch_column.clone(),
                ],
                losses: materials.losses,
                breaker,
                breaker_view,
                steps_before: materials.steps_before,
                counts: materials.counts.clone(),
                child: start.handle.clone(),
            };
            spawn(start, &wrap, PortfolioActor, args).await
        }
    });
    beating(spec, || PortfolioMsg::Ping)
}

fn reconciler<W: ActorWrap>(parts: &Parts, materials: &Arc<Materials>, wrap: &W) -> ChildSpec {
    let wrap = wrap.clone();
    let (breaker, mismatch, catalog) = (parts.breaker.clone(), materials.mismatch, materials.catalog.clone());
    let (route, session, execution) =
        (parts.reconciler.clone(), parts.session.clone(), parts.execution.clone());
    let (portfolio, journal) = (parts.portfolio.clone(), parts.journal.clone());
    let (flags, clock, results) = (parts.flags.clone(), parts.clock.clone(), parts.reconciled.clone());
    let stats = parts.execution_stats.clone();
    let spec = ChildSpec::actor("reconciler", "reconciler", move |start: &StartContext| {
        let args = ReconcilerArgs {
            route: route.clone(),
            session: session.clone(),
            execution: execution.clone(),
            portfolio: portfolio.clone(),
            journal: journal.clone(),
            flags: flags.clone(),
            clock: Arc::new(clock.clone()) as Arc<dyn Clock>,
            breaker: breaker.clone(),
            standing: MismatchWatch::new(mismatch),
            catalog: catalog.clone(),
            begun: tokio::time::Instant::now(),
            idle_ticks: 0,
            stats: stats.clone(),
            results: results.clone(),
            child: start.handle.clone(),
        };
        (wrap.wrap(start, Reconciler), args)
    });
    // It waits for others by design; it gives a sign of life before each wait, none of which is longer than its deadline.
    beating(spec, || ReconcilerMsg::Ping)
}

fn strategy<W: ActorWrap>(
    parts: &Parts,
    materials: &Arc<Materials>,
    wrap: &W,
) -> Result<SupervisorSpec, String> {
    let cross_section_route: Route<CrossSectionMsg> = parts.cross_section.clone();
    let regime_route: Route<RegimeMsg> = Route::default();
    let policy_route: Route<PolicyMsg> = Route::default();
    RulesPolicy::new(materials.rules.clone()).map_err(|e| e.to_string())?;
    VolatilityThresholds::new(materials.thresholds.clone()).map_err(|e| e.to_string())?;

    let policy = {
        let (route, portfolio, latency, materials) = (
            policy_route.clone(),
            parts.portfolio.clone(),
            parts.tick_to_decision.clone(),
            materials.clone(),
        );
        let (gate, wrap) = (parts.gate.clone(), wrap.clone());
        ChildSpec::new("policy", "policy", move |start: StartContext| {
            let policy = RulesPolicy::new(materials.rules.clone());
            let (route, portfolio, tick_to_decision) = (route.clone(), portfolio.clone(), latency.clone());
            let (gate, wrap) = (gate.clone(), wrap.clone());
            async move {
                let policy = policy.map_err(|e| SpawnErr::StartupFailed(e.to_string().into()))?;
                let child = start.handle.clone();
                let policy = Box::new(policy);
                let args = PolicyArgs { route, portfolio, policy, gate, tick_to_decision, child };
                spawn(start, &wrap, Policy, args).await
            }
        })
    };
    let regime = {
        let (route, policy, materials) = (regime_route.clone(), policy_route, materials.clone());
        let wrap = wrap.clone();
        ChildSpec::new("regime", "regime", move |start: StartContext| {
            let model = VolatilityThresholds::new(materials.thresholds.clone());
            let (route, policy, wrap) = (route.clone(), policy.clone(), wrap.clone());
            async move {
                let model = model.map_err(|e| SpawnErr::StartupFailed(e.to_string().into()))?;
                let args = RegimeArgs { route, policy, model: Box::new(model), child: start.handle.clone() };
                spawn(start, &wrap, Regime, args).await
            }
        })
    };
    let cross_section = {
        let (manifest, deadline) = (materials.symbol_params.manifest(), materials.row_deadline);
        let gate = parts.gate.clone();
        let wrap = wrap.clone();
        ChildSpec::actor("cross-section", "cross-section", move |start: &StartContext| {
            let args = CrossSectionArgs {
                route: cross_section_route.clone(),
                regime: regime_route.clone(),
                manifest: manifest.clone(),
                gate: gate.clone(),
                deadline,
                child: start.handle.clone(),
            };
            (wrap.wrap(start, CrossSection), args)
        })
    };
    let children = vec![
        beating(policy, || PolicyMsg::Ping),
        beating(regime, || RegimeMsg::Ping),
        beating(cross_section, || CrossSectionMsg::Ping),
    ];
    Ok(SupervisorSpec::rest_for_one("strategy", children))
}

fn hub<W: ActorWrap>(
    parts: &Parts,
    materials: &Arc<Materials>,
    symbols: tensortrade_actors::supervision::SupervisorHandle,
    wrap: &W,
) -> ChildSpec {
    let wrap = wrap.clone();
    let cross_section = parts.cross_section.clone();
    let symbol_spec = {
        let (hub, cross_section, materials) = (parts.hub.clone(), cross_section.clone(), materials.clone());
        let gate = parts.gate.clone();
        let wrap = wrap.clone();
        Arc::new(move |seat: Arc<Seat>| {
            let wrap = wrap.clone();
            let (hub, cross_section, params) =
                (hub.clone(), cross_section.clone(), materials.symbol_params.clone());
            let gate = gate.clone();
            let id = seat.instrument.symbol.as_str();
            let spec = ChildSpec::actor(id, "symbol", move |start: &StartContext| {
                let args = SymbolArgs {
                    seat: seat.clone(),
                    hub: hub.clone(),
                    cross_section: cross_section.clone(),
                    gate: gate.clone(),
                    params: params.clone(),
                    poisoned: start.poisoned_all.clone(),
                    child: start.handle.clone(),
                };
                (wrap.wrap(start, SymbolActor), args)
            });
            // The first crash costs no delay: ticks wait in the ring. Only what crashes again is given time.
            let spec = spec.backoff(Backoff { at_once: 1, ..Backoff::default() });
            beating(spec, || SymbolMsg::Ping)
        }) as Arc<dyn Fn(Arc<Seat>) -> ChildSpec + Send + Sync>
    };
    let context = HubContext {
        catalog: materials.catalog.clone(),
        symbol_params: materials.symbol_params.clone(),
        symbols,
        symbol_spec,
        session: parts.session.clone(),
        session_door: Admission::new(SESSION_INFLIGHT_MAX),
        cross_section,
        journal: parts.journal.clone(),
        gate: parts.gate.clone(),
        market_clock: parts.clock.clone(),
        decision: materials.decision,
        warm_up_bars: materials.warm_up_bars,
        ring_rows: materials.ring_rows,
        inflight_max: SYMBOL_INFLIGHT_MAX,
        stats: parts.hub_stats.clone(),
        end: parts.data_end.clone(),
        open: parts.open.subscribe(),
        stale: materials.stale,
        breaker: parts.breaker.clone(),
        breaker_view: parts.breaker_view.clone(),
    };
    let shared = parts.hub_shared.clone();
    let spec = ChildSpec::actor("hub", "feed hub", move |start: &StartContext| {
        let args = HubArgs { shared: shared.clone(), context: context.clone(), child: start.handle.clone() };
        (wrap.wrap(start, Hub), args)
    });
    beating(spec, || HubMsg::Ping)
}

/// A hub core around a feed.
#[must_use]
pub fn hub_core(
    feed: Box<dyn tensortrade_broker::Feed>,
    open_universe: bool,
    pacer: Option<Pacer>,
    warm_up_until: tensortrade_market::Ts,
) -> HubCore {
    HubCore {
        feed,
        members: std::collections::BTreeMap::new(),
        names: None,
        removed: std::collections::BTreeSet::new(),
        open_universe,
        pacer,
        warm_up_until,
        step: 0,
        awaiting: None,
        in_hand: Default::default(),
        unsent: None,
        watermark: tensortrade_market::Ts::MIN,
        draining: false,
        silence: Default::default(),
        backlogged: Default::default(),
    }
}
