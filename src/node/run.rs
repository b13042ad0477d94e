//! One run of the node, from the data directory's lock to the summary.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_actors::market::hub::{AddRefused, DataEnd, HubCommand, HubHandle, HubShared, HubStats};
use tensortrade_actors::market::pacing::Pacer;
use tensortrade_actors::market::symbol::SymbolParams;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::JournalStats;
use tensortrade_actors::ops::writer_slot::{SharedWriter, WriterSlot};
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::stopwatch::{Latency, Stopwatch};
use tensortrade_actors::supervision::{ChildSpec, Env, ExitLatch, Root, install_light_panic_hook};
use tensortrade_actors::trading::breaker::{BreakerMsg, BreakerView, restored};
use tensortrade_actors::trading::execution::ExecutionStats;
use tensortrade_actors::trading::portfolio::{PortfolioMsg, StepCounts};
use tensortrade_actors::trading::reconciler::ReconcileOutcome;
use tensortrade_actors::trading::risk::TradingFlags;
use tensortrade_broker::paper::PaperOptions;
use tensortrade_broker::{Broker, Feed};
use tensortrade_journal::event::{EndReason, Lease, LeaseAction, RunEnded, RunStarted};
use tensortrade_journal::{JournalWriter, Recovered};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Clock, ManualClock, Symbol, Timeframe, Ts};
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::breaker::{Breaker, BreakerState, Scope};
use tokio::sync::watch;

use super::clock::SystemClock;
use super::lock::{DataLock, LockError};
use super::signals::{self, Stop};
use super::start::{self, NewRun, Start};
use super::status_line::StatusLine;
use super::summary::{self, Summary};
use super::supervision_log::JournalledSupervision;
use super::tree::{self, Materials, Parts};
use super::watchdog::Watchdog;
use super::wrap::{ActorWrap, Plain};
use super::{derived, logging, marks, open};
use crate::config::{self, Config, FeedSource};
use crate::control::handler::{Identity, Plane};
use crate::control::{socket, socket_path};
use crate::exit::{Code, Failure, OrFail};

/// Longest wait for the tree to come up.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Polls of tasks between two looks at sockets, signals and timers, in a run at full speed: less than a millisecond.
const POLLS_BETWEEN_EVENTS: u32 = 1024;

/// How the run is to be done, beside the configuration.
#[derive(Debug)]
pub struct RunOptions {
    /// Configuration.
    pub loaded: config::Loaded,
    /// Stop after this much clock time.
    pub run_for: Option<Duration>,
    /// Where the summary goes.
    pub summary: Option<PathBuf>,
}

/// Why the run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Data,
    Asked,
    Forced,
    Failed(Code, String),
}

/// Runs a node to its end.
pub fn run(options: RunOptions) -> Result<(), Failure> {
    let config = &options.loaded.config;
    logging::start(&config.log);
    install_light_panic_hook();
    let wall = Stopwatch::start();
    options.summary.as_deref().map_or(Ok(()), Summary::check_place)?;
    let lock = DataLock::take(&config.node.data_dir).map_err(|error| match error {
        LockError::Held(message) => Failure::new(Code::BadInput, message),
        LockError::Unusable { .. } => Failure::new(Code::BadInput, error),
    })?;
    let plan = open::plan(config)?;
    let runtime = runtime(config, &plan)?;
    let outcome = runtime.block_on(drive(options, plan, wall));
    runtime.shutdown_timeout(Duration::from_secs(2));
    drop(lock);
    outcome
}

/// The runtime of the tree. As fast as possible, a step is a chain of messages in which one actor waits for the other: on
/// one thread it costs no wake-ups, and the reader and the journal's database have threads of their own. Paced by the
/// clock, threads share the symbols.
fn runtime(config: &Config, plan: &open::RunPlan) -> Result<tokio::runtime::Runtime, Failure> {
    let threads = match config.runtime.worker_threads {
        0 if plan.speed.is_none() => 1,
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(8),
        n => n,
    };
    let mut builder = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if plan.speed.is_none() {
        // At full speed a look at sockets and timers every few steps would be a good part of a step's time.
        builder.event_interval(POLLS_BETWEEN_EVENTS);
    }
    builder
        .worker_threads(threads)
        .thread_name("tensortrade")
        .enable_all()
        .build()
        .or_fail(Code::Failure, || "cannot start the runtime".into())
}

