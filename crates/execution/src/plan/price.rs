//! What price an order carries.

use tensortrade_market::Price;
use tensortrade_market::fixed::Rounding;
use tensortrade_market::order::{OrderKind, Side};

use super::config::OrderStyle;

/// The kind of order for a side at a reference price. A limit stands on the tick grid, at most the collar (or one tick,
/// if that is more) beyond the reference, and never short of it.
pub(super) fn order_kind(style: OrderStyle, side: Side, reference: Price, tick: Price) -> OrderKind {
    let OrderStyle::MarketableLimit { collar_bps } = style else { return OrderKind::Market };
    let collar = i128::from(reference.raw()).abs() * i128::from(collar_bps) / 10_000;
    let beyond = collar.max(i128::from(tick.raw()));
    let exact = i128::from(reference.raw()) + beyond * i128::from(side.sign());
    // Toward the reference, so that the collar is kept.
    let rounding = if side == Side::Buy { Rounding::Down } else { Rounding::Up };
    let limit = i64::try_from(exact).ok().and_then(Price::from_raw).map(|p| p.round_to(tick, rounding));
    match limit {
        // A sale at a price that was above zero is never offered at zero or below.
        Some(limit) if limit <= Price::ZERO && reference > Price::ZERO => OrderKind::Limit { limit: tick },
        Some(limit) => OrderKind::Limit { limit },
        None => OrderKind::Limit { limit: reference },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limit(side: Side, reference: &str, tick: &str, collar_bps: u32) -> String {
        let style = OrderStyle::MarketableLimit { collar_bps };
        let kind = order_kind(style, side, reference.parse().unwrap(), tick.parse().unwrap());
        kind.limit().unwrap().to_string()
    }

    #[test]
    fn a_limit_stands_beyond_the_reference_within_the_collar() {
        assert_eq!(limit(Side::Buy, "183.63", "0.01", 50), "184.54");
        assert_eq!(limit(Side::Sell, "183.63", "0.01", 50), "182.72");
        assert_eq!(limit(Side::Buy, "0.5", "0.01", 1), "0.51");
        assert_eq!(limit(Side::Sell, "0.01", "0.01", 50), "0.01");
    }

    proptest! {
        #[test]
        fn it_is_on_the_grid_and_never_short_of_the_reference(
            raw in 1_000_000i64..1_000_000_000_000,
            tick in prop::sample::select(vec![10_000i64, 1_000_000, 10_000_000, 250_000_000]),
            bps in 1u32..500,
        ) {
            let (reference, tick) = (Price::from_raw(raw).unwrap(), Price::from_raw(tick).unwrap());
            for side in [Side::Buy, Side::Sell] {
                let kind = order_kind(OrderStyle::MarketableLimit { collar_bps: bps }, side, reference, tick);
                let limit = kind.limit().unwrap();
                prop_assert_eq!(limit.raw() % tick.raw(), 0);
                let beyond = (limit.raw() - raw) * side.sign();
                let collar = (i128::from(raw) * i128::from(bps) / 10_000) as i64;
                prop_assert!(limit == tick || beyond >= 0, "{side} {limit} against {reference}");
                prop_assert!(beyond <= collar.max(tick.raw()));
            }
        }
    }
}
