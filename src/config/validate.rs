//! Range checks that serde cannot do.

use tensortrade_market::Ts;

use tensortrade_regime::VolatilityThresholds;

use super::{BarsConfig, BrokerKind, Config, FeedSource};

/// A key and what is wrong with it: value and range.
pub(super) type Problem = (String, String);

/// Every value out of range, or nothing.
pub(super) fn validate(config: &Config) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut check = |ok: bool, key: &str, text: String| {
        if !ok {
            problems.push((key.to_owned(), text));
        }
    };
    let node = &config.node;
    check(
        !node.id.is_empty()
            && node.id.len() <= 32
            && node.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'),
        "node.id",
        format!("is '{}', but must be 1 to 32 letters, digits, - or _", node.id),
    );
    let between = |value: u64, low: u64, high: u64| {
        ((low..=high).contains(&value), format!("is {value}, but must be {low} to {high}"))
    };
    let mut range = |value: u64, low: u64, high: u64, key: &str| {
        let (ok, text) = between(value, low, high);
        check(ok, key, text);
    };
    range(config.runtime.worker_threads as u64, 0, 256, "runtime.worker_threads");
    range(config.feed.ring_ticks as u64, 1_024, 16_777_216, "feed.ring_ticks");
    range(u64::from(config.feed.sim_ticks_per_minute), 16, 10_000, "feed.sim_ticks_per_minute");
    range(u64::from(config.feed.warm_up_minutes), 0, 100_000, "feed.warm_up_minutes");
    range(config.journal.commit_interval_ms, 1, 10_000, "journal.commit_interval_ms");
    range(config.journal.snapshot_every_events, 1_000, 100_000_000, "journal.snapshot_every_events");
    range(config.control.drain_deadline_ms, 100, 600_000, "control.drain_deadline_ms");
    check(
        Ts::parse(&config.feed.sim_start)
            .is_some_and(|t| t >= Ts::from_secs(1_577_836_800) && t < Ts::from_secs(2_208_988_800)),
        "feed.sim_start",
        format!("is '{}', but must be a date from 2020-01-01 to 2039-12-31", config.feed.sim_start),
    );
    // The defaults are for minutes; of them only those count that a longer decision can be built up to.
    let chosen =
        if config.bars.higher == BarsConfig::default().higher { &[][..] } else { &config.bars.higher[..] };
    for higher in chosen {
        check(
            *higher > config.bars.decision && higher.secs() % config.bars.decision.secs() == 0,
            "bars.higher",
            format!(
                "holds {higher}, but each must be a longer multiple of bars.decision ({})",
                config.bars.decision
            ),
        );
    }
    check(
        config.feed.source != FeedSource::Replay || !config.feed.files.is_empty(),
        "feed.files",
        "is empty, but a replay needs at least one file (--replay FILE)".into(),
    );
    check(
        config.feed.source == FeedSource::Replay || config.feed.files.is_empty(),
        "feed.files",
        format!("is set, but feed.source is {}: add --feed replay", config.feed.source),
    );
    let backup = &config.feed.backup;
    check(
        config.feed.source == FeedSource::Replay || backup.files.is_empty(),
        "feed.backup.files",
        format!("is set, but feed.source is {}: add --feed replay", config.feed.source),
    );
    check(
        config.feed.source == FeedSource::Sim || !backup.sim.enabled,
        "feed.backup.sim.enabled",
        format!(
            "is true, but feed.source is {}: only the simulated market has such a backup",
            config.feed.source
        ),
    );
    check(
        config.store.url.starts_with("sqlite:") && config.store.url.len() > "sqlite:".len(),
        "store.url",
        format!("is '{}', but must be sqlite:PATH (this build has no other store)", config.store.url),
    );
    check(
        config.feed.source != FeedSource::Ibkr && config.broker.kind != BrokerKind::Ibkr,
        if config.feed.source == FeedSource::Ibkr { "feed.source" } else { "broker.kind" },
        "is ibkr, but this build has no Interactive Brokers adapter: sim or replay, and paper".into(),
    );
    check(
        config.http.listen.is_empty() || config.http.listen.parse::<std::net::SocketAddr>().is_ok(),
        "http.listen",
        format!("is '{}', but must be ADDRESS:PORT such as 127.0.0.1:8080, or empty", config.http.listen),
    );
    check(
        is_log_filter(&config.log.level),
        "log.level",
        format!(
            "is '{}', but must be levels (off, error, warn, info, debug, trace) such as info or warn,tensortrade=debug",
            config.log.level
        ),
    );
    for (key, checked) in [
        ("risk", config.risk.validate().map_err(|e| e.to_string())),
        ("regime", VolatilityThresholds::new(config.regime.clone()).map(drop).map_err(|e| e.to_string())),
        ("instruments", crate::node::open::catalog(config).map(drop).map_err(|e| e.message)),
        ("breaker.mismatch", config.breaker.mismatch.validate().map_err(|e| e.to_string())),
        ("breaker.rejects", config.breaker.rejects.validate().map_err(|e| e.to_string())),
        ("breaker.losses", config.breaker.losses.validate().map_err(|e| e.to_string())),
        ("breaker.stale", config.breaker.stale.validate().map_err(|e| e.to_string())),
        ("feed.failover", config.feed.failover.validate().map_err(|e| e.to_string())),
        ("feed.backup.sim", config.feed.backup.sim.validate()),
        ("policy", config.policy.validate().map_err(|e| e.to_string())),
        ("execution", config.execution.validate().map_err(|e| e.to_string())),
        ("features", config.features.validate().map_err(|e| e.to_string())),
        ("broker.paper", config.broker.paper.validate().map_err(|e| e.to_string())),
    ] {
        if let Err(text) = checked {
            check(false, key, format!("is refused: {text}"));
        }
    }
    for (currency, rate) in &config.fx.rates {
        check(rate.raw() > 0, &format!("fx.rates.{currency}"), format!("is {rate}, but must be more than 0"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Whether every part is a level or names one for a target. The filter itself takes any word for a target, so that a misspelt
/// level would turn logging off in silence.
fn is_log_filter(text: &str) -> bool {
    let is_level =
        |word: &str| word.parse::<tracing_subscriber::filter::LevelFilter>().is_ok_and(|_| !word.is_empty());
    let part_is_good = |part: &str| match part.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level.trim()),
        None => is_level(part.trim()),
    };
    text.parse::<tracing_subscriber::EnvFilter>().is_ok() && text.split(',').all(part_is_good)
}

#[cfg(test)]
mod log_filter_tests {
    use super::is_log_filter;

    #[test]
    fn a_filter_is_levels_and_a_misspelt_one_is_refused() {
        for good in ["info", "warn,tensortrade=debug", "off", "WARN", "warn,tensortrade_actors::market=trace"]
        {
            assert!(is_log_filter(good), "{good}");
        }
        for bad in ["", "zzz=", "zzz=,", "wran", "warn,", "=info", "tensortrade=loud", "info;debug"] {
            assert!(!is_log_filter(bad), "{bad}");
        }
    }
}
