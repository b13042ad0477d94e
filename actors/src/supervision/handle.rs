//! How the rest of the node talks to supervisors.

use std::sync::Arc;

use ractor::concurrency::JoinHandle;
use ractor::{Actor, SpawnErr};
use tokio::sync::oneshot;

use super::commands::{AddReply, ReleaseReply, StopReply, SupervisorGone};
use super::env::Env;
use super::spec::ChildSpec;
use super::state::{ChildId, ChildState};
use super::supervisor::{Msg, Supervisor, SupervisorArgs};
use super::supervisor_spec::{Shared, SupervisorSpec};
use super::tree::{TreeNode, TreeView};

/// A supervisor's address; valid across its restarts. Cheap to clone.
#[derive(Clone)]
pub struct SupervisorHandle {
    pub(crate) shared: Arc<Shared>,
}

impl SupervisorHandle {
    /// Adds a child to a dynamic supervisor. Returns as soon as its start has begun; the tree shows how it goes on.
    pub async fn add(&self, spec: ChildSpec) -> Result<AddReply, SupervisorGone> {
        self.ask(|reply| Msg::Add(Arc::new(spec), reply)).await
    }

    /// Adds many children to a dynamic supervisor by one message; each has its own answer, in the order of `specs`. Their
    /// starts have begun or wait for their turn ([`SupervisorSpec::starts_max`]) when it returns; one that fails to start
    /// touches no other. O(n log n) in one handler of the supervisor: some ten microseconds a child.
    pub async fn add_many(&self, specs: Vec<ChildSpec>) -> Result<Vec<AddReply>, SupervisorGone> {
        self.ask(|reply| Msg::AddMany(specs, reply)).await
    }

    /// Removes a child from a dynamic supervisor, for ever, and returns when it is really gone. A supervisor that is down
    /// does not bring it back either when it comes up again: it is then gone although the answer is [`SupervisorGone`].
    pub async fn remove(&self, id: impl Into<ChildId>) -> Result<StopReply, SupervisorGone> {
        let id = id.into();
        // Before the supervisor is looked up: one that comes up meanwhile makes itself known first and reads the roster then.
        self.shared.strike(&id);
        self.ask(|reply| Msg::Remove(id, reply)).await
    }

    /// Stops a child and keeps it down until [`Self::release`]; returns when it is really gone.
    pub async fn quarantine(
        &self,
        id: impl Into<ChildId>,
        reason: impl Into<String>,
    ) -> Result<StopReply, SupervisorGone> {
        let (id, reason) = (id.into(), reason.into());
        self.ask(|reply| Msg::Quarantine(id, reason, reply)).await
    }

    /// Lifts a quarantine; the child starts with a fresh budget.
    pub async fn release(&self, id: impl Into<ChildId>) -> Result<ReleaseReply, SupervisorGone> {
        let id = id.into();
        self.ask(|reply| Msg::Release(id, reply)).await
    }

    /// Begins the ordered shutdown, leaves first, and does not wait. Harmless if it runs already.
    pub fn begin_shutdown(&self) {
        if let Some(supervisor) = self.shared.current() {
            // Fails only when it is gone, which is what was wanted.
            let _ = supervisor.cast(Msg::Shutdown);
        }
    }

    /// No timeout here: every answer is bounded by the deadlines of the spec, and a supervisor that ends drops the reply.
    async fn ask<R>(&self, message: impl FnOnce(oneshot::Sender<R>) -> Msg) -> Result<R, SupervisorGone> {
        let (reply, answer) = oneshot::channel();
        let supervisor = self.shared.current().ok_or(SupervisorGone)?;
        supervisor.cast(message(reply)).map_err(|_gone| SupervisorGone)?;
        answer.await.map_err(|_gone| SupervisorGone)
    }
}

/// The running root of a tree.
pub struct Root {
    /// Commands to the root supervisor.
    pub handle: SupervisorHandle,
    /// The whole tree.
    pub view: TreeView,
    join: JoinHandle<()>,
}

impl Root {
    /// Starts a tree. Its children start one after the other from here on; [`Self::view`] shows how far they are.
    pub async fn start(spec: SupervisorSpec, env: Env) -> Result<Self, SpawnErr> {
        let handle = spec.handle();
        let tree = TreeNode::new(spec.id.clone(), "supervisor", 0);
        tree.publish(|facts| {
            facts.state = ChildState::Running;
            facts.generation = 1;
            facts.running_since = Some(env.epoch);
        });
        let view = TreeView { root: tree.clone() };
        let path = format!("{}/{}", env.node_id, spec.id);
        let args = SupervisorArgs { spec, path: path.clone(), context: None, env, tree };
        let (_, join) = Supervisor::spawn(Some(path), Supervisor, args).await?;
        Ok(Self { handle, view, join })
    }

    /// Waits until the root has ended by itself: it gave up, or somebody shut it down.
    pub async fn ended(&mut self) {
        if !self.join.is_finished() {
            // The task can not be cancelled from outside, and ractor catches its panics.
            let _ = (&mut self.join).await;
        }
        self.view.root.publish(|facts| {
            facts.state = ChildState::Stopped;
            facts.running_since = None;
        });
    }

    /// Stops the tree in order, leaves first, and returns when every actor is gone or was given up on. Bounded by the sum of
    /// the deadlines.
    pub async fn shutdown(mut self) -> TreeView {
        self.handle.begin_shutdown();
        self.ended().await;
        self.view
    }
}