/// What a run is given from outside: journal, account, and where it goes on.
pub struct Outside {
    /// The journal, opened.
    pub writer: JournalWriter,
    /// Where orders go.
    pub broker: Box<dyn Broker>,
    /// Options of the paper account, for its opening balance.
    pub paper: PaperOptions,
    /// The last step of the run that is continued.
    pub resumed: Option<Ts>,
    /// The first moment of market time that is known.
    pub now: Ts,
    /// Whether events are staged on a thread of their own; not where the order of things must not depend on threads.
    pub stage_in_background: bool,
}

/// A node put together and not started.
pub struct Composed {
    /// Addresses and shared things.
    pub parts: Arc<Parts>,
    /// What the tree is made from.
    pub materials: Materials,
    /// What steps come to.
    pub counts: Arc<StepCounts>,
    /// The symbols to begin with; `None` for all that the data holds.
    pub symbols: Option<BTreeSet<Symbol>>,
}

/// Puts a node together from the state that its journal holds; `feed` opens the market for the symbols to begin with.
pub async fn compose(
    config: &Config,
    plan: &mut open::RunPlan,
    outside: Outside,
    feed: impl FnOnce(&mut open::RunPlan, Option<BTreeSet<Symbol>>) -> Result<Box<dyn Feed>, Failure>,
) -> Result<Composed, Failure> {
    let Outside { mut writer, broker, paper, resumed, now, stage_in_background } = outside;
    let catalog = Arc::new(open::catalog(config)?);
    let clock = ManualClock::at(writer.state().last_step.as_ref().map_or(now, |last| last.ts.max(now)));
    open::record_opening(&mut writer, &paper, clock.now()).await?;
    let lease_epoch = writer.state().lease_epoch + 1;
    record_start(&mut writer, config, plan, resumed.is_some(), lease_epoch, clock.now()).await?;
    let state = writer.state().clone();
    let mut books =
        open::books(&state, config, &catalog, clock.now()).map_err(|e| Failure::new(Code::BadInput, e))?;
    marks::restore(&mut writer, &mut books.portfolio, &catalog)
        .await
        .map_err(|e| open::journal_failure(&e))?;
    let symbols = open::symbols(config, &state)?;
    let feed = feed(plan, symbols.clone())?;
    let writer = WriterSlot::new(writer, stage_in_background);
    let parts = Arc::new(parts(writer, feed, &symbols, plan, resumed, &state, clock, config));
    let gone = state.watchlist.iter().filter(|(_, entry)| !entry.active).map(|(symbol, _)| *symbol);
    parts.hub_shared.core.lock().await.removed.extend(gone);
    let counts = Arc::new(StepCounts::default());
    let materials = materials(config, plan, &parts, &catalog, books, broker, lease_epoch, &state, &counts)?;
    Ok(Composed { parts, materials, counts, symbols })
}

/// Starts the tree: every actor inside `wrap`, `control` as its last child. The latch hears when supervision gives up.
pub async fn bring_up<W: ActorWrap>(
    config: &Config,
    parts: &Arc<Parts>,
    materials: Materials,
    control: ChildSpec,
    wrap: &W,
) -> Result<(Root, ExitLatch), Failure> {
    let spec = tree::specify(parts, materials, control, wrap).map_err(|e| Failure::new(Code::BadInput, e))?;
    let latch = exit_latch(parts);
    let log = JournalledSupervision {
        journal: parts.journal.clone(),
        hub: parts.hub.clone(),
        symbols_path: format!("{}/root/market/symbols", config.node.id),
        clock: Arc::new(parts.clock.clone()),
        restarts: parts.restarts.clone(),
    };
    let env = Env::new(config.node.id.as_str(), config.feed.seed, log, latch.clone());
    let root = Root::start(spec, env).await.or_fail(Code::Failure, || "the tree cannot start".into())?;
    Ok((root, latch))
}

