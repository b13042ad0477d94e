//! Groups rows into slices: one decision interval each, or a part of one.

use tensortrade_market::{Bar, Tick, Timeframe, Ts};

use super::columns::FileFormat;
use super::groups::Groups;
use super::lanes::Lanes;
use super::row::{Row, RowData};
use crate::feed::{FeedSlice, MarketBatch, MarketData};

/// Collects rows, in order of their keys, and gives slices.
pub(super) struct Slicer {
    decision: Timeframe,
    resume_after: Option<Ts>,
    rows_max: usize,
    /// End of the interval that the last row lies in.
    end: Option<Ts>,
    /// Whether that interval was already processed by the run that is resumed.
    done_before: bool,
    ticks: Vec<(u32, Tick)>,
    bars: Vec<(u32, Bar)>,
    groups: Groups,
}

impl Slicer {
    /// Intervals of `decision`; those that end at or before `resume_after` are left out; no slice holds more than `rows_max`.
    pub(super) fn new(decision: Timeframe, resume_after: Option<Ts>, rows_max: usize) -> Self {
        Self {
            decision,
            resume_after,
            rows_max: rows_max.max(1),
            end: None,
            done_before: false,
            ticks: Vec::new(),
            bars: Vec::new(),
            groups: Groups::default(),
        }
    }

    /// Takes a row, and gives the slice that ends before it, if one does.
    #[inline]
    pub(super) fn push(&mut self, row: &Row, lanes: &Lanes) -> Option<FeedSlice> {
        let mut ended = None;
        if self.end.is_none_or(|end| row.key >= end) {
            ended = self.finish(lanes);
            let end = self.decision.start_of(row.key).plus_nanos(self.decision.nanos());
            self.end = Some(end);
            self.done_before = self.resume_after.is_some_and(|resume| end <= resume);
        } else if self.ticks.len() + self.bars.len() >= self.rows_max {
            ended = Some(FeedSlice { batches: self.batches(lanes), watermark: None });
        }
        if self.done_before {
            return ended;
        }
        match row.data {
            RowData::Tick(tick) => {
                self.ticks.push((row.lane, tick));
                self.groups.count(row.lane, false);
            }
            RowData::Bar(bar) => {
                // A row of bars stands in a lane of bars: both come from the same file.
                if let Some(FileFormat::Bars(timeframe)) = lanes.get(row.lane).map(|lane| lane.format) {
                    self.bars.push((row.lane, bar.bar(timeframe)));
                    self.groups.count(row.lane, true);
                }
            }
        }
        ended
    }

    /// Ends the current interval, at the end of the data: the last slice, with its watermark.
    pub(super) fn finish(&mut self, lanes: &Lanes) -> Option<FeedSlice> {
        let end = self.end.take()?;
        if self.done_before {
            return None;
        }
        Some(FeedSlice { batches: self.batches(lanes), watermark: Some(end) })
    }

    /// What has come of the current interval, where the data breaks off within it: no promise that it is all.
    pub(super) fn break_off(&mut self, lanes: &Lanes) -> Option<FeedSlice> {
        self.end = None;
        let batches = self.batches(lanes);
        (!batches.is_empty()).then_some(FeedSlice { batches, watermark: None })
    }

    /// The rows collected, a batch for each lane in order of first appearance.
    fn batches(&mut self, lanes: &Lanes) -> Vec<MarketBatch> {
        let mut ticks = self.groups.gather(&self.ticks, false).into_iter();
        let mut bars = self.groups.gather(&self.bars, true).into_iter();
        let mut batches = Vec::with_capacity(self.groups.all().len());
        for group in self.groups.all() {
            let Some(lane) = lanes.get(group.lane) else { continue };
            let data = match lane.format {
                FileFormat::Ticks => ticks.next().map(MarketData::Ticks),
                FileFormat::Bars(timeframe) => bars.next().map(|bars| MarketData::Bars(timeframe, bars)),
            };
            batches.extend(data.map(|data| MarketBatch { symbol: lane.symbol, data }));
        }
        self.ticks.clear();
        self.bars.clear();
        self.groups.clear();
        batches
    }
}
