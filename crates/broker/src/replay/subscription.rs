//! Which symbols are delivered, and from when.

use std::collections::BTreeSet;

use tensortrade_market::Symbol;

use crate::feed::FeedSlice;

/// Decides about each slice in the order in which they are delivered, not in the order in which they are read ahead: what is
/// added takes effect at the same boundary in every run.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Either only these, or all but these.
    only: bool,
    named: BTreeSet<Symbol>,
    /// Added, and delivered from the next boundary on.
    joining: BTreeSet<Symbol>,
    /// Whether a slice without a watermark came last.
    within_interval: bool,
    /// Whether the current interval delivered anything: if not, its watermark says nothing either.
    delivered: bool,
    /// Rows left out.
    pub(super) skipped: u64,
}

impl Subscription {
    /// Only these symbols, or all.
    pub(super) fn new(symbols: Option<BTreeSet<Symbol>>) -> Self {
        Self {
            only: symbols.is_some(),
            named: symbols.unwrap_or_default(),
            joining: BTreeSet::new(),
            within_interval: false,
            delivered: false,
            skipped: 0,
        }
    }

    /// Whether the symbol is delivered now.
    fn delivers(&self, symbol: Symbol) -> bool {
        self.named.contains(&symbol) == self.only
    }

    /// Delivers the symbol from the next boundary on: at once, if the stream stands at one.
    pub(super) fn add(&mut self, symbol: Symbol) {
        if self.delivers(symbol) {
            return;
        }
        self.joining.insert(symbol);
        if !self.within_interval {
            self.join();
        }
    }

    /// Delivers the symbol no longer.
    pub(super) fn remove(&mut self, symbol: Symbol) {
        self.joining.remove(&symbol);
        if self.only {
            self.named.remove(&symbol);
        } else {
            self.named.insert(symbol);
        }
    }

    fn join(&mut self) {
        for symbol in std::mem::take(&mut self.joining) {
            if self.only {
                self.named.insert(symbol);
            } else {
                self.named.remove(&symbol);
            }
        }
    }

    /// What of a slice is delivered; `None` if nothing is.
    pub(super) fn select(&mut self, mut slice: FeedSlice) -> Option<FeedSlice> {
        if self.only || !self.named.is_empty() {
            slice.batches.retain(|batch| {
                let delivers = self.named.contains(&batch.symbol) == self.only;
                if !delivers {
                    self.skipped += batch.len() as u64;
                }
                delivers
            });
        }
        self.delivered |= !slice.batches.is_empty();
        let wanted = if slice.watermark.is_some() { self.delivered } else { !slice.batches.is_empty() };
        self.within_interval = slice.watermark.is_none();
        if !self.within_interval {
            self.delivered = false;
            self.join();
        }
        wanted.then_some(slice)
    }
}
