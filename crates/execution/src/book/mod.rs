//! The book of all orders of the node.

mod apply;
mod deadlines;
mod fills;
mod history;
mod reconcile;
mod snapshot;
mod submit;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, Commission, ExecutionMemory, GENERATION_MAX};
use tensortrade_market::{Qty, Symbol, Ts};

pub use apply::{Change, Outcome};
pub use submit::{Submission, SubmitError};

use crate::counters::Counters;
use crate::order::Order;
use crate::plan::{OpenOrder, OpenState};
use crate::quality::SlippageSummary;
use crate::state::OrderState;
use fills::{Booked, ExecKey};

/// Bounds and deadlines of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookConfig {
    /// How long the broker may take to answer a new order, in milliseconds of market time.
    pub ack_deadline_ms: u64,
    /// How long it may take to answer a cancel or a change.
    pub request_deadline_ms: u64,
    /// How long a request may be on its way: books asked for sooner prove nothing about it.
    pub settle_ms: u64,
    /// Most orders that have not ended.
    pub live_max: usize,
    /// Ended orders kept in full, to name late fills; of older ones the executions are known, and the counters.
    pub history_max: usize,
    /// Executions known at least, the newest ones; at most twice as many are held.
    pub executions_min: usize,
}

impl Default for BookConfig {
    fn default() -> Self {
        Self {
            ack_deadline_ms: 10_000,
            request_deadline_ms: 10_000,
            settle_ms: 2_000,
            live_max: 20_000,
            history_max: 2_048,
            executions_min: GENERATION_MAX,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("execution.{key} = {value} is outside {range}: choose a value within it")]
pub struct BookError {
    /// Which parameter.
    pub key: &'static str,
    /// Its value.
    pub value: u64,
    /// What is allowed.
    pub range: &'static str,
}

/// A week in milliseconds.
const WEEK_MS: u64 = 7 * 86_400_000;

impl BookConfig {
    /// Checks ranges.
    pub fn validate(&self) -> Result<(), BookError> {
        let check = |key, value: u64, least: u64, most: u64, range| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(BookError { key, value, range }) }
        };
        check("ack_deadline_ms", self.ack_deadline_ms, 1, WEEK_MS, "1..=604800000")?;
        check("request_deadline_ms", self.request_deadline_ms, 1, WEEK_MS, "1..=604800000")?;
        check("settle_ms", self.settle_ms, 0, WEEK_MS, "0..=604800000")?;
        check("live_max", self.live_max as u64, 1, 1_000_000, "1..=1000000")?;
        check("history_max", self.history_max as u64, 1, 1_000_000, "1..=1000000")?;
        check("executions_min", self.executions_min as u64, 1, 10_000_000, "1..=10000000")
    }
}

/// All orders of the node: at most one per intent. Serialises whole; its memory is bounded by its configuration.
///
/// It changes by [`Self::submit`], [`Self::request_change`], [`Self::apply`], [`Self::check_deadlines`],
/// [`Self::resolve`] and [`Self::give_up`]. None of them reads a clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "snapshot::BookState", into = "snapshot::BookState")]
pub struct OrderBook {
    config: BookConfig,
    orders: BTreeMap<ClientOrderId, Order>,
    by_broker: BTreeMap<BrokerOrderId, ClientOrderId>,
    /// Orders that have not ended.
    live: BTreeMap<Symbol, BTreeSet<ClientOrderId>>,
    live_count: usize,
    /// Ended orders, first ended first.
    done: VecDeque<ClientOrderId>,
    /// Latest decision among orders no longer kept, and those of that moment: an intent from before could be one of them.
    forgotten: Option<(Ts, BTreeSet<ClientOrderId>)>,
    /// Executions of the orders that are kept.
    executions: BTreeMap<ExecKey, ClientOrderId>,
    /// Every execution that is known.
    known: ExecutionMemory<Booked>,
    /// Costs whose executions have not come.
    early_commissions: VecDeque<Commission>,
    counters: Counters,
    slippage: SlippageSummary,
}

impl Default for OrderBook {
    /// An empty book with the bounds that are the default.
    fn default() -> Self {
        Self::empty(BookConfig::default())
    }
}

impl OrderBook {
    /// An empty book.
    pub fn new(config: BookConfig) -> Result<Self, BookError> {
        config.validate()?;
        Ok(Self::empty(config))
    }

    fn empty(config: BookConfig) -> Self {
        Self {
            known: ExecutionMemory::with_generation(config.executions_min),
            config,
            orders: BTreeMap::new(),
            by_broker: BTreeMap::new(),
            live: BTreeMap::new(),
            live_count: 0,
            done: VecDeque::new(),
            forgotten: None,
            executions: BTreeMap::new(),
            early_commissions: VecDeque::new(),
            counters: Counters::default(),
            slippage: SlippageSummary::default(),
        }
    }

    /// An order, also one that has ended and is still kept.
    #[must_use]
    pub fn get(&self, id: &ClientOrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Orders that have not ended, by symbol and id.
    pub fn live(&self) -> impl Iterator<Item = &Order> {
        self.live.values().flatten().filter_map(|id| self.orders.get(id))
    }

    /// Orders of a symbol that have not ended.
    pub fn live_of(&self, symbol: Symbol) -> impl Iterator<Item = &Order> {
        self.live.get(&symbol).into_iter().flatten().filter_map(|id| self.orders.get(id))
    }

    /// How many orders have not ended.
    #[must_use]
    pub fn live_count(&self) -> usize {
        self.live_count
    }

    /// Orders that have ended and are still kept, first ended first.
    pub fn ended(&self) -> impl Iterator<Item = &Order> {
        self.done.iter().filter_map(|id| self.orders.get(id))
    }

    /// What a symbol's orders can still add to its position, signed: orders under way and in doubt included.
    #[must_use]
    pub fn open_qty(&self, symbol: Symbol) -> Qty {
        let sum =
            self.live_of(symbol).map(|order| order.signed_remaining().raw()).fold(0, i64::saturating_add);
        Qty::from_raw(sum)
    }

    /// Orders of a symbol that have not ended, as planning sees them.
    pub fn open_orders(&self, symbol: Symbol) -> impl Iterator<Item = OpenOrder> + '_ {
        self.live_of(symbol).map(|order| OpenOrder {
            client_order_id: order.client_order_id(),
            side: order.terms.side,
            remaining: order.remaining(),
            state: match order.state {
                OrderState::Unknown => OpenState::InDoubt,
                OrderState::PendingCancel | OrderState::PendingModify => OpenState::AwaitingAnswer,
                _ => OpenState::Working,
            },
            since: order.created_at,
        })
    }

    /// Whether a symbol has an order of unknown outcome.
    #[must_use]
    pub fn has_unknown(&self, symbol: Symbol) -> bool {
        self.live_of(symbol).any(|order| order.state == OrderState::Unknown)
    }

    /// Orders of unknown outcome.
    pub fn unknown(&self) -> impl Iterator<Item = &Order> {
        self.live().filter(|order| order.state == OrderState::Unknown)
    }

    /// Counts since the book began.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How well it filled.
    #[must_use]
    pub fn slippage(&self) -> SlippageSummary {
        self.slippage
    }

    /// Its bounds and deadlines.
    #[must_use]
    pub fn config(&self) -> &BookConfig {
        &self.config
    }
}
