//! One position: quantity and average price.

use tensortrade_market::order::Side;
use tensortrade_market::{Price, Qty};

/// A position that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Signed.
    pub(super) qty: Qty,
    /// Average price of what is held, never affected by reductions.
    pub(super) average_price: Price,
}

impl Position {
    /// The position after an execution; `Some(None)` when it is closed, `None` on overflow.
    ///
    /// Adding averages by quantity, rounded half to even; reducing keeps the average; turning begins anew at the
    /// execution's price.
    pub(super) fn after(before: Option<Self>, side: Side, qty: Qty, price: Price) -> Option<Option<Self>> {
        let change = side.signed(qty);
        let Some(held) = before else {
            return Some((!change.is_zero()).then_some(Self { qty: change, average_price: price }));
        };
        let total = held.qty.checked_add(change)?;
        if total.is_zero() {
            return Some(None);
        }
        let average_price = if held.qty.signum() == change.signum() {
            average(held.qty, held.average_price, change, price)?
        } else if total.signum() == held.qty.signum() {
            held.average_price
        } else {
            price
        };
        Some(Some(Self { qty: total, average_price }))
    }
}

fn average(held: Qty, held_price: Price, added: Qty, added_price: Price) -> Option<Price> {
    let (a, b) = (i128::from(held.raw()).abs(), i128::from(added.raw()).abs());
    let sum =
        a.checked_mul(i128::from(held_price.raw()))?.checked_add(b.checked_mul(added_price.raw().into())?)?;
    let total = a.checked_add(b)?;
    let down = sum.div_euclid(total);
    let twice = sum.rem_euclid(total).checked_mul(2)?;
    let rounded = match twice.cmp(&total) {
        std::cmp::Ordering::Less => down,
        std::cmp::Ordering::Equal => down + (down & 1),
        std::cmp::Ordering::Greater => down + 1,
    };
    i64::try_from(rounded).ok().and_then(Price::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_averages_reducing_keeps_turning_begins_anew() {
        let step = |before, side, qty, price: &str| {
            Position::after(before, side, Qty::from_units(qty).unwrap(), price.parse().unwrap()).unwrap()
        };
        let p = step(None, Side::Buy, 100, "10");
        let p = step(p, Side::Buy, 300, "12");
        assert_eq!(p.unwrap().average_price, "11.5".parse().unwrap());
        let p = step(p, Side::Sell, 100, "20");
        assert_eq!(
            (p.unwrap().qty, p.unwrap().average_price),
            (Qty::from_units(300).unwrap(), "11.5".parse().unwrap())
        );
        let p = step(p, Side::Sell, 400, "9");
        assert_eq!(
            (p.unwrap().qty, p.unwrap().average_price),
            (Qty::from_units(-100).unwrap(), "9".parse().unwrap())
        );
        assert_eq!(step(p, Side::Buy, 100, "8"), None);
    }
}
