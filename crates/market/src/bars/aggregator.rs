//! Longer bars from shorter ones.

use serde::{Deserialize, Serialize};

use super::accumulator::mean;
use super::grid::{Cell, Grid};
use super::output::Output;
use crate::bar::{Bar, GapReason};
use crate::calendar::SessionKind;
use crate::fixed::{Price, Qty};
use crate::time::{Timeframe, Ts};

/// Why a timeframe cannot be built from another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "bars of {target} cannot be built from bars of {base}: the longer must be a whole multiple of the shorter"
)]
pub struct AggregateError {
    /// Timeframe of the input.
    pub base: Timeframe,
    /// Timeframe asked for.
    pub target: Timeframe,
}

/// Builds bars of a longer timeframe from the output of a builder of a shorter one.
///
/// Open, high, low, close, volume and trade count are exact. VWAP is the sum of each bar's VWAP times its volume over the
/// summed volume: as each of these VWAPs is rounded to a billionth, so far it can be off. Spread is the plain mean of the
/// bars' spreads. A bar with some of its shorter bars missing is still a bar; one with all of them missing is a gap.
///
/// Daily bars are made of regular hours and the closing auction's minute only
/// ([`Session::day`](crate::calendar::Session::day)), also when the input has extended hours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregator {
    base: Timeframe,
    cell: Option<Cell>,
    sum: Option<Sum>,
    /// The weightiest reason for what is missing in the open interval.
    reason: Option<GapReason>,
    grid: Grid,
}

/// Sums over the shorter bars of one interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    open: Price,
    high: Price,
    low: Price,
    close: Price,
    volume: i64,
    notional: i128,
    trades: u32,
    spread_sum: i128,
    spreads: u32,
}

impl Sum {
    fn new(bar: &Bar) -> Self {
        Self {
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: 0,
            notional: 0,
            trades: 0,
            spread_sum: 0,
            spreads: 0,
        }
    }

    fn add(&mut self, bar: &Bar) {
        self.high = self.high.max(bar.high);
        self.low = self.low.min(bar.low);
        self.close = bar.close;
        // Ninety thousand million units in one bar is no market: the sum then stays where it is, and so does its VWAP.
        if let Some(volume) = self.volume.checked_add(bar.volume.raw()) {
            self.volume = volume;
            self.notional += i128::from(bar.vwap.raw()) * i128::from(bar.volume.raw());
        }
        self.trades = self.trades.saturating_add(bar.trades);
        if let Some(spread) = bar.spread {
            self.spread_sum += i128::from(spread.raw());
            self.spreads += 1;
        }
    }

    fn bar(&self, start: Ts, end: Ts) -> Bar {
        let prices = [self.open, self.high, self.low, self.close];
        let mut bar = Bar::ohlcv(start, end, prices, Qty::from_raw(self.volume));
        bar.trades = self.trades;
        if let Some(vwap) = mean(self.notional, self.volume) {
            bar.vwap = vwap;
        }
        bar.spread = mean(self.spread_sum, i64::from(self.spreads));
        bar
    }
}

impl Aggregator {
    /// A builder of `target` bars from `base` bars of the same trading hours.
    pub fn new(
        base: Timeframe,
        target: Timeframe,
        sessions: SessionKind,
        extended: bool,
    ) -> Result<Self, AggregateError> {
        if target <= base || !target.secs().is_multiple_of(base.secs()) {
            return Err(AggregateError { base, target });
        }
        Ok(Self { base, cell: None, sum: None, reason: None, grid: Grid::new(sessions, target, extended) })
    }

    /// What it builds.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        self.grid.timeframe()
    }

    /// The bar in progress over the finished shorter bars, and over the shorter one in progress when it is given.
    #[must_use]
    pub fn peek(&self, in_progress: Option<&Bar>) -> Option<Bar> {
        let cell = self.cell?;
        let mut sum = self.sum;
        if let Some(bar) = in_progress.filter(|bar| cell.contains(bar.start)) {
            sum.get_or_insert_with(|| Sum::new(bar)).add(bar);
        }
        sum.map(|sum| sum.bar(cell.start, cell.end))
    }

    /// Takes the next output of the shorter timeframe, in order; finished bars and gaps go to `out`.
    pub fn push(&mut self, output: &Output, out: &mut Vec<Output>) {
        let mut cell = match self.cell {
            None => self.grid.locate(output.start()),
            Some(cell) if output.start() >= cell.end => self.leave(cell, output.start(), out),
            Some(cell) => cell,
        };
        match output {
            Output::Closed(bar) if cell.contains(bar.start) => {
                self.sum.get_or_insert_with(|| Sum::new(bar)).add(bar);
            }
            // A known loss says more than "nothing traded".
            Output::Gap(gap)
                if gap.to > cell.start && self.reason.is_none_or(|reason| reason == GapReason::NoData) =>
            {
                self.reason = Some(gap.reason);
            }
            // Extended hours do not enter a daily bar.
            _ => {}
        }
        if output.end() >= cell.end {
            cell = self.leave(cell, output.end(), out);
        }
        self.cell = Some(cell);
    }

    /// Closes the bar in progress as it stands, at the end of the data.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        if let Some(cell) = self.cell
            && self.sum.is_some()
        {
            self.cell = Some(self.leave(cell, cell.end, out));
        }
    }

    /// Closes the open interval and returns the one that holds `ts`, or the first after it.
    fn leave(&mut self, cell: Cell, ts: Ts, out: &mut Vec<Output>) -> Cell {
        let next = self.grid.locate(ts);
        let reason = self.reason.take().unwrap_or(GapReason::NoData);
        let hole_from = match self.sum.take() {
            Some(sum) => {
                out.push(Output::Closed(sum.bar(cell.start, cell.end)));
                cell.end
            }
            None => cell.start,
        };
        self.grid.gaps(hole_from, next.start, |_, _| reason, out);
        next
    }
}
