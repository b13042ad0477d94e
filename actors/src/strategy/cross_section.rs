//! The cross-section.
//!
//! Owns the frame of the step that is being collected. Receives the step's beginning from the hub and one report per
//! symbol; sends the finished frame to the regime actor, once per step, when all rows are in or the deadline has passed.
//!
//! Under live pacing it collects ahead: shortly before the boundary the hub announces the step, and each symbol sends what
//! it would report if no more data came, again after each piece of data, with the number of inputs it rests on. The step's
//! beginning says how many inputs each symbol was sent in all: a row that rests on all of them is the row that the
//! symbol's own close would give, and stands; any other is taken back and awaited.
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
use crate::step::{StepGate, StepTag};
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
    /// What each symbol closed, in the order of the frame.
    pub closed: Vec<Closed>,
}

impl StepData {
    /// Everyone's closed bars, by symbol and timeframe.
    #[must_use]
    pub fn bars(&self) -> Vec<StepBar> {
        let mut bars: Vec<StepBar> = self.closed.iter().flat_map(|closed| &closed.bars).cloned().collect();
        bars.sort_by_key(|bar| (bar.symbol, bar.timeframe, bar.bar.start));
        bars
    }

    /// Everyone's gaps, by symbol.
    #[must_use]
    pub fn gaps(&self) -> Vec<StepGap> {
        let mut gaps: Vec<StepGap> = self.closed.iter().flat_map(|closed| &closed.gaps).cloned().collect();
        gaps.sort_by_key(|gap| (gap.symbol, gap.timeframe, gap.gap.from));
        gaps
    }
}

/// What one symbol closed since the last step.
#[derive(Debug, Clone, Default)]
pub struct Closed {
    /// Bars of every timeframe.
    pub bars: Vec<StepBar>,
    /// Stretches without bars.
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
        /// How many inputs each of them was sent before the boundary, `None` for one that will not report. Empty when the
        /// step was not announced.
        inputs: Vec<Option<u64>>,
    },
    /// A step will begin soon: rows may come ahead of it.
    Announce {
        /// Its boundary.
        ts: Ts,
        /// Its number.
        number: u64,
        /// Who, by name.
        members: Arc<[Symbol]>,
    },
    /// A symbol's contribution.
    Report(Box<SymbolReport>),
    /// What a symbol will contribute if it is sent nothing more before the boundary.
    Ahead {
        /// The contribution.
        report: Box<SymbolReport>,
        /// The inputs it rests on: all before this number.
        inputs: u64,
    },
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
    /// Told when a step's rows are in, and when it needs the watermarks.
    pub gate: StepGate,
    /// How long a step waits for rows.
    pub deadline: Duration,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// What it owns.
pub struct CrossSectionState {
    args: CrossSectionArgs,
    builder: StepFrameBuilder,
    /// What came with the builder's rows, in their order.
    closed: Vec<Closed>,
    announced: Option<Announced>,
    open: Option<Open>,
}

/// A step whose rows are collected ahead.
struct Announced {
    ts: Ts,
    number: u64,
    members: Arc<[Symbol]>,
    /// The inputs that each row rests on; `None` where none has come.
    inputs: Vec<Option<u64>>,
}

struct Open {
    tag: StepTag,
    since: Instant,
    inputs: Vec<Option<u64>>,
    ahead: u64,
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
        let builder = StepFrameBuilder::new(args.manifest.clone());
        Ok(CrossSectionState { args, builder, closed: Vec::new(), announced: None, open: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<CrossSectionMsg>,
        message: CrossSectionMsg,
        state: &mut CrossSectionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CrossSectionMsg::Begin { tag, members, inputs } => state.begin(tag, &members, inputs),
            CrossSectionMsg::Announce { ts, number, members } => state.announce(ts, number, members),
            CrossSectionMsg::Report(report) => state.report(*report),
            CrossSectionMsg::Ahead { report, inputs } => state.ahead(*report, inputs),
            CrossSectionMsg::Absent { symbol, reason } => {
                state.absent(symbol, reason);
            }
            CrossSectionMsg::Tick => state.check_deadline(),
            CrossSectionMsg::Ping => state.args.child.beat(),
        }
        Ok(())
    }
}

impl CrossSectionState {
    fn start(&mut self, number: u64, ts: Ts, members: &[Symbol]) {
        self.builder.begin(number, ts, members.iter().copied());
        self.closed.clear();
        self.closed.resize_with(members.len(), Closed::default);
    }

    fn announce(&mut self, ts: Ts, number: u64, members: Arc<[Symbol]>) {
        // An open step has the builder: the next one is then collected from its beginning on.
        if self.open.is_none() {
            self.start(number, ts, &members);
            let inputs = vec![None; members.len()];
            self.announced = Some(Announced { ts, number, members, inputs });
        }
    }

