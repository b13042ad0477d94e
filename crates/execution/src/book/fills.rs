//! Executions: each booked once, whatever state its order is in.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, Commission, ExecId, Fill};

use super::OrderBook;
use super::apply::Outcome;
use crate::alarm::Alarm;
use crate::quality::Slippage;

/// Identity of an execution: venue and id there.
pub(super) type ExecKey = (String, ExecId);

/// Costs that may wait for their executions.
const EARLY_COMMISSIONS_MAX: usize = 4_096;

/// What is known of an execution beyond the orders that are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(bool, bool)", into = "(bool, bool)")]
pub(super) struct Booked {
    fill: bool,
    commission: bool,
}

impl From<(bool, bool)> for Booked {
    fn from((fill, commission): (bool, bool)) -> Self {
        Self { fill, commission }
    }
}
impl From<Booked> for (bool, bool) {
    fn from(booked: Booked) -> Self {
        (booked.fill, booked.commission)
    }
}

impl OrderBook {
    fn booked(&self, venue: &str, exec_id: &ExecId) -> Booked {
        self.known.get(venue, exec_id).copied().unwrap_or_default()
    }

    pub(super) fn fill(&mut self, fill: &Fill, out: &mut Outcome) {
        let booked = self.booked(&fill.venue, &fill.exec_id);
        let key = (fill.venue.clone(), fill.exec_id.clone());
        if booked.fill {
            self.counters.repeated_fills += 1;
            let record = self.executions.get(&key).and_then(|id| self.orders.get(id)).and_then(|order| {
                order.executions.iter().find(|r| (&r.venue, &r.exec_id) == (&fill.venue, &fill.exec_id))
            });
            if record.is_some_and(|record| !record.repeats(fill)) {
                out.alarms.push(Alarm::ConflictingRepeat { exec_id: fill.exec_id.clone() });
            }
            return;
        }
        if !booked.commission && self.known.may_be_forgotten(Some(fill.ts)) {
            // Booked twice is worse than not at all: what is missing shows when positions are compared.
            out.alarms.push(Alarm::TooOldToTell { exec_id: fill.exec_id.clone(), ts: fill.ts });
            return;
        }
        self.known.put(&fill.venue, &fill.exec_id, Some(fill.ts), Booked { fill: true, ..booked });
        out.new_fill = true;
        let owner = self.owner_of(fill);
        match owner {
            Some(id) if self.fits(&id, fill) => {
                self.executions.insert(key, id.clone());
                self.book_fill(&id, fill, out);
            }
            owner => {
                self.counters.foreign_fills += 1;
                out.alarms.push(match owner {
                    Some(order) => Alarm::Mismatch { order, exec_id: fill.exec_id.clone() },
                    None => Alarm::ForeignFill {
                        exec_id: fill.exec_id.clone(),
                        broker_order_id: fill.broker_order_id.clone(),
                    },
                });
            }
        }
        let early = |c: &Commission| c.venue == fill.venue && c.exec_id == fill.exec_id;
        if let Some(at) = self.early_commissions.iter().position(early)
            && let Some(commission) = self.early_commissions.remove(at)
        {
            self.commission(&commission, out);
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
    }

    /// Joins a cost to its execution, or keeps it until that comes. A repeat changes nothing.
    ///
    /// A cost before its execution counts at once, unless executions were forgotten: then it may be the repeat of an old
    /// one, and counts when its execution comes.
    pub(super) fn commission(&mut self, commission: &Commission, out: &mut Outcome) {
        let booked = self.booked(&commission.venue, &commission.exec_id);
        let doubtful = booked == Booked::default() && self.known.may_be_forgotten(None);
        if !booked.commission && !doubtful {
            let known = Booked { commission: true, ..booked };
            self.known.put(&commission.venue, &commission.exec_id, None, known);
            out.new_commissions.push(commission.clone());
        }
        if booked.fill {
            let key = (commission.venue.clone(), commission.exec_id.clone());
            let order = self.executions.get(&key).and_then(|id| self.orders.get_mut(id));
            let mut records = order.into_iter().flat_map(|order| &mut order.executions);
            if let Some(record) = records.find(|r| (&r.venue, &r.exec_id) == (&key.0, &key.1)) {
                record.commission.get_or_insert_with(|| commission.clone());
            }
        } else if !self.early_commissions.contains(commission) {
            self.early_commissions.push_back(commission.clone());
            if self.early_commissions.len() > EARLY_COMMISSIONS_MAX {
                self.early_commissions.pop_front();
            }
        }
    }
}
