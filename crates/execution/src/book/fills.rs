//! Executions: each booked once, whatever state its order is in.

use tensortrade_market::order::{ClientOrderId, Commission, ExecId, Fill};

use super::OrderBook;
use super::apply::Outcome;
use crate::alarm::Alarm;
use crate::quality::Slippage;

/// Identity of an execution: venue and id there.
pub(super) type ExecKey = (String, ExecId);

/// Executions of no order that are remembered, to recognise repeats.
const FOREIGN_MAX: usize = 4_096;
/// Costs that may wait for their executions.
const EARLY_COMMISSIONS_MAX: usize = 4_096;

impl OrderBook {
    pub(super) fn fill(&mut self, fill: &Fill, out: &mut Outcome) {
        let key = (fill.venue.clone(), fill.exec_id.clone());
        if let Some(owner) = self.executions.get(&key) {
            self.counters.repeated_fills += 1;
            let record = owner.as_ref().and_then(|id| self.orders.get(id)).and_then(|order| {
                order.executions.iter().find(|r| (&r.venue, &r.exec_id) == (&fill.venue, &fill.exec_id))
            });
            if record.is_some_and(|record| !record.repeats(fill)) {
                out.alarms.push(Alarm::ConflictingRepeat { exec_id: fill.exec_id.clone() });
            }
            return;
        }
        out.new_fill = true;
        let owner = self.owner_of(fill);
        match owner {
            Some(id) if self.fits(&id, fill) => {
                self.executions.insert(key, Some(id.clone()));
                self.book_fill(&id, fill, out);
            }
            owner => {
                out.alarms.push(match owner {
                    Some(order) => Alarm::Mismatch { order, exec_id: fill.exec_id.clone() },
                    None => Alarm::ForeignFill {
                        exec_id: fill.exec_id.clone(),
                        broker_order_id: fill.broker_order_id.clone(),
                    },
                });
                self.remember_foreign(key);
            }
        }
    }

    /// By our id; else by the broker's, for brokers that do not repeat ours with every execution.
    fn owner_of(&self, fill: &Fill) -> Option<ClientOrderId> {
        match &fill.client_order_id {
            Some(id) => self.orders.contains_key(id).then(|| id.clone()),
            None => self.by_broker.get(&fill.broker_order_id).cloned(),
        }
    }

    fn fits(&self, id: &ClientOrderId, fill: &Fill) -> bool {
        self.orders.get(id).is_some_and(|order| {
            (order.terms.symbol, order.terms.side) == (fill.symbol, fill.side) && fill.qty.signum() > 0
        })
    }

    fn book_fill(&mut self, id: &ClientOrderId, fill: &Fill, out: &mut Outcome) {
        self.learn_broker_id(id, &fill.broker_order_id);
        let Some(order) = self.orders.get_mut(id) else { return };
        self.counters.fills += 1;
        self.counters.late_fills += u64::from(order.state.is_terminal());
        let trigger = order.book(fill, &mut out.alarms);
        if let Some(slippage) = Slippage::of(fill.side, order.intent.reference, fill.price, fill.qty) {
            self.slippage.add(slippage);
        }
        // Every state takes fills, so there is nothing to refuse and nothing that a fill contradicts.
        let _moved = self.step(id, trigger, fill.ts, out);
        let early = |c: &Commission| c.venue == fill.venue && c.exec_id == fill.exec_id;
        if let Some(at) = self.early_commissions.iter().position(early)
            && let Some(commission) = self.early_commissions.remove(at)
        {
            self.commission(&commission);
        }
    }

    /// Joins a cost to its execution, or keeps it until that comes. A repeat changes nothing.
    pub(super) fn commission(&mut self, commission: &Commission) {
        let key = (commission.venue.clone(), commission.exec_id.clone());
        match self.executions.get(&key) {
            Some(Some(id)) => {
                let records = self.orders.get_mut(id).into_iter().flat_map(|order| &mut order.executions);
                let mut own = records.filter(|r| (&r.venue, &r.exec_id) == (&key.0, &key.1));
                if let Some(record) = own.next() {
                    record.commission.get_or_insert_with(|| commission.clone());
                }
            }
            Some(None) => {}
            None => {
                if !self.early_commissions.contains(commission) {
                    self.early_commissions.push_back(commission.clone());
                }
                if self.early_commissions.len() > EARLY_COMMISSIONS_MAX {
                    self.early_commissions.pop_front();
                }
            }
        }
    }

    fn remember_foreign(&mut self, key: ExecKey) {
        self.counters.foreign_fills += 1;
        self.executions.insert(key.clone(), None);
        self.foreign.push_back(key);
        if self.foreign.len() > FOREIGN_MAX
            && let Some(oldest) = self.foreign.pop_front()
        {
            self.executions.remove(&oldest);
        }
    }
}
