//! One symbol.
//!
//! Owns the symbol's bars and features. Receives numbered input from the hub: data and step boundaries. Sends one report
//! per step to the cross-section, and publishes its state in its seat.
//!
//! When it crashes: the next incarnation takes the published state and asks the hub for all input after it, so no tick is
//! lost and no bar differs. An input that killed two incarnations in a row is left out and marked by a gap.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde::{Deserialize, Serialize};
use tensortrade_broker::MarketData;
use tensortrade_features::{FeatureConfig, FeatureSet, Manifest};
use tensortrade_journal::event::{StepBar, StepGap};
use tensortrade_market::bars::{MultiTimeframe, Output, TimeBarsConfig};
use tensortrade_market::{Bar, Gap, GapReason, Instrument, Symbol, Timeframe, Ts};

use super::hub::{HubCommand, HubHandle, Seat};
use super::ring::{Input, InputKind};
use crate::route::Route;
use crate::step::StepTag;
use crate::strategy::cross_section::{CrossSectionMsg, SymbolReport};
use crate::supervision::{Admitted, ChildHandle};

/// What every symbol is computed with. Checked once by [`SymbolParams::new`], so that making a symbol cannot fail.
#[derive(Debug)]
pub struct SymbolParams {
    base: Timeframe,
    timeframes: Vec<Timeframe>,
    extended: bool,
    features: FeatureConfig,
    manifest: Arc<Manifest>,
    snapshot_every_steps: u64,
}

impl SymbolParams {
    /// Bars of `base` are built or taken from the input; decisions are made on `decision`, a multiple of it; features are
    /// computed on `decision` and on each of `higher` that is a longer multiple of it: files may hold longer bars than
    /// `higher` was chosen for.
    pub fn new(
        base: Timeframe,
        decision: Timeframe,
        higher: &[Timeframe],
        extended: bool,
        features: FeatureConfig,
        snapshot_every_steps: u64,
    ) -> Result<Self, String> {
        let mut timeframes = vec![decision];
        timeframes
            .extend(higher.iter().copied().filter(|t| *t > decision && t.secs() % decision.secs() == 0));
        timeframes.sort_unstable();
        timeframes.dedup();
        let manifest = Arc::new(Manifest::new(&features, &timeframes).map_err(|e| e.to_string())?);
        let params = Self {
            base: base.min(decision),
            timeframes,
            extended,
            features,
            manifest,
            snapshot_every_steps: snapshot_every_steps.max(1),
        };
        let probe = Symbol::intern("PROBE").map_err(|e| e.to_string())?;
        params.build(&Instrument::guess(probe))?;
        Ok(params)
    }

    /// Meaning of the feature columns.
    #[must_use]
    pub fn manifest(&self) -> Arc<Manifest> {
        self.manifest.clone()
    }

    fn build(&self, instrument: &Instrument) -> Result<(MultiTimeframe, FeatureSet), String> {
        let config = TimeBarsConfig::for_instrument(instrument, self.base, self.extended);
        let bars = MultiTimeframe::new(config, &self.timeframes).map_err(|e| e.to_string())?;
        let features = FeatureSet::new(&self.features, &self.timeframes, instrument.sessions)
            .map_err(|e| e.to_string())?;
        Ok((bars, features))
    }
}

/// Everything a symbol knows. Its clone is a snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SymbolState {
    symbol: Symbol,
    engine: Option<Engine>,
    /// Bars and gaps since the last report.
    bars: Vec<StepBar>,
    gaps: Vec<StepGap>,
    timeframes: Vec<Timeframe>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Engine {
    bars: MultiTimeframe,
    features: FeatureSet,
}

impl SymbolState {
    /// A symbol that has seen nothing.
    #[must_use]
    pub fn new(instrument: &Instrument, params: &SymbolParams) -> Self {
        // `SymbolParams::new` has built the same once; only sessions differ between instruments, and every kind is valid.
        let engine = match params.build(instrument) {
            Ok((bars, features)) => Some(Engine { bars, features }),
            Err(error) => {
                tracing::error!(symbol = %instrument.symbol, %error, "the symbol cannot be computed and stays silent");
                None
            }
        };
        let timeframes = params.timeframes.clone();
        Self { symbol: instrument.symbol, engine, bars: Vec::new(), gaps: Vec::new(), timeframes }
    }

