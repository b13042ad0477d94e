//! Booking an execution: all that it changes, or nothing.

use tensortrade_market::Money;

use super::ledger::{Ledger, Misfit, misfit};
use super::position::Position;
use super::record::{ExecutionRow, FillRecord, OrderRow, Stage};

impl Ledger {
    /// What an execution leads to: the order's row, cash and position afterwards; or why it does not fit.
    fn booked(&self, fill: &FillRecord) -> Result<(OrderRow, Money, Option<Position>), Misfit> {
        let seq = fill.seq;
        let overflow = |_| Misfit(format!("execution P{seq}.{} overflows", fill.n));
        let Some(mut row) = self.open.get(&seq).cloned() else {
            return misfit(format!("order P{seq} is not open"));
        };
        if fill.qty.signum() != 1 || row.fills.checked_add(1) != Some(fill.n) {
            return misfit(format!(
                "execution P{seq}.{} of {} does not follow P{seq}.{}",
                fill.n, fill.qty, row.fills
            ));
        }
        match row.filled.checked_add(fill.qty) {
            Some(filled) if filled <= row.terms.qty => row.filled = filled,
            _ => return misfit(format!("order P{seq} would be filled beyond its quantity")),
        }
        row.fills = fill.n;
        row.value = row.value.checked_add(fill.cost.abs()).map_err(overflow)?;
        row.commission = row.commission.checked_add(fill.commission).map_err(overflow)?;
        let cash = self.cash.get(&fill.currency).copied().unwrap_or_default();
        let cash =
            cash.checked_sub(fill.cost).and_then(|c| c.checked_sub(fill.commission)).map_err(overflow)?;
        let held = self.positions.get(&row.terms.symbol).copied();
        match Position::after(held, row.terms.side, fill.qty, fill.price) {
            Some(position) => Ok((row, cash, position)),
            None => misfit(format!("execution P{seq}.{} overflows the position", fill.n)),
        }
    }

    /// Whether an execution fits.
    pub(super) fn can_book(&self, fill: &FillRecord) -> bool {
        self.booked(fill).is_ok()
    }

    /// Books an execution.
    pub(super) fn execute(&mut self, fill: &FillRecord) -> Result<(), Misfit> {
        let (row, cash, position) = self.booked(fill)?;
        let (symbol, side) = (row.terms.symbol, row.terms.side);
        self.cash.insert(fill.currency, cash);
        match position {
            Some(position) => self.positions.insert(symbol, position),
            None => self.positions.remove(&symbol),
        };
        self.push_execution(ExecutionRow {
            fill: fill.clone(),
            client_order_id: row.client_order_id.clone(),
            symbol,
            side,
        });
        let (seq, complete) = (row.seq, row.filled == row.terms.qty);
        self.open.insert(seq, row);
        if complete { self.finish(seq, Stage::Filled) } else { Ok(()) }
    }
}
