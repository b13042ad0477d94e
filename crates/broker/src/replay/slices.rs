//! Groups rows into slices: one decision interval each, or a part of one.

use tensortrade_market::{Bar, Tick, Timeframe, Ts};

use super::columns::FileFormat;
use super::fault::Halt;
use super::groups::Groups;
use super::lanes::Lanes;
use super::row::{Row, RowData};
use crate::feed::{FeedSlice, MarketBatch, MarketData};

/// Collects rows, in order of their keys, and gives slices.
pub(super) struct Slicer {
    decision: Timeframe,
    /// Where intervals begin within the clock's: as the labels of the bars do.
    phase_ns: i64,
    resume_after: Option<Ts>,
    rows_max: usize,
    /// The last boundary.
    boundary: Ts,
    /// End of the interval that the last row lies in.
    end: Option<Ts>,
    /// Whether that interval was already processed by the run that is resumed.
    done_before: bool,
    ticks: Vec<(u32, Tick)>,
    bars: Vec<(u32, Bar)>,
    groups: Groups,
}

impl Slicer {
    /// Intervals of `decision` that begin `phase_ns` into the clock's; those that end at or before `resume_after` are left out; no slice holds more than `rows_max`.
    pub(super) fn new(decision: Timeframe, phase_ns: i64, resume_after: Option<Ts>, rows_max: usize) -> Self {
        Self {
            decision,
            phase_ns,
            boundary: Ts::MIN,
            resume_after,
            rows_max: rows_max.max(1),
            end: None,
            done_before: false,
            ticks: Vec::new(),
            bars: Vec::new(),
            groups: Groups::default(),
        }
    }

    /// Takes a row, and gives the slice that ends before it, if one does. Errors: a bar that no boundary fits.
    #[inline]
    pub(super) fn push(&mut self, row: &Row, lanes: &Lanes) -> Result<Option<FeedSlice>, Halt> {
        let mut ended = None;
        if self.end.is_none_or(|end| row.key >= end) {
            ended = self.finish(lanes);
            self.move_phase(row, lanes)?;
            let start = self.decision.start_of(row.key.plus_nanos(-self.phase_ns));
            let end = start.plus_nanos(self.phase_ns + self.decision.nanos());
            self.end = Some(end);
            self.done_before = self.resume_after.is_some_and(|resume| end <= resume);
        } else if self.ticks.len() + self.bars.len() >= self.rows_max {
            ended = Some(FeedSlice { batches: self.batches(lanes), watermark: None });
        }
        if self.done_before {
            return Ok(ended);
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
        Ok(ended)
    }

    /// Boundaries follow the labels of bars: hours from 09:30 end at half past, also after the clock was moved. Bars that
    /// end at other times beside them would be cut by these boundaries, and cannot be taken.
    #[cold]
    fn move_phase(&mut self, row: &Row, lanes: &Lanes) -> Result<(), Halt> {
        let (RowData::Bar(bar), Some(lane)) = (row.data, lanes.get(row.lane)) else { return Ok(()) };
        let FileFormat::Bars(timeframe) = lane.format else { return Ok(()) };
        let phase_ns = bar.start.nanos().rem_euclid(timeframe.nanos());
        if (phase_ns - self.phase_ns).rem_euclid(timeframe.nanos()) == 0 {
            return Ok(());
        }
        if bar.start < self.boundary && row.key == row.data.event(Some(timeframe)) {
            return Err(Halt::Input(format!(
                "the bar of {} labelled {} is {timeframe} long and lies across {}, where other bars of this replay end: bars \
                 with different offsets cannot be decided on together; mend: replay them in runs of their own",
                lane.symbol, bar.start, self.boundary
            )));
        }
        self.phase_ns = phase_ns;
        Ok(())
    }

    /// Ends the current interval, at the end of the data: the last slice, with its watermark.
    pub(super) fn finish(&mut self, lanes: &Lanes) -> Option<FeedSlice> {
        let end = self.end.take()?;
        self.boundary = end;
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
