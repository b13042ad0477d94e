//! From risk's verdicts to orders on their way: recorded first, then handed to the session.

use std::time::Duration;

use tensortrade_execution::{ExecutionEvent, Submission};
use tensortrade_journal::{Event, event};
use tensortrade_market::Qty;
use tensortrade_risk::breaker::BreakerState;

use super::{ExecutionState, Judged};
use crate::ops::journal::JournalMsg;
use crate::trading::portfolio::OrderProgress;
use crate::trading::session::SessionMsg;

/// Longest wait for the commit that must precede a send.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);

impl ExecutionState {
    pub(super) async fn judged(&mut self, judged: Judged) {
        let now = judged.tag.ts;
        let mut events: Vec<Event> = Vec::new();
        let mut progress = Vec::new();
        let mut to_send = Vec::new();
        for refused in judged.refused {
            self.refused += 1;
            let (intent, refusal) = refused.into_parts();
            let record = event::Refused {
                intent_id: intent.id.clone(),
                terms: intent.terms,
                code: refusal.code.to_string(),
                detail: refusal.detail,
                ts: now,
            };
            events.push(intent.into());
            events.push(record.into());
        }
        let gate = self.args.breaker.gate.state();
        for approved in judged.approved {
            // A trip between approval and record: what adds risk stays here.
            let blocked = match gate {
                BreakerState::Normal => false,
                BreakerState::Reducing => !approved.is_reducing(),
                BreakerState::Halted => true,
            };
            if blocked {
                self.refused += 1;
                let id = approved.reservation_id().clone();
                let intent = approved.into_value();
                let refused = event::Refused {
                    intent_id: intent.id.clone(),
                    terms: intent.terms,
                    code: "breaker".into(),
                    detail: format!("the breaker is {} since the approval", gate.as_str()),
                    ts: now,
                };
                events.extend([intent.into(), refused.into()]);
                progress.push(OrderProgress::Done(id, Qty::ZERO));
                continue;
            }
            let intent = approved.value().clone();
            let record = event::Approved {
                intent_id: intent.id.clone(),
                terms: *approved.terms(),
                approved_at: approved.approved_at(),
                expires_at: approved.expires_at(),
                reservation: approved.reserved(),
            };
            let id = intent.client_order_id();
            match self.args.book.submit(approved, now) {
                Ok(Submission::Send { client_order_id, terms }) => {
                    let outbox = event::Submitted {
                        client_order_id: client_order_id.clone(),
                        intent_id: intent.id.clone(),
                        terms,
                        lease_epoch: self.args.lease_epoch,
                        ts: now,
                    };
                    events.extend([intent.into(), record.into(), outbox.into()]);
                    to_send.push((client_order_id, terms));
                }
                Ok(Submission::Already(state)) => {
                    tracing::warn!(%id, %state, "an intent came again: nothing is sent")
                }
                Err(error) => {
                    let refused = event::Refused {
                        intent_id: intent.id.clone(),
                        terms: intent.terms,
                        code: "execution".into(),
                        detail: error.to_string(),
                        ts: now,
                    };
                    events.extend([intent.into(), record.into(), refused.into()]);
                    progress.push(OrderProgress::Done(id, Qty::ZERO));
                }
            }
        }
        let mut to_cancel = Vec::new();
        for id in judged.cancels {
            let out = self
                .args
                .book
                .apply(&ExecutionEvent::CancelRequested { client_order_id: id.clone(), ts: now });
            if out.refused.is_none() {
                to_cancel.push(id);
            }
            self.note(&out, now, &mut events, &mut progress);
        }
        // Only what is about to be sent must be durable first; refusals alone wait for nobody.
        let recorded = if to_send.is_empty() && to_cancel.is_empty() {
            self.record(events).await;
            Ok(())
        } else {
            self.make_durable(events).await
        };
        match recorded {
            Ok(()) => {
                for (id, terms) in to_send {
                    self.args.session.cast(SessionMsg::Place {
                        id,
                        terms,
                        now,
                        decided: Some(judged.decided),
                    });
                }
                for id in to_cancel {
                    self.args.session.cast(SessionMsg::Cancel { id, now });
                }
            }
            Err(why) => {
                tracing::error!(%why, "orders are not sent, because they cannot be recorded");
                let mut events = Vec::new();
                for (client_order_id, _) in to_send {
                    let reason = format!("not recorded: {why}");
                    let event = ExecutionEvent::Withdrawn {
                        client_order_id: client_order_id.clone(),
                        reason,
                        ts: now,
                    };
                    let out = self.args.book.apply(&event);
                    self.note(&out, now, &mut events, &mut progress);
                }
                // A record that came too late for the order may still be written: then this is written behind it.
                self.record(events).await;
            }
        }
        self.forward(progress);
        self.publish();
        self.args.gate.done(judged.tag.ts);
    }

    /// One commit for everything the step leads to.
    pub(super) async fn make_durable(&self, events: Vec<Event>) -> Result<(), String> {
        if events.is_empty() {
            return Ok(());
        }
        let answer = self
            .args
            .journal
            .route
            .ask(RECORD_DEADLINE, |reply| JournalMsg::AppendDurable { events, reply })
            .await;
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.to_string()),
        }
    }
}