/// Waits until the node has reconciled and its first symbols have joined. Data flows once `parts.open` says so.
pub async fn make_ready(parts: &Parts, symbols: Option<BTreeSet<Symbol>>) -> Result<(), Failure> {
    wait_until_reconciled(parts).await?;
    add_first_symbols(parts, symbols).await
}

/// Everything that was opened for the run.
struct Opened {
    parts: Arc<Parts>,
    counts: Arc<StepCounts>,
    root: Root,
    latch: ExitLatch,
    stop: watch::Sender<Stop>,
    resumed: Option<Ts>,
}

async fn drive(options: RunOptions, mut plan: open::RunPlan, wall: Stopwatch) -> Result<(), Failure> {
    let (stop, _) = watch::channel(Stop::No);
    let signals =
        signals::listen(stop.clone()).or_fail(Code::Failure, || "cannot listen to signals".into())?;
    let opened = assemble(&options, &mut plan, stop.clone(), wall).await?;
    let (view, breaker) = (opened.parts.breaker_view.clone(), opened.parts.breaker.clone());
    let _watchdog = Watchdog::start(&options.loaded.config.node.data_dir, view, breaker)
        .or_fail(Code::Failure, || "cannot start the watchdog".into())?;
    let progress = StatusLine::start(&options.loaded.config, &opened.parts, opened.resumed);
    let equity_start = equity(&opened.parts).await;
    opened.parts.open.send_replace(true);
    let end = wait_for_end(&options, &opened).await;
    progress.finish();
    let result = finish(&options, opened, end, equity_start, wall).await;
    signals.abort();
    result
}

/// Opens journal, account and feed, builds the tree, starts it and waits until it has reconciled.
async fn assemble(
    options: &RunOptions,
    plan: &mut open::RunPlan,
    stop: watch::Sender<Stop>,
    wall: Stopwatch,
) -> Result<Opened, Failure> {
    let config = &options.loaded.config;
    let data_dir = config.node.data_dir.clone();
    let now = first_moment(config, plan);
    let mut writer = open::journal(config, &data_dir, plan.durability, now).await?;
    let new = NewRun {
        feed: config.feed.source,
        inputs: plan.inputs.clone(),
        seed: config.feed.seed,
        first: plan.first,
    };
    let mut start = start::decide(writer.state(), &new);
    if let Start::Archive { why } = &start {
        writer.close().await.map_err(|e| open::journal_failure(&e))?;
        let place = start::archive(&data_dir, &open::store_path(config, &data_dir))
            .or_fail(Code::BadInput, || format!("cannot archive {}", data_dir.display()))?;
        eprintln!("{why}: the old journal and paper account are in {}", place.display());
        writer = open::journal(config, &data_dir, plan.durability, now).await?;
        start = Start::Fresh;
    }
    let resumed = if let Start::Resume { after } = start { Some(after) } else { None };
    let (broker, paper) = open::paper(config, &data_dir)?;
    let account = paper.account.clone();
    let outside = Outside { writer, broker, paper, resumed, now, stage_in_background: true };
    let composed =
        compose(config, plan, outside, |plan, symbols| open::feed(config, plan, symbols, resumed, &data_dir));
    let Composed { parts, materials, counts, symbols } = composed.await?;
    let plane = Arc::new(plane(options, config, &parts, &account, plan.decision, stop.clone(), wall));
    let listener = socket::bind(&socket_path(&data_dir))
        .or_fail(Code::BadInput, || format!("control socket {}", socket_path(&data_dir).display()))?;
    let control = control_child(listener, plane.clone())?;
    let (root, latch) = bring_up(config, &parts, materials, control, &Plain).await?;
    // Set once: nothing else can have set it.
    let _ = plane.tree.set(root.view.clone());
    make_ready(&parts, symbols).await?;
    Ok(Opened { parts, counts, root, latch, stop, resumed })
}

