//! Worst-case exposure: what positions become if the open orders turn out as badly as they can.
//!
//! Per symbol, with position value `v`, open and unseen buys worth `b`, sells worth `s` (each at the larger of the mark
//! and the order's worst price): whatever subset fills, the exposure lies in `[v - s, v + b]`. So
//!
//! - symbol exposure = `max(|v - s|, |v + b|)`,
//! - gross = sum of the symbols' exposures,
//! - net lies between `sum(v - s)` and `sum(v + b)`.
//!
//! The sums are kept up to date symbol by symbol as orders come and go, and rebuilt when a new portfolio view comes, so
//! that a basket of a thousand orders costs O(log n) an order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tensortrade_market::{Currency, Instrument, Money, MoneyError, Price, Qty, Symbol};
use tensortrade_portfolio::PortfolioView;

use crate::refusal::{Refusal, RefusalCode};
use crate::reservation::Reservations;
use crate::unseen::{Unseen, UnseenFills};

/// The interval in which a symbol's exposure can end up, in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SymbolExposure {
    /// If all buys fill and no sell does.
    pub high: Money,
    /// If all sells fill and no buy does.
    pub low: Money,
}

impl SymbolExposure {
    /// The larger end in absolute value.
    #[must_use]
    pub fn worst(&self) -> Money {
        self.high.abs().max(self.low.abs())
    }
}

/// The account's exposure at worst, in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WorstCase {
    /// Sum of the symbols' worst exposures, micro-units.
    pub gross_micros: i128,
    /// Net exposure if all buys fill and no sell does, micro-units.
    pub net_high_micros: i128,
    /// Net exposure if all sells fill and no buy does, micro-units.
    pub net_low_micros: i128,
}

/// Why a symbol's exposure is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unvalued {
    NoRate(Currency),
    OutOfRange,
}

impl From<MoneyError> for Unvalued {
    fn from(_: MoneyError) -> Self {
        Self::OutOfRange
    }
}

impl Unvalued {
    pub(crate) fn refusal(self, symbol: Symbol, base: Currency) -> Refusal {
        match self {
            Self::NoRate(currency) => Refusal::new(
                RefusalCode::NoFxRate,
                format!("{symbol} is priced in {currency}, and there is no rate from {currency} to {base}"),
            ),
            Self::OutOfRange => {
                Refusal::new(RefusalCode::OutOfRange, format!("the exposure in {symbol} is out of range"))
            }
        }
    }
}

/// A symbol's exposure, from scratch.
pub(crate) fn exposure_of(
    symbol: Symbol,
    view: &PortfolioView,
    reservations: &Reservations,
    unseen: &Unseen,
) -> Result<SymbolExposure, Unvalued> {
    let open = reservations.open(symbol, None);
    let fills = unseen.get(symbol);
    let row = view.get(symbol);
    if open.orders == 0 && fills == UnseenFills::default() && view.qty(symbol).is_zero() {
        // Needs no rate.
        return Ok(SymbolExposure::default());
    }
    let (currency, multiplier) = match (row, reservations.of(symbol).first()) {
        (Some(row), _) => (row.position.currency, row.position.multiplier),
        (None, Some(reservation)) => (reservation.currency, reservation.multiplier),
        (None, None) => return Ok(SymbolExposure::default()),
    };
    let rate = view.rate(currency).ok_or(Unvalued::NoRate(currency))?;
    let mark = row.and_then(|row| row.position.mark).map_or(0, |mark| mark.price.raw().saturating_abs());
    let value = |(qty, worst): (Qty, i64), unseen: Qty| {
        let qty = qty.checked_add(unseen).ok_or(Unvalued::OutOfRange)?;
        let price = Price::from_raw(worst.max(mark)).ok_or(Unvalued::OutOfRange)?;
        Ok::<_, Unvalued>(rate.convert(Money::notional(price, qty, multiplier)?)?)
    };
    let held = match row {
        Some(row) => row.exposure.ok_or(Unvalued::OutOfRange)?,
        None => Money::ZERO,
    };
    Ok(SymbolExposure {
        high: held.checked_add(value(open.buys, fills.bought)?)?,
        low: held.checked_sub(value(open.sells, fills.sold)?)?,
    })
}

