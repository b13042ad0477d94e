//! Positions, cash, and what they are worth.
//!
//! The crate is pure and synchronous: the same calls in the same order give the same state, in live trading, in replay
//! and when the journal is read back. What it promises:
//!
//! - A fill is booked exactly once per (venue, execution id), and so is its commission, whichever comes first.
//! - Cash is an integer: per currency, `cash = contributed - traded - commissions`, to the last micro-unit, where
//!   `traded` is the sum of signed notionals as [`Money::notional`](tensortrade_market::Money::notional) rounds them.
//! - Equity is `cash + sum(position value)`, exactly, per currency; it is converted to the base currency once per
//!   currency. Where a rate is missing there is no equity, and whoever asks is told which rate.
//!
//! Conventions. A forex position of +Q in EURUSD is Q euros bought against dollars of cash, valued at `Q * price`
//! dollars: the same formula as shares. A future is booked like a share too, with its multiplier, its full notional
//! against cash; that gives the profit and loss of daily settlement without modelling margin.

mod account;
mod appraisal;
mod booking;
mod error;
mod executions;
mod fx;
mod performance;
mod portfolio;
mod position;
mod valuation;
mod view;

pub use account::{Account, Imbalance};
pub use error::PortfolioError;
pub use executions::{AppliedFill, CommissionOutcome, FillOutcome};
pub use fx::{FxConfig, FxRates, Rate};
pub use performance::{DayPnl, Performance};
pub use portfolio::{MarkOutcome, Portfolio, SlotId};
pub use position::{Mark, Position};
pub use valuation::{Valuation, ValuationError};
pub use view::{PortfolioView, PositionView};
