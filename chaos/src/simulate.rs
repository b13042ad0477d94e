//! A world from its first process to rest: the node's own composition and start-up path, on one thread, in paused time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade::config::{Config, Loaded, Speed};
use tensortrade::control::handler::Plane;
use tensortrade::control::protocol::Request;
use tensortrade::control::socket::Handle;
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade::node::open;
use tensortrade::node::run::{self, Composed, Outside, RunOptions};
use tensortrade::node::signals::Stop;
use tensortrade::node::start::{self, NewRun, Start};
use tensortrade::node::tree::Parts;
use tensortrade_actors::market::hub::HubCommand;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::{ChildSpec, ExitLatch, Root, StateView, TreeSnapshot};
use tensortrade_actors::trading::portfolio::PortfolioMsg;
use tensortrade_broker::Broker;
use tensortrade_broker::paper::{PaperBroker, VENUE};
use tensortrade_broker::simulated::{SimulatedFeed, SimulatedOptions};
use tensortrade_journal::event::BreakerState as Recorded;
use tensortrade_journal::store::PAGE_EVENTS_MAX;
use tensortrade_journal::{AccountKind, Identity, JournalWriter, Recovered, Store, fold_after, verify};
use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Clock, Money, Qty, Symbol, Ts};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::actor::Faults;
use crate::broker::{Account, BY_HAND, FaultyBroker};
use crate::disk::JournalDisk;
use crate::feed::FaultyFeed;
use crate::history::{Fact, History, LimitsInForce, Rest, Undisturbed};
use crate::plan::{Fault, Kind, Plan, SYMBOLS};
use crate::world::{Death, World};

/// Most processes of one world: each fault ends at most one, and the service manager starts the next.
const LIVES_MAX: usize = 600;
/// Longest life of one process in paused time.
const LIFE_MAX: Duration = Duration::from_secs(3 * 3_600);
/// Longest time from the last fault to health, in paused time: the longest silence before a hung actor is killed (40 s), a
/// step that is given up (30 s), the longest backoff (10 s), a stalled feed (90 s), and a reconciliation after each.
pub const HEAL_MAX: Duration = Duration::from_secs(240);
/// The service manager's pause before it starts the node again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Between the last step and rest: late events, two looks of the reconciler, a few commits.
const SETTLE: Duration = Duration::from_secs(20);

/// Worlds run one after the other: the names of actors are global to the process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A world that has come to its end.
#[derive(Debug)]
pub struct Ran {
    /// What happened.
    pub history: History,
    /// Hash over everything that happened, in order.
    pub trace: String,
    /// Faults fired, by kind.
    pub fired: BTreeMap<Kind, u32>,
    /// Counts.
    pub counts: Counts,
}

/// What a world came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Steps that began.
    pub steps: u32,
    /// Orders that reached the broker.
    pub orders: u64,
    /// Executions in the broker's books.
    pub fills: u64,
    /// Actors restarted by supervision.
    pub actor_restarts: u64,
    /// Processes after the first.
    pub process_restarts: u64,
    /// From the last fault to health, in paused time.
    pub heal_ms: Option<u64>,
}

/// The configuration of every world: the node's defaults, with averages short enough to trade within an hour.
pub fn config(seed: u64) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.node.id = "chaos".into();
    config.feed.seed = seed;
    config.feed.sim_ticks_per_minute = 16;
    config.feed.speed = Some(Speed::Times(60.0));
    config.feed.warm_up_minutes = 30;
    for name in SYMBOLS {
        config.feed.symbols.push(Symbol::intern(name).or_fail(Code::Failure, || name.into())?);
    }
    let text = r#"
        [features]
        specs = [
            { feature = "log_return", bars = 1 },
            { feature = "annual_volatility", span = 5 },
            { feature = "average_cross", fast = 2, slow = 5 },
            { feature = "z_score", bars = 6 },
        ]
        [bars]
        decision = "1m"
        higher = ["5m"]
        extended_hours = false
        [policy]
        trend_column = "ma_cross_2_5_1m"
        volatility_column = "ann_vol_5_1m"
        stretch_column = "zscore_6_1m"
        enter = 0.25
        exit = 0.05
        full = 1.0
        stretch_max = 10.0
        rebalance_every_steps = 2
        [regime]
        span = 5
        warm_steps = 10
        dwell_steps = 3
    "#;
    #[derive(serde::Deserialize)]
    struct Overlay {
        features: tensortrade_features::FeatureConfig,
        bars: tensortrade::config::BarsConfig,
        policy: tensortrade_policy::RulesConfig,
        regime: tensortrade_regime::ThresholdConfig,
    }
    let overlay: Overlay =
        toml::from_str(text).or_fail(Code::Failure, || "the worlds' configuration".into())?;
    config.features = overlay.features;
    config.bars = overlay.bars;
    config.policy = overlay.policy;
    config.regime = overlay.regime;
    // Limits that bind now and then.
    config.risk.symbol_notional_max = Money::from_micros(200_000 * Money::ONE);
    config.risk.order_notional_max = Money::from_micros(150_000 * Money::ONE);
    // A snapshot now and then, so that starts recover from one.
    config.journal.snapshot_every_events = 150;
    Ok(config)
}

