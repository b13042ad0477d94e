//! The rules policy over whole cross-sections.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use std::sync::Arc;

use proptest::prelude::*;
use tensortrade_features::{FeatureConfig, FeatureRow, Manifest, StepFrame, StepFrameBuilder};
use tensortrade_market::{GapReason, Price, Symbol, Timeframe, Ts};
use tensortrade_policy::{HoldReason, Opinion, Policy, RulesConfig, RulesPolicy, Target, WeightReason};
use tensortrade_regime::{Regime, RegimeEstimate};

/// Score, annual volatility and stretch of a symbol.
type Row = Option<[f64; 3]>;

fn symbol(n: usize) -> Symbol {
    Symbol::intern(&format!("P{n:02}")).unwrap()
}

fn frame(step: u64, rows: &[Row]) -> StepFrame {
    let manifest = Arc::new(Manifest::new(&FeatureConfig::default(), &[Timeframe::MINUTE]).unwrap());
    let config = RulesConfig::default();
    let columns = [config.trend_column, config.volatility_column, config.stretch_column]
        .map(|name| manifest.index_of(&name).unwrap());
    let ts = Ts::from_secs(60 * step as i64);
    let mut builder = StepFrameBuilder::new(Arc::clone(&manifest));
    builder.begin(step, ts, (0..rows.len()).map(symbol));
    for (n, row) in rows.iter().enumerate() {
        match row {
            Some(row) => {
                let mut values = vec![0.0; manifest.width()];
                for (column, value) in columns.iter().zip(row) {
                    values[*column] = *value;
                }
                let close = Price::from_f64(100.0).unwrap();
                builder
                    .row(&FeatureRow { symbol: symbol(n), ts, close, close_ts: ts, values, stale: false })
                    .unwrap();
            }
            None => {
                builder.gap(symbol(n), ts, GapReason::FeedLost).unwrap();
            }
        }
    }
    builder.finish()
}

fn regime(label: Regime) -> RegimeEstimate {
    RegimeEstimate {
        ts: Ts::ZERO,
        step: 0,
        label,
        probabilities: [1.0 / 3.0; 3],
        confidence: 1.0,
        since: Ts::ZERO,
        steps_since_change: 0,
        volatility: None,
        warm: true,
    }
}

fn policy() -> RulesPolicy {
    RulesPolicy::new(RulesConfig::default()).unwrap()
}

fn decide(policy: &mut RulesPolicy, step: u64, rows: &[Row]) -> Vec<Target> {
    policy.decide(&frame(step, rows), &regime(Regime::Normal)).rows
}

fn one(policy: &mut RulesPolicy, step: u64, row: [f64; 3]) -> (f64, WeightReason) {
    match decide(policy, step, &[Some(row)])[0].opinion {
        Opinion::Weight { weight, reason, .. } => (weight, reason),
        Opinion::Hold { reason } => panic!("held: {reason:?}"),
    }
}

#[test]
fn a_trend_is_followed_sized_by_volatility_and_left_when_it_ends() {
    let mut policy = policy();
    assert_eq!(one(&mut policy, 0, [0.1, 0.8, 0.0]), (0.0, WeightReason::NoTrend));
    // Half strength, a tenth of wanted volatility over eight tenths.
    assert_eq!(one(&mut policy, 1, [1.0, 0.8, 0.0]), (0.0625, WeightReason::Entered));
    assert_eq!(one(&mut policy, 30, [2.0, 0.8, 0.0]), (0.125, WeightReason::Resized));
    assert_eq!(one(&mut policy, 31, [-1.0, 0.8, 0.0]), (-0.0625, WeightReason::Reversed));
    assert_eq!(one(&mut policy, 32, [-0.05, 0.8, 0.0]), (0.0, WeightReason::Exited));
}

#[test]
fn a_turbulent_regime_halves_the_size() {
    let row = [Some([2.0, 0.8, 0.0])];
    let weight = |label| policy().decide(&frame(0, &row), &regime(label)).rows[0].opinion.weight().unwrap();
    assert_eq!(weight(Regime::Turbulent) * 2.0, weight(Regime::Normal));
    assert_eq!(weight(Regime::Calm), weight(Regime::Normal));
}

#[test]
fn a_stretched_price_is_not_chased() {
    let mut policy = policy();
    assert_eq!(one(&mut policy, 0, [1.0, 0.8, 3.0]), (0.0, WeightReason::Stretched));
    assert_eq!(one(&mut policy, 1, [1.0, 0.8, 1.0]).1, WeightReason::Entered);
    assert_eq!(one(&mut policy, 30, [2.0, 0.8, 3.0]), (0.0625, WeightReason::Stretched));
    // Stretched downwards while it turns: what is held is closed, the short waits.
    assert_eq!(one(&mut policy, 60, [-1.0, 0.8, -3.0]), (0.0, WeightReason::Exited));
    assert_eq!(one(&mut policy, 61, [-1.0, 0.8, -1.0]).1, WeightReason::Entered);
}

