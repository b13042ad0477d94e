//! The regime actor.
//!
//! Owns the regime model. Receives a collected step, sends it on to the policy with the model's estimate.
//!
//! When it crashes: the model starts anew and says itself that it is not warm; the step it died in is closed by the
//! hub's own deadline.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tensortrade_regime::{RegimeEstimate, RegimeModel};

use super::cross_section::StepData;
use super::policy::PolicyMsg;
use crate::route::Route;
use crate::supervision::ChildHandle;

/// What the regime actor is sent.
#[derive(Debug)]
pub enum RegimeMsg {
    /// A collected step.
    Step(Box<StepData>),
    /// A sign of life is wanted.
    Ping,
}

/// The actor.
pub struct Regime;

/// What it is started with.
pub struct RegimeArgs {
    /// Where it is found.
    pub route: Route<RegimeMsg>,
    /// The next station.
    pub policy: Route<PolicyMsg>,
    /// The model.
    pub model: Box<dyn RegimeModel>,
    /// Its side of supervision.
    pub child: ChildHandle,
}

/// A step with its regime.
#[derive(Debug)]
pub struct StepInRegime {
    /// The step.
    pub step: Box<StepData>,
    /// The regime at its moment.
    pub regime: RegimeEstimate,
}

impl Actor for Regime {
    type Msg = RegimeMsg;
    type State = RegimeArgs;
    type Arguments = RegimeArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<RegimeMsg>,
        args: RegimeArgs,
    ) -> Result<RegimeArgs, ActorProcessingErr> {
        args.route.register(myself);
        Ok(args)
    }

    async fn handle(
        &self,
        _myself: ActorRef<RegimeMsg>,
        message: RegimeMsg,
        state: &mut RegimeArgs,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RegimeMsg::Step(step) => {
                let regime = state.model.update(&step.frame);
                state.policy.cast(PolicyMsg::Step(Box::new(StepInRegime { step, regime })));
            }
            RegimeMsg::Ping => state.child.beat(),
        }
        Ok(())
    }
}
