//! Buying power: whether the account may take an order.
//!
//! Equity is cash plus positions at their marks. Exposure of a symbol is the larger of what is held plus all working
//! buys and what is held less all working sells, at the mark. An order that can only reduce what is held always passes;
//! any other passes while gross exposure with it stays within `leverage_max_percent` of equity. Reckoned in the base
//! currency, in integers; a check, not accounting: it books nothing.

use std::collections::BTreeMap;

use tensortrade_market::order::{OrderTerms, Side};
use tensortrade_market::{Currency, Money, Price, Qty, Symbol};

use super::core::Core;
use super::record::Stage;

/// Signed and working quantity of a symbol, raw.
#[derive(Debug, Clone, Copy, Default)]
struct Stake {
    held: i128,
    buys: i128,
    sells: i128,
}

impl Stake {
    fn worst(self) -> i128 {
        (self.held + self.buys).abs().max((self.held - self.sells).abs())
    }
}

impl Core {
    /// Whether an order for `terms` with `rest` still to fill may work; `except` is the order whose terms change. The
    /// error says what is missing.
    pub(super) fn check_funds(
        &self,
        lane: usize,
        terms: &OrderTerms,
        rest: Qty,
        except: u64,
        price: Price,
    ) -> Result<(), String> {
        let mut stakes: BTreeMap<Symbol, Stake> = BTreeMap::new();
        for (symbol, position) in &self.ledger.positions {
            stakes.entry(*symbol).or_default().held = position.qty.raw().into();
        }
        for row in self.ledger.open.values().filter(|r| r.stage == Stage::Working && r.seq != except) {
            let left = i128::from(row.terms.qty.raw()) - i128::from(row.filled.raw());
            let stake = stakes.entry(row.terms.symbol).or_default();
            match row.terms.side {
                Side::Buy => stake.buys += left,
                Side::Sell => stake.sells += left,
            }
        }
        let own = stakes.entry(terms.symbol).or_default();
        let before = own.worst();
        match terms.side {
            Side::Buy => own.buys += i128::from(rest.raw()),
            Side::Sell => own.sells += i128::from(rest.raw()),
        }
        if own.worst() <= before {
            return Ok(());
        }
        let mut gross: i128 = 0;
        for (symbol, stake) in &stakes {
            let at = self.index.get(symbol).copied();
            let mark = if at == Some(lane) { Some(price) } else { self.mark(*symbol, at) };
            gross = gross.saturating_add(self.value(at, mark, stake.worst()).abs());
        }
        let equity = self.equity();
        let limit = equity.saturating_mul(i128::from(self.options.leverage_max_percent)) / 100;
        if gross <= limit {
            return Ok(());
        }
        let text = |micros: i128| {
            i64::try_from(micros).map_or("too much".to_owned(), |m| Money::from_micros(m).to_string())
        };
        Err(format!(
            "gross exposure would be {} {base}, allowed are {} % of the equity of {} {base}",
            text(gross),
            self.options.leverage_max_percent,
            text(equity),
            base = self.options.base_currency,
        ))
    }

    /// Cash and positions at their marks in micro-units of the base currency.
    pub(super) fn equity(&self) -> i128 {
        let cash = self.ledger.cash.iter().map(|(code, m)| self.to_base(*code, m.micros().into()));
        let held = self.ledger.positions.iter().map(|(symbol, p)| {
            let at = self.index.get(symbol).copied();
            self.value(at, self.mark(*symbol, at), p.qty.raw().into())
        });
        cash.chain(held).fold(0, i128::saturating_add)
    }

    fn mark(&self, symbol: Symbol, at: Option<usize>) -> Option<Price> {
        let seen = at.and_then(|at| self.marks.get(at).copied().flatten());
        seen.or_else(|| self.ledger.positions.get(&symbol).map(|p| p.average_price))
    }

    /// `qty` (raw) of a lane's instrument at `mark`, micro-units of the base currency.
    fn value(&self, at: Option<usize>, mark: Option<Price>, qty: i128) -> i128 {
        let (Some(instrument), Some(mark)) = (at.and_then(|at| self.instruments.get(at)), mark) else {
            return 0;
        };
        // 10^-8 times 10^-9 times 10^-8 to 10^-6; quantity and multiplier first, so that 128 bits hold the product.
        let units = qty.saturating_mul(instrument.multiplier.raw().into()) / i128::from(Qty::ONE);
        let micros = units.saturating_mul(mark.raw().into()) / 100_000_000_000;
        self.to_base(instrument.currency, micros)
    }

    fn to_base(&self, code: Currency, micros: i128) -> i128 {
        let base = self.options.base_currency;
        let one = i128::from(Price::ONE);
        if code == base || micros == 0 {
            return micros;
        }
        if let Some(rate) = self.options.fx_rates.get(&code) {
            return micros.saturating_mul(rate.raw().into()) / one;
        }
        let is_dollar = |c: Currency| matches!(c.as_str(), "USD" | "USDT" | "USDC" | "BUSD" | "FDUSD");
        if is_dollar(code) && is_dollar(base) {
            return micros;
        }
        for (of, to, at) in &self.pairs {
            let Some(rate) = self.marks.get(*at).copied().flatten().filter(|r| *r > Price::ZERO) else {
                continue;
            };
            if (*of, *to) == (code, base) {
                return micros.saturating_mul(rate.raw().into()) / one;
            }
            if (*of, *to) == (base, code) {
                return micros.saturating_mul(one) / i128::from(rate.raw());
            }
        }
        micros
    }
}
