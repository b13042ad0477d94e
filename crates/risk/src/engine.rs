//! The engine: asks the rules, and reserves what they approve.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, OrderIntent, OrderTerms};
use tensortrade_market::{Instrument, Money, Price, Qty, Symbol};
use tensortrade_portfolio::PortfolioView;

use crate::approval::{Approval, RiskApproved, RiskRefused};
use crate::context::{OrderChange, RiskContext};
use crate::exposure::{ExposureBook, SymbolExposure, Unvalued, WorstCase, exposure_of};
use crate::limits::{LimitErrors, Limits, ms_to_ns};
use crate::recent::{PastApproval, Recent};
use crate::refusal::{Refusal, RefusalCode};
use crate::reservation::{Reservation, ReservationPhase, ReservationTerms, Reservations};
use crate::rules::{
    Candidate, direction, exposure, gates, order_notional, order_rate, price, repetition, session, terms,
};
use crate::unseen::Unseen;

/// What outlives a restart, serialisable. All of it can also be rebuilt from the journal: reservations from intents and
/// order events ([`RiskEngine::restore_reservation`]), the windows from approvals ([`RiskEngine::restore_approval`]).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RiskState {
    reservations: Vec<Reservation>,
    recent: Recent,
    unseen: Unseen,
}

/// Judges orders against limits and holds the exposure of what it approved. See the crate's page for what it promises.
#[derive(Debug, Clone)]
pub struct RiskEngine {
    limits: Limits,
    pub(crate) reservations: Reservations,
    pub(crate) recent: Recent,
    pub(crate) unseen: Unseen,
    pub(crate) book: ExposureBook,
    pub(crate) fills_seen: u64,
}

impl RiskEngine {
    /// An engine without reservations.
    pub fn new(limits: Limits) -> Result<Self, LimitErrors> {
        Self::restore(limits, RiskState::default())
    }

    /// An engine with the reservations and windows of an earlier one.
    pub fn restore(limits: Limits, state: RiskState) -> Result<Self, LimitErrors> {
        limits.validate()?;
        let mut reservations = Reservations::default();
        for reservation in state.reservations {
            reservations.insert(reservation);
        }
        let book = ExposureBook::default();
        Ok(Self { limits, reservations, recent: state.recent, unseen: state.unseen, book, fills_seen: 0 })
    }

