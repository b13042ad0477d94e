//! The cross-section.
//!
//! Owns the frame of the step that is being collected. Receives the step's beginning from the hub and one report per
//! symbol; sends the finished frame to the regime actor, once per step, when all rows are in or the deadline has passed.
//!
//! When it crashes: the step's rows are lost with it. The symbols' reports of that step are not sent again, so the next
//! incarnation closes the step at its deadline with what is missing marked `Late`; nothing is imputed.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_features::{FeatureRow, Manifest, StepFrame, StepFrameBuilder};
use tensortrade_journal::event::{StepBar, StepGap};
use tensortrade_market::{Gap, GapReason, Symbol, Ts};
use tokio::time::Instant;

use super::regime::RegimeMsg;
use crate::route::Route;
use crate::step::StepTag;
use crate::supervision::ChildHandle;

/// What one symbol contributes to a step.
#[derive(Debug)]
pub struct SymbolReport {
    /// Whose.
    pub symbol: Symbol,
    /// The step's boundary.
    pub ts: Ts,
    /// Its features; `None` before its first bar.
    pub row: Option<FeatureRow>,
    /// Bars that closed since the last step, of every timeframe.
    pub bars: Vec<StepBar>,
    /// Stretches without bars since the last step.
    pub gaps: Vec<StepGap>,
}

/// A collected step on its way through the strategy.
#[derive(Debug)]
pub struct StepData {
    /// Which step.
    pub tag: StepTag,
    /// Everyone's features.
    pub frame: StepFrame,
    /// Everyone's closed bars, by symbol and timeframe.
    pub bars: Vec<StepBar>,
    /// Everyone's gaps, by symbol.
    pub gaps: Vec<StepGap>,
}

/// What the cross-section is sent.
#[derive(Debug)]
pub enum CrossSectionMsg {
    /// A step begins; these symbols will report.
    Begin {
        /// Which.
        tag: StepTag,
        /// Who, by name.
        members: Arc<[Symbol]>,
    },
    /// A symbol's contribution.
    Report(Box<SymbolReport>),
    /// A symbol will not report.
    Absent {
        /// Which.
        symbol: Symbol,
        /// Why.
        reason: GapReason,
    },
    /// Look whether the step is overdue.
    Tick,
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct CrossSection;

/// What it is started with.
pub struct CrossSectionArgs {
    /// Where it is found.
    pub route: Route<CrossSectionMsg>,
    /// The next station.
    pub regime: Route<RegimeMsg>,
    /// Meaning of the columns.
    pub manifest: Arc<Manifest>,
    /// How long a step waits for rows.
    pub deadline: Duration,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct CrossSectionState {
    args: CrossSectionArgs,
    builder: StepFrameBuilder,
    open: Option<Open>,
}

struct Open {
    tag: StepTag,
    since: Instant,
    bars: Vec<StepBar>,
    gaps: Vec<StepGap>,
}

impl Actor for CrossSection {
    type Msg = CrossSectionMsg;
    type State = CrossSectionState;
    type Arguments = CrossSectionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<CrossSectionMsg>,
        args: CrossSectionArgs,
    ) -> Result<CrossSectionState, ActorProcessingErr> {
        args.route.register(myself.clone());
        myself.send_interval(args.deadline / 4, || CrossSectionMsg::Tick);
        Ok(CrossSectionState { builder: StepFrameBuilder::new(args.manifest.clone()), args, open: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<CrossSectionMsg>,
        message: CrossSectionMsg,
        state: &mut CrossSectionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CrossSectionMsg::Begin { tag, members } => state.begin(tag, &members),
            CrossSectionMsg::Report(report) => state.report(*report),
            CrossSectionMsg::Absent { symbol, reason } => {
                if state.open.is_some() {
                    state.builder.excuse(symbol, reason);
                    state.finish_if_complete();
                }
            }
            CrossSectionMsg::Tick => state.check_deadline(),
            CrossSectionMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl CrossSectionState {
    fn begin(&mut self, tag: StepTag, members: &[Symbol]) {
        // Live mode never waits: a step that is still open when the next one begins goes out with what it has.
        self.close_with_missing();
        self.builder.begin(tag.number, tag.ts, members.iter().copied());
        self.open = Some(Open { tag, since: Instant::now(), bars: Vec::new(), gaps: Vec::new() });
        self.finish_if_complete();
    }

    fn report(&mut self, report: SymbolReport) {
        let Some(open) = self.open.as_mut().filter(|open| open.tag.ts == report.ts) else {
            tracing::debug!(symbol = %report.symbol, ts = %report.ts, "a report came after its step had closed");
            return;
        };
        let taken = match &report.row {
            Some(row) => self.builder.row(row),
            None => self.builder.gap(report.symbol, report.ts, GapReason::Joined),
        };
        match taken {
            Ok(()) => {
                open.bars.extend(report.bars);
                open.gaps.extend(report.gaps);
            }
            // A rebuilt symbol answers again for the step it was rebuilt in: the first answer stands.
            Err(error) => tracing::debug!(%error, "a report was not needed"),
        }
        self.finish_if_complete();
    }

    fn check_deadline(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.since.elapsed() > self.args.deadline) {
            self.close_with_missing();
        }
    }

    fn close_with_missing(&mut self) {
        let Some(open) = self.open.as_mut() else { return };
        let missing: Vec<Symbol> = self.builder.waiting().collect();
        for symbol in missing {
            tracing::warn!(%symbol, ts = %open.tag.ts, "no row before the step's deadline");
            self.builder.excuse(symbol, GapReason::Late);
            let gap = Gap { from: open.tag.ts, to: open.tag.ts, reason: GapReason::Late };
            open.gaps.push(StepGap { symbol, timeframe: None, gap });
        }
        self.finish_if_complete();
    }

    fn finish_if_complete(&mut self) {
        if !self.builder.is_complete() {
            return;
        }
        let Some(mut open) = self.open.take() else { return };
        // Reports come in any order; what is journalled does not depend on it.
        open.bars.sort_by_key(|bar| (bar.symbol, bar.timeframe, bar.bar.start));
        open.gaps.sort_by_key(|gap| (gap.symbol, gap.timeframe, gap.gap.from));
        let step = StepData { tag: open.tag, frame: self.builder.finish(), bars: open.bars, gaps: open.gaps };
        self.args.regime.cast(RegimeMsg::Step(Box::new(step)));
    }
}
