//! The base builder: ticks of one symbol to bars of one timeframe.

use serde::{Deserialize, Serialize};

use super::accumulator::Accumulator;
use super::counts::{BarCounts, TickCounts};
use super::grid::{Cell, Grid};
use super::output::Output;
use super::quotes::Sides;
use crate::bar::{Bar, Gap};
use crate::calendar::SessionKind;
use crate::instrument::{AssetClass, Instrument};
use crate::tick::{Tick, TickData};
use crate::time::{Timeframe, Ts};

/// Whether an interval with quotes but no trade gives a bar of midpoints (volume 0, no trades).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteBars {
    /// Never: it is a gap.
    Never,
    /// As long as the stream has shown no trade at all: a dealer feed has only quotes. From the first trade on, an
    /// interval without one is a gap.
    #[default]
    WhenNoTradesEver,
    /// Always. An interval with at least one trade still uses trades only.
    Always,
}

/// What a [`TimeBars`] builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBarsConfig {
    /// Length of a bar.
    pub timeframe: Timeframe,
    /// Trading hours.
    pub sessions: SessionKind,
    /// Whether bars are built in extended hours too. Daily bars never include them.
    pub extended: bool,
    /// Treatment of intervals without a trade.
    pub quote_bars: QuoteBars,
    /// Whether prices of zero or less are real (futures, spreads).
    pub negative_prices: bool,
}

impl TimeBarsConfig {
    /// The configuration that fits an instrument: its hours, and prices of zero or less only for futures.
    #[must_use]
    pub const fn for_instrument(instrument: &Instrument, timeframe: Timeframe, extended: bool) -> Self {
        Self {
            timeframe,
            sessions: instrument.sessions,
            extended,
            quote_bars: QuoteBars::WhenNoTradesEver,
            negative_prices: matches!(instrument.asset_class, AssetClass::Future),
        }
    }
}

/// Builds bars of one timeframe from the trades and quotes of one symbol.
///
/// Coverage starts with the interval of the first tick or of the first watermark, and is seamless from there on. Ticks go
/// in through [`push_all`](Self::push_all); [`advance`](Self::advance) closes what a watermark completes; finished bars may
/// go in instead, or before, through [`push_bar`](Self::push_bar). Treatment of each kind of bad input: [`TickCounts`].
///
/// A tick costs a few nanoseconds; leaving an interval about a hundred; entering a session a few microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeBars {
    /// The open interval (or the next one, while the market is closed); `None` before anything came.
    pub(super) cell: Option<Cell>,
    pub(super) acc: Accumulator,
    pub(super) sides: Sides,
    /// The tick before, to recognise exact repeats.
    pub(super) last: Option<Tick>,
    /// Latest stamp accepted.
    pub(super) last_ts: Ts,
    /// A tick stamped far ahead that waits for the next one, or a watermark, to confirm it.
    pub(super) held: Option<Tick>,
    /// A stretch that the source declared incomplete.
    pub(super) marked: Option<Gap>,
    /// Start of the last bar accepted as input.
    pub(super) last_bar: Option<Ts>,
    pub(super) seen_trade: bool,
    pub(super) counts: TickCounts,
    pub(super) bar_counts: BarCounts,
    pub(super) grid: Grid,
    pub(super) config: TimeBarsConfig,
}

impl TimeBars {
    /// A builder that has seen nothing.
    #[must_use]
    pub const fn new(config: TimeBarsConfig) -> Self {
        Self {
            cell: None,
            acc: Accumulator::EMPTY,
            sides: Sides::NONE,
            last: None,
            last_ts: Ts::MIN,
            held: None,
            marked: None,
            last_bar: None,
            seen_trade: false,
            counts: TickCounts::NONE,
            bar_counts: BarCounts::NONE,
            grid: Grid::new(config.sessions, config.timeframe, config.extended),
            config,
        }
    }

    /// What it builds.
    #[must_use]
    pub const fn config(&self) -> &TimeBarsConfig {
        &self.config
    }

    /// Counts of ticks by treatment.
    #[must_use]
    pub const fn counts(&self) -> &TickCounts {
        &self.counts
    }

    /// Counts of input bars by treatment.
    #[must_use]
    pub const fn bar_counts(&self) -> &BarCounts {
        &self.bar_counts
    }

    /// Everything before this moment is closed: later ticks stamped earlier are late. `None` before anything came.
    #[must_use]
    pub fn closed_until(&self) -> Option<Ts> {
        self.cell.map(|cell| cell.start)
    }

    /// The bar in progress, with the end it will have.
    #[must_use]
    pub fn peek(&self) -> Option<Bar> {
        let cell = self.cell?;
        self.acc.bar(cell.start, cell.end, self.uses_midpoints())
    }

    /// Feeds ticks in arrival order; finished bars and gaps go to `out`.
    pub fn push_all(&mut self, ticks: &[Tick], out: &mut Vec<Output>) {
        let stored = self.last;
        let mut before = stored.as_ref();
        let (mut start, mut end) = self.window();
        for tick in ticks {
            self.counts.repeated += u64::from(before == Some(tick));
            before = Some(tick);
            if start <= tick.ts && tick.ts < end {
                self.apply(tick);
            } else {
                self.push_across(tick, out);
                (start, end) = self.window();
            }
        }
        self.last = before.copied();
    }

    /// The stamps that need no judgement: the open interval, or none while a tick is held.
    fn window(&self) -> (Ts, Ts) {
        match self.cell {
            Some(cell) if self.held.is_none() => (cell.start, cell.end),
            _ => (Ts::MAX, Ts::MIN),
        }
    }

    /// Whether an interval without trades becomes a bar of midpoints.
    #[inline]
    pub(super) const fn uses_midpoints(&self) -> bool {
        match self.config.quote_bars {
            QuoteBars::Never => false,
            QuoteBars::WhenNoTradesEver => !self.seen_trade,
            QuoteBars::Always => true,
        }
    }

    /// Prices at or below this are none.
    #[inline]
    pub(super) const fn price_floor(&self) -> i64 {
        if self.config.negative_prices { i64::MIN } else { 0 }
    }

    /// Adds a tick of the open interval.
    #[inline]
    pub(super) fn apply(&mut self, tick: &Tick) {
        let floor = self.price_floor();
        self.counts.out_of_order += u64::from(tick.ts < self.last_ts);
        self.last_ts = self.last_ts.max(tick.ts);
        match tick.data {
            TickData::Trade { price, size } => {
                if price.raw() <= floor {
                    self.counts.zero_or_negative_price += 1;
                    return;
                }
                if size.raw() <= 0 {
                    if size.raw() < 0 {
                        self.counts.negative_size += 1;
                        return;
                    }
                    self.counts.zero_size += 1;
                }
                self.seen_trade = true;
                if self.acc.trade(tick.ts, price, size) {
                    self.counts.trades += 1;
                } else {
                    self.counts.overflow += 1;
                }
            }
            TickData::Quote { bid, ask, .. } => {
                self.counts.quotes += 1;
                if let Some((bid, ask)) = self.sides.merge(bid, ask, floor, &mut self.counts) {
                    self.counts.overflow += u64::from(!self.acc.spread(bid, ask));
                    if self.uses_midpoints() {
                        self.acc.midpoint(tick.ts, bid, ask);
                    }
                }
            }
        }
    }
}
