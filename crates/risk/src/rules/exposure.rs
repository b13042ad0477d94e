//! Limits on what everything open can become, for orders that are not reducing. With equity `e`:
//!
//! - `e > 0` and `e >= equity_min`;
//! - symbol: the end of the interval that the order moves is at most `min(symbol_notional_max, symbol_weight_max * e)`;
//! - sector and gross: at most `sector_gross_max * e` and `gross_exposure_max * e`, unless the order adds nothing to them;
//! - net: the end that the order moves is at most `net_exposure_max * e` in its direction.
//!
//! Only what the order makes worse is asked: a book that a price move carried over a limit can still be brought back.

use tensortrade_market::Money;
use tensortrade_market::order::Side;
use tensortrade_portfolio::ValuationError;

use crate::exposure::{SymbolExposure, WorstCase};
use crate::limits::{Limits, times_equity};
use crate::refusal::{Refusal, RefusalCode};

/// What the order changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) side: Side,
    /// The symbol's interval without and with the order.
    pub(crate) before: SymbolExposure,
    pub(crate) after: SymbolExposure,
    /// The account without the order.
    pub(crate) totals: WorstCase,
    /// The order's sector and its gross exposure without the order.
    pub(crate) sector: Option<(&'a str, i128)>,
    pub(crate) equity: Money,
}

pub(crate) fn check(change: &Change<'_>, limits: &Limits) -> Result<(), Refusal> {
    let equity = change.equity;
    if equity <= Money::ZERO || equity < limits.equity_min {
        let detail = format!("equity is {equity}, equity_min is {}", limits.equity_min);
        return Err(Refusal::new(RefusalCode::InsufficientEquity, detail));
    }
    symbol(change, limits)?;
    let added = micros(change.after.worst()) - micros(change.before.worst());
    if added > 0 {
        if let (Some((name, before)), Some(multiple)) = (change.sector, limits.sector_gross_max) {
            let what = format!("worst-case gross exposure of sector {name}");
            let max = times_equity(equity, multiple);
            at_most(RefusalCode::SectorExposure, &what, before + added, max, "sector_gross_max", multiple)?;
        }
        let multiple = limits.gross_exposure_max;
        let (value, max) = (change.totals.gross_micros + added, times_equity(equity, multiple));
        at_most(
            RefusalCode::GrossExposure,
            "worst-case gross exposure",
            value,
            max,
            "gross_exposure_max",
            multiple,
        )?;
    }
    let net = match change.side {
        Side::Buy => change.totals.net_high_micros + micros(change.after.high) - micros(change.before.high),
        Side::Sell => -(change.totals.net_low_micros + micros(change.after.low) - micros(change.before.low)),
    };
    let multiple = limits.net_exposure_max;
    let max = times_equity(equity, multiple);
    at_most(RefusalCode::NetExposure, "worst-case net exposure", net, max, "net_exposure_max", multiple)
}

/// The account has no equity to measure by.
pub(crate) fn no_equity(reason: &ValuationError) -> Refusal {
    let code = match reason {
        ValuationError::NoRate { .. } => RefusalCode::NoFxRate,
        ValuationError::Overflow => RefusalCode::OutOfRange,
    };
    Refusal::new(code, reason.to_string())
}

fn symbol(change: &Change<'_>, limits: &Limits) -> Result<(), Refusal> {
    let end = match change.side {
        Side::Buy => micros(change.after.high),
        Side::Sell => -micros(change.after.low),
    };
    let weight = limits.symbol_weight_max;
    let (by_weight, by_amount) = (times_equity(change.equity, weight), micros(limits.symbol_notional_max));
    let what = "worst-case exposure in the symbol";
    if by_weight < by_amount {
        at_most(RefusalCode::SymbolNotional, what, end, by_weight, "symbol_weight_max", weight)
    } else {
        at_most(
            RefusalCode::SymbolNotional,
            what,
            end,
            by_amount,
            "symbol_notional_max",
            limits.symbol_notional_max,
        )
    }
}

fn micros(money: Money) -> i128 {
    money.micros().into()
}

