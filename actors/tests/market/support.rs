//! A market on a script: slices when the test says so, history from a table, steps collected where the regime would be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::{Actor, ActorProcessingErr, ActorRef, SpawnErr};
use tensortrade_actors::market::hub::*;
use tensortrade_actors::market::symbol::{SymbolActor, SymbolArgs, SymbolParams};
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::route::Route;
use tensortrade_actors::step::StepGate;
use tensortrade_actors::strategy::cross_section::{CrossSection, CrossSectionArgs, StepData};
use tensortrade_actors::strategy::regime::RegimeMsg;
use tensortrade_actors::supervision::*;
use tensortrade_broker::{Feed, FeedError, FeedSlice, FeedStats, MarketBatch, MarketData, Pace};
use tensortrade_features::{FeatureConfig, FeatureSpec, RowState};
use tensortrade_market::{
    Bar, Catalog, Gap, GapReason, Instrument, ManualClock, Price, Qty, Symbol, Tick, Timeframe, Ts,
};
use tokio::sync::{mpsc, oneshot, watch};

/// Rows that a symbol's ring holds.
pub(crate) const RING_ROWS: usize = 10;
/// Limit of every wait: far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(25);

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

/// The boundary after `minute` minutes of a day without closing hours.
pub(crate) fn at(minute: i64) -> Ts {
    Ts::from_secs(1_700_000_040 + minute * 60)
}

fn price(cents: i64) -> Price {
    Price::from_raw(cents * 10_000_000).unwrap()
}

/// Price of the last trade of a minute.
fn cents(minute: i64) -> i64 {
    10_000 + minute * 7 % 31 - minute * 3 % 17
}

/// `rows` trades within a minute, the last at the minute's price.
pub(crate) fn ticks(name: &str, minute: i64, rows: i64) -> MarketBatch {
    let of = |row: i64| {
        let ts = at(minute).plus_nanos((row + 1) * 1_000_000_000);
        Tick::trade(ts, price(cents(minute) + rows - 1 - row), Qty::from_raw(Qty::ONE))
    };
    MarketBatch { symbol: symbol(name), data: MarketData::Ticks((0..rows).map(of).collect()) }
}

/// The minute bars that a feed knows of the time before it is asked.
fn bars(until: Ts, bars_max: usize) -> Vec<Bar> {
    let bar = |minute| Bar::ohlcv(at(minute), at(minute + 1), [price(cents(minute)); 4], Qty::from_raw(1));
    let all: Vec<Bar> = (-200..200).map(bar).filter(|bar| bar.end <= until).collect();
    all[all.len().saturating_sub(bars_max)..].to_vec()
}

#[derive(Clone, Default)]
pub(crate) struct Script {
    /// Whether the feed has history.
    pub(crate) history: Arc<AtomicBool>,
    /// Histories asked for.
    pub(crate) asked: Arc<AtomicU64>,
    /// Whether it is a feed that does not wait.
    pub(crate) live: bool,
    /// Time that one history keeps the thread busy.
    pub(crate) history_takes: Duration,
}

struct ScriptedFeed {
    script: Script,
    slices: mpsc::UnboundedReceiver<FeedSlice>,
}

impl Feed for ScriptedFeed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        Box::pin(async { Ok(self.slices.recv().await) })
    }

    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        let symbol = instrument.symbol;
        Box::pin(async move {
            if symbol.as_str().starts_with("BAD") {
                return Err(FeedError::UnknownSymbol { symbol, reason: "not in the script".into() });
            }
            Ok(())
        })
    }

    fn remove(&mut self, _: Symbol) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn history(
        &mut self,
        _: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        assert_eq!(timeframe, Timeframe::MINUTE);
        self.script.asked.fetch_add(1, Ordering::Relaxed);
        if !self.script.history_takes.is_zero() {
            #[expect(clippy::disallowed_methods, reason = "a history that keeps the thread busy")]
            std::thread::sleep(self.script.history_takes);
        }
        let known =
            if self.script.history.load(Ordering::Relaxed) { bars(until, bars_max) } else { Vec::new() };
        Box::pin(async move { Ok(known) })
    }

    fn stats(&self) -> FeedStats {
        FeedStats::default()
    }

    fn pace(&self) -> Pace {
        if self.script.live { Pace::Live } else { Pace::Consumer }
    }
}

/// Stands where the regime would: keeps each step, and says that it is done.
struct Collector;

impl Actor for Collector {
    type Msg = RegimeMsg;
    type State = (mpsc::UnboundedSender<StepData>, StepGate);
    type Arguments = (Route<RegimeMsg>, Self::State);

    async fn pre_start(
        &self,
        myself: ActorRef<RegimeMsg>,
        (route, state): Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        route.register(myself);
        Ok(state)
    }

    async fn handle(
        &self,
        _: ActorRef<RegimeMsg>,
        message: RegimeMsg,
        (steps, gate): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let RegimeMsg::Step(step) = message {
            let ts = step.tag.ts;
            let _ = steps.send(*step);
            gate.done(ts);
        }
        Ok(())
    }
}

