//! The hub, real symbols and the cross-section: what is collected does not depend on pacing, nor on crashes.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails here")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_actors::market::hub::*;
use tensortrade_actors::market::pacing::Pacer;
use tensortrade_actors::market::symbol::*;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::strategy::cross_section::*;
use tensortrade_actors::strategy::regime::RegimeMsg;
use tensortrade_actors::supervision::*;
use tensortrade_broker::{Feed, FeedError, FeedSlice, FeedStats, MarketBatch, MarketData};
use tensortrade_features::FeatureConfig;
use tensortrade_market::{Bar, Catalog, Instrument, ManualClock, Price, Qty, Symbol, Tick, Timeframe, Ts};
use tokio::sync::watch;

/// A Monday, 10:00 in New York.
const OPEN: Ts = Ts::from_secs(1_381_154_400);
const STEPS: i64 = 25;
const NAMES: [&str; 5] = ["AAA", "BBB", "CCC", "DDD", "EEE"];

fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

/// One slice a second: each symbol has ticks every 37 to 90 ms, up to the boundary, and sometimes a late one.
fn slices() -> VecDeque<FeedSlice> {
    let slice = |step: i64| {
        let batch = |(n, name): (usize, &&str)| {
            let apart = 37 + 13 * n as i64;
            let ticks = (0..1_000 / apart).map(|k| {
                let late = if k % 11 == 10 { 1_500 } else { 0 };
                let ts = OPEN.plus_nanos((step * 1_000 + (k + 1) * apart - 1 - late) * 1_000_000);
                let price = 100.0 + ((step * 7 + k * 3 + n as i64 * 5) % 17) as f64 / 10.0;
                Tick::trade(ts, Price::from_f64(price).unwrap(), Qty::from_f64(1.0 + k as f64).unwrap())
            });
            MarketBatch { symbol: symbol(name), data: MarketData::Ticks(ticks.collect()) }
        };
        // The last symbol falls silent now and then.
        let talking = NAMES.iter().enumerate().filter(|(n, _)| *n < 4 || step % 5 < 3);
        let watermark = Some(OPEN.plus_nanos((step + 1) * 1_000_000_000));
        FeedSlice { batches: talking.map(batch).collect(), watermark }
    };
    (0..STEPS).map(slice).collect()
}

struct Script(VecDeque<FeedSlice>);

impl Feed for Script {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        Box::pin(async { Ok(self.0.pop_front()) })
    }

    fn add(&mut self, _: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        Box::pin(async { Ok(()) })
    }

    fn remove(&mut self, _: Symbol) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn history(
        &mut self,
        _: Symbol,
        _: Timeframe,
        _: Ts,
        _: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn stats(&self) -> FeedStats {
        FeedStats::default()
    }
}

/// Stands where the regime stands: writes down what was collected, and lets the hub go on.
struct Collector;

impl Actor for Collector {
    type Msg = RegimeMsg;
    type State = (Arc<Mutex<Vec<String>>>, StepGate);
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        _: ActorRef<RegimeMsg>,
        args: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(args)
    }

    async fn handle(
        &self,
        _: ActorRef<RegimeMsg>,
        message: RegimeMsg,
        (seen, gate): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let RegimeMsg::Step(step) = message {
            let frame = &step.frame;
            let rows = (frame.symbols(), frame.states(), frame.closes(), frame.values());
            let text = format!("{} {} {rows:?} {:?} {:?}", frame.step, frame.ts, step.bars(), step.gaps());
            seen.lock().unwrap().push(text);
            gate.release(step.tag.ts);
            gate.done(step.tag.ts);
        }
        Ok(())
    }
}

/// Stands between the symbols and the cross-section: passes everything on, and now and then kills a symbol that has just
/// sent a row ahead.
struct Between;

struct Wire {
    to: Route<CrossSectionMsg>,
    seats: Arc<Mutex<BTreeMap<Symbol, Arc<Seat>>>>,
    kill_every: Option<u64>,
    ahead: u64,
    killed: Arc<AtomicU64>,
}

impl Actor for Between {
    type Msg = CrossSectionMsg;
    type State = Wire;
    type Arguments = Wire;

    async fn pre_start(&self, _: ActorRef<CrossSectionMsg>, wire: Wire) -> Result<Wire, ActorProcessingErr> {
        Ok(wire)
    }

