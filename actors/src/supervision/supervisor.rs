//! The supervisor actor: owns the children's cells and one timer; receives commands, results of its own tasks, and ractor's
//! supervision events; sends nothing but effects of its machine. It never waits in a handler, so it always answers. When it
//! crashes, ractor kills its children and its own supervisor starts it anew; added children and quarantines survive in the
//! spec's shared part.

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent as Lifecycle};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::commands::{AddReply, ReleaseReply, StopReply};
use super::env::Env;
use super::escalation::EscalatedFailure;
use super::log_pump::LogPump;
use super::machine::{Input, Machine};
use super::spec::{ChildSpec, StartContext};
use super::state::{ChildId, Exit, Failure, StopOutcome};
use super::supervisor_spec::SupervisorSpec;
use super::tasks::Live;
use super::tree::TreeNode;

/// Messages of the supervisor; outside, [`super::SupervisorHandle`] sends them.
pub(crate) enum Msg {
    Add(Arc<ChildSpec>, oneshot::Sender<AddReply>),
    AddMany(Vec<ChildSpec>, oneshot::Sender<Vec<AddReply>>),
    Remove(ChildId, oneshot::Sender<StopReply>),
    Quarantine(ChildId, String, oneshot::Sender<StopReply>),
    Release(ChildId, oneshot::Sender<ReleaseReply>),
    Shutdown,
    StartDone { id: ChildId, ticket: u64, result: Result<(), Failure> },
    Recovered { id: ChildId, ticket: u64 },
    StopDone { id: ChildId, ticket: u64, outcome: StopOutcome },
    Acked { seq: u64, written: bool },
    Wake,
}

pub(crate) struct Supervisor;

pub(crate) struct SupervisorArgs {
    pub(crate) spec: SupervisorSpec,
    pub(crate) path: String,
    /// Set if this supervisor is itself a child.
    pub(crate) context: Option<StartContext>,
    pub(crate) env: Env,
    pub(crate) tree: TreeNode,
}

pub(crate) struct State {
    pub(super) machine: Machine,
    pub(super) env: Env,
    pub(super) path: String,
    pub(super) context: Option<StartContext>,
    pub(super) log: LogPump,
    pub(super) live: BTreeMap<ChildId, Live>,
    pub(super) by_actor: BTreeMap<ActorId, (ChildId, u64)>,
    /// Deaths told before the start they belong to: ractor's supervision port goes first. Empty unless a start is under way.
    pub(super) early: BTreeMap<ActorId, Exit>,
    pub(super) timer: Option<(Instant, AbortHandle)>,
    pub(super) failure: Option<EscalatedFailure>,
    pub(super) finishing: bool,
}

impl Actor for Supervisor {
    type Msg = Msg;
    type State = State;
    type Arguments = SupervisorArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        args: SupervisorArgs,
    ) -> Result<State, ActorProcessingErr> {
        let SupervisorArgs { spec, path, context, env, tree } = args;
        let generation = context.as_ref().map_or(1, |context| context.generation);
        let rng = env.rng_for(&path, generation);
        let log = LogPump::start(Arc::clone(&env.log), spec.log_timeout, myself.clone());
        spec.shared.set_current(myself.clone());
        let machine = Machine::new(spec, &path, env.epoch, rng, tree, Instant::now());
        Ok(State {
            machine,
            env,
            path,
            context,
            log,
            live: BTreeMap::new(),
            by_actor: BTreeMap::new(),
            early: BTreeMap::new(),
            timer: None,
            failure: None,
            finishing: false,
        })
    }

    async fn post_start(&self, myself: ActorRef<Msg>, state: &mut State) -> Result<(), ActorProcessingErr> {
        state.step(&myself, Input::Boot)
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        let input = match message {
            Msg::Add(spec, reply) => Input::Add { spec, reply },
            Msg::AddMany(specs, reply) => Input::AddMany { specs, reply },
            Msg::Remove(id, reply) => Input::Remove { id, reply },
            Msg::Quarantine(id, reason, reply) => Input::Quarantine { id, reason, reply },
            Msg::Release(id, reply) => Input::Release { id, reply },
            Msg::Shutdown => Input::Shutdown,
            Msg::StartDone { id, ticket, result } => return state.start_done(&myself, id, ticket, result),
            Msg::Recovered { id, ticket } => Input::Recovered { id, ticket },
            Msg::StopDone { id, ticket, outcome } => Input::StopDone { id, ticket, outcome },
            Msg::Acked { seq, written } => Input::Acked { seq, written },
            Msg::Wake => {
                state.timer = None;
                Input::Tick
            }
        };
        state.step(&myself, input)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Msg>,
        event: Lifecycle,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            Lifecycle::ActorTerminated(cell, _, reason) => {
                state.died(&myself, &cell, Exit::from_reason(reason))
            }
            Lifecycle::ActorFailed(cell, error) => state.died(&myself, &cell, Exit::from_error(&error)),
            _ => Ok(()),
        }
    }
}
