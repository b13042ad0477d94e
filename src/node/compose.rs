//! A node put together: everything that its journal, its account and its configuration come to, and nothing started yet.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_actors::market::hub::{HubHandle, HubShared, HubStats};
use tensortrade_actors::market::pacing::Pacer;
use tensortrade_actors::market::symbol::SymbolParams;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::JournalStats;
use tensortrade_actors::ops::writer_slot::{SharedWriter, WriterSlot};
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::stopwatch::Latency;
use tensortrade_actors::trading::breaker::{BreakerView, restored};
use tensortrade_actors::trading::execution::ExecutionStats;
use tensortrade_actors::trading::portfolio::StepCounts;
use tensortrade_actors::trading::risk::TradingFlags;
use tensortrade_broker::paper::PaperOptions;
use tensortrade_broker::{Broker, Feed};
use tensortrade_journal::event::{Lease, LeaseAction, RunStarted};
use tensortrade_journal::{JournalWriter, Recovered};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Clock, ManualClock, Symbol, Ts};
use tensortrade_risk::breaker::{Breaker, BreakerState, Scope};
use tokio::sync::watch;

use super::tree::{self, Materials, Parts};
use super::{derived, marks, open};
use crate::config::{Config, FeedSource};
use crate::exit::{Code, Failure, OrFail};

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
    open::tell_unvalued(&books, config);
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
    if let Some((at, true)) = state.reconciled {
        flags.clean_at.set(at);
    }
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
        mismatch: config.breaker.mismatch,
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
