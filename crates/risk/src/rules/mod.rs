//! The rules, one file each, in the order in which they are asked. The first that refuses decides the code, so an order
//! that breaks several is always refused with the same one.
//!
//! | Rule | Refuses | Reducing orders |
//! |---|---|---|
//! | `gates` | lease lost, not reconciled, an outdated portfolio view, breaker halted | the same |
//! | `terms` | quantity, price or instrument that cannot be right | the same |
//! | `session` | symbol halted, market closed, decision or order expired | the same |
//! | `repetition` | same order id, same trade a moment ago | the same |
//! | `order_rate` | too many approvals, too many open orders | the same |
//! | `price` | no mark, stale mark, price collar | the same |
//! | `direction` | breaker reducing, unknown order outstanding, short not allowed | pass |
//! | `order_notional` | an order too large by itself | the same |
//! | `exposure` | equity, symbol, sector, gross and net exposure | pass |
//!
//! An order is reducing when, after all open orders on its side have filled, it brings the position toward zero and not
//! through it. Such an order can raise net exposure (covering a short in a book that is long), never gross.

pub(crate) mod direction;
pub(crate) mod exposure;
pub(crate) mod gates;
pub(crate) mod order_notional;
pub(crate) mod order_rate;
pub(crate) mod price;
pub(crate) mod repetition;
pub(crate) mod session;
pub(crate) mod terms;

use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Price, Ts};

/// What is judged: a new order, or an open order with new terms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) id: &'a ClientOrderId,
    pub(crate) strategy: &'a str,
    pub(crate) decided_at: Ts,
    pub(crate) terms: &'a OrderTerms,
    pub(crate) reference: Price,
}

#[cfg(test)]
pub(crate) mod fixture {
    //! Terms and instruments for the rules' own tests.

    use tensortrade_market::order::{OrderKind, OrderTerms, Side, TimeInForce};
    use tensortrade_market::{Instrument, Price, Qty, Symbol};

    pub(crate) fn ibm() -> Instrument {
        Instrument::guess(Symbol::intern("IBM").unwrap())
    }

    pub(crate) fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    pub(crate) fn qty(text: &str) -> Qty {
        text.parse().unwrap()
    }

    pub(crate) fn terms(side: Side, amount: &str, kind: OrderKind) -> OrderTerms {
        OrderTerms { symbol: ibm().symbol, side, qty: qty(amount), kind, tif: TimeInForce::Day }
    }
}