/// The control plane's place in the tree; commands are given to the plane itself.
struct NoSocket;

impl Actor for NoSocket {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _myself: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

/// Runs a plan's world to its end.
pub fn run(plan: &Plan) -> Result<Ran, Failure> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let undisturbed = match crate::plan::family(&plan.name) {
        Some(family) if family.one_symbol => Some(undisturbed(plan)?),
        _ => None,
    };
    let mut ran = run_once(plan)?;
    ran.history.undisturbed = undisturbed;
    Ok(ran)
}

fn undisturbed(plan: &Plan) -> Result<Undisturbed, Failure> {
    let calm = run_once(&Plan { faults: Vec::new(), ..plan.clone() })?;
    let name = |fault: &Fault| fault.target.rsplit('/').next().unwrap_or_default().to_owned();
    // A crash alone leaves no trace: the next incarnation has the snapshot and everything since.
    let leaves_traces =
        |fault: &&Fault| !matches!(fault.kind, Kind::ActorPanic | Kind::ActorPanicAfter | Kind::ActorError);
    let hit = (plan.faults.iter().filter(leaves_traces))
        .filter_map(|fault| Symbol::intern(&name(fault)).ok())
        .collect();
    Ok(Undisturbed { traces: calm.history.traces(), hit })
}

/// What all lives of a world share.
struct Stage {
    world: Arc<World>,
    config: Config,
    account: Account,
    disk: Arc<Mutex<JournalDisk>>,
    /// Paused time of the lives before this one.
    passed: Duration,
    healing: Healing,
    actor_restarts: u64,
}

#[derive(Default, Clone, Copy)]
struct Healing {
    began: Option<Duration>,
    healthy_since: Option<Duration>,
}

enum LifeEnd {
    Rest(Box<Rest>),
    Dead,
    Ended(String),
}

fn run_once(plan: &Plan) -> Result<Ran, Failure> {
    let config = config(plan.seed)?;
    let world = Arc::new(World::new(plan.clone()));
    let now = Ts::parse(&config.feed.sim_start).unwrap_or(Ts::ZERO);
    let broker = PaperBroker::in_memory(config.broker.paper.clone())
        .or_fail(Code::Failure, || "the simulated exchange".into())?;
    let identity = Identity {
        account: AccountKind::Paper,
        venue: VENUE.to_owned(),
        label: "chaos".into(),
        created_at: now,
    };
    let mut stage = Stage {
        world: world.clone(),
        account: Account::new(broker),
        disk: Arc::new(Mutex::new(JournalDisk::new(identity))),
        passed: Duration::ZERO,
        healing: Healing::default(),
        actor_restarts: 0,
        config,
    };
    let mut rest = None;
    let mut lives = 0;
    while lives < LIVES_MAX {
        lives += 1;
        world.reborn();
        stage.account.forget_events();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .or_fail(Code::Failure, || "cannot start the runtime".into())?;
        let end = runtime.block_on(live(&mut stage));
        // The death of the process: every task is dropped where it stands.
        drop(runtime);
        stage.passed += RESTART_PAUSE;
        match (world.death(), end) {
            (Some(Death::Runaway), _) => break,
            (Some(Death::Power), _) => {
                let disk = stage.disk.lock().unwrap_or_else(PoisonError::into_inner);
                disk.lose_power().or_fail(Code::Failure, || "the simulated disk".into())?;
            }
            (Some(Death::Kill), _) | (None, LifeEnd::Dead) => {}
            (None, LifeEnd::Ended(why)) => world.note(Fact::Ended(why)),
            (None, LifeEnd::Rest(found)) => {
                rest = Some(*found);
                break;
            }
        }
    }
    if let Some(rest) = rest.as_mut() {
        futures::executor::block_on(read_journal(&stage, rest))?;
    }
    let (mut history, trace) = world.finish();
    let executions = rest.as_ref().map_or(0, |rest| rest.broker_executions.len() as u64);
    let counts = Counts {
        steps: world.steps(),
        orders: history.reached().count() as u64,
        fills: executions,
        actor_restarts: stage.actor_restarts,
        process_restarts: lives.saturating_sub(1) as u64,
        heal_ms: rest.as_ref().and_then(|rest| rest.heal_ms),
    };
    // The end belongs to the trace: two runs that only differ there differ.
    let trace = blake3::hash(format!("{trace}{rest:?}").as_bytes()).to_hex().to_string();
    history.rest = rest;
    history.heal_ms_max = HEAL_MAX.as_millis() as u64;
    history.limits = LimitsInForce {
        order_notional_max: stage.config.risk.order_notional_max.to_f64(),
        symbol_notional_max: stage.config.risk.symbol_notional_max.to_f64(),
        open_orders_per_symbol_max: stage.config.risk.open_orders_per_symbol_max as usize,
    };
    Ok(Ran { history, trace, fired: world.fired(), counts })
}

