//! The life of a child while all goes well: start, recovery, signs of life.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::deadlines::Due;
use super::{Effect, Machine};
use crate::supervision::escalation::What;
use crate::supervision::heartbeat::Pulse;
use crate::supervision::permits::Admission;
use crate::supervision::state::{ChildId, ChildState, Failure, millis};
use crate::supervision::strategy::Strategy;

/// A heartbeat interval of zero would make a tick that never ends.
const HEARTBEAT_INTERVAL_MIN: Duration = Duration::from_millis(1);

impl Machine {
    pub(super) fn start(&mut self, id: &ChildId) {
        let ticket = self.turn(id);
        let Some(child) = self.children.get_mut(id) else { return };
        child.generation += 1;
        child.pulse = Arc::new(Pulse::new(self.epoch));
        child.pinged_at = None;
        child.excused_until = None;
        child.recovered_early = false;
        child.intent = None;
        child.bounce = false;
        if child.admission.is_closed() {
            child.admission = Admission::new(child.spec.inflight_limit);
        }
        child.node.publish(|facts| {
            facts.generation = child.generation;
            facts.pulse = Some(Arc::clone(&child.pulse));
            facts.admission = Some(child.admission.clone());
        });
        child.set_state(ChildState::Starting);
        self.starting += 1;
        self.out.push(Effect::Start { id: id.clone(), ticket });
    }

    /// Independent children start whenever they should run, a limited number at a time; ordered ones wait for `reconcile`.
    pub(super) fn start_if_dynamic(&mut self, id: &ChildId) {
        if self.spec.strategy != Strategy::Dynamic {
            return self.reconcile();
        }
        let waits = self.children.get(id).is_some_and(|child| {
            child.wanted && child.state == ChildState::Stopped && child.escalating.is_none()
        });
        if !waits || self.closing.is_some() {
            return;
        }
        if self.starting < self.spec.starts_max {
            self.start(id);
        } else {
            let ticket = self.turn(id);
            self.waiting.insert(ticket, id.clone());
        }
    }

    /// Starts those that waited for their turn, as far as there is room. O(1) when nobody waits.
    pub(super) fn start_waiting(&mut self) {
        while self.closing.is_none() && self.starting < self.spec.starts_max {
            let Some((_, id)) = self.waiting.pop_first() else { return };
            self.start(&id);
        }
    }

    pub(super) fn start_done(
        &mut self,
        id: &ChildId,
        ticket: u64,
        result: Result<(), Failure>,
        now: Instant,
    ) {
        if !self.awaits_start(id, ticket) {
            return;
        }
        self.starting -= 1;
        if let Err(failure) = result {
            return self.failed(id, failure, now);
        }
        let Some(child) = self.children.get_mut(id) else { return };
        match child.spec.recovery_timeout {
            Some(limit) if !child.recovered_early => {
                child.set_state(ChildState::Recovering);
                self.arm(id, now + limit, Due::Recovery);
            }
            _ => self.now_running(id, now),
        }
    }

    pub(super) fn recovered(&mut self, id: &ChildId, ticket: u64, now: Instant) {
        let Some(child) = self.children.get_mut(id).filter(|child| child.ticket == ticket) else { return };
        match child.state {
            ChildState::Starting => child.recovered_early = true,
            ChildState::Recovering => self.now_running(id, now),
            _ => {}
        }
    }

    fn now_running(&mut self, id: &ChildId, now: Instant) {
        let Some(child) = self.children.get_mut(id) else { return };
        child.booted = true;
        child.running_since = Some(now);
        child.set_state(ChildState::Running);
        let heartbeat = child.spec.heartbeat;
        if let Some(key) = child.due.take() {
            self.deadlines.take_back(key);
        }
        if let Some(heartbeat) = heartbeat {
            // The first ping goes out at once: a child that never answers is found one limit after its start.
            self.out.push(Effect::Ping { id: id.clone() });
            let next = now + heartbeat.interval.max(HEARTBEAT_INTERVAL_MIN);
            if let Some(child) = self.children.get_mut(id) {
                child.pinged_at = Some(now);
                child.look_at = Some(next);
            }
            self.arm(id, next, Due::Heartbeat);
        }
        self.log(id, What::Running, now);
        self.reconcile();
    }

    pub(super) fn recovery_overdue(&mut self, id: &ChildId, ticket: u64) {
        let Some(child) = self.children.get(id).filter(|child| child.ticket == ticket) else { return };
        if child.state == ChildState::Recovering {
            let limit_ms = millis(child.spec.recovery_timeout.unwrap_or_default());
            self.kill_for(id, Failure::RecoveryTimeout { limit_ms });
            self.reconcile();
        }
    }

    pub(super) fn look_at_pulse(&mut self, id: &ChildId, ticket: u64, now: Instant) {
        let Some(child) = self.children.get_mut(id).filter(|child| child.ticket == ticket) else { return };
        let (Some(heartbeat), Some(since)) = (child.spec.heartbeat, child.running_since) else { return };
        let interval = heartbeat.interval.max(HEARTBEAT_INTERVAL_MIN);
        // The whole process stood still (it was stopped, or the machine slept): nobody could answer, and nobody is hung.
        if child.look_at.is_some_and(|due| now.saturating_duration_since(due) > interval) {
            child.excused_until = Some(now);
        }
        let since = child.excused_until.map_or(since, |until| until.max(since));
        let last = child.pulse.last_beat().map_or(since, |beat| beat.max(since));
        let silence = now.saturating_duration_since(last);
        if heartbeat.is_hung(silence) {
            self.kill_for(id, Failure::Hung { silent_ms: millis(silence) });
            return self.reconcile();
        }
        // One ping at a time: an actor that does not answer collects no second one.
        let answered =
            child.pinged_at.is_none_or(|pinged| child.pulse.last_beat().is_some_and(|b| b >= pinged));
        if answered {
            child.pinged_at = Some(now);
            self.out.push(Effect::Ping { id: id.clone() });
        }
        child.look_at = Some(now + interval);
        self.arm(id, now + interval, Due::Heartbeat);
    }
}
