//! Exposure held for orders that can still fill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Currency, Instrument, Price, Qty, Symbol, Ts};

/// What is known of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationPhase {
    /// Approved; not known to work yet.
    Reserved,
    /// The broker has it.
    Working,
    /// Nobody knows: the request timed out, the session broke, the node died between send and answer.
    Unknown,
    /// The broker says it is done, but reports more fills than have arrived. What is missing stays reserved.
    AwaitingFills,
}

/// The part of an order's terms that exposure depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservationTerms {
    /// The whole order's quantity, more than zero.
    pub qty: Qty,
    /// The worst price at which a unit can count: the largest in absolute value of limit, stop, decision price and the
    /// mark at approval.
    pub worst_price: Price,
}

impl ReservationTerms {
    /// From an order's terms and the prices known at its approval.
    #[must_use]
    pub fn of(terms: &OrderTerms, prices: [Price; 2]) -> Self {
        let kind: &OrderKind = &terms.kind;
        let all = prices.into_iter().chain(kind.limit()).chain(kind.stop());
        let raw = all.map(|price| price.raw().saturating_abs()).max().unwrap_or(0);
        Self { qty: terms.qty, worst_price: Price::from_raw(raw).unwrap_or(Price::ZERO) }
    }

    fn worse(self, other: Self) -> Self {
        Self { qty: self.qty.max(other.qty), worst_price: self.worst_price.max(other.worst_price) }
    }
}

/// Exposure held for one order, from its approval until the broker proves it done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// The order.
    pub client_order_id: ClientOrderId,
    /// What.
    pub symbol: Symbol,
    /// Currency of its prices.
    pub currency: Currency,
    /// Units of the underlying per unit of quantity.
    pub multiplier: Qty,
    /// Which way.
    pub side: Side,
    /// What it can still become at worst.
    pub terms: ReservationTerms,
    /// A change that is under way; until it is answered the worse of both counts.
    pub pending: Option<ReservationTerms>,
    /// Executed so far.
    pub filled: Qty,
    /// What is known of it.
    pub phase: ReservationPhase,
    /// Market time of the approval.
    pub approved_at: Ts,
}

impl Reservation {
    /// For an order of these terms. `mark` is the price at approval; where it is lost, as after a restart, give the
    /// intent's reference twice.
    #[must_use]
    pub fn new(
        client_order_id: ClientOrderId,
        terms: &OrderTerms,
        instrument: &Instrument,
        [mark, reference]: [Price; 2],
        approved_at: Ts,
    ) -> Self {
        Self {
            client_order_id,
            symbol: terms.symbol,
            currency: instrument.currency,
            multiplier: instrument.multiplier,
            side: terms.side,
            terms: ReservationTerms::of(terms, [mark, reference]),
            pending: None,
            filled: Qty::ZERO,
            phase: ReservationPhase::Reserved,
            approved_at,
        }
    }

    /// The worse of present terms and a change under way.
    #[must_use]
    pub fn worst(&self) -> ReservationTerms {
        self.pending.map_or(self.terms, |pending| self.terms.worse(pending))
    }

    /// What can still fill, zero or more.
    #[must_use]
    pub fn remaining(&self) -> Qty {
        let left = self.worst().qty.raw().saturating_sub(self.filled.raw());
        Qty::from_raw(left.max(0))
    }
}

/// What is open in one symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SymbolOpen {
    /// Quantity that can still be bought, and its worst price in absolute value.
    pub(crate) buys: (Qty, i64),
    /// Quantity that can still be sold, and its worst price in absolute value.
    pub(crate) sells: (Qty, i64),
    /// Orders.
    pub(crate) orders: usize,
    /// Of these, with unknown outcome.
    pub(crate) unknown: usize,
}

/// All reservations. A few per symbol, so the symbol's are kept together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reservations {
    by_symbol: BTreeMap<Symbol, Vec<Reservation>>,
    symbol_of: BTreeMap<ClientOrderId, Symbol>,
}

impl Reservations {
    pub(crate) fn len(&self) -> usize {
        self.symbol_of.len()
    }

    pub(crate) fn of(&self, symbol: Symbol) -> &[Reservation] {
        self.by_symbol.get(&symbol).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reservation> {
        self.by_symbol.values().flatten()
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.by_symbol.keys().copied()
    }

    pub(crate) fn get(&self, id: &ClientOrderId) -> Option<&Reservation> {
        self.of(*self.symbol_of.get(id)?).iter().find(|r| r.client_order_id == *id)
    }

    pub(crate) fn get_mut(&mut self, id: &ClientOrderId) -> Option<&mut Reservation> {
        let list = self.by_symbol.get_mut(self.symbol_of.get(id)?)?;
        list.iter_mut().find(|r| r.client_order_id == *id)
    }

    /// Adds a reservation; one of the same order is replaced and returned.
    pub(crate) fn insert(&mut self, reservation: Reservation) -> Option<Reservation> {
        let previous = self.remove(&reservation.client_order_id);
        self.symbol_of.insert(reservation.client_order_id.clone(), reservation.symbol);
        self.by_symbol.entry(reservation.symbol).or_default().push(reservation);
        previous
    }

    pub(crate) fn remove(&mut self, id: &ClientOrderId) -> Option<Reservation> {
        let symbol = self.symbol_of.remove(id)?;
        let list = self.by_symbol.get_mut(&symbol)?;
        let at = list.iter().position(|r| r.client_order_id == *id)?;
        let removed = list.remove(at);
        if list.is_empty() {
            self.by_symbol.remove(&symbol);
        }
        Some(removed)
    }

    /// What is open in a symbol, leaving one order out.
    pub(crate) fn open(&self, symbol: Symbol, except: Option<&ClientOrderId>) -> SymbolOpen {
        let mut open = SymbolOpen::default();
        if planted(Bug::OpenOrdersUncounted) {
            return open;
        }
        for r in self.of(symbol).iter().filter(|r| Some(&r.client_order_id) != except) {
            let (qty, price) = if r.side == Side::Buy { &mut open.buys } else { &mut open.sells };
            *qty = Qty::from_raw(qty.raw().saturating_add(r.remaining().raw()));
            *price = (*price).max(r.worst().worst_price.raw().saturating_abs());
            open.orders += 1;
            open.unknown += usize::from(r.phase == ReservationPhase::Unknown);
        }
        open
    }
}