/// One life of the process.
async fn live(stage: &mut Stage) -> LifeEnd {
    let began = Instant::now();
    let passed = stage.passed;
    let end = {
        let world = stage.world.clone();
        let life = process(stage, began);
        tokio::select! {
            biased;
            () = world.died.notified() => LifeEnd::Dead,
            end = tokio::time::timeout(LIFE_MAX, life) => match end {
                Ok(Ok(end)) => end,
                Ok(Err(failure)) => LifeEnd::Ended(failure.message),
                Err(_) => LifeEnd::Ended(format!("not at rest after {LIFE_MAX:?}")),
            },
        }
    };
    stage.passed = passed + began.elapsed();
    end
}

/// Starts as the node starts, trades until the end of the data, and looks at the node at rest.
async fn process(stage: &mut Stage, began: Instant) -> Result<LifeEnd, Failure> {
    let config = stage.config.clone();
    let world = stage.world.clone();
    let mut plan = open::plan(&config)?;
    let now = Ts::parse(&config.feed.sim_start).unwrap_or(Ts::ZERO);
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).open(&world);
    let mut store = store.map_err(|e| open::journal_failure(&e))?;
    catch_up(&world, &mut store).await?;
    let (writer, _) = JournalWriter::open(Box::new(store)).await.map_err(|e| open::journal_failure(&e))?;
    let new = NewRun { feed: config.feed.source, inputs: Vec::new(), seed: config.feed.seed, first: None };
    let resumed = match start::decide(writer.state(), &new) {
        Start::Resume { after } => Some(after),
        Start::Fresh | Start::Continue => None,
        Start::Archive { why } => return Err(Failure::new(Code::Failure, format_args!("archived: {why}"))),
    };
    let paper = config.broker.paper.clone();
    let account = paper.account.clone();
    let broker = Box::new(FaultyBroker::new(stage.account.clone(), world.clone()));
    let feed_world = world.clone();
    let composed = run::compose(
        &config,
        &mut plan,
        Outside { writer, broker, paper, resumed, now, stage_in_background: false },
        |plan, symbols| {
            let options = SimulatedOptions {
                seed: config.feed.seed,
                symbols: symbols.unwrap_or_default().into_iter().collect(),
                start: now,
                until: None,
                decision: plan.decision,
                ticks_per_symbol_minute: config.feed.sim_ticks_per_minute,
            };
            let feed = SimulatedFeed::new(options).or_fail(Code::Failure, || "simulated market".into())?;
            Ok(Box::new(FaultyFeed::new(feed, feed_world, resumed.unwrap_or(Ts::MIN))))
        },
    );
    let Composed { parts, materials, symbols, .. } = composed.await?;
    let (stop, _) = watch::channel(Stop::No);
    let options = RunOptions {
        loaded: Loaded {
            config: config.clone(),
            figment: figment::Figment::new(),
            sources: tensortrade::cli::args::ConfigSources::default(),
            flags: Vec::new(),
        },
        run_for: None,
        summary: None,
    };
    let plane =
        Arc::new(run::plane(&options, &config, &parts, &account, plan.decision, stop, Stopwatch::start()));
    world.note(Fact::Born { breaker: breaker(&parts) });
    let control = ChildSpec::actor("control", "control plane", |_: &_| (NoSocket, ()));
    let wrap = Faults { world: world.clone(), poison: Arc::default() };
    let (root, latch) = run::bring_up(&config, &parts, materials, control, &wrap).await?;
    // Set once: nothing else can have set it.
    let _ = plane.tree.set(root.view.clone());
    run::make_ready(&parts, symbols).await?;
    parts.open.send_replace(true);
    let driver = Driver {
        world: world.clone(),
        parts: parts.clone(),
        plane: plane.clone(),
        account: stage.account.clone(),
        disk: stage.disk.clone(),
    };
    let ended = until_end(&driver, &root, &latch, stage, began).await;
    stage.actor_restarts += parts.restarts.load(std::sync::atomic::Ordering::Relaxed);
    match ended {
        Some(why) => Ok(LifeEnd::Ended(why)),
        None => at_rest(driver, root, stage).await.map(|rest| LifeEnd::Rest(Box::new(rest))),
    }
}

