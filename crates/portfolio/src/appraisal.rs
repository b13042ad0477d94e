//! Valuing the whole portfolio in one pass: equity, exposures, the view for others, and the check of the books.

use std::collections::BTreeMap;
use std::sync::Arc;

use tensortrade_market::{Currency, Money, MoneyError, Qty, Ts};

use crate::account::Imbalance;
use crate::error::PortfolioError;
use crate::performance::DayPnl;
use crate::portfolio::{Portfolio, Slot};
use crate::position::Position;
use crate::valuation::{Valuation, ValuationError};
use crate::view::{Content, PortfolioView, PositionView};

impl Portfolio {
    /// Equity in one currency: its cash plus the value of the positions in it, exact.
    pub fn equity_in(&self, currency: Currency) -> Result<Money, MoneyError> {
        let mut sum = self.account(currency).cash;
        for slot in self.slots.iter().filter(|slot| slot.position.currency == currency) {
            sum = sum.checked_add(slot.position.value()?)?;
        }
        Ok(sum)
    }

    /// Values the account at the latest marks, and moves high-water mark and drawdown. O(n).
    pub fn revalue(&mut self) -> Result<Valuation, ValuationError> {
        let valuation = self.appraise(|_| ())?;
        self.performance.update(valuation.equity);
        Ok(valuation)
    }

    /// Opens the session day `date` (midnight UTC of the session's date) and closes the one before.
    pub fn roll_day(&mut self, date: Ts) -> Result<Option<DayPnl>, PortfolioError> {
        if let Some(old) = self.performance.date().filter(|old| *old >= date) {
            return Err(PortfolioError::DayOrder { old, new: date });
        }
        let equity = self.appraise(|_| ())?.equity;
        Ok(self.performance.roll(date, equity))
    }

    /// Values the account as [`revalue`](Self::revalue) does and makes a snapshot for others. O(n); with unseen fills
    /// counted by risk, one snapshot per batch of events is enough.
    pub fn view(&mut self, as_of: Ts) -> PortfolioView {
        let mut rows = Vec::with_capacity(self.slots.len());
        let valuation = self.appraise(|row| rows.push(row));
        if let Ok(valuation) = &valuation {
            self.performance.update(valuation.equity);
        }
        PortfolioView::new(Content {
            as_of,
            base: self.fx.base(),
            fills_applied: self.fills_applied,
            index: Arc::clone(&self.index),
            rows,
            rates: self.fx.resolved(),
            accounts: self.accounts.clone(),
            valuation,
            performance: self.performance,
        })
    }

    /// Checks that the books of every currency balance, to the micro-unit. O(n).
    pub fn audit(&self) -> Result<(), Imbalance> {
        let mut costs: BTreeMap<Currency, i128> = self.accounts.keys().map(|c| (*c, 0)).collect();
        for Slot { position: p, .. } in &self.slots {
            *costs.entry(p.currency).or_default() += i128::from(p.cost.micros());
        }
        costs.into_iter().try_for_each(|(currency, cost)| self.account(currency).audit(currency, cost))
    }

    /// One pass over all slots, in order: gives each row to `each`, even when the whole has no valuation.
    fn appraise(&self, mut each: impl FnMut(PositionView)) -> Result<Valuation, ValuationError> {
        let mut problem = None;
        // By currency: value and cost of positions, long and short exposure.
        let mut sums: BTreeMap<Currency, [Money; 4]> = BTreeMap::new();
        for Slot { position, .. } in &self.slots {
            let exposure = if position.qty.is_zero() {
                // Needs no rate: a symbol that is only watched stands in nobody's way.
                Ok(Money::ZERO)
            } else {
                let own = add_up(sums.entry(position.currency).or_default(), position);
                own.and_then(|own| Ok(self.rate(position.currency)?.convert(own)?))
            };
            each(PositionView { position: *position, exposure: exposure.as_ref().ok().copied() });
            problem = problem.or(exposure.err());
        }
        if let Some(problem) = problem {
            return Err(problem);
        }
        let mut v = Valuation::default();
        for (&currency, account) in self.accounts.iter().filter(|(_, a)| a.cash != Money::ZERO) {
            v.cash = v.cash.checked_add(self.rate(currency)?.convert(account.cash)?)?;
            sums.entry(currency).or_default();
        }
        for (currency, [value, cost, long, short]) in sums {
            let rate = self.rate(currency)?;
            let own = self.account(currency).cash.checked_add(value)?;
            v.equity = v.equity.checked_add(rate.convert(own)?)?;
            v.unrealised = v.unrealised.checked_add(rate.convert(value.checked_sub(cost)?)?)?;
            v.long = v.long.checked_add(rate.convert(long)?)?;
            v.short = v.short.checked_add(rate.convert(short)?)?;
        }
        Ok(v)
    }
}

/// Adds a position to its currency's sums and returns its signed exposure in that currency.
fn add_up(sums: &mut [Money; 4], position: &Position) -> Result<Money, ValuationError> {
    let [value, cost, long, short] = sums;
    let own = position.value()?;
    *value = value.checked_add(own)?;
    *cost = cost.checked_add(position.cost)?;
    let side = if position.qty > Qty::ZERO { long } else { short };
    *side = side.checked_add(own.abs())?;
    Ok(if position.qty > Qty::ZERO { own.abs() } else { own.abs().negated() })
}
