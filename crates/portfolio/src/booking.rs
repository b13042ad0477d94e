//! Booking fills and commissions, each once.

use tensortrade_market::order::{Commission, Fill};
use tensortrade_market::{Currency, Money, MoneyError, Qty, Symbol};

use crate::error::PortfolioError;
use crate::executions::{AppliedFill, Booked, CommissionOutcome, FillOutcome};
use crate::portfolio::Portfolio;
use crate::position::{Mark, Position};

impl Portfolio {
    /// Books a fill, ours or from outside, once per (venue, execution id). An error leaves everything as it was.
    pub fn apply_fill(&mut self, fill: &Fill) -> Result<FillOutcome, PortfolioError> {
        let known = self.executions.get(&fill.venue, &fill.exec_id).copied();
        if matches!(known, Some(Booked::Fill(_) | Booked::Both)) {
            return Ok(FillOutcome::Duplicate);
        }
        if fill.qty <= Qty::ZERO {
            let exec_id = fill.exec_id.clone();
            return Err(PortfolioError::BadFill { symbol: fill.symbol, exec_id, qty: fill.qty });
        }
        let before = self.slot_mut(fill.symbol)?.position;
        let (mut after, notional) = before.filled(fill.signed_qty(), fill.price)?;
        after.mark = after.mark.or(Some(Mark { price: fill.price, ts: fill.ts }));
        let gain = after.realised.checked_sub(before.realised)?;
        let account = self.account(after.currency).traded(notional, gain)?;
        let (booked, fees) = match known {
            Some(Booked::Commission(amount, currency)) => {
                (Booked::Both, Some((currency, self.fees_with(&before, amount, currency)?)))
            }
            _ => (Booked::Fill(fill.symbol), None),
        };
        // Everything that can fail is computed: from here on it is only stored.
        self.accounts.insert(after.currency, account);
        self.slot_mut(fill.symbol)?.position = after;
        if let Some((currency, fees)) = fees {
            self.set_fees(fill.symbol, currency, fees)?;
        }
        self.fills_applied += 1;
        self.executions.put(&fill.venue, &fill.exec_id, Some(fill.ts), booked);
        Ok(FillOutcome::Applied(AppliedFill {
            client_order_id: fill.client_order_id.clone(),
            symbol: fill.symbol,
            change: fill.signed_qty(),
            sequence: self.fills_applied,
        }))
    }

    /// Books a commission, before or after its fill, once per (venue, execution id). Cash is charged at once; the
    /// symbol's fees follow when its fill is known.
    pub fn apply_commission(&mut self, commission: &Commission) -> Result<CommissionOutcome, PortfolioError> {
        let Commission { venue, exec_id, amount, currency } = commission;
        let known = self.executions.get(venue, exec_id).copied();
        if matches!(known, Some(Booked::Commission(..) | Booked::Both)) {
            return Ok(CommissionOutcome::Duplicate);
        }
        let account = self.account(*currency).charged(*amount)?;
        let (booked, outcome) = match known {
            Some(Booked::Fill(symbol)) => {
                let position = self.slot_mut(symbol)?.position;
                let fees = self.fees_with(&position, *amount, *currency)?;
                self.set_fees(symbol, *currency, fees)?;
                (Booked::Both, CommissionOutcome::Attributed(symbol))
            }
            _ => (Booked::Commission(*amount, *currency), CommissionOutcome::AwaitsFill),
        };
        self.accounts.insert(*currency, account);
        self.executions.put(venue, exec_id, None, booked);
        Ok(outcome)
    }

    /// What a symbol's fees in `currency` become with `amount` more.
    fn fees_with(&self, position: &Position, amount: Money, currency: Currency) -> Result<Money, MoneyError> {
        let fees = if position.currency == currency {
            position.fees
        } else {
            let foreign = self.foreign_fees.get(&position.symbol);
            foreign.and_then(|fees| fees.get(&currency)).copied().unwrap_or_default()
        };
        fees.checked_add(amount)
    }

    fn set_fees(&mut self, symbol: Symbol, currency: Currency, fees: Money) -> Result<(), PortfolioError> {
        let position = &mut self.slot_mut(symbol)?.position;
        if position.currency == currency {
            position.fees = fees;
        } else {
            self.foreign_fees.entry(symbol).or_default().insert(currency, fees);
        }
        Ok(())
    }
}
