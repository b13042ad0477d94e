//! A working order as matching sees it, and what one quote or one print does to it.
//!
//! The rules, for a buy (a sell is the mirror image):
//!
//! | order | market data | result |
//! |---|---|---|
//! | takes (market, reached stop, limit that the market reaches from its arrival on) | a new ask, quote neither crossed nor, for a market order, a stub | at the ask and slippage, never beyond the limit, up to the displayed size |
//! | takes | a print while the ask is unknown, stale or crossed, or before its first quote | at the print and slippage, if within the limit, up to a share of the print |
//! | rests (a limit that the market was seen not to reach) | a new ask at or below the limit | at the limit, up to the displayed size |
//! | rests | a print below the limit | at the limit, up to a share of the print |
//! | rests | a print at the limit | at the limit, what passes the queue ahead, up to a share of the print |
//! | waits for its stop | a print at or above it; an ask at or above it while no print was ever seen | reached: matched from the next tick on |
//!
//! `ImmediateOrCancel` and `FillOrKill` get the first data that could fill them, and end there.

use tensortrade_market::order::{Side, TimeInForce};
use tensortrade_market::{Instrument, Price, Qty, Ts};

use super::liquidity::Pool;
use super::options::PaperOptions;
use super::queue::Queue;
use super::record::OrderRow;
use super::tape::{QuoteSide, Tape, Touch};

/// What market data does to an order; the parts happen in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    /// The stop was reached.
    pub(super) trigger: bool,
    /// An execution.
    pub(super) fill: Option<(Qty, Price)>,
    /// The rest is cancelled, and why.
    pub(super) cancel: Option<&'static str>,
}

/// A price at which an order can be filled at once, by one who takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// The price seen.
    pub(super) seen: Price,
    /// The price paid: seen, and slippage.
    pub(super) paid: Price,
    /// Whether the seen price is known to be on offer: then an order whose limit lies between seen and paid is filled
    /// at its limit. Else the paid price is the estimate of what is on offer, and the limit must reach it.
    pub(super) firm: bool,
}

/// One tick, and what there is to match it with.
pub(super) struct Scene<'a> {
    /// What the tick changed.
    pub(super) touch: Touch,
    /// When.
    pub(super) ts: Ts,
    /// The market after it.
    pub(super) tape: &'a mut Tape,
    /// What our orders may still take of it, if it is a print.
    pub(super) print: Pool,
    /// Whether the tape has ever shown a print before this tick.
    pub(super) printed: bool,
    /// Grid and lot.
    pub(super) instrument: &'a Instrument,
    /// Rules.
    pub(super) options: &'a PaperOptions,
}

/// A working order.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) seq: u64,
    pub(super) side: Side,
    pub(super) tif: TimeInForce,
    pub(super) limit: Option<Price>,
    /// The trigger that is still waited for.
    pub(super) stop: Option<Price>,
    pub(super) remaining: Qty,
    /// Data from here on may match it.
    pub(super) effective: Ts,
    /// When it ends by itself.
    pub(super) expires: Ts,
    /// Whether it is a limit in the book, filled at its limit.
    pub(super) resting: bool,
    queue: Queue,
}

impl Live {
    /// From the books. After a restart the place in the queue is unknown, so a limit rests and joins the back.
    pub(super) fn new(row: &OrderRow, resting: bool) -> Self {
        let kind = row.terms.kind;
        let stop = if row.triggered { None } else { kind.stop() };
        Self {
            seq: row.seq,
            side: row.terms.side,
            tif: row.terms.tif,
            limit: kind.limit(),
            stop,
            remaining: Qty::from_raw(row.terms.qty.raw().saturating_sub(row.filled.raw())),
            effective: row.effective,
            expires: row.expires.unwrap_or(Ts::MAX),
            resting: resting && kind.limit().is_some() && stop.is_none() && !is_immediate(row.terms.tif),
            queue: Queue::default(),
        }
    }

    /// The terms changed. A new price or a larger quantity loses the place in the queue.
    pub(super) fn change(&mut self, row: &OrderRow) {
        let fresh = Self::new(row, false);
        let keeps_place =
            fresh.limit == self.limit && fresh.stop == self.stop && fresh.remaining <= self.remaining;
        if keeps_place {
            self.remaining = fresh.remaining;
            self.effective = fresh.effective;
        } else {
            *self = fresh;
        }
    }

    /// Whether it must be filled at once or not at all.
    pub(super) fn is_immediate(&self) -> bool {
        is_immediate(self.tif)
    }

    /// Prints were missed: the place in the queue is unknown.
    pub(super) fn forget_queue(&mut self) {
        self.queue = Queue::default();
    }

    /// Whether `price` is at least as good as `level` for this order.
    #[inline]
    pub(super) fn reaches(&self, price: Price, level: Price) -> bool {
        match self.side {
            Side::Buy => price <= level,
            Side::Sell => price >= level,
        }
    }

    /// Whether `price` has reached the stop.
    #[inline]
    pub(super) fn is_through_stop(&self, price: Price, stop: Price) -> bool {
        match self.side {
            Side::Buy => price >= stop,
            Side::Sell => price <= stop,
        }
    }

    /// What one tick does.
    #[inline]
    pub(super) fn on_tick(&mut self, scene: &mut Scene<'_>) -> Verdict {
        match scene.touch {
            Touch::Nothing => Verdict::default(),
            Touch::Quote { bid, ask } => match self.side {
                Side::Buy => self.on_quote(bid, ask, scene),
                Side::Sell => self.on_quote(ask, bid, scene),
            },
            Touch::Print { price, size } => self.on_print(price, size, scene),
        }
    }

