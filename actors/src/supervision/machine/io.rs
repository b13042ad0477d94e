//! What goes into the machine and what comes out.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::supervision::commands::{AddReply, ReleaseReply, StopReply};
use crate::supervision::escalation::{EscalatedFailure, SupervisionEvent};
use crate::supervision::spec::ChildSpec;
use crate::supervision::state::{ChildId, Exit, Failure, StopOutcome};

/// What happened.
pub(crate) enum Input {
    /// The supervisor started.
    Boot,
    Add {
        spec: Arc<ChildSpec>,
        reply: oneshot::Sender<AddReply>,
    },
    AddMany {
        specs: Vec<ChildSpec>,
        reply: oneshot::Sender<Vec<AddReply>>,
    },
    Remove {
        id: ChildId,
        reply: oneshot::Sender<StopReply>,
    },
    Quarantine {
        id: ChildId,
        reason: String,
        reply: oneshot::Sender<StopReply>,
    },
    Release {
        id: ChildId,
        reply: oneshot::Sender<ReleaseReply>,
    },
    /// Stop everything in order, then the supervisor.
    Shutdown,
    /// A start ended well or not.
    StartDone {
        id: ChildId,
        ticket: u64,
        result: Result<(), Failure>,
    },
    /// A child rebuilt its state.
    Recovered {
        id: ChildId,
        ticket: u64,
    },
    /// An actor ended by itself.
    Died {
        id: ChildId,
        ticket: u64,
        exit: Exit,
    },
    /// A stop that was asked for ended.
    StopDone {
        id: ChildId,
        ticket: u64,
        outcome: StopOutcome,
    },
    /// The log answered to the event with this number.
    Acked {
        seq: u64,
        written: bool,
    },
    /// Time passed.
    Tick,
}

/// What to do about it.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Start the child in a task of its own.
    Start { id: ChildId, ticket: u64 },
    /// Stop it, or cancel its start, in a task of its own; zero kills at once.
    Stop { id: ChildId, ticket: u64, deadline: Duration },
    /// Send it a ping.
    Ping { id: ChildId },
    /// Hand an event to the log, and report the answer if `ack`.
    Log { event: SupervisionEvent, ack: bool },
    /// Open a breaker.
    Trip { scope: String, reason: String },
    /// Ask the process to end.
    Exit { code: i32, reason: String },
    /// All children came up for the first time.
    Ready,
    /// Every child is down: end, well or with this failure.
    Finish(Option<EscalatedFailure>),
}
