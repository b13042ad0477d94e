//! What a supervisor knows about a child before it exists.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ractor::concurrency::JoinHandle;
use ractor::{Actor, ActorCell, SpawnErr};

use super::backoff::Backoff;
use super::budget::Budget;
use super::env::Env;
use super::heartbeat::{ChildHandle, Heartbeat};
use super::state::ChildId;
use super::tree::TreeNode;

/// What a factory gives back: the running actor, linked to its supervisor, and the handle that ends with it.
pub type Started = Result<(ActorCell, JoinHandle<()>), SpawnErr>;

type StartFn = Arc<dyn Fn(StartContext) -> BoxFuture<'static, Started> + Send + Sync>;
/// Something done to a child's actor without waiting for it.
pub(crate) type CellFn = Arc<dyn Fn(&ActorCell) + Send + Sync>;

/// When a child is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Always, even after a normal end.
    Permanent,
    /// After a failure only.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is stopped: no more intake, its queue drained until the deadline, then killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Time to drain. Zero kills at once.
    pub deadline: Duration,
}

/// Everything a factory needs to start one incarnation of a child.
#[derive(Clone)]
pub struct StartContext {
    /// The child.
    pub id: ChildId,
    /// Which incarnation this is, from 1.
    pub generation: u64,
    /// The supervisor to link to.
    pub supervisor: ActorCell,
    /// The child's side of supervision; the actor keeps it.
    pub handle: ChildHandle,
    /// Name for ractor's process-global registry: node id, supervisors, child.
    pub name: String,
    /// The input condemned last, to be skipped and marked.
    pub poisoned: Option<u64>,
    /// Every input still remembered as poisoned, oldest first, for a rebuild that replays a longer stretch.
    pub poisoned_all: Vec<u64>,
    /// What the tree shares: node id, seed, log.
    pub env: Env,
    pub(crate) tree: TreeNode,
}

/// Specification of a child. The fields are public; the builder methods are for the usual cases.
#[derive(Clone)]
pub struct ChildSpec {
    /// Its id inside its supervisor.
    pub id: ChildId,
    /// What it is, for the tree.
    pub kind: &'static str,
    /// When it is started again.
    pub restart: Restart,
    /// Limit of the factory, `pre_start` included.
    pub start_timeout: Duration,
    /// If set, the child is Recovering after its start until it calls [`ChildHandle::recovered`], at most this long.
    pub recovery_timeout: Option<Duration>,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its supervisor can not do without it: a spent budget escalates, whatever the policy says.
    pub critical: bool,
    /// Delay between failure and restart.
    pub backoff: Backoff,
    /// How many failures it may have.
    pub budget: Budget,
    /// When it counts as hung; needs [`ChildSpec::heartbeat`] to set the ping as well.
    pub heartbeat: Option<Heartbeat>,
    /// Places of its mailbox.
    pub inflight_limit: usize,
    pub(crate) start: StartFn,
    pub(crate) drain: CellFn,
    pub(crate) ping: Option<CellFn>,
}

impl ChildSpec {
    /// A child made by an async factory. The factory's last act must be the spawn: it is dropped at the start timeout, and
    /// an actor it left behind is found by [`StartContext::name`] only.
    pub fn new<F, Fut>(id: impl Into<ChildId>, kind: &'static str, start: F) -> Self
    where
        F: Fn(StartContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Started> + Send + 'static,
    {
        Self {
            id: id.into(),
            kind,
            restart: Restart::Permanent,
            start_timeout: Duration::from_secs(10),
            recovery_timeout: None,
            shutdown: Shutdown { deadline: Duration::from_secs(5) },
            critical: false,
            backoff: Backoff::default(),
            budget: Budget::default(),
            heartbeat: None,
            inflight_limit: 1024,
            start: Arc::new(move |context| Box::pin(start(context))),
            drain: Arc::new(|cell| {
                // Fails only when the actor is gone already, which is what was wanted.
                let _ = cell.drain();
            }),
            ping: None,
        }
    }

    /// The usual case: an actor and its arguments, both made anew for each incarnation, spawned under its full name and
    /// linked.
    pub fn actor<A, M>(id: impl Into<ChildId>, kind: &'static str, make: M) -> Self
    where
        A: Actor,
        M: Fn(&StartContext) -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        Self::new(id, kind, move |context: StartContext| {
            let make = Arc::clone(&make);
            async move {
                let (actor, arguments) = make(&context);
                let (name, supervisor) = (context.name, context.supervisor);
                let (running, join) = A::spawn_linked(Some(name), actor, arguments, supervisor).await?;
                Ok((running.into(), join))
            }
        })
    }

    /// Restarted after failures only.
    pub fn transient(self) -> Self {
        Self { restart: Restart::Transient, ..self }
    }

    /// Never restarted.
    pub fn temporary(self) -> Self {
        Self { restart: Restart::Temporary, ..self }
    }

    /// Its supervisor can not do without it.
    pub fn critical(self) -> Self {
        Self { critical: true, ..self }
    }

    /// Delay between failure and restart.
    pub fn backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }

    /// How many failures it may have.
    pub fn budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Limit of the start.
    pub fn start_timeout(self, start_timeout: Duration) -> Self {
        Self { start_timeout, ..self }
    }

    /// It recovers after its start, and reports the end within `limit`.
    pub fn recovers_within(self, limit: Duration) -> Self {
        Self { recovery_timeout: Some(limit), ..self }
    }

    /// Time to drain before it is killed.
    pub fn shutdown_deadline(self, deadline: Duration) -> Self {
        Self { shutdown: Shutdown { deadline }, ..self }
    }

    /// Places of its mailbox.
    pub fn inflight_limit(self, inflight_limit: usize) -> Self {
        Self { inflight_limit, ..self }
    }

    /// It beats: `ping` sends it a message of its own kind, which it answers by [`ChildHandle::beat`].
    pub fn heartbeat(self, heartbeat: Heartbeat, ping: impl Fn(&ActorCell) + Send + Sync + 'static) -> Self {
        Self { heartbeat: Some(heartbeat), ping: Some(Arc::new(ping)), ..self }
    }

    /// How its intake is stopped, where draining the mailbox is not the way.
    pub fn drain_with(self, drain: impl Fn(&ActorCell) + Send + Sync + 'static) -> Self {
        Self { drain: Arc::new(drain), ..self }
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}