    fn on_quote(&mut self, own_told: bool, other_told: bool, scene: &mut Scene<'_>) -> Verdict {
        if scene.tape.is_crossed() {
            return Verdict::default();
        }
        let stub = self.heeds_stubs() && scene.tape.is_stub(scene.options.quote_spread_max_percent);
        let (own, other) = sides(scene.tape, self.side);
        let seen = other.price.filter(|_| other_told);
        if let Some(stop) = self.stop {
            // Prints decide where there are any; quotes only where the tape has never shown one.
            let trigger =
                !scene.printed && !stub && seen.is_some_and(|price| self.is_through_stop(price, stop));
            return Verdict { trigger, ..Verdict::default() };
        }
        let rested = self.resting;
        let mut verdict = Verdict::default();
        if let (Some(limit), true) = (self.limit, rested) {
            if seen.is_some_and(|price| self.reaches(price, limit)) {
                let qty = other.pool.available(self.remaining, scene.instrument.lot);
                other.pool.take(qty);
                verdict.fill = (!qty.is_zero()).then_some((qty, limit));
            }
        } else if let Some(seen) = seen.filter(|_| !stub) {
            let paid = scene.options.slippage.quotes.worsen(seen, self.side, scene.instrument.tick_size);
            verdict = self.take(Offer { seen, paid, firm: true }, &mut other.pool, scene.instrument.lot);
        }
        if self.resting && (own_told || !rested) {
            self.see_own_side(own);
        }
        verdict
    }

    fn on_print(&mut self, price: Price, size: Qty, scene: &mut Scene<'_>) -> Verdict {
        if let Some(stop) = self.stop {
            return Verdict { trigger: self.is_through_stop(price, stop), ..Verdict::default() };
        }
        let stub = self.heeds_stubs() && scene.tape.is_stub(scene.options.quote_spread_max_percent);
        let usable = !stub && !scene.tape.is_crossed();
        let (own, other) = sides(scene.tape, self.side);
        let quoted =
            usable && other.price.is_some() && scene.ts.since(other.ts) <= scene.options.quote_stale_ns;
        let lot = scene.instrument.lot;
        // One who must be filled at once waits for the quote that is on offer; a limit that takes is filled as the market
        // trades, never at its own limit while the market is better.
        if !self.resting && (!quoted || (self.limit.is_some() && !self.is_immediate())) {
            let paid = scene.options.slippage.trades.worsen(price, self.side, scene.instrument.tick_size);
            let verdict = self.take(Offer { seen: price, paid, firm: false }, &mut scene.print, lot);
            if self.resting {
                self.see_own_side(own);
            }
            return verdict;
        }
        // Orders that only take wait for their quote.
        let Some(limit) = self.limit.filter(|_| !self.is_immediate()) else { return Verdict::default() };
        if price == limit {
            let reached = self.queue.on_print(size, scene.options.queue);
            return self.fill_at_limit(limit, reached, &mut scene.print, lot);
        }
        if self.reaches(price, limit) {
            self.queue.clear();
            return self.fill_at_limit(limit, Some(Qty::ZERO), &mut scene.print, lot);
        }
        Verdict::default()
    }

    /// Whether a stub quote is no market for this order: a limit protects itself.
    fn heeds_stubs(&self) -> bool {
        self.limit.is_none() || self.stop.is_some()
    }

    /// `reached` is how much of the print came as far as this order: zero says no more than the pool does.
    fn fill_at_limit(&mut self, limit: Price, reached: Option<Qty>, print: &mut Pool, lot: Qty) -> Verdict {
        let Some(reached) = reached else { return Verdict::default() };
        let pool = if reached > Qty::ZERO { print.capped(reached) } else { *print };
        let qty = pool.available(self.remaining, lot);
        print.take(qty);
        Verdict { fill: (!qty.is_zero()).then_some((qty, limit)), ..Verdict::default() }
    }

    /// Takes what is on offer, within the limit and the pool. A limit that the offer does not reach rests from now on.
    pub(super) fn take(&mut self, offer: Offer, pool: &mut Pool, lot: Qty) -> Verdict {
        let decisive = if offer.firm { offer.seen } else { offer.paid };
        let within = self.limit.is_none_or(|limit| self.reaches(decisive, limit));
        let price = match self.limit {
            Some(limit) if !self.reaches(offer.paid, limit) => limit,
            _ => offer.paid,
        };
        let qty = if within { pool.available(self.remaining, lot) } else { Qty::ZERO };
        let whole = qty == self.remaining;
        let (qty, cancel) = match self.tif {
            TimeInForce::FillOrKill if !whole => {
                (Qty::ZERO, Some("fill or kill: the whole quantity was not on offer at once"))
            }
            TimeInForce::ImmediateOrCancel if !whole => {
                (qty, Some("immediate or cancel: no more was on offer at once"))
            }
            _ => (qty, None),
        };
        pool.take(qty);
        self.resting = self.limit.is_some() && !within && !self.is_immediate();
        Verdict { trigger: false, fill: (!qty.is_zero()).then_some((qty, price)), cancel }
    }

    /// Learns its place in the queue from the best price on its own side.
    fn see_own_side(&mut self, own: &QuoteSide) {
        let (Some(limit), Some(best)) = (self.limit, own.price) else { return };
        if best == limit {
            self.queue.on_display(own.size);
        } else if self.reaches(best, limit) {
            // The best price is worse for the other side than ours: we improve the market.
            self.queue.clear();
        }
    }
}

fn is_immediate(tif: TimeInForce) -> bool {
    matches!(tif, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill)
}

/// Our side of the quote and the other one.
fn sides(tape: &mut Tape, side: Side) -> (&mut QuoteSide, &mut QuoteSide) {
    match side {
        Side::Buy => (&mut tape.bid, &mut tape.ask),
        Side::Sell => (&mut tape.ask, &mut tape.bid),
    }
}
