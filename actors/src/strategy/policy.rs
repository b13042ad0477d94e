//! The policy actor.
//!
//! Owns the policy. Receives a step with its regime, sends target weights to the portfolio.
//!
//! When it crashes: the policy starts anew; positions stand until it has an opinion again.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_policy::{Policy as Rule, Targets};

use super::regime::StepInRegime;
use crate::route::Route;
use crate::step::StepGate;
use crate::stopwatch::{Latency, Stopwatch};
use crate::supervision::ChildHandle;
use crate::trading::portfolio::PortfolioMsg;

/// What the policy actor is sent.
#[derive(Debug)]
pub enum PolicyMsg {
    /// A step with its regime.
    Step(Box<StepInRegime>),
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Policy;

/// What it is started with.
pub struct PolicyArgs {
    /// Where it is found.
    pub route: Route<PolicyMsg>,
    /// The next station.
    pub portfolio: Route<PortfolioMsg>,
    /// The policy.
    pub policy: Box<dyn Rule>,
    /// Told when a step is decided.
    pub gate: StepGate,
    /// Last data of a step in the hub's hand to its decision.
    pub tick_to_decision: Arc<Latency>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// A decided step.
#[derive(Debug)]
pub struct DecidedStep {
    /// The step with its regime.
    pub step: StepInRegime,
    /// What the policy wants.
    pub targets: Targets,
    /// When it was decided.
    pub decided: Stopwatch,
}

impl Actor for Policy {
    type Msg = PolicyMsg;
    type State = PolicyArgs;
    type Arguments = PolicyArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<PolicyMsg>,
        args: PolicyArgs,
    ) -> Result<PolicyArgs, ActorProcessingErr> {
        args.route.register(myself);
        Ok(args)
    }

    async fn handle(
        &self,
        _myself: ActorRef<PolicyMsg>,
        message: PolicyMsg,
        state: &mut PolicyArgs,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PolicyMsg::Step(step) => {
                let targets = state.policy.decide(&step.step.frame, &step.regime);
                let decided = Stopwatch::start();
                let tag = step.step.tag;
                state.tick_to_decision.record(tag.arrived.until(&decided));
                state.portfolio.cast(PortfolioMsg::Decided(Box::new(DecidedStep {
                    step: *step,
                    targets,
                    decided,
                })));
                state.gate.release(tag.ts);
            }
            PolicyMsg::Ping => state.child.beat(),
        }
        Ok(())
    }
}
