//! From risk's verdicts to orders on their way: recorded first, then handed to the session.

use std::time::Duration;

use tensortrade_execution::{ExecutionEvent, Submission};
use tensortrade_journal::{Event, OrderRecord, event};
use tensortrade_market::order::ClientOrderId;
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Qty, Ts};
use tensortrade_risk::breaker::BreakerState;

use super::{ExecutionState, Judged};
use crate::trading::portfolio::OrderProgress;
use crate::trading::session::{Clearance, SessionMsg};

/// Longest wait for the commit that must precede a send.
const RECORD_DEADLINE: Duration = Duration::from_secs(10);

impl ExecutionState {
    pub(super) async fn judged(&mut self, judged: Judged) {
        let now = judged.tag.ts;
        let mut events: Vec<Event> = Vec::new();
        let mut progress = Vec::new();
        let (mut orders, mut to_send) = (Vec::new(), Vec::new());
        for refused in judged.refused {
            self.refused += 1;
            let (intent, refusal) = refused.into_parts();
            let code = refusal.code.to_string();
            self.args.stats.refused(&code);
            let record = event::Refused {
                intent_id: intent.id.clone(),
                terms: intent.terms,
                code,
                detail: refusal.detail,
                ts: now,
            };
            events.push(intent.into());
            events.push(record.into());
        }
        for approved in judged.approved {
            // A trip between approval and record: what adds risk stays here.
            let breaker = self.args.breaker.over(&approved.value().strategy, approved.terms().symbol);
            let passes = match breaker {
                BreakerState::Normal => true,
                BreakerState::Reducing => approved.is_reducing(),
                BreakerState::Halted => false,
            };
            if !passes {
                self.refused += 1;
                self.args.stats.refused("breaker");
                let id = approved.reservation_id().clone();
                let intent = approved.into_value();
                let refused = event::Refused {
                    intent_id: intent.id.clone(),
                    terms: intent.terms,
                    code: "breaker".into(),
                    detail: format!("the breaker is {breaker} since the approval"),
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
            let reducing = approved.is_reducing();
            match self.args.book.submit(approved, now) {
                Ok(Submission::Send { client_order_id, terms }) => {
                    let submitted = event::Submitted {
                        client_order_id: client_order_id.clone(),
                        intent_id: intent.id.clone(),
                        terms,
                        lease_epoch: self.args.lease_epoch,
                        ts: now,
                    };
                    let strategy = intent.strategy.clone();
                    to_send.push((client_order_id, Clearance { strategy, reducing, terms }));
                    orders.push(OrderRecord { intent, approved: record, submitted, reducing });
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
        if planted(Bug::SentBeforeRecord) {
            for (id, clearance) in std::mem::take(&mut to_send) {
                let decided = Some(judged.decided);
                self.args.session.cast(SessionMsg::Place { id, clearance, now, decided });
            }
        }
        // Only what is about to be sent must be durable first; refusals alone wait for nobody.
        let recorded = if orders.is_empty() && to_cancel.is_empty() {
            self.record(events).await;
            Ok(Vec::new())
        } else {
            self.args.journal.orders(events, orders, RECORD_DEADLINE).await
        };
        match recorded {
            Ok(blocked) => {
                for blocked in blocked {
                    // The journal has the refusal; the order never was one.
                    tracing::warn!(%blocked, "not sent");
                    self.refused += 1;
                    to_send.retain(|(id, _)| *id != blocked.client_order_id);
                    self.withdraw(&blocked.client_order_id, blocked.to_string(), now, &mut progress);
                }
                for (id, clearance) in to_send {
                    let decided = Some(judged.decided);
                    self.args.session.cast(SessionMsg::Place { id, clearance, now, decided });
                }
                for id in to_cancel {
                    self.args.session.cast(SessionMsg::Cancel { id, now });
                }
            }
            Err(why) => {
                tracing::error!(%why, "orders are not sent, because they cannot be recorded");
                let mut events = Vec::new();
                for (id, _) in to_send {
                    events.extend(self.withdraw(&id, format!("not recorded: {why}"), now, &mut progress));
                }
                // A record that came too late for the order may still be written: then this is written behind it.
                self.record(events).await;
            }
        }
        self.forward(progress);
        self.publish();
        self.args.gate.done(judged.tag.ts);
    }

    /// Takes back an order that was never sent; gives what is to be recorded of it, if it is on record as an order.
    fn withdraw(
        &mut self,
        id: &ClientOrderId,
        reason: String,
        now: Ts,
        progress: &mut Vec<OrderProgress>,
    ) -> Vec<Event> {
        let event = ExecutionEvent::Withdrawn { client_order_id: id.clone(), reason, ts: now };
        let out = self.args.book.apply(&event);
        let mut events = Vec::new();
        self.note(&out, now, &mut events, progress);
        events
    }
}
