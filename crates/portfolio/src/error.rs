//! Why the portfolio refuses an input. Every refusal leaves the books as they were.

use tensortrade_market::order::ExecId;
use tensortrade_market::{Currency, Money, MoneyError, Price, Qty, Symbol};

use crate::account::Imbalance;
use crate::valuation::ValuationError;

/// Why an input was not booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortfolioError {
    /// The symbol's currency and multiplier are not known.
    #[error("{0} is not registered with the portfolio: register its instrument first, then repeat the call")]
    Unregistered(Symbol),
    /// A fill without quantity.
    #[error("fill {exec_id} of {symbol} has quantity {qty}; it must be more than zero")]
    BadFill {
        /// Of what.
        symbol: Symbol,
        /// Which.
        exec_id: ExecId,
        /// As reported.
        qty: Qty,
    },
    /// Currency or multiplier of a symbol changed while a position is open.
    #[error(
        "{symbol} holds {qty}, so its {what} cannot change from {old} to {new}: close the position, or correct the instrument"
    )]
    InstrumentChanged {
        /// Whose.
        symbol: Symbol,
        /// Open position.
        qty: Qty,
        /// `currency` or `multiplier`.
        what: &'static str,
        /// Before.
        old: String,
        /// After.
        new: String,
    },
    /// A position was adopted where one was already booked.
    #[error(
        "{symbol} already holds {qty}: only a flat symbol can adopt a broker's position; book the missing executions instead"
    )]
    NotFlat {
        /// Whose.
        symbol: Symbol,
        /// Booked.
        qty: Qty,
    },
    /// A configured rate that is no rate.
    #[error("the rate of {currency} must be more than zero, not {rate}")]
    BadRate {
        /// Of which currency.
        currency: Currency,
        /// As given.
        rate: Price,
    },
    /// Days must go forward.
    #[error("session day {new} is not after {old}")]
    DayOrder {
        /// The open day.
        old: tensortrade_market::Ts,
        /// The one given.
        new: tensortrade_market::Ts,
    },
    /// A deposit during trading that cannot be valued, so that it would look like profit.
    #[error("a deposit of {amount} {currency} cannot be valued: {reason}")]
    DepositWithoutRate {
        /// Of what.
        currency: Currency,
        /// How much.
        amount: Money,
        /// Which rate is missing.
        reason: ValuationError,
    },
    /// The account cannot be valued.
    #[error(transparent)]
    Valuation(#[from] ValuationError),
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A restored state whose books do not balance.
    #[error("restored portfolio: {0}")]
    Imbalance(#[from] Imbalance),
    /// A restored state that names a symbol twice.
    #[error("restored portfolio names {0} twice")]
    SymbolTwice(Symbol),
}
