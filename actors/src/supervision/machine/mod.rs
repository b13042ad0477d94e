//! The decisions of a supervisor, as a machine without actors: inputs and the time go in, effects come out.
//!
//! Nothing here spawns, sleeps, sends or waits, so every race is a sequence of calls that a test can write down. The actor
//! in `supervisor.rs` turns messages into [`Input`]s and carries out [`Effect`]s.
//!
//! | File | Decides |
//! |---|---|
//! | `life.rs` | start, recovery, heartbeat |
//! | `fail.rs` | crash, restart, what follows a stop |
//! | `commands.rs` | add, remove, quarantine, release, shutdown |
//! | `order.rs` | who stops and starts next; the end |
//! | `escalate.rs` | the ladder, and its acknowledgement |

mod child;
mod commands;
mod deadlines;
mod escalate;
mod fail;
mod io;
mod life;
mod order;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

pub(crate) use self::child::{Child, Intent};
use self::deadlines::{Deadlines, Due};
use self::escalate::Pending;
pub(crate) use self::io::{Effect, Input};
use super::budget::Ledger;
use super::escalation::{EscalatedFailure, SupervisionEvent, What};
use super::spec::ChildSpec;
use super::state::{ChildId, ChildState, millis};
use super::supervisor_spec::SupervisorSpec;
use super::tree::TreeNode;

/// The machine.
pub(crate) struct Machine {
    spec: SupervisorSpec,
    path: ChildId,
    epoch: Instant,
    rng: ChaCha8Rng,
    node: TreeNode,
    children: BTreeMap<ChildId, Child>,
    /// Children in state Starting.
    starting: usize,
    /// Dynamic children that wait until fewer are starting, by ticket: first come, first served.
    waiting: BTreeMap<u64, ChildId>,
    /// Start order of fixed children; empty for a dynamic supervisor.
    order: Vec<ChildId>,
    deadlines: Deadlines,
    pending: BTreeMap<u64, Pending>,
    group: Ledger,
    booted_at: Instant,
    ready: bool,
    closing: Option<Closing>,
    next_ticket: u64,
    next_seq: u64,
    next_order: u64,
    out: Vec<Effect>,
}

/// The supervisor is on its way out.
struct Closing {
    failure: Option<EscalatedFailure>,
    /// Children that are not down yet.
    left: usize,
    finished: bool,
}

impl Machine {
    pub(crate) fn new(
        spec: SupervisorSpec,
        path: &str,
        epoch: Instant,
        rng: ChaCha8Rng,
        node: TreeNode,
        now: Instant,
    ) -> Self {
        Self {
            spec,
            path: path.into(),
            epoch,
            rng,
            node,
            children: BTreeMap::new(),
            starting: 0,
            waiting: BTreeMap::new(),
            order: Vec::new(),
            deadlines: Deadlines::default(),
            pending: BTreeMap::new(),
            group: Ledger::default(),
            booted_at: now,
            ready: false,
            closing: None,
            next_ticket: 0,
            next_seq: 0,
            next_order: 0,
            out: Vec::new(),
        }
    }

    /// Takes one input at time `now` and says what to do, in order.
    pub(crate) fn step(&mut self, input: Input, now: Instant) -> Vec<Effect> {
        match input {
            Input::Boot => self.boot(now),
            Input::Add { spec, reply } => {
                let answer = self.add(spec);
                let _ = reply.send(answer);
            }
            Input::AddMany { specs, reply } => {
                let answers = specs.into_iter().map(|spec| self.add(Arc::new(spec))).collect();
                let _ = reply.send(answers);
            }
            Input::Remove { id, reply } => self.remove(&id, reply, now),
            Input::Quarantine { id, reason, reply } => self.quarantine(&id, reason, reply, now),
            Input::Release { id, reply } => {
                let answer = self.release(&id, now);
                let _ = reply.send(answer);
            }
            Input::Shutdown => self.close(None),
            Input::StartDone { id, ticket, result } => self.start_done(&id, ticket, result, now),
            Input::Recovered { id, ticket } => self.recovered(&id, ticket, now),
            Input::Died { id, ticket, exit } => self.died(&id, ticket, exit, now),
            Input::StopDone { id, ticket, outcome } => self.stop_done(&id, ticket, outcome, now),
            Input::Acked { seq, written } => self.acked(seq, written, now),
            Input::Tick => self.tick(now),
        }
        self.start_waiting();
        std::mem::take(&mut self.out)
    }