/// Tells the hub of quarantines, as the node's log does.
struct TellsHub(HubHandle);

impl SupervisionLog for TellsHub {
    fn record<'a>(&'a self, event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>> {
        let quarantined = match event.what {
            What::Quarantined { .. } => Some(true),
            What::Released => Some(false),
            _ => None,
        };
        if let Some(quarantined) = quarantined {
            let symbol = symbol(event.child.as_str());
            self.0.tell(HubCommand::Quarantine { symbol, quarantined }).unwrap();
        }
        Box::pin(async { Ok(()) })
    }
}

/// A running market.
pub(crate) struct World {
    pub(crate) hub: HubHandle,
    pub(crate) root: Root,
    /// Seats by symbol, to reach an incarnation.
    pub(crate) seats: Arc<Mutex<BTreeMap<Symbol, Arc<Seat>>>>,
    /// While set, no symbol can start.
    pub(crate) broken: Arc<AtomicBool>,
    pub(crate) stats: Arc<HubStats>,
    slices: mpsc::UnboundedSender<FeedSlice>,
    steps: mpsc::UnboundedReceiver<StepData>,
}

impl World {
    pub(crate) async fn start(script: Script) -> Self {
        static NODES: AtomicU64 = AtomicU64::new(0);
        let node = format!("m{}", NODES.fetch_add(1, Ordering::Relaxed));
        let (hub, door) = HubHandle::new();
        let (slices, receiver) = mpsc::unbounded_channel();
        let (collected, steps) = mpsc::unbounded_channel();
        let features = FeatureConfig {
            specs: vec![FeatureSpec::LogReturn { bars: 1 }, FeatureSpec::ZScore { bars: 20 }],
        };
        let params =
            SymbolParams::new(Timeframe::MINUTE, Timeframe::MINUTE, &[], false, features, 1).unwrap();
        let params = Arc::new(params);
        let (seats, broken) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(AtomicBool::new(false)));
        let (gate, cross_section, regime) = (StepGate::default(), Route::default(), Route::default());
        let symbols = SupervisorSpec::dynamic("symbols");
        let symbol_spec = {
            let (seats, broken, hub) = (seats.clone(), broken.clone(), hub.clone());
            let (cross_section, params): (Route<_>, _) = (cross_section.clone(), params.clone());
            let gate = gate.clone();
            Arc::new(move |seat: Arc<Seat>| {
                seats.lock().unwrap().insert(seat.instrument.symbol, seat.clone());
                let (broken, hub) = (broken.clone(), hub.clone());
                let (cross_section, params, gate) = (cross_section.clone(), params.clone(), gate.clone());
                let id = seat.instrument.symbol.as_str();
                let spec = ChildSpec::new(id, "symbol", move |start: StartContext| {
                    let args = SymbolArgs {
                        seat: seat.clone(),
                        hub: hub.clone(),
                        cross_section: cross_section.clone(),
                        gate: gate.clone(),
                        params: params.clone(),
                        poisoned: start.poisoned_all.clone(),
                        child: start.handle.clone(),
                    };
                    let broken = broken.load(Ordering::Relaxed);
                    async move {
                        if broken {
                            return Err(SpawnErr::StartupFailed("broken by the test".into()));
                        }
                        let (actor, join) =
                            SymbolActor::spawn_linked(Some(start.name), SymbolActor, args, start.supervisor)
                                .await?;
                        Ok((actor.into(), join))
                    }
                });
                spec.backoff(Backoff::fixed(Duration::from_secs(1)))
                    .budget(Budget { restarts: 1, ..Budget::default() })
            }) as Arc<dyn Fn(Arc<Seat>) -> ChildSpec + Send + Sync>
        };
        let stats = Arc::new(HubStats::default());
        let context = HubContext {
            catalog: Arc::new(Catalog::default()),
            symbol_params: params.clone(),
            symbols: symbols.handle(),
            symbol_spec,
            session: Route::default(),
            session_door: Admission::new(64),
            cross_section: cross_section.clone(),
            journal: JournalDoor::in_memory(Arc::new(ManualClock::at(Ts::ZERO))).await.unwrap(),
            gate: gate.clone(),
            market_clock: ManualClock::at(at(0)),
            decision: Timeframe::MINUTE,
            warm_up_bars: 30,
            ring_rows: RING_ROWS,
            inflight_max: 32,
            stats: stats.clone(),
            end: watch::channel(None).0,
            open: watch::channel(true).1,
            stale: Default::default(),
            breaker: Route::default(),
            breaker_view: Arc::default(),
        };
        let core = HubCore {
            feed: Box::new(ScriptedFeed { script, slices: receiver }),
            members: BTreeMap::new(),
            names: None,
            removed: Default::default(),
            open_universe: false,
            pacer: None,
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
        let shared = Arc::new(HubShared {
            core: tokio::sync::Mutex::new(core),
            commands: tokio::sync::Mutex::new(door),
        });
        let collector = {
            let (route, gate) = (regime.clone(), gate.clone());
            ChildSpec::actor("collector", "test", move |_: &StartContext| {
                (Collector, (route.clone(), (collected.clone(), gate.clone())))
            })
        };
        let collect = {
            let (manifest, gate) = (params.manifest(), gate.clone());
            ChildSpec::actor("cross-section", "cross-section", move |start: &StartContext| {
                let args = CrossSectionArgs {
                    route: cross_section.clone(),
                    regime: regime.clone(),
                    manifest: manifest.clone(),
                    gate: gate.clone(),
                    // Never the reason why a step goes on here.
                    deadline: Duration::from_secs(3600),
                    child: start.handle.clone(),
                };
                (CrossSection, args)
            })
        };
        let pump = ChildSpec::actor("hub", "feed hub", move |start: &StartContext| {
            (Hub, HubArgs { shared: shared.clone(), context: context.clone(), child: start.handle.clone() })
        });
        let tree = SupervisorSpec::one_for_one("market", vec![collector, collect, symbols.into(), pump]);
        let env = Env::new(node, 1, TellsHub(hub.clone()), ExitLatch::new(|_, _| {}));
        let root = Root::start(tree, env).await.unwrap();
        Self { hub, root, seats, broken, stats, slices, steps }
    }