    fn begin(&mut self, tag: StepTag, members: &Arc<[Symbol]>, inputs: Vec<Option<u64>>) {
        // Live mode never waits: a step that is still open when the next one begins goes out with what it has.
        self.close_with_missing();
        let announced = self.announced.take().filter(|announced| {
            let same = (announced.ts, announced.number) == (tag.ts, tag.number);
            same && Arc::ptr_eq(&announced.members, members) && inputs.len() == members.len()
        });
        let mut ahead = 0;
        if let Some(announced) = announced {
            for (at, (sent, known)) in inputs.iter().zip(&announced.inputs).enumerate() {
                if sent.is_some() && sent == known {
                    ahead += 1;
                    continue;
                }
                self.builder.retract(at);
                if let Some(closed) = self.closed.get_mut(at) {
                    *closed = Closed::default();
                }
            }
        } else {
            self.start(tag.number, tag.ts, members);
            // Nobody works ahead of a step that was not announced: the reports come with the watermarks.
            self.args.gate.release(tag.ts);
        }
        self.open = Some(Open { tag, since: Instant::now(), inputs, ahead });
        self.finish_if_complete();
    }

    fn report(&mut self, report: SymbolReport) {
        if self.open.as_ref().is_none_or(|open| open.tag.ts != report.ts) {
            tracing::debug!(symbol = %report.symbol, ts = %report.ts, "a report came after its step had closed");
            return;
        }
        self.take(report);
        self.finish_if_complete();
    }

    /// A row that came ahead of its step, or behind its beginning with the last data.
    fn ahead(&mut self, report: SymbolReport, inputs: u64) {
        let Some(at) = self.builder.position(report.symbol) else { return };
        if let Some(open) = self.open.as_ref() {
            let whole = open.tag.ts == report.ts && open.inputs.get(at) == Some(&Some(inputs));
            if whole {
                self.take(report);
                self.finish_if_complete();
            }
            return;
        }
        let Some(announced) = self.announced.as_mut().filter(|announced| announced.ts == report.ts) else {
            return;
        };
        let Some(known) = announced.inputs.get_mut(at) else { return };
        // A rebuilt symbol starts over from its snapshot: what rests on more data is kept.
        if known.is_none_or(|known| known < inputs) {
            *known = Some(inputs);
            self.builder.retract(at);
            self.take(report);
        }
    }

    fn take(&mut self, report: SymbolReport) {
        let taken = match &report.row {
            Some(row) => self.builder.row(row),
            None => self.builder.gap(report.symbol, report.ts, GapReason::Joined),
        };
        match taken {
            Ok(at) => {
                if let Some(closed) = self.closed.get_mut(at) {
                    *closed = Closed { bars: report.bars, gaps: report.gaps };
                }
            }
            // A rebuilt symbol answers again for the step it was rebuilt in: the first answer stands.
            Err(error) => tracing::debug!(%error, "a report was not needed"),
        }
    }

    fn absent(&mut self, symbol: Symbol, reason: GapReason) {
        let Some(open) = self.open.as_ref() else { return };
        // Whoever has left needs no mark; one that is down has data which nobody takes in now.
        self.excuse(symbol, open.tag.ts, reason, reason == GapReason::Quarantined);
        self.finish_if_complete();
    }

    /// Takes a symbol out of the open step, if it has not answered; with a mark that it is missing.
    fn excuse(&mut self, symbol: Symbol, ts: Ts, reason: GapReason, marked: bool) {
        if !self.builder.excuse(symbol, reason) || !marked {
            return;
        }
        let gap = Gap { from: ts, to: ts, reason };
        if let Some(closed) = self.builder.position(symbol).and_then(|at| self.closed.get_mut(at)) {
            closed.gaps.push(StepGap { symbol, timeframe: None, gap });
        }
    }

    fn check_deadline(&mut self) {
        if self.open.as_ref().is_some_and(|open| open.since.elapsed() > self.args.deadline) {
            self.close_with_missing();
        }
    }

    fn close_with_missing(&mut self) {
        let Some(open) = self.open.as_ref() else { return };
        let ts = open.tag.ts;
        let missing: Vec<Symbol> = self.builder.waiting().collect();
        for symbol in missing {
            tracing::warn!(%symbol, %ts, "no row before the step's deadline");
            self.excuse(symbol, ts, GapReason::Late, true);
        }
        self.finish_if_complete();
    }

    fn finish_if_complete(&mut self) {
        if !self.builder.is_complete() {
            return;
        }
        let Some(open) = self.open.take() else { return };
        self.args.gate.collected(open.tag.ts, open.ahead);
        let closed = std::mem::take(&mut self.closed);
        let step = StepData { tag: open.tag, frame: self.builder.finish(), closed };
        self.args.regime.cast(RegimeMsg::Step(Box::new(step)));
    }
}
