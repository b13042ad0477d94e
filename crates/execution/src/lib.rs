//! The life of orders: what may happen to one, the book of all, how targets become intents, and how well they fill.
//!
//! Pure: no I/O, no clock. The book changes only by [`OrderBook::submit`], which takes nothing but a
//! `RiskApproved<OrderIntent>`, and by [`ExecutionEvent`]s, so that the journal's events in order give the book back.
//!
//! Three rules hold throughout. An execution is booked once, whatever state its order is in. Silence is never read as an
//! answer: a request without one leaves the order [`OrderState::Unknown`], and only the broker's own books resolve it.
//! A state never goes back: an order that ended stays ended, and what comes late is booked and raises an [`Alarm`].

pub mod accept;
pub mod alarm;
pub mod book;
pub mod counters;
pub mod event;
pub mod order;
pub mod plan;
pub mod proof;
pub mod quality;
pub mod state;
pub mod transition;

pub use accept::{ACCEPTED, AcceptError, Acceptance, PositionToAccept, accept};
pub use alarm::Alarm;
pub use book::{BookConfig, BookError, OrderBook, Outcome, Submission, SubmitError};
pub use counters::Counters;
pub use event::ExecutionEvent;
pub use order::{ExecutionRecord, Order};
pub use plan::{
    OpenOrder, OpenState, OrderStyle, PlanConfig, PlanContext, PlanError, PlanTif, Planned, Planner,
    SkipReason, SymbolInput,
};
pub use proof::{BrokerAnswers, KnownOrder, KnownState};
pub use quality::{Slippage, SlippageSummary};
pub use state::OrderState;
pub use transition::{Refusal, Trigger, transition};
