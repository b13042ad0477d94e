//! What may stand around every actor of the tree.
//!
//! The node wraps nothing ([`Plain`]). A fault campaign puts something of its own between an actor and its mailbox, so that
//! no actor needs to know of faults. The choice is a type: the node pays nothing for it.

use ractor::Actor;
use tensortrade_actors::supervision::StartContext;

/// Chooses what is spawned in an actor's place: something that takes the same messages and arguments.
pub trait ActorWrap: Clone + Send + Sync + 'static {
    /// What stands in the place of `A`.
    type Wrapped<A: Actor>: Actor<Msg = A::Msg, Arguments = A::Arguments>;

    /// Wraps one incarnation of an actor.
    fn wrap<A: Actor>(&self, start: &StartContext, actor: A) -> Self::Wrapped<A>;
}

/// Every actor as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl ActorWrap for Plain {
    type Wrapped<A: Actor> = A;

    fn wrap<A: Actor>(&self, _start: &StartContext, actor: A) -> A {
        actor
    }
}
