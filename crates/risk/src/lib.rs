//! What may be traded: limits over everything that can still happen, typed approvals, and the breaker.
//!
//! [`RiskEngine::assess`] is the only place where a [`RiskApproved`] is made. It judges an order by the worst outcome of
//! all that is open: positions, working orders, orders of unknown outcome, and fills that the portfolio's latest view
//! does not show yet. An approval reserves its exposure until the broker proves that the order is done.
//!
//! The crate is pure and synchronous. Time is the market time that the caller hands in; amounts are fixed-point; limits
//! are in the portfolio's base currency or in multiples of equity.
//!
//! # What always passes
//! Cancels need no approval. An order that only brings a position toward zero (see [`rules`]) passes the exposure
//! limits, the breaker in [`BreakerState::Reducing`] and a symbol with orders of unknown outcome, so that the way out
//! stays open; it does not pass a halted breaker, a missing reconciliation, or a lost lease.

mod approval;
pub mod breaker;
mod conduct;
mod context;
mod engine;
mod exposure;
mod flow;
mod lifecycle;
mod limits;
mod loss;
mod mismatch;
mod recent;
mod refusal;
mod reservation;
pub mod rules;
mod silence;
mod sizing;
mod unseen;

pub use approval::{RiskApproved, RiskRefused};
pub use breaker::{Authority, Breaker, BreakerChange, BreakerGate, BreakerState, Scope};
pub use conduct::{Conduct, ConductBreach, RejectLimits};
pub use context::{OrderChange, RiskContext, SessionPhase};
pub use engine::{RiskEngine, RiskState};
pub use exposure::{SymbolExposure, WorstCase};
pub use flow::{FlowBreach, OrderFlow};
pub use limits::{LimitError, LimitErrors, Limits, SessionPolicy};
pub use loss::{LossBreach, LossLimits};
pub use mismatch::{Mismatch, MismatchLimits, MismatchWatch};
pub use recent::PastApproval;
pub use refusal::{Refusal, RefusalCode};
pub use reservation::{Reservation, ReservationPhase, ReservationTerms};
pub use silence::{StaleLimits, silence_ns};
pub use unseen::UnseenFills;
