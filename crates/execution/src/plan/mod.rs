//! From target weights to intents.
//!
//! One order per symbol and step at most, and none while anything about the symbol's orders is open to doubt:
//!
//! 1. A symbol without a target, or with an order of unknown outcome or an unanswered request, is left alone.
//! 2. The wanted quantity is `weight * equity / (price * multiplier * rate)`, rounded toward zero to a lot.
//! 3. A position that must change its sign is closed first and opened anew at a later step. The closing order reduces
//!    risk, so it passes where new risk does not; the opening one is then judged on a position that is really there;
//!    and a sale that turns out short is never marked as a sale of what is held.
//! 4. Open orders that lead away from the target, overshoot it by more than the band, or have waited too long are
//!    cancelled; nothing else is sent for the symbol until they are gone.
//! 5. What position and open orders still lack is ordered, unless it is below the band. A full exit ignores the band.

mod config;
mod idle;
mod price;
mod symbol;

pub use config::{OrderStyle, PlanConfig, PlanError, PlanTif};
pub use idle::IdleWatch;

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, OrderIntent, Side};
use tensortrade_market::{Instrument, Money, Price, Qty, Symbol, Ts};

/// What an open order means for planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenState {
    /// On its way or working: it may be waited for, or cancelled.
    Working,
    /// A cancel or change has no answer yet.
    AwaitingAnswer,
    /// Its outcome is unknown.
    InDoubt,
}

/// An order that can still fill, as planning sees it; see [`crate::OrderBook::open_orders`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOrder {
    /// Which.
    pub client_order_id: ClientOrderId,
    /// Which way.
    pub side: Side,
    /// What can still fill, zero or more.
    pub remaining: Qty,
    /// What can be done with it.
    pub state: OpenState,
    /// Since when it is open, market time.
    pub since: Ts,
}

/// What planning is told of one symbol.
#[derive(Debug, Clone, Copy)]
pub struct SymbolInput<'a> {
    /// What it is.
    pub instrument: &'a Instrument,
    /// Wanted part of equity; `None` leaves the symbol alone.
    pub weight: Option<f64>,
    /// The price the decision was made at.
    pub price: Price,
    /// Units of the account's currency for one of the instrument's.
    pub rate: f64,
    /// Position, signed, as of all fills that the open orders have.
    pub position: Qty,
    /// Its orders that can still fill.
    pub open: &'a [OpenOrder],
    /// Most that one order may be for, by risk's limits; what is beyond it follows at later steps.
    pub qty_max: Option<Qty>,
    /// Why, for people.
    pub reason: &'a str,
}

/// The moment that is planned for.
#[derive(Debug, Clone, Copy)]
pub struct PlanContext {
    /// The decision's market time: part of the intents' identity.
    pub decided_at: Ts,
    /// The account's equity in its currency.
    pub equity: Money,
    /// How many symbols share it: those the strategy was asked about, with a target or not.
    pub symbols: usize,
}

/// What to do at a step. The same input gives the same, identities included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Planned {
    /// Wishes for risk to judge, in the order of the input.
    pub intents: Vec<OrderIntent>,
    /// Orders to cancel.
    pub cancels: Vec<ClientOrderId>,
    /// Symbols with a target for which nothing new is ordered, and why.
    pub skipped: Vec<(Symbol, SkipReason)>,
}

/// Why nothing new is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Position and open orders are where they should be, to within a lot.
    AtTarget,
    /// What is missing is below the band.
    WithinBand,
    /// An order of the symbol is of unknown outcome.
    InDoubt,
    /// A request about an order of the symbol has no answer yet.
    AwaitingAnswer,
    /// Open orders are cancelled first.
    CancelFirst,
    /// Equity is not above zero: a part of it is nothing.
    NoEquity,
    /// Price, rate or weight give no quantity.
    NoQuantity,
}

/// Turns the targets of one strategy into intents. Stateless: what it needs to remember is in the open orders.
#[derive(Debug, Clone, PartialEq)]
pub struct Planner {
    strategy: String,
    config: PlanConfig,
}

impl Planner {
    /// For the orders of `strategy`, whose name is part of their identity.
    pub fn new(strategy: impl Into<String>, config: PlanConfig) -> Result<Self, PlanError> {
        config.validate()?;
        Ok(Self { strategy: strategy.into(), config })
    }

    /// Its parameters.
    #[must_use]
    pub fn config(&self) -> &PlanConfig {
        &self.config
    }

    /// Plans one step. O(symbols + their open orders).
    #[must_use]
    pub fn plan<'a>(
        &self,
        context: PlanContext,
        symbols: impl IntoIterator<Item = SymbolInput<'a>>,
    ) -> Planned {
        let mut planned = Planned::default();
        for input in symbols {
            let Some(weight) = input.weight else { continue };
            if let Err(reason) = self.plan_symbol(context, &input, weight, &mut planned) {
                planned.skipped.push((input.instrument.symbol, reason));
            }
        }
        planned
    }
}
