//! How many: approvals in the last second and minute below their limits; open orders in the symbol and in all below
//! theirs. Reducing orders count and are counted: a loop gone wild is stopped whatever it sends.

use tensortrade_market::Ts;

use crate::limits::Limits;
use crate::recent::{Recent, WINDOW_MS};
use crate::refusal::{Refusal, RefusalCode};

/// Approvals per second and minute.
pub(crate) fn check_rate(recent: &Recent, now: Ts, limits: &Limits) -> Result<(), Refusal> {
    let windows = [
        ("order_rate_per_second_max", 1_000, limits.order_rate_per_second_max),
        ("order_rate_per_minute_max", WINDOW_MS, limits.order_rate_per_minute_max),
    ];
    for (key, window_ms, max) in windows {
        let count = recent.count_within(now, window_ms);
        if count >= usize::try_from(max).unwrap_or(usize::MAX) {
            let detail = format!("{count} approvals in the last {window_ms} ms, {key} is {max}");
            return Err(Refusal::new(RefusalCode::OrderRate, detail));
        }
    }
    Ok(())
}

/// Open orders, before the new one.
pub(crate) fn check_open(in_symbol: usize, in_all: usize, limits: &Limits) -> Result<(), Refusal> {
    let counts = [
        ("open_orders_per_symbol_max", in_symbol, limits.open_orders_per_symbol_max),
        ("open_orders_max", in_all, limits.open_orders_max),
    ];
    for (key, count, max) in counts {
        if count >= usize::try_from(max).unwrap_or(usize::MAX) {
            let detail = format!("{count} orders are open, {key} is {max}");
            return Err(Refusal::new(RefusalCode::TooManyOpenOrders, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recent::PastApproval;
    use crate::rules::fixture::{ibm, qty};
    use tensortrade_market::order::Side;

    #[test]
    fn the_rate_is_counted_over_a_sliding_second_and_minute() {
        let limits =
            Limits { order_rate_per_second_max: 2, order_rate_per_minute_max: 3, ..Limits::default() };
        let mut recent = Recent::default();
        let mut at_ms = |ms: i64| {
            let now = Ts::from_nanos(ms * 1_000_000);
            recent.advance(now);
            let outcome = check_rate(&recent, now, &limits).map_err(|r| r.detail);
            if outcome.is_ok() {
                recent.push(PastApproval { at: now, symbol: ibm().symbol, side: Side::Buy, qty: qty("1") });
            }
            outcome
        };
        assert!(at_ms(0).is_ok() && at_ms(500).is_ok());
        assert!(at_ms(999).unwrap_err().contains("order_rate_per_second_max is 2"));
        assert!(at_ms(1_000).is_ok());
        assert!(at_ms(5_000).unwrap_err().contains("order_rate_per_minute_max is 3"));
        assert!(at_ms(60_000).is_ok());
    }

    #[test]
    fn open_orders_are_limited_in_the_symbol_and_in_all() {
        let limits = Limits { open_orders_per_symbol_max: 2, open_orders_max: 5, ..Limits::default() };
        assert_eq!(check_open(1, 4, &limits), Ok(()));
        assert!(check_open(2, 4, &limits).unwrap_err().detail.contains("open_orders_per_symbol_max is 2"));
        assert!(check_open(0, 5, &limits).unwrap_err().detail.contains("open_orders_max is 5"));
    }
}
