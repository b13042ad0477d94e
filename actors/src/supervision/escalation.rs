//! What a supervisor does when a child's budget is spent, and who hears of it first.
//!
//! The ladder is Restart, Quarantine, TripBreaker, Escalate, Exit. Every step is offered to the [`SupervisionLog`] and
//! taken only when the log has acknowledged it - or when the log's time is up, because a dead journal must not freeze
//! supervision; in that case the act is done and an `ActedUnjournalled` event says so.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;

use super::state::{ChildId, Failure, StopOutcome};

/// What to do when a child has no restart left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Escalation {
    /// Restart every child of this supervisor with fresh budgets; bounded by the supervisor's own budget, then `Escalate`.
    Restart,
    /// Keep the child down until it is released by a command. The others go on.
    Quarantine,
    /// Trip the breaker of `scope`, then quarantine the child.
    TripBreaker {
        /// What to trip: a strategy, an account, everything.
        scope: String,
    },
    /// Stop the other children in order and fail with an [`EscalatedFailure`]; the supervisor above counts it.
    Escalate,
    /// Ask the process to end with a code the service manager can see, and quarantine the child meanwhile.
    Exit {
        /// The exit code.
        code: i32,
    },
}

/// The error of a supervisor that gave up, as its own supervisor receives it.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("{supervisor} gave up on {child}: {reason}")]
pub struct EscalatedFailure {
    /// Path of the supervisor that gave up.
    pub supervisor: String,
    /// The child it gave up on.
    pub child: ChildId,
    /// Which limit was passed, by which failure.
    pub reason: String,
}

/// One thing a supervisor saw or does. Numbered without gaps per supervisor incarnation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SupervisionEvent {
    /// Number inside this incarnation of the supervisor, from 0.
    pub seq: u64,
    /// Milliseconds since the tree started.
    pub at_ms: u64,
    /// Path of the supervisor.
    pub supervisor: ChildId,
    /// The child concerned.
    pub child: ChildId,
    /// Its generation.
    pub generation: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Kinds of [`SupervisionEvent`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// It runs.
    Running,
    /// It failed.
    Failed {
        /// Why.
        why: Failure,
    },
    /// It ended normally and is not restarted.
    Ended {
        /// The reason it gave.
        reason: String,
    },
    /// It starts again after a delay.
    Restarting {
        /// The delay.
        delay_ms: u64,
    },
    /// Two crashes in a row on the same input: the input is quarantined.
    Poisoned {
        /// The input.
        input: u64,
    },
    /// Its budget is spent. Handed out for acknowledgement *before* the step is taken.
    Escalating {
        /// The step about to be taken.
        step: Escalation,
        /// Why.
        reason: String,
    },
    /// The step was taken although the log did not acknowledge it in time.
    ActedUnjournalled {
        /// The step.
        step: Escalation,
    },
    /// It is quarantined.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// Its quarantine was lifted.
    Released,
    /// A stop that was asked for has ended.
    Stopped {
        /// How.
        outcome: StopOutcome,
    },
    /// It was removed for good.
    Removed,
}

/// The log refused or could not write an event.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the supervision log did not take the event: {0}")]
pub struct NotLogged(pub String);

/// Where supervision events go; the node puts the journal behind it. `record` returns when the event is as durable as it
/// will be: an escalation waits for that. Calls of one supervisor come one at a time, in order, each under a timeout.
pub trait SupervisionLog: Send + Sync + 'static {
    /// Takes an event; `Ok` acknowledges it.
    fn record<'a>(&'a self, event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>>;
}

/// The two acts that reach outside the tree. Called from a supervisor's handler: must neither block nor
/// panic.
pub trait EscalationSink: Send + Sync + 'static {
    /// Opens the breaker of `scope`.
    fn trip_breaker(&self, scope: &str, reason: &str);
    /// Asks the process to stop in order and to end with `code`.
    fn exit(&self, code: i32, reason: &str);
}

/// A log that acknowledges everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLog;

impl SupervisionLog for NoLog {
    fn record<'a>(&'a self, _event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Exit code of a root supervisor that gave up: `EX_SOFTWARE`, so that the service manager sees a failure.
pub const EXIT_ROOT_GAVE_UP: i32 = 70;

type TripFn = dyn Fn(&str, &str) + Send + Sync;

/// A sink that remembers the first exit asked for, for `main` to await; breakers go to the closure it was built with.
#[derive(Clone)]
pub struct ExitLatch {
    code: Arc<tokio::sync::watch::Sender<Option<(i32, String)>>>,
    trip: Arc<TripFn>,
}

impl ExitLatch {
    /// A latch that hands breaker trips to `trip(scope, reason)`.
    pub fn new(trip: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        Self { code: Arc::new(tokio::sync::watch::Sender::new(None)), trip: Arc::new(trip) }
    }

    /// Waits for the first exit and returns its code and reason; at once if it was asked for before.
    pub async fn requested(&self) -> (i32, String) {
        let mut code = self.code.subscribe();
        match code.wait_for(Option::is_some).await.map(|seen| seen.clone()) {
            Ok(Some(exit)) => exit,
            // Not reachable: `self` keeps the sender, and the predicate asks for a value.
            _ => (EXIT_ROOT_GAVE_UP, "the exit latch is gone".to_owned()),
        }
    }
}

impl EscalationSink for ExitLatch {
    fn trip_breaker(&self, scope: &str, reason: &str) {
        (self.trip)(scope, reason);
    }

    fn exit(&self, code: i32, reason: &str) {
        self.code.send_if_modified(|first| {
            let unset = first.is_none();
            if unset {
                *first = Some((code, reason.to_owned()));
            }
            unset
        });
    }
}

/// How long an escalation waits for its acknowledgement, unless configured otherwise.
pub const LOG_TIMEOUT: Duration = Duration::from_secs(2);
