//! A child as the machine keeps it.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::deadlines::DueKey;
use crate::supervision::budget::Ledger;
use crate::supervision::commands::StopReply;
use crate::supervision::heartbeat::{ChildHandle, Pulse};
use crate::supervision::permits::Admission;
use crate::supervision::poison::PoisonRule;
use crate::supervision::spec::ChildSpec;
use crate::supervision::state::{ChildId, ChildState, Failure};
use crate::supervision::strategy::{Readiness, Standing};
use crate::supervision::supervisor::Msg;
use crate::supervision::tree::TreeNode;

/// What happens to a child once it is down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Intent {
    /// It is forgotten.
    Remove,
    /// It stays down until released.
    Quarantine(String),
    /// It goes down with its supervisor.
    Shutdown,
    /// It starts again with its group.
    Bounce,
    /// It was killed for this failure, which is booked when it is gone.
    Fail(Failure),
}

/// Everything the machine knows about one child.
pub(crate) struct Child {
    pub(crate) spec: Arc<ChildSpec>,
    pub(crate) state: ChildState,
    /// Changes whenever the child's life takes a turn; a message with an older ticket is stale and ignored. Unique over
    /// the supervisor's life, so that it also tells a child from an earlier one of the same id.
    pub(crate) ticket: u64,
    pub(crate) generation: u64,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) admission: Admission,
    pub(crate) ledger: Ledger,
    pub(crate) poison: PoisonRule,
    pub(crate) running_since: Option<Instant>,
    pub(crate) pinged_at: Option<Instant>,
    /// When its pulse is looked at next; a look that comes much later says that the supervisor itself stood still.
    pub(crate) look_at: Option<Instant>,
    /// Until when silence is not laid to it.
    pub(crate) excused_until: Option<Instant>,
    pub(crate) recovered_early: bool,
    /// It has been running at least once.
    pub(crate) booted: bool,
    /// It should run.
    pub(crate) wanted: bool,
    /// It has to go down because a sibling failed.
    pub(crate) bounce: bool,
    /// Its escalation with this number waits for the log.
    pub(crate) escalating: Option<u64>,
    pub(crate) intent: Option<Intent>,
    pub(crate) waiters: Vec<oneshot::Sender<StopReply>>,
    pub(crate) due: Option<DueKey>,
    pub(crate) node: TreeNode,
}

impl Child {
    pub(crate) fn new(spec: Arc<ChildSpec>, epoch: Instant, node: TreeNode) -> Self {
        let admission = Admission::new(spec.inflight_limit);
        let child = Self {
            state: ChildState::Stopped,
            ticket: 0,
            generation: 0,
            pulse: Arc::new(Pulse::new(epoch)),
            admission: admission.clone(),
            ledger: Ledger::default(),
            poison: PoisonRule::default(),
            running_since: None,
            pinged_at: None,
            look_at: None,
            excused_until: None,
            recovered_early: false,
            booted: false,
            wanted: true,
            bounce: false,
            escalating: None,
            intent: None,
            waiters: Vec::new(),
            due: None,
            node,
            spec,
        };
        child.node.publish(|facts| {
            facts.window = child.spec.budget.window;
            facts.heartbeat = child.spec.heartbeat.is_some();
            facts.admission = Some(admission);
        });
        child
    }

    /// Sets the state and shows it in the tree.
    pub(crate) fn set_state(&mut self, state: ChildState) {
        if state != ChildState::Running {
            self.running_since = None;
        }
        self.node.publish(|facts| {
            facts.state = state.clone();
            facts.running_since = self.running_since;
        });
        self.state = state;
    }

    /// What it means to the siblings that wait for it.
    pub(crate) fn readiness(&self) -> Readiness {
        let standing = match &self.state {
            ChildState::Running if !self.bounce => Standing::Running,
            ChildState::Quarantined(_) => Standing::Missing,
            ChildState::Stopped if self.escalating.is_some() => Standing::Missing,
            ChildState::Stopped if !self.wanted => Standing::Retired,
            _ => Standing::Coming,
        };
        let holds_group = standing == Standing::Missing || matches!(self.state, ChildState::Backoff { .. });
        Readiness { standing, booted: self.booted, holds_group }
    }

    /// The handle of the incarnation that starts now.
    pub(crate) fn handle(&self, supervisor: &ActorRef<Msg>, id: &ChildId) -> ChildHandle {
        let (supervisor, id, ticket) = (supervisor.clone(), id.clone(), self.ticket);
        ChildHandle {
            pulse: Arc::clone(&self.pulse),
            admission: self.admission.clone(),
            recovered: Arc::new(move || {
                // Fails only when the supervisor is gone, and then nobody waits for it.
                let _ = supervisor.cast(Msg::Recovered { id: id.clone(), ticket });
            }),
            generation: self.generation,
        }
    }

    pub(crate) fn answer(&mut self, reply: &StopReply) {
        for waiter in self.waiters.drain(..) {
            // A caller that went away needs no answer.
            let _ = waiter.send(reply.clone());
        }
    }
}