/// Records what the journal holds beyond what was known to be durable: commits whose answer was lost.
async fn catch_up(world: &World, store: &mut dyn Store) -> Result<(), Failure> {
    loop {
        let page = store.read(world.journalled_upto(), PAGE_EVENTS_MAX).await;
        let page = page.map_err(|e| open::journal_failure(&e))?;
        if page.is_empty() {
            return Ok(());
        }
        world.journalled(&page);
    }
}

fn breaker(parts: &Parts) -> BTreeMap<String, String> {
    let summary = parts.breaker_view.summary();
    summary.scopes.into_iter().map(|scope| (scope.scope, scope.state.as_str().to_owned())).collect()
}

/// Waits for the end of the data; `Some` tells why the process ends before it.
async fn until_end(
    driver: &Driver,
    root: &Root,
    latch: &ExitLatch,
    stage: &mut Stage,
    began: Instant,
) -> Option<String> {
    let mut data = driver.parts.data_end.subscribe();
    let mut journal = driver.parts.journal_failed.subscribe();
    let before = stage.passed;
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let mut reset = false;
    loop {
        tokio::select! {
            biased;
            failed = journal.wait_for(Option::is_some) => {
                return Some(format!("the journal: {:?}", failed.map(|f| f.clone()).unwrap_or_default()));
            }
            (code, why) = latch.requested() => return Some(format!("supervision gave up ({code}): {why}")),
            ended = data.wait_for(Option::is_some) => {
                return match ended.map(|end| end.clone()) {
                    Ok(Some(tensortrade_actors::market::hub::DataEnd::EndOfData)) => None,
                    other => Some(format!("the data: {other:?}")),
                };
            }
            () = driver.world.work.notified() => driver.work(),
            _ = look.tick() => {}
        }
        if driver.world.healing() {
            if !reset {
                reset = true;
                driver.reset_breakers();
            }
            let now = before + began.elapsed();
            stage.healing.began.get_or_insert(now);
            if health(driver, root).is_empty() {
                stage.healing.healthy_since.get_or_insert(now);
            } else {
                stage.healing.healthy_since = None;
            }
        }
    }
}

/// What should run or agree, and does not.
fn health(driver: &Driver, root: &Root) -> Vec<String> {
    let mut ill = Vec::new();
    sick(&root.view.snapshot(), "", &mut ill);
    if !driver.parts.flags.reconciled.load(std::sync::atomic::Ordering::Acquire) {
        ill.push("not reconciled".into());
    }
    let unknown = driver.parts.execution_stats.read().unknown_now;
    if unknown > 0 {
        ill.push(format!("{unknown} orders of unknown outcome"));
    }
    ill
}

fn sick(node: &TreeSnapshot, above: &str, ill: &mut Vec<String>) {
    let path = format!("{above}/{}", node.id);
    let given_up = matches!(node.state, StateView::Quarantined { .. }) && above.ends_with("/symbols");
    if node.state != StateView::Running && !given_up && !above.is_empty() {
        ill.push(format!("{path}: {:?}", node.state));
    }
    node.children.iter().for_each(|child| sick(child, &path, ill));
}

/// Whom the dynamic supervisor of symbols runs actors for.
fn symbol_actors(node: &TreeSnapshot) -> Vec<String> {
    let below = node.children.iter().flat_map(symbol_actors);
    let here = node.children.iter().filter(|_| node.id == "symbols");
    here.map(|child| child.id.to_string()).chain(below).collect()
}

