//! Conditions on the node as a whole. Nothing passes them, reducing or not.

use tensortrade_market::Symbol;

use crate::breaker::BreakerState;
use crate::context::RiskContext;
use crate::refusal::{Refusal, RefusalCode};

/// Lease, reconciliation, the age of the portfolio's view (`fills_seen`: the most fills any judged view had), halt.
pub(crate) fn check(
    ctx: &RiskContext<'_>,
    strategy: &str,
    symbol: Symbol,
    fills_seen: u64,
) -> Result<(), Refusal> {
    if !ctx.lease_held {
        return Err(Refusal::new(RefusalCode::LeaseLost, "this node does not hold the lease on the account"));
    }
    if !ctx.reconciled {
        let detail = "orders, executions and positions are not reconciled with the broker";
        return Err(Refusal::new(RefusalCode::NotReconciled, detail));
    }
    let shown = ctx.view.fills_applied();
    if shown < fills_seen {
        let detail = format!("the portfolio's view holds {shown} fills, an earlier one held {fills_seen}");
        return Err(Refusal::new(RefusalCode::StalePortfolio, detail));
    }
    let (state, scope) = ctx.breaker.effective(strategy, symbol);
    if state == BreakerState::Halted {
        return Err(Refusal::new(RefusalCode::BreakerHalted, format!("the breaker of {scope} is halted")));
    }
    Ok(())
}
