//! One symbol.
//!
//! Owns the symbol's bars and features. Receives numbered input from the hub: data and step boundaries. Sends one report
//! per step to the cross-section, and publishes its state in its seat.
//!
//! When it crashes: the next incarnation takes the published state and asks the hub for all input after it, so no tick is
//! lost and no bar differs. An input that killed two incarnations in a row is left out and marked by a gap.

mod state;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_broker::MarketData;
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Bar, Gap, GapReason, Timeframe, Ts};

pub use self::state::{SymbolParams, SymbolState};
use super::hub::{HubCommand, HubHandle, Seat};
use super::ring::{Input, InputKind};
use crate::route::Route;
use crate::step::{StepGate, StepTag};
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{Admitted, ChildHandle};

/// What a symbol actor is sent.
#[derive(Debug)]
pub enum SymbolMsg {
    /// The next input.
    Input(Admitted<Input>),
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
        let (state, mut next_seq) = args.seat.restore();
        if planted(Bug::CrashLosesInput) && next_seq > 1 {
            // Behind the quotes that open a minute, of which a bar keeps no trace.
            next_seq += 4;
        }
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
            SymbolMsg::Input(input) => state.input(&input.msg)?,
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
        self.args.seat.count(&self.state);
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
