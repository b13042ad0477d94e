//! The plan of one symbol.

use tensortrade_market::order::{ClientOrderId, IntentId, OrderIntent, OrderTerms, Side};
use tensortrade_market::{Money, Qty};

use super::price::order_kind;
use super::{OpenState, PlanContext, Planned, Planner, SkipReason, SymbolInput};

/// Leg number of an order toward zero, in its identity.
const LEG_REDUCE: u16 = 0;
/// Leg number of an order away from zero.
const LEG_OPEN: u16 = 1;

impl Planner {
    pub(super) fn plan_symbol(
        &self,
        context: PlanContext,
        input: &SymbolInput<'_>,
        weight: f64,
        planned: &mut Planned,
    ) -> Result<(), SkipReason> {
        let (config, instrument) = (&self.config, input.instrument);
        if context.equity <= Money::ZERO {
            return Err(SkipReason::NoEquity);
        }
        if input.open.iter().any(|order| order.state == OpenState::InDoubt) {
            return Err(SkipReason::InDoubt);
        }
        if input.open.iter().any(|order| order.state == OpenState::AwaitingAnswer) {
            return Err(SkipReason::AwaitingAnswer);
        }
        let unit = input.price.to_f64() * instrument.multiplier.to_f64() * input.rate;
        let stage = staged(input.position, wanted(weight, context.equity, unit, instrument.lot)?);
        let gap = stage.checked_sub(input.position).ok_or(SkipReason::NoQuantity)?;
        let band = config.least_notional(context);

        let cancels = self.to_cancel(context, input, gap, band / unit);
        if !cancels.is_empty() {
            planned.cancels.extend(cancels);
            return Err(SkipReason::CancelFirst);
        }
        let missing = gap.checked_sub(open_qty(input)).ok_or(SkipReason::NoQuantity)?;
        let missing = missing.truncate_to(instrument.lot);
        let (side, qty) = Side::of(missing).ok_or(SkipReason::AtTarget)?;
        let exit = stage.is_zero();
        if !exit && qty.to_f64() * unit < band {
            return Err(SkipReason::WithinBand);
        }
        let qty = input.qty_max.map_or(qty, |most| qty.min(most)).truncate_to(instrument.lot);
        if qty <= Qty::ZERO {
            return Err(SkipReason::NoQuantity);
        }
        let leg = if stage.abs() < input.position.abs() { LEG_REDUCE } else { LEG_OPEN };
        planned.intents.push(OrderIntent {
            id: IntentId::derive(&self.strategy, instrument.symbol, context.decided_at, leg),
            strategy: self.strategy.clone(),
            decided_at: context.decided_at,
            terms: OrderTerms {
                symbol: instrument.symbol,
                side,
                qty,
                kind: order_kind(config.style, side, input.price, instrument.tick_size),
                tif: config.tif.time_in_force(),
            },
            reference: input.price,
            reason: input.reason.to_owned(),
        });
        Ok(())
    }

    /// Open orders that lead away from the target, overshoot it by more than `slack`, or have waited too long.
    fn to_cancel(
        &self,
        context: PlanContext,
        input: &SymbolInput<'_>,
        gap: Qty,
        slack: f64,
    ) -> Vec<ClientOrderId> {
        let open = open_qty(input);
        let overshoot = (open.to_f64() - gap.to_f64()) * gap.signum() as f64;
        // The least overshoot of an exit would open the other side.
        let after = input.position.raw().saturating_add(open.raw());
        let crosses = input.position.signum() * after.signum() < 0;
        let patience = i64::try_from(self.config.patience_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        (input.open.iter())
            .filter(|order| {
                let away = order.side.sign() != gap.signum();
                away || overshoot > slack || crosses || context.decided_at.since(order.since) >= patience
            })
            .map(|order| order.client_order_id.clone())
            .collect()
    }
}

/// What the open orders can still add to the position, signed.
fn open_qty(input: &SymbolInput<'_>) -> Qty {
    let signed = input.open.iter().map(|order| order.side.signed(order.remaining).raw());
    Qty::from_raw(signed.fold(0, i64::saturating_add))
}

/// The quantity that a weight stands for, rounded toward zero to a lot.
fn wanted(weight: f64, equity: Money, unit: f64, lot: Qty) -> Result<Qty, SkipReason> {
    if !(unit.is_finite() && unit > 0.0) {
        return Err(SkipReason::NoQuantity);
    }
    let exact = Qty::from_f64(weight * equity.to_f64() / unit).map_err(|_| SkipReason::NoQuantity)?;
    Ok(exact.truncate_to(lot))
}

/// Where to go at this step: to zero first, when the position has to change its sign.
fn staged(position: Qty, wanted: Qty) -> Qty {
    if position.signum() * wanted.signum() < 0 { Qty::ZERO } else { wanted }
}
