//! Tells a file merged by time from a file written symbol after symbol.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use tensortrade_market::{Symbol, Ts};

use super::file_rows::is_far_ahead;

/// In which order the rows of a file stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// By time, all symbols together (some rows may be late).
    TimeOrdered,
    /// Symbol after symbol: time jumps back where one symbol's block ends and the next begins.
    SymbolBlocks,
    /// The newest row first, of each symbol: read from its end to its beginning.
    NewestFirst,
    /// Bars of one symbol that go back in time: in the order of their labels, whatever the order of rows.
    Disordered,
}

impl RowOrder {
    /// Whether rows are put in order of their own times, so that none is late.
    pub(super) fn by_own_time(self) -> bool {
        matches!(self, Self::NewestFirst | Self::Disordered)
    }
}

/// A single jump shows blocks when it goes back by more than this share of the time covered so far: out-of-sequence prints
/// of a merged stream go back by much less.
const SPAN_SHARE: i64 = 8;
/// Shorter jumps show blocks when more than this share of the changes of symbol are jumps (a file of days, each written
/// symbol after symbol) ...
const CHANGES_SHARE: u64 = 4;
/// ... and symbols change so rarely: a merged stream whose rows are shuffled a little has jumps, but short runs.
const RUN_ROWS_MIN: u64 = 8;

/// Ticks that must go back in time, and how many times as many as go on, before a file is held for one with the newest first.
const BACK_TICKS_MIN: u64 = 8;
const BACK_TICKS_TIMES: u64 = 4;

/// Looks at symbols and times in file order until the order shows.
///
/// The mark of a block file is a change of symbol at which time jumps back and is not ahead again at the next row; the mark of
/// a merged file is a symbol that returns without such a jump. A wrong guess costs only time: block files are merged with
/// each symbol's own order kept, so late rows of a symbol stay late either way.
#[derive(Debug, Default)]
pub(super) struct OrderDetector {
    /// Each symbol with the time of its last row.
    seen: BTreeMap<Symbol, Ts>,
    /// The same, in order of first appearance.
    symbols: Vec<Symbol>,
    /// Rows after, and before, the one before them of the same symbol.
    steps: (u64, u64),
    last: Option<Symbol>,
    /// Smallest and largest time.
    span: Option<(Ts, Ts)>,
    /// Whether a stamp far ahead needs the next row to confirm it: so for ticks, as when their rows are read.
    doubts: bool,
    /// The largest time believed, and one that the next row must confirm. A corrupt stamp is none to jump back from.
    latest: Option<Ts>,
    far: Option<Ts>,
    /// A jump back that the next row must confirm: how far, and the time it came from.
    jump: Option<(i64, Ts)>,
    farthest: i64,
    rows: u64,
    changes: u64,
    jumps: u64,
    returned: bool,
}

impl OrderDetector {
    /// For a table of ticks, or of bars.
    pub(super) fn new(ticks: bool) -> Self {
        Self { doubts: ticks, ..Self::default() }
    }

    /// Takes a row.
    pub(super) fn push(&mut self, symbol: Symbol, ts: Ts) {
        if let Some((back, from)) = self.jump.take()
            && (ts < from || (ts == from && self.last == Some(symbol)))
        {
            self.count_jump(back);
        }
        self.rows += 1;
        if let Some(far) = self.far.take()
            && !is_far_ahead(far, ts)
        {
            self.latest = self.latest.max(Some(far));
        }
        let from = self.latest.unwrap_or(Ts::MIN);
        if self.doubts && is_far_ahead(ts, from) {
            self.far = Some(ts);
        } else {
            self.latest = self.latest.max(Some(ts));
        }
        let before = self.seen.insert(symbol, ts);
        match before.map(|before| ts.cmp(&before)) {
            Some(Ordering::Greater) => self.steps.0 += 1,
            Some(Ordering::Less) => self.steps.1 += 1,
            Some(Ordering::Equal) | None => {}
        }
        if self.last != Some(symbol) {
            if before.is_none() {
                self.symbols.push(symbol);
            } else {
                self.returned = true;
            }
            self.changes += u64::from(self.last.is_some());
            if self.last.is_some() && ts < from {
                self.jump = Some((from.since(ts), from));
            }
            self.last = Some(symbol);
        }
        let (earliest, latest) = self.span.unwrap_or((ts, ts));
        self.span = Some((earliest.min(ts), latest.max(ts)));
    }

    fn count_jump(&mut self, back: i64) {
        self.farthest = self.farthest.max(back);
        self.jumps += 1;
    }

    /// An order by which the rows of a symbol do not go on in time, if they show one. Ticks that are late here and there are no
    /// order, real feeds have them: nearly all must go back. A bar that goes back would always be late, so one is enough.
    pub(super) fn disorder(&self) -> Option<RowOrder> {
        let (on, back) = self.steps;
        if self.doubts {
            let newest_first = back >= BACK_TICKS_MIN && back > BACK_TICKS_TIMES * on;
            return newest_first.then_some(RowOrder::NewestFirst);
        }
        match back {
            0 => None,
            _ if back > on => Some(RowOrder::NewestFirst),
            _ => Some(RowOrder::Disordered),
        }
    }

