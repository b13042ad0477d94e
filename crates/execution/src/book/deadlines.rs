//! Answers that are overdue.

use tensortrade_market::Ts;

use super::OrderBook;
use super::apply::Outcome;
use crate::event::ExecutionEvent;
use crate::order::Order;
use crate::state::OrderState;

impl OrderBook {
    /// When the order's present request is overdue; `None` while it has none.
    #[must_use]
    pub fn deadline_of(&self, order: &Order) -> Option<Ts> {
        let limit_ms = match order.state {
            OrderState::Sent => self.config.ack_deadline_ms,
            OrderState::PendingCancel | OrderState::PendingModify => self.config.request_deadline_ms,
            _ => return None,
        };
        order.waiting_since.map(|since| since.plus_nanos(ms_to_ns(limit_ms)))
    }

    /// When its last request is overdue if it was made when that was noted; one that is recorded and not noted as sent
    /// was sent at once or never.
    pub(super) fn overdue_at(&self, order: &Order) -> Ts {
        let limit_ms = self.config.ack_deadline_ms;
        self.deadline_of(order).unwrap_or_else(|| order.created_at.plus_nanos(ms_to_ns(limit_ms)))
    }

    /// The earliest deadline, for the timer that calls [`Self::check_deadlines`]. O(live orders).
    #[must_use]
    pub fn next_deadline(&self) -> Option<Ts> {
        self.live().filter_map(|order| self.deadline_of(order)).min()
    }

    /// Puts every order in doubt whose answer is overdue at `now`. Silence is not an answer: none of them is taken as
    /// rejected. O(live orders).
    pub fn check_deadlines(&mut self, now: Ts) -> Outcome {
        let overdue: Vec<_> = (self.live())
            .filter(|order| self.deadline_of(order).is_some_and(|deadline| deadline <= now))
            .map(|order| (order.client_order_id(), order.state))
            .collect();
        let mut out = Outcome::default();
        for (client_order_id, state) in overdue {
            let reason = format!("no answer in time while {state}");
            out.absorb(self.apply(&ExecutionEvent::InDoubt { client_order_id, reason, ts: now }));
        }
        out
    }
}

/// Saturates: a deadline further off than 292 years never comes.
pub(super) fn ms_to_ns(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}
