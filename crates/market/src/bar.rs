//! Bars and gaps.

use serde::{Deserialize, Serialize};

use crate::fixed::{Price, Qty};
use crate::time::Ts;

/// An OHLCV bar of the interval `[start, end)`, labelled by its start.
///
/// Invariants: `start < end`; `low <= open, close <= high`; `volume >= 0`. A bar is built from trades where the
/// stream has any, else from quote midpoints (`trades` is then 0 and `volume` is 0).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// First moment of the interval: the bar's label.
    pub start: Ts,
    /// First moment after the interval: when the bar is known.
    pub end: Ts,
    /// First price.
    pub open: Price,
    /// Highest price.
    pub high: Price,
    /// Lowest price.
    pub low: Price,
    /// Last price.
    pub close: Price,
    /// Traded quantity.
    pub volume: Qty,
    /// Volume-weighted average price; the mean of open, high, low and close where there is no volume.
    pub vwap: Price,
    /// Number of trades (0 for bars from quotes or from files that do not say).
    pub trades: u32,
    /// Time-free mean of ask - bid over the quotes seen in the interval; `None` without a two-sided quote.
    pub spread: Option<Price>,
}

impl Bar {
    /// A bar as files give it, with what they do not say left at its neutral value.
    #[must_use]
    pub fn ohlcv(start: Ts, end: Ts, [open, high, low, close]: [Price; 4], volume: Qty) -> Self {
        let mean = [open, high, low, close].iter().map(|p| i128::from(p.raw())).sum::<i128>() / 4;
        let vwap = i64::try_from(mean).ok().and_then(Price::from_raw).unwrap_or(close);
        Self { start, end, open, high, low, close, volume, vwap, trades: 0, spread: None }
    }

    /// Whether the invariants hold.
    #[must_use]
    pub fn is_sane(&self) -> bool {
        self.start < self.end
            && self.low <= self.open.min(self.close)
            && self.high >= self.open.max(self.close)
            && self.volume >= Qty::ZERO
    }
}

/// A stretch `[from, to)` in which a symbol has no bar although its session was open. Never a silent hole: features,
/// policy and journal all see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// First moment without data.
    pub from: Ts,
    /// First moment after it.
    pub to: Ts,
    /// Why.
    pub reason: GapReason,
}

/// Why a stretch has no bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Nothing traded or quoted: normal in quiet hours, and not an outage.
    NoData,
    /// The feed lost its connection or said that data is missing.
    FeedLost,
    /// A recovery found that the ring of recent ticks had been outrun.
    RingOutrun,
    /// The same input crashed the symbol twice and was left out.
    Quarantined,
    /// The symbol's actor gave no row before the step's deadline.
    Late,
    /// The symbol joined after the stretch began.
    Joined,
}
