//! One run of the node, from the data directory's lock to the summary.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tensortrade_actors::market::hub::DataEnd;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::{ExitLatch, Root, install_light_panic_hook};
use tensortrade_actors::trading::portfolio::StepCounts;
use tensortrade_market::{Clock, Ts};
use tokio::sync::watch;

pub use super::bring_up::{bring_up, make_ready, plane};
pub use super::compose::{Composed, Outside, compose};

use super::bring_up::control_child;
use super::clock::SystemClock;
use super::finish::{equity, finish};
use super::lock::{DataLock, LockError};
use super::ports::{Direct, Ports};
use super::signals::{self, Stop};
use super::start::{self, NewRun, Start};
use super::status_line::StatusLine;
use super::summary::Summary;
use super::tree::Parts;
use super::watchdog::Watchdog;
use super::wrap::Plain;
use super::{logging, open};
use crate::config::{self, Config, FeedSource};
use crate::control::{socket, socket_path};
use crate::exit::{Code, Failure, OrFail};

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
pub(super) enum End {
    Data,
    Asked,
    Forced,
    Failed(Code, String),
}

/// Runs a node to its end.
pub fn run(options: RunOptions) -> Result<(), Failure> {
    run_through(options, &Direct)
}

/// The same behind other doors: what a fault campaign puts around the store and the broker.
pub fn run_through(options: RunOptions, ports: &dyn Ports) -> Result<(), Failure> {
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
    let outcome = runtime.block_on(drive(options, ports, plan, wall));
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

/// Everything that was opened for the run.
pub(super) struct Opened {
    pub(super) parts: Arc<Parts>,
    pub(super) counts: Arc<StepCounts>,
    pub(super) root: Root,
    pub(super) latch: ExitLatch,
    pub(super) stop: watch::Sender<Stop>,
    pub(super) resumed: Option<Ts>,
}

async fn drive(
    options: RunOptions,
    ports: &dyn Ports,
    mut plan: open::RunPlan,
    wall: Stopwatch,
) -> Result<(), Failure> {
    let (stop, _) = watch::channel(Stop::No);
    let signals =
        signals::listen(stop.clone()).or_fail(Code::Failure, || "cannot listen to signals".into())?;
    let opened = assemble(&options, ports, &mut plan, stop.clone(), wall).await?;
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
    ports: &dyn Ports,
    plan: &mut open::RunPlan,
    stop: watch::Sender<Stop>,
    wall: Stopwatch,
) -> Result<Opened, Failure> {
    let config = &options.loaded.config;
    let data_dir = config.node.data_dir.clone();
    let now = first_moment(config, plan);
    let mut writer = open::journal(config, &data_dir, ports, plan.durability, now).await?;
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
        tell!("{why}: the old journal and paper account are in {}", place.display());
        writer = open::journal(config, &data_dir, ports, plan.durability, now).await?;
        start = Start::Fresh;
    }
    let resumed = if let Start::Resume { after } = start { Some(after) } else { None };
    let (broker, paper) = open::paper(config, &data_dir, &writer)?;
    let account = paper.account.clone();
    let broker = ports.broker(broker);
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
