//! Trade and quote ticks.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fixed::{Price, Qty};
use crate::symbol::Symbol;
use crate::time::Ts;

/// One message of a market-data stream: 48 bytes, copied freely.
///
/// A timestamp is no identity: real feeds stamp several messages alike, and exact repeats are real volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Event time as the source stamps it.
    pub ts: Ts,
    /// What happened.
    pub data: TickData,
}

/// A trade or a change of the best quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TickData {
    /// A trade print.
    Trade {
        /// Price per unit.
        price: Price,
        /// Size in units; zero when the source gives none.
        size: Qty,
    },
    /// A quote. A side that is `None` is not in this message: the last value of that side stands.
    Quote {
        /// Best bid.
        bid: Option<Price>,
        /// Best ask.
        ask: Option<Price>,
        /// Size at the bid; zero when the source gives none.
        bid_size: Qty,
        /// Size at the ask; zero when the source gives none.
        ask_size: Qty,
    },
}

impl Tick {
    /// A trade.
    #[must_use]
    pub const fn trade(ts: Ts, price: Price, size: Qty) -> Self {
        Self { ts, data: TickData::Trade { price, size } }
    }

    /// A quote.
    #[must_use]
    pub const fn quote(ts: Ts, bid: Option<Price>, ask: Option<Price>, bid_size: Qty, ask_size: Qty) -> Self {
        Self { ts, data: TickData::Quote { bid, ask, bid_size, ask_size } }
    }
}

/// A run of ticks of one symbol in arrival order, numbered without holes.
#[derive(Debug, Clone)]
pub struct TickBatch {
    /// Whose ticks.
    pub symbol: Symbol,
    /// Sequence number of the first tick; the next batch of the symbol starts at `first_seq + ticks.len()`.
    pub first_seq: u64,
    /// The ticks.
    pub ticks: Arc<[Tick]>,
}

impl TickBatch {
    /// Sequence number after the last tick.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.first_seq + self.ticks.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_48_bytes() {
        assert_eq!(size_of::<Tick>(), 48);
    }
}
