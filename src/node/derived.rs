//! What the node derives from the configuration and the data that it trades on. A start and a reload both ask here, so that
//! they cannot disagree.

use tensortrade_broker::simulated;
use tensortrade_execution::PlanConfig;
use tensortrade_execution::plan::OrderStyle;
use tensortrade_market::{Currency, Price, Timeframe};
use tensortrade_portfolio::FxConfig;
use tensortrade_risk::{Limits, SessionPolicy};

use crate::config::{Config, FeedSource};

/// The name of the one strategy there is: part of every intent's id, and a scope of the breaker.
pub const STRATEGY: &str = "rules";

/// How long an order that is placed at a daily close may wait: over a weekend with holidays.
const DAILY_PATIENCE_MS: u64 = 7 * 86_400_000;

/// A day.
const DAY_MS: u64 = 86_400_000;

/// The limits in force when decisions are made on `decision`. On daily bars a decision at the close is for the next open: it
/// queues, where regular hours alone would refuse it.
#[must_use]
pub fn limits(config: &Config, decision: Timeframe) -> Limits {
    let mut limits = config.risk.clone();
    if decision.is_daily() && limits.session_policy == SessionPolicy::RegularOnly {
        limits.session_policy = SessionPolicy::QueueToNextOpen;
    }
    if decision.is_daily() && limits.price_stale_after_ms == Limits::default().price_stale_after_ms {
        // A bar that is labelled by the moment it began has its close for up to a day when it is decided on.
        limits.price_stale_after_ms = limits.price_stale_after_ms.saturating_add(DAY_MS);
    }
    limits
}

/// Rates into the base currency. The simulated market knows what every currency is worth in it: pairs that are watched come
/// first, then what is configured.
#[must_use]
pub fn fx(config: &Config) -> FxConfig {
    let mut fx = config.fx.clone();
    if config.feed.source == FeedSource::Sim && fx.base == Currency::USD {
        for (code, dollars) in simulated::currencies() {
            if let (Ok(currency), Ok(rate)) = (Currency::new(code), Price::from_f64(dollars)) {
                fx.rates.entry(currency).or_insert(rate);
            }
        }
    }
    fx
}

/// How targets become orders. On daily bars a price band around the close would miss the gap to the next open.
#[must_use]
pub fn planning(config: &Config, decision: Timeframe) -> PlanConfig {
    let mut planning = config.execution;
    if decision.is_daily() && planning == PlanConfig::default() {
        planning.style = OrderStyle::Market;
        planning.patience_ms = DAILY_PATIENCE_MS;
    }
    planning
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_on_daily_bars_queue_to_the_next_open_and_others_are_as_configured() {
        let mut config = Config::default();
        assert_eq!(limits(&config, Timeframe::DAY).session_policy, SessionPolicy::QueueToNextOpen);
        assert_eq!(limits(&config, Timeframe::MINUTE), config.risk);
        assert_eq!(planning(&config, Timeframe::DAY).style, OrderStyle::Market);
        assert_eq!(planning(&config, Timeframe::MINUTE), config.execution);
        let day = limits(&config, Timeframe::DAY).price_stale_after_ms;
        assert!(day > DAY_MS, "a close may be a day old when it is decided on: {day}");
        config.risk.session_policy = SessionPolicy::Extended;
        config.risk.price_stale_after_ms = 60_000;
        assert_eq!(limits(&config, Timeframe::DAY), config.risk);
    }
}
