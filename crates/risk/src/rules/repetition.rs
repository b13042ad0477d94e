//! Repetitions: an order id that is already open, and the same symbol, side and quantity approved less than
//! `duplicate_window_ms` ago.

use crate::context::RiskContext;
use crate::limits::{Limits, ms_to_ns};
use crate::recent::Recent;
use crate::refusal::{Refusal, RefusalCode};
use crate::reservation::Reservations;
use crate::rules::Candidate;

pub(crate) fn check(
    order: &Candidate<'_>,
    ctx: &RiskContext<'_>,
    limits: &Limits,
    reservations: &Reservations,
    recent: &Recent,
) -> Result<(), Refusal> {
    if let Some(open) = reservations.get(order.id) {
        let detail = format!("order {} is already open ({:?})", order.id, open.phase);
        return Err(Refusal::new(RefusalCode::Duplicate, detail));
    }
    let (symbol, side, qty) = (order.terms.symbol, order.terms.side, order.terms.qty);
    let window_ms = limits.duplicate_window_ms;
    match recent.last(symbol, side, qty).map(|at| ctx.now.since(at)) {
        Some(age_ns) if age_ns < ms_to_ns(window_ms) => {
            let age_ms = age_ns / 1_000_000;
            let detail = format!(
                "{side} {qty} {symbol} was approved {age_ms} ms ago, duplicate_window_ms is {window_ms}"
            );
            Err(Refusal::new(RefusalCode::Duplicate, detail))
        }
        _ => Ok(()),
    }
}