/// The sums over all symbols, kept up to date.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExposureBook {
    view: Option<PortfolioView>,
    dirty: BTreeSet<Symbol>,
    by_symbol: BTreeMap<Symbol, SymbolExposure>,
    unvalued: BTreeMap<Symbol, Unvalued>,
    totals: WorstCase,
    sectors: BTreeMap<Symbol, Option<Arc<str>>>,
    sector_gross: BTreeMap<Option<Arc<str>>, i128>,
    unregistered_gross: i128,
}

impl ExposureBook {
    /// Notes the sector of a symbol.
    pub(crate) fn register(&mut self, instrument: &Instrument) {
        let sector = instrument.sector.as_deref();
        if self.sectors.get(&instrument.symbol).is_none_or(|known| known.as_deref() != sector) {
            let old = self.put(instrument.symbol, SymbolExposure::default());
            self.sectors.insert(instrument.symbol, sector.map(Arc::from));
            self.put(instrument.symbol, old);
        }
    }

    /// Notes that a symbol's orders or fills have changed.
    pub(crate) fn touch(&mut self, symbol: Symbol) {
        self.dirty.insert(symbol);
    }

    /// Brings the sums up to date with a view.
    pub(crate) fn sync(&mut self, view: &PortfolioView, reservations: &Reservations, unseen: &Unseen) {
        let mut changed = std::mem::take(&mut self.dirty);
        if !self.view.as_ref().is_some_and(|last| last.same(view)) {
            changed.extend(self.by_symbol.keys());
            changed.extend(self.unvalued.keys());
            changed.extend(reservations.symbols());
            changed.extend(unseen.symbols());
            changed.extend(view.open_positions().map(|row| row.position.symbol));
            self.view = Some(view.clone());
        }
        for symbol in changed {
            match exposure_of(symbol, view, reservations, unseen) {
                Ok(exposure) => {
                    self.unvalued.remove(&symbol);
                    self.put(symbol, exposure);
                }
                Err(reason) => {
                    self.put(symbol, SymbolExposure::default());
                    self.unvalued.insert(symbol, reason);
                }
            }
        }
    }

    /// The first symbol whose exposure is not known.
    pub(crate) fn unvalued(&self) -> Option<(Symbol, Unvalued)> {
        self.unvalued.iter().next().map(|(symbol, reason)| (*symbol, *reason))
    }

    pub(crate) fn get(&self, symbol: Symbol) -> SymbolExposure {
        self.by_symbol.get(&symbol).copied().unwrap_or_default()
    }

    pub(crate) fn totals(&self) -> WorstCase {
        self.totals
    }

    /// Worst-case gross exposure of a sector, micro-units. A symbol whose sector was never registered counts in every
    /// sector: it could belong to it.
    pub(crate) fn sector_gross(&self, sector: &str) -> i128 {
        let known = self.sector_gross.iter().find(|(name, _)| name.as_deref() == Some(sector));
        known.map_or(0, |(_, gross)| *gross).saturating_add(self.unregistered_gross)
    }

    /// Replaces a symbol's part in all sums and returns the old one.
    fn put(&mut self, symbol: Symbol, new: SymbolExposure) -> SymbolExposure {
        let old = if new == SymbolExposure::default() {
            self.by_symbol.remove(&symbol)
        } else {
            self.by_symbol.insert(symbol, new)
        };
        let old = old.unwrap_or_default();
        let micros = |money: Money| i128::from(money.micros());
        let gross = micros(new.worst()) - micros(old.worst());
        self.totals.gross_micros += gross;
        self.totals.net_high_micros += micros(new.high) - micros(old.high);
        self.totals.net_low_micros += micros(new.low) - micros(old.low);
        match self.sectors.get(&symbol) {
            Some(sector) => *self.sector_gross.entry(sector.clone()).or_default() += gross,
            None => self.unregistered_gross += gross,
        }
        old
    }
}
