//! The largest order that the order-notional limit admits.

use tensortrade_market::order::OrderTerms;
use tensortrade_market::{Instrument, Money, Qty};
use tensortrade_portfolio::Rate;

use crate::reservation::ReservationTerms;

/// The largest multiple of the lot, at most `terms.qty`, whose notional at the worst of the terms' prices and `prices`
/// is at most `max`; zero when not even one lot fits or an amount is out of range.
pub(crate) fn order_qty_max(
    terms: &OrderTerms,
    prices: [tensortrade_market::Price; 2],
    instrument: &Instrument,
    rate: Rate,
    max: Money,
) -> Qty {
    let price = ReservationTerms::of(terms, prices).worst_price;
    let fits = |lots: i64| {
        let qty = Qty::from_raw(instrument.lot.raw().saturating_mul(lots));
        let notional = Money::notional(price, qty, instrument.multiplier);
        notional.and_then(|own| rate.convert(own)).is_ok_and(|value| value <= max)
    };
    if instrument.lot <= Qty::ZERO {
        return Qty::ZERO;
    }
    // Notional grows with quantity, so the number of lots is found by halving: at most 63 steps.
    let (mut low, mut high) = (0, terms.qty.raw().max(0) / instrument.lot.raw());
    while low < high {
        let middle = low + (high - low) / 2 + (high - low) % 2;
        if fits(middle) { low = middle } else { high = middle - 1 }
    }
    Qty::from_raw(instrument.lot.raw().saturating_mul(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::{ibm, price, qty, terms};
    use tensortrade_market::order::{OrderKind, Side};

    fn most(amount: &str, max: i64) -> String {
        let order = terms(Side::Sell, amount, OrderKind::Market);
        let max = Money::from_units(max).unwrap();
        order_qty_max(&order, [price("10"), price("9.5")], &ibm(), Rate::ONE, max).to_string()
    }

    #[test]
    fn an_order_is_cut_to_whole_lots_that_fit_the_limit() {
        assert_eq!(most("1000", 105), "10");
        assert_eq!(most("7", 105), "7");
        assert_eq!(most("1000", 9), "0");
        assert_eq!(
            order_qty_max(
                &terms(Side::Buy, "5", OrderKind::Limit { limit: price("20") }),
                [price("10"); 2],
                &ibm(),
                Rate::ONE,
                Money::from_units(50).unwrap()
            ),
            qty("2")
        );
    }
}
