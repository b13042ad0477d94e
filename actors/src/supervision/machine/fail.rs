//! Failures, restarts, and what follows a stop.

use std::time::Duration;

use tokio::time::Instant;

use super::deadlines::Due;
use super::{Intent, Machine};
use crate::supervision::budget::Verdict;
use crate::supervision::escalation::What;
use crate::supervision::spec::Restart;
use crate::supervision::state::{ChildId, ChildState, Exit, Failure, StopOutcome, millis};

impl Machine {
    /// Kills the child; the failure is booked when it is gone.
    pub(super) fn kill_for(&mut self, id: &ChildId, failure: Failure) {
        self.begin_stop(id, Intent::Fail(failure), Duration::ZERO);
    }

    pub(super) fn died(&mut self, id: &ChildId, ticket: u64, exit: Exit, now: Instant) {
        let Some(child) = self.children.get(id).filter(|child| child.ticket == ticket) else { return };
        if !matches!(child.state, ChildState::Running | ChildState::Recovering) {
            return;
        }
        match (exit, child.spec.restart) {
            (Exit::Normal(reason), Restart::Transient | Restart::Temporary) => {
                let reason = reason.unwrap_or_default();
                self.log(id, What::Ended { reason }, now);
                self.retire(id);
            }
            (Exit::Normal(reason), Restart::Permanent) => {
                self.failed(id, Failure::Ended { reason: reason.unwrap_or_default() }, now);
            }
            (Exit::Abnormal(failure), _) => self.failed(id, failure, now),
        }
    }

    /// The child ended and does not come back by itself.
    fn retire(&mut self, id: &ChildId) {
        self.spec.shared.roster().added.remove(id);
        if self.closing.is_some() {
            return self.down_while_closing(id);
        }
        self.turn(id);
        if let Some(child) = self.children.get_mut(id) {
            child.wanted = false;
            child.bounce = false;
            child.set_state(ChildState::Stopped);
        }
        self.reconcile();
    }

    /// Books a failure of a child that is down now, and decides what becomes of it and of its siblings.
    pub(super) fn failed(&mut self, id: &ChildId, failure: Failure, now: Instant) {
        self.log(id, What::Failed { why: failure.clone() }, now);
        let Some(child) = self.children.get_mut(id) else { return };
        let ran_for = child.running_since.map(|since| now.saturating_duration_since(since));
        let poisoned = child.poison.crashed_on(child.pulse.input());
        let said = failure.to_string();
        child.node.publish(|facts| {
            facts.last_failure = Some(said);
            facts.poisoned = child.poison.all();
        });
        if let Some(input) = poisoned {
            self.log(id, What::Poisoned { input }, now);
        }
        let Some(child) = self.children.get_mut(id) else { return };
        if child.spec.restart == Restart::Temporary {
            return self.retire(id);
        }
        if self.closing.is_some() {
            return self.down_while_closing(id);
        }
        let verdict = child.ledger.record(&child.spec.budget, now, ran_for);
        child.node.publish(|facts| facts.ledger = child.ledger.clone());
        let (backoff, generation) = (child.spec.backoff, child.generation);
        self.turn(id);
        self.mark_concerned(id);
        let halted = matches!(failure, Failure::Halted { .. } | Failure::Unkillable);
        match verdict {
            Verdict::Restart { attempt } if !halted => {
                let delay = backoff.delay(attempt, &mut self.rng);
                self.log(id, What::Restarting { delay_ms: millis(delay) }, now);
                let until = now + delay;
                if let Some(child) = self.children.get_mut(id) {
                    child.bounce = false;
                    child.set_state(ChildState::Backoff { until, generation });
                }
                if delay.is_zero() {
                    self.wake(id);
                } else {
                    self.arm(id, until, Due::Restart);
                    self.reconcile();
                }
            }
            Verdict::Restart { .. } => self.escalate(id, failure.to_string(), true, now),
            Verdict::Exhausted(limit) => self.escalate(id, format!("{limit}; last: {failure}"), halted, now),
        }
    }

    /// The delay of a restart is over - if it is still this restart that was meant.
    pub(super) fn backoff_over(&mut self, id: &ChildId, ticket: u64) {
        if self.children.get(id).is_some_and(|child| child.ticket == ticket) {
            self.wake(id);
        }
    }

    fn wake(&mut self, id: &ChildId) {
        let Some(child) = self.children.get_mut(id) else { return };
        if matches!(child.state, ChildState::Backoff { .. }) {
            child.due = None;
            child.set_state(ChildState::Stopped);
            self.start_if_dynamic(id);
        }
    }

    /// A stop that was asked for has ended: the intent says what comes next.
    pub(super) fn stop_done(&mut self, id: &ChildId, ticket: u64, outcome: StopOutcome, now: Instant) {
        let Some(child) = self.children.get_mut(id) else { return };
        if child.ticket != ticket || child.state != ChildState::Stopping {
            return;
        }
        let intent = child.intent.take().unwrap_or(Intent::Shutdown);
        let fail = matches!(intent, Intent::Fail(_));
        if !fail || outcome == StopOutcome::Unkillable {
            self.log(id, What::Stopped { outcome }, now);
        }
        if self.closing.is_some() {
            return self.down_while_closing(id);
        }
        let Some(child) = self.children.get_mut(id) else { return };
        // A failure is booked with the uptime it ended; every other stop shows the child down first.
        if !fail {
            child.set_state(ChildState::Stopped);
        }
        match intent {
            Intent::Remove => self.forget(id, outcome, now),
            Intent::Quarantine(reason) => {
                self.settle_quarantined(id, reason.clone());
                self.log(id, What::Quarantined { reason }, now);
                self.answer(id, outcome);
                self.reconcile();
            }
            Intent::Fail(_) if outcome == StopOutcome::Unkillable => {
                self.failed(id, Failure::Unkillable, now);
            }
            Intent::Fail(failure) => self.failed(id, failure, now),
            Intent::Bounce | Intent::Shutdown => {
                if outcome == StopOutcome::Unkillable {
                    return self.failed(id, Failure::Unkillable, now);
                }
                if let Some(child) = self.children.get_mut(id) {
                    child.bounce = false;
                }
                self.start_if_dynamic(id);
            }
        }
    }
}
