//! One event's effect on the state.

use tensortrade_market::MoneyError;
use tensortrade_market::order::Commission;
use tensortrade_market::time::NS_PER_DAY;
use tensortrade_portfolio::PortfolioError;

use super::{
    BreakerEntry, CashEffect, EquityMarks, LastStep, OrderRecord, Position, Recovered, Run, WatchlistEntry,
};
use crate::envelope::Head;
use crate::event::{
    BookedFill, Breaker, BreakerState, Event, LeaseAction, Opened, StepClosed, WatchlistAction,
};

/// What an event did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    New,
    /// A fill or commission that had been applied before: nothing changed.
    Repeated,
}

/// An event that does not fit into the books; the state is unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {source}")]
pub struct Unbookable {
    /// Which sum.
    pub what: String,
    /// What went wrong.
    pub source: PortfolioError,
}

impl Recovered {
    /// Folds one event in; `head` is the chain's head after it.
    pub fn apply(&mut self, head: Head, event: &Event) -> Result<Applied, Unbookable> {
        let applied = match event {
            Event::Fill(e) => self.apply_fill(e)?,
            Event::Commission(e) => self.apply_commission(e)?,
            Event::Opened(e) => self.apply_opened(e)?,
            Event::CashMoved(e) => {
                let what = || format!("cash in {}", e.currency);
                self.books.cash_moved(e).map_err(|source| unbookable(what(), source))?;
                Applied::New
            }
            other => {
                self.apply_other(head.seq, other);
                Applied::New
            }
        };
        self.head = head;
        *self.counts.entry(event.kind()).or_default() += 1;
        self.repeated += u64::from(applied == Applied::Repeated);
        Ok(applied)
    }

    fn apply_other(&mut self, seq: u64, event: &Event) {
        match event {
            Event::RunStarted(e) => self.run = Some(Run { started: e.clone(), since: seq, ended: None }),
            Event::RunEnded(e) => {
                if let Some(run) = &mut self.run {
                    run.ended = Some(e.reason);
                }
            }
            Event::StepClosed(e) => self.apply_step(e),
            Event::Intent(e) => self.add_intent(e),
            Event::Approved(e) => {
                if let Some(open) = self.intents.get_mut(&e.intent_id) {
                    open.approval = Some(e.clone());
                }
            }
            Event::Refused(e) => {
                self.intents.remove(&e.intent_id);
            }
            Event::Submitted(e) => self.add_order(e),
            Event::Modified(e) => self.modify_order(e),
            Event::OrderState(e) => self.move_order(e),
            Event::Reconciliation(e) => self.reconciled = Some((e.ts, e.clean)),
            Event::Breaker(e) => self.apply_breaker(e),
            Event::Watchlist(e) => {
                let active = e.action == WatchlistAction::Added;
                let entry = WatchlistEntry { active, reason: e.reason.clone(), ts: e.ts };
                self.watchlist.insert(e.symbol, entry);
            }
            Event::Lease(e) => {
                if e.action == LeaseAction::Taken {
                    self.lease_epoch = self.lease_epoch.max(e.epoch);
                }
            }
            // Counted only: they inform, and change nothing that a restart needs.
            Event::LateFill(_)
            | Event::Command(_)
            | Event::Supervision(_)
            | Event::FeedSwitched(_)
            | Event::Alarm(_)
            | Event::SnapshotTaken(_)
            // Applied by the caller.
            | Event::Opened(_)
            | Event::CashMoved(_)
            | Event::Fill(_)
            | Event::Commission(_) => {}
        }
    }

    /// The first is the balance that all later fills add to; one that comes again is no second deposit.
    fn apply_opened(&mut self, e: &Opened) -> Result<Applied, Unbookable> {
        if self.opened.is_none() {
            self.books.opened(e).map_err(|source| unbookable("opening balance".to_owned(), source))?;
            self.opened = Some(e.clone());
        }
        Ok(Applied::New)
    }

