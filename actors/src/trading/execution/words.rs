//! The broker's words in the order book's, and the order book's in the journal's.

use tensortrade_broker::{BrokerEvent, BrokerOrder, BrokerOrderState, Connection, RejectCode};
use tensortrade_execution::book::Change;
use tensortrade_execution::{Alarm, ExecutionEvent, KnownOrder, KnownState, Order, OrderState};
use tensortrade_journal::Event;
use tensortrade_journal::event::{self, OrderStatus};
use tensortrade_market::Ts;
use tensortrade_market::order::OrderTerms;

use super::OrderView;

/// The journal's word for a state.
#[must_use]
pub const fn status(state: OrderState) -> OrderStatus {
    match state {
        OrderState::Pending => OrderStatus::Submitted,
        OrderState::Sent => OrderStatus::Sent,
        OrderState::Working => OrderStatus::Working,
        OrderState::PartiallyFilled => OrderStatus::PartiallyFilled,
        OrderState::PendingCancel => OrderStatus::CancelPending,
        OrderState::PendingModify => OrderStatus::ModifyPending,
        OrderState::Unknown => OrderStatus::Unknown,
        OrderState::Filled => OrderStatus::Filled,
        OrderState::Cancelled => OrderStatus::Cancelled,
        OrderState::Rejected => OrderStatus::Rejected,
        OrderState::Expired => OrderStatus::Expired,
        OrderState::Lost => OrderStatus::Lost,
    }
}

pub(super) fn changed(order: &Order, change: &Change, ts: Ts) -> Event {
    event::OrderStateChange {
        client_order_id: change.order.clone(),
        broker_order_id: order.broker_order_id.clone(),
        from: status(change.before),
        to: status(change.after),
        filled: order.filled,
        reason: order.reason.clone(),
        ts,
    }
    .into()
}

pub(super) fn view(order: &Order) -> OrderView {
    OrderView {
        client_order_id: order.client_order_id(),
        symbol: order.terms.symbol,
        side: order.terms.side.to_string(),
        qty: order.terms.qty,
        filled: order.filled,
        state: order.state,
        created_at: order.created_at.to_string(),
        reason: order.reason.clone(),
    }
}

pub(super) fn moment(event: &ExecutionEvent) -> Ts {
    use ExecutionEvent as E;
    match event {
        E::Sent { ts, .. }
        | E::NotSent { ts, .. }
        | E::Withdrawn { ts, .. }
        | E::InDoubt { ts, .. }
        | E::CancelRequested { ts, .. }
        | E::ModifyRequested { ts, .. }
        | E::Accepted { ts, .. }
        | E::Rejected { ts, .. }
        | E::Cancelled { ts, .. }
        | E::Expired { ts, .. }
        | E::Modified { ts, .. }
        | E::RequestRejected { ts, .. }
        | E::Disconnected { ts }
        | E::Recovered { ts } => *ts,
        E::Fill(fill) => fill.ts,
        E::Commission(_) => Ts::ZERO,
    }
}

/// The broker's words in the order book's.
pub(super) fn translate(event: BrokerEvent) -> Option<ExecutionEvent> {
    Some(match event {
        BrokerEvent::Accepted { client_order_id, broker_order_id, ts } => {
            ExecutionEvent::Accepted { client_order_id, broker_order_id, ts }
        }
        // Refused because the id was used before: the broker has an order of ours by that name. What became of it, its books tell.
        BrokerEvent::Rejected { client_order_id, code: RejectCode::DuplicateOrder, reason, ts } => {
            ExecutionEvent::InDoubt { client_order_id, reason, ts }
        }
        BrokerEvent::Rejected { client_order_id, code, reason, ts } => {
            ExecutionEvent::Rejected { client_order_id, reason: format!("{code:?}: {reason}"), ts }
        }
        BrokerEvent::Fill(fill) => ExecutionEvent::Fill(fill),
        BrokerEvent::Commission(commission) => ExecutionEvent::Commission(commission),
        BrokerEvent::Cancelled { client_order_id, filled, reason, ts } => {
            ExecutionEvent::Cancelled { client_order_id, filled, reason, ts }
        }
        BrokerEvent::Expired { client_order_id, filled, ts } => {
            ExecutionEvent::Expired { client_order_id, filled, ts }
        }
        BrokerEvent::Modified { client_order_id, terms, ts } => {
            ExecutionEvent::Modified { client_order_id, terms, ts }
        }
        BrokerEvent::RequestRejected { client_order_id, code, reason, ts } => {
            let still_works = !matches!(code, RejectCode::UnknownOrder | RejectCode::NotWorking);
            ExecutionEvent::RequestRejected { client_order_id, still_works, reason, ts }
        }
        BrokerEvent::Connection { state: Connection::Down, ts, .. } => ExecutionEvent::Disconnected { ts },
        BrokerEvent::Connection { state: Connection::Up, .. } => return None,
    })
}

pub(super) fn known(order: BrokerOrder) -> KnownOrder {
    let state = match order.state {
        BrokerOrderState::Working => KnownState::Working,
        BrokerOrderState::Filled => KnownState::Filled,
        BrokerOrderState::Cancelled => KnownState::Cancelled,
        BrokerOrderState::Expired => KnownState::Expired,
        BrokerOrderState::Rejected => KnownState::Rejected,
    };
    let terms: OrderTerms = order.terms;
    KnownOrder {
        client_order_id: order.client_order_id,
        broker_order_id: order.broker_order_id,
        terms,
        filled: order.filled,
        state,
    }
}

/// A stable word for filters.
pub(super) fn alarm_code(alarm: &Alarm) -> String {
    serde_json::to_value(alarm)
        .ok()
        .and_then(|value| value.get("alarm").and_then(|code| code.as_str().map(str::to_owned)))
        .unwrap_or_else(|| "alarm".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_was_used_before_leaves_the_order_of_that_id_in_doubt_and_other_refusals_end_it() {
        let refused = |code| {
            let id = tensortrade_market::order::ClientOrderId::new("x").unwrap();
            translate(BrokerEvent::Rejected { client_order_id: id, code, reason: "no".into(), ts: Ts::ZERO })
        };
        assert!(matches!(refused(RejectCode::DuplicateOrder), Some(ExecutionEvent::InDoubt { .. })));
        assert!(matches!(refused(RejectCode::Other), Some(ExecutionEvent::Rejected { .. })));
    }
}
