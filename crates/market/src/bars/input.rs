//! Finished bars as input: minute and daily files, and the history that warms a symbol up.

use super::accumulator::Accumulator;
use super::grid::Cell;
use super::output::Output;
use super::time_bars::TimeBars;
use crate::bar::{Bar, Gap};
use crate::calendar::SessionKind;
use crate::fixed::Qty;
use crate::time::{NS_PER_DAY, Ts};

impl TimeBars {
    /// Takes a finished bar of this builder's timeframe as it stands, after the gaps for the session time that is missing
    /// before it. A bar that breaks its invariants, comes twice, comes late or lies outside the session is dropped and
    /// counted in [`BarCounts`](super::BarCounts).
    ///
    /// The start decides. An intraday bar covers `[start, start + timeframe)`, cut at the session's next boundary. A daily
    /// bar stamped midnight UTC is labelled by its session date and covers that whole UTC day; from the first such bar on,
    /// missing sessions are UTC days too. A daily bar stamped otherwise stands for the session at or within a day after it.
    pub fn push_bar(&mut self, bar: &Bar, out: &mut Vec<Output>) {
        self.release(out);
        if !bar.is_sane() || bar.low.raw() <= self.price_floor() {
            self.bar_counts.malformed += 1;
            return;
        }
        if self.config.timeframe.is_daily()
            && is_dated(bar.start, self.config.sessions)
            && !self.grid.is_dated()
        {
            self.label_by_date();
        }
        let Some((start, end)) = self.interval_of(bar.start) else {
            self.bar_counts.outside_session += 1;
            return;
        };
        if let Some(cell) = self.cell {
            let building = cell.contains(start) && self.acc != Accumulator::EMPTY;
            if start < cell.start || building {
                if self.last_bar == Some(bar.start) {
                    self.bar_counts.duplicate += 1;
                } else {
                    self.bar_counts.late += 1;
                }
                return;
            }
            if start >= cell.end {
                self.leave(cell, start, out);
            }
            let covered = self.cell.map_or(start, |c| c.start);
            self.emit_gaps(covered, start, out);
        }
        self.bar_counts.accepted += 1;
        self.last_bar = Some(bar.start);
        self.seen_trade |= bar.volume > Qty::ZERO || bar.trades > 0;
        out.push(match self.loss(start, end) {
            None => Output::Closed(Bar { start, end, ..*bar }),
            Some(reason) => Output::Gap(Gap { from: start, to: end, reason }),
        });
        let mut next = self.grid.locate(end);
        if next.start < end {
            next = Cell { start: end, idle_from: end, ..next };
        }
        self.cell = Some(next);
        self.emit_gaps(end, next.start, out);
    }

    /// What a bar with this label covers; `None` outside the session.
    fn interval_of(&mut self, label: Ts) -> Option<(Ts, Ts)> {
        let cell = self.grid.locate(label);
        if self.config.timeframe.is_daily() {
            return (cell.start.since(label) < NS_PER_DAY && cell.idle_from <= label || cell.contains(label))
                .then_some((cell.start, cell.end));
        }
        if !cell.contains(label) {
            return None;
        }
        let phase = self.grid.locate_phase(label);
        Some((label, label.plus_nanos(self.config.timeframe.nanos()).min(phase.end)))
    }

    /// Switches daily intervals to whole UTC days, from the first day on that overlaps nothing already closed.
    fn label_by_date(&mut self) {
        self.grid.label_by_date();
        if let Some(cell) = self.cell {
            let day = self.grid.locate(cell.start);
            self.cell = Some(if day.start >= cell.idle_from { day } else { self.grid.locate(day.end) });
        }
    }
}

/// Whether a daily label is a date: no session of these kinds starts at midnight UTC, and where days are UTC days the two
/// are the same.
fn is_dated(label: Ts, sessions: SessionKind) -> bool {
    sessions != SessionKind::Always && label.floor_to(NS_PER_DAY) == label
}