    /// Takes history: bars of `timeframe` that ended at or before `now`, oldest first. They warm the features up and are
    /// not reported.
    pub fn warm_up(&mut self, timeframe: Timeframe, history: &[Bar], now: Ts) {
        let Some(engine) = self.engine.as_mut() else { return };
        let mut outputs = Vec::new();
        if timeframe == engine.bars.base().config().timeframe {
            engine.bars.push_bars(history, &mut outputs);
        } else {
            // Finer bars than the decision's are not kept by feeds: the decision's own features are warmed directly.
            outputs.extend(history.iter().map(|bar| (timeframe, Output::Closed(*bar))));
        }
        engine.bars.advance(now, &mut outputs);
        for (timeframe, output) in outputs {
            self.learn(timeframe, output);
        }
        self.bars.clear();
        self.gaps.clear();
    }

    /// Takes data in arrival order.
    pub fn data(&mut self, data: &MarketData) {
        let Some(engine) = self.engine.as_mut() else { return };
        let mut outputs = Vec::new();
        match data {
            MarketData::Ticks(ticks) => engine.bars.push_all(ticks, &mut outputs),
            MarketData::Bars(_, bars) => engine.bars.push_bars(bars, &mut outputs),
            MarketData::Gap(gap) => engine.bars.mark(*gap),
        }
        for (timeframe, output) in outputs {
            self.learn(timeframe, output);
        }
    }

    /// Marks a stretch as missing.
    pub fn mark(&mut self, gap: Gap) {
        if let Some(engine) = self.engine.as_mut() {
            engine.bars.mark(gap);
        }
    }

    /// Closes what ends at or before the step and reports.
    pub fn close(&mut self, ts: Ts) -> SymbolReport {
        let mut outputs = Vec::new();
        if let Some(engine) = self.engine.as_mut() {
            engine.bars.advance(ts, &mut outputs);
        }
        for (timeframe, output) in outputs {
            self.learn(timeframe, output);
        }
        let row = self.engine.as_ref().and_then(|engine| engine.features.feature_row(self.symbol, ts));
        SymbolReport {
            symbol: self.symbol,
            ts,
            row,
            bars: std::mem::take(&mut self.bars),
            gaps: std::mem::take(&mut self.gaps),
        }
    }

    fn learn(&mut self, timeframe: Timeframe, output: Output) {
        if !self.timeframes.contains(&timeframe) {
            return;
        }
        let Some(engine) = self.engine.as_mut() else { return };
        let learned = match &output {
            Output::Closed(bar) => engine.features.update(timeframe, bar),
            Output::Gap(gap) => engine.features.gap(timeframe, gap),
        };
        if let Err(error) = learned {
            // The builder's outputs are monotone, so this is a defect; the row goes stale and the journal says so.
            tracing::error!(symbol = %self.symbol, %timeframe, %error, "a bar did not reach the features");
        }
        match output {
            Output::Closed(bar) => self.bars.push(StepBar { symbol: self.symbol, timeframe, bar }),
            Output::Gap(gap) => {
                self.gaps.push(StepGap { symbol: self.symbol, timeframe: Some(timeframe), gap })
            }
        }
    }
}