    /// What a restart needs.
    #[must_use]
    pub fn state(&self) -> RiskState {
        RiskState {
            reservations: self.reservations.iter().cloned().collect(),
            recent: self.recent.clone(),
            unseen: self.unseen.clone(),
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Puts other limits in force; open orders stay, and count against them.
    pub fn set_limits(&mut self, limits: Limits) -> Result<(), LimitErrors> {
        limits.validate()?;
        self.limits = limits;
        Ok(())
    }

    /// Notes an instrument's sector. Assessments do it for their own symbol; symbols never registered count in every
    /// sector.
    pub fn register(&mut self, instrument: &Instrument) {
        self.book.register(instrument);
    }

    /// Judges an intent. Approved: its exposure is reserved under its client order id until the broker proves the order
    /// done. Refused: nothing is held. O(log n) in symbols and open orders; a new view costs O(n) once.
    pub fn assess(
        &mut self,
        intent: OrderIntent,
        ctx: &RiskContext<'_>,
    ) -> Result<RiskApproved<OrderIntent>, RiskRefused<OrderIntent>> {
        let id = intent.client_order_id();
        let order = Candidate {
            id: &id,
            strategy: &intent.strategy,
            decided_at: intent.decided_at,
            terms: &intent.terms,
            reference: intent.reference,
        };
        match self.judge(&order, ctx, None) {
            Ok(approval) => Ok(RiskApproved::new(intent, approval)),
            Err(refusal) => Err(RiskRefused::new(intent, refusal)),
        }
    }

    /// Judges a change of an open order. Until the broker answers, the worse of old and new terms is reserved.
    pub fn assess_change(
        &mut self,
        change: OrderChange,
        ctx: &RiskContext<'_>,
    ) -> Result<RiskApproved<OrderChange>, RiskRefused<OrderChange>> {
        let open = match self.changeable(&change.client_order_id, &change.terms) {
            Ok(open) => open,
            Err(refusal) => return Err(RiskRefused::new(change, refusal)),
        };
        let order = Candidate {
            id: &change.client_order_id,
            strategy: &change.strategy,
            decided_at: change.decided_at,
            terms: &change.terms,
            reference: change.reference,
        };
        match self.judge(&order, ctx, Some(open)) {
            Ok(approval) => Ok(RiskApproved::new(change, approval)),
            Err(refusal) => Err(RiskRefused::new(change, refusal)),
        }
    }

    /// The rules in order; `open` is the reservation of the order that is to be changed.
    fn judge(
        &mut self,
        order: &Candidate<'_>,
        ctx: &RiskContext<'_>,
        open: Option<Reservation>,
    ) -> Result<Approval, Refusal> {
        let symbol = order.terms.symbol;
        gates::check(ctx, order.strategy, symbol, self.fills_seen)?;
        self.fills_seen = ctx.view.fills_applied();
        self.unseen.shown(self.fills_seen);
        self.recent.advance(ctx.now);
        self.book.register(ctx.instrument);

        terms::check(order.terms, ctx.instrument, ctx.view.get(symbol).map(|row| &row.position))?;
        session::check(order, ctx, &self.limits)?;
        let others = self.reservations.open(symbol, Some(order.id));
        if open.is_none() {
            repetition::check(order, ctx, &self.limits, &self.reservations, &self.recent)?;
            order_rate::check_open(others.orders, self.reservations.len(), &self.limits)?;
        }
        order_rate::check_rate(&self.recent, ctx.now, &self.limits)?;
        let mark = price::check_mark(symbol, ctx.view.mark(symbol), ctx.now, &self.limits)?;
        price::check_collar(order.terms, order.reference, mark.price, &self.limits)?;

        let prices = [mark.price, order.reference];
        let reservation = match open {
            None => Reservation::new(order.id.clone(), order.terms, ctx.instrument, prices, ctx.now),
            Some(open) => Reservation { pending: Some(ReservationTerms::of(order.terms, prices)), ..open },
        };
        let unseen = self.unseen.get(symbol);
        let remaining = reservation.remaining();
        let reducing = direction::check(order, ctx, &self.limits, &others, &unseen, remaining)?;
        let base = ctx.view.base();
        let rate = ctx.view.rate(reservation.currency);
        let rate = rate.ok_or_else(|| Unvalued::NoRate(reservation.currency).refusal(symbol, base))?;
        let worst = reservation.worst().worst_price;
        let out_of_range = |_| Unvalued::OutOfRange.refusal(symbol, base);
        let notional = Money::notional(worst, remaining, reservation.multiplier)
            .and_then(|own| rate.convert(own))
            .map_err(out_of_range)?;
        order_notional::check(notional, &self.limits)?;

        // From here on the order counts as open; a refusal takes it out again.
        self.book.sync(ctx.view, &self.reservations, &self.unseen);
        let previous = self.reservations.insert(reservation);
        if let Err(refusal) = self.check_exposure(order, ctx, reducing) {
            self.reservations.remove(order.id);
            if let Some(previous) = previous {
                self.reservations.insert(previous);
            }
            return Err(refusal);
        }
        self.book.touch(symbol);
        let (side, qty) = (order.terms.side, order.terms.qty);
        self.recent.push(PastApproval { at: ctx.now, symbol, side, qty });
        Ok(Approval {
            reservation_id: order.id.clone(),
            terms: *order.terms,
            approved_at: ctx.now,
            expires_at: ctx.now.plus_nanos(ms_to_ns(self.limits.approval_ttl_ms)),
            reserved: notional,
            reducing,
        })
    }

    fn check_exposure(
        &self,
        order: &Candidate<'_>,
        ctx: &RiskContext<'_>,
        reducing: bool,
    ) -> Result<(), Refusal> {
        let (symbol, base) = (order.terms.symbol, ctx.view.base());
        let after = exposure_of(symbol, ctx.view, &self.reservations, &self.unseen)
            .map_err(|reason| reason.refusal(symbol, base))?;
        if reducing {
            return Ok(());
        }
        if let Some((symbol, reason)) = self.book.unvalued() {
            return Err(reason.refusal(symbol, base));
        }
        let valuation = ctx.view.valuation().map_err(exposure::no_equity)?;
        let sector = ctx.instrument.sector.as_deref();
        let change = exposure::Change {
            side: order.terms.side,
            before: self.book.get(symbol),
            after,
            totals: self.book.totals(),
            sector: sector.map(|name| (name, self.book.sector_gross(name))),
            equity: valuation.equity,
        };
        exposure::check(&change, &self.limits)
    }

    /// The reservation of an order whose terms may be changed to `terms`.
    fn changeable(&self, id: &ClientOrderId, terms: &OrderTerms) -> Result<Reservation, Refusal> {
        let refuse = |detail: String| Err(Refusal::new(RefusalCode::NotChangeable, detail));
        let Some(open) = self.reservations.get(id) else {
            return refuse(format!("order {id} is not open"));
        };
        if (open.symbol, open.side) != (terms.symbol, terms.side) {
            let detail =
                format!("order {id} is to {} {}; symbol and side cannot change", open.side, open.symbol);
            return refuse(detail);
        }
        if terms.qty <= open.filled {
            return refuse(format!(
                "order {id} has filled {}, its quantity cannot become {}",
                open.filled, terms.qty
            ));
        }
        if matches!(open.phase, ReservationPhase::Unknown | ReservationPhase::AwaitingFills) {
            return refuse(format!("order {id} is {:?}", open.phase));
        }
        if open.pending.is_some() {
            let detail = format!("an earlier change of order {id} is not answered");
            return Err(Refusal::new(RefusalCode::ChangeOutstanding, detail));
        }
        Ok(open.clone())
    }

    /// One order's reservation.
    #[must_use]
    pub fn reservation(&self, id: &ClientOrderId) -> Option<&Reservation> {
        self.reservations.get(id)
    }

    /// All reservations, by symbol.
    pub fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reservations.iter()
    }

    /// Whether an order of the symbol has an unknown outcome.
    #[must_use]
    pub fn has_unknown(&self, symbol: Symbol) -> bool {
        self.reservations.open(symbol, None).unknown > 0
    }

    /// What can still be bought and sold in a symbol through open orders.
    #[must_use]
    pub fn open_qty(&self, symbol: Symbol) -> (Qty, Qty) {
        let open = self.reservations.open(symbol, None);
        (open.buys.0, open.sells.0)
    }

    /// A symbol's and the account's worst-case exposure under a view. Symbols that cannot be valued count as nothing;
    /// an assessment refuses while there are any.
    pub fn worst_case(&mut self, symbol: Symbol, view: &PortfolioView) -> (SymbolExposure, WorstCase) {
        self.fills_seen = self.fills_seen.max(view.fills_applied());
        self.unseen.shown(view.fills_applied());
        self.book.sync(view, &self.reservations, &self.unseen);
        (self.book.get(symbol), self.book.totals())
    }

    /// The largest part of `terms.qty` that the order-notional limit admits, in whole lots: for closing a large position
    /// in slices. Zero without a price or a rate.
    #[must_use]
    pub fn order_qty_max(&self, terms: &OrderTerms, reference: Price, ctx: &RiskContext<'_>) -> Qty {
        match (ctx.view.price(terms.symbol), ctx.view.rate(ctx.instrument.currency)) {
            (Some(mark), Some(rate)) => {
                let max = self.limits.order_notional_max;
                crate::sizing::order_qty_max(terms, [mark, reference], ctx.instrument, rate, max)
            }
            _ => Qty::ZERO,
        }
    }
}
