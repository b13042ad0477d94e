//! Slippage: how much worse than the seen price an order that takes liquidity is filled.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::Side;
use tensortrade_market::{Price, fixed::Rounding};

/// How far a price moves against the one who takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slippage {
    /// Not at all.
    #[default]
    None,
    /// Some ticks of the instrument.
    Ticks(u32),
    /// Parts per million of the price (100 are one basis point), then outward to the tick grid.
    Ppm(u32),
}

impl Slippage {
    /// `price` moved against `side`: up for a buyer, down for a seller. A price that would overflow stays as it is.
    #[must_use]
    pub fn worsen(self, price: Price, side: Side, tick: Price) -> Price {
        let distance = match self {
            Self::None => return price,
            Self::Ticks(ticks) => i128::from(tick.raw()) * i128::from(ticks),
            Self::Ppm(ppm) => (i128::from(price.raw()).abs() * i128::from(ppm) + 999_999) / 1_000_000,
        };
        let moved = shift(price, side, distance);
        match self {
            Self::Ppm(_) => outward(moved, side, tick),
            Self::None | Self::Ticks(_) => moved,
        }
    }

    /// As [`Self::worsen`], but by at least half of `spread`: what crossing the spread costs where only bars are known.
    #[must_use]
    pub fn worsen_by_spread(self, price: Price, side: Side, tick: Price, spread: Option<Price>) -> Price {
        let own = self.worsen(price, side, tick);
        let Some(spread) = spread.filter(|s| *s > Price::ZERO) else { return own };
        let half = outward(shift(price, side, i128::from(spread.raw()) / 2), side, tick);
        match side {
            Side::Buy => own.max(half),
            Side::Sell => own.min(half),
        }
    }
}

fn shift(price: Price, side: Side, distance: i128) -> Price {
    let raw = i128::from(price.raw()) + i128::from(side.sign()) * distance;
    i64::try_from(raw).ok().and_then(Price::from_raw).unwrap_or(price)
}

fn outward(price: Price, side: Side, tick: Price) -> Price {
    price.round_to(
        tick,
        match side {
            Side::Buy => Rounding::Up,
            Side::Sell => Rounding::Down,
        },
    )
}

/// Slippage by what the price was seen in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlippageBySource {
    /// Taking a quote: the price is known, so none by default.
    pub quotes: Slippage,
    /// Taking where only trade prints are known: an estimate of half the spread. Default 100 ppm (1 basis point).
    pub trades: Slippage,
    /// Taking at a bar's open or at a stop inside a bar; half of the bar's spread where that is known and larger.
    /// Default 100 ppm (1 basis point).
    pub bars: Slippage,
}

impl Default for SlippageBySource {
    fn default() -> Self {
        Self { quotes: Slippage::None, trades: Slippage::Ppm(100), bars: Slippage::Ppm(100) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn slippage_always_moves_the_price_against_the_order() {
        let tick = price("0.01");
        assert_eq!(Slippage::Ticks(2).worsen(price("10"), Side::Buy, tick), price("10.02"));
        assert_eq!(Slippage::Ticks(2).worsen(price("10"), Side::Sell, tick), price("9.98"));
        assert_eq!(Slippage::Ppm(100).worsen(price("150.33"), Side::Buy, tick), price("150.35"));
        assert_eq!(Slippage::Ppm(100).worsen(price("150.33"), Side::Sell, tick), price("150.31"));
        assert_eq!(Slippage::None.worsen(price("10.005"), Side::Buy, tick), price("10.005"));
        // Negative prices exist (futures): a buyer still pays more.
        assert_eq!(Slippage::Ppm(100).worsen(price("-37.63"), Side::Buy, tick), price("-37.62"));
    }

    #[test]
    fn half_of_a_wide_spread_is_the_least_that_crossing_it_costs() {
        let tick = price("0.01");
        let slip = |spread| Slippage::Ppm(100).worsen_by_spread(price("100"), Side::Buy, tick, spread);
        assert_eq!(slip(Some(price("0.10"))), price("100.05"));
        assert_eq!(slip(Some(price("0.01"))), price("100.01"));
        assert_eq!(slip(None), price("100.01"));
    }
}
