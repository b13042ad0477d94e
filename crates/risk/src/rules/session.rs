//! Hours and ages: the symbol is not halted, the session policy admits the phase, and `now - decided_at` is at most
//! `decision_age_max_ms`. A decision from the future by more than that is refused too: a clock is wrong.

use tensortrade_market::order::TimeInForce;

use crate::context::{RiskContext, SessionPhase};
use crate::limits::{Limits, SessionPolicy, ms_to_ns};
use crate::refusal::{Refusal, RefusalCode};
use crate::rules::Candidate;

pub(crate) fn check(order: &Candidate<'_>, ctx: &RiskContext<'_>, limits: &Limits) -> Result<(), Refusal> {
    if ctx.symbol_halted {
        let detail = format!("trading in {} is halted", order.terms.symbol);
        return Err(Refusal::new(RefusalCode::SymbolHalted, detail));
    }
    if !admits(limits.session_policy, ctx.session, order.terms.tif) {
        let (policy, phase, tif) = (limits.session_policy, ctx.session, order.terms.tif);
        let detail =
            format!("session_policy {policy:?} does not admit {tif:?} while the session is {phase:?}");
        return Err(Refusal::new(RefusalCode::SessionClosed, detail));
    }
    let age_ns = ctx.now.since(order.decided_at);
    if age_ns.saturating_abs() > ms_to_ns(limits.decision_age_max_ms) {
        let (age_ms, max) = (age_ns / 1_000_000, limits.decision_age_max_ms);
        let detail = format!("the decision is {age_ms} ms old, decision_age_max_ms is {max}");
        return Err(Refusal::new(RefusalCode::ExpiredDecision, detail));
    }
    match order.terms.tif {
        TimeInForce::GoodTillDate(until) if until <= ctx.now => {
            let detail = format!("the order is good till {until}, and it is {}", ctx.now);
            Err(Refusal::new(RefusalCode::ExpiredDecision, detail))
        }
        _ => Ok(()),
    }
}

/// Whether an order with this time in force may be approved in this phase.
fn admits(policy: SessionPolicy, phase: SessionPhase, tif: TimeInForce) -> bool {
    let waits = !matches!(tif, TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill);
    match (policy, phase) {
        (_, SessionPhase::Regular) | (SessionPolicy::Extended, SessionPhase::Extended) => true,
        (SessionPolicy::QueueToNextOpen, _) => waits,
        (SessionPolicy::RegularOnly | SessionPolicy::Extended, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_admits_its_phases() {
        use SessionPhase::{Closed, Extended, Regular};
        let admitted =
            |policy| [Regular, Extended, Closed].map(|phase| admits(policy, phase, TimeInForce::Day));
        assert_eq!(admitted(SessionPolicy::RegularOnly), [true, false, false]);
        assert_eq!(admitted(SessionPolicy::Extended), [true, true, false]);
        assert_eq!(admitted(SessionPolicy::QueueToNextOpen), [true, true, true]);
    }

    #[test]
    fn an_order_that_cannot_wait_is_not_queued() {
        for tif in [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill] {
            assert!(!admits(SessionPolicy::QueueToNextOpen, SessionPhase::Closed, tif));
            assert!(admits(SessionPolicy::QueueToNextOpen, SessionPhase::Regular, tif));
        }
    }
}
