//! Events of operation: reconciliation, breakers, commands, watchlist, supervision, alarms, leases.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Currency, Money, Symbol, Ts};

/// The node compared its books with the broker's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// When, market time.
    pub ts: Ts,
    /// Whether both agree; only then may orders leave.
    pub clean: bool,
    /// What differs; empty when clean.
    pub differences: Vec<Difference>,
}

/// One difference between the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What is compared (`position IBM`, `order tt-…`, `cash USD`).
    pub what: String,
    /// By our books.
    pub ours: String,
    /// By the broker's.
    pub theirs: String,
}

/// Money came in or went out other than by trading: what a person accepted of the broker's books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashMoved {
    /// Of which account.
    pub currency: Currency,
    /// How much; negative when it went out.
    pub amount: Money,
    /// Why, in the words of whoever accepted it.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// State of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything may trade.
    #[default]
    Normal,
    /// Only orders that reduce risk.
    Reducing,
    /// Nothing leaves.
    Halted,
}

impl BreakerState {
    /// The name in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Reducing => "reducing",
            Self::Halted => "halted",
        }
    }
}

/// A breaker changed its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// What it guards (`node`, `symbol:IBM`).
    pub scope: String,
    /// From.
    pub from: BreakerState,
    /// To.
    pub to: BreakerState,
    /// Why.
    pub reason: String,
    /// Who: a rule's name, or `uid:1000` for a command.
    pub by: String,
    /// When, market time.
    pub ts: Ts,
}

/// A command was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// User id of the peer.
    pub uid: u32,
    /// The command with its arguments, as given.
    pub command: String,
    /// Whether it was allowed; denials are journalled too.
    pub allowed: bool,
    /// What came of it, for people.
    pub outcome: String,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// What happened to a watchlist entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchlistAction {
    /// The symbol trades from now on.
    Added,
    /// It does not, and stays removed until it is added again.
    Removed,
}

/// A symbol was added or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watchlist {
    /// What happened.
    pub action: WatchlistAction,
    /// To which symbol.
    pub symbol: Symbol,
    /// Why (`configuration`, `command of uid:1000`).
    pub reason: String,
    /// When, market time.
    pub ts: Ts,
}

/// What a supervisor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionAction {
    /// Started a child for the first time.
    Started,
    /// Saw a child fail.
    Failed,
    /// Started it again.
    Restarted,
    /// Stopped it in order.
    Stopped,
    /// Left an input out that crashed the child twice.
    Quarantined,
    /// Ran out of its restart budget and told its own supervisor.
    Escalated,
    /// Gave the child up.
    GaveUp,
}

/// A supervisor acted on a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervision {
    /// Path of the child in the tree (`market/IBM`).
    pub child: String,
    /// What was done.
    pub action: SupervisionAction,
    /// How often the child was started, this time included.
    pub generation: u64,
    /// Why.
    pub reason: String,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// Symbols are taken from another of the node's feeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedSwitched {
    /// End of the first interval that is taken from there.
    pub ts: Ts,
    /// `primary` or `backup`.
    pub to: String,
    /// Which symbols.
    pub symbols: Vec<Symbol>,
    /// Why.
    pub reason: String,
}

/// Somebody should look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// When, market time.
    pub ts: Ts,
    /// A stable code, for filters.
    pub code: String,
    /// What happened, for people.
    pub text: String,
}

/// What happened to the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseAction {
    /// Taken, with a new epoch.
    Taken,
    /// Given up in order.
    Released,
    /// Found to be held by another: nothing may be sent any more.
    Lost,
}

/// The right to trade the account changed hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Rises with every taking; an order carries the epoch it was sent under.
    pub epoch: u64,
    /// What happened.
    pub action: LeaseAction,
    /// Who holds or held it.
    pub holder: String,
    /// When, by the injected clock.
    pub ts: Ts,
}
