//! Answers to the commands of a supervisor. Every answer is explicit: no command is silently ignored.

use super::state::StopOutcome;

/// Answer to adding a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddReply {
    /// It was not there; its start has begun.
    Added,
    /// It is there and runs, starts or will be restarted; nothing was changed.
    AlreadyRunning,
    /// It is there and quarantined for this reason; release it instead. Nothing was changed.
    Quarantined(String),
    /// It is being stopped or judged just now; nothing was changed.
    Busy,
    /// The supervisor has as many children as it may.
    Full,
    /// The supervisor's children are fixed.
    NotDynamic,
    /// The supervisor is stopping.
    ShuttingDown,
}

/// Answer to removing or quarantining a child; it comes when the child is really gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReply {
    /// Done; the actor ended like this.
    Done(StopOutcome),
    /// There is no such child.
    NotFound,
    /// The supervisor's children are fixed.
    NotDynamic,
    /// The supervisor is stopping.
    ShuttingDown,
}

/// Answer to lifting a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseReply {
    /// Lifted; the child starts with a fresh budget.
    Released,
    /// It is not quarantined; nothing was changed.
    NotQuarantined,
    /// There is no such child.
    NotFound,
    /// The supervisor is stopping.
    ShuttingDown,
}

/// The supervisor is not running at the moment, or ended before it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the supervisor is not running")]
pub struct SupervisorGone;
