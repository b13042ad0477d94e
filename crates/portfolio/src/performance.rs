//! High-water mark, drawdown, and the profit of a session day. Deposits and withdrawals are no profit: they move the
//! high-water mark and the day's start by their value.

use serde::{Deserialize, Serialize};
use tensortrade_market::{Money, MoneyError, Ts};

/// A session day that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPnl {
    /// The session's date, as the caller labels it (midnight UTC of the date).
    pub date: Ts,
    /// Equity at its start, with the day's deposits added.
    pub start: Money,
    /// Equity at its end.
    pub end: Money,
}

impl DayPnl {
    /// Profit and loss of the day.
    #[must_use]
    pub fn pnl(&self) -> Money {
        Money::from_micros(self.end.micros().saturating_sub(self.start.micros()))
    }
}

/// Performance since the first valuation, in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Performance {
    high_water: Option<Money>,
    last: Option<Money>,
    day: Option<(Ts, Money)>,
}

impl Performance {
    /// As an earlier run left it: highest and latest equity, and the open day with its first equity.
    #[must_use]
    pub fn resumed(high_water: Money, last: Money, day: (Ts, Money)) -> Self {
        Self { high_water: Some(high_water.max(last)), last: Some(last), day: Some(day) }
    }

    /// Takes a new equity.
    pub(crate) fn update(&mut self, equity: Money) {
        self.last = Some(equity);
        self.high_water = Some(self.high_water.map_or(equity, |high| high.max(equity)));
    }

    /// Takes money that came in from outside, valued in base currency.
    pub(crate) fn deposited(mut self, value: Money) -> Result<Self, MoneyError> {
        for amount in [&mut self.high_water, &mut self.last] {
            *amount = amount.map(|a| a.checked_add(value)).transpose()?;
        }
        if let Some((_, start)) = &mut self.day {
            *start = start.checked_add(value)?;
        }
        Ok(self)
    }

    /// Whether a valuation has been taken, so that deposits must be valued too.
    pub(crate) fn has_begun(&self) -> bool {
        self.high_water.is_some()
    }

    /// Closes the open day at `equity` and opens the next.
    pub(crate) fn roll(&mut self, date: Ts, equity: Money) -> Option<DayPnl> {
        self.update(equity);
        let closed = self.day.map(|(date, start)| DayPnl { date, start, end: equity });
        self.day = Some((date, equity));
        closed
    }

    /// The open session day, if one was opened.
    #[must_use]
    pub fn date(&self) -> Option<Ts> {
        self.day.map(|(date, _)| date)
    }

    /// Highest equity seen.
    #[must_use]
    pub fn high_water(&self) -> Option<Money> {
        self.high_water
    }

    /// High-water mark less the latest equity, zero or more.
    #[must_use]
    pub fn drawdown(&self) -> Money {
        match (self.high_water, self.last) {
            (Some(high), Some(last)) => {
                Money::from_micros(high.micros().saturating_sub(last.micros()).max(0))
            }
            _ => Money::ZERO,
        }
    }

    /// Drawdown as a fraction of the high-water mark; 0 before the first valuation or without a positive mark.
    #[must_use]
    pub fn drawdown_ratio(&self) -> f64 {
        match self.high_water {
            Some(high) if high > Money::ZERO => self.drawdown().to_f64() / high.to_f64(),
            _ => 0.0,
        }
    }

    /// Loss of the open day as a fraction of its first equity; 0 for a profit, or before a day was opened.
    #[must_use]
    pub fn day_loss_ratio(&self) -> f64 {
        match (self.day, self.day_pnl()) {
            (Some((_, start)), Some(pnl)) if start > Money::ZERO => (-pnl.to_f64() / start.to_f64()).max(0.0),
            _ => 0.0,
        }
    }

    /// Profit and loss of the open day so far; `None` before a day was opened.
    #[must_use]
    pub fn day_pnl(&self) -> Option<Money> {
        let (_, start) = self.day?;
        Some(Money::from_micros(self.last?.micros().saturating_sub(start.micros())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(units: i64) -> Money {
        Money::from_units(units).unwrap()
    }

    #[test]
    fn drawdown_is_measured_from_the_highest_equity() {
        let mut p = Performance::default();
        for equity in [100, 120, 90, 96] {
            p.update(money(equity));
        }
        assert_eq!(p.high_water(), Some(money(120)));
        assert_eq!(p.drawdown(), money(24));
        assert!((p.drawdown_ratio() - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_deposit_is_neither_profit_nor_the_end_of_a_drawdown() {
        let mut p = Performance::default();
        p.roll(Ts::ZERO, money(100));
        p.update(money(80));
        let mut p = p.deposited(money(50)).unwrap();
        p.update(money(130));
        assert_eq!(p.drawdown(), money(20));
        assert_eq!(p.day_pnl(), Some(money(-20)));
    }

    #[test]
    fn rolling_the_day_closes_it_at_the_present_equity() {
        let mut p = Performance::default();
        assert_eq!(p.roll(Ts::ZERO, money(100)), None);
        let day = p.roll(Ts::from_secs(86_400), money(103)).unwrap();
        assert_eq!((day.date, day.pnl()), (Ts::ZERO, money(3)));
        assert_eq!(p.day_pnl(), Some(Money::ZERO));
    }
}
