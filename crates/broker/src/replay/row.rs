//! A row of a table after parsing: what the reader's stages hand to each other.

use tensortrade_market::{Bar, Price, Qty, Tick, Timeframe, Ts};

/// A row, and its place in the order of the replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// The largest event time of its stream up to this row: a late row carries the time of the row it came behind.
    pub(super) key: Ts,
    /// Whose it is, and of which format; see [`super::lanes::Lanes`].
    pub(super) lane: u32,
    /// What it says.
    pub(super) data: RowData,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowData {
    Tick(Tick),
    Bar(BarRow),
}

impl RowData {
    /// When it is known: the stamp of a tick, the last moment of a bar. A bar therefore is never delivered in an
    /// interval that ends before the bar does, wherever its label lies on the clock.
    #[inline]
    pub(super) fn event(&self, timeframe: Option<Timeframe>) -> Ts {
        match self {
            Self::Tick(tick) => tick.ts,
            Self::Bar(bar) => match timeframe {
                Some(timeframe) => bar.start.plus_nanos(timeframe.nanos() - 1),
                None => bar.start,
            },
        }
    }
}

/// A bar as the table gives it. Its timeframe is that of its lane, which keeps a row small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BarRow {
    pub(super) start: Ts,
    /// Open, high, low, close.
    pub(super) prices: [Price; 4],
    pub(super) volume: Qty,
    /// Ask less bid at the close, in quote bars; negative where the bar is crossed.
    pub(super) spread: Option<Price>,
}

impl BarRow {
    /// The bar, of the timeframe that its file has.
    pub(super) fn bar(&self, timeframe: Timeframe) -> Bar {
        let end = self.start.plus_nanos(timeframe.nanos());
        Bar { spread: self.spread, ..Bar::ohlcv(self.start, end, self.prices, self.volume) }
    }
}
