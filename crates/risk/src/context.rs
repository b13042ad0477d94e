//! What an assessment is told about the world at its moment.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Instrument, Price, Ts};
use tensortrade_portfolio::PortfolioView;

use crate::breaker::Breaker;

/// Where an instrument's trading day stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPhase {
    /// Regular hours; the only open phase of markets without extended hours.
    Regular,
    /// Before or after regular hours.
    Extended,
    /// No trading.
    Closed,
}

/// The world at the moment of an assessment.
#[derive(Debug, Clone, Copy)]
pub struct RiskContext<'a> {
    /// Positions, marks, rates and equity.
    pub view: &'a PortfolioView,
    /// Of the order's symbol.
    pub instrument: &'a Instrument,
    /// Market time.
    pub now: Ts,
    /// Of the order's symbol.
    pub session: SessionPhase,
    /// Trading in the symbol is halted: by the exchange, or because its data or fills cannot be trusted.
    pub symbol_halted: bool,
    /// The broker's orders, executions and positions have been compared with ours since the session came up.
    pub reconciled: bool,
    /// This node holds the lease on the account.
    pub lease_held: bool,
    /// The breaker.
    pub breaker: &'a Breaker,
}

/// A wish to change an open order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderChange {
    /// Which order.
    pub client_order_id: ClientOrderId,
    /// The strategy that decided.
    pub strategy: String,
    /// The decision's market time.
    pub decided_at: Ts,
    /// New terms; symbol and side stay, the quantity is the whole order's, executed part included.
    pub terms: OrderTerms,
    /// The price the decision was made at.
    pub reference: Price,
}
