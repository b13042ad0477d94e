//! The two doors to the outside market, [`Feed`] and [`Broker`], and what stands behind them: replay of files, the
//! simulated market, the paper exchange; and a feed over two feeds.
//!
//! Faults are injected by wrapping a port, never by a branch inside an implementation.

pub mod broker;
pub mod failover;
pub mod feed;
pub mod paper;
pub mod replay;
pub mod simulated;

pub use broker::{
    AccountSnapshot, Broker, BrokerError, BrokerEvent, BrokerOrder, BrokerOrderState, BrokerPosition,
    Connection, Execution, RejectCode,
};
pub use feed::{
    Feed, FeedError, FeedHealth, FeedNotice, FeedSlice, FeedStats, FeedSwitch, MarketBatch, MarketData, Pace,
};
