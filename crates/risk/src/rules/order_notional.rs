//! One order: `remaining * worst price * multiplier`, in base currency, is at most `order_notional_max`. It holds for
//! reducing orders too: a large position is closed in slices (see [`RiskEngine::order_qty_max`](crate::RiskEngine::order_qty_max)).

use tensortrade_market::Money;

use crate::limits::Limits;
use crate::refusal::{Refusal, RefusalCode};

pub(crate) fn check(notional: Money, limits: &Limits) -> Result<(), Refusal> {
    let max = limits.order_notional_max;
    if notional.abs() > max {
        let detail = format!("the order is worth {notional}, order_notional_max is {max}");
        return Err(Refusal::new(RefusalCode::OrderNotional, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_at_the_limit_passes_and_one_micro_unit_more_does_not() {
        let limits = Limits { order_notional_max: Money::from_units(100).unwrap(), ..Limits::default() };
        assert_eq!(check(Money::from_micros(100_000_000), &limits), Ok(()));
        let refusal = check(Money::from_micros(100_000_001), &limits).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "order_notional: the order is worth 100.000001, order_notional_max is 100"
        );
    }
}