/// The first moment of market time that is known; without one, the machine's time.
fn first_moment(config: &Config, plan: &open::RunPlan) -> Ts {
    match config.feed.source {
        FeedSource::Replay => plan.first.unwrap_or(Ts::ZERO),
        FeedSource::Sim => Ts::parse(&config.feed.sim_start).unwrap_or(Ts::ZERO),
        FeedSource::Ibkr => SystemClock.now(),
    }
}

async fn record_start(
    writer: &mut tensortrade_journal::JournalWriter,
    config: &Config,
    plan: &open::RunPlan,
    resumed: bool,
    lease_epoch: u64,
    now: Ts,
) -> Result<(), Failure> {
    let text =
        serde_json::to_string(config).or_fail(Code::Failure, || "cannot print the configuration".into())?;
    let started = RunStarted {
        version: env!("CARGO_PKG_VERSION").into(),
        feed: config.feed.source.to_string(),
        inputs: plan.inputs.clone(),
        seed: config.feed.seed,
        mode: "paper".into(),
        config_hash: blake3::hash(text.as_bytes()).to_hex()[..16].to_owned(),
        resumed,
        ts: now,
    };
    let lease =
        Lease { epoch: lease_epoch, action: LeaseAction::Taken, holder: config.node.id.clone(), ts: now };
    for event in [started.into(), lease.into()] {
        writer.stage(&event, now).map_err(|e| open::journal_failure(&e))?;
    }
    writer.commit().await.map_err(|e| open::journal_failure(&e))?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the composition root takes one of each")]
fn parts(
    writer: WriterSlot,
    feed: Box<dyn tensortrade_broker::Feed>,
    symbols: &Option<std::collections::BTreeSet<Symbol>>,
    plan: &open::RunPlan,
    resumed: Option<Ts>,
    state: &Recovered,
    clock: ManualClock,
    config: &Config,
) -> Parts {
    let (hub, commands) = HubHandle::new();
    let open_universe =
        symbols.is_none() || (config.feed.source == FeedSource::Replay && config.feed.symbols.is_empty());
    let pacer = plan.speed.map(|speed| Pacer::new(speed, plan.decision));
    let core = tree::hub_core(feed, open_universe, pacer, resumed.unwrap_or(Ts::MIN));
    let mut breaker = Breaker::default();
    let mut trips = 0;
    for (scope, entry) in &state.breakers {
        trips += entry.trips;
        let level = restored(entry.state);
        if let (Ok(scope), true) =
            (scope.parse::<Scope>(), level > BreakerState::Normal && !planted(Bug::RestartClosesBreaker))
        {
            breaker.trip(scope, level, (&entry.by, &entry.reason), entry.ts, None);
        }
    }
    let stats = JournalStats::default();
    stats.events.store(state.head.seq, Ordering::Relaxed);
    let flags = TradingFlags::default();
    flags.lease_held.store(true, Ordering::Release);
    let writer = SharedWriter::new(writer);
    Parts {
        journal: JournalDoor::new(writer.clone(), Arc::new(clock.clone())),
        journal_stats: Arc::new(stats),
        journal_failed: watch::channel(None).0,
        writer,
        breaker: Route::default(),
        breaker_view: Arc::new(BreakerView::new(breaker, trips)),
        session: Route::default(),
        portfolio: Route::default(),
        risk: Route::default(),
        execution: Route::default(),
        execution_stats: Arc::new(ExecutionStats::default()),
        reconciler: Route::default(),
        reconciled: watch::channel(None).0,
        flags: Arc::new(flags),
        cross_section: Route::default(),
        hub,
        hub_shared: Arc::new(HubShared {
            core: tokio::sync::Mutex::new(core),
            commands: tokio::sync::Mutex::new(commands),
        }),
        hub_stats: Arc::new(HubStats::default()),
        data_end: watch::channel(None).0,
        open: watch::channel(false).0,
        gate: StepGate::default(),
        tick_to_decision: Arc::new(Latency::default()),
        decision_to_send: Arc::new(Latency::default()),
        restarts: Arc::default(),
        clock,
    }
}

#[expect(clippy::too_many_arguments, reason = "the composition root takes one of each")]
fn materials(
    config: &Config,
    plan: &open::RunPlan,
    parts: &Arc<Parts>,
    catalog: &Arc<Catalog>,
    books: tensortrade_journal::state::Books,
    broker: Box<dyn tensortrade_broker::Broker>,
    lease_epoch: u64,
    state: &Recovered,
    counts: &Arc<StepCounts>,
) -> Result<Materials, Failure> {
    // A replay as fast as the machine can has its input to recover from; live time is recovered from the last step.
    let snapshot_steps = if plan.speed.is_some() { 1 } else { 16 };
    let params = SymbolParams::new(
        plan.base,
        plan.decision,
        &config.bars.higher,
        config.bars.extended_hours,
        config.features.clone(),
        snapshot_steps,
    )
    .map_err(|e| Failure::new(Code::BadInput, format_args!("configuration: bars and features: {e}")))?;
    let mut broker = broker;
    for row in books.portfolio.positions() {
        broker.on_instrument(&catalog.get(row.symbol));
    }
    for order in books.orders.live() {
        broker.on_instrument(&catalog.get(order.terms.symbol));
    }
    let books_now = {
        let (parts, catalog, config) = (parts.clone(), catalog.clone(), config.clone());
        Arc::new(move || {
            let (parts, catalog, config) = (parts.clone(), catalog.clone(), config.clone());
            Box::pin(async move {
                // Everything sent to the journal before this is in it when the answer comes.
                let state = parts.journal.recover(Duration::from_secs(10)).await?;
                open::books(&state, &config, &catalog, parts.clock.now())
            }) as futures::future::BoxFuture<'static, Result<_, String>>
        }) as Arc<dyn Fn() -> _ + Send + Sync>
    };
    let timeframe = plan.decision;
    let (rules, thresholds) =
        (config.policy.clone().moved_to(timeframe), config.regime.clone().moved_to(timeframe));
    let columns = rules
        .columns()
        .map(|c| ("policy", c))
        .into_iter()
        .chain([("regime", thresholds.return_column.as_str())]);
    let manifest = params.manifest();
    for (section, column) in columns {
        if manifest.index_of(column).is_none() {
            let known: Vec<&str> = manifest.entries().iter().map(|entry| entry.name.as_str()).collect();
            let known = known.join(", ");
            let text =
                format_args!("configuration: {section}: no feature is called '{column}'; there is {known}");
            return Err(Failure::new(Code::BadInput, text));
        }
    }
    Ok(Materials {
        catalog: catalog.clone(),
        symbol_params: Arc::new(params),
        at_start: tree::AtStart::new(books),
        books_now,
        steps_before: state.last_step.as_ref().map_or(0, |last| last.step),
        broker: Arc::new(tokio::sync::Mutex::new(broker)),
        limits: derived::limits(config, plan.decision),
        losses: config.breaker.losses,
        rejects: config.breaker.rejects,
        stale: if plan.takes_bars {
            config.breaker.stale.for_bars(plan.base.nanos())
        } else {
            config.breaker.stale
        },
        planner: tensortrade_execution::Planner::new(
            derived::STRATEGY,
            derived::planning(config, plan.decision),
        )
        .map_err(|e| Failure::new(Code::BadInput, format_args!("configuration: execution: {e}")))?,
        rules,
        thresholds,
        decision: plan.decision,
        warm_up_bars: (u64::from(config.feed.warm_up_minutes) * 60 / u64::from(plan.decision.secs())).max(1)
            as usize,
        ring_rows: config.feed.ring_ticks,
        commit_interval: Duration::from_millis(config.journal.commit_interval_ms),
        snapshot_every: config.journal.snapshot_every_events,
        row_deadline: Duration::from_secs(10),
        lease_epoch,
        counts: counts.clone(),
    })
}

/// What the control plane can reach.
pub fn plane(
    options: &RunOptions,
    config: &Config,
    parts: &Arc<Parts>,
    account: &str,
    decision: Timeframe,
    stop: watch::Sender<Stop>,
    wall: Stopwatch,
) -> Plane {
    Plane {
        identity: Identity {
            node: config.node.id.clone(),
            feed: config.feed.source.to_string(),
            account: account.to_owned(),
            mode: "paper".to_owned(),
        },
        started: wall,
        decision,
        hub: parts.hub.clone(),
        hub_stats: parts.hub_stats.clone(),
        portfolio: parts.portfolio.clone(),
        risk: parts.risk.clone(),
        execution: parts.execution.clone(),
        execution_stats: parts.execution_stats.clone(),
        reconciler: parts.reconciler.clone(),
        breaker: parts.breaker.clone(),
        breaker_view: parts.breaker_view.clone(),
        journal: parts.journal.clone(),
        journal_stats: parts.journal_stats.clone(),
        tree: std::sync::OnceLock::new(),
        flags: parts.flags.clone(),
        restarts: parts.restarts.clone(),
        tick_to_decision: parts.tick_to_decision.clone(),
        clock: Arc::new(parts.clock.clone()),
        config: std::sync::Mutex::new(config::Loaded {
            config: config.clone(),
            figment: options.loaded.figment.clone(),
            sources: options.loaded.sources.clone(),
            flags: options.loaded.flags.clone(),
        }),
        stop,
    }
}

/// The control plane as the tree's last child: it starts after everything it can reach.
fn control_child(listener: tokio::net::UnixListener, plane: Arc<Plane>) -> Result<ChildSpec, Failure> {
    let listener = listener.into_std().or_fail(Code::Failure, || "control socket".into())?;
    let listener = Arc::new(listener);
    Ok(ChildSpec::new("control", "control plane", move |start| {
        let (listener, plane) = (listener.clone(), plane.clone());
        async move {
            let failed = |e: std::io::Error| ractor::SpawnErr::StartupFailed(e.into());
            let copy = listener.try_clone().map_err(failed)?;
            let socket = tokio::net::UnixListener::from_std(copy).map_err(failed)?;
            let args = crate::control::actor::ControlArgs { socket, plane };
            let (actor, join) = <crate::control::actor::Control as ractor::Actor>::spawn_linked(
                Some(start.name),
                crate::control::actor::Control,
                args,
                start.supervisor,
            )
            .await?;
            Ok((actor.into(), join))
        }
    }))
}

/// Breaker trips that supervisors ask for go to the breaker; exits go to the run.
fn exit_latch(parts: &Arc<Parts>) -> ExitLatch {
    let (route, view) = (parts.breaker.clone(), parts.breaker_view.clone());
    ExitLatch::new(move |scope, reason| {
        let scope = scope.parse::<Scope>().unwrap_or(Scope::Node);
        let sent = route.cast(BreakerMsg::Trip {
            scope,
            level: BreakerState::Reducing,
            reason: reason.to_owned(),
            by: "supervision".to_owned(),
            reply: None,
        });
        if !sent {
            view.gate.halt();
        }
    })
}

async fn wait_until_reconciled(parts: &Parts) -> Result<(), Failure> {
    let mut results = parts.reconciled.subscribe();
    let first = tokio::time::timeout(START_DEADLINE, results.wait_for(Option::is_some)).await;
    match first {
        Ok(Ok(outcome)) => match outcome.as_ref() {
            Some(ReconcileOutcome::Clean { .. }) => Ok(()),
            Some(ReconcileOutcome::Differs(differences)) => {
                eprintln!("journal and broker differ; no order leaves until they agree:");
                for d in differences {
                    eprintln!("  {}: journal {}, broker {}", d.what, d.ours, d.theirs);
                }
                Ok(())
            }
            Some(ReconcileOutcome::Unavailable(why)) => Err(Failure::new(Code::BrokerUnavailable, why)),
            None => Err(Failure::new(Code::Failure, "the reconciler gave no result")),
        },
        Ok(Err(_)) => Err(Failure::new(Code::Failure, "the reconciler ended")),
        Err(_) => {
            Err(Failure::new(Code::Failure, format_args!("the tree did not come up in {START_DEADLINE:?}")))
        }
    }
}

async fn add_first_symbols(
    parts: &Parts,
    symbols: Option<std::collections::BTreeSet<Symbol>>,
) -> Result<(), Failure> {
    let (symbols, by) =
        (symbols.unwrap_or_default().into_iter().collect::<Vec<_>>(), "configuration".to_owned());
    if symbols.is_empty() {
        return Ok(());
    }
    let limit = START_DEADLINE + Duration::from_millis(10 * symbols.len() as u64);
    let added = parts.hub.ask(limit, |reply| HubCommand::AddMany { symbols, by, reply }).await;
    let added = added.map_err(|error| Failure::new(Code::Failure, error))?;
    match added.into_iter().find_map(|(_, outcome)| outcome.err()) {
        None => Ok(()),
        Some(AddRefused::Unknown(why) | AddRefused::Other(why)) => {
            Err(Failure::new(Code::Refused, format_args!("--symbols: {why}")))
        }
    }
}

async fn wait_for_end(options: &RunOptions, opened: &Opened) -> End {
    let parts = &opened.parts;
    let mut stop = opened.stop.subscribe();
    let mut data = parts.data_end.subscribe();
    let mut journal = parts.journal_failed.subscribe();
    let time_is_up = async {
        match options.run_for {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = stop.wait_for(|s| *s != Stop::No) => End::Asked,
        () = time_is_up => End::Asked,
        ended = data.wait_for(Option::is_some) => match ended.ok().and_then(|e| e.clone()) {
            Some(DataEnd::Failed(why)) => End::Failed(Code::BadInput, why),
            _ => End::Data,
        },
        failed = journal.wait_for(Option::is_some) => {
            let why = failed.ok().and_then(|f| f.clone()).unwrap_or_default();
            End::Failed(Code::Failure, format!("the journal cannot be written, trading has halted: {why}"))
        }
        (code, reason) = opened.latch.requested() => {
            tracing::error!(code, %reason, "supervision gave up");
            End::Failed(Code::Failure, format!("supervision gave up: {reason}"))
        }
    }
}

async fn view(parts: &Parts) -> Option<PortfolioView> {
    let now = parts.clock.now();
    parts.portfolio.ask(Duration::from_secs(10), |reply| PortfolioMsg::View { now, reply }).await.ok()
}

async fn equity(parts: &Parts) -> f64 {
    view(parts).await.and_then(|v| v.valuation().ok().map(|worth| worth.equity.to_f64())).unwrap_or(0.0)
}

/// Drains, records the end, stops the tree, closes the journal, and writes the summary.
async fn finish(
    options: &RunOptions,
    opened: Opened,
    end: End,
    equity_start: f64,
    wall: Stopwatch,
) -> Result<(), Failure> {
    let Opened { parts, counts, root, stop, .. } = opened;
    let limit = Duration::from_millis(options.loaded.config.control.drain_deadline_ms);
    let mut again = stop.subscribe();
    let drain = async {
        // The hub first: no more data. Then the tree, from its leaves on.
        if parts.hub.ask(limit, |reply| HubCommand::Drain { reply }).await.is_err() {
            tracing::warn!("the hub did not drain in time");
        }
        equity(&parts).await
    };
    let (equity_end, forced) = tokio::select! {
        equity_end = drain => (equity_end, false),
        _ = again.wait_for(|s| *s == Stop::Now) => (0.0, true),
    };
    let end = if forced { End::Forced } else { end };
    let shutdown = tokio::time::timeout(limit + Duration::from_secs(30), root.shutdown());
    tokio::select! {
        stopped = shutdown => if stopped.is_err() { tracing::error!("the tree did not stop in time") },
        _ = again.wait_for(|s| *s == Stop::Now), if !forced => {}
    }
    let mut summary = summarise(&parts, &counts, (equity_start, equity_end), wall);
    let closed = close(&parts, &end, &mut summary).await;
    summary.wall_s = wall.elapsed().as_secs_f64();
    summary.peak_rss_mib = summary::peak_rss_mib();
    eprintln!("{}", summary.lines());
    report_rows(&parts).await;
    let written = options.summary.as_ref().map_or(Ok(()), |path| summary.write(path));
    // What ended the run comes before what followed from it.
    if let End::Failed(code, why) = end {
        return Err(Failure::new(code, why));
    }
    closed?;
    written?;
    if end == End::Forced {
        let text = "stopped at once, as asked: open work was not drained";
        return Err(Failure::new(Code::Failure, text));
    }
    Ok(())
}

/// Records the end of the run and closes the journal.
async fn close(parts: &Parts, end: &End, summary: &mut Summary) -> Result<(), Failure> {
    let Some(mut writer) = parts.writer.lock().await.take() else {
        return Err(Failure::new(Code::Failure, "the journal was closed before the run ended"));
    };
    let trace = writer.trace_hash();
    summary.trace_hash = trace.to_string();
    let reason = match end {
        End::Data => EndReason::EndOfData,
        End::Asked => EndReason::Clean,
        End::Forced | End::Failed(..) => EndReason::Forced,
    };
    let ended = RunEnded { reason, steps: summary.steps, trace_hash: Some(trace), ts: parts.clock.now() };
    let now = parts.clock.now();
    writer.stage(&ended.into(), now).map_err(|e| Failure::new(Code::Failure, e))?;
    if let Err(error) = writer.snapshot(now).await {
        tracing::warn!(%error, "no snapshot was written at the end; the next start folds the events instead");
    }
    let head = writer.close().await.map_err(|e| Failure::new(Code::Failure, e))?;
    summary.journal = summary::Journal { events: head.seq, head: head.hash.to_string() };
    Ok(())
}

fn summarise(parts: &Parts, counts: &StepCounts, equity: (f64, f64), wall: Stopwatch) -> Summary {
    let orders = parts.execution_stats.read();
    let feed = parts.hub_stats.feed_stats();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Summary {
        ticks: read(&parts.hub_stats.rows),
        rows: summary::Rows::of(&parts.hub_stats),
        bars: read(&counts.bars),
        gaps: read(&counts.gaps),
        steps: read(&counts.steps),
        decisions: read(&counts.decisions),
        orders: summary::Orders {
            intents: orders.intents,
            sent: orders.sent,
            filled: orders.filled,
            cancelled: orders.cancelled,
            rejected: orders.rejected,
            unknown: orders.unknown_now,
        },
        fills: orders.fills,
        restarts: read(&parts.restarts),
        breaker: summary::Breaker {
            state: parts.breaker_view.gate.state().as_str().to_owned(),
            trips: parts.breaker_view.trips(),
        },
        equity: summary::Equity { start: equity.0, end: equity.1 },
        conflated_quotes: read(&parts.hub_stats.conflated),
        dropped_trades: read(&parts.hub_stats.dropped_trades),
        feeds: parts.hub_stats.feed_health().map(|health| summary::Feeds {
            switches: health.switches,
            on_backup: health.on_backup,
            withheld_rows: health.withheld_rows,
        }),
        rows_ahead: parts.gate.rows_ahead(),
        latency_us: summary::Latencies {
            tick_to_decision: parts.tick_to_decision.quantiles(),
            decision_to_send: parts.decision_to_send.quantiles(),
        },
        journal: summary::Journal::default(),
        trace_hash: String::new(),
        read_s: feed.busy_ns as f64 / 1e9,
        engine_s: parts.hub_stats.engine_ns() as f64 / 1e9,
        wall_s: wall.elapsed().as_secs_f64(),
        peak_rss_mib: 0.0,
    }
}

/// Rows that could not be read or were late, with file, line and reason.
async fn report_rows(parts: &Parts) {
    let feed = parts.hub_stats.feed_stats();
    if feed.late > 0 {
        let core = parts.hub_shared.core.lock().await;
        for warning in core.feed.warnings() {
            eprintln!("warning: {warning}");
        }
    }
    if feed.malformed > 0 {
        eprintln!("{} rows could not be read:", feed.malformed);
        let core = parts.hub_shared.core.lock().await;
        for problem in core.feed.problems() {
            eprintln!("  {problem}");
        }
    }
}
