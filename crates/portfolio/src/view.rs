//! A snapshot of the portfolio that others read: risk, the control plane, reports.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use tensortrade_market::{Currency, Money, Price, Qty, Symbol, Ts};

use crate::account::Account;
use crate::fx::Rate;
use crate::performance::Performance;
use crate::position::{Mark, Position};
use crate::valuation::{Valuation, ValuationError};

/// A position with its value in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PositionView {
    /// The position and its mark.
    pub position: Position,
    /// Size of the position in base currency at its mark: signed like the quantity, also where prices are negative.
    /// `None` without a rate; zero when flat.
    pub exposure: Option<Money>,
}

/// Everything about the portfolio at one moment. Cloning copies a pointer.
#[derive(Debug, Clone)]
pub struct PortfolioView(Arc<Content>);

#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) as_of: Ts,
    pub(crate) base: Currency,
    pub(crate) fills_applied: u64,
    pub(crate) index: Arc<BTreeMap<Symbol, u32>>,
    pub(crate) rows: Vec<PositionView>,
    pub(crate) rates: BTreeMap<Currency, Rate>,
    pub(crate) accounts: BTreeMap<Currency, Account>,
    pub(crate) valuation: Result<Valuation, ValuationError>,
    pub(crate) performance: Performance,
}

impl PortfolioView {
    pub(crate) fn new(content: Content) -> Self {
        Self(Arc::new(content))
    }

    /// The moment it shows.
    #[must_use]
    pub fn as_of(&self) -> Ts {
        self.0.as_of
    }

    /// Currency of equity and exposures.
    #[must_use]
    pub fn base(&self) -> Currency {
        self.0.base
    }

    /// How many fills it contains: see [`AppliedFill::sequence`](crate::AppliedFill::sequence).
    #[must_use]
    pub fn fills_applied(&self) -> u64 {
        self.0.fills_applied
    }

    /// A registered symbol's row. O(log n).
    #[must_use]
    pub fn get(&self, symbol: Symbol) -> Option<&PositionView> {
        self.0.rows.get(usize::try_from(*self.0.index.get(&symbol)?).ok()?)
    }

    /// A symbol's signed quantity; zero when it is not registered.
    #[must_use]
    pub fn qty(&self, symbol: Symbol) -> Qty {
        self.get(symbol).map_or(Qty::ZERO, |row| row.position.qty)
    }

    /// A symbol's latest mark.
    #[must_use]
    pub fn mark(&self, symbol: Symbol) -> Option<Mark> {
        self.get(symbol)?.position.mark
    }

    /// A symbol's latest price.
    #[must_use]
    pub fn price(&self, symbol: Symbol) -> Option<Price> {
        self.mark(symbol).map(|mark| mark.price)
    }

    /// Registered symbols in alphabetical order.
    pub fn rows(&self) -> impl Iterator<Item = &PositionView> {
        self.0.index.values().filter_map(|slot| self.0.rows.get(usize::try_from(*slot).ok()?))
    }

    /// Positions that are not flat, in alphabetical order.
    pub fn open_positions(&self) -> impl Iterator<Item = &PositionView> {
        self.rows().filter(|row| !row.position.qty.is_zero())
    }

    /// Base units per unit of `currency`, if there is a rate.
    #[must_use]
    pub fn rate(&self, currency: Currency) -> Option<Rate> {
        self.0.rates.get(&currency).copied()
    }

    /// The books of every currency ever used.
    #[must_use]
    pub fn accounts(&self) -> &BTreeMap<Currency, Account> {
        &self.0.accounts
    }

    /// A sum over all currencies in base currency, each converted at its rate; `None` where one has no rate.
    #[must_use]
    pub fn total(&self, of: impl Fn(&Account) -> Money) -> Option<Money> {
        self.0.accounts.iter().try_fold(Money::ZERO, |sum, (currency, account)| {
            sum.checked_add(self.rate(*currency)?.convert(of(account)).ok()?).ok()
        })
    }

    /// Equity and exposures, or what stands in the way of knowing them.
    pub fn valuation(&self) -> Result<&Valuation, &ValuationError> {
        self.0.valuation.as_ref()
    }

    /// High-water mark, drawdown, profit of the day.
    #[must_use]
    pub fn performance(&self) -> &Performance {
        &self.0.performance
    }

    /// A symbol's exposure as a part of equity; `None` without a rate or without equity.
    #[must_use]
    pub fn weight(&self, symbol: Symbol) -> Option<f64> {
        let exposure = self.get(symbol)?.exposure?;
        self.valuation().ok()?.weight(exposure)
    }

    /// Whether both are the same snapshot, not only equal ones.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
