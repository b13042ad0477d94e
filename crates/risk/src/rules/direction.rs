//! Toward zero or not, and what follows from it.
//!
//! A sell of `q` is reducing when the position `p` is long and `p - unseen sells - open sells - q >= 0`; a buy is the
//! mirror image. Open means every order that can still fill, those of unknown outcome included, so two sells of the whole
//! position are never both reducing. Open buys are left out: if they fill, the sell reduces a larger position.

use tensortrade_market::Qty;
use tensortrade_market::order::Side;
use tensortrade_market::planted::{Bug, planted};

use crate::breaker::BreakerState;
use crate::context::RiskContext;
use crate::limits::Limits;
use crate::refusal::{Refusal, RefusalCode};
use crate::reservation::SymbolOpen;
use crate::rules::Candidate;
use crate::unseen::UnseenFills;

/// Where the position ends if everything on `side` fills, the order of `qty` last; `None` when out of range.
fn end(position: Qty, side: Side, qty: Qty, open: &SymbolOpen, unseen: &UnseenFills) -> Option<Qty> {
    let (waiting, unseen) = match side {
        Side::Buy => (open.buys.0, unseen.bought),
        Side::Sell => (open.sells.0, unseen.sold),
    };
    let all = waiting.checked_add(unseen)?.checked_add(qty)?;
    position.checked_add(side.signed(all))
}

/// Whether the order only brings the position toward zero, whatever becomes of the other orders on its side.
pub(crate) fn is_reducing(
    position: Qty,
    side: Side,
    qty: Qty,
    open: &SymbolOpen,
    unseen: &UnseenFills,
) -> bool {
    let against = position.signum() == -side.sign();
    against && end(position, side, qty, open, unseen).is_some_and(|end| end.signum() != side.sign())
}

/// Whether a sell could leave the position below zero.
fn could_go_short(position: Qty, side: Side, qty: Qty, open: &SymbolOpen, unseen: &UnseenFills) -> bool {
    side == Side::Sell && end(position, side, qty, open, unseen).is_none_or(|end| end < Qty::ZERO)
}

/// Breaker reducing, unknown outstanding, short: for orders that are not reducing. `open` leaves the order itself out.
pub(crate) fn check(
    order: &Candidate<'_>,
    ctx: &RiskContext<'_>,
    limits: &Limits,
    open: &SymbolOpen,
    unseen: &UnseenFills,
    remaining: Qty,
) -> Result<bool, Refusal> {
    let (symbol, side) = (order.terms.symbol, order.terms.side);
    let position = ctx.view.qty(symbol);
    if is_reducing(position, side, remaining, open, unseen) {
        return Ok(true);
    }
    // Only for a refusal: writing it out for every order would cost more than all the rules.
    let what = || format!("{side} {remaining} {symbol} with position {position}");
    let (state, scope) = ctx.breaker.effective(order.strategy, symbol);
    if state == BreakerState::Reducing && planted(Bug::ReducingIgnored) {
        // Said of the order itself, so that those who look again behind the approval believe it.
        return Ok(true);
    }
    if state >= BreakerState::Reducing {
        let detail = format!("the breaker of {scope} lets only reducing orders through: {} is not", what());
        return Err(Refusal::new(RefusalCode::BreakerReducing, detail));
    }
    if open.unknown > 0 {
        let detail = format!(
            "{} orders of {symbol} have an unknown outcome: {} is not reducing",
            open.unknown,
            what()
        );
        return Err(Refusal::new(RefusalCode::UnknownOrderOutstanding, detail));
    }
    if !limits.short_allowed && could_go_short(position, side, remaining, open, unseen) {
        let detail =
            format!("{} and {} open to sell could go short, short_allowed is false", what(), open.sells.0);
        return Err(Refusal::new(RefusalCode::ShortNotAllowed, detail));
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(n: i64) -> Qty {
        Qty::from_units(n).unwrap()
    }

    fn reducing(
        position: i64,
        side: Side,
        qty: i64,
        open_same: i64,
        open_other: i64,
        unseen_same: i64,
    ) -> bool {
        let (mut open, mut unseen) = (SymbolOpen::default(), UnseenFills::default());
        let (same, other, seen) = match side {
            Side::Buy => (&mut open.buys, &mut open.sells, &mut unseen.bought),
            Side::Sell => (&mut open.sells, &mut open.buys, &mut unseen.sold),
        };
        (same.0, other.0, *seen) = (units(open_same), units(open_other), units(unseen_same));
        is_reducing(units(position), side, units(qty), &open, &unseen)
    }

    #[test]
    fn closing_part_or_all_of_a_position_is_reducing_on_both_sides() {
        assert!(reducing(100, Side::Sell, 40, 0, 0, 0) && reducing(100, Side::Sell, 100, 0, 0, 0));
        assert!(reducing(-100, Side::Buy, 40, 0, 0, 0) && reducing(-100, Side::Buy, 100, 0, 0, 0));
    }

    #[test]
    fn opening_adding_and_crossing_are_not_reducing() {
        assert!(!reducing(0, Side::Sell, 1, 0, 0, 0) && !reducing(0, Side::Buy, 1, 0, 0, 0));
        assert!(!reducing(100, Side::Buy, 1, 0, 0, 0) && !reducing(-100, Side::Sell, 1, 0, 0, 0));
        assert!(!reducing(100, Side::Sell, 101, 0, 0, 0) && !reducing(-100, Side::Buy, 101, 0, 0, 0));
    }

    #[test]
    fn open_orders_and_unseen_fills_on_the_same_side_use_up_the_position() {
        assert!(reducing(100, Side::Sell, 40, 60, 0, 0) && !reducing(100, Side::Sell, 41, 60, 0, 0));
        assert!(reducing(100, Side::Sell, 40, 0, 0, 60) && !reducing(100, Side::Sell, 41, 0, 0, 60));
    }

    #[test]
    fn open_orders_on_the_other_side_do_not_make_room() {
        assert!(!reducing(100, Side::Sell, 150, 0, 100, 0));
        assert!(!reducing(0, Side::Sell, 50, 0, 100, 0));
    }
}