/// What a symbol actor is sent.
#[derive(Debug)]
pub enum SymbolMsg {
    /// The next input.
    Input(Admitted<Input>),
    /// Input was lost up to this step: the hub's ring had been outrun.
    Outrun {
        /// The first step that follows.
        upto: Ts,
    },
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct SymbolActor;

/// What it is started with.
pub struct SymbolArgs {
    /// Its place in the node.
    pub seat: Arc<Seat>,
    /// The hub, to ask for missed input.
    pub hub: HubHandle,
    /// Where reports go.
    pub cross_section: Route<CrossSectionMsg>,
    /// What it computes.
    pub params: Arc<SymbolParams>,
    /// Inputs that killed earlier incarnations twice.
    pub poisoned: Vec<u64>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct SymbolActorState {
    args: SymbolArgs,
    state: SymbolState,
    next_seq: u64,
    asked_for: Option<u64>,
    last_step: Ts,
    steps_since_snapshot: u64,
}

impl Actor for SymbolActor {
    type Msg = SymbolMsg;
    type State = SymbolActorState;
    type Arguments = SymbolArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<SymbolMsg>,
        args: SymbolArgs,
    ) -> Result<SymbolActorState, ActorProcessingErr> {
        let (state, next_seq) = args.seat.restore();
        let state = state.unwrap_or_else(|| SymbolState::new(&args.seat.instrument, &args.params));
        args.seat.route.register(myself);
        let mut actor = SymbolActorState {
            args,
            state,
            next_seq,
            asked_for: None,
            last_step: Ts::MIN,
            steps_since_snapshot: 0,
        };
        actor.ask_from(next_seq)?;
        Ok(actor)
    }

    async fn handle(
        &self,
        _myself: ActorRef<SymbolMsg>,
        message: SymbolMsg,
        state: &mut SymbolActorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SymbolMsg::Input(input) => state.input(&input.msg)?,
            SymbolMsg::Outrun { upto } => {
                state.state.mark(Gap { from: state.last_step, to: upto, reason: GapReason::RingOutrun });
                // What comes next has whatever number the ring still holds.
                state.asked_for = None;
                state.next_seq = u64::MAX;
            }
            SymbolMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl SymbolActorState {
    fn ask_from(&mut self, seq: u64) -> Result<(), ActorProcessingErr> {
        if self.asked_for == Some(seq) {
            return Ok(());
        }
        self.asked_for = Some(seq);
        let symbol = self.args.seat.instrument.symbol;
        self.args.hub.tell(HubCommand::Resume { symbol, from_seq: seq })?;
        Ok(())
    }

    fn input(&mut self, input: &Input) -> Result<(), ActorProcessingErr> {
        if self.next_seq == u64::MAX {
            self.next_seq = input.seq;
        }
        if input.seq < self.next_seq {
            return Ok(()); // sent again by a resume
        }
        if input.seq > self.next_seq {
            return self.ask_from(self.next_seq); // a hole: what comes again fills it, this included
        }
        self.args.child.began_input(input.seq);
        if self.args.poisoned.contains(&input.seq) {
            self.leave_out(input);
        } else {
            match &input.kind {
                InputKind::Data(data) => self.state.data(data),
                InputKind::Watermark(tag) => self.close(*tag, input.seq + 1),
            }
        }
        self.args.child.finished_input();
        self.next_seq = input.seq + 1;
        Ok(())
    }

    fn close(&mut self, tag: StepTag, next_seq: u64) {
        let report = self.state.close(tag.ts);
        self.args.cross_section.cast(CrossSectionMsg::Report(Box::new(report)));
        self.last_step = tag.ts;
        self.steps_since_snapshot += 1;
        if self.steps_since_snapshot >= self.args.params.snapshot_every_steps {
            self.steps_since_snapshot = 0;
            self.args.seat.publish(self.state.clone(), next_seq);
        }
    }

    /// An input that killed two incarnations becomes a gap.
    fn leave_out(&mut self, input: &Input) {
        tracing::warn!(symbol = %self.args.seat.instrument.symbol, seq = input.seq, "input quarantined");
        let stretch = match &input.kind {
            InputKind::Data(MarketData::Ticks(ticks)) => {
                ticks.first().zip(ticks.last()).map(|(a, b)| (a.ts, b.ts))
            }
            InputKind::Data(MarketData::Bars(_, bars)) => {
                bars.first().zip(bars.last()).map(|(a, b)| (a.start, b.end))
            }
            InputKind::Data(MarketData::Gap(gap)) => Some((gap.from, gap.to)),
            InputKind::Watermark(_) => None,
        };
        if let Some((from, to)) = stretch {
            self.state.mark(Gap { from, to: to.plus_nanos(1), reason: GapReason::Quarantined });
        }
        if let InputKind::Watermark(tag) = &input.kind {
            self.last_step = tag.ts;
        }
    }
}
