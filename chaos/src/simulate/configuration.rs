//! What the node of every world is configured with.

use tensortrade::config::{Config, Speed};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_market::{Money, Symbol};

use crate::plan::SYMBOLS;

/// The configuration of every world: the node's defaults, with averages short enough to trade within an hour.
pub fn config(seed: u64) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.node.id = "chaos".into();
    config.feed.seed = seed;
    config.feed.sim_ticks_per_minute = 16;
    config.feed.speed = Some(Speed::Times(60.0));
    config.feed.warm_up_minutes = 30;
    for name in SYMBOLS {
        config.feed.symbols.push(Symbol::intern(name).or_fail(Code::Failure, || name.into())?);
    }
    let text = r#"
        [features]
        specs = [
            { feature = "log_return", bars = 1 },
            { feature = "annual_volatility", span = 5 },
            { feature = "average_cross", fast = 2, slow = 5 },
            { feature = "z_score", bars = 6 },
        ]
        [bars]
        decision = "1m"
        higher = ["5m"]
        extended_hours = false
        [policy]
        trend_column = "ma_cross_2_5_1m"
        volatility_column = "ann_vol_5_1m"
        stretch_column = "zscore_6_1m"
        enter = 0.25
        exit = 0.05
        full = 1.0
        stretch_max = 10.0
        rebalance_every_steps = 2
        [regime]
        span = 5
        warm_steps = 10
        dwell_steps = 3
    "#;
    #[derive(serde::Deserialize)]
    struct Overlay {
        features: tensortrade_features::FeatureConfig,
        bars: tensortrade::config::BarsConfig,
        policy: tensortrade_policy::RulesConfig,
        regime: tensortrade_regime::ThresholdConfig,
    }
    let overlay: Overlay =
        toml::from_str(text).or_fail(Code::Failure, || "the worlds' configuration".into())?;
    config.features = overlay.features;
    config.bars = overlay.bars;
    config.policy = overlay.policy;
    config.regime = overlay.regime;
    // Limits that bind now and then.
    config.risk.symbol_notional_max = Money::from_micros(200_000 * Money::ONE);
    config.risk.order_notional_max = Money::from_micros(150_000 * Money::ONE);
    // A snapshot now and then, so that starts recover from one.
    config.journal.snapshot_every_events = 500;
    Ok(config)
}
