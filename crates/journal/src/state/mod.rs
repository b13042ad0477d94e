//! The state that follows from the events: what a restarted node knows before it asks the broker.
//!
//! [`Recovered::apply`] is a pure fold. A snapshot is this state as JSON, so that snapshot + tail = all events folded
//! (a property test holds that). Everything here is bounded: by the number of symbols, or by a stated constant.

mod apply;
mod books;
mod executions;
mod orders;
mod position;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, IntentId};
use tensortrade_market::{Currency, Money, Symbol, Timeframe, Ts};

pub use apply::{Applied, Unbookable};
pub use books::Books;
pub use executions::{EXECUTIONS_KEPT_MIN, Executions};
pub use orders::{CLOSED_ORDERS_KEPT_MAX, OpenIntent, OrderRecord};
pub use position::Position;

use crate::envelope::Head;
use crate::event::{BreakerState, EndReason, Equity, Kind, Opened, RunStarted};
use crate::meta::JournalId;

/// Version of [`Recovered`] as stored in snapshots. A snapshot of another version is passed over, and the state is
/// folded from the events instead.
pub const STATE_VERSION: u32 = 3;

/// The state after some events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// The last event folded in.
    pub head: Head,
    /// The last run; `None` in a new journal.
    pub run: Option<Run>,
    /// The account's opening balance; `None` until it is recorded.
    pub opened: Option<Opened>,
    /// The last step; `None` before the first.
    pub last_step: Option<LastStep>,
    /// What losses are measured from; `None` before the first account value.
    pub marks: Option<EquityMarks>,
    /// Label of the last bar by symbol and timeframe: bars go on after it.
    pub last_bars: BTreeMap<Symbol, BTreeMap<Timeframe, Ts>>,
    /// Positions, flat ones included.
    pub positions: BTreeMap<Symbol, Position>,
    /// What fills and commissions did to cash, by currency; add [`Recovered::opened`] for the balance.
    pub cash: BTreeMap<Currency, CashEffect>,
    /// Intents that are neither refused nor submitted.
    pub intents: BTreeMap<IntentId, OpenIntent>,
    /// By strategy, the latest decision time and the intents of that time: a decision that is repeated after a kill
    /// within a step finds its intents here.
    pub latest_intents: BTreeMap<String, LatestIntents>,
    /// Orders that may still change, and the last [`CLOSED_ORDERS_KEPT_MAX`] closed ones. Use [`Recovered::open_orders`]
    /// for the former.
    pub orders: BTreeMap<ClientOrderId, OrderRecord>,
    /// Closed orders from the oldest to the newest.
    pub(crate) closed: std::collections::VecDeque<ClientOrderId>,
    /// Executions applied, so that none is applied twice.
    pub executions: Executions,
    /// Orders and money, as the actors that trade hold them.
    pub books: Books,
    /// Breakers by scope; a scope not named here is normal.
    pub breakers: BTreeMap<String, BreakerEntry>,
    /// Watchlist; removed symbols stay, inactive.
    pub watchlist: BTreeMap<Symbol, WatchlistEntry>,
    /// The last reconciliation: when, and whether it was clean.
    pub reconciled: Option<(Ts, bool)>,
    /// Highest lease epoch seen.
    pub lease_epoch: u64,
    /// Events by kind.
    pub counts: BTreeMap<Kind, u64>,
    /// Fills and commissions that came again and were not applied.
    pub repeated: u64,
}

/// The last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its start record.
    pub started: RunStarted,
    /// Number of that event.
    pub since: u64,
    /// Why it ended; `None` while it runs, or when it was killed.
    pub ended: Option<EndReason>,
}

/// The last step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastStep {
    /// Its watermark.
    pub ts: Ts,
    /// Its number.
    pub step: u64,
    /// The last account value known, of this step or an earlier one.
    pub equity: Option<Equity>,
}

/// What losses are measured from: a restart in the middle of a losing day must not begin a new day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EquityMarks {
    /// The highest account value so far.
    pub high_water: Money,
    /// The last account value.
    pub last: Money,
    /// The day of the last account value, midnight UTC.
    pub day: Ts,
    /// The first account value of that day.
    pub day_start: Money,
}

/// What happened to cash in one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CashEffect {
    /// Received less paid for fills.
    pub fills: Money,
    /// Paid as commissions.
    pub commissions: Money,
}

/// The intents of a strategy's latest decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestIntents {
    /// When, market time.
    pub decided_at: Ts,
    /// Which.
    pub ids: BTreeSet<IntentId>,
}

/// State of a breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerEntry {
    /// Now.
    pub state: BreakerState,
    /// Why.
    pub reason: String,
    /// By whom.
    pub by: String,
    /// Since when, market time.
    pub ts: Ts,
    /// How often it left normal.
    pub trips: u64,
}

/// State of a watchlist entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchlistEntry {
    /// Whether it trades.
    pub active: bool,
    /// Why.
    pub reason: String,
    /// Since when, market time.
    pub ts: Ts,
}

impl Recovered {
    /// The state of an empty journal.
    #[must_use]
    pub fn genesis(id: &JournalId) -> Self {
        Self {
            head: Head::genesis(id),
            run: None,
            opened: None,
            last_step: None,
            marks: None,
            last_bars: BTreeMap::new(),
            positions: BTreeMap::new(),
            cash: BTreeMap::new(),
            intents: BTreeMap::new(),
            latest_intents: BTreeMap::new(),
            orders: BTreeMap::new(),
            closed: std::collections::VecDeque::new(),
            executions: Executions::default(),
            books: Books::default(),
            breakers: BTreeMap::new(),
            watchlist: BTreeMap::new(),
            reconciled: None,
            lease_epoch: 0,
            counts: BTreeMap::new(),
            repeated: 0,
        }
    }

    /// Orders that may still change: submitted, working, or of unknown outcome.
    pub fn open_orders(&self) -> impl Iterator<Item = (&ClientOrderId, &OrderRecord)> {
        self.orders.iter().filter(|(_, order)| !order.status.is_terminal())
    }

    /// State of a breaker; normal when nothing was ever recorded.
    #[must_use]
    pub fn breaker(&self, scope: &str) -> BreakerState {
        self.breakers.get(scope).map_or(BreakerState::Normal, |entry| entry.state)
    }

    /// Symbols that trade.
    pub fn active_symbols(&self) -> impl Iterator<Item = Symbol> {
        self.watchlist.iter().filter(|(_, entry)| entry.active).map(|(symbol, _)| *symbol)
    }

    /// Events of a kind so far.
    #[must_use]
    pub fn count(&self, kind: Kind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Whether the last run ended in order; `true` for a new journal.
    #[must_use]
    pub fn ended_in_order(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.ended.is_some_and(|reason| reason != EndReason::Forced))
    }
}
