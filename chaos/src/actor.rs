//! Faults inside actors: what stands between an actor and its mailbox.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tensortrade::node::wrap::ActorWrap;
use tensortrade_actors::market::ring::InputKind;
use tensortrade_actors::market::symbol::SymbolMsg;
use tensortrade_actors::supervision::{ChildHandle, StartContext};

use crate::plan::Kind;
use crate::world::World;

/// Messages that a slow actor is slow for.
const SLOW_MESSAGES: u32 = 20;

/// Puts [`Faulty`] around every actor.
#[derive(Clone)]
pub struct Faults {
    /// Whom the wrapped actors ask.
    pub world: Arc<World>,
    /// Poisoned inputs by symbol actor, kept over restarts of the actor within one life of the process.
    pub poison: Arc<std::sync::Mutex<std::collections::BTreeMap<String, u64>>>,
}

impl ActorWrap for Faults {
    type Wrapped<A: Actor> = Faulty<A>;

    fn wrap<A: Actor>(&self, start: &StartContext, actor: A) -> Faulty<A> {
        let path = start.name.split_once('/').map_or(start.name.as_str(), |(_node, path)| path).to_owned();
        Faulty {
            actor,
            faults: self.clone(),
            path,
            generation: start.generation,
            child: start.handle.clone(),
            left_out: start.poisoned_all.clone(),
            slow_left: AtomicU32::new(0),
            slow_ms: AtomicU64::new(0),
        }
    }
}

/// An actor with a fault injector before its mailbox.
pub struct Faulty<A> {
    actor: A,
    faults: Faults,
    path: String,
    generation: u64,
    child: ChildHandle,
    /// Inputs that supervision has told this incarnation to leave out.
    left_out: Vec<u64>,
    slow_left: AtomicU32,
    slow_ms: AtomicU64,
}

impl<A: Actor> Faulty<A> {
    /// The input of a symbol that is in hand, data only: a step's boundary is not the input's fault.
    fn input(message: &A::Msg) -> Option<u64> {
        match (message as &dyn Any).downcast_ref::<SymbolMsg>() {
            Some(SymbolMsg::Input(input)) if matches!(input.msg.kind, InputKind::Data(_)) => {
                Some(input.msg.seq)
            }
            _ => None,
        }
    }

    fn dies_of(&self, seq: u64) -> bool {
        let mut poison = self.faults.poison.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.faults.world.take(&[Kind::PoisonInput], &self.path).is_some() {
            poison.insert(self.path.clone(), seq);
        }
        poison.get(&self.path) == Some(&seq) && !self.left_out.contains(&seq)
    }
}

impl<A: Actor> Actor for Faulty<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        args: A::Arguments,
    ) -> Result<A::State, ActorProcessingErr> {
        self.faults.world.pass_or_hang().await;
        // A start that is part of a process's start would end the process: that is no fault of an actor.
        if self.generation > 1 && self.faults.world.take(&[Kind::StartFails], &self.path).is_some() {
            return Err(format!("chaos: {} does not start", self.path).into());
        }
        self.actor.pre_start(myself, args).await
    }

    async fn post_start(
        &self,
        myself: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.post_start(myself, state).await
    }

    async fn post_stop(
        &self,
        myself: ActorRef<A::Msg>,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.post_stop(myself, state).await
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        let world = &self.faults.world;
        world.pass_or_hang().await;
        if let Some(seq) = Self::input(&message)
            && self.dies_of(seq)
        {
            self.child.began_input(seq);
            panic!("chaos: input {seq} is poison for {}", self.path);
        }
        const KINDS: &[Kind] =
            &[Kind::ActorPanic, Kind::ActorPanicAfter, Kind::ActorError, Kind::ActorHang, Kind::ActorSlow];
        let fault = world.take(KINDS, &self.path);
        match fault.as_ref().map(|fault| fault.kind) {
            Some(Kind::ActorPanic) => panic!("chaos: {} panics", self.path),
            Some(Kind::ActorError) => return Err(format!("chaos: {} fails", self.path).into()),
            Some(Kind::ActorHang) => std::future::pending::<()>().await,
            Some(Kind::ActorSlow) => {
                self.slow_left.store(SLOW_MESSAGES, Ordering::Relaxed);
                let ms = fault.as_ref().map_or(0, |fault| u64::from(fault.amount));
                self.slow_ms.store(ms, Ordering::Relaxed);
            }
            _ => {}
        }
        if let Some(pause) = world.standing(&self.path) {
            tokio::time::sleep(pause).await;
        }
        let left = self.slow_left.load(Ordering::Relaxed);
        if left > 0 {
            self.slow_left.store(left - 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(self.slow_ms.load(Ordering::Relaxed))).await;
        }
        let handled = self.actor.handle(myself, message, state).await;
        if fault.is_some_and(|fault| fault.kind == Kind::ActorPanicAfter) {
            panic!("chaos: {} panics after its message", self.path);
        }
        handled
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        event: SupervisionEvent,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.actor.handle_supervisor_evt(myself, event, state).await
    }
}
