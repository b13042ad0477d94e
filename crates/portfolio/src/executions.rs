//! Which executions are booked, and which wait for their other half.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, ExecId};
use tensortrade_market::{Currency, Money, Qty, Symbol};

/// Proof that a fill was new and is booked; only the portfolio makes one. Risk lowers a reservation against it, so a
/// repeated fill cannot lower it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AppliedFill {
    pub(crate) client_order_id: Option<ClientOrderId>,
    pub(crate) symbol: Symbol,
    pub(crate) change: Qty,
    pub(crate) sequence: u64,
}

impl AppliedFill {
    /// Our order; `None` for a trade from outside this node.
    #[must_use]
    pub fn client_order_id(&self) -> Option<&ClientOrderId> {
        self.client_order_id.as_ref()
    }

    /// What was traded.
    #[must_use]
    pub fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// The signed change of position.
    #[must_use]
    pub fn change(&self) -> Qty {
        self.change
    }

    /// The number of fills booked with this one: a view with at least as many contains it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// What became of a fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillOutcome {
    /// Booked.
    Applied(AppliedFill),
    /// Known by (venue, execution id); nothing changed.
    Duplicate,
}

/// What became of a commission report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommissionOutcome {
    /// Cash is charged and the symbol's fees carry it.
    Attributed(Symbol),
    /// Cash is charged; the fees of a symbol will carry it when the fill comes.
    AwaitsFill,
    /// Known by (venue, execution id); nothing changed.
    Duplicate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Booked {
    /// The fill, without its commission so far.
    Fill(Symbol),
    /// The commission, without its fill so far.
    Commission(Money, Currency),
    /// Both.
    Both,
}

/// Every execution ever booked, by venue. It is never shortened: a broker may repeat an execution days later, and
/// forgetting one would book it twice. Cost: about 80 bytes an execution with ids of 20 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Executions {
    by_venue: BTreeMap<String, BTreeMap<ExecId, Booked>>,
}

impl Executions {
    pub(crate) fn get(&self, venue: &str, exec_id: &ExecId) -> Option<Booked> {
        self.by_venue.get(venue)?.get(exec_id).copied()
    }

    pub(crate) fn put(&mut self, venue: &str, exec_id: &ExecId, booked: Booked) {
        match self.by_venue.get_mut(venue) {
            Some(ids) => {
                ids.insert(exec_id.clone(), booked);
            }
            None => {
                self.by_venue.insert(venue.to_owned(), BTreeMap::from([(exec_id.clone(), booked)]));
            }
        }
    }

    /// Commissions whose fill has not come.
    pub(crate) fn awaiting_fill(&self) -> usize {
        let all = self.by_venue.values().flat_map(BTreeMap::values);
        all.filter(|booked| matches!(booked, Booked::Commission(..))).count()
    }
}
