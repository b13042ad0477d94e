//! Bars that close after a number of trades, a volume, or a traded value.

use serde::{Deserialize, Serialize};

use super::accumulator::Accumulator;
use super::counts::TickCounts;
use super::grid::{Cell, Grid};
use super::output::Output;
use super::quotes::Sides;
use super::roll::is_far_ahead;
use crate::bar::{Bar, Gap};
use crate::calendar::SessionKind;
use crate::fixed::{Price, Qty};
use crate::money::Money;
use crate::tick::{Tick, TickData};
use crate::time::{Timeframe, Ts};

/// What fills a bar; must be more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// A number of trades ("tick bars").
    Trades(u32),
    /// A traded volume.
    Volume(Qty),
    /// A traded value: the sum of price times size, in the instrument's currency, without multiplier.
    Value(Money),
}

/// A threshold of zero or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bar cannot be filled by {0:?}: the threshold must be more than zero")]
pub struct ActivityError(pub Activity);

/// Builds bars from trades; each closes with the trade that reaches the threshold.
///
/// A trade is never split: the whole of it belongs to the bar it fills, which may therefore hold more than the
/// threshold, and the next bar starts from zero. Session boundaries close the bar in progress, however little is in it.
/// Trades count in the order of arrival; open and close follow event time, as in time bars.
///
/// A bar covers from its first trade (or the end of the bar before, if that is later: stamps repeat) to one nanosecond
/// after its last, so bars are strictly monotone. Time without trades is no gap here; what the source declares lost
/// ([`mark`](Self::mark)) is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityBars {
    activity: Activity,
    negative_prices: bool,
    phase: Option<Cell>,
    acc: Accumulator,
    sides: Sides,
    last: Option<Tick>,
    last_ts: Ts,
    held: Option<Tick>,
    /// End of the last output.
    closed_until: Ts,
    counts: TickCounts,
    grid: Grid,
}

/// Raw units of price times size (10^-17) in one micro-unit of money.
const RAW_PER_MICRO: i128 = (Price::ONE as i128) * (Qty::ONE as i128) / (Money::ONE as i128);

impl ActivityBars {
    /// A builder that has seen nothing.
    pub fn new(
        activity: Activity,
        sessions: SessionKind,
        extended: bool,
        negative_prices: bool,
    ) -> Result<Self, ActivityError> {
        let positive = match activity {
            Activity::Trades(n) => n > 0,
            Activity::Volume(volume) => volume > Qty::ZERO,
            Activity::Value(value) => value > Money::ZERO,
        };
        if !positive {
            return Err(ActivityError(activity));
        }
        Ok(Self {
            activity,
            negative_prices,
            phase: None,
            acc: Accumulator::EMPTY,
            sides: Sides::NONE,
            last: None,
            last_ts: Ts::MIN,
            held: None,
            closed_until: Ts::MIN,
            counts: TickCounts::NONE,
            // The timeframe of the grid is not used: only its phases are.
            grid: Grid::new(sessions, Timeframe::HOUR, extended),
        })
    }

    /// What fills a bar.
    #[must_use]
    pub const fn activity(&self) -> Activity {
        self.activity
    }

    /// Counts of ticks by treatment.
    #[must_use]
    pub const fn counts(&self) -> &TickCounts {
        &self.counts
    }

    /// The bar in progress, as if it ended now.
    #[must_use]
    pub fn peek(&self) -> Option<Bar> {
        if self.acc.trades() == 0 {
            return None;
        }
        let (first, last) = self.acc.trade_times();
        let start = first.max(self.closed_until);
        self.acc.bar(start, last.max(start).plus_nanos(1), false)
    }

    /// Feeds ticks in arrival order; finished bars go to `out`.
    pub fn push_all(&mut self, ticks: &[Tick], out: &mut Vec<Output>) {
        for tick in ticks {
            self.counts.repeated += u64::from(self.last.as_ref() == Some(tick));
            self.last = Some(*tick);
            match self.phase {
                Some(phase) if self.held.is_none() && phase.contains(tick.ts) => self.apply(tick, out),
                _ => self.push_across(tick, out),
            }
        }
    }

