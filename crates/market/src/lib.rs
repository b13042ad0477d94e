//! The vocabulary of the node: instruments, fixed-point money, ticks, bars and their builders, exchange sessions,
//! event time, and the words of an order.
//!
//! This crate is pure: no I/O, no wall clock, no randomness, no threads. Live trading, replay, the simulated market
//! and training all use these same functions, so they cannot disagree.
//!
//! Units: event time is nanoseconds since the Unix epoch in UTC ([`Ts`]); prices are fixed-point with nine decimals
//! ([`Price`]); quantities with eight ([`Qty`]); money is integer micro-units of one currency ([`Money`]).

pub mod bar;
pub mod bars;
pub mod calendar;
pub mod clock;
pub mod decimal;
pub mod fixed;
pub mod instrument;
pub mod money;
pub mod order;
pub mod planted;
pub mod symbol;
pub mod tick;
pub mod time;

pub use bar::{Bar, Gap, GapReason};
pub use clock::{Clock, ManualClock};
pub use fixed::{FixedError, Price, Qty};
pub use instrument::{AssetClass, Catalog, Instrument, InstrumentError};
pub use money::{Currency, Money, MoneyError};
pub use symbol::{Symbol, SymbolError};
pub use tick::{Tick, TickBatch, TickData};
pub use time::{Timeframe, TimeframeError, Ts};
