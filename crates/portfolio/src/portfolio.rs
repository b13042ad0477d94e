//! The portfolio: what turns fills, commissions and marks into positions, cash and equity.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tensortrade_market::order::ExecId;
use tensortrade_market::{Currency, Instrument, Money, MoneyError, Price, Qty, Symbol, Ts};

use crate::account::Account;
use crate::error::PortfolioError;
use crate::executions::{Booked, Executions};
use crate::fx::{FxConfig, FxLeg, FxRates, Rate};
use crate::performance::Performance;
use crate::position::{Mark, Position};
use crate::valuation::ValuationError;

/// A registered symbol's place, to mark it without a look-up. Valid for the portfolio that gave it, for its lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlotId(u32);

/// What became of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkOutcome {
    /// Taken.
    Updated,
    /// Older than the mark at hand, and ignored.
    Older,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) position: Position,
    leg: Option<FxLeg>,
}

/// Positions, cash and their worth. A fill costs O(log n), a mark O(1) by [`SlotId`], a valuation O(n).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Snapshot")]
pub struct Portfolio {
    pub(crate) fx: FxRates,
    pub(crate) slots: Vec<Slot>,
    #[serde(skip_serializing)]
    pub(crate) index: Arc<BTreeMap<Symbol, u32>>,
    pub(crate) accounts: BTreeMap<Currency, Account>,
    pub(crate) foreign_fees: BTreeMap<Symbol, BTreeMap<Currency, Money>>,
    pub(crate) executions: Executions,
    pub(crate) performance: Performance,
    pub(crate) fills_applied: u64,
}

/// The serialised form: the same fields less the index, which is derived.
#[derive(Deserialize)]
struct Snapshot {
    fx: FxRates,
    slots: Vec<Slot>,
    accounts: BTreeMap<Currency, Account>,
    foreign_fees: BTreeMap<Symbol, BTreeMap<Currency, Money>>,
    executions: Executions,
    performance: Performance,
    fills_applied: u64,
}

impl TryFrom<Snapshot> for Portfolio {
    type Error = PortfolioError;

    /// Refuses a snapshot that names a symbol twice or whose books do not balance.
    fn try_from(s: Snapshot) -> Result<Self, PortfolioError> {
        let mut index = BTreeMap::new();
        for (at, slot) in (0u32..).zip(&s.slots) {
            if index.insert(slot.position.symbol, at).is_some() {
                return Err(PortfolioError::SymbolTwice(slot.position.symbol));
            }
        }
        let portfolio = Self {
            fx: s.fx,
            slots: s.slots,
            index: Arc::new(index),
            accounts: s.accounts,
            foreign_fees: s.foreign_fees,
            executions: s.executions,
            performance: s.performance,
            fills_applied: s.fills_applied,
        };
        portfolio.audit()?;
        Ok(portfolio)
    }
}

impl Default for Portfolio {
    /// An empty portfolio in dollars that knows no rate: for folding records, which need none.
    fn default() -> Self {
        Self::with(FxRates::none())
    }
}

impl Portfolio {
    /// An empty portfolio.
    pub fn new(fx: &FxConfig) -> Result<Self, PortfolioError> {
        Ok(Self::with(FxRates::new(fx)?))
    }

    fn with(fx: FxRates) -> Self {
        Self {
            fx,
            slots: Vec::new(),
            index: Arc::new(BTreeMap::new()),
            accounts: BTreeMap::new(),
            foreign_fees: BTreeMap::new(),
            executions: Executions::default(),
            performance: Performance::default(),
            fills_applied: 0,
        }
    }

    /// Measures losses from where an earlier run left off.
    pub fn resume_performance(&mut self, performance: Performance) {
        self.performance = performance;
    }

