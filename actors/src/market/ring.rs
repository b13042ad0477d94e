//! The recent input of one symbol, kept to rebuild its actor after a crash.

use std::collections::VecDeque;

use tensortrade_broker::MarketData;
use tensortrade_market::Ts;

use crate::step::StepTag;

/// One thing a symbol actor was sent, with its place in the symbol's sequence.
#[derive(Debug, Clone)]
pub struct Input {
    /// Place in the sequence of everything this symbol was sent, from 0, without holes.
    pub seq: u64,
    /// What.
    pub kind: InputKind,
}

/// Data, or the end of a decision interval.
#[derive(Debug, Clone)]
pub enum InputKind {
    /// Ticks, bars or a gap, in arrival order.
    Data(MarketData),
    /// All data before the step's boundary has been sent.
    Watermark(StepTag),
}

/// A bounded window on the sequence. Memory: the batches are shared with the messages in flight.
#[derive(Debug)]
pub struct Ring {
    inputs: VecDeque<Input>,
    next_seq: u64,
    rows: usize,
    rows_max: usize,
}

/// Watermarks kept at most, when no snapshot lets them go: a day of one-minute steps.
const INPUTS_MAX: usize = 4_096;

impl Ring {
    /// An empty ring that holds at most `rows_max` ticks or bars.
    #[must_use]
    pub fn new(rows_max: usize) -> Self {
        Self { inputs: VecDeque::new(), next_seq: 0, rows: 0, rows_max }
    }

    /// Numbers an input and keeps it; the oldest ones make room.
    pub fn push(&mut self, kind: InputKind) -> Input {
        let input = Input { seq: self.next_seq, kind };
        self.next_seq += 1;
        self.rows += rows(&input);
        self.inputs.push_back(input.clone());
        while self.inputs.len() > INPUTS_MAX || (self.rows > self.rows_max && self.inputs.len() > 1) {
            self.pop();
        }
        input
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.inputs.pop_front() {
            self.rows -= rows(&oldest);
        }
    }

    /// Lets go of what a snapshot covers: everything before `seq`.
    pub fn release_before(&mut self, seq: u64) {
        while self.inputs.front().is_some_and(|i| i.seq < seq) {
            self.pop();
        }
        if self.inputs.is_empty() && self.inputs.capacity() > 64 {
            self.inputs.shrink_to(16);
        }
    }

    /// Everything from `seq` on, oldest first; `None` when the ring has been outrun and some of it is gone.
    #[must_use]
    pub fn since(&self, seq: u64) -> Option<Vec<Input>> {
        let first = self.inputs.front().map_or(self.next_seq, |i| i.seq);
        (seq >= first).then(|| self.inputs.iter().filter(|i| i.seq >= seq).cloned().collect())
    }

    /// What is of use after the ring was outrun: the boundary of the oldest step that is kept, and everything from that
    /// boundary on. Rows before it are part of an interval whose beginning is gone. `None` while no boundary is kept.
    #[must_use]
    pub fn from_first_watermark(&self) -> Option<(Ts, Vec<Input>)> {
        let (at, upto) = self.inputs.iter().enumerate().find_map(|(at, input)| match &input.kind {
            InputKind::Watermark(tag) => Some((at, tag.ts)),
            InputKind::Data(_) => None,
        })?;
        Some((upto, self.inputs.iter().skip(at).cloned().collect()))
    }

    /// The sequence number of the next input.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }
}

fn rows(input: &Input) -> usize {
    match &input.kind {
        InputKind::Data(MarketData::Ticks(ticks)) => ticks.len(),
        InputKind::Data(MarketData::Bars(_, bars)) => bars.len(),
        InputKind::Data(MarketData::Gap(_)) | InputKind::Watermark(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::{Price, Qty, Tick};

    fn ticks(n: usize) -> InputKind {
        let tick = Tick::trade(Ts::ZERO, Price::ZERO, Qty::ZERO);
        InputKind::Data(MarketData::Ticks(vec![tick; n].into()))
    }

    #[test]
    fn what_the_ring_still_has_comes_back_in_order_and_what_it_lost_is_said() {
        let mut ring = Ring::new(100);
        for _ in 0..10 {
            ring.push(ticks(10));
        }
        assert_eq!(ring.since(0).unwrap().len(), 10);
        ring.push(ticks(10));
        assert!(ring.since(0).is_none(), "seq 0 made room and is gone");
        let seqs: Vec<u64> = ring.since(1).unwrap().iter().map(|i| i.seq).collect();
        assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
        assert_eq!(ring.since(11).unwrap().len(), 0);
    }

    #[test]
    fn a_snapshot_lets_go_of_what_it_covers() {
        let mut ring = Ring::new(1000);
        for _ in 0..5 {
            ring.push(ticks(1));
        }
        ring.release_before(3);
        assert!(ring.since(2).is_none());
        assert_eq!(ring.since(3).unwrap().len(), 2);
    }

    #[test]
    fn the_ring_is_bounded_in_rows_and_in_entries() {
        let mut ring = Ring::new(50);
        for _ in 0..10_000 {
            ring.push(ticks(0));
            ring.push(ticks(7));
        }
        assert!(ring.rows <= 50 && ring.inputs.len() <= INPUTS_MAX);
    }
}
