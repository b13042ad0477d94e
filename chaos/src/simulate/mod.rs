//! A world from its first process to rest: the node's own composition and start-up path, on one thread, in paused time.

mod configuration;
mod driver;
mod rest;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade::config::{Config, Loaded};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade::node::open;
use tensortrade::node::run::{self, Composed, Outside, RunOptions};
use tensortrade::node::signals::Stop;
use tensortrade::node::start::{self, NewRun, Start};
use tensortrade::node::tree::Parts;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::{ChildSpec, ExitLatch, Root};
use tensortrade_broker::paper::{PaperBroker, VENUE};
use tensortrade_broker::simulated::{SimulatedFeed, SimulatedOptions};
use tensortrade_journal::event::BreakerState as Recorded;
use tensortrade_journal::{AccountKind, Identity, JournalWriter};
use tensortrade_market::{Symbol, Ts};
use tokio::sync::watch;
use tokio::time::Instant;

pub use self::configuration::config;
use self::driver::Driver;
use self::rest::{at_rest, health, read_durable, read_journal};
use crate::actor::Faults;
use crate::broker::{Account, FaultyBroker};
use crate::disk::JournalDisk;
use crate::feed::FaultyFeed;
use crate::history::{Fact, History, LimitsInForce, Rest, Undisturbed};
use crate::plan::{Fault, Kind, Plan};
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
    /// Steps of all worlds that were run for it.
    pub steps_run: u64,
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
    let one_symbol = crate::plan::family(&plan.name).is_some_and(|family| family.one_symbol);
    let undisturbed = if one_symbol { Some(undisturbed(plan)?) } else { None };
    let mut ran = run_once(plan)?;
    if let Some((undisturbed, steps)) = undisturbed {
        ran.history.undisturbed = Some(undisturbed);
        ran.steps_run += steps;
    }
    Ok(ran)
}

fn undisturbed(plan: &Plan) -> Result<(Undisturbed, u64), Failure> {
    let calm = run_once(&Plan { faults: Vec::new(), ..plan.clone() })?;
    let name = |fault: &Fault| fault.target.rsplit('/').next().unwrap_or_default().to_owned();
    // A crash alone leaves no trace: the next incarnation has the snapshot and everything since.
    let leaves_traces = |fault: &&Fault| {
        use Kind as K;
        !matches!(fault.kind, K::ActorPanic | K::ActorPanicAfter | K::ActorError | K::HubKill | K::MarketKill)
    };
    let hit = (plan.faults.iter().filter(leaves_traces))
        .filter_map(|fault| Symbol::intern(&name(fault)).ok())
        .collect();
    Ok((Undisturbed { traces: calm.history.traces(), hit }, calm.steps_run))
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
    Ok(Ran { history, trace, fired: world.fired(), counts, steps_run: u64::from(counts.steps) })
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
    read_durable(stage).await?;
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).open(&world);
    let store = store.map_err(|e| open::journal_failure(&e))?;
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

/// The journal's word for a breaker's state, as the breaker itself prints it.
#[must_use]
pub const fn state_name(state: Recorded) -> &'static str {
    match state {
        Recorded::Normal => "normal",
        Recorded::Reducing => "reducing",
        Recorded::Halted => "halted",
    }
}
