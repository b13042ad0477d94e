//! Carries events to the log in order, without ever making the supervisor wait.
//!
//! One task and one bounded queue per supervisor. Each write has a timeout; a log that missed it is "not written" for that
//! event and is asked again with the next. An event that finds the queue full is dropped and counted - unless an escalation
//! waits for it: that one is answered "not written" at once, so the act is never lost.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;

use super::escalation::{SupervisionEvent, SupervisionLog, What};
use super::supervisor::Msg;

/// Events waiting for the log at most; ten thousand children starting at once fit.
const QUEUE_MAX: usize = 16_384;

pub(crate) struct LogPump {
    queue: mpsc::Sender<(SupervisionEvent, bool)>,
    supervisor: ActorRef<Msg>,
    dropped: u64,
}

impl LogPump {
    /// Starts the carrier; it ends, the queue emptied, when the pump is dropped.
    pub(crate) fn start(log: Arc<dyn SupervisionLog>, limit: Duration, supervisor: ActorRef<Msg>) -> Self {
        let (queue, mut events) = mpsc::channel::<(SupervisionEvent, bool)>(QUEUE_MAX);
        let answers = supervisor.clone();
        tokio::spawn(async move {
            while let Some((event, ack)) = events.recv().await {
                let written = match timeout(limit, log.record(&event)).await {
                    Ok(Ok(())) => true,
                    Ok(Err(error)) => {
                        tracing::error!(%error, seq = event.seq, "supervision event refused by the log");
                        false
                    }
                    Err(_elapsed) => {
                        tracing::error!(seq = event.seq, "supervision event not taken by the log in time");
                        // Nobody is left to wait for a log that does not answer.
                        if events.is_closed() {
                            return;
                        }
                        false
                    }
                };
                if ack {
                    // Fails only when the supervisor is gone.
                    let _ = answers.cast(Msg::Acked { seq: event.seq, written });
                }
            }
        });
        Self { queue, supervisor, dropped: 0 }
    }

    pub(crate) fn offer(&mut self, event: SupervisionEvent, ack: bool) {
        trace(&event);
        if let Err(TrySendError::Full((event, _)) | TrySendError::Closed((event, _))) =
            self.queue.try_send((event, ack))
        {
            self.dropped += 1;
            tracing::error!(seq = event.seq, dropped = self.dropped, "supervision log queue is full");
            if ack {
                let _ = self.supervisor.cast(Msg::Acked { seq: event.seq, written: false });
            }
        }
    }
}

/// The same event for the operator's eyes, at the level it deserves.
fn trace(event: &SupervisionEvent) {
    let (supervisor, child, generation) = (&event.supervisor, &event.child, event.generation);
    match &event.what {
        What::Running | What::Ended { .. } | What::Removed | What::Stopped { .. } | What::Released => {
            tracing::debug!(%supervisor, %child, generation, what = ?event.what, "supervision");
        }
        What::Failed { .. } | What::Restarting { .. } | What::Poisoned { .. } => {
            tracing::warn!(%supervisor, %child, generation, what = ?event.what, "supervision");
        }
        What::Escalating { .. } | What::ActedUnjournalled { .. } | What::Quarantined { .. } => {
            tracing::error!(%supervisor, %child, generation, what = ?event.what, "supervision");
        }
    }
}
