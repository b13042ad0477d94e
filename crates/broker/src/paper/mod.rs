//! The paper exchange: a broker that fills orders against the market data it is given, with its own account in its own
//! file. It outlives the node and has its own truth, as a real broker does.
//!
//! - `exchange`, `receive`, `lane`, `arrivals`: the pure matching engine, one lane a symbol. `live` says what a tick does to an
//!   order, `bar_rules` what a bar does: each begins with its table of rules.
//! - `latency`, `slippage`, `liquidity`, `queue`, `commission`: the models, each exchangeable by configuration.
//! - `ledger`, `booking`, `record`, `position`: the account, which changes only by records. `funds`, `gate`, `hours`: what is
//!   checked before an order works.
//! - `books`, `recover`, `files`, `line`: the file of records. [`PaperBroker`]: all of it behind
//!   [`crate::broker::Broker`].
//!
//! What holds everywhere:
//!
//! - An order placed at market time `now` arrives at `now` + latency (or at the market time already reached + latency,
//!   if that is later), and is matched only against data stamped at or after its arrival, never against a price that
//!   stood before. `Accepted` carries the moment of arrival. Without further data nothing fills.
//! - Data is taken in its order of arrival. A tick stamped earlier than an order's arrival never fills it, however late
//!   it comes.
//! - A quote whose bid is above its ask fills and triggers nothing, and its sizes count for nothing, until a later quote
//!   uncrosses it; prints are used meanwhile. A locked quote (bid equal to ask) is a market. Prices of zero or less are
//!   ignored, except for futures.
//! - Checked on receipt, and answered at once: symbol, lot and tick grid, client order id, whether the order is there and
//!   open. Checked on arrival: hours, buying power, whether there is a market.
//! - A day order ends with the session in which it arrives, or the next one. On daily bars it lives for the next bar.
//! - All amounts are integers; a fill's notional is rounded once and the rounded amount is what the account pays.
//! - The same calls give the same events, bytes of the file included. Ids are numbers kept in the books: broker order
//!   `P<n>`, execution `P<n>.<m>`, unique for the life of the account.
//! - Not kept in the books, and begun anew after a restart: the tape, and places in queues (a resting limit joins the
//!   back).

mod arrivals;
mod bar_rules;
mod booking;
mod books;
mod broker;
mod commission;
mod core;
mod error;
mod exchange;
mod files;
mod funds;
mod gate;
mod hours;
mod lane;
mod latency;
mod ledger;
mod line;
mod liquidity;
mod live;
mod options;
mod port;
mod position;
mod queue;
mod receive;
mod record;
mod recover;
mod slippage;
mod tape;

pub use broker::PaperBroker;
pub use commission::{CommissionSchedule, Schedule};
pub use error::PaperError;
pub use latency::{LATENCY_NS_MAX, Latency};
pub use liquidity::Liquidity;
pub use options::{Fsync, PaperOptions, WhenClosed};
pub use queue::QueueModel;
pub use record::VENUE;
pub use recover::Recovery;
pub use slippage::{Slippage, SlippageBySource};