    /// When the machine wants a [`Input::Tick`].
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.earliest()
    }

    pub(crate) fn child(&self, id: &ChildId) -> Option<&Child> {
        self.children.get(id)
    }

    /// Whether a start with this ticket is still the one waited for.
    pub(crate) fn awaits_start(&self, id: &ChildId, ticket: u64) -> bool {
        self.children
            .get(id)
            .is_some_and(|child| child.ticket == ticket && child.state == ChildState::Starting)
    }

    pub(crate) fn supervisor_spec(&self) -> &SupervisorSpec {
        &self.spec
    }

    fn boot(&mut self, now: Instant) {
        self.node.clear_children();
        self.booted_at = now;
        let fixed = self.spec.children.clone();
        for spec in fixed {
            let id = spec.id.clone();
            if self.children.contains_key(&id) {
                // Two children of one id can not both be addressed: the second is a mistake of wiring, said once and loudly.
                tracing::error!(supervisor = %self.path, child = %id, "duplicate child id ignored");
                continue;
            }
            self.insert(spec);
            self.order.push(id);
        }
        let shared = Arc::clone(&self.spec.shared);
        let (added, quarantined) = {
            let roster = shared.roster();
            (roster.added.clone(), roster.quarantined.clone())
        };
        for (_, spec) in added {
            self.insert(spec);
        }
        for (id, reason) in quarantined {
            self.settle_quarantined(&id, reason);
        }
        let ids: Vec<ChildId> = self.children.keys().cloned().collect();
        for id in ids {
            self.start_if_dynamic(&id);
        }
        self.reconcile();
    }

    fn insert(&mut self, spec: Arc<ChildSpec>) {
        let id = spec.id.clone();
        let node = self.node.add_child(id.clone(), spec.kind, self.next_order);
        self.next_order += 1;
        self.children.insert(id, Child::new(spec, self.epoch, node));
    }

    /// A new ticket for a child whose life takes a turn: everything under way for the old one is stale from here.
    fn turn(&mut self, id: &ChildId) -> u64 {
        self.next_ticket += 1;
        if let Some(child) = self.children.get_mut(id) {
            self.waiting.remove(&child.ticket);
            child.ticket = self.next_ticket;
            if let Some(key) = child.due.take() {
                self.deadlines.take_back(key);
            }
        }
        self.next_ticket
    }

    fn arm(&mut self, id: &ChildId, at: Instant, due: impl FnOnce(ChildId, u64) -> Due) {
        if let Some(child) = self.children.get_mut(id) {
            if let Some(key) = child.due.take() {
                self.deadlines.take_back(key);
            }
            child.due = Some(self.deadlines.add(at, due(id.clone(), child.ticket)));
        }
    }

    fn log(&mut self, id: &ChildId, what: What, now: Instant) -> u64 {
        self.log_with(id, what, false, now)
    }

    fn log_with(&mut self, id: &ChildId, what: What, ack: bool, now: Instant) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let event = SupervisionEvent {
            seq,
            at_ms: millis(now.saturating_duration_since(self.epoch)),
            supervisor: self.path.clone(),
            child: id.clone(),
            generation: self.children.get(id).map_or(0, |child| child.generation),
            what,
        };
        self.out.push(Effect::Log { event, ack });
        seq
    }

    fn tick(&mut self, now: Instant) {
        // Bounded: each entry popped was added earlier, and a heartbeat is re-armed in the future only.
        while let Some(due) = self.deadlines.pop_due(now) {
            match due {
                Due::Restart(id, ticket) => self.backoff_over(&id, ticket),
                Due::Recovery(id, ticket) => self.recovery_overdue(&id, ticket),
                Due::Heartbeat(id, ticket) => self.look_at_pulse(&id, ticket, now),
                Due::Ack(seq) => self.acked(seq, false, now),
            }
        }
    }
}
