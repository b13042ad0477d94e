//! Approvals of the last minute: what the order-rate and duplicate rules look back on.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tensortrade_market::order::Side;
use tensortrade_market::{Qty, Symbol, Ts};

use crate::limits::ms_to_ns;

/// How far back approvals are kept, in milliseconds of market time.
pub(crate) const WINDOW_MS: u64 = 60_000;

/// An approval that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastApproval {
    /// When, market time.
    pub at: Ts,
    /// What.
    pub symbol: Symbol,
    /// Which way.
    pub side: Side,
    /// How much.
    pub qty: Qty,
}

/// Oldest first, bounded by the rate limit: what is over it is never approved, so never recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "VecDeque<PastApproval>", into = "VecDeque<PastApproval>")]
pub(crate) struct Recent {
    approvals: VecDeque<PastApproval>,
    latest: BTreeMap<(Symbol, Side, Qty), Ts>,
}

impl From<VecDeque<PastApproval>> for Recent {
    fn from(past: VecDeque<PastApproval>) -> Self {
        let mut recent = Self::default();
        past.into_iter().for_each(|approval| recent.push(approval));
        recent
    }
}
impl From<Recent> for VecDeque<PastApproval> {
    fn from(recent: Recent) -> Self {
        recent.approvals
    }
}

impl Recent {
    /// Forgets what is older than the window. When the clock went back, what lies ahead counts as of now: the limit
    /// stays strict for one window, and no longer.
    pub(crate) fn advance(&mut self, now: Ts) {
        if self.approvals.back().is_some_and(|last| last.at > now) {
            for approval in self.approvals.iter_mut().rev().take_while(|a| a.at > now) {
                approval.at = now;
            }
            self.latest.values_mut().for_each(|at| *at = (*at).min(now));
        }
        while let Some(first) = self.approvals.front().filter(|a| now.since(a.at) >= ms_to_ns(WINDOW_MS)) {
            let key = (first.symbol, first.side, first.qty);
            if self.latest.get(&key) == Some(&first.at) {
                self.latest.remove(&key);
            }
            self.approvals.pop_front();
        }
    }

    /// Approvals younger than `window_ms` at `now`. O(log n).
    pub(crate) fn count_within(&self, now: Ts, window_ms: u64) -> usize {
        let first = self.approvals.partition_point(|a| now.since(a.at) >= ms_to_ns(window_ms));
        self.approvals.len() - first
    }

    /// When the same was last approved, if within the window.
    pub(crate) fn last(&self, symbol: Symbol, side: Side, qty: Qty) -> Option<Ts> {
        self.latest.get(&(symbol, side, qty)).copied()
    }

    /// Records an approval; one that is older than the last counts as of the last, which keeps the order.
    pub(crate) fn push(&mut self, mut approval: PastApproval) {
        if let Some(last) = self.approvals.back() {
            approval.at = approval.at.max(last.at);
        }
        self.latest.insert((approval.symbol, approval.side, approval.qty), approval.at);
        self.approvals.push_back(approval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(secs: i64) -> PastApproval {
        let symbol = Symbol::intern("IBM").unwrap();
        PastApproval { at: Ts::from_secs(secs), symbol, side: Side::Buy, qty: Qty::from_raw(secs) }
    }

    #[test]
    fn approvals_leave_the_window_one_by_one() {
        let mut recent = Recent::from(VecDeque::from([approval(0), approval(30), approval(59)]));
        recent.advance(Ts::from_secs(59));
        assert_eq!(recent.count_within(Ts::from_secs(59), 1_000), 1);
        assert_eq!(recent.count_within(Ts::from_secs(59), 60_000), 3);
        recent.advance(Ts::from_secs(61));
        assert_eq!((recent.approvals.len(), recent.latest.len()), (2, 2));
    }

    #[test]
    fn a_clock_that_jumps_ahead_and_back_blocks_for_one_window_at_most() {
        let mut recent = Recent::from(VecDeque::from([approval(10), approval(86_400)]));
        recent.advance(Ts::from_secs(20));
        assert_eq!(recent.count_within(Ts::from_secs(20), 1_000), 1);
        recent.advance(Ts::from_secs(80));
        assert_eq!(recent.count_within(Ts::from_secs(80), 60_000), 0);
    }
}
