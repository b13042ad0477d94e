//! Merges sources of rows by key.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tensortrade_market::Ts;

use super::fault::Halt;
use super::file_rows::{Rows, Shared};
use super::row::Row;

/// Several sources, each in order of its keys, as one. Equal keys come in the order of the sources; each source keeps its
/// own order. O(log k) a row where sources alternate, O(1) while one source is ahead of the others.
pub(super) struct Merge<S> {
    sources: Vec<S>,
    /// The next row of each source but the current.
    heads: Vec<Option<Row>>,
    waiting: BinaryHeap<Reverse<(Ts, usize)>>,
    /// The source that gave the last row: it may well give the next.
    current: Option<usize>,
    started: bool,
}

impl<S: Rows> Merge<S> {
    pub(super) fn new(sources: Vec<S>) -> Self {
        let heads = sources.iter().map(|_| None).collect();
        Self { sources, heads, waiting: BinaryHeap::new(), current: None, started: false }
    }

    /// The sources.
    pub(super) fn sources(&self) -> &[S] {
        &self.sources
    }

    /// Reads the first row of every source.
    fn start(&mut self, shared: &mut Shared) -> Result<(), Halt> {
        self.started = true;
        for (at, (source, head)) in self.sources.iter_mut().zip(&mut self.heads).enumerate() {
            if let Some(row) = source.next(shared)? {
                *head = Some(row);
                self.waiting.push(Reverse((row.key, at)));
            }
        }
        Ok(())
    }
}

impl<S: Rows> Rows for Merge<S> {
    #[inline]
    fn next(&mut self, shared: &mut Shared) -> Result<Option<Row>, Halt> {
        if !self.started {
            self.start(shared)?;
        }
        if let Some(at) = self.current
            && let Some(source) = self.sources.get_mut(at)
        {
            match source.next(shared)? {
                None => self.current = None,
                Some(row) => match self.waiting.peek() {
                    Some(Reverse(best)) if *best < (row.key, at) => {
                        if let Some(head) = self.heads.get_mut(at) {
                            *head = Some(row);
                        }
                        self.waiting.push(Reverse((row.key, at)));
                    }
                    _ => return Ok(Some(row)),
                },
            }
        }
        let Some(Reverse((_, at))) = self.waiting.pop() else { return Ok(None) };
        self.current = Some(at);
        Ok(self.heads.get_mut(at).and_then(Option::take))
    }
}
