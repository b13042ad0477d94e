//! The last bid and ask, and what a quote makes of them.

use serde::{Deserialize, Serialize};

use super::counts::TickCounts;
use crate::fixed::Price;

/// The two sides as last seen. Feeds send changes, often one side a message, so a message is read against these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sides {
    bid: Option<Price>,
    ask: Option<Price>,
}

impl Sides {
    /// Neither side seen.
    pub(super) const NONE: Self = Self { bid: None, ask: None };

    /// Merges a quote, counts its treatment, and returns bid and ask when both stand uncrossed. A side with a price at or
    /// below `floor` (raw) becomes empty: that is how feeds say "no bid".
    #[inline]
    pub(super) fn merge(
        &mut self,
        bid: Option<Price>,
        ask: Option<Price>,
        floor: i64,
        counts: &mut TickCounts,
    ) -> Option<(Price, Price)> {
        counts.one_sided += u64::from(bid.is_none() | ask.is_none());
        if bid.is_some() {
            self.bid = bid;
            if bid.is_some_and(|p| p.raw() <= floor) {
                counts.zero_or_negative_price += 1;
                self.bid = None;
            }
        }
        if ask.is_some() {
            self.ask = ask;
            if ask.is_some_and(|p| p.raw() <= floor) {
                counts.zero_or_negative_price += 1;
                self.ask = None;
            }
        }
        let (bid, ask) = (self.bid?, self.ask?);
        if bid > ask {
            counts.crossed += 1;
            return None;
        }
        counts.locked += u64::from(bid == ask);
        Some((bid, ask))
    }
}
