//! What a supervisor is made from, and the handle that outlives its incarnations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::{Actor, ActorRef};
use tensortrade_market::planted::{Bug, planted};

use super::budget::Budget;
use super::escalation::{Escalation, LOG_TIMEOUT};
use super::handle::SupervisorHandle;
use super::spec::{ChildSpec, StartContext};
use super::state::ChildId;
use super::strategy::Strategy;
use super::supervisor::{Msg, Supervisor, SupervisorArgs};

/// How long a killed actor may take to vanish before it is called unkillable.
pub const KILL_GRACE: Duration = Duration::from_secs(1);

/// Upper limit of the children of a dynamic supervisor, unless configured otherwise.
pub const CHILDREN_MAX: usize = 20_000;

/// Upper limit of the children of a dynamic supervisor that start at the same time, unless configured otherwise: enough
/// that a few slow starts delay nobody, few enough that ten thousand do not crowd everybody else out.
pub const STARTS_MAX: usize = 256;

/// Specification of a supervisor.
#[derive(Clone)]
pub struct SupervisorSpec {
    pub(crate) id: ChildId,
    pub(crate) strategy: Strategy,
    pub(crate) children: Vec<Arc<ChildSpec>>,
    pub(crate) policy: Escalation,
    pub(crate) group_budget: Budget,
    pub(crate) log_timeout: Duration,
    pub(crate) kill_grace: Duration,
    pub(crate) children_max: usize,
    pub(crate) starts_max: usize,
    pub(crate) shared: Arc<Shared>,
}

/// What survives a restart of the supervisor itself.
#[derive(Default)]
pub(crate) struct Shared {
    current: Mutex<Option<ActorRef<Msg>>>,
    roster: Mutex<Roster>,
}

/// Children added at run time, and every quarantine: a restart of the supervisor neither forgets the ones nor lifts the
/// others, and never brings back what was removed.
#[derive(Default)]
pub(crate) struct Roster {
    pub(crate) added: BTreeMap<ChildId, Arc<ChildSpec>>,
    pub(crate) quarantined: BTreeMap<ChildId, String>,
}

impl Shared {
    pub(crate) fn set_current(&self, supervisor: ActorRef<Msg>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(supervisor);
    }

    pub(crate) fn current(&self) -> Option<ActorRef<Msg>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A child that was added does not come back with the supervisor.
    pub(crate) fn strike(&self, id: &ChildId) {
        let mut roster = self.roster();
        if !planted(Bug::StaleChildRestarted) && roster.added.remove(id).is_some() {
            roster.quarantined.remove(id);
        }
    }

    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SupervisorSpec {
    fn new(id: impl Into<ChildId>, strategy: Strategy, children: Vec<ChildSpec>) -> Self {
        Self {
            id: id.into(),
            strategy,
            children: children.into_iter().map(Arc::new).collect(),
            policy: if strategy == Strategy::Dynamic { Escalation::Quarantine } else { Escalation::Escalate },
            group_budget: Budget::default(),
            log_timeout: LOG_TIMEOUT,
            kill_grace: KILL_GRACE,
            children_max: CHILDREN_MAX,
            starts_max: STARTS_MAX,
            shared: Arc::default(),
        }
    }

    /// Fixed children, started in order, independent afterwards. A spent budget escalates.
    pub fn one_for_one(id: impl Into<ChildId>, children: Vec<ChildSpec>) -> Self {
        Self::new(id, Strategy::OneForOne, children)
    }

    /// Fixed children that live and die together. A spent budget escalates.
    pub fn one_for_all(id: impl Into<ChildId>, children: Vec<ChildSpec>) -> Self {
        Self::new(id, Strategy::OneForAll, children)
    }

    /// Fixed children, each of which needs all earlier ones. A spent budget escalates.
    pub fn rest_for_one(id: impl Into<ChildId>, children: Vec<ChildSpec>) -> Self {
        Self::new(id, Strategy::RestForOne, children)
    }

    /// Independent children added and removed at run time. A spent budget quarantines the child.
    pub fn dynamic(id: impl Into<ChildId>) -> Self {
        Self::new(id, Strategy::Dynamic, Vec::new())
    }

    /// What to do when a child's budget is spent.
    pub fn on_exhausted(self, policy: Escalation) -> Self {
        Self { policy, ..self }
    }

    /// The supervisor's own budget, which bounds [`Escalation::Restart`].
    pub fn group_budget(self, group_budget: Budget) -> Self {
        Self { group_budget, ..self }
    }

    /// How long an escalation waits for the log.
    pub fn log_timeout(self, log_timeout: Duration) -> Self {
        Self { log_timeout, ..self }
    }

    /// How long a killed actor may take to vanish.
    pub fn kill_grace(self, kill_grace: Duration) -> Self {
        Self { kill_grace, ..self }
    }

    /// Upper limit of dynamic children.
    pub fn children_max(self, children_max: usize) -> Self {
        Self { children_max, ..self }
    }

    /// Upper limit of dynamic children that start at the same time, at least 1; the others wait for their turn.
    pub fn starts_max(self, starts_max: usize) -> Self {
        Self { starts_max: starts_max.max(1), ..self }
    }

    /// The handle of this supervisor. Take it before the spec is moved into the tree; it stays valid across restarts.
    pub fn handle(&self) -> SupervisorHandle {
        SupervisorHandle { shared: Arc::clone(&self.shared) }
    }

    /// Time its children need to stop in the worst case. Dynamic children stop together and are not known yet: what the
    /// default spec grants one child is granted to all.
    fn stop_time(&self) -> Duration {
        let one = |spec: &Arc<ChildSpec>| spec.shutdown.deadline + self.kill_grace;
        let fixed: Duration = self.children.iter().map(one).sum();
        fixed + Duration::from_secs(5) + self.kill_grace + self.log_timeout
    }

    /// Time its children need to come up in the worst case, one after the other.
    fn boot_time(&self) -> Duration {
        let one = |spec: &Arc<ChildSpec>| spec.start_timeout + spec.recovery_timeout.unwrap_or_default();
        self.children.iter().map(one).sum::<Duration>() * 2 + Duration::from_secs(5)
    }
}

impl From<SupervisorSpec> for ChildSpec {
    /// A supervisor as a child: Recovering until all its children run, stopped leaves first. Its shutdown deadline and
    /// recovery timeout follow from its children's; its budget is low, because budgets multiply up the tree.
    fn from(spec: SupervisorSpec) -> Self {
        let (id, stop_time, boot_time) = (spec.id.clone(), spec.stop_time(), spec.boot_time());
        let shared = Arc::clone(&spec.shared);
        Self::new(id, "supervisor", move |context: StartContext| {
            let spec = spec.clone();
            async move {
                let (name, parent) = (context.name.clone(), context.supervisor.clone());
                let args = SupervisorArgs {
                    spec,
                    path: context.name.clone(),
                    context: Some(context.clone()),
                    env: context.env,
                    tree: context.tree,
                };
                let (running, join) = Supervisor::spawn_linked(Some(name), Supervisor, args, parent).await?;
                Ok((running.into(), join))
            }
        })
        .budget(Budget { restarts: 2, consecutive: 2, ..Budget::default() })
        .recovers_within(boot_time)
        .shutdown_deadline(stop_time)
        .drain_with(move |_| SupervisorHandle { shared: Arc::clone(&shared) }.begin_shutdown())
    }
}
