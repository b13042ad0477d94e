//! What supervisors did, in the journal and where the node reacts to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use tensortrade_actors::market::hub::{HubCommand, HubHandle};
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::supervision::{NotLogged, SupervisionEvent, SupervisionLog, What};
use tensortrade_journal::Event;
use tensortrade_journal::event::{Supervision, SupervisionAction};
use tensortrade_market::{Clock, Symbol};

/// Longest wait for the record of an escalation; the supervisor has a limit of its own behind it.
const RECORD_DEADLINE: Duration = Duration::from_secs(1);

/// Journals failures, restarts, quarantines and escalations; tells the hub which symbols are given up on.
pub struct JournalledSupervision {
    /// Where events are recorded.
    pub journal: JournalDoor,
    /// Who stops waiting for a quarantined symbol.
    pub hub: HubHandle,
    /// Path of the supervisor whose children are symbols.
    pub symbols_path: String,
    /// Stamps the events.
    pub clock: Arc<dyn Clock>,
    /// Restarts so far.
    pub restarts: Arc<AtomicU64>,
}

impl SupervisionLog for JournalledSupervision {
    fn record<'a>(&'a self, event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>> {
        Box::pin(async move {
            let Some((action, reason)) = self.react(event) else { return Ok(()) };
            let waits = action == SupervisionAction::Escalated;
            let record: Event = Supervision {
                child: format!("{}/{}", event.supervisor, event.child),
                action,
                generation: event.generation,
                reason,
                ts: self.clock.now(),
            }
            .into();
            if !waits {
                self.journal.note(vec![record]);
                return Ok(());
            }
            self.journal.durable(vec![record], RECORD_DEADLINE).await.map(|_| ()).map_err(NotLogged)
        })
    }
}

impl JournalledSupervision {
    /// What is worth a record; starts and ordered stops are not.
    fn react(&self, event: &SupervisionEvent) -> Option<(SupervisionAction, String)> {
        let child = format!("{}/{}", event.supervisor, event.child);
        match &event.what {
            What::Failed { why } => {
                tracing::warn!(%child, why = %why, "a child failed");
                Some((SupervisionAction::Failed, why.to_string()))
            }
            What::Restarting { delay_ms } => {
                self.restarts.fetch_add(1, Ordering::Relaxed);
                Some((SupervisionAction::Restarted, format!("after {delay_ms} ms")))
            }
            What::Poisoned { input } => {
                tracing::warn!(%child, input, "an input that killed the child twice is left out");
                Some((SupervisionAction::Quarantined, format!("input {input}")))
            }
            What::Escalating { step, reason } => {
                tracing::error!(%child, ?step, %reason, "escalation");
                Some((SupervisionAction::Escalated, format!("{step:?}: {reason}")))
            }
            What::Quarantined { reason } => {
                tracing::error!(%child, %reason, "a child is given up");
                self.tell_hub(event, true);
                Some((SupervisionAction::GaveUp, reason.clone()))
            }
            What::Released => {
                self.tell_hub(event, false);
                Some((SupervisionAction::Started, "released from quarantine".into()))
            }
            What::ActedUnjournalled { step } => {
                tracing::error!(%child, ?step, "an escalation acted without its record");
                Some((SupervisionAction::Escalated, format!("acted without record: {step:?}")))
            }
            What::Running | What::Ended { .. } | What::Stopped { .. } | What::Removed => None,
        }
    }

    fn tell_hub(&self, event: &SupervisionEvent, quarantined: bool) {
        if event.supervisor.to_string() != self.symbols_path {
            return;
        }
        if let Ok(symbol) = Symbol::intern(&event.child.to_string())
            && self.hub.tell(HubCommand::Quarantine { symbol, quarantined }).is_err()
        {
            tracing::error!(%symbol, "the hub does not answer; its steps wait for this symbol until their deadline");
        }
    }
}
