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
use crate::step::{StepGate, StepTag};
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

    /// Takes the loss of all input between the last closed interval and the boundary `upto`: the stretch is reported as a
    /// gap on every timeframe, and the features are warmed up anew from what the feed knows of the time before `upto`.
    /// Without history they warm up afresh with what comes.
    pub fn outrun(
        &mut self,
        upto: Ts,
        (timeframe, history): &(Timeframe, Vec<Bar>),
        fresh: impl FnOnce() -> Self,
    ) {
        let Some(engine) = self.engine.as_mut() else { return };
        let mut outputs = Vec::new();
        if let Some(from) = engine.bars.base().closed_until().filter(|from| *from < upto) {
            engine.bars.mark(Gap { from, to: upto, reason: GapReason::RingOutrun });
        }
        engine.bars.advance(upto, &mut outputs);
        for (timeframe, output) in outputs {
            self.learn(timeframe, output);
        }
        let mut fresh = fresh();
        fresh.warm_up(*timeframe, history, upto);
        if let (Some(engine), Some(fresh)) = (self.engine.as_mut(), fresh.engine) {
            engine.features = fresh.features;
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

    /// What [`Self::close`] would report if no more data came. Changes nothing.
    #[must_use]
    pub fn preview(&self, ts: Ts) -> SymbolReport {
        self.clone().close(ts)
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
    /// The next input: some, in the order of their numbers.
    Inputs(Admitted<Vec<Input>>),
    /// Input was lost up to this step: the hub's ring had been outrun.
    Outrun {
        /// The boundary up to which input is missing.
        upto: Ts,
        /// The number of the input that follows.
        next_seq: u64,
        /// What the feed knows of the time before `upto`: bars of the decision timeframe. Empty when it knows nothing.
        history: Box<(Timeframe, Vec<Bar>)>,
    },
    /// The step at this boundary is near: tell the cross-section what the report will be, again after each piece of data.
    Prepare(Ts),
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
    /// Tells whether a step still needs a report.
    pub gate: StepGate,
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
    /// Shared with the seat while nothing has changed since the snapshot.
    state: Arc<SymbolState>,
    next_seq: u64,
    asked_for: Option<u64>,
    last_step: Ts,
    /// The step that rows are sent ahead for.
    preparing: Option<Ts>,
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
        args.seat.route.register(myself);
        let mut actor = SymbolActorState {
            args,
            state,
            next_seq,
            asked_for: None,
            last_step: Ts::MIN,
            preparing: None,
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
            SymbolMsg::Inputs(inputs) => {
                for input in &inputs.msg {
                    state.input(input)?;
                }
            }
            SymbolMsg::Outrun { upto, next_seq, history } => {
                let (instrument, params) = (&state.args.seat.instrument, &state.args.params);
                let fresh = || SymbolState::new(instrument, params);
                Arc::make_mut(&mut state.state).outrun(upto, &history, fresh);
                state.asked_for = None;
                state.next_seq = next_seq;
            }
            SymbolMsg::Prepare(ts) => {
                state.preparing = (ts > state.last_step).then_some(ts);
                state.send_ahead();
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
                InputKind::Data(data) => Arc::make_mut(&mut self.state).data(data),
                InputKind::Watermark(tag) => self.close(*tag, input.seq + 1),
            }
        }
        self.args.child.finished_input();
        self.next_seq = input.seq + 1;
        // Not part of the input: should it fail, the next incarnation prepares nothing and the watermark's report stands.
        self.send_ahead();
        Ok(())
    }

    fn send_ahead(&mut self) {
        let Some(ts) = self.preparing else { return };
        if self.next_seq != u64::MAX {
            let report = Box::new(self.state.preview(ts));
            self.args.cross_section.cast(CrossSectionMsg::Ahead { report, inputs: self.next_seq });
        }
    }

    fn close(&mut self, tag: StepTag, next_seq: u64) {
        let report = Arc::make_mut(&mut self.state).close(tag.ts);
        if !self.args.gate.is_collected(tag.ts) {
            self.args.cross_section.cast(CrossSectionMsg::Report(Box::new(report)));
        }
        self.last_step = tag.ts;
        self.preparing = None;
        self.steps_since_snapshot += 1;
        if self.steps_since_snapshot >= self.args.params.snapshot_every_steps {
            self.steps_since_snapshot = 0;
            self.args.seat.publish(Arc::clone(&self.state), next_seq);
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
            Arc::make_mut(&mut self.state).mark(Gap {
                from,
                to: to.plus_nanos(1),
                reason: GapReason::Quarantined,
            });
        }
        if let InputKind::Watermark(tag) = &input.kind {
            self.last_step = tag.ts;
            self.preparing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tensortrade_market::{Price, Qty, Tick};

    /// A Monday, 10:00 in New York.
    const OPEN: Ts = Ts::from_secs(1_381_154_400);

    fn state() -> SymbolState {
        let higher = ["5s", "1m"].map(|t| t.parse().unwrap());
        let second: Timeframe = "1s".parse().unwrap();
        let params = SymbolParams::new(second, second, &higher, false, FeatureConfig::default(), 1).unwrap();
        SymbolState::new(&Instrument::guess(Symbol::intern("IBM").unwrap()), &params)
    }

    fn tick(after_ms: i64, cents: i64) -> Tick {
        let price = Price::from_f64(100.0 + cents as f64 / 100.0).unwrap();
        Tick::trade(OPEN.plus_nanos(after_ms * 1_000_000), price, Qty::from_f64(3.0).unwrap())
    }

    proptest! {
        /// Each step: pieces of data, each a stretch of ticks around the step's second, some of them late.
        #[test]
        fn a_preview_is_the_report_to_the_bit_and_leaves_no_trace(
            steps in prop::collection::vec(
                prop::collection::vec(prop::collection::vec((-900i64..1000, -300i64..300), 0..6), 0..4),
                1..90,
            ),
        ) {
            let (mut looked_at, mut left_alone) = (state(), state());
            for (step, pieces) in (0..).zip(steps) {
                let ts = OPEN.plus_nanos((step + 1) * 1_000_000_000);
                let mut preview = looked_at.preview(ts);
                for piece in pieces {
                    let ticks = piece.iter().map(|(ms, cents)| tick(step * 1000 + ms, *cents)).collect();
                    let data = MarketData::Ticks(ticks);
                    looked_at.data(&data);
                    left_alone.data(&data);
                    preview = looked_at.preview(ts);
                }
                let report = format!("{:?}", left_alone.close(ts));
                prop_assert_eq!(&format!("{preview:?}"), &report);
                prop_assert_eq!(&format!("{:?}", looked_at.close(ts)), &report);
            }
            prop_assert_eq!(format!("{looked_at:?}"), format!("{left_alone:?}"));
        }
    }
}