fn at_most(
    code: RefusalCode,
    what: &str,
    value: i128,
    max: i128,
    key: &str,
    setting: impl std::fmt::Display,
) -> Result<(), Refusal> {
    if value <= max {
        return Ok(());
    }
    let (value, max) = (units(value), units(max));
    Err(Refusal::new(code, format!("{what} would be {value}, the limit is {max} ({key} = {setting})")))
}

/// Micro-units as money for a message; saturates.
fn units(micros: i128) -> Money {
    let edge = if micros < 0 { i64::MIN } else { i64::MAX };
    Money::from_micros(i64::try_from(micros).unwrap_or(edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(units: i64) -> Money {
        Money::from_units(units).unwrap()
    }

    /// A book with gross 900, net between -500 and 700, and equity 1000; the order moves a symbol that holds 100.
    fn change(side: Side, low: i64, high: i64) -> Change<'static> {
        let unit = i128::from(Money::ONE);
        let totals =
            WorstCase { gross_micros: 900 * unit, net_high_micros: 700 * unit, net_low_micros: -500 * unit };
        Change {
            side,
            before: SymbolExposure { high: money(100), low: money(100) },
            after: SymbolExposure { high: money(high), low: money(low) },
            totals,
            sector: Some(("Energy", 300 * unit)),
            equity: money(1_000),
        }
    }

    fn limits() -> Limits {
        Limits {
            symbol_notional_max: money(600),
            symbol_weight_max: 0.5,
            sector_gross_max: Some(0.6),
            gross_exposure_max: 1.2,
            net_exposure_max: 0.9,
            ..Limits::default()
        }
    }

    fn code(change: &Change<'_>, limits: &Limits) -> Option<RefusalCode> {
        check(change, limits).err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_buy_is_held_to_symbol_sector_gross_and_net_in_turn() {
        let buy = |high| change(Side::Buy, 100, high);
        assert_eq!(code(&buy(300), &limits()), None);
        assert_eq!(code(&buy(301), &limits()), Some(RefusalCode::NetExposure));
        let net_free = Limits { net_exposure_max: 5.0, ..limits() };
        assert_eq!(code(&buy(400), &net_free), None);
        assert_eq!(code(&buy(401), &net_free), Some(RefusalCode::SectorExposure));
        let sector_free = Limits { sector_gross_max: None, ..net_free };
        assert_eq!(code(&buy(401), &sector_free), Some(RefusalCode::GrossExposure));
        let gross_free = Limits { gross_exposure_max: 5.0, ..sector_free };
        assert_eq!(code(&buy(500), &gross_free), None);
        assert_eq!(code(&buy(501), &gross_free), Some(RefusalCode::SymbolNotional));
        let heavy = Limits { symbol_weight_max: 0.9, ..gross_free };
        assert_eq!(code(&buy(600), &heavy), None);
        assert_eq!(code(&buy(601), &heavy), Some(RefusalCode::SymbolNotional));
    }

    #[test]
    fn a_sell_is_held_to_the_short_end() {
        assert_eq!(code(&change(Side::Sell, -300, 100), &limits()), None);
        assert_eq!(code(&change(Side::Sell, -301, 100), &limits()), Some(RefusalCode::NetExposure));
    }

    #[test]
    fn a_book_over_its_limits_may_be_brought_back() {
        let mut over = change(Side::Sell, 0, 100);
        over.totals.gross_micros *= 5;
        over.totals.net_high_micros *= 5;
        assert_eq!(code(&over, &limits()), None);
    }

    #[test]
    fn exposure_does_not_grow_without_equity() {
        let mut poor = change(Side::Buy, 100, 101);
        poor.equity = Money::ZERO;
        assert_eq!(code(&poor, &limits()), Some(RefusalCode::InsufficientEquity));
        poor.equity = money(1_000);
        let demanding = Limits { equity_min: money(1_001), ..limits() };
        assert_eq!(code(&poor, &demanding), Some(RefusalCode::InsufficientEquity));
    }

    #[test]
    fn a_refusal_names_value_limit_and_key() {
        let refusal = check(&change(Side::Buy, 100, 301), &limits()).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "net_exposure: worst-case net exposure would be 901, the limit is 900 (net_exposure_max = 0.9)"
        );
    }
}
