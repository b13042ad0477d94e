//! Who stops and starts next among siblings that depend on each other, and the way out.

use super::{Child, Closing, Effect, Intent, Machine};
use crate::supervision::commands::StopReply;
use crate::supervision::escalation::EscalatedFailure;
use crate::supervision::state::{ChildId, ChildState};
use crate::supervision::strategy::{Readiness, Standing, Strategy};

impl Machine {
    /// Marks the living siblings that a failure of `id` concerns: they go down, last first, and come back in order.
    pub(super) fn mark_concerned(&mut self, id: &ChildId) {
        let Some(position) = self.order.iter().position(|other| other == id) else { return };
        for other in &self.order[self.spec.strategy.concerned(position, self.order.len())] {
            if other == id {
                continue;
            }
            if let Some(child) = self.children.get_mut(other)
                && child.state.is_alive()
            {
                child.bounce = true;
            }
        }
    }

    /// Brings ordered siblings one step nearer to where they should be. Called after every change; O(children) for fixed
    /// children, O(1) for dynamic ones.
    pub(super) fn reconcile(&mut self) {
        if self.closing.is_some() {
            return self.close_step();
        }
        if self.spec.strategy != Strategy::Dynamic {
            if !self.bounce_step() {
                return;
            }
            self.start_step();
        }
        self.announce_ready();
    }

    /// Stops the last marked sibling, if one still lives; true when none does.
    fn bounce_step(&mut self) -> bool {
        for position in (0..self.order.len()).rev() {
            let id = self.order[position].clone();
            let Some(child) = self.children.get_mut(&id) else { continue };
            if !child.bounce {
                continue;
            }
            if child.state.is_alive() {
                let deadline = child.spec.shutdown.deadline;
                self.begin_stop(&id, Intent::Bounce, deadline);
                return false;
            }
            if child.state == ChildState::Stopping {
                return false;
            }
            child.bounce = false;
        }
        true
    }

    fn start_step(&mut self) {
        for position in 0..self.order.len() {
            let readiness: Vec<Readiness> =
                self.order.iter().filter_map(|id| self.children.get(id)).map(Child::readiness).collect();
            let id = self.order[position].clone();
            let waits = self.children.get(&id).is_some_and(|child| {
                child.wanted && child.state == ChildState::Stopped && child.escalating.is_none()
            });
            if waits && self.spec.strategy.may_start(position, &readiness) {
                self.start(&id);
            }
        }
    }

    /// Says once that every fixed child has come up (or has ended, or is quarantined): the parent's Recovering ends.
    fn announce_ready(&mut self) {
        if self.ready {
            return;
        }
        let all = self.order.iter().filter_map(|id| self.children.get(id)).all(|child| {
            child.booted || child.readiness().standing != Standing::Coming && child.escalating.is_none()
        });
        if all {
            self.ready = true;
            self.out.push(Effect::Ready);
        }
    }

    /// Stops everything: fixed children last first, one after the other; dynamic ones together.
    pub(super) fn close(&mut self, failure: Option<EscalatedFailure>) {
        if self.closing.is_some() {
            return;
        }
        let up = |child: &&mut Child| child.state.is_alive() || child.state == ChildState::Stopping;
        let left = self.children.values_mut().filter(up).count();
        self.closing = Some(Closing { failure, left, finished: false });
        let ids: Vec<ChildId> = self.children.keys().cloned().collect();
        for id in &ids {
            let Some(child) = self.children.get_mut(id) else { continue };
            child.wanted = false;
            child.admission.close();
            child.answer(&StopReply::ShuttingDown);
            let deadline = child.spec.shutdown.deadline;
            if matches!(child.state, ChildState::Backoff { .. }) {
                child.set_state(ChildState::Stopped);
                self.turn(id);
            } else if child.state.is_alive() && self.spec.strategy == Strategy::Dynamic {
                self.begin_stop(id, Intent::Shutdown, deadline);
            }
        }
        self.close_step();
    }

    pub(super) fn close_step(&mut self) {
        for position in (0..self.order.len()).rev() {
            let id = self.order[position].clone();
            let Some(child) = self.children.get(&id) else { continue };
            if child.state == ChildState::Stopping {
                return;
            }
            if child.state.is_alive() {
                let deadline = child.spec.shutdown.deadline;
                return self.begin_stop(&id, Intent::Shutdown, deadline);
            }
        }
        // A step that reaches beyond the tree is not lost because the tree goes down; its wait is bounded.
        let owed = self.pending.values().any(|pending| pending.reaches_out());
        if let Some(closing) = &mut self.closing
            && closing.left == 0
            && !closing.finished
            && !owed
        {
            closing.finished = true;
            let failure = closing.failure.take();
            self.out.push(Effect::Finish(failure));
        }
    }

    /// A child that was up when closing began is down.
    pub(super) fn down_while_closing(&mut self, id: &ChildId) {
        self.turn(id);
        if let Some(child) = self.children.get_mut(id) {
            child.set_state(ChildState::Stopped);
        }
        if let Some(closing) = &mut self.closing {
            closing.left = closing.left.saturating_sub(1);
        }
        self.close_step();
    }

    /// Restarts all children with fresh budgets.
    pub(super) fn bounce_all(&mut self) {
        let ids: Vec<ChildId> = self.children.keys().cloned().collect();
        for id in &ids {
            let Some(child) = self.children.get_mut(id) else { continue };
            child.ledger.reset();
            child.bounce = child.state.is_alive();
            let deadline = child.spec.shutdown.deadline;
            if child.bounce && self.spec.strategy == Strategy::Dynamic {
                self.begin_stop(id, Intent::Bounce, deadline);
            }
        }
        for id in &ids {
            self.start_if_dynamic(id);
        }
    }
}