/// Carries out what comes from outside: commands, hands, other nodes.
#[derive(Clone)]
struct Driver {
    world: Arc<World>,
    parts: Arc<Parts>,
    plane: Arc<Plane>,
    account: Account,
    disk: Arc<Mutex<JournalDisk>>,
}

impl Driver {
    fn work(&self) {
        const KINDS: &[Kind] = &[
            Kind::SupervisorKill,
            Kind::ManualTrade,
            Kind::ClockJump,
            Kind::DoubleAdd,
            Kind::AddRemove,
            Kind::ResetWhileTripping,
            Kind::Halt,
            Kind::Flatten,
            Kind::LeaseLost,
            Kind::SecondNode,
        ];
        // Faults with a target are taken whatever it is: the driver is the one who hits it.
        while let Some(fault) = self.world.take_any(KINDS) {
            self.carry_out(fault);
        }
    }

    fn carry_out(&self, fault: Fault) {
        let target = fault.target;
        match fault.kind {
            Kind::SupervisorKill => {
                if let Some(cell) = ractor::registry::where_is(format!("chaos/{target}")) {
                    cell.kill();
                }
            }
            Kind::ManualTrade => self.trade_by_hand(&target, fault.amount),
            Kind::ClockJump => {
                let jump = Duration::from_millis(u64::from(fault.amount));
                tokio::spawn(tokio::time::advance(jump));
            }
            Kind::DoubleAdd => {
                self.command(Request::WatchlistAdd { symbols: vec![target.clone()] });
                self.command(Request::WatchlistAdd { symbols: vec![target] });
            }
            Kind::AddRemove => {
                self.command(Request::WatchlistAdd { symbols: vec![target.clone()] });
                self.command(Request::WatchlistRemove { symbols: vec![target], flatten: true });
            }
            Kind::ResetWhileTripping => {
                self.command(Request::Halt { scope: target.clone() });
                self.command(Request::Resume { scope: target, reason: "chaos".into() });
            }
            Kind::Halt => self.command(Request::Halt { scope: target }),
            Kind::Flatten => self.command(Request::Flatten { confirm: self.plane.identity.account.clone() }),
            Kind::LeaseLost => {
                let driver = self.clone();
                tokio::spawn(async move { driver.lose_lease(fault.amount).await });
            }
            Kind::SecondNode => {
                let found = self.disk.lock().unwrap_or_else(PoisonError::into_inner).second_opener();
                self.world.note(found);
            }
            _ => {}
        }
    }

    /// A command, given without waiting for the one before.
    fn command(&self, request: Request) {
        let plane = self.plane.clone();
        tokio::spawn(async move { plane.handle(0, request).await });
    }

    fn reset_breakers(&self) {
        for (scope, _) in breaker(&self.parts) {
            self.command(Request::Resume { scope, reason: "the faults are over".into() });
        }
    }

    fn trade_by_hand(&self, symbol: &str, units: u32) {
        let now = self.world.last();
        let id = ClientOrderId::new(format!("{BY_HAND}{}", now.nanos()));
        let (Ok(id), Ok(symbol)) = (id, Symbol::intern(symbol)) else { return };
        let side = if units.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let qty = Qty::from_units(i64::from(units)).unwrap_or(Qty::ZERO);
        let terms = OrderTerms { symbol, side, qty, kind: OrderKind::Market, tif: TimeInForce::Day };
        // What becomes of it is told by the exchange.
        let _ = self.account.lock().place(&id, &terms, now).now_or_never();
    }

    async fn lose_lease(&self, steps: u32) {
        let flag = &self.parts.flags.lease_held;
        self.world.note(Fact::Lease(false));
        flag.store(false, std::sync::atomic::Ordering::Release);
        let until = self.world.steps().saturating_add(steps);
        while self.world.steps() < until && !self.world.healing() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.world.note(Fact::Lease(true));
        flag.store(true, std::sync::atomic::Ordering::Release);
    }
}

