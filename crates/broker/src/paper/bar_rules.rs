//! What one bar does to a working order, where bars are the input.
//!
//! A bar counts only if it starts at or after the moment from which the order is effective, so its open is never a
//! price from before the order arrived. The rules, for a buy (a sell is the mirror image):
//!
//! | order | bar | result |
//! |---|---|---|
//! | market, reached stop | any | at the open and slippage |
//! | limit | open at or below the limit | at the open, improved upon the limit |
//! | limit | low below the limit (or equal, if so configured) | at the limit |
//! | stop | open at or above the stop | at the open and slippage |
//! | stop | high at or above the stop | at the stop and slippage |
//! | stop-limit | open at or above the stop | reached at the open: then as a limit in this bar |
//! | stop-limit | high at or above the stop | reached inside: filled in this bar only if it closes below the limit (or equal, if so configured), at the limit: the path inside is unknown, but the close came after |
//! | immediate or cancel, fill or kill | any | at the open or not at all |
//!
//! All our orders together get at most a share of the bar's volume; what is left waits for the next bar.

use tensortrade_market::order::Side;
use tensortrade_market::{Bar, Instrument, Price, Qty, Ts};

use super::liquidity::Pool;
use super::live::{Live, Offer, Verdict};
use super::options::PaperOptions;

/// What a bar does, and when in the bar: at its start (the open) or by its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BarVerdict {
    pub(super) verdict: Verdict,
    pub(super) ts: Ts,
}

/// What `bar` does to `order`.
pub(super) fn on_bar(
    order: &mut Live,
    bar: &Bar,
    pool: &mut Pool,
    instrument: &Instrument,
    options: &PaperOptions,
) -> BarVerdict {
    let lot = instrument.lot;
    let slip = |price: Price| {
        options.slippage.bars.worsen_by_spread(price, order.side, instrument.tick_size, bar.spread)
    };
    let at_open = |verdict| BarVerdict { verdict, ts: bar.start };
    let inside = |verdict| BarVerdict { verdict, ts: bar.end };
    let nothing = inside(Verdict::default());

    if let Some(stop) = order.stop {
        let (open_paid, stop_paid) = (slip(bar.open), slip(stop));
        let gapped = order.is_through_stop(bar.open, stop);
        if !gapped && !order.is_through_stop(farthest(order.side, bar), stop) {
            return nothing;
        }
        order.stop = None;
        let verdict = match (order.limit, gapped) {
            (None, true) => order.take(Offer { seen: bar.open, paid: open_paid, firm: true }, pool, lot),
            (None, false) => order.take(Offer { seen: stop, paid: stop_paid, firm: true }, pool, lot),
            (Some(limit), true) => limit_in_bar(order, limit, bar, pool, lot, options),
            (Some(limit), false) => {
                let filled = passes(order.side, bar.close, limit, options.bar_touch_fills);
                if filled { at_limit(order, limit, pool, lot) } else { rest(order) }
            }
        };
        let verdict = Verdict { trigger: true, ..verdict };
        let opens_within = order.limit.is_none_or(|limit| order.reaches(bar.open, limit));
        return if gapped && opens_within { at_open(verdict) } else { inside(verdict) };
    }
    match order.limit {
        None => {
            let paid = slip(bar.open);
            at_open(order.take(Offer { seen: bar.open, paid, firm: true }, pool, lot))
        }
        Some(limit) => {
            let verdict = limit_in_bar(order, limit, bar, pool, lot, options);
            if order.reaches(bar.open, limit) { at_open(verdict) } else { inside(verdict) }
        }
    }
}

/// A limit that is in the book at the bar's open. A passive order pays no slippage, not even at the open: it stands at
/// its limit, and the open is what the market offered it.
fn limit_in_bar(
    order: &mut Live,
    limit: Price,
    bar: &Bar,
    pool: &mut Pool,
    lot: Qty,
    options: &PaperOptions,
) -> Verdict {
    if order.is_immediate() || order.reaches(bar.open, limit) {
        return order.take(Offer { seen: bar.open, paid: bar.open, firm: true }, pool, lot);
    }
    if passes(order.side, nearest(order.side, bar), limit, options.bar_touch_fills) {
        return at_limit(order, limit, pool, lot);
    }
    rest(order)
}

fn at_limit(order: &mut Live, limit: Price, pool: &mut Pool, lot: Qty) -> Verdict {
    order.take(Offer { seen: limit, paid: limit, firm: true }, pool, lot)
}

fn rest(order: &mut Live) -> Verdict {
    // Taking from an empty pool: an order for "at once" ends here, a limit rests.
    let mut empty = Pool::UNLIMITED.capped(Qty::ZERO);
    let limit = order.limit.unwrap_or(Price::ZERO);
    order.take(Offer { seen: limit, paid: limit, firm: true }, &mut empty, Qty::from_raw(1))
}

/// Whether `price` is beyond `limit` to the order's advantage.
fn passes(side: Side, price: Price, limit: Price, touch_fills: bool) -> bool {
    match side {
        _ if price == limit => touch_fills,
        Side::Buy => price < limit,
        Side::Sell => price > limit,
    }
}

/// The bar's best price for a limit.
fn nearest(side: Side, bar: &Bar) -> Price {
    match side {
        Side::Buy => bar.low,
        Side::Sell => bar.high,
    }
}

/// The bar's price that a stop waits for.
fn farthest(side: Side, bar: &Bar) -> Price {
    match side {
        Side::Buy => bar.high,
        Side::Sell => bar.low,
    }
}