    fn apply_step(&mut self, step: &StepClosed) {
        let equity = step.equity.or_else(|| self.last_step.as_ref().and_then(|last| last.equity));
        self.last_step = Some(LastStep { ts: step.ts, step: step.step, equity });
        if let Some(worth) = &step.equity {
            let (equity, day) = (worth.equity, step.ts.floor_to(NS_PER_DAY));
            let before = self.marks.unwrap_or(EquityMarks {
                high_water: equity,
                last: equity,
                day,
                day_start: equity,
            });
            let day_start = if day > before.day { equity } else { before.day_start };
            let high_water = before.high_water.max(equity);
            self.marks = Some(EquityMarks { high_water, last: equity, day: day.max(before.day), day_start });
        }
        for closed in &step.bars {
            self.last_bars.entry(closed.symbol).or_default().insert(closed.timeframe, closed.bar.start);
        }
    }

    fn apply_breaker(&mut self, e: &Breaker) {
        let trips = self.breakers.get(&e.scope).map_or(0, |entry| entry.trips);
        let tripped = e.from == BreakerState::Normal && e.to != BreakerState::Normal;
        let entry = BreakerEntry {
            state: e.to,
            reason: e.reason.clone(),
            by: e.by.clone(),
            ts: e.ts,
            trips: trips.saturating_add(u64::from(tripped)),
        };
        self.breakers.insert(e.scope.clone(), entry);
    }

    fn apply_fill(&mut self, e: &BookedFill) -> Result<Applied, Unbookable> {
        let fill = &e.fill;
        if self.executions.has_fill(&fill.venue, &fill.exec_id) {
            return Ok(Applied::Repeated);
        }
        // Every sum is computed before any is stored: an overflow leaves the books as they were.
        let value = e.value().map_err(|source| unbookable(format!("value of {}", fill.exec_id), source))?;
        let position = self
            .positions
            .get(&fill.symbol)
            .copied()
            .unwrap_or_else(|| Position::flat(e.currency, e.multiplier))
            .after(e)
            .map_err(|source| unbookable(format!("position in {}", fill.symbol), source))?;
        let cash = self.cash.get(&e.currency).copied().unwrap_or_default();
        let fills = cash
            .fills
            .checked_sub(value)
            .map_err(|source| unbookable(format!("cash in {}", e.currency), source))?;
        let order = fill.client_order_id.as_ref().and_then(|id| Some((id, self.orders.get(id)?)));
        let order = match order {
            None => None,
            Some((id, order)) => {
                let overflow = |source| unbookable(format!("order {id}"), source);
                let filled =
                    order.filled.checked_add(fill.qty).ok_or_else(|| overflow(MoneyError::Overflow))?;
                let value = order.value.checked_add(value).map_err(overflow)?;
                let broker_order_id = Some(fill.broker_order_id.clone());
                let updated_at = order.updated_at.max(fill.ts);
                Some((id, OrderRecord { filled, value, broker_order_id, updated_at, ..order.clone() }))
            }
        };
        // The same sums again, by who holds them live: what can fail has been seen not to.
        self.books.fill(e).map_err(|source| unbookable(format!("books at {}", fill.exec_id), source))?;
        if let Some((id, order)) = order {
            self.orders.insert(id.clone(), order);
        }
        self.positions.insert(fill.symbol, position);
        self.cash.insert(e.currency, CashEffect { fills, ..cash });
        self.executions.add_fill(&fill.venue, &fill.exec_id, fill.ts);
        Ok(Applied::New)
    }

    fn apply_commission(&mut self, e: &Commission) -> Result<Applied, Unbookable> {
        if self.executions.has_commission(&e.venue, &e.exec_id) {
            return Ok(Applied::Repeated);
        }
        let cash = self.cash.get(&e.currency).copied().unwrap_or_default();
        let commissions = cash
            .commissions
            .checked_add(e.amount)
            .map_err(|source| unbookable(format!("commissions in {}", e.currency), source))?;
        self.books.commission(e).map_err(|source| unbookable(format!("books at {}", e.exec_id), source))?;
        self.cash.insert(e.currency, CashEffect { commissions, ..cash });
        self.executions.add_commission(&e.venue, &e.exec_id);
        Ok(Applied::New)
    }
}

fn unbookable(what: String, source: impl Into<PortfolioError>) -> Unbookable {
    Unbookable { what, source: source.into() }
}