    /// Closes the bar in progress if its session phase ends at or before `watermark`.
    pub fn advance(&mut self, watermark: Ts, out: &mut Vec<Output>) {
        if self.held.is_some_and(|held| held.ts <= watermark) {
            self.release(out);
        }
        match self.phase {
            Some(phase) if watermark < phase.end => {}
            _ => self.enter(watermark, out),
        }
    }

    /// Closes the bar in progress as it stands, at the end of the data.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        self.release(out);
        self.close(out);
    }

    /// Declares that the source lost data: the bar in progress closes before it, and the gap is put out, cut to what is not
    /// yet covered.
    pub fn mark(&mut self, gap: Gap, out: &mut Vec<Output>) {
        self.close(out);
        let from = gap.from.max(self.closed_until);
        if from < gap.to {
            out.push(Output::Gap(Gap { from, ..gap }));
            self.closed_until = gap.to;
        }
    }

    #[cold]
    fn push_across(&mut self, tick: &Tick, out: &mut Vec<Output>) {
        if let Some(held) = self.held {
            if is_far_ahead(held.ts, tick.ts) {
                self.held = None;
                self.counts.far_ahead += 1;
            } else {
                self.release(out);
            }
        }
        if self.phase.is_some_and(|phase| !is_far_ahead(tick.ts, phase.end)) {
            self.place(tick, out);
        } else {
            self.held = Some(*tick);
        }
    }

    fn release(&mut self, out: &mut Vec<Output>) {
        if let Some(held) = self.held.take() {
            self.place(&held, out);
        }
    }

    fn place(&mut self, tick: &Tick, out: &mut Vec<Output>) {
        if self.phase.is_none_or(|phase| tick.ts >= phase.end) {
            self.enter(tick.ts, out);
        }
        let Some(phase) = self.phase else { return };
        if phase.contains(tick.ts) {
            self.apply(tick, out);
        } else if phase.idle_from <= tick.ts || !self.grid.is_open(tick.ts) {
            self.counts.outside_session += 1;
        } else {
            self.counts.late += 1;
        }
    }

    /// Makes the phase that holds `ts`, or the first after it, the open one.
    fn enter(&mut self, ts: Ts, out: &mut Vec<Output>) {
        self.close(out);
        self.phase = Some(self.grid.locate_phase(ts));
    }

    fn close(&mut self, out: &mut Vec<Output>) {
        if let Some(bar) = self.peek() {
            self.closed_until = bar.end;
            out.push(Output::Closed(bar));
        }
        self.acc = Accumulator::EMPTY;
    }

    fn is_full(&self) -> bool {
        match self.activity {
            Activity::Trades(n) => self.acc.trades() >= n,
            Activity::Volume(volume) => self.acc.volume() >= volume.raw(),
            Activity::Value(value) => self.acc.notional() >= i128::from(value.micros()) * RAW_PER_MICRO,
        }
    }

    fn apply(&mut self, tick: &Tick, out: &mut Vec<Output>) {
        let floor = if self.negative_prices { i64::MIN } else { 0 };
        self.counts.out_of_order += u64::from(tick.ts < self.last_ts);
        self.last_ts = self.last_ts.max(tick.ts);
        match tick.data {
            TickData::Trade { price, .. } if price.raw() <= floor => self.counts.zero_or_negative_price += 1,
            TickData::Trade { size, .. } if size < Qty::ZERO => self.counts.negative_size += 1,
            TickData::Trade { price, size } => {
                self.counts.zero_size += u64::from(size.is_zero());
                if self.acc.trade(tick.ts, price, size) {
                    self.counts.trades += 1;
                } else {
                    self.counts.overflow += 1;
                }
                if self.is_full() {
                    self.close(out);
                }
            }
            TickData::Quote { bid, ask, .. } => {
                self.counts.quotes += 1;
                if let Some((bid, ask)) = self.sides.merge(bid, ask, floor, &mut self.counts) {
                    self.counts.overflow += u64::from(!self.acc.spread(bid, ask));
                }
            }
        }
    }
}
