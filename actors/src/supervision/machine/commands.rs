//! Commands from outside: add, remove, quarantine, release, shutdown.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Effect, Intent, Machine};
use crate::supervision::commands::{AddReply, ReleaseReply, StopReply};
use crate::supervision::escalation::What;
use crate::supervision::spec::ChildSpec;
use crate::supervision::state::{ChildId, ChildState, StopOutcome};
use crate::supervision::strategy::Strategy;

impl Machine {
    pub(super) fn add(&mut self, spec: Arc<ChildSpec>) -> AddReply {
        if self.closing.is_some() {
            return AddReply::ShuttingDown;
        }
        if self.spec.strategy != Strategy::Dynamic {
            return AddReply::NotDynamic;
        }
        let id = spec.id.clone();
        if let Some(child) = self.children.get(&id) {
            match &child.state {
                ChildState::Quarantined(reason) => return AddReply::Quarantined(reason.clone()),
                ChildState::Stopping => return AddReply::Busy,
                ChildState::Stopped if child.escalating.is_some() => return AddReply::Busy,
                ChildState::Stopped if self.waiting.contains_key(&child.ticket) => {
                    return AddReply::AlreadyRunning;
                }
                // Ended by itself, for good: the id is free again.
                ChildState::Stopped => {}
                _ => return AddReply::AlreadyRunning,
            }
        } else if self.children.len() >= self.spec.children_max {
            return AddReply::Full;
        }
        self.spec.shared.roster().added.insert(id.clone(), Arc::clone(&spec));
        self.insert(spec);
        self.start_if_dynamic(&id);
        AddReply::Added
    }

    pub(super) fn remove(&mut self, id: &ChildId, reply: oneshot::Sender<StopReply>, now: Instant) {
        if self.spec.strategy != Strategy::Dynamic {
            let _ = reply.send(StopReply::NotDynamic);
            return;
        }
        // First of all, so that it does not come back with the supervisor either, whatever happens next. That holds while
        // closing too: a supervisor that goes down for a restart would bring it back.
        self.spec.shared.strike(id);
        self.spec.shared.roster().quarantined.remove(id);
        self.stop_on_request(id, Intent::Remove, reply, now);
    }

    pub(super) fn quarantine(
        &mut self,
        id: &ChildId,
        reason: String,
        reply: oneshot::Sender<StopReply>,
        now: Instant,
    ) {
        if let Some(ChildState::Quarantined(_)) = self.children.get(id).map(|child| &child.state) {
            // The first reason is the one to look into.
            let _ = reply.send(StopReply::Done(StopOutcome::WasDown));
            return;
        }
        if self.children.contains_key(id) {
            self.spec.shared.roster().quarantined.insert(id.clone(), reason.clone());
            self.mark_concerned(id);
        }
        self.stop_on_request(id, Intent::Quarantine(reason), reply, now);
    }

    fn stop_on_request(
        &mut self,
        id: &ChildId,
        intent: Intent,
        reply: oneshot::Sender<StopReply>,
        now: Instant,
    ) {
        let Some(child) = self.children.get_mut(id) else {
            let _ = reply.send(StopReply::NotFound);
            return;
        };
        if self.closing.is_some() {
            let _ = reply.send(StopReply::ShuttingDown);
            return;
        }
        child.waiters.push(reply);
        child.wanted = false;
        child.escalating = None;
        match child.state {
            ChildState::Stopping => {
                // Already on its way down: only what comes after changes, and removal is never taken back.
                child.admission.close();
                if child.intent != Some(Intent::Remove) {
                    child.intent = Some(intent);
                }
            }
            ChildState::Starting | ChildState::Recovering | ChildState::Running => {
                let deadline = child.spec.shutdown.deadline;
                self.begin_stop(id, intent, deadline);
                self.reconcile();
            }
            ChildState::Backoff { .. } | ChildState::Stopped | ChildState::Quarantined(_) => {
                self.turn(id);
                if let Intent::Quarantine(reason) = intent {
                    self.settle_quarantined(id, reason.clone());
                    self.log(id, What::Quarantined { reason }, now);
                    self.answer(id, StopOutcome::WasDown);
                    self.reconcile();
                } else {
                    self.forget(id, StopOutcome::WasDown, now);
                }
            }
        }
    }

    pub(super) fn release(&mut self, id: &ChildId, now: Instant) -> ReleaseReply {
        let Some(child) = self.children.get_mut(id) else { return ReleaseReply::NotFound };
        if self.closing.is_some() {
            return ReleaseReply::ShuttingDown;
        }
        if !matches!(child.state, ChildState::Quarantined(_)) {
            return ReleaseReply::NotQuarantined;
        }
        child.ledger.reset();
        child.wanted = true;
        child.node.publish(|facts| facts.ledger.reset());
        child.set_state(ChildState::Stopped);
        self.spec.shared.roster().quarantined.remove(id);
        self.log(id, What::Released, now);
        self.start_if_dynamic(id);
        ReleaseReply::Released
    }

    /// The child is quarantined from now on, across restarts of the supervisor too.
    pub(super) fn settle_quarantined(&mut self, id: &ChildId, reason: String) {
        let Some(child) = self.children.get_mut(id) else { return };
        child.wanted = false;
        child.bounce = false;
        child.escalating = None;
        child.set_state(ChildState::Quarantined(reason.clone()));
        self.spec.shared.roster().quarantined.insert(id.clone(), reason);
    }

    pub(super) fn forget(&mut self, id: &ChildId, outcome: StopOutcome, now: Instant) {
        self.log(id, What::Removed, now);
        self.turn(id);
        if let Some(mut child) = self.children.remove(id) {
            child.admission.close();
            child.answer(&StopReply::Done(outcome));
        }
        self.node.remove_child(id);
    }

    pub(super) fn answer(&mut self, id: &ChildId, outcome: StopOutcome) {
        if let Some(child) = self.children.get_mut(id) {
            child.answer(&StopReply::Done(outcome));
        }
    }

    /// Tells the child to go; `intent` says what happens when it is gone.
    pub(super) fn begin_stop(&mut self, id: &ChildId, intent: Intent, deadline: Duration) {
        let ticket = self.turn(id);
        let Some(child) = self.children.get_mut(id) else { return };
        if matches!(intent, Intent::Remove | Intent::Quarantine(_) | Intent::Shutdown) {
            child.admission.close();
        }
        // The failure of a killed child is judged by how long it had run, so its uptime outlives the state.
        let since = child.running_since;
        self.starting -= usize::from(child.state == ChildState::Starting);
        child.set_state(ChildState::Stopping);
        child.running_since = since;
        child.intent = Some(intent);
        self.out.push(Effect::Stop { id: id.clone(), ticket, deadline });
    }
}
