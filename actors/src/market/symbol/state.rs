//! What a symbol computes: bars and features, the report of a step.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tensortrade_broker::MarketData;
use tensortrade_features::{FeatureConfig, FeatureSet, Manifest};
use tensortrade_journal::event::{StepBar, StepGap};
use tensortrade_market::bars::{BarCounts, MultiTimeframe, Output, TickCounts, TimeBarsConfig};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Bar, Gap, GapReason, Instrument, Symbol, Timeframe, Ts};

use crate::strategy::cross_section::SymbolReport;

/// What every symbol is computed with. Checked once by [`SymbolParams::new`], so that making a symbol cannot fail.
#[derive(Debug)]
pub struct SymbolParams {
    base: Timeframe,
    timeframes: Vec<Timeframe>,
    extended: bool,
    features: FeatureConfig,
    manifest: Arc<Manifest>,
    pub(super) snapshot_every_steps: u64,
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

    /// How often each treatment of an input was applied.
    #[must_use]
    pub fn counts(&self) -> (TickCounts, BarCounts) {
        self.engine.as_ref().map_or_else(Default::default, |engine| {
            let base = engine.bars.base();
            (*base.counts(), *base.bar_counts())
        })
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
            Output::Gap(_) if planted(Bug::GapMarkerLost) => {}
            Output::Gap(gap) => {
                self.gaps.push(StepGap { symbol: self.symbol, timeframe: Some(timeframe), gap })
            }
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
