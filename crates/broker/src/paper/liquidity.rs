//! Liquidity: how much of what is displayed or printed our orders may take.

use serde::{Deserialize, Serialize};
use tensortrade_market::Qty;

/// How large a share of the market's size our orders may have.
///
/// A displayed size is taken whole at most once per quote update, whoever of our orders comes first; the next update
/// of that side restores it. A size of zero means "the source does not say" and limits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Liquidity {
    /// Largest share of a trade print, percent, all our orders together. Default 50.
    pub print_percent: u32,
    /// Largest share of a bar's volume, percent, all our orders together. Default 10.
    pub bar_percent: u32,
    /// Whether displayed sizes limit fills. Default true.
    pub displayed_limits: bool,
}

impl Default for Liquidity {
    fn default() -> Self {
        Self { print_percent: 50, bar_percent: 10, displayed_limits: true }
    }
}

/// What is left to take of one quote update, one print or one bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pool(Option<Qty>);

impl Pool {
    /// Without a limit.
    pub(super) const UNLIMITED: Self = Self(None);

    /// A displayed size.
    pub(super) fn displayed(size: Qty, liquidity: &Liquidity) -> Self {
        Self((liquidity.displayed_limits && size > Qty::ZERO).then_some(size))
    }

    /// `percent` of a size.
    pub(super) fn share(size: Qty, percent: u32) -> Self {
        if size <= Qty::ZERO {
            return Self::UNLIMITED;
        }
        let share = i128::from(size.raw()) * i128::from(percent) / 100;
        Self(Some(Qty::from_raw(i64::try_from(share).unwrap_or(i64::MAX))))
    }

    /// At most `cap` of it.
    pub(super) fn capped(self, cap: Qty) -> Self {
        Self(Some(self.0.map_or(cap, |left| left.min(cap))))
    }

    /// How much an order that wants `wanted` in lots of `lot` could have.
    pub(super) fn available(self, wanted: Qty, lot: Qty) -> Qty {
        match self.0 {
            Some(left) if left < wanted => left.truncate_to(lot).max(Qty::ZERO),
            _ => wanted,
        }
    }

    /// Takes `qty` out.
    pub(super) fn take(&mut self, qty: Qty) {
        if let Some(left) = &mut self.0 {
            *left = Qty::from_raw(left.raw().saturating_sub(qty.raw()).max(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qty(text: &str) -> Qty {
        text.parse().unwrap()
    }

    #[test]
    fn a_pool_is_shared_and_cut_to_whole_lots() {
        let mut pool = Pool::share(qty("25"), 50);
        assert_eq!(pool.available(qty("100"), qty("1")), qty("12"));
        pool.take(qty("10"));
        assert_eq!(pool.available(qty("100"), qty("1")), qty("2"));
        pool.take(qty("2"));
        assert_eq!(pool.available(qty("1"), qty("1")), Qty::ZERO);
    }

    #[test]
    fn an_unknown_size_limits_nothing() {
        assert_eq!(Pool::share(Qty::ZERO, 50).available(qty("7"), qty("1")), qty("7"));
        let liquidity = Liquidity::default();
        assert_eq!(Pool::displayed(Qty::ZERO, &liquidity).available(qty("7"), qty("1")), qty("7"));
    }
}
