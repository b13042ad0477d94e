//! The gate: what is checked the moment a request is received, before it travels to the exchange.

use tensortrade_market::order::{OrderKind, OrderTerms};
use tensortrade_market::{Instrument, Money, Price};

use super::record::{OrderRow, Stage};
use crate::broker::RejectCode;

/// A refusal: code and words.
pub(super) type Refusal = (RejectCode, String);

/// Checks quantity and prices against the instrument's grid.
pub(super) fn check_terms(terms: &OrderTerms, instrument: &Instrument) -> Result<(), Refusal> {
    let bad_quantity = |why: String| Err((RejectCode::BadQuantity, why));
    if terms.qty.signum() != 1 {
        return bad_quantity(format!("quantity {} is not more than zero", terms.qty));
    }
    if terms.qty.truncate_to(instrument.lot) != terms.qty {
        return bad_quantity(format!(
            "quantity {} is no multiple of the lot {} of {}",
            terms.qty, instrument.lot, terms.symbol
        ));
    }
    let negative_prices = instrument.asset_class == tensortrade_market::AssetClass::Future;
    for (what, price) in [("limit", terms.kind.limit()), ("stop", terms.kind.stop())] {
        let Some(price) = price else { continue };
        if price <= Price::ZERO && !negative_prices {
            return Err((RejectCode::BadPrice, format!("{what} {price} is not more than zero")));
        }
        if price.raw() % instrument.tick_size.raw().max(1) != 0 {
            return Err((
                RejectCode::BadPrice,
                format!(
                    "{what} {price} is no multiple of the tick {} of {}",
                    instrument.tick_size, terms.symbol
                ),
            ));
        }
        if Money::notional(price, terms.qty, instrument.multiplier).is_err() {
            return bad_quantity(format!("quantity {} at {price} is beyond any account", terms.qty));
        }
    }
    Ok(())
}

/// Checks what a change may change: quantity and prices, of an order that is not done.
pub(super) fn check_change(
    row: &OrderRow,
    terms: &OrderTerms,
    instrument: &Instrument,
) -> Result<(), Refusal> {
    let old = &row.terms;
    let same_kind = matches!(
        (old.kind, terms.kind),
        (OrderKind::Market, OrderKind::Market)
            | (OrderKind::Limit { .. }, OrderKind::Limit { .. })
            | (OrderKind::Stop { .. }, OrderKind::Stop { .. })
            | (OrderKind::StopLimit { .. }, OrderKind::StopLimit { .. })
    );
    if (old.symbol, old.side, old.tif) != (terms.symbol, terms.side, terms.tif) || !same_kind {
        return Err((
            RejectCode::Other,
            "only quantity and prices of an order can change; cancel it and place another".to_owned(),
        ));
    }
    check_terms(terms, instrument)?;
    check_quantity(row, terms)
}

/// Checks that a change leaves something to fill.
pub(super) fn check_quantity(row: &OrderRow, terms: &OrderTerms) -> Result<(), Refusal> {
    if terms.qty <= row.filled {
        return Err((
            RejectCode::BadQuantity,
            format!(
                "quantity {} is not more than the {} executed; cancel the order to end it",
                terms.qty, row.filled
            ),
        ));
    }
    Ok(())
}

/// Why an order that is done takes no request.
pub(super) fn not_working(stage: Stage) -> Refusal {
    let what = match stage {
        Stage::Filled => "filled",
        Stage::Cancelled => "cancelled",
        Stage::Expired => "expired",
        Stage::Rejected => "rejected",
        Stage::Travelling | Stage::Working => "open",
    };
    (RejectCode::NotWorking, format!("the order is {what}"))
}
