//! The tree as seen from outside: fed by supervisors when something changes, read by anyone at any time.
//!
//! Reading takes short locks of the view only; no message is sent and no actor is asked, so a busy, hung or dead
//! supervisor still shows its last known children. Ages, uptimes and window counts are computed at reading time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::budget::Ledger;
use super::heartbeat::Pulse;
use super::permits::Admission;
use super::state::{ChildId, ChildState, millis};

/// One place of the tree. Clones share it.
#[derive(Clone)]
pub(crate) struct TreeNode(Arc<Inner>);

struct Inner {
    id: ChildId,
    kind: &'static str,
    order: u64,
    facts: Mutex<Facts>,
    children: Mutex<BTreeMap<ChildId, TreeNode>>,
}

/// What a supervisor publishes about a child.
pub(crate) struct Facts {
    pub(crate) state: ChildState,
    pub(crate) generation: u64,
    pub(crate) ledger: Ledger,
    pub(crate) window: Duration,
    pub(crate) last_failure: Option<String>,
    pub(crate) poisoned: Vec<u64>,
    pub(crate) running_since: Option<Instant>,
    pub(crate) heartbeat: bool,
    pub(crate) pulse: Option<Arc<Pulse>>,
    pub(crate) admission: Option<Admission>,
}

/// A panic while a lock was held leaves plain data behind: readable all the same.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TreeNode {
    pub(crate) fn new(id: ChildId, kind: &'static str, order: u64) -> Self {
        Self(Arc::new(Inner {
            id,
            kind,
            order,
            facts: Mutex::new(Facts {
                state: ChildState::Stopped,
                generation: 0,
                ledger: Ledger::default(),
                window: Duration::ZERO,
                last_failure: None,
                poisoned: Vec::new(),
                running_since: None,
                heartbeat: false,
                pulse: None,
                admission: None,
            }),
            children: Mutex::new(BTreeMap::new()),
        }))
    }

    pub(crate) fn add_child(&self, id: ChildId, kind: &'static str, order: u64) -> TreeNode {
        let child = TreeNode::new(id.clone(), kind, order);
        lock(&self.0.children).insert(id, child.clone());
        child
    }

    pub(crate) fn remove_child(&self, id: &ChildId) {
        lock(&self.0.children).remove(id);
    }

    pub(crate) fn clear_children(&self) {
        lock(&self.0.children).clear();
    }

    pub(crate) fn publish(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut lock(&self.0.facts));
    }

    fn child(&self, id: &ChildId) -> Option<TreeNode> {
        lock(&self.0.children).get(id).cloned()
    }

    /// Depth is that of the supervision tree, which code fixes; breadth is copied before descending, so no lock is held
    /// across levels.
    fn snapshot(&self, now: Instant) -> TreeSnapshot {
        let mut children: Vec<TreeNode> = lock(&self.0.children).values().cloned().collect();
        children.sort_by_key(|child| child.0.order);
        let facts = lock(&self.0.facts);
        let since = facts.running_since;
        let own = TreeSnapshot {
            id: self.0.id.to_string(),
            kind: self.0.kind.to_owned(),
            state: StateView::of(&facts.state, now),
            generation: facts.generation,
            restarts: facts.generation.saturating_sub(1),
            failures_in_window: facts.ledger.in_window(facts.window, now),
            last_failure: facts.last_failure.clone(),
            poisoned: facts.poisoned.clone(),
            mailbox: facts.admission.as_ref().map(|door| MailboxUse {
                in_use: door.in_use(),
                limit: door.limit(),
                refused: door.refused(),
            }),
            heartbeat_age_ms: match (&facts.pulse, since, facts.heartbeat) {
                (Some(pulse), Some(since), true) => {
                    Some(millis(now.duration_since(pulse.last_beat().unwrap_or(since).max(since))))
                }
                _ => None,
            },
            uptime_ms: since.map(|since| millis(now.duration_since(since))),
            children: Vec::new(),
        };
        drop(facts);
        TreeSnapshot { children: children.iter().map(|child| child.snapshot(now)).collect(), ..own }
    }
}

/// The whole tree, readable from anywhere at any time.
#[derive(Clone)]
pub struct TreeView {
    pub(crate) root: TreeNode,
}

impl TreeView {
    /// A consistent-per-node copy of the tree as it is now.
    pub fn snapshot(&self) -> TreeSnapshot {
        self.root.snapshot(Instant::now())
    }

    /// One node and what hangs below it, by its ids from below the root; `None` where there is none.
    pub fn find(&self, path: &[&str]) -> Option<TreeSnapshot> {
        let node = path.iter().try_fold(self.root.clone(), |node, id| node.child(&ChildId::from(*id)))?;
        Some(node.snapshot(Instant::now()))
    }
}

/// A node of the tree at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TreeSnapshot {
    /// Its id inside its supervisor.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// Its state.
    pub state: StateView,
    /// Incarnations so far.
    pub generation: u64,
    /// Incarnations after the first.
    pub restarts: u64,
    /// Failures inside the sliding window of its budget.
    pub failures_in_window: u32,
    /// What its last failure said.
    pub last_failure: Option<String>,
    /// Inputs it was told to skip.
    pub poisoned: Vec<u64>,
    /// Use of its mailbox.
    pub mailbox: Option<MailboxUse>,
    /// Time since its last sign of life, if it has a heartbeat and runs.
    pub heartbeat_age_ms: Option<u64>,
    /// Time since this incarnation runs.
    pub uptime_ms: Option<u64>,
    /// What it supervises, in start order.
    pub children: Vec<TreeSnapshot>,
}

impl TreeSnapshot {
    /// Every node of this part of the tree, parents first, each with its depth.
    pub fn flatten(&self) -> Vec<(usize, &TreeSnapshot)> {
        let mut out = Vec::new();
        let mut queue = VecDeque::from([(0, self)]);
        while let Some((depth, node)) = queue.pop_front() {
            out.push((depth, node));
            for child in node.children.iter().rev() {
                queue.push_front((depth + 1, child));
            }
        }
        out
    }
}

/// Places of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MailboxUse {
    /// Taken now.
    pub in_use: usize,
    /// Altogether.
    pub limit: usize,
    /// Messages refused so far.
    pub refused: u64,
}

/// [`ChildState`] for readers outside: times are relative.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[allow(missing_docs, reason = "the variants are those of ChildState")]
pub enum StateView {
    Starting,
    Recovering,
    Running,
    Backoff { remaining_ms: u64, generation: u64 },
    Quarantined { reason: String },
    Stopping,
    Stopped,
}

impl StateView {
    fn of(state: &ChildState, now: Instant) -> Self {
        match state {
            ChildState::Starting => Self::Starting,
            ChildState::Recovering => Self::Recovering,
            ChildState::Running => Self::Running,
            ChildState::Backoff { until, generation } => Self::Backoff {
                remaining_ms: millis(until.saturating_duration_since(now)),
                generation: *generation,
            },
            ChildState::Quarantined(reason) => Self::Quarantined { reason: reason.clone() },
            ChildState::Stopping => Self::Stopping,
            ChildState::Stopped => Self::Stopped,
        }
    }
}
