//! The ladder: a spent budget is logged, acknowledged, then acted on.

use tokio::time::Instant;

use super::deadlines::{Due, DueKey};
use super::{Effect, Machine};
use crate::supervision::budget::Verdict;
use crate::supervision::escalation::{EscalatedFailure, Escalation, What};
use crate::supervision::state::{ChildId, ChildState};
use crate::supervision::strategy::action_for;

/// A step that waits for the log.
pub(super) struct Pending {
    id: ChildId,
    ticket: u64,
    step: Escalation,
    reason: String,
    due: DueKey,
}

impl Pending {
    /// Whether the step touches more than this tree.
    pub(super) fn reaches_out(&self) -> bool {
        matches!(self.step, Escalation::TripBreaker { .. } | Escalation::Exit { .. })
    }
}

impl Machine {
    /// The child is down and has no restart left: offers the step to the log and waits for its answer, not for long.
    pub(super) fn escalate(&mut self, id: &ChildId, reason: String, halted: bool, now: Instant) {
        let Some(child) = self.children.get(id) else { return };
        let step = action_for(&self.spec.policy, child.spec.critical, halted);
        self.offer(id, step, reason, now);
    }

    fn offer(&mut self, id: &ChildId, step: Escalation, reason: String, now: Instant) {
        let ticket = self.turn(id);
        let what = What::Escalating { step: step.clone(), reason: reason.clone() };
        let seq = self.log_with(id, what, true, now);
        if let Some(child) = self.children.get_mut(id) {
            child.escalating = Some(seq);
            child.bounce = false;
            child.set_state(ChildState::Stopped);
        }
        let due = self.deadlines.add(now + self.spec.log_timeout, Due::Ack(seq));
        self.pending.insert(seq, Pending { id: id.clone(), ticket, step, reason, due });
        self.reconcile();
    }

    /// The log answered, or its time is up: acts, once.
    pub(super) fn acked(&mut self, seq: u64, written: bool, now: Instant) {
        let Some(pending) = self.pending.remove(&seq) else { return };
        self.deadlines.take_back(pending.due);
        if !written {
            self.log(&pending.id, What::ActedUnjournalled { step: pending.step.clone() }, now);
        }
        self.act(pending, now);
        if self.closing.is_some() {
            self.close_step();
        }
    }

    fn act(&mut self, pending: Pending, now: Instant) {
        let Pending { id, ticket, step, reason, .. } = pending;
        // The child may have been removed, or quarantined by hand, while the log was writing: then only the part of the
        // step that reaches beyond the child is left to do.
        let current = self.children.get(&id).is_some_and(|child| child.ticket == ticket);
        match step {
            Escalation::Quarantine => {}
            Escalation::TripBreaker { scope } => {
                self.out.push(Effect::Trip { scope, reason: reason.clone() });
            }
            Escalation::Exit { code } => self.out.push(Effect::Exit { code, reason: reason.clone() }),
            Escalation::Restart if current => return self.restart_group(&id, reason, now),
            Escalation::Escalate if current => {
                let failure = EscalatedFailure { supervisor: self.path.to_string(), child: id, reason };
                return self.close(Some(failure));
            }
            Escalation::Restart | Escalation::Escalate => return,
        }
        if current && self.closing.is_none() {
            self.settle_quarantined(&id, reason.clone());
            self.log(&id, What::Quarantined { reason }, now);
            self.reconcile();
        }
    }

    /// Restarts all children, as often as the supervisor's own budget allows; then the supervisor above decides.
    fn restart_group(&mut self, id: &ChildId, reason: String, now: Instant) {
        let ran_for = now.saturating_duration_since(self.booted_at);
        match self.group.record(&self.spec.group_budget, now, Some(ran_for)) {
            Verdict::Restart { .. } => {
                self.booted_at = now;
                if let Some(child) = self.children.get_mut(id) {
                    child.escalating = None;
                }
                self.bounce_all();
            }
            Verdict::Exhausted(limit) => {
                self.offer(id, Escalation::Escalate, format!("group restarts: {limit}; last: {reason}"), now);
            }
        }
    }
}
