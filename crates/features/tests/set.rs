//! The features of one symbol as a whole: gaps, order, snapshots, memory, speed.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use proptest::prelude::*;
use tensortrade_features::{FeatureConfig, FeatureError, FeatureSet, Manifest};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Gap, GapReason, Price, Qty, Symbol, Timeframe, Ts};

const FRAMES: [Timeframe; 3] = [Timeframe::MINUTE, Timeframe::MINUTES_5, Timeframe::HOUR];

fn set() -> FeatureSet {
    FeatureSet::new(&FeatureConfig::default(), &FRAMES, SessionKind::UsEquity).unwrap()
}

fn bar(minute: i64, close: f64) -> Bar {
    let start = Ts::from_secs(60 * minute);
    let at = |v: f64| Price::from_f64(v).unwrap();
    let prices = [at(close), at(close * 1.001), at(close * 0.999), at(close)];
    Bar::ohlcv(start, start.plus_nanos(Timeframe::MINUTE.nanos()), prices, Qty::ZERO)
}

fn price(minute: i64) -> f64 {
    100.0 + (minute as f64 * 0.37).sin() * 2.0 + (minute as f64 * 0.05).cos()
}

fn run(set: &mut FeatureSet, minutes: std::ops::Range<i64>) {
    for minute in minutes {
        set.update(Timeframe::MINUTE, &bar(minute, price(minute))).unwrap();
    }
}

fn row(set: &FeatureSet) -> Vec<f64> {
    let mut out = vec![0.0; set.width()];
    set.row(&mut out);
    out
}

fn gap(reason: GapReason) -> Gap {
    Gap { from: Ts::from_secs(6_000), to: Ts::from_secs(6_060), reason }
}

#[test]
fn every_column_warms_up_exactly_when_the_manifest_says() {
    let manifest = Manifest::new(&FeatureConfig::default(), &FRAMES).unwrap();
    let mut set = set();
    for minute in 0..100 {
        run(&mut set, minute..minute + 1);
        for (entry, value) in manifest.entries().iter().zip(row(&set)) {
            let warm = entry.timeframe == Timeframe::MINUTE && minute + 1 >= i64::from(entry.lookback);
            assert_eq!(value.is_finite(), warm, "{} after {} bars", entry.name, minute + 1);
        }
    }
    assert!(!set.is_warm(), "the other timeframes have seen nothing");
}

#[test]
fn a_quiet_stretch_keeps_the_state_and_marks_the_row_stale() {
    let mut set = set();
    run(&mut set, 0..100);
    let before = row(&set);
    set.gap(Timeframe::MINUTE, &gap(GapReason::NoData)).unwrap();
    let symbol = Symbol::intern("IBM").unwrap();
    let stale = set.feature_row(symbol, Ts::from_secs(6_060)).unwrap();
    assert!(stale.stale);
    assert_eq!(stale.values[..7], before[..7]);
    run(&mut set, 101..102);
    let fresh = set.feature_row(symbol, Ts::from_secs(6_120)).unwrap();
    assert!(!fresh.stale && fresh.values[0].is_finite());
    assert!((fresh.values[0] - (price(101) / price(99)).ln()).abs() < 1e-9);
}

#[test]
fn nothing_bridges_data_that_was_lost() {
    for reason in [GapReason::FeedLost, GapReason::RingOutrun, GapReason::Quarantined, GapReason::Joined] {
        let mut broken = set();
        run(&mut broken, 0..100);
        broken.gap(Timeframe::MINUTE, &gap(reason)).unwrap();
        assert!(row(&broken).iter().all(|v| v.is_nan()));
        run(&mut broken, 101..102);
        assert!(row(&broken)[0].is_nan(), "the first bar after {reason:?} has no return");
        run(&mut broken, 102..180);
        let mut fresh = set();
        run(&mut fresh, 101..180);
        let bits = |set: &FeatureSet| row(set).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&broken), bits(&fresh), "after {reason:?} it is as if it had started there");
    }
}

#[test]
fn a_gap_in_one_timeframe_leaves_the_others_alone() {
    let mut set = set();
    run(&mut set, 0..100);
    let before = row(&set);
    set.gap(Timeframe::HOUR, &gap(GapReason::FeedLost)).unwrap();
    assert_eq!(row(&set)[..7], before[..7]);
}

#[test]
fn a_repeated_or_late_bar_is_refused_and_changes_nothing() {
    let mut set = set();
    run(&mut set, 0..50);
    let before = set.clone();
    let refused = set.update(Timeframe::MINUTE, &bar(49, 1.0)).unwrap_err();
    assert!(matches!(refused, FeatureError::NotAfter { .. }));
    assert_eq!(
        set.update(Timeframe::DAY, &bar(60, 1.0)),
        Err(FeatureError::UnknownTimeframe(Timeframe::DAY))
    );
    assert_eq!(serde_json::to_string(&set).unwrap(), serde_json::to_string(&before).unwrap());
}

#[test]
fn a_row_goes_stale_when_its_session_is_over() {
    let mut set = set();
    assert_eq!(set.feature_row(Symbol::intern("IBM").unwrap(), Ts::ZERO), None);
    run(&mut set, 0..10);
    let at = |secs| set.feature_row(Symbol::intern("IBM").unwrap(), Ts::from_secs(secs)).unwrap().stale;
    assert!(!at(600) && !at(659) && at(660));
}

#[test]
fn three_timeframes_take_less_than_four_kibibytes() {
    let mut set = set();
    for minute in 0..600 {
        run(&mut set, minute..minute + 1);
        for timeframe in &FRAMES[1..] {
            let mut longer = bar(minute, price(minute));
            longer.start = longer.end.plus_nanos(-1);
            set.update(*timeframe, &longer).unwrap();
        }
    }
    assert!(set.is_warm());
    println!("{} bytes", set.bytes());
    assert!(set.bytes() < 4096, "{} bytes", set.bytes());
}

proptest! {
    #[test]
    fn restoring_a_snapshot_equals_never_having_stopped(
        closes in prop::collection::vec(0.5f64..500.0, 2..160),
        stop in 0usize..160,
    ) {
        let stop = stop.min(closes.len() - 1);
        let mut never = set();
        let mut restored = set();
        for (n, close) in closes.iter().enumerate() {
            if n == stop {
                restored = serde_json::from_str(&serde_json::to_string(&restored).unwrap()).unwrap();
            }
            for set in [&mut never, &mut restored] {
                set.update(Timeframe::MINUTE, &bar(n as i64, *close)).unwrap();
            }
            let bits = |set: &FeatureSet| row(set).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&never), bits(&restored));
        }
    }

    #[test]
    fn a_peek_tells_what_the_update_gives(closes in prop::collection::vec(0.5f64..500.0, 2..80)) {
        use tensortrade_features::{FeatureSpec, Observation, feature::Feature};
        let specs = FeatureConfig::default().specs;
        let simple = FeatureSpec::AverageCross { fast: 3, slow: 7, average: tensortrade_features::average::AverageKind::Simple };
        for spec in specs.iter().chain([&simple]) {
            let mut feature = Feature::new(spec, 252.0);
            let mut previous = None;
            for (n, close) in closes.iter().enumerate() {
                let seen = Observation::new(&bar(n as i64, *close), previous);
                previous = Some(seen.close);
                let (peeked, got) = (feature.peek(&seen), feature.update(&seen));
                prop_assert_eq!(peeked.is_some(), got.is_some());
                if let (Some(peeked), Some(got)) = (peeked, got) {
                    prop_assert!((peeked - got).abs() <= 1e-6 * got.abs().max(1.0));
                }
            }
        }
    }
}
