//! Terms that can be right: the instrument is the order's, and the portfolio books the symbol with the same currency and
//! multiplier; `qty > 0` and a multiple of the lot; limit and stop multiples of the tick, and above zero except for futures, whose prices may be negative.

use tensortrade_market::order::OrderTerms;
use tensortrade_market::{AssetClass, Instrument, Price, Qty};
use tensortrade_portfolio::Position;

use crate::refusal::{Refusal, RefusalCode};

pub(crate) fn check(
    terms: &OrderTerms,
    instrument: &Instrument,
    booked: Option<&Position>,
) -> Result<(), Refusal> {
    if terms.symbol != instrument.symbol {
        let detail = format!("the order is for {}, the instrument is {}", terms.symbol, instrument.symbol);
        return Err(Refusal::new(RefusalCode::WrongInstrument, detail));
    }
    let same = |p: &Position| p.currency == instrument.currency && p.multiplier == instrument.multiplier;
    if let Some(p) = booked.filter(|p| !same(p)) {
        let (symbol, theirs, ours) =
            (p.symbol, (p.currency, p.multiplier), (instrument.currency, instrument.multiplier));
        let detail = format!("the portfolio books {symbol} with {theirs:?}, the instrument has {ours:?}");
        return Err(Refusal::new(RefusalCode::WrongInstrument, detail));
    }
    let (qty, lot) = (terms.qty, instrument.lot);
    if qty <= Qty::ZERO || qty.truncate_to(lot) != qty {
        let detail = format!("quantity {qty} must be more than 0 and a multiple of the lot {lot}");
        return Err(Refusal::new(RefusalCode::BadQuantity, detail));
    }
    let tick = instrument.tick_size;
    for (name, price) in [("limit", terms.kind.limit()), ("stop", terms.kind.stop())] {
        let Some(price) = price else { continue };
        let off_grid = tick > Price::ZERO && price.raw() % tick.raw() != 0;
        if off_grid || (price <= Price::ZERO && instrument.asset_class != AssetClass::Future) {
            let detail = format!("{name} {price} must be more than 0 and a multiple of the tick {tick}");
            return Err(Refusal::new(RefusalCode::BadPrice, detail));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fixture::{ibm, price, terms};
    use tensortrade_market::order::{OrderKind, Side};

    fn code(qty: &str, kind: OrderKind) -> Option<RefusalCode> {
        check(&terms(Side::Buy, qty, kind), &ibm(), None).err().map(|refusal| refusal.code)
    }

    #[test]
    fn quantities_off_the_lot_grid_are_refused() {
        assert_eq!(code("1", OrderKind::Market), None);
        for bad in ["0", "-1", "0.5"] {
            assert_eq!(code(bad, OrderKind::Market), Some(RefusalCode::BadQuantity), "{bad}");
        }
    }

    #[test]
    fn prices_off_the_tick_grid_or_not_above_zero_are_refused_except_a_futures_negative_price() {
        assert_eq!(code("1", OrderKind::Limit { limit: price("10.01") }), None);
        for bad in ["10.001", "0", "-5"] {
            assert_eq!(
                code("1", OrderKind::Limit { limit: price(bad) }),
                Some(RefusalCode::BadPrice),
                "{bad}"
            );
            assert_eq!(code("1", OrderKind::Stop { stop: price(bad) }), Some(RefusalCode::BadPrice), "{bad}");
        }
        let mut future = ibm();
        future.asset_class = AssetClass::Future;
        let order = terms(Side::Buy, "1", OrderKind::Limit { limit: price("-37.63") });
        assert_eq!(check(&order, &future, None), Ok(()));
    }

    #[test]
    fn an_instrument_of_another_symbol_or_another_multiplier_than_booked_is_refused() {
        let order = terms(Side::Buy, "1", OrderKind::Market);
        let code = |instrument: &Instrument| {
            check(&order, instrument, Some(&Position::flat(&ibm()))).err().map(|refusal| refusal.code)
        };
        assert_eq!(code(&ibm()), None);
        let other = Instrument { symbol: tensortrade_market::Symbol::intern("AIG").unwrap(), ..ibm() };
        assert_eq!(code(&other), Some(RefusalCode::WrongInstrument));
        let bigger = Instrument { multiplier: crate::rules::fixture::qty("50"), ..ibm() };
        assert_eq!(code(&bigger), Some(RefusalCode::WrongInstrument));
    }
}
