//! What the simulated market can be told.

use tensortrade_market::{Symbol, Timeframe, Ts};

use super::bars::TICKS_PER_MINUTE;
use super::minute_ticks::TICKS_MIN;
use super::sessions::{EVE, LAST};
use crate::feed::FeedError;

/// Most ticks per symbol and minute in the mean: 166 a second. The busiest minute has eight times as many.
pub const TICKS_PER_MINUTE_MAX: u32 = 10_000;

/// Options of [`super::SimulatedFeed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulatedOptions {
    /// Everything follows from it, the symbols' names and the time.
    pub seed: u64,
    /// Delivered from the start; others can be added at any time.
    pub symbols: Vec<Symbol>,
    /// The first data is at or after this moment, from 2020-01-01 on. Starting anywhere gives what an uninterrupted
    /// run would have given from there on.
    pub start: Ts,
    /// No data at or after this moment: the last interval is the last one that ends by it. `None` runs until 2099.
    pub until: Option<Ts>,
    /// Length of the interval that a watermark ends.
    pub decision: Timeframe,
    /// Mean number of ticks (three quotes to a trade) per symbol and minute, 16 to [`TICKS_PER_MINUTE_MAX`]. No
    /// minute has fewer than 16. It does not change the prices of bars.
    pub ticks_per_symbol_minute: u32,
}

impl Default for SimulatedOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            symbols: Vec::new(),
            start: Ts::from_secs(1_735_776_000), // 2025-01-02T00:00:00Z
            until: None,
            decision: Timeframe::MINUTE,
            ticks_per_symbol_minute: TICKS_PER_MINUTE,
        }
    }
}

impl SimulatedOptions {
    /// Checks ranges.
    pub(super) fn validated(self) -> Result<Self, FeedError> {
        let rate = self.ticks_per_symbol_minute;
        if !(TICKS_MIN..=TICKS_PER_MINUTE_MAX).contains(&rate) {
            return Err(FeedError::Input(format!(
                "simulated market: {rate} ticks per symbol and minute is out of range; \
                 choose {TICKS_MIN} to {TICKS_PER_MINUTE_MAX}"
            )));
        }
        if self.start < EVE.midnight_utc() || self.start >= LAST.midnight_utc() {
            return Err(FeedError::Input(format!(
                "simulated market: start {} is out of range; choose {EVE} to {LAST}",
                self.start
            )));
        }
        Ok(self)
    }
}
