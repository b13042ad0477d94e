//! The two tasks a supervisor spawns: one that starts a child and one that stops it. Everything that takes time happens in
//! them; their results come back as messages.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ractor::concurrency::JoinHandle;
use ractor::{ActorCell, ActorRef, SpawnErr};
use tokio::time::timeout;

use super::spec::{CellFn, ChildSpec, StartContext};
use super::state::{ChildId, Failure, StopOutcome, millis};
use super::supervisor::Msg;

type Actor = (ActorCell, JoinHandle<()>);

/// Calls a closure of a spec. It is foreign code: its panic must not take the supervisor, or a stop under way, along.
pub(crate) fn call(closure: &CellFn, cell: &ActorCell) {
    if std::panic::catch_unwind(AssertUnwindSafe(|| closure(cell))).is_err() {
        tracing::error!(actor = ?cell, "a closure of the child's spec panicked");
    }
}

/// What exists of a child.
pub(crate) enum Live {
    Starting(Starting),
    Running { cell: ActorCell, join: JoinHandle<()> },
}

impl Live {
    pub(crate) fn into_join(self) -> Option<JoinHandle<()>> {
        match self {
            Self::Starting(_) => None,
            Self::Running { join, .. } => Some(join),
        }
    }
}

/// A start under way. The slot hands the started actor over exactly once, to whoever comes first: the supervisor that waits
/// for it, or the stop task that ends it. So no race can leave an actor that nobody owns.
pub(crate) struct Starting {
    task: Option<JoinHandle<()>>,
    slot: Arc<Mutex<Option<Actor>>>,
}

impl Starting {
    pub(crate) fn take(&self) -> Option<Actor> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Cancels the start and waits until its task is gone; false if it would not go.
    async fn cancel(&mut self, grace: Duration) -> bool {
        let Some(task) = self.task.take() else { return true };
        task.abort();
        timeout(grace, task).await.is_ok()
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        // The supervisor died with a start under way: the half-started child goes with it.
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Starts one incarnation of a child.
pub(crate) struct StartTask {
    pub(crate) spec: Arc<ChildSpec>,
    pub(crate) context: StartContext,
    pub(crate) ticket: u64,
    /// The task of the incarnation before. It is awaited, so that two incarnations never overlap and its name is free.
    pub(crate) previous: Option<JoinHandle<()>>,
}

impl StartTask {
    pub(crate) fn spawn(self, supervisor: ActorRef<Msg>) -> Starting {
        let slot: Arc<Mutex<Option<Actor>>> = Arc::default();
        let filled = Arc::clone(&slot);
        let task = tokio::spawn(async move {
            let (id, ticket) = (self.context.id.clone(), self.ticket);
            let result = self.run().await.map(|actor| {
                *filled.lock().unwrap_or_else(PoisonError::into_inner) = Some(actor);
            });
            // Fails only when the supervisor is gone; the actor is linked to it and went with it.
            let _ = supervisor.cast(Msg::StartDone { id, ticket, result });
        });
        Starting { task: Some(task), slot }
    }

    async fn run(self) -> Result<Actor, Failure> {
        let Self { spec, context, previous, .. } = self;
        let (name, limit) = (context.name.clone(), spec.start_timeout);
        let start = AssertUnwindSafe(async move {
            if let Some(previous) = previous {
                // Either way it is gone, which is all that matters here.
                let _ = previous.await;
            }
            (spec.start)(context).await
        });
        match timeout(limit, start.catch_unwind()).await {
            Ok(Ok(Ok(actor))) => Ok(actor),
            Ok(Ok(Err(SpawnErr::ActorAlreadyRegistered(name)))) => Err(Failure::NameTaken { name }),
            Ok(Ok(Err(error))) => Err(Failure::Start { message: error.to_string() }),
            Ok(Err(_panic)) => Err(Failure::Start { message: "the factory panicked".to_owned() }),
            Err(_elapsed) => {
                // The dropped factory takes its actor along, unless it had more to do after the spawn.
                if let Some(straggler) = ractor::registry::where_is(&name) {
                    straggler.kill();
                }
                Err(Failure::StartTimeout { limit_ms: millis(limit) })
            }
        }
    }
}

/// Stops a child for good: intake, drain until the deadline, kill, and wait until it is really gone.
pub(crate) struct StopTask {
    pub(crate) id: ChildId,
    pub(crate) ticket: u64,
    pub(crate) live: Option<Live>,
    pub(crate) drain: Option<CellFn>,
    pub(crate) deadline: Duration,
    pub(crate) grace: Duration,
}

impl StopTask {
    pub(crate) fn spawn(self, supervisor: ActorRef<Msg>) {
        tokio::spawn(async move {
            let (id, ticket) = (self.id.clone(), self.ticket);
            let outcome = self.run().await;
            let _ = supervisor.cast(Msg::StopDone { id, ticket, outcome });
        });
    }

    async fn run(self) -> StopOutcome {
        let (cell, mut join) = match self.live {
            None => return StopOutcome::WasDown,
            Some(Live::Running { cell, join }) => (cell, join),
            Some(Live::Starting(mut starting)) => {
                let gone = starting.cancel(self.grace).await;
                match starting.take() {
                    Some(actor) => actor,
                    None if gone => return StopOutcome::Killed,
                    None => return StopOutcome::Unkillable,
                }
            }
        };
        if !self.deadline.is_zero() {
            if let Some(drain) = &self.drain {
                call(drain, &cell);
            }
            if timeout(self.deadline, &mut join).await.is_ok() {
                return StopOutcome::Drained;
            }
        }
        cell.kill();
        match timeout(self.grace, &mut join).await {
            Ok(_) => StopOutcome::Killed,
            Err(_elapsed) => StopOutcome::Unkillable,
        }
    }
}
