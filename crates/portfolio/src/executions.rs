//! Which executions are booked, and which wait for their other half.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, ExecutionMemory};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Booked {
    /// The fill, without its commission so far.
    Fill(Symbol),
    /// The commission, without its fill so far.
    Commission(Money, Currency),
    /// Both.
    Both,
}

/// Executions booked: the newest [`tensortrade_market::order::GENERATION_MAX`] and more. Older ones do not come here a
/// second time: the order book, through which every fill passes, refuses what it may have forgotten.
pub(crate) type Executions = ExecutionMemory<Booked>;
