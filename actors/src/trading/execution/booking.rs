//! What the broker tells, and what its books say: booked, recorded, passed on.

use std::time::Duration;

use tensortrade_broker::BrokerEvent;
use tensortrade_execution::{Acceptance, Alarm, BrokerAnswers, ExecutionEvent, Order, OrderState, Outcome};
use tensortrade_journal::{Event, event};
use tensortrade_market::Ts;
use tensortrade_market::order::Fill;
use tensortrade_market::planted::{Bug, planted};
use tensortrade_risk::ConductBreach;

use super::words::{alarm_code, changed, known, moment, status, translate};
use super::{ExecutionState, Resolved};
use crate::trading::breaker::BreakerMsg;
use crate::trading::portfolio::{OrderProgress, PortfolioMsg};
use crate::trading::reconciler::ReconcilerMsg;
use crate::trading::session::BrokerBooks;

/// Longest wait for an acceptance to be on record.
const ACCEPT_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for the breaker.
const TRIP_DEADLINE: Duration = Duration::from_secs(5);

impl ExecutionState {
    pub(super) async fn broker(&mut self, events: Vec<BrokerEvent>) {
        // What happened while nobody was connected is not told later: no order leaves before the reconciler has looked.
        if events.iter().any(|event| matches!(event, BrokerEvent::Connection { .. })) {
            self.args.flags.reconciled.store(false, std::sync::atomic::Ordering::Release);
        }
        let events = events.into_iter().filter_map(translate).collect();
        self.apply_all(events).await;
    }

    pub(super) async fn broker_done(&mut self, ts: Ts) {
        if self.args.book.live_count() > 0 {
            let out = self.args.book.check_deadlines(ts);
            let (mut events, mut progress) = (Vec::new(), Vec::new());
            self.note(&out, ts, &mut events, &mut progress);
            self.record(events).await;
            self.forward(progress);
            self.publish();
        }
        self.args.portfolio.cast(PortfolioMsg::BrokerDone(ts));
    }

    /// Takes events in order: book, record, forward.
    pub(super) async fn apply_all(&mut self, events: Vec<ExecutionEvent>) {
        let (mut records, mut messages) = (Vec::new(), Vec::new());
        let mut breaches = Vec::new();
        for event in events {
            breaches.extend(self.watch(&event));
            self.take(event, &mut records, &mut messages);
        }
        for breach in breaches {
            self.trip(breach).await;
        }
        self.record(records).await;
        for message in messages {
            self.args.portfolio.cast(message);
        }
        self.publish();
    }

    /// Counts the broker's answers to our orders.
    pub(super) fn watch(&mut self, event: &ExecutionEvent) -> Option<ConductBreach> {
        let (id, rejected) = match event {
            ExecutionEvent::Accepted { client_order_id, .. } => (client_order_id, false),
            ExecutionEvent::Rejected { client_order_id, .. } => (client_order_id, true),
            _ => return None,
        };
        let symbol = self.args.book.get(id)?.terms.symbol;
        self.conduct.answered(symbol, rejected)
    }

    /// Waits until the breaker acts, so that the next orders are judged under it.
    pub(super) async fn trip(&self, breach: ConductBreach) {
        let ConductBreach { scope, level, reason } = breach;
        if self.args.breaker.load().state(&scope) >= level {
            return;
        }
        let answer = self.args.breaker_door.ask(TRIP_DEADLINE, |reply| {
            let by = "execution".to_owned();
            BreakerMsg::Trip { scope, level, reason, by, cools_down: false, reply: Some(reply) }
        });
        if let Err(error) = answer.await {
            tracing::error!(%error, "the breaker does not answer to rejected orders");
        }
    }

    pub(super) fn take(
        &mut self,
        event: ExecutionEvent,
        records: &mut Vec<Event>,
        messages: &mut Vec<PortfolioMsg>,
    ) {
        let ts = moment(&event);
        let out = self.args.book.apply(&event);
        match event {
            ExecutionEvent::Fill(fill) if out.new_fill => {
                if !planted(Bug::FillNotRecorded) {
                    records.push(self.booked(&fill));
                }
                messages.push(PortfolioMsg::Fill(Box::new(fill)));
            }
            _ => {}
        }
        for commission in &out.new_commissions {
            if !planted(Bug::CommissionNotRecorded) {
                records.push(commission.clone().into());
            }
            messages.push(PortfolioMsg::Commission(commission.clone()));
        }
        let mut progress = Vec::new();
        self.note(&out, ts, records, &mut progress);
        messages.extend(progress.into_iter().map(PortfolioMsg::Order));
    }

    pub(super) fn booked(&mut self, fill: &Fill) -> Event {
        let catalog = &self.args.catalog;
        let instrument = self.instruments.entry(fill.symbol).or_insert_with(|| catalog.get(fill.symbol));
        let mut fill = fill.clone();
        // An order of another journal, or one long forgotten: on record the execution is nobody's, as the alarm says.
        if fill.client_order_id.as_ref().is_some_and(|id| self.args.book.get(id).is_none()) {
            fill.client_order_id = None;
        }
        event::BookedFill { fill, multiplier: instrument.multiplier, currency: instrument.currency }.into()
    }

