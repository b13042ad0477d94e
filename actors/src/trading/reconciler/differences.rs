//! Where the broker's books and ours differ.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_journal::event::Difference;
use tensortrade_market::{Currency, Money, Qty, Symbol};
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::breaker::Scope;

use crate::trading::session::BrokerBooks;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    Position(Symbol),
    Cash(Currency),
}

impl Of {
    /// What is tripped when it stands: what is not known to be held must not be traded; money is the node's.
    pub(super) fn scope(self) -> Scope {
        match self {
            Self::Position(symbol) => Scope::Symbol(symbol),
            Self::Cash(_) => Scope::Node,
        }
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    pub(super) of: Of,
    /// As it is told.
    pub(super) told: Difference,
    /// Theirs less ours, in the smallest units.
    pub(super) by: i128,
}

/// What of `now` stood in the look before, by the same amount: in a moving market both sides move, what is missing stays
/// missing.
pub(super) fn steady(mut now: Vec<Gap>, before: Option<&Vec<Gap>>) -> Vec<Gap> {
    if let Some(before) = before {
        now.retain(|n| before.iter().any(|b| b.of == n.of && b.by == n.by));
    }
    now
}

/// Where the broker's books and ours differ, after everything that can be proven was booked.
pub(super) fn differences(books: &BrokerBooks, view: &PortfolioView) -> Vec<Gap> {
    let mut found = Vec::new();
    let theirs: BTreeMap<Symbol, Qty> = books.positions.iter().map(|p| (p.symbol, p.qty)).collect();
    let ours: BTreeMap<Symbol, Qty> =
        view.open_positions().map(|row| (row.position.symbol, row.position.qty)).collect();
    for symbol in theirs.keys().chain(ours.keys()).collect::<BTreeSet<_>>() {
        let of = |books: &BTreeMap<Symbol, Qty>| books.get(symbol).copied().unwrap_or(Qty::ZERO);
        let (ours, theirs) = (of(&ours), of(&theirs));
        if theirs != ours {
            let by = i128::from(theirs.raw()) - i128::from(ours.raw());
            let what = format!("position {symbol}");
            let told = Difference { what, ours: ours.to_string(), theirs: theirs.to_string() };
            found.push(Gap { of: Of::Position(*symbol), told, by });
        }
    }
    let cash: BTreeMap<Currency, Money> =
        view.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
    for currency in books.account.cash.keys().chain(cash.keys()).collect::<BTreeSet<_>>() {
        let of = |cash: &BTreeMap<Currency, Money>| cash.get(currency).copied().unwrap_or(Money::ZERO);
        let (ours, theirs) = (of(&cash), of(&books.account.cash));
        if theirs != ours {
            let by = i128::from(theirs.micros()) - i128::from(ours.micros());
            let what = format!("cash {currency}");
            let told = Difference { what, ours: ours.to_string(), theirs: theirs.to_string() };
            found.push(Gap { of: Of::Cash(*currency), told, by });
        }
    }
    found
}
