//! The states of a child, and what counts as a failure.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorProcessingErr;
use serde::{Serialize, Serializer};
use tokio::time::Instant;

use super::escalation::EscalatedFailure;

/// Name of a child inside its supervisor: a role ("risk") or a symbol ("AAPL"). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(Arc<str>);

impl ChildId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ChildId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ChildId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Where a child is in its life.
#[derive(Clone, Debug, PartialEq)]
pub enum ChildState {
    /// Its start runs in a task of its own, under a timeout.
    Starting,
    /// It started and rebuilds its state; it said it would report when done.
    Recovering,
    /// It works.
    Running,
    /// It failed and starts again at `until`, unless something newer happens first.
    Backoff {
        /// When the next start is due.
        until: Instant,
        /// The generation that failed.
        generation: u64,
    },
    /// It failed too often, or was told to halt: it starts again only by an explicit release.
    Quarantined(String),
    /// It was told to stop and is not gone yet.
    Stopping,
    /// It is not there: not started yet, finished, stopped, or waiting for an earlier sibling.
    Stopped,
}

impl ChildState {
    /// Whether an actor, or the start of one, exists in this state.
    pub fn is_alive(&self) -> bool {
        matches!(self, Self::Starting | Self::Recovering | Self::Running)
    }
}

/// Why a child failed.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "failure", rename_all = "snake_case")]
pub enum Failure {
    /// `pre_start` returned an error or panicked, or the factory did.
    #[error("start failed: {message}")]
    Start {
        /// What it said.
        message: String,
    },
    /// The start took longer than its limit and was cancelled.
    #[error("start took longer than {limit_ms} ms")]
    StartTimeout {
        /// The limit.
        limit_ms: u64,
    },
    /// Another actor of the process holds the name; trying again at once would not help.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name asked for.
        name: String,
    },
    /// It started but did not report the end of its recovery in time, and was killed.
    #[error("recovery took longer than {limit_ms} ms")]
    RecoveryTimeout {
        /// The limit.
        limit_ms: u64,
    },
    /// A handler panicked or returned an error.
    #[error("crashed: {message}")]
    Crashed {
        /// The panic message or the error.
        message: String,
    },
    /// Somebody other than its supervisor killed it.
    #[error("killed by a third party")]
    Killed,
    /// Its task was cancelled under it.
    #[error("its task was cancelled")]
    Cancelled,
    /// A permanent child ended by itself.
    #[error("a permanent child ended by itself ({reason})")]
    Ended {
        /// The reason it gave.
        reason: String,
    },
    /// It answered no heartbeat for too long, and was killed.
    #[error("silent for {silent_ms} ms")]
    Hung {
        /// Length of the silence.
        silent_ms: u64,
    },
    /// It asked to be halted rather than restarted (see [`Halt`]).
    #[error("halted itself: {reason}")]
    Halted {
        /// Why.
        reason: String,
    },
    /// It is a supervisor that gave up.
    #[error(transparent)]
    Escalated(EscalatedFailure),
    /// It did not die when killed: its handler holds the processor. Nothing inside the process can end it.
    #[error("did not die when killed; its handler never yields")]
    Unkillable,
}

/// The error a handler returns when a restart would be wrong: the supervisor quarantines the child at once. For inputs
/// that must not be skipped (a fill that can not be booked) the symbol halts instead.
#[derive(Clone, Debug, thiserror::Error)]
#[error("halt: {0}")]
pub struct Halt(pub String);

/// How an actor ended, by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Exit {
    /// It stopped or drained, with the reason given.
    Normal(Option<String>),
    /// Anything else.
    Abnormal(Failure),
}

impl Exit {
    /// Reads the reason of `ActorTerminated`: ractor reports a kill and a cancelled task as a *termination*, so the text
    /// is all that tells them from a normal end.
    pub fn from_reason(reason: Option<String>) -> Self {
        match reason.as_deref() {
            Some("killed") => Self::Abnormal(Failure::Killed),
            Some("actor_task_cancelled") => Self::Abnormal(Failure::Cancelled),
            _ => Self::Normal(reason),
        }
    }

    /// Reads the error of `ActorFailed`, keeping the types that mean something to a supervisor.
    pub fn from_error(error: &ActorProcessingErr) -> Self {
        Self::Abnormal(if let Some(escalated) = error.downcast_ref::<EscalatedFailure>() {
            Failure::Escalated(escalated.clone())
        } else if let Some(Halt(reason)) = error.downcast_ref::<Halt>() {
            Failure::Halted { reason: reason.clone() }
        } else {
            Failure::Crashed { message: error.to_string() }
        })
    }
}

/// How a stop that the supervisor asked for ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOutcome {
    /// There was nothing to stop.
    WasDown,
    /// It handled its queue and left within the deadline.
    Drained,
    /// It was killed at the deadline and is gone.
    Killed,
    /// It was killed and is still there: its handler never yields. A process watchdog has to act.
    Unkillable,
}

/// Milliseconds, saturating: for events and views.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn killed_and_cancelled_are_abnormal_and_other_reasons_are_not() {
        assert_eq!(Exit::from_reason(Some("killed".into())), Exit::Abnormal(Failure::Killed));
        assert_eq!(
            Exit::from_reason(Some("actor_task_cancelled".into())),
            Exit::Abnormal(Failure::Cancelled)
        );
        assert_eq!(Exit::from_reason(None), Exit::Normal(None));
        assert_eq!(Exit::from_reason(Some("Drained".into())), Exit::Normal(Some("Drained".into())));
    }

    #[test]
    fn typed_errors_keep_their_type_and_the_rest_its_text() {
        let halt: ActorProcessingErr = Box::new(Halt("fill 7".into()));
        assert_eq!(Exit::from_error(&halt), Exit::Abnormal(Failure::Halted { reason: "fill 7".into() }));
        let plain: ActorProcessingErr = "boom".into();
        assert_eq!(Exit::from_error(&plain), Exit::Abnormal(Failure::Crashed { message: "boom".into() }));
    }
}
