//! The promises that can be checked from the events alone. Written apart from `state`, so that a mistake there shows.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_market::order::ExecId;
use tensortrade_market::{Symbol, Timeframe, Ts};

use super::orders::Orders;
use super::report::{Finding, VerifyReport};
use crate::error::JournalError;
use crate::event::{Event, StepClosed};
use crate::projection::{Cell, Table};
use crate::store::Store;

/// Rows read at once.
const PAGE_ROWS: usize = 2048;

/// Running checks. Memory grows with the number of orders and executions.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    orders: Orders,
    fills: BTreeSet<(String, ExecId)>,
    commissions: BTreeSet<(String, ExecId)>,
    positions: BTreeMap<Symbol, i128>,
    bars: BTreeMap<(Symbol, Timeframe), Ts>,
    step: Option<(u64, Ts)>,
}

impl Invariants {
    /// Checks one event; `broken` receives the event's number and what does not hold.
    pub(super) fn check(&mut self, seq: u64, event: &Event, broken: &mut dyn FnMut(u64, String)) {
        let mut broken = |what: String| broken(seq, what);
        let positions = &self.positions;
        self.orders.check(event, |symbol| positions.get(&symbol).copied().unwrap_or(0), &mut broken);
        match event {
            Event::Fill(e) => {
                let fill = &e.fill;
                if self.fills.insert((fill.venue.clone(), fill.exec_id.clone())) {
                    *self.positions.entry(fill.symbol).or_default() += i128::from(fill.signed_qty().raw());
                } else {
                    broken(format!("execution {} of {} is recorded twice", fill.exec_id, fill.venue));
                }
            }
            Event::Commission(e) => {
                let first = self.commissions.insert((e.venue.clone(), e.exec_id.clone()));
                if !first {
                    broken(format!("the commission of {} of {} is recorded twice", e.exec_id, e.venue));
                }
            }
            Event::StepClosed(e) => self.check_step(e, &mut broken),
            _ => {}
        }
    }

    fn check_step(&mut self, step: &StepClosed, broken: &mut dyn FnMut(String)) {
        if let Some((number, ts)) = self.step
            && (step.step <= number || step.ts <= ts)
        {
            broken(format!("step {} of {} follows step {number} of {ts}", step.step, step.ts));
        }
        self.step = Some((step.step, step.ts));
        for closed in &step.bars {
            let label = closed.bar.start;
            if let Some(last) = self.bars.insert((closed.symbol, closed.timeframe), label)
                && label <= last
            {
                let (symbol, timeframe) = (closed.symbol, closed.timeframe);
                broken(format!("{symbol} {timeframe} bar of {label} follows that of {last}"));
            }
        }
    }

    /// Promise 1: the position table is the sum of the fills, counted here a second time.
    pub(super) async fn compare_positions(
        mut self,
        store: &mut dyn Store,
        report: &mut VerifyReport,
    ) -> Result<(), JournalError> {
        let mut after: Option<Vec<Cell>> = None;
        loop {
            let page = store.rows(Table::Positions, after.as_deref(), PAGE_ROWS).await?;
            let Some(last) = page.last() else { break };
            after = last.get(..1).map(<[Cell]>::to_vec);
            for row in &page {
                let [Cell::Text(name), Cell::Int(qty), ..] = row.as_slice() else { continue };
                let sum = Symbol::intern(name).ok().and_then(|symbol| self.positions.remove(&symbol));
                if sum.unwrap_or(0) != i128::from(*qty) {
                    let what = format!("position in {name} is not the sum of its fills");
                    report.add(None, Finding::Table(Table::Positions, what));
                }
            }
        }
        for (symbol, _) in self.positions.iter().filter(|(_, sum)| **sum != 0) {
            let what = format!("position in {symbol} is missing, and its fills do not sum to zero");
            report.add(None, Finding::Table(Table::Positions, what));
        }
        Ok(())
    }
}
