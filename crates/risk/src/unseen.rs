//! Fills that risk was told of before a portfolio view showed them.
//!
//! Fills and views travel separately. Between a fill's arrival, which shrinks the reservation, and the first view that
//! contains it, the exposure would be in neither; so it is kept here, counted on both sides of what is possible: the
//! view may or may not show it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::{Qty, Symbol};

/// Fills of one symbol that no view has shown yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnseenFills {
    /// Bought, zero or more.
    pub bought: Qty,
    /// Sold, zero or more.
    pub sold: Qty,
    /// The sequence of the latest: a view with as many fills shows all of them.
    pub sequence: u64,
}

/// By symbol. Bounded by the number of symbols with fills between two views.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Unseen(BTreeMap<Symbol, UnseenFills>);

impl Unseen {
    pub(crate) fn add(&mut self, symbol: Symbol, change: Qty, sequence: u64) {
        let fills = self.0.entry(symbol).or_default();
        let side = if change > Qty::ZERO { &mut fills.bought } else { &mut fills.sold };
        *side = Qty::from_raw(side.raw().saturating_add(change.abs().raw()));
        fills.sequence = fills.sequence.max(sequence);
    }

    pub(crate) fn get(&self, symbol: Symbol) -> UnseenFills {
        self.0.get(&symbol).copied().unwrap_or_default()
    }

    /// Forgets what a view with `fills_applied` fills shows.
    pub(crate) fn shown(&mut self, fills_applied: u64) {
        self.0.retain(|_, fills| fills.sequence > fills_applied);
    }

    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> {
        self.0.keys().copied()
    }
}
