//! Leaving an interval: closing bars, finding gaps, judging ticks that do not belong to the open interval.

use super::accumulator::Accumulator;
use super::grid::Cell;
use super::output::Output;
use super::time_bars::TimeBars;
use crate::bar::{Gap, GapReason};
use crate::tick::{Tick, TickData};
use crate::time::{NS_PER_S, Ts};

/// A tick stamped further than this past the end of the open interval (one hour) waits for a second opinion: the next tick or a
/// watermark. Otherwise one corrupt stamp would turn every good tick after it into a late one. Nothing is lost by
/// waiting, since the first tick after a night or a weekend is confirmed by the second.
const FAR_AHEAD_NS: i64 = 3600 * NS_PER_S;

/// Whether a stamp is too far past a moment, by more than an hour, to be believed at once. Bar builders and the paper exchange ask
/// here, so that both leave the same ticks out.
#[must_use]
pub fn is_far_ahead(stamp: Ts, moment: Ts) -> bool {
    stamp > moment.plus_nanos(FAR_AHEAD_NS)
}

impl TimeBars {
    /// Closes every interval that ends at or before `watermark`: the promise that no data before it will come.
    ///
    /// An interval without data gives a [`Gap`]; several in a row give one per session.
    pub fn advance(&mut self, watermark: Ts, out: &mut Vec<Output>) {
        if self.held.is_some_and(|held| held.ts <= watermark) {
            self.release(out);
        }
        match self.cell {
            Some(cell) if watermark < cell.end => {}
            Some(cell) => self.leave(cell, watermark, out),
            None => self.cell = Some(self.grid.locate(watermark)),
        }
    }

    /// Closes the bar in progress as it stands, at the end of the data. It covers its whole interval, though data may have
    /// ended before.
    pub fn flush(&mut self, out: &mut Vec<Output>) {
        self.release(out);
        if let Some(cell) = self.cell
            && self.acc != Accumulator::EMPTY
        {
            self.leave(cell, cell.end, out);
        }
    }

    /// Declares that the source lost data in `[gap.from, gap.to)`. Every interval that it touches and that is not yet closed
    /// becomes a gap with that reason, whatever else came in it: a bar of unknown completeness is none. What is closed
    /// already stays. Stretches declared before the earlier one is over are joined to one.
    pub fn mark(&mut self, gap: Gap) {
        if gap.from >= gap.to {
            return;
        }
        let cell = *self.cell.get_or_insert_with(|| self.grid.locate(gap.from));
        if gap.to <= cell.start {
            return;
        }
        self.marked = Some(match self.marked {
            Some(old) if old.to > cell.start => {
                Gap { from: old.from.min(gap.from), to: old.to.max(gap.to), reason: gap.reason }
            }
            _ => gap,
        });
    }

    /// A tick outside the open interval, or one that decides about a held tick.
    #[cold]
    pub(super) fn push_across(&mut self, tick: &Tick, out: &mut Vec<Output>) {
        if let Some(held) = self.held {
            if is_far_ahead(held.ts, tick.ts) {
                self.held = None;
                self.counts.far_ahead += 1;
            } else {
                self.release(out);
            }
        }
        if self.cell.is_some_and(|cell| !is_far_ahead(tick.ts, cell.end)) {
            self.place(tick, out);
        } else {
            self.held = Some(*tick);
        }
    }

    /// Accepts the held tick.
    pub(super) fn release(&mut self, out: &mut Vec<Output>) {
        if let Some(held) = self.held.take() {
            self.place(&held, out);
        }
    }

    /// Puts a tick where its stamp says, closing what it completes.
    fn place(&mut self, tick: &Tick, out: &mut Vec<Output>) {
        let cell = match self.cell {
            None => self.grid.locate(tick.ts),
            Some(cell) if tick.ts >= cell.end => {
                self.leave(cell, tick.ts, out);
                self.cell.unwrap_or(cell)
            }
            Some(cell) => cell,
        };
        self.cell = Some(cell);
        if cell.contains(tick.ts) {
            self.apply(tick);
        } else if cell.idle_from <= tick.ts || !self.grid.is_open(tick.ts) {
            self.outside(tick);
        } else {
            self.counts.late += 1;
        }
    }

    /// A tick while no bars are built: the sides of the market are a fact all the same.
    fn outside(&mut self, tick: &Tick) {
        self.counts.outside_session += 1;
        match tick.data {
            TickData::Trade { .. } => self.seen_trade = true,
            TickData::Quote { bid, ask, .. } => {
                if tick.ts >= self.last_ts {
                    self.last_ts = tick.ts;
                    let floor = self.price_floor();
                    self.sides.merge(bid, ask, floor, &mut self.counts);
                }
            }
        }
    }

    /// Closes the open interval `cell`, makes the one that holds `ts` (at or after `cell.end`) the open one, or the first
    /// after it, and emits the session time between as gaps.
    pub(super) fn leave(&mut self, cell: Cell, ts: Ts, out: &mut Vec<Output>) {
        let next = self.grid.locate(ts);
        let mut hole_from = cell.start;
        let bar = self.acc.bar(cell.start, cell.end, self.uses_midpoints());
        if let Some(bar) = bar {
            if self.loss(cell.start, cell.end).is_none() {
                out.push(Output::Closed(bar));
                hole_from = cell.end;
            } else {
                self.counts.in_gap += u64::from(self.acc.trades().max(1));
            }
        }
        self.acc = Accumulator::EMPTY;
        self.cell = Some(next);
        self.emit_gaps(hole_from, next.start, out);
    }

    /// Emits the session time in `[from, to)` as gaps.
    pub(super) fn emit_gaps(&mut self, from: Ts, to: Ts, out: &mut Vec<Output>) {
        let marked = self.marked;
        let reason = |from, to| overlap(marked, from, to).unwrap_or(GapReason::NoData);
        self.grid.gaps(from, to, reason, out);
        if self.marked.is_some_and(|gap| gap.to <= to) {
            self.marked = None;
        }
    }

    /// Why data of `[from, to)` is incomplete, if it is.
    pub(super) fn loss(&self, from: Ts, to: Ts) -> Option<GapReason> {
        overlap(self.marked, from, to)
    }
}

fn overlap(marked: Option<Gap>, from: Ts, to: Ts) -> Option<GapReason> {
    marked.filter(|gap| gap.from < to && from < gap.to).map(|gap| gap.reason)
}