    pub(crate) async fn ask<R>(&self, command: impl FnOnce(oneshot::Sender<R>) -> HubCommand) -> R {
        self.hub.ask(PATIENCE, command).await.unwrap()
    }

    pub(crate) async fn add(&self, names: &[&str]) -> Vec<(Symbol, Result<Added, AddRefused>)> {
        let (symbols, by) = (names.iter().map(|name| symbol(name)).collect(), "test".to_owned());
        self.ask(|reply| HubCommand::AddMany { symbols, by, reply }).await
    }

    /// Waits until the tree shows a symbol in such a state.
    pub(crate) async fn until(&self, name: &str, wanted: impl Fn(&StateView) -> bool) {
        let look = async {
            while !self.root.view.find(&["symbols", name]).is_some_and(|node| wanted(&node.state)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{name} never came there"));
    }

    pub(crate) fn kill(&self, name: &str) {
        self.seats.lock().unwrap()[&symbol(name)].route.current().unwrap().kill();
    }

    /// Delivers batches, and with them the boundary at the end of `minute`, if given.
    pub(crate) fn deliver(&self, batches: Vec<MarketBatch>, minute: Option<i64>) {
        self.slices.send(FeedSlice { batches, watermark: minute.map(|minute| at(minute + 1)) }).unwrap();
    }

    /// The next step, which is that of this minute.
    pub(crate) async fn step(&mut self, minute: i64) -> Step {
        let step = tokio::time::timeout(PATIENCE, self.steps.recv()).await;
        let step = step.unwrap_or_else(|_| panic!("no step at minute {minute}")).unwrap();
        assert_eq!(step.tag.ts, at(minute + 1));
        Step(step)
    }

    /// One minute in which both symbols trade.
    pub(crate) async fn minute(&mut self, minute: i64) -> Step {
        self.deliver(vec![ticks("BTCUSDT", minute, 3), ticks("ETHUSDT", minute, 3)], Some(minute));
        self.step(minute).await
    }
}

/// A collected step, as a test asks about it.
pub(crate) struct Step(StepData);

impl Step {
    pub(crate) fn state(&self, name: &str) -> RowState {
        self.0.frame.rows().find(|(_, of, _)| *of == symbol(name)).unwrap().2
    }

    /// Bits of a symbol's features.
    pub(crate) fn values(&self, name: &str) -> Vec<u64> {
        let (row, width) = (self.0.frame.position(symbol(name)).unwrap(), self.0.frame.manifest().width());
        self.0.frame.values()[row * width..(row + 1) * width].iter().map(|value| value.to_bits()).collect()
    }

    pub(crate) fn is_warm(&self, name: &str) -> bool {
        self.values(name).iter().all(|bits| f64::from_bits(*bits).is_finite())
    }

    /// Minutes whose bars came with this step.
    pub(crate) fn bars(&self, name: &str) -> Vec<i64> {
        let bars = self.0.bars().into_iter().filter(|bar| bar.symbol == symbol(name));
        bars.map(|bar| bar.bar.start.since(at(0)) / 60_000_000_000).collect()
    }

    pub(crate) fn gaps(&self, name: &str) -> Vec<(i64, i64, GapReason)> {
        let minute = |ts: Ts| ts.since(at(0)) / 60_000_000_000;
        let of = |gap: &Gap| (minute(gap.from), minute(gap.to), gap.reason);
        self.0.gaps().iter().filter(|gap| gap.symbol == symbol(name)).map(|gap| of(&gap.gap)).collect()
    }
}