    /// Records changes and alarms of an outcome, and says what risk must know.
    pub(super) fn note(
        &self,
        out: &Outcome,
        ts: Ts,
        records: &mut Vec<Event>,
        progress: &mut Vec<OrderProgress>,
    ) {
        for change in &out.changes {
            let Some(order) = self.args.book.get(&change.order) else { continue };
            records.push(changed(order, change, ts));
            let id = change.order.clone();
            match change.after {
                OrderState::Working
                | OrderState::PartiallyFilled
                | OrderState::PendingCancel
                | OrderState::PendingModify => progress.push(OrderProgress::Working(id)),
                OrderState::Unknown => {
                    progress.push(OrderProgress::Unknown(id));
                    let told = self.args.flags.in_doubt.swap(true, std::sync::atomic::Ordering::AcqRel);
                    if !told {
                        self.args.reconciler.cast(ReconcilerMsg::Doubt);
                    }
                }
                state if state.is_terminal() => {
                    progress.push(OrderProgress::Done(id, order.filled.max(order.announced)));
                }
                _ => {}
            }
        }
        for alarm in &out.alarms {
            match alarm {
                // An account that was traded elsewhere has thousands: they are on record, and counted for people below.
                Alarm::ForeignFill { .. } => tracing::info!(%alarm, "execution"),
                alarm => tracing::warn!(%alarm, "execution"),
            }
            records.push(event::Alarm { ts, code: alarm_code(alarm), text: alarm.to_string() }.into());
            if let Alarm::LateFill { order, state, exec_id, .. } = alarm {
                let venue =
                    self.args.book.get(order).and_then(|o| o.executions.last()).map(|e| e.venue.clone());
                records.push(
                    event::LateFill {
                        client_order_id: order.clone(),
                        venue: venue.unwrap_or_default(),
                        exec_id: exec_id.clone(),
                        status: status(*state),
                        ts,
                    }
                    .into(),
                );
            }
        }
    }

    /// Books what a person has accepted: on record in one commit, or not at all.
    pub(super) async fn accept(
        &mut self,
        acceptance: Acceptance,
        (by, reason): (&str, &str),
        ts: Ts,
    ) -> Result<(), String> {
        let Acceptance { fills, cash } = acceptance;
        let mut records: Vec<Event> = Vec::new();
        for fill in &fills {
            let text = format!(
                "the broker's position was accepted by {by} ({reason}): {} {} {} at {} booked as {}",
                fill.side, fill.qty, fill.symbol, fill.price, fill.exec_id
            );
            records.push(event::Alarm { ts, code: "position_accepted".into(), text }.into());
            records.push(self.booked(fill));
        }
        for (currency, amount) in &cash {
            let (currency, amount) = (*currency, *amount);
            let (reason, by) = (reason.to_owned(), by.to_owned());
            records.push(event::CashMoved { currency, amount, reason, by, ts }.into());
        }
        self.args.journal.durable(records, ACCEPT_DEADLINE).await.map_err(|e| e.to_string())?;
        for fill in fills {
            // The book alarms of an execution that is nobody's order; this one is explained already.
            let out = self.args.book.apply(&ExecutionEvent::Fill(fill.clone()));
            if out.new_fill {
                self.args.portfolio.cast(PortfolioMsg::Fill(Box::new(fill)));
            }
        }
        for (currency, amount) in cash {
            self.args.portfolio.cast(PortfolioMsg::CashMoved(currency, amount));
        }
        self.publish();
        Ok(())
    }

    pub(super) async fn record(&self, events: Vec<Event>) {
        if !events.is_empty() {
            self.args.journal.send(events).await;
        }
    }

    pub(super) fn forward(&self, progress: Vec<OrderProgress>) {
        for progress in progress {
            self.args.portfolio.cast(PortfolioMsg::Order(progress));
        }
    }

    pub(super) async fn resolve(&mut self, books: BrokerBooks, since: Ts, asked_at: Ts) -> Resolved {
        let before = self.args.book.counters();
        let executions = books.executions.iter().flat_map(|execution| {
            let fill = ExecutionEvent::Fill(execution.fill.clone());
            let commission = execution.commission.clone().map(ExecutionEvent::Commission);
            std::iter::once(fill).chain(commission)
        });
        self.apply_all(executions.collect()).await;
        let answers = BrokerAnswers {
            open: books.open.into_iter().map(known).collect(),
            completed: books.completed.into_iter().map(known).collect(),
            executions: Vec::new(), // taken above, one by one, so that each is recorded
            since,
            asked_at,
        };
        let out = self.args.book.resolve(&answers);
        let (mut records, mut progress) = (Vec::new(), Vec::new());
        self.note(&out, asked_at, &mut records, &mut progress);
        self.record(records).await;
        self.forward(progress);
        self.publish();
        let after = self.args.book.counters();
        let foreign = after.foreign_fills.saturating_sub(before.foreign_fills);
        if foreign > 0 {
            tracing::warn!(
                "{foreign} executions of no order of this node are booked from the broker's books"
            );
        }
        Resolved {
            fills_booked: (after.fills + after.foreign_fills)
                .saturating_sub(before.fills + before.foreign_fills),
            alarms: out.alarms.iter().map(ToString::to_string).collect(),
            unknown: self.args.book.unknown().map(Order::client_order_id).collect(),
        }
    }
}