    /// Takes the rates as configured now, and what the catalogue says now of every symbol: what a start does with a portfolio
    /// that was folded from records, which know neither. A symbol that is held keeps currency and multiplier as it was traded;
    /// those that the catalogue would change are returned.
    pub fn reconfigure(
        &mut self,
        fx: &FxConfig,
        describe: impl Fn(Symbol) -> Instrument,
    ) -> Result<Vec<PortfolioError>, PortfolioError> {
        self.fx = FxRates::new(fx)?;
        let symbols: Vec<Symbol> = self.index.keys().copied().collect();
        let mut kept = Vec::new();
        for symbol in symbols {
            let instrument = describe(symbol);
            match self.register(&instrument) {
                Ok(_) => {}
                Err(changed @ PortfolioError::InstrumentChanged { .. }) => {
                    let leg = self.fx.leg_of(&instrument);
                    self.slot_mut(symbol)?.leg = leg;
                    kept.push(changed);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(kept)
    }

    /// Makes a symbol known, before its first mark or fill. Twice is harmless; a new currency or multiplier is taken
    /// only while the symbol is flat and was never traded in the old one.
    pub fn register(&mut self, instrument: &Instrument) -> Result<SlotId, PortfolioError> {
        let leg = self.fx.leg_of(instrument);
        if let Some(&at) = self.index.get(&instrument.symbol) {
            let slot = self.slot_mut(instrument.symbol)?;
            let p = &mut slot.position;
            let untouched = p.qty.is_zero() && p.realised == Money::ZERO && p.fees == Money::ZERO;
            let changed = |what, old: String, new: String| {
                Err(PortfolioError::InstrumentChanged { symbol: p.symbol, qty: p.qty, what, old, new })
            };
            if p.currency != instrument.currency && !untouched {
                return changed("currency", p.currency.to_string(), instrument.currency.to_string());
            }
            if p.multiplier != instrument.multiplier && !p.qty.is_zero() {
                return changed("multiplier", p.multiplier.to_string(), instrument.multiplier.to_string());
            }
            p.currency = instrument.currency;
            p.multiplier = instrument.multiplier;
            slot.leg = leg;
            return Ok(SlotId(at));
        }
        let at = u32::try_from(self.slots.len()).map_err(|_| MoneyError::Overflow)?;
        self.slots.push(Slot { position: Position::flat(instrument), leg });
        // Views hold the old index; this copies it once if any of them still lives.
        Arc::make_mut(&mut self.index).insert(instrument.symbol, at);
        Ok(SlotId(at))
    }

    /// Books money that came in (or, negative, went out): the opening balance, a deposit, a withdrawal. Once trading has
    /// been valued, the money must be convertible, or it would show as profit.
    pub fn deposit(&mut self, currency: Currency, amount: Money) -> Result<(), PortfolioError> {
        let account = self.account(currency).deposited(amount)?;
        if self.performance.has_begun() {
            let rate = self.rate(currency).map_err(|reason| PortfolioError::DepositWithoutRate {
                currency,
                amount,
                reason,
            })?;
            self.performance = self.performance.deposited(rate.convert(amount)?)?;
        }
        self.accounts.insert(currency, account);
        Ok(())
    }

    /// Takes over a position that the broker holds and whose executions are beyond its memory. Cash is not touched.
    pub fn adopt(&mut self, symbol: Symbol, qty: Qty, average: Price, ts: Ts) -> Result<(), PortfolioError> {
        let position = self.slot_mut(symbol)?.position;
        if !position.qty.is_zero() {
            return Err(PortfolioError::NotFlat { symbol, qty: position.qty });
        }
        let cost = Money::notional(average, qty, position.multiplier)?;
        let mut account = self.account(position.currency);
        account.adopted = account.adopted.checked_add(cost)?;
        let mark = position.mark.or(Some(Mark { price: average, ts }));
        if self.performance.has_begun() {
            // At its mark, so that what it gained before is not counted as gained here.
            let value = Position { qty, mark, ..position }.value()?;
            let value = self.rate(position.currency)?.convert(value)?;
            self.performance = self.performance.deposited(value)?;
        }
        self.accounts.insert(position.currency, account);
        self.slot_mut(symbol)?.position = Position { qty, cost, mark, ..position };
        // Risk must not judge on a view from before: it counts like a fill.
        self.fills_applied += 1;
        Ok(())
    }

    /// Whether a fill is booked.
    #[must_use]
    pub fn has_fill(&self, venue: &str, exec_id: &ExecId) -> bool {
        matches!(self.executions.get(venue, exec_id), Some(Booked::Fill(_) | Booked::Both))
    }

    /// Commissions charged to cash whose fill has not come yet.
    #[must_use]
    pub fn commissions_awaiting_fill(&self) -> usize {
        self.executions.values().filter(|booked| matches!(booked, Booked::Commission(..))).count()
    }

    /// Takes a price for valuation. A mark older than the one at hand is ignored; one of the same moment replaces it.
    pub fn mark(&mut self, symbol: Symbol, price: Price, ts: Ts) -> Result<MarkOutcome, PortfolioError> {
        let at = *self.index.get(&symbol).ok_or(PortfolioError::Unregistered(symbol))?;
        Ok(self.mark_slot(SlotId(at), price, ts))
    }

    /// As [`mark`](Self::mark), in O(1). A slot of another portfolio is ignored.
    pub fn mark_slot(&mut self, slot: SlotId, price: Price, ts: Ts) -> MarkOutcome {
        let Some(slot) = usize::try_from(slot.0).ok().and_then(|at| self.slots.get_mut(at)) else {
            return MarkOutcome::Older;
        };
        if slot.position.mark.is_some_and(|mark| mark.ts > ts) {
            return MarkOutcome::Older;
        }
        slot.position.mark = Some(Mark { price, ts });
        if let Some(leg) = slot.leg {
            self.fx.observe(leg, price, ts);
        }
        MarkOutcome::Updated
    }

    /// Rates into the base currency.
    #[must_use]
    pub fn rates(&self) -> &FxRates {
        &self.fx
    }

    /// A registered symbol's position.
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Option<&Position> {
        let at = usize::try_from(*self.index.get(&symbol)?).ok()?;
        self.slots.get(at).map(|slot| &slot.position)
    }

    /// Positions of all registered symbols, flat ones included, in alphabetical order.
    pub fn positions(&self) -> impl Iterator<Item = &Position> {
        let slots = self.index.values().filter_map(|at| self.slots.get(usize::try_from(*at).ok()?));
        slots.map(|slot| &slot.position)
    }

    /// The books of a currency; all zero when it was never used.
    #[must_use]
    pub fn account(&self, currency: Currency) -> Account {
        self.accounts.get(&currency).copied().unwrap_or_default()
    }

    /// The books of every currency ever used.
    #[must_use]
    pub fn accounts(&self) -> &BTreeMap<Currency, Account> {
        &self.accounts
    }

    /// Commissions of a symbol that were paid in another currency than its own.
    #[must_use]
    pub fn foreign_fees(&self, symbol: Symbol) -> Option<&BTreeMap<Currency, Money>> {
        self.foreign_fees.get(&symbol)
    }

    /// Fills and adoptions booked so far.
    #[must_use]
    pub fn fills_applied(&self) -> u64 {
        self.fills_applied
    }

    /// High-water mark, drawdown and the day's profit as of the last valuation.
    #[must_use]
    pub fn performance(&self) -> &Performance {
        &self.performance
    }

    pub(crate) fn rate(&self, currency: Currency) -> Result<Rate, ValuationError> {
        self.fx.rate(currency).ok_or(ValuationError::NoRate { currency, base: self.fx.base() })
    }

    pub(crate) fn slot_mut(&mut self, symbol: Symbol) -> Result<&mut Slot, PortfolioError> {
        let at = self.index.get(&symbol).and_then(|at| usize::try_from(*at).ok());
        at.and_then(|at| self.slots.get_mut(at)).ok_or(PortfolioError::Unregistered(symbol))
    }
}
