//! The bar in progress: exact sums of trades, spreads and midpoints.

use serde::{Deserialize, Serialize};

use crate::bar::Bar;
use crate::fixed::{Price, Qty};
use crate::time::Ts;

/// Open, high, low and close by event time: the open has the earliest stamp (among equals the first to arrive), the close
/// the latest (among equals the last to arrive). A tick out of order thus falls into its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Ohlc {
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    open_ts: i64,
    close_ts: i64,
}

impl Ohlc {
    const EMPTY: Self =
        Self { open: 0, high: i64::MIN, low: i64::MAX, close: 0, open_ts: i64::MAX, close_ts: i64::MIN };

    #[inline]
    fn add(&mut self, ts: i64, price: i64) {
        if ts < self.open_ts {
            self.open_ts = ts;
            self.open = price;
        }
        if ts >= self.close_ts {
            self.close_ts = ts;
            self.close = price;
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
    }

    fn prices(&self) -> Option<[Price; 4]> {
        Some([
            Price::from_raw(self.open)?,
            Price::from_raw(self.high)?,
            Price::from_raw(self.low)?,
            Price::from_raw(self.close)?,
        ])
    }
}

/// Sums over one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Accumulator {
    trade: Ohlc,
    volume: i64,
    trades: u32,
    mids: u32,
    /// Sum of price times size. At most `i64::MAX` (a price) times `i64::MAX` (the summed volume): fits.
    notional: i128,
    mid: Ohlc,
    spread_sum: i128,
    spreads: u32,
}

impl Accumulator {
    /// Nothing yet.
    pub(super) const EMPTY: Self = Self {
        trade: Ohlc::EMPTY,
        volume: 0,
        trades: 0,
        mids: 0,
        notional: 0,
        mid: Ohlc::EMPTY,
        spread_sum: 0,
        spreads: 0,
    };

    /// Adds a trade of a size of zero or more; `false` and no change if volume or count would leave their range.
    #[inline]
    pub(super) fn trade(&mut self, ts: Ts, price: Price, size: Qty) -> bool {
        let (Some(volume), Some(trades)) = (self.volume.checked_add(size.raw()), self.trades.checked_add(1))
        else {
            return false;
        };
        self.volume = volume;
        self.trades = trades;
        self.notional += i128::from(price.raw()) * i128::from(size.raw());
        self.trade.add(ts.nanos(), price.raw());
        true
    }

    /// Adds the spread of an uncrossed quote; `false` if it is out of range.
    #[inline]
    pub(super) fn spread(&mut self, bid: Price, ask: Price) -> bool {
        let (Some(spread), Some(spreads)) = (ask.raw().checked_sub(bid.raw()), self.spreads.checked_add(1))
        else {
            return false;
        };
        self.spread_sum += i128::from(spread);
        self.spreads = spreads;
        true
    }

    /// Adds the midpoint of an uncrossed quote.
    #[inline]
    pub(super) fn midpoint(&mut self, ts: Ts, bid: Price, ask: Price) {
        self.mids = self.mids.saturating_add(1);
        self.mid.add(ts.nanos(), bid.midpoint(ask).raw());
    }

    /// Number of trades.
    #[inline]
    pub(super) const fn trades(&self) -> u32 {
        self.trades
    }

    /// Summed size, raw.
    #[inline]
    pub(super) const fn volume(&self) -> i64 {
        self.volume
    }

    /// Sum of price times size, both raw.
    #[inline]
    pub(super) const fn notional(&self) -> i128 {
        self.notional
    }

    /// Stamps of the earliest and the latest trade.
    pub(super) const fn trade_times(&self) -> (Ts, Ts) {
        (Ts::from_nanos(self.trade.open_ts), Ts::from_nanos(self.trade.close_ts))
    }

    /// The bar over `[start, end)`: from trades where there is one, else from midpoints where `from_quotes` allows it.
    pub(super) fn bar(&self, start: Ts, end: Ts, from_quotes: bool) -> Option<Bar> {
        let prices = if self.trades > 0 {
            self.trade.prices()?
        } else if from_quotes && self.mids > 0 {
            self.mid.prices()?
        } else {
            return None;
        };
        let mut bar = Bar::ohlcv(start, end, prices, Qty::from_raw(self.volume));
        bar.trades = self.trades;
        if let Some(vwap) = mean(self.notional, self.volume) {
            bar.vwap = vwap;
        }
        bar.spread = mean(self.spread_sum, i64::from(self.spreads));
        Some(bar)
    }
}

/// A weighted mean as a price, rounded to the nearest billionth (half up); `None` without weight.
pub(super) fn mean(sum: i128, weight: i64) -> Option<Price> {
    if weight <= 0 {
        return None;
    }
    let weight = i128::from(weight);
    let mean = (sum + weight / 2).div_euclid(weight);
    i64::try_from(mean).ok().and_then(Price::from_raw)
}
