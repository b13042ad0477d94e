//! One order with all that is known of it.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{
    BrokerOrderId, ClientOrderId, Commission, ExecId, Fill, OrderIntent, OrderTerms,
};
use tensortrade_market::{Price, Qty, Ts};

use crate::alarm::Alarm;
use crate::state::OrderState;
use crate::transition::{Refusal, Trigger, transition};

/// One booked execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionRecord {
    /// Where.
    pub venue: String,
    /// Identity there.
    pub exec_id: ExecId,
    /// How much, more than zero.
    pub qty: Qty,
    /// At what price.
    pub price: Price,
    /// When, in market time.
    pub ts: Ts,
    /// Its cost, once known.
    pub commission: Option<Commission>,
}

impl ExecutionRecord {
    /// Whether a fill repeats this record in everything that counts.
    #[must_use]
    pub(crate) fn repeats(&self, fill: &Fill) -> bool {
        (self.qty, self.price) == (fill.qty, fill.price)
    }
}

/// One order. Its fields change only through the book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The wish it stands for.
    pub intent: OrderIntent,
    /// Terms that stand: those of the intent, or those of a confirmed change.
    pub terms: OrderTerms,
    /// Terms asked for and not confirmed.
    pub terms_wanted: Option<OrderTerms>,
    /// Where it stands.
    pub state: OrderState,
    /// Whether the broker confirmed it, or its books did.
    pub confirmed: bool,
    /// The broker's name for it.
    pub broker_order_id: Option<BrokerOrderId>,
    /// Executed, by booked executions.
    pub filled: Qty,
    /// Executed, by the broker's last count; executions that are missing here are on their way or lost.
    pub announced: Qty,
    /// Booked executions, in order of arrival.
    pub executions: Vec<ExecutionRecord>,
    /// When it entered the book, market time.
    pub created_at: Ts,
    /// When it was handed over; `None` if that was never noted.
    pub sent_at: Option<Ts>,
    /// Since when the present request has no answer, or the outcome is unknown.
    pub waiting_since: Option<Ts>,
    /// When it ended.
    pub done_at: Option<Ts>,
    /// The last reason given for its state.
    pub reason: String,
}

impl Order {
    pub(crate) fn new(intent: OrderIntent, now: Ts) -> Self {
        Self {
            terms: intent.terms,
            intent,
            terms_wanted: None,
            state: OrderState::Pending,
            confirmed: false,
            broker_order_id: None,
            filled: Qty::ZERO,
            announced: Qty::ZERO,
            executions: Vec::new(),
            created_at: now,
            sent_at: None,
            waiting_since: None,
            done_at: None,
            reason: String::new(),
        }
    }

    /// Its identity at the broker, the same on every retry.
    #[must_use]
    pub fn client_order_id(&self) -> ClientOrderId {
        self.intent.client_order_id()
    }

    /// What can still fill: of the larger of standing and wanted terms while a change is under way, and what the broker
    /// counts beyond our bookings after the end.
    #[must_use]
    pub fn remaining(&self) -> Qty {
        let most = if self.state.is_terminal() { self.announced } else { self.most_qty() };
        Qty::from_raw(most.raw().saturating_sub(self.filled.raw()).max(0))
    }

    /// [`Self::remaining`] with the sign of the side.
    #[must_use]
    pub fn signed_remaining(&self) -> Qty {
        self.terms.side.signed(self.remaining())
    }

    /// Mean price of its executions by quantity, rounded toward zero; `None` without any.
    #[must_use]
    pub fn average_price(&self) -> Option<Price> {
        let (mut sum, mut qty) = (0i128, 0i128);
        for record in &self.executions {
            sum =
                sum.checked_add(i128::from(record.price.raw()).checked_mul(i128::from(record.qty.raw()))?)?;
            qty += i128::from(record.qty.raw());
        }
        i64::try_from(sum.checked_div(qty)?).ok().and_then(Price::from_raw)
    }

    /// Moves it by a trigger and keeps the times that go with its state. Returns the state before.
    pub(crate) fn step(&mut self, trigger: Trigger, ts: Ts) -> Result<OrderState, Refusal> {
        let before = self.state;
        let after = transition(before, trigger, self.filled > Qty::ZERO)?;
        self.state = after;
        if trigger.proves_sent() {
            self.sent_at.get_or_insert(ts);
        }
        if after == before {
            return Ok(before);
        }
        let waits = after.awaits_answer() || after == OrderState::Unknown;
        self.waiting_since = waits.then_some(ts);
        if after.is_terminal() {
            self.done_at = Some(ts);
            self.terms_wanted = None;
        } else if before == OrderState::PendingModify
            && matches!(after, OrderState::Working | OrderState::PartiallyFilled)
        {
            self.terms_wanted = None;
        }
        Ok(before)
    }

    /// Books an execution that is new. The trigger that goes with it, and what is wrong with it.
    pub(crate) fn book(&mut self, fill: &Fill, alarms: &mut Vec<Alarm>) -> Trigger {
        self.filled = Qty::from_raw(self.filled.raw().saturating_add(fill.qty.raw()));
        self.executions.push(ExecutionRecord {
            venue: fill.venue.clone(),
            exec_id: fill.exec_id.clone(),
            qty: fill.qty,
            price: fill.price,
            ts: fill.ts,
            commission: None,
        });
        self.broker_order_id.get_or_insert_with(|| fill.broker_order_id.clone());
        let (order, qty) = (self.client_order_id(), fill.qty);
        if self.state.is_terminal() {
            let exec_id = fill.exec_id.clone();
            alarms.push(Alarm::LateFill { order: order.clone(), state: self.state, exec_id, qty });
        }
        let ordered = self.most_qty();
        if self.filled > ordered {
            alarms.push(Alarm::Overfill { order, ordered, filled: self.filled });
        }
        if self.filled >= ordered { Trigger::FilledWhole } else { Trigger::PartFilled }
    }

    /// Whether nothing is left of an order that has not ended: a change under way was refused, or made it smaller.
    pub(crate) fn is_filled_whole(&self) -> bool {
        !self.state.is_terminal() && self.terms_wanted.is_none() && self.filled >= self.terms.qty
    }

    /// The larger of standing and wanted quantity: while a change is under way either may be what the broker has.
    fn most_qty(&self) -> Qty {
        self.terms_wanted.map_or(self.terms.qty, |wanted| wanted.qty.max(self.terms.qty))
    }

    /// Takes the broker's count of what was executed.
    pub(crate) fn announce(&mut self, filled: Qty, alarms: &mut Vec<Alarm>) {
        self.announced = self.announced.max(filled);
        if self.announced > self.filled {
            alarms.push(Alarm::MissingFills {
                order: self.client_order_id(),
                announced: self.announced,
                booked: self.filled,
            });
        }
    }
}
