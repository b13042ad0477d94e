//! Features, regime and rules on real bars: they warm up in time, they trade, and they do not churn.
//!
//! The bars are found through `TENSORTRADE_SHARED`, or in `shared` beside the workspace; without them each test says so
//! and passes.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use tensortrade_features::{FeatureConfig, FeatureSet, Manifest, StepFrameBuilder};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, GapReason, Price, Qty, Symbol, Timeframe, Ts};
use tensortrade_policy::{Opinion, Policy, RulesConfig, RulesPolicy};
use tensortrade_regime::{Regime, RegimeModel, ThresholdConfig, VolatilityThresholds};

type Bars = BTreeMap<Ts, Vec<(Symbol, Bar)>>;

fn read(file: &str, timeframe: Timeframe, only: Option<&str>) -> Option<Bars> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let root = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from);
    let path = [root.join("data").join(file), root.join(file)].into_iter().find(|path| path.exists());
    let Some(path) = path else {
        println!("no {file} under {}: nothing to check", root.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut bars = Bars::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if only.is_some_and(|name| name != fields[1]) {
            continue;
        }
        let start = Ts::parse(fields[0]).unwrap();
        let price = |n: usize| fields[n].parse::<f64>().ok().and_then(|v| Price::from_f64(v).ok()).unwrap();
        let end = start.plus_nanos(timeframe.nanos());
        let bar = Bar::ohlcv(start, end, [price(2), price(3), price(4), price(5)], Qty::ZERO);
        bars.entry(end).or_default().push((Symbol::intern(fields[1]).unwrap(), bar));
    }
    Some(bars)
}

struct Run {
    steps: u64,
    first_trade: Option<u64>,
    changes: u64,
    gross_max: f64,
    regimes: [u64; 3],
}

fn run(bars: &Bars, timeframe: Timeframe) -> Run {
    let config = FeatureConfig::default();
    let manifest = Arc::new(Manifest::new(&config, &[timeframe]).unwrap());
    let mut builder = StepFrameBuilder::new(manifest);
    let mut regime = VolatilityThresholds::new(ThresholdConfig::on(timeframe)).unwrap();
    let mut policy = RulesPolicy::new(RulesConfig::on(timeframe)).unwrap();
    let mut sets: BTreeMap<Symbol, FeatureSet> = BTreeMap::new();
    let mut run = Run { steps: 0, first_trade: None, changes: 0, gross_max: 0.0, regimes: [0; 3] };
    for (ts, closed) in bars {
        for (symbol, bar) in closed {
            let fresh = || FeatureSet::new(&config, &[timeframe], SessionKind::UsEquity).unwrap();
            sets.entry(*symbol).or_insert_with(fresh).update(timeframe, bar).unwrap();
        }
        builder.begin(run.steps, *ts, sets.keys().copied());
        for (symbol, set) in &sets {
            match set.feature_row(*symbol, *ts) {
                Some(row) => builder.row(&row).unwrap(),
                None => builder.gap(*symbol, *ts, GapReason::Joined).unwrap(),
            };
        }
        let frame = builder.finish();
        let estimate = regime.update(&frame);
        run.regimes[estimate.label.index()] += 1;
        let before: Vec<f64> = frame.symbols().iter().map(|symbol| policy.weight(*symbol)).collect();
        let targets = policy.decide(&frame, &estimate);
        for (row, before) in targets.rows.iter().zip(before) {
            if let Opinion::Weight { weight, .. } = row.opinion
                && weight != before
            {
                run.changes += 1;
                run.first_trade.get_or_insert(run.steps);
            }
        }
        run.gross_max = run.gross_max.max(targets.gross());
        builder.recycle(frame);
        run.steps += 1;
    }
    run
}

#[test]
fn minute_bars_of_one_share_give_tens_of_trades_a_day() {
    let Some(bars) = read("bars_1m/us_equity_2013.csv.gz", Timeframe::MINUTE, Some("IBM")) else { return };
    let run = run(&bars, Timeframe::MINUTE);
    let days =
        bars.keys().map(|ts| ts.floor_to(86_400_000_000_000)).collect::<std::collections::BTreeSet<_>>();
    let per_day = run.changes as f64 / days.len() as f64;
    println!(
        "IBM: {} steps, {} days, {per_day:.1} changes of target a day, first at step {:?}, gross {:.2}, regimes {:?}",
        run.steps,
        days.len(),
        run.first_trade,
        run.gross_max,
        run.regimes
    );
    assert!((10.0..100.0).contains(&per_day), "{per_day}");
    assert!(run.first_trade.is_some_and(|step| step < 120), "it trades within the first hours");
}

#[test]
fn daily_bars_of_a_large_universe_trade_for_years_within_limits() {
    let Some(bars) = read("bars_1d/us_equity_adj_1999_2011.csv.gz", Timeframe::DAY, None) else { return };
    let run = run(&bars, Timeframe::DAY);
    let per_step = run.changes as f64 / run.steps as f64;
    println!(
        "69 shares: {} days, {} changes of target, {per_step:.1} a day, first at {:?}, gross {:.2}, regimes {:?}",
        run.steps, run.changes, run.first_trade, run.gross_max, run.regimes
    );
    assert!((0.5..20.0).contains(&per_step), "{per_step}");
    assert!(run.first_trade.is_some_and(|step| step < 60));
    assert!(run.gross_max <= 1.0 + 1e-9);
    assert!(run.regimes.iter().all(|steps| *steps > 100), "all regimes occur in twelve years");
    assert!(run.regimes[Regime::Normal.index()] > run.steps / 3);
}
