//! Actors that crash once when they are told to, and say how long it took until their next incarnation worked.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tensortrade::node::wrap::ActorWrap;
use tensortrade_actors::market::ring::InputKind;
use tensortrade_actors::market::symbol::SymbolMsg;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::StartContext;

/// Of what kind a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// Ticks of a symbol, and their number.
    Ticks(u64),
    /// The boundary of a step.
    Boundary(u64),
    /// Anything else.
    Other,
}

fn kind_of<M: Any>(message: &M) -> Message {
    match (message as &dyn Any).downcast_ref::<SymbolMsg>() {
        Some(SymbolMsg::Input(input)) if matches!(input.msg.kind, InputKind::Data(_)) => {
            Message::Ticks(input.msg.seq)
        }
        Some(SymbolMsg::Input(input)) => Message::Boundary(input.msg.seq),
        _ => Message::Other,
    }
}

/// What sets an actor off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Its next ticks.
    Ticks,
    /// Its next boundary of a step: for all symbols of a market that is the same moment.
    Boundary,
    /// Its next message.
    Anything,
}

#[derive(Debug, Default)]
struct Seat {
    armed: Option<On>,
    crashed: Option<(Stopwatch, Message)>,
    last: Option<u64>,
}

/// What was seen.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// From a crash to the first message handled again: for symbols, to the first ticks.
    pub back: Vec<Duration>,
    /// Inputs of symbols that were never handled, or not in their order.
    pub lost: u64,
    /// Crashes.
    pub crashes: u64,
}

/// Sets actors off by their path in the tree.
#[derive(Debug, Clone, Default)]
pub struct Crasher(Arc<Mutex<(BTreeMap<String, Seat>, Seen)>>);

impl Crasher {
    fn with<T>(&self, use_it: impl FnOnce(&mut BTreeMap<String, Seat>, &mut Seen) -> T) -> T {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (seats, seen) = &mut *inner;
        use_it(seats, seen)
    }

    /// The actor of this path crashes on its next such message.
    pub fn arm(&self, path: &str, on: On) {
        self.with(|seats, _| seats.entry(path.to_owned()).or_default().armed = Some(on));
    }

    /// What was seen since the last call.
    #[must_use]
    pub fn take(&self) -> Seen {
        self.with(|_, seen| std::mem::take(seen))
    }

    /// Crashes, and how many of them are over.
    #[must_use]
    pub fn progress(&self) -> (u64, usize) {
        self.with(|_, seen| (seen.crashes, seen.back.len()))
    }

    fn before(&self, path: &str, message: Message) -> bool {
        self.with(|seats, seen| {
            let Some(seat) = seats.get_mut(path) else { return false };
            let struck = matches!(
                (seat.armed, message),
                (Some(On::Ticks), Message::Ticks(_))
                    | (Some(On::Boundary), Message::Boundary(_))
                    | (Some(On::Anything), _)
            );
            if struck {
                seat.armed = None;
                seat.crashed = Some((Stopwatch::start(), message));
                seen.crashes += 1;
            }
            struck
        })
    }

    fn after(&self, path: &str, message: Message) {
        self.with(|seats, seen| {
            let Some(seat) = seats.get_mut(path) else { return };
            let number = match message {
                Message::Ticks(n) | Message::Boundary(n) => Some(n),
                Message::Other => None,
            };
            let counts = match seat.crashed {
                Some((_, Message::Other)) => true,
                Some(_) => number.is_some(),
                None => false,
            };
            if let (true, Some((since, on))) = (counts, seat.crashed) {
                seen.back.push(since.elapsed());
                seat.crashed = None;
                // What it crashed on, or what came before it since the snapshot, is handled first.
                if let (Message::Ticks(was) | Message::Boundary(was), Some(n)) = (on, number)
                    && n > was
                {
                    seen.lost += n - was;
                }
            } else if let (Some(last), Some(n)) = (seat.last, number)
                && n > last + 1
            {
                seen.lost += n - last - 1;
            }
            if number.is_some() {
                seat.last = number;
            }
        });
    }
}

impl ActorWrap for Crasher {
    type Wrapped<A: Actor> = Crashing<A>;

    fn wrap<A: Actor>(&self, start: &StartContext, actor: A) -> Crashing<A> {
        let path = start.name.split_once('/').map_or(start.name.as_str(), |(_node, path)| path).to_owned();
        Crashing { actor, crasher: self.clone(), path }
    }
}

/// An actor that can be set off.
pub struct Crashing<A> {
    actor: A,
    crasher: Crasher,
    path: String,
}

impl<A: Actor> Actor for Crashing<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(
        &self,
        myself: ActorRef<A::Msg>,
        args: A::Arguments,
    ) -> Result<A::State, ActorProcessingErr> {
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
        let kind = kind_of(&message);
        if self.crasher.before(&self.path, kind) {
            panic!("numbers: {} crashes", self.path);
        }
        let handled = self.actor.handle(myself, message, state).await;
        self.crasher.after(&self.path, kind);
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
