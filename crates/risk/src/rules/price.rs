//! The market price: there is one, `|now - mark.ts| <= price_stale_after_ms`, and limit, stop and decision price lie
//! within the collar: `|price - mark| * 10000 <= price_collar_bps * |mark|`.

use tensortrade_market::order::OrderTerms;
use tensortrade_market::{Price, Symbol, Ts};
use tensortrade_portfolio::Mark;

use crate::limits::{Limits, ms_to_ns};
use crate::refusal::{Refusal, RefusalCode};

/// A mark that is fresh. One that lies in the future by more than the limit is no better than one from the past.
pub(crate) fn check_mark(
    symbol: Symbol,
    mark: Option<Mark>,
    now: Ts,
    limits: &Limits,
) -> Result<Mark, Refusal> {
    let Some(mark) = mark else {
        return Err(Refusal::new(RefusalCode::NoPrice, format!("{symbol} has no price yet")));
    };
    let age_ns = now.since(mark.ts);
    if age_ns.saturating_abs() > ms_to_ns(limits.price_stale_after_ms) {
        let (age_ms, max) = (age_ns / 1_000_000, limits.price_stale_after_ms);
        let detail = format!("the last price of {symbol} is {age_ms} ms old, price_stale_after_ms is {max}");
        return Err(Refusal::new(RefusalCode::StalePrice, detail));
    }
    Ok(mark)
}

/// The collar around the mark.
pub(crate) fn check_collar(
    terms: &OrderTerms,
    reference: Price,
    mark: Price,
    limits: &Limits,
) -> Result<(), Refusal> {
    let prices =
        [("limit", terms.kind.limit()), ("stop", terms.kind.stop()), ("decision price", Some(reference))];
    for (name, price) in prices {
        let Some(price) = price else { continue };
        let off = (i128::from(price.raw()) - i128::from(mark.raw())).abs() * 10_000;
        let max = limits.price_collar_bps;
        if off > i128::from(max) * i128::from(mark.raw()).abs() {
            let bps = off
                .checked_div(i128::from(mark.raw()).abs())
                .map_or("infinitely many".into(), |b| b.to_string());
            let detail =
                format!("{name} {price} is {bps} bps from the mark {mark}, price_collar_bps is {max}");
            return Err(Refusal::new(RefusalCode::PriceCollar, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::{ibm, price, terms};
    use tensortrade_market::order::{OrderKind, Side};

    #[test]
    fn a_missing_or_old_or_future_mark_is_refused() {
        let limits = Limits { price_stale_after_ms: 1_000, ..Limits::default() };
        let at = |nanos| Some(Mark { price: price("10"), ts: Ts::from_nanos(nanos) });
        let code = |mark| check_mark(ibm().symbol, mark, Ts::from_secs(10), &limits).err().map(|r| r.code);
        assert_eq!(code(None), Some(RefusalCode::NoPrice));
        assert_eq!(code(at(9_000_000_000)), None);
        assert_eq!(code(at(8_999_999_999)), Some(RefusalCode::StalePrice));
        assert_eq!(code(at(12_000_000_000)), Some(RefusalCode::StalePrice));
    }

    #[test]
    fn each_price_of_an_order_must_lie_within_the_collar() {
        let limits = Limits { price_collar_bps: 100, ..Limits::default() };
        let mark = price("100");
        let collar = |kind, reference: &str| {
            check_collar(&terms(Side::Buy, "1", kind), price(reference), mark, &limits).map_err(|r| r.detail)
        };
        assert_eq!(collar(OrderKind::Limit { limit: price("101") }, "99"), Ok(()));
        let limit = collar(OrderKind::Limit { limit: price("101.01") }, "100").unwrap_err();
        assert_eq!(limit, "limit 101.01 is 101 bps from the mark 100, price_collar_bps is 100");
        let both = OrderKind::StopLimit { stop: price("98.5"), limit: price("99") };
        assert!(collar(both, "100").unwrap_err().starts_with("stop 98.5"));
        assert!(collar(OrderKind::Market, "90").unwrap_err().starts_with("decision price 90"));
    }

    #[test]
    fn a_mark_of_zero_admits_no_other_price() {
        let order = terms(Side::Buy, "1", OrderKind::Market);
        let refusal = check_collar(&order, price("1"), Price::ZERO, &Limits::default()).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::PriceCollar);
    }

    #[test]
    fn the_collar_works_on_negative_prices() {
        let order = terms(Side::Buy, "1", OrderKind::Limit { limit: price("-37") });
        assert_eq!(check_collar(&order, price("-36"), price("-36"), &Limits::default()), Ok(()));
    }
}