    /// The earliest time met.
    pub(super) fn earliest(&self) -> Option<Ts> {
        self.span.map(|(earliest, _)| earliest)
    }

    /// The order, once it shows; it cannot show while there is only one symbol.
    pub(super) fn verdict(&self) -> Option<RowOrder> {
        let (earliest, latest) = self.span?;
        let far = self.farthest > latest.since(earliest) / SPAN_SHARE;
        let often = self.jumps > self.changes / CHANGES_SHARE && self.rows / RUN_ROWS_MIN > self.changes;
        if far || often {
            Some(RowOrder::SymbolBlocks)
        } else if self.returned && self.jump.is_none() {
            Some(RowOrder::TimeOrdered)
        } else {
            None
        }
    }

    /// The order at the end of the file: one symbol, or blocks that follow each other in time, are in order as they are.
    pub(super) fn final_verdict(&mut self) -> RowOrder {
        // A last block of one row has no further row to confirm it.
        if let Some((back, _)) = self.jump.take() {
            self.count_jump(back);
        }
        self.verdict().unwrap_or(RowOrder::TimeOrdered)
    }

    /// Symbols met so far, in order of first appearance.
    pub(super) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector(rows: &[(&str, i64)]) -> OrderDetector {
        let mut detector = OrderDetector::new(true);
        for (symbol, secs) in rows {
            detector.push(Symbol::intern(symbol).unwrap(), Ts::from_secs(*secs));
        }
        detector
    }

    #[test]
    fn one_symbol_does_not_show_the_order() {
        let mut detector = detector(&[("A", 1), ("A", 3), ("A", 2)]);
        assert_eq!(detector.verdict(), None);
        assert_eq!(detector.final_verdict(), RowOrder::TimeOrdered);
    }

    #[test]
    fn rows_that_go_back_in_time_are_newest_first_also_in_blocks() {
        let back = |symbol| (0..9).rev().map(move |secs| (symbol, secs));
        let one: Vec<_> = back("A").collect();
        assert_eq!(detector(&one).disorder(), Some(RowOrder::NewestFirst));
        let blocks: Vec<_> = back("A").chain(back("B")).collect();
        assert_eq!(detector(&blocks).disorder(), Some(RowOrder::NewestFirst));
        assert_eq!(detector(&[("A", 1), ("A", 3), ("A", 2), ("A", 4)]).disorder(), None, "a late tick");
    }

    #[test]
    fn one_bar_that_goes_back_shows_a_disorder_and_blocks_do_not() {
        let bars = |rows: &[(&str, i64)]| {
            let mut detector = OrderDetector::new(false);
            for (symbol, secs) in rows {
                detector.push(Symbol::intern(symbol).unwrap(), Ts::from_secs(*secs));
            }
            detector.disorder()
        };
        assert_eq!(bars(&[("A", 1), ("A", 3), ("A", 2), ("A", 4)]), Some(RowOrder::Disordered));
        assert_eq!(bars(&[("A", 1), ("A", 2), ("B", 1), ("B", 2)]), None);
    }

    #[test]
    fn two_symbols_in_turn_are_in_time_order() {
        assert_eq!(detector(&[("A", 1), ("B", 1), ("A", 2)]).verdict(), Some(RowOrder::TimeOrdered));
    }

    #[test]
    fn time_that_jumps_back_at_a_new_symbol_and_stays_back_shows_blocks() {
        let rows = [("A", 1), ("A", 2), ("A", 3), ("B", 1), ("B", 2)];
        assert_eq!(detector(&rows).verdict(), Some(RowOrder::SymbolBlocks));
    }

    #[test]
    fn blocks_that_come_again_day_after_day_are_blocks() {
        let mut detector = OrderDetector::new(true);
        for day in 0..30 {
            for symbol in ["A", "B", "C"] {
                for minute in 0..20 {
                    let ts = Ts::from_secs(day * 86_400 + minute * 60);
                    detector.push(Symbol::intern(symbol).unwrap(), ts);
                }
            }
        }
        assert_eq!(detector.verdict(), Some(RowOrder::SymbolBlocks));
    }

    #[test]
    fn a_merged_stream_whose_rows_are_shuffled_a_little_is_in_time_order() {
        let mut detector = OrderDetector::new(true);
        for row in 0..1000i64 {
            let symbol = ["A", "B", "C"][row as usize % 3];
            detector.push(Symbol::intern(symbol).unwrap(), Ts::from_secs(row - (row * 7919) % 5));
        }
        assert_eq!(detector.verdict(), Some(RowOrder::TimeOrdered));
    }

    #[test]
    fn corrupt_stamps_far_ahead_do_not_show_blocks() {
        let rows = [
            ("A", 9_000_000),
            ("A", 10),
            ("B", 8_000_000),
            ("A", 70),
            ("B", 71),
            ("A", 9_000_000),
            ("B", 72),
        ];
        assert_eq!(detector(&rows).verdict(), Some(RowOrder::TimeOrdered));
    }

    #[test]
    fn a_late_print_in_a_merged_stream_does_not_show_blocks() {
        let rows = [("A", 100), ("B", 100), ("A", 101), ("B", 60), ("A", 102), ("B", 102)];
        assert_eq!(detector(&rows).verdict(), Some(RowOrder::TimeOrdered));
    }
}
