//! The machine against a small simulated world of actors.

mod campaign;
mod races;

use std::collections::BTreeMap;
use std::time::Duration;

use ractor::SpawnErr;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Effect, Input, Machine};
use crate::supervision::commands::{AddReply, ReleaseReply, StopReply};
use crate::supervision::spec::ChildSpec;
use crate::supervision::state::{ChildId, ChildState, Exit, Failure, StopOutcome};
use crate::supervision::supervisor_spec::SupervisorSpec;
use crate::supervision::tree::TreeNode;

/// What exists outside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Starting(u64),
    Running(u64),
    Stopping(u64),
}

/// Machine, world and clock.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) now: Instant,
    pub(super) actors: BTreeMap<ChildId, Actor>,
    /// Escalations waiting for the log.
    pub(super) unacked: Vec<u64>,
    pub(super) effects: Vec<Effect>,
    pub(super) finished: bool,
}

/// A spec whose factory is never called here.
pub(super) fn child(id: &str) -> ChildSpec {
    ChildSpec::new(id, "test", |_| async { Err(SpawnErr::ActorAlreadyStarted) })
}

pub(super) fn crash() -> Exit {
    Exit::Abnormal(Failure::Crashed { message: "boom".into() })
}

impl World {
    pub(super) fn new(spec: SupervisorSpec) -> Self {
        let now = Instant::now();
        let node = TreeNode::new(spec.id.clone(), "supervisor", 0);
        let rng = ChaCha8Rng::seed_from_u64(1);
        let mut world = Self {
            machine: Machine::new(spec, "n/test", now, rng, node, now),
            now,
            actors: BTreeMap::new(),
            unacked: Vec::new(),
            effects: Vec::new(),
            finished: false,
        };
        world.step(Input::Boot);
        world
    }

    /// Feeds one input and lets the world follow the effects, checking what no sequence may break.
    pub(super) fn step(&mut self, input: Input) {
        for effect in self.machine.step(input, self.now) {
            match &effect {
                Effect::Start { id, ticket } => {
                    assert_eq!(self.actors.get(id), None, "two incarnations of {id} at once");
                    assert!(!self.finished, "{id} started after the end");
                    self.actors.insert(id.clone(), Actor::Starting(*ticket));
                }
                Effect::Stop { id, ticket, .. } => {
                    let actor = self.actors.insert(id.clone(), Actor::Stopping(*ticket));
                    assert!(
                        matches!(actor, None | Some(Actor::Starting(_) | Actor::Running(_))),
                        "{id} was stopped twice"
                    );
                }
                Effect::Log { event, ack: true } => self.unacked.push(event.seq),
                Effect::Finish(_) => {
                    assert!(self.actors.is_empty(), "ended before its children: {:?}", self.actors);
                    self.finished = true;
                }
                _ => {}
            }
            self.effects.push(effect);
        }
    }

    pub(super) fn started(&mut self, id: &str, result: Result<(), Failure>) {
        let id = ChildId::from(id);
        if let Some(Actor::Starting(ticket)) = self.actors.get(&id).copied() {
            match result {
                Ok(()) => self.actors.insert(id.clone(), Actor::Running(ticket)),
                Err(_) => self.actors.remove(&id),
            };
            self.step(Input::StartDone { id, ticket, result });
        }
    }

    pub(super) fn dies(&mut self, id: &str, exit: Exit) {
        let id = ChildId::from(id);
        if let Some(Actor::Running(ticket)) = self.actors.get(&id).copied() {
            self.actors.remove(&id);
            self.step(Input::Died { id, ticket, exit });
        }
    }

    pub(super) fn stopped(&mut self, id: &str) {
        let id = ChildId::from(id);
        if let Some(Actor::Stopping(ticket)) = self.actors.get(&id).copied() {
            self.actors.remove(&id);
            self.step(Input::StopDone { id, ticket, outcome: StopOutcome::Drained });
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.step(Input::Tick);
    }

    pub(super) fn acknowledge(&mut self) {
        for seq in std::mem::take(&mut self.unacked) {
            self.step(Input::Acked { seq, written: true });
        }
    }

    pub(super) fn add(&mut self, spec: ChildSpec) -> AddReply {
        let (reply, mut answer) = oneshot::channel();
        self.step(Input::Add { spec: spec.into(), reply });
        answer.try_recv().unwrap()
    }

    pub(super) fn add_many(&mut self, specs: Vec<ChildSpec>) -> Vec<AddReply> {
        let (reply, mut answer) = oneshot::channel();
        self.step(Input::AddMany { specs, reply });
        answer.try_recv().unwrap()
    }

    pub(super) fn remove(&mut self, id: &str) -> oneshot::Receiver<StopReply> {
        let (reply, answer) = oneshot::channel();
        self.step(Input::Remove { id: id.into(), reply });
        answer
    }

    pub(super) fn quarantine(&mut self, id: &str) -> oneshot::Receiver<StopReply> {
        let (reply, answer) = oneshot::channel();
        self.step(Input::Quarantine { id: id.into(), reason: "by hand".into(), reply });
        answer
    }

    pub(super) fn release(&mut self, id: &str) -> ReleaseReply {
        let (reply, mut answer) = oneshot::channel();
        self.step(Input::Release { id: id.into(), reply });
        answer.try_recv().unwrap()
    }

    pub(super) fn state(&self, id: &str) -> Option<ChildState> {
        self.machine.child(&id.into()).map(|child| child.state.clone())
    }

    /// Lets everything under way end well until nothing moves, at most `rounds` times.
    pub(super) fn settle(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for (id, actor) in self.actors.clone() {
                match actor {
                    Actor::Starting(_) => self.started(id.as_str(), Ok(())),
                    Actor::Stopping(_) => self.stopped(id.as_str()),
                    Actor::Running(_) => {}
                }
            }
            self.acknowledge();
            self.wait(Duration::from_secs(20));
        }
    }

    pub(super) fn starts_of(&self, id: &str) -> usize {
        let id = ChildId::from(id);
        self.effects.iter().filter(|e| matches!(e, Effect::Start { id: other, .. } if *other == id)).count()
    }
}
