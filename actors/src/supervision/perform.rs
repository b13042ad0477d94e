//! Carries out what a supervisor's machine decides: starts, stops, pings, timers, and the end.

use std::sync::Arc;

use ractor::{ActorCell, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::escalation::EXIT_ROOT_GAVE_UP;
use super::machine::{Effect, Input};
use super::spec::StartContext;
use super::state::{ChildId, Exit, Failure};
use super::supervisor::{Msg, State};
use super::tasks::{Live, StartTask, StopTask, call};

impl State {
    /// Runs one input through the machine and carries out what it says. An error ends this supervisor.
    pub(super) fn step(&mut self, myself: &ActorRef<Msg>, input: Input) -> Result<(), ActorProcessingErr> {
        let effects = self.machine.step(input, Instant::now());
        for effect in effects {
            self.perform(myself, effect);
        }
        self.arm_timer(myself);
        if !self.finishing {
            return Ok(());
        }
        match self.failure.take() {
            Some(failure) => {
                if self.context.is_none() {
                    self.env.sink.exit(EXIT_ROOT_GAVE_UP, &failure.to_string());
                }
                Err(Box::new(failure))
            }
            None => {
                myself.stop(Some("shutdown".to_owned()));
                Ok(())
            }
        }
    }

    fn perform(&mut self, myself: &ActorRef<Msg>, effect: Effect) {
        match effect {
            Effect::Start { id, ticket } => self.start(myself, id, ticket),
            Effect::Stop { id, ticket, deadline } => {
                let drain = self.machine.child(&id).map(|child| Arc::clone(&child.spec.drain));
                let grace = self.machine.supervisor_spec().kill_grace;
                let live = self.live.remove(&id);
                StopTask { id, ticket, live, drain, deadline, grace }.spawn(myself.clone());
            }
            Effect::Ping { id } => {
                let ping = self.machine.child(&id).and_then(|child| child.spec.ping.clone());
                if let (Some(ping), Some(Live::Running { cell, .. })) = (ping, self.live.get(&id)) {
                    call(&ping, cell);
                }
            }
            Effect::Log { event, ack } => self.log.offer(event, ack),
            Effect::Trip { scope, reason } => self.env.sink.trip_breaker(&scope, &reason),
            Effect::Exit { code, reason } => self.env.sink.exit(code, &reason),
            Effect::Ready => {
                if let Some(context) = &self.context {
                    context.handle.recovered();
                }
            }
            Effect::Finish(failure) => {
                self.failure = failure;
                self.finishing = true;
            }
        }
    }

    fn start(&mut self, myself: &ActorRef<Msg>, id: ChildId, ticket: u64) {
        let Some(child) = self.machine.child(&id) else { return };
        let context = StartContext {
            id: id.clone(),
            generation: child.generation,
            supervisor: myself.get_cell(),
            handle: child.handle(myself, &id),
            name: format!("{}/{id}", self.path),
            poisoned: child.poison.newest(),
            poisoned_all: child.poison.all(),
            env: self.env.clone(),
            tree: child.node.clone(),
        };
        let spec = Arc::clone(&child.spec);
        let previous = self.live.remove(&id).and_then(Live::into_join);
        let task = StartTask { spec, context, ticket, previous };
        self.live.insert(id, Live::Starting(task.spawn(myself.clone())));
    }

    pub(super) fn start_done(
        &mut self,
        myself: &ActorRef<Msg>,
        id: ChildId,
        ticket: u64,
        result: Result<(), Failure>,
    ) -> Result<(), ActorProcessingErr> {
        if !self.machine.awaits_start(&id, ticket) {
            // The child was stopped meanwhile: its stop task took what the start left, and ends it.
            return Ok(());
        }
        let started = match self.live.remove(&id) {
            Some(Live::Starting(starting)) => starting.take(),
            _ => None,
        };
        let early = started.as_ref().and_then(|(cell, _)| self.early.remove(&cell.get_id()));
        if let Some((cell, join)) = started {
            self.by_actor.insert(cell.get_id(), (id.clone(), ticket));
            self.live.insert(id.clone(), Live::Running { cell, join });
        }
        if !self.early.is_empty() && !self.start_under_way() {
            self.early.clear();
        }
        self.step(myself, Input::StartDone { id: id.clone(), ticket, result })?;
        match early {
            Some(exit) => self.step(myself, Input::Died { id, ticket, exit }),
            None => Ok(()),
        }
    }

    pub(super) fn died(
        &mut self,
        myself: &ActorRef<Msg>,
        cell: &ActorCell,
        exit: Exit,
    ) -> Result<(), ActorProcessingErr> {
        match self.by_actor.remove(&cell.get_id()) {
            Some((id, ticket)) => self.step(myself, Input::Died { id, ticket, exit }),
            None => {
                if self.start_under_way() {
                    self.early.insert(cell.get_id(), exit);
                }
                Ok(())
            }
        }
    }

    fn start_under_way(&self) -> bool {
        self.live.values().any(|live| matches!(live, Live::Starting(_)))
    }

    /// One sleeping task for the earliest deadline, however many children wait.
    fn arm_timer(&mut self, myself: &ActorRef<Msg>) {
        let Some(next) = self.machine.next_deadline() else { return };
        if self.timer.as_ref().is_some_and(|(at, _)| *at <= next) {
            return;
        }
        if let Some((_, later)) = self.timer.take() {
            later.abort();
        }
        let myself = myself.clone();
        let sleeper = tokio::spawn(async move {
            tokio::time::sleep_until(next).await;
            // Fails only when the supervisor is gone, and its deadlines with it.
            let _ = myself.cast(Msg::Wake);
        });
        self.timer = Some((next, sleeper.abort_handle()));
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some((_, sleeper)) = self.timer.take() {
            sleeper.abort();
        }
    }
}