    async fn handle(
        &self,
        _: ActorRef<CrossSectionMsg>,
        message: CrossSectionMsg,
        wire: &mut Wire,
    ) -> Result<(), ActorProcessingErr> {
        if let CrossSectionMsg::Ahead { report, .. } = &message {
            wire.ahead += 1;
            if wire.kill_every.is_some_and(|every| wire.ahead.is_multiple_of(every)) {
                let seat = wire.seats.lock().unwrap().get(&report.symbol).cloned();
                if let Some(actor) = seat.and_then(|seat| seat.route.current()) {
                    actor.kill();
                    wire.killed.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        wire.to.cast(message);
        Ok(())
    }
}

struct Played {
    steps: Vec<String>,
    rows_ahead: u64,
    killed: u64,
}

fn node_id() -> String {
    static NODES: AtomicU64 = AtomicU64::new(0);
    format!("market-{}", NODES.fetch_add(1, Ordering::Relaxed))
}

async fn play(speed: Option<f64>, kill_every: Option<u64>) -> Played {
    let second: Timeframe = "1s".parse().unwrap();
    let params = SymbolParams::new(second, second, &[], false, FeatureConfig::default(), 4).unwrap();
    let (params, gate) = (Arc::new(params), StepGate::default());
    let (cross_section, regime, between) = (Route::default(), Route::default(), Route::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (collector, _) = Actor::spawn(None, Collector, (seen.clone(), gate.clone())).await.unwrap();
    regime.register(collector.clone());
    let seats: Arc<Mutex<BTreeMap<Symbol, Arc<Seat>>>> = Arc::default();
    let killed = Arc::new(AtomicU64::new(0));
    let wire = Wire {
        to: cross_section.clone(),
        seats: seats.clone(),
        kill_every,
        ahead: 0,
        killed: killed.clone(),
    };
    let (wired, _) = Actor::spawn(None, Between, wire).await.unwrap();
    between.register(wired.clone());

    let (hub, commands) = HubHandle::new();
    let symbols = SupervisorSpec::dynamic("symbols");
    let symbol_spec = {
        let (hub, gate, params) = (hub.clone(), gate.clone(), params.clone());
        move |seat: Arc<Seat>| {
            let id = seat.instrument.symbol;
            seats.lock().unwrap().insert(id, seat.clone());
            let (hub, gate, params, between) = (hub.clone(), gate.clone(), params.clone(), between.clone());
            let spec = ChildSpec::actor(id.as_str(), "symbol", move |start: &StartContext| {
                let args = SymbolArgs {
                    seat: seat.clone(),
                    hub: hub.clone(),
                    cross_section: between.clone(),
                    gate: gate.clone(),
                    params: params.clone(),
                    poisoned: start.poisoned_all.clone(),
                    child: start.handle.clone(),
                };
                (SymbolActor, args)
            });
            let many = Budget { restarts: 10_000, consecutive: 10_000, ..Budget::default() };
            spec.backoff(Backoff::immediate()).budget(many)
        }
    };
    let core = HubCore {
        feed: Box::new(Script(slices())),
        members: BTreeMap::new(),
        names: None,
        removed: BTreeSet::new(),
        open_universe: false,
        pacer: speed.map(|speed| Pacer::new(speed, second)),
        warm_up_until: Ts::MIN,
        step: 0,
        awaiting: None,
        in_hand: Default::default(),
        unsent: None,
        watermark: Ts::MIN,
        draining: false,
        silence: Default::default(),
        backlogged: Default::default(),
    };
    let shared = Arc::new(HubShared { core: core.into(), commands: commands.into() });
    let (open, end) = (watch::channel(false).0, watch::channel(None).0);
    let context = HubContext {
        catalog: Arc::new(Catalog::default()),
        symbol_params: params.clone(),
        symbols: symbols.handle(),
        symbol_spec: Arc::new(symbol_spec),
        session: Route::default(),
        session_door: Admission::new(64),
        cross_section: cross_section.clone(),
        journal: JournalDoor::in_memory(Arc::new(ManualClock::at(Ts::ZERO))).await.unwrap(),
        gate: gate.clone(),
        market_clock: ManualClock::at(OPEN),
        decision: second,
        warm_up_bars: 0,
        ring_rows: 100_000,
        inflight_max: 32,
        stats: Arc::default(),
        end: end.clone(),
        open: open.subscribe(),
        stale: Default::default(),
        breaker: Route::default(),
        breaker_view: Arc::default(),
    };
    let hub_child = ChildSpec::actor("hub", "feed hub", move |start: &StartContext| {
        (Hub, HubArgs { shared: shared.clone(), context: context.clone(), child: start.handle.clone() })
    });
    let cross_child = {
        let (route, manifest, gate) = (cross_section.clone(), params.manifest(), gate.clone());
        ChildSpec::actor("cross-section", "cross-section", move |start: &StartContext| {
            let args = CrossSectionArgs {
                route: route.clone(),
                regime: regime.clone(),
                manifest: manifest.clone(),
                gate: gate.clone(),
                deadline: Duration::from_secs(60),
                child: start.handle.clone(),
            };
            (CrossSection, args)
        })
    };
    let spec = SupervisorSpec::one_for_one("root", vec![cross_child, symbols.into(), hub_child]);
    let root = Root::start(spec, Env::new(node_id(), 1, NoLog, ExitLatch::new(|_, _| {}))).await.unwrap();
    let (symbols, by) = (NAMES.into_iter().map(symbol).collect(), "test".to_owned());
    let add = |reply| HubCommand::AddMany { symbols, by, reply };
    let added = hub.ask(Duration::from_secs(60), add).await.unwrap();
    assert!(added.iter().all(|(_, outcome)| outcome.is_ok()), "{added:?}");
    open.send_replace(true);
    let mut ended = end.subscribe();
    let ended = tokio::time::timeout(Duration::from_secs(120), ended.wait_for(Option::is_some)).await;
    assert_eq!(*ended.unwrap().unwrap(), Some(DataEnd::EndOfData));
    root.shutdown().await;
    for cell in [collector.get_cell(), wired.get_cell()] {
        cell.stop(None);
    }
    let steps = seen.lock().unwrap().clone();
    Played { steps, rows_ahead: gate.rows_ahead(), killed: killed.load(Ordering::Relaxed) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paced_market_collects_the_same_steps_as_one_at_full_speed() {
    let calm = play(None, None).await;
    assert_eq!(calm.steps.len() as i64, STEPS);
    assert_eq!(calm.rows_ahead, 0, "at full speed nobody works ahead");
    let paced = play(Some(10.0), None).await;
    assert!(paced.rows_ahead > 0, "rows are collected ahead of the boundary");
    assert_eq!(calm.steps, paced.steps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_symbol_that_crashes_between_its_row_ahead_and_its_watermark_loses_nothing() {
    let calm = play(None, None).await;
    let troubled = play(Some(10.0), Some(5)).await;
    assert!(troubled.killed > 5, "killed {}", troubled.killed);
    assert_eq!(calm.steps, troubled.steps);
}
