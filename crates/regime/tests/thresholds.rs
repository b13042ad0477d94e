//! The volatility thresholds as a model.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use std::sync::Arc;

use proptest::prelude::*;
use tensortrade_features::{FeatureConfig, FeatureRow, FeatureSpec, Manifest, StepFrame, StepFrameBuilder};
use tensortrade_market::{GapReason, Price, Symbol, Timeframe, Ts};
use tensortrade_regime::{Regime, RegimeEstimate, RegimeModel, ThresholdConfig, VolatilityThresholds};

fn manifest() -> Arc<Manifest> {
    let config = FeatureConfig { specs: vec![FeatureSpec::LogReturn { bars: 1 }] };
    Arc::new(Manifest::new(&config, &[Timeframe::MINUTE]).unwrap())
}

/// A step of symbols with these returns; `None` is a symbol without a row, NaN one that is not warm.
fn frame(step: u64, returns: &[Option<f64>]) -> StepFrame {
    let ts = Ts::from_secs(60 * step as i64);
    let symbols: Vec<_> = (0..returns.len()).map(|n| Symbol::intern(&format!("R{n}")).unwrap()).collect();
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(step, ts, symbols.iter().copied());
    for (symbol, value) in symbols.iter().zip(returns) {
        match value {
            Some(value) => {
                let close = Price::from_f64(100.0).unwrap();
                let values = vec![*value];
                builder
                    .row(&FeatureRow { symbol: *symbol, ts, close, close_ts: ts, values, stale: false })
                    .unwrap();
            }
            None => {
                builder.gap(*symbol, ts, GapReason::NoData).unwrap();
            }
        }
    }
    builder.finish()
}

fn model() -> VolatilityThresholds {
    VolatilityThresholds::new(ThresholdConfig::default()).unwrap()
}

/// A return of a market whose volatility is `scale`, from a fixed sequence.
fn noise(step: u64, scale: f64) -> f64 {
    let mixed = (step.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11;
    (mixed as f64 / (1u64 << 53) as f64 - 0.5) * 2.0 * scale
}

fn run(model: &mut VolatilityThresholds, steps: std::ops::Range<u64>, scale: f64) -> RegimeEstimate {
    steps.map(|step| model.update(&frame(step, &[Some(noise(step, scale))]))).last().unwrap()
}

#[test]
fn it_has_no_opinion_until_it_is_warm() {
    let mut model = model();
    let estimate = run(&mut model, 0..100, 0.001);
    assert!(!estimate.warm);
    assert_eq!((estimate.label, estimate.confidence), (Regime::Normal, 0.0));
    assert_eq!(estimate.probabilities, [1.0 / 3.0; 3]);
    assert!(run(&mut model, 100..150, 0.001).warm);
}

#[test]
fn a_market_of_constant_volatility_is_normal_most_of_the_time() {
    let mut model = model();
    run(&mut model, 0..300, 0.001);
    let labels = (300..3_000).map(|step| model.update(&frame(step, &[Some(noise(step, 0.001))])).label);
    let normal = labels.filter(|label| *label == Regime::Normal).count();
    assert!(normal > 2_430, "{normal} of 2700 steps");
}

#[test]
fn a_burst_is_turbulent_and_a_lull_is_calm() {
    let mut model = model();
    run(&mut model, 0..600, 0.001);
    let burst = run(&mut model, 600..660, 0.01);
    assert_eq!(burst.label, Regime::Turbulent);
    assert!(burst.probabilities[2] > 0.9 && burst.confidence > 0.9);
    assert!(burst.steps_since_change < 60 && burst.since >= Ts::from_secs(600 * 60));
    let after = run(&mut model, 660..900, 0.001);
    assert_ne!(after.label, Regime::Turbulent);
    let lull = run(&mut model, 900..1000, 0.0001);
    assert_eq!(lull.label, Regime::Calm);
}

#[test]
fn a_label_stands_for_its_dwell() {
    let mut model = model();
    let mut last: Option<RegimeEstimate> = None;
    for step in 0..3_000 {
        let scale = if (step / 7) % 2 == 0 { 0.0001 } else { 0.01 };
        let estimate = model.update(&frame(step, &[Some(noise(step, scale))]));
        if let Some(last) = last.filter(|last| last.label != estimate.label) {
            assert!(last.steps_since_change + 1 >= 10, "changed after {}", last.steps_since_change);
            assert_eq!((estimate.steps_since_change, estimate.since), (0, estimate.ts));
        }
        last = Some(estimate);
    }
}

#[test]
fn a_step_without_returns_repeats_the_last_volatility() {
    let mut model = model();
    let before = run(&mut model, 0..300, 0.001);
    let empty = model.update(&frame(300, &[None, Some(f64::NAN)]));
    assert_eq!((empty.label, empty.volatility), (before.label, before.volatility));
    assert_eq!(empty.step, 300);
}

#[test]
fn symbols_without_a_row_are_left_out_of_the_mean_not_counted_as_zero() {
    let (mut with, mut without) = (model(), model());
    for step in 0..400 {
        let value = Some(noise(step, 0.001));
        let a = with.update(&frame(step, &[value, None, Some(f64::NAN), value]));
        let b = without.update(&frame(step, &[value]));
        assert_eq!((a.label, a.volatility), (b.label, b.volatility));
    }
}

#[test]
fn a_configuration_out_of_range_is_refused_by_name() {
    let refused = VolatilityThresholds::new(ThresholdConfig { calm_quantile: 0.9, ..Default::default() });
    assert!(refused.unwrap_err().to_string().contains("regime.turbulent_quantile = 0.85"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn estimates_are_causal_and_restorable(
        returns in prop::collection::vec(-0.02f64..0.02, 200..400),
        cut in 0usize..200,
    ) {
        let mut whole = model();
        let mut restored = model();
        for (step, value) in returns.iter().enumerate() {
            if step == cut {
                restored = serde_json::from_str(&serde_json::to_string(&restored).unwrap()).unwrap();
            }
            let frame = frame(step as u64, &[Some(*value)]);
            let (a, b) = (whole.update(&frame), restored.update(&frame));
            prop_assert_eq!(a, b);
            let sum: f64 = a.probabilities.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9 && a.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!((0.0..=1.0).contains(&a.confidence));
        }
        // Causal: the estimates of a prefix do not depend on what follows it.
        let mut prefix = model();
        let mut changed = model();
        for (step, value) in returns.iter().enumerate().take(cut + 1) {
            let other = if step == cut { 0.5 } else { *value };
            let a = prefix.update(&frame(step as u64, &[Some(*value)]));
            let b = changed.update(&frame(step as u64, &[Some(other)]));
            if step < cut {
                prop_assert_eq!(a, b);
            }
        }
    }
}