/// The data has ended: lets everything settle, then looks at node and broker, and stops the node in order.
#[expect(clippy::await_holding_lock, reason = "the paper exchange answers at once: nothing is waited for")]
async fn at_rest(driver: Driver, root: Root, stage: &mut Stage) -> Result<Rest, Failure> {
    tokio::time::sleep(SETTLE).await;
    let parts = driver.parts.clone();
    let mut rest = Rest { down: health(&driver, &root), ..Rest::default() };
    rest.last_boundary = driver.world.last();
    rest.symbol_actors = symbol_actors(&root.view.snapshot());
    rest.reconciled = parts.flags.reconciled.load(std::sync::atomic::Ordering::Acquire);
    rest.unknown = parts.execution_stats.read().unknown_now;
    rest.breaker = breaker(&parts);
    let healing = stage.healing;
    rest.heal_ms = healing
        .began
        .zip(healing.healthy_since)
        .map(|(began, healthy)| u64::try_from(healthy.saturating_sub(began).as_millis()).unwrap_or(u64::MAX));
    let limit = Duration::from_secs(30);
    match parts.hub.ask(limit, |reply| HubCommand::List { reply }).await {
        Ok(members) => rest.members = members.iter().map(|m| (m.symbol, m.quarantined)).collect(),
        Err(error) => rest.down.push(format!("hub: {error}")),
    }
    let now = parts.clock.now();
    match parts.portfolio.ask(limit, |reply| PortfolioMsg::View { now, reply }).await {
        Ok(view) => {
            rest.node_positions =
                view.open_positions().map(|row| (row.position.symbol, row.position.qty)).collect();
            rest.node_cash = view.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
        }
        Err(error) => rest.down.push(format!("portfolio: {error}")),
    }
    root.shutdown().await;
    if let Some(writer) = parts.writer.lock().await.take() {
        let positions = writer.state().positions.iter();
        rest.writer_positions =
            positions.filter(|(_, p)| !p.qty.is_zero()).map(|(symbol, p)| (*symbol, p.qty)).collect();
        let state = writer.state().clone();
        rest.down.extend(books_differ(&rest, &state));
        writer.close().await.map_err(|e| open::journal_failure(&e))?;
        rest.folds_alike = folds_to(stage, &state).await?;
    }
    {
        let mut account = driver.account.lock();
        let failed = |e: tensortrade_broker::BrokerError| Failure::new(Code::Failure, e);
        let positions = account.positions().await.map_err(failed)?;
        rest.broker_positions = positions.iter().map(|p| (p.symbol, p.qty)).collect();
        rest.broker_cash = account.account().await.map_err(failed)?.cash;
        rest.broker_executions = account.executions(Ts::MIN).await.map_err(failed)?;
        rest.broker_open = account.open_orders().await.map_err(failed)?;
    }
    Ok(rest)
}

/// Promise 10 for what a restarted actor begins with: the books in the journal's state are those of the running portfolio.
fn books_differ(rest: &Rest, state: &Recovered) -> Vec<String> {
    let portfolio = &state.books.portfolio;
    let held = portfolio.positions().filter(|p| !p.qty.is_zero()).map(|p| (p.symbol, p.qty)).collect();
    let cash = portfolio.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
    let mut found = Vec::new();
    if rest.node_positions != held {
        found.push(format!("the journal's books hold {held:?}, the running node {:?}", rest.node_positions));
    }
    if rest.node_cash != cash {
        found.push(format!("the journal's books have cash {cash:?}, the running node {:?}", rest.node_cash));
    }
    found
}

/// Whether folding every event anew gives the state that the writer has.
async fn folds_to(stage: &Stage, state: &Recovered) -> Result<bool, Failure> {
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).read();
    let Some(mut store) = store.map_err(|e| open::journal_failure(&e))? else { return Ok(false) };
    let genesis = Recovered::genesis(&store.meta().id);
    let (folded, _) = fold_after(&mut store, genesis).await.map_err(|e| open::journal_failure(&e))?;
    Ok(folded == *state)
}

/// The journal at the end, read without faults.
async fn read_journal(stage: &Stage, rest: &mut Rest) -> Result<(), Failure> {
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).read();
    let Some(mut store) = store.map_err(|e| open::journal_failure(&e))? else { return Ok(()) };
    catch_up(&stage.world, &mut store).await?;
    let report = verify(&mut store).await.map_err(|e| open::journal_failure(&e))?;
    rest.verify = report.problems.iter().map(ToString::to_string).collect();
    Ok(())
}

/// The journal's word for a breaker's state, as the breaker itself prints it.
#[must_use]
pub const fn state_name(state: Recorded) -> &'static str {
    match state {
        Recorded::Normal => "normal",
        Recorded::Reducing => "reducing",
        Recorded::Halted => "halted",
    }
}