#[test]
fn small_or_hasty_changes_are_not_made() {
    let mut policy = policy();
    let (entered, _) = one(&mut policy, 0, [1.0, 0.8, 0.0]);
    assert_eq!(one(&mut policy, 5, [2.0, 0.8, 0.0]), (entered, WeightReason::WithinBand), "too soon");
    assert_eq!(one(&mut policy, 20, [1.1, 0.8, 0.0]), (entered, WeightReason::WithinBand), "too small");
    assert_eq!(one(&mut policy, 21, [2.0, 0.8, 0.0]).1, WeightReason::Resized);
}

#[test]
fn a_cross_section_that_counts_anew_does_not_silence_the_policy() {
    let mut policy = policy();
    one(&mut policy, 1_000_000, [1.0, 0.8, 0.0]);
    assert_eq!(one(&mut policy, 3, [2.0, 0.8, 0.0]).1, WeightReason::Resized);
}

#[test]
fn symbols_without_a_usable_row_are_held_never_zeroed() {
    let mut policy = policy();
    let full = Some([2.0, 0.8, 0.0]);
    let first = decide(&mut policy, 0, &[full, full]);
    let weight = first[1].opinion.weight().unwrap();
    let rows = decide(&mut policy, 1, &[None, Some([f64::NAN, 0.8, 0.0])]);
    let held = |reason| Opinion::Hold { reason };
    assert_eq!(rows[0].opinion, held(HoldReason::Missing(GapReason::FeedLost)));
    assert_eq!(rows[1].opinion, held(HoldReason::NotWarm));
    assert_eq!(policy.weight(symbol(1)), weight, "the last weight is remembered");
    policy.forget(symbol(1));
    assert_eq!(policy.weight(symbol(1)), 0.0);
}

#[test]
fn a_missing_column_holds_everything() {
    let config = RulesConfig { trend_column: "no_such_1m".into(), ..RulesConfig::default() };
    let mut policy = RulesPolicy::new(config).unwrap();
    let rows = decide(&mut policy, 0, &[Some([2.0, 0.8, 0.0])]);
    assert_eq!(rows[0].opinion, Opinion::Hold { reason: HoldReason::NoColumn });
}

#[test]
fn a_steady_market_at_the_gross_limit_is_not_churned() {
    // Forty quiet symbols want far more than the limit: the cut is the same every step, so nothing changes.
    let mut policy = policy();
    let rows: Vec<Row> = (0..40).map(|n| Some([1.0 + f64::from(n) * 0.01, 0.05, 0.0])).collect();
    let first = decide(&mut policy, 0, &rows);
    let gross: f64 = first.iter().map(|row| row.opinion.weight().unwrap().abs()).sum();
    assert!((gross - 1.0).abs() < 1e-9, "{gross}");
    for step in 1..200 {
        for (before, now) in first.iter().zip(decide(&mut policy, step, &rows)) {
            let (before, now) = (before.opinion.weight().unwrap(), now.opinion.weight().unwrap());
            assert!((before - now).abs() < 1e-12);
        }
    }
}

#[test]
fn held_positions_count_against_the_gross_limit() {
    let config = RulesConfig { weight_max: 1.0, gross_max: 1.0, ..RulesConfig::default() };
    let mut policy = RulesPolicy::new(config).unwrap();
    let quiet = Some([2.0, 0.1, 0.0]);
    let first = decide(&mut policy, 0, &[quiet, Some([0.0, 0.1, 0.0])]);
    assert!((first[0].opinion.weight().unwrap() - 0.5f64.sqrt()).abs() < 1e-12);
    let second = decide(&mut policy, 1, &[None, quiet]);
    assert!((second[1].opinion.weight().unwrap() - (1.0 - 0.5f64.sqrt())).abs() < 1e-12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn limits_hold_and_a_restored_policy_decides_alike(
        steps in prop::collection::vec(
            prop::collection::vec(
                prop::option::weighted(0.9, (-4.0f64..4.0, 0.0f64..1.5, -4.0f64..4.0)), 5),
            1..60),
        cut in 0usize..60,
        turbulent in any::<bool>(),
    ) {
        let config = RulesConfig { gross_max: 0.6, ..RulesConfig::default() };
        let mut policy = RulesPolicy::new(config.clone()).unwrap();
        let mut twin = RulesPolicy::new(config.clone()).unwrap();
        let label = if turbulent { Regime::Turbulent } else { Regime::Normal };
        for (n, step) in steps.iter().enumerate() {
            if n == cut {
                twin = serde_json::from_str(&serde_json::to_string(&twin).unwrap()).unwrap();
            }
            let rows: Vec<Row> = step.iter().map(|row| row.map(|(a, b, c)| [a, b, c])).collect();
            let frame = frame(n as u64, &rows);
            let held: f64 = (rows.iter().enumerate())
                .filter(|(_, row)| row.is_none())
                .map(|(n, _)| policy.weight(symbol(n)).abs())
                .sum();
            let targets = policy.decide(&frame, &regime(label));
            prop_assert_eq!(&targets, &twin.decide(&frame, &regime(label)));
            prop_assert!(targets.gross() + held <= config.gross_max.max(held) + 1e-9);
            for row in &targets.rows {
                if let Opinion::Weight { weight, confidence, .. } = row.opinion {
                    prop_assert!(weight.abs() <= config.weight_max + 1e-12);
                    prop_assert!((0.0..=1.0).contains(&confidence));
                }
            }
        }
    }
}
