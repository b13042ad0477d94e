//! What happened in a world, in order: the material that the promises are checked against.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_broker::{BrokerOrder, Execution};
use tensortrade_journal::Event;
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Currency, Money, Price, Qty, Symbol, Ts};

use crate::plan::Kind;

/// An order at the moment it reached the broker, with the broker's own view of its symbol just before.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    /// Ours.
    pub id: ClientOrderId,
    /// As the broker received them.
    pub terms: OrderTerms,
    /// Market time it was sent at.
    pub now: Ts,
    /// The broker's position in the symbol.
    pub position: Qty,
    /// What may still be bought by orders that work in the symbol.
    pub open_buys: Qty,
    /// What may still be sold by orders that work in the symbol.
    pub open_sells: Qty,
    /// Orders that work in the symbol.
    pub open_orders: usize,
}

/// One thing that happened. Its place in [`History::facts`] is its place in time.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A process began its life, with the breaker as it shows it: every scope that is not normal.
    Born {
        /// Scopes with their state.
        breaker: BTreeMap<String, String>,
    },
    /// It died.
    Died(String),
    /// It ended by itself, or could not start.
    Ended(String),
    /// An event is durable.
    Journalled {
        /// Its number.
        seq: u64,
        /// The event.
        event: Box<Event>,
    },
    /// An order reached the broker.
    Reached(Reached),
    /// A fault was injected.
    Fault {
        /// Its kind.
        kind: Kind,
        /// Whom it hit.
        target: String,
    },
    /// The node has, or has no longer, the right to trade.
    Lease(bool),
    /// A second node tried to open the journal, and was let in or not.
    SecondNode {
        /// Whether it was let in.
        admitted: bool,
    },
    /// No fault from here on.
    FaultsStopped,
}

/// The limits that promise 4 is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LimitsInForce {
    /// Most notional of one order.
    pub order_notional_max: f64,
    /// Most worst-case exposure in one symbol.
    pub symbol_notional_max: f64,
    /// Most open orders in one symbol.
    pub open_orders_per_symbol_max: usize,
}

/// The world at its end, when everything is at rest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rest {
    /// Positions in the broker's books.
    pub broker_positions: BTreeMap<Symbol, Qty>,
    /// Cash in the broker's books.
    pub broker_cash: BTreeMap<Currency, Money>,
    /// Executions in the broker's books.
    pub broker_executions: Vec<Execution>,
    /// Orders that work at the broker.
    pub broker_open: Vec<BrokerOrder>,
    /// Positions of the running node.
    pub node_positions: BTreeMap<Symbol, Qty>,
    /// Cash of the running node.
    pub node_cash: BTreeMap<Currency, Money>,
    /// Positions in the state that the writer folded as it went.
    pub writer_positions: BTreeMap<Symbol, Qty>,
    /// Whether the folded state of all events equals the writer's.
    pub folds_alike: bool,
    /// What `journal verify` found.
    pub verify: Vec<String>,
    /// Members of the watchlist, and whether they are quarantined.
    pub members: BTreeMap<Symbol, bool>,
    /// Symbols that an actor runs for.
    pub symbol_actors: Vec<String>,
    /// Scopes of the breaker that are not normal, as the node shows them.
    pub breaker: BTreeMap<String, String>,
    /// Children that should run and do not.
    pub down: Vec<String>,
    /// Whether journal and broker agree, as the node says.
    pub reconciled: bool,
    /// Orders of unknown outcome.
    pub unknown: u64,
    /// Paused time from the last fault to health, milliseconds; `None` if it was never healthy.
    pub heal_ms: Option<u64>,
    /// The last boundary that the feed passed.
    pub last_boundary: Ts,
}

/// Everything that is known of a world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// What happened, in order.
    pub facts: Vec<Fact>,
    /// The end; `None` when the world never came to rest.
    pub rest: Option<Rest>,
    /// Limits in force.
    pub limits: LimitsInForce,
    /// Bars and decisions of an undisturbed run of the same seed, to compare with.
    pub undisturbed: Option<Undisturbed>,
    /// Most paused time that healing may take, milliseconds.
    pub heal_ms_max: u64,
}

/// What symbols did in an undisturbed run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Undisturbed {
    /// By symbol and step: bars and feature values, as text.
    pub traces: BTreeMap<(Symbol, Ts), String>,
    /// Symbols that the faults hit; they are not compared.
    pub hit: BTreeSet<Symbol>,
}

impl History {
    /// Durable events with their place in time.
    pub fn events(&self) -> impl Iterator<Item = (usize, u64, &Event)> {
        self.facts.iter().enumerate().filter_map(|(at, fact)| match fact {
            Fact::Journalled { seq, event } => Some((at, *seq, event.as_ref())),
            _ => None,
        })
    }

    /// Orders that reached the broker, with their place in time.
    pub fn reached(&self) -> impl Iterator<Item = (usize, &Reached)> {
        self.facts.iter().enumerate().filter_map(|(at, fact)| match fact {
            Fact::Reached(reached) => Some((at, reached)),
            _ => None,
        })
    }

    /// Price at which the intent of an order was decided.
    #[must_use]
    pub fn references(&self) -> BTreeMap<ClientOrderId, Price> {
        self.events()
            .filter_map(|(_, _, event)| match event {
                Event::Intent(intent) => Some((intent.client_order_id(), intent.reference)),
                _ => None,
            })
            .collect()
    }

    /// Bars and feature values by symbol and step, as text.
    #[must_use]
    pub fn traces(&self) -> BTreeMap<(Symbol, Ts), String> {
        let mut traces: BTreeMap<(Symbol, Ts), String> = BTreeMap::new();
        for (_, _, event) in self.events() {
            let Event::StepClosed(step) = event else { continue };
            for bar in &step.bars {
                let text = format!("{:?} {:?};", bar.timeframe, bar.bar);
                traces.entry((bar.symbol, step.ts)).or_default().push_str(&text);
            }
            for row in &step.decision.rows {
                traces.entry((row.symbol, step.ts)).or_default().push_str(&format!("{:?};", row.values));
            }
        }
        traces
    }
}
