//! The broker's books taken over as they are, by a person's word: for what no execution proves.
//!
//! A position becomes the broker's by an execution that this node makes up, at the venue [`ACCEPTED`], under an identity that
//! follows from what was accepted: the same acceptance made again, after a crash, gives the same executions, and they are
//! booked once. What cash then still differs by is money that came in or went out.

use std::collections::BTreeMap;

use tensortrade_market::order::{BrokerOrderId, ExecId, Fill, IdError, Side};
use tensortrade_market::{Currency, Instrument, Money, MoneyError, Price, Qty, Ts};

/// Venue of executions that stand for an acceptance.
pub const ACCEPTED: &str = "accepted";

/// A position that is to become the broker's.
#[derive(Debug, Clone, PartialEq)]
pub struct PositionToAccept {
    /// What.
    pub instrument: Instrument,
    /// By our books.
    pub ours: Qty,
    /// By the broker's.
    pub theirs: Qty,
    /// What it is worth a unit; the made-up execution has this price.
    pub price: Price,
}

/// What takes our books to the broker's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Acceptance {
    /// Executions to be booked.
    pub fills: Vec<Fill>,
    /// Money that came in, or, negative, went out, after those.
    pub cash: BTreeMap<Currency, Money>,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// Out of range.
    #[error("the difference cannot be booked: {0}")]
    Money(#[from] MoneyError),
    /// No identity can be made.
    #[error("the difference cannot be booked: {0}")]
    Id(#[from] IdError),
}

/// The acceptance of `positions` and of `cash`, ours and theirs by currency, at `now`. `clean_at` is when both books last
/// agreed: with the quantities it makes the identities.
pub fn accept(
    positions: &[PositionToAccept],
    cash: &BTreeMap<Currency, (Money, Money)>,
    clean_at: Ts,
    now: Ts,
) -> Result<Acceptance, AcceptError> {
    let mut out = Acceptance::default();
    let mut ours: BTreeMap<Currency, Money> = cash.iter().map(|(c, (ours, _))| (*c, *ours)).collect();
    for position in positions {
        let signed = position.theirs.checked_sub(position.ours).ok_or(MoneyError::Overflow)?;
        if signed.is_zero() {
            continue;
        }
        let instrument = &position.instrument;
        let value = Money::notional(position.price, signed, instrument.multiplier)?;
        let left = ours.entry(instrument.currency).or_insert(Money::ZERO);
        *left = left.checked_sub(value)?;
        let exec_id = ExecId::of_acceptance(instrument.symbol, position.ours, position.theirs, clean_at);
        let side = if signed.signum() > 0 { Side::Buy } else { Side::Sell };
        out.fills.push(Fill {
            venue: ACCEPTED.to_owned(),
            broker_order_id: BrokerOrderId::new(exec_id.as_str())?,
            exec_id,
            client_order_id: None,
            symbol: instrument.symbol,
            side,
            qty: signed.abs(),
            price: position.price,
            ts: now,
        });
    }
    for (currency, ours) in ours {
        let theirs = cash.get(&currency).map_or(Money::ZERO, |(_, theirs)| *theirs);
        let moved = theirs.checked_sub(ours)?;
        if moved != Money::ZERO {
            out.cash.insert(currency, moved);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Symbol;

    fn position(ours: &str, theirs: &str) -> PositionToAccept {
        let instrument = Instrument::guess(Symbol::intern("IBM").unwrap());
        let (ours, theirs) = (ours.parse().unwrap(), theirs.parse().unwrap());
        PositionToAccept { instrument, ours, theirs, price: "100".parse().unwrap() }
    }

    fn usd(ours: &str, theirs: &str) -> BTreeMap<Currency, (Money, Money)> {
        BTreeMap::from([(Currency::USD, (ours.parse().unwrap(), theirs.parse().unwrap()))])
    }

    #[test]
    fn a_sale_that_nobody_told_of_is_booked_at_the_price_and_the_rest_is_money_that_moved() {
        // Ten were sold at 101, less a cent of cost.
        let found =
            accept(&[position("30", "20")], &usd("0", "1009.99"), Ts::ZERO, Ts::from_secs(9)).unwrap();
        let [fill] = found.fills.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (fill.side, fill.qty.to_string(), fill.price.to_string()),
            (Side::Sell, "10".into(), "100".into())
        );
        assert_eq!((fill.venue.as_str(), &fill.client_order_id), (ACCEPTED, &None));
        assert_eq!(found.cash, BTreeMap::from([(Currency::USD, "9.99".parse().unwrap())]));
    }

    #[test]
    fn cash_alone_moves_and_what_agrees_does_not() {
        let found = accept(&[position("5", "5")], &usd("100", "90"), Ts::ZERO, Ts::ZERO).unwrap();
        assert_eq!(found.fills, []);
        assert_eq!(found.cash, BTreeMap::from([(Currency::USD, "-10".parse().unwrap())]));
        assert_eq!(accept(&[], &usd("7", "7"), Ts::ZERO, Ts::ZERO).unwrap(), Acceptance::default());
    }

    #[test]
    fn the_same_acceptance_has_the_same_identity_whenever_it_is_made_and_another_has_another() {
        let id = |ours, theirs, clean, now| {
            let found =
                accept(&[position(ours, theirs)], &usd("0", "0"), Ts::from_secs(clean), Ts::from_secs(now));
            found.unwrap().fills[0].exec_id.clone()
        };
        assert_eq!(id("1", "2", 5, 6), id("1", "2", 5, 7));
        assert_ne!(id("1", "2", 5, 6), id("1", "3", 5, 6));
        assert_ne!(id("1", "2", 5, 6), id("1", "2", 6, 6), "they agreed in between: it is another one");
    }
}
