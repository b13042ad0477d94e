//! The cross-section of a step.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use std::sync::Arc;

use proptest::prelude::*;
use tensortrade_features::{
    FeatureConfig, FeatureRow, FeatureSpec, FrameError, Manifest, RowState, StepFrame, StepFrameBuilder,
};
use tensortrade_market::{GapReason, Price, Symbol, Timeframe, Ts};

const T: Ts = Ts::from_secs(600);

fn manifest() -> Arc<Manifest> {
    let config =
        FeatureConfig { specs: vec![FeatureSpec::LogReturn { bars: 1 }, FeatureSpec::ZScore { bars: 5 }] };
    Arc::new(Manifest::new(&config, &[Timeframe::MINUTE]).unwrap())
}

fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

fn row(name: &str, value: f64) -> FeatureRow {
    let close = Price::from_f64(10.0 + value).unwrap();
    FeatureRow {
        symbol: symbol(name),
        ts: T,
        close,
        close_ts: T,
        values: vec![value, f64::NAN],
        stale: false,
    }
}

fn text(frame: &StepFrame) -> String {
    format!("{:?} {:?} {:?} {:?}", frame.symbols(), frame.states(), frame.closes(), frame.values())
}

#[test]
fn rows_are_sorted_by_name_and_missing_ones_are_masked() {
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(7, T, ["IBM", "AIG", "SPY", "BAC"].map(symbol));
    builder.row(&row("SPY", 3.0)).unwrap();
    builder.row(&FeatureRow { stale: true, ..row("AIG", 1.0) }).unwrap();
    builder.gap(symbol("BAC"), T, GapReason::NoData).unwrap();
    assert!(!builder.is_complete());
    assert_eq!(builder.waiting().collect::<Vec<_>>(), [symbol("IBM")]);
    let frame = builder.finish();
    let missing = |reason| RowState::Missing(reason);
    assert_eq!(frame.symbols(), ["AIG", "BAC", "IBM", "SPY"].map(symbol));
    assert_eq!(
        frame.states(),
        [RowState::Stale, missing(GapReason::NoData), missing(GapReason::Late), RowState::Fresh]
    );
    assert_eq!((frame.step, frame.ts, frame.len(), frame.width()), (7, T, 4, 2));
    assert_eq!(frame.value(3, 0), Some(3.0));
    assert_eq!((frame.value(3, 1), frame.value(1, 0), frame.value(4, 0)), (None, None, None));
    assert_eq!(frame.position(symbol("SPY")), Some(3));
    assert!(frame.closes()[1].is_none() && frame.closes()[3].is_some());
}

#[test]
fn an_answer_that_is_taken_back_leaves_nothing_and_may_come_again() {
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(1, T, ["AIG", "IBM"].map(symbol));
    let at = builder.row(&row("IBM", 1.0)).unwrap();
    assert_eq!((at, builder.position(symbol("IBM"))), (1, Some(1)));
    let before = builder.gap(symbol("AIG"), T, GapReason::NoData).unwrap();
    assert!(builder.is_complete());
    builder.retract(at);
    builder.retract(at);
    builder.retract(99);
    assert_eq!(builder.waiting().collect::<Vec<_>>(), [symbol("IBM")]);
    builder.retract(before);
    builder.row(&row("AIG", 4.0)).unwrap();
    let frame = builder.finish();
    assert_eq!(frame.states(), [RowState::Fresh, RowState::Missing(GapReason::Late)]);
    assert!(frame.closes()[1].is_none() && frame.row(1).unwrap().iter().all(|v| v.is_nan()));
    assert_eq!(frame.value(0, 0), Some(4.0));
}

#[test]
fn what_does_not_belong_to_the_step_is_refused() {
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(1, T, ["IBM", "AIG"].map(symbol));
    builder.row(&row("IBM", 1.0)).unwrap();
    assert_eq!(builder.row(&row("IBM", 2.0)), Err(FrameError::Repeated(symbol("IBM"), 1)));
    assert_eq!(builder.row(&row("SPY", 2.0)), Err(FrameError::NotExpected(symbol("SPY"), 1)));
    let late = FeatureRow { ts: Ts::from_secs(540), ..row("AIG", 2.0) };
    assert!(matches!(builder.row(&late), Err(FrameError::OtherStep { .. })));
    let narrow = FeatureRow { values: vec![1.0], ..row("AIG", 2.0) };
    assert!(matches!(builder.row(&narrow), Err(FrameError::OtherWidth { .. })));
    builder.row(&row("AIG", 2.0)).unwrap();
    assert!(builder.is_complete());
    assert_eq!(builder.finish().value(1, 0), Some(1.0));
    assert!(builder.row(&row("AIG", 2.0)).is_err(), "no step is open");
}

#[test]
fn a_symbol_that_left_is_not_waited_for() {
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(1, T, ["IBM", "AIG"].map(symbol));
    builder.row(&row("IBM", 1.0)).unwrap();
    builder.excuse(symbol("AIG"), GapReason::Quarantined);
    builder.excuse(symbol("AIG"), GapReason::Late);
    builder.excuse(symbol("NEVER"), GapReason::Late);
    assert!(builder.is_complete());
    assert_eq!(builder.finish().states()[0], RowState::Missing(GapReason::Quarantined));
}

#[test]
fn a_recycled_frame_leaves_nothing_behind() {
    let mut builder = StepFrameBuilder::new(manifest());
    builder.begin(1, T, ["IBM", "AIG"].map(symbol));
    builder.row(&row("IBM", 1.0)).unwrap();
    let old = builder.finish();
    builder.recycle(old);
    assert!(builder.row(&row("IBM", 1.0)).is_err(), "no step is open");
    builder.begin(2, T, ["AIG"].map(symbol));
    let frame = builder.finish();
    assert_eq!(frame.len(), 1);
    assert!(frame.values().iter().all(|v| v.is_nan()));
    assert_eq!(frame.states(), [RowState::Missing(GapReason::Late)]);
}

proptest! {
    #[test]
    fn the_frame_does_not_depend_on_the_order_of_arrival(
        order in Just((0..12usize).collect::<Vec<_>>()).prop_shuffle(),
        absent in prop::collection::btree_set(0..12usize, 0..6),
    ) {
        let names: Vec<String> = (0..12).map(|n| format!("S{n}")).collect();
        let build = |order: &[usize]| {
            let mut builder = StepFrameBuilder::new(manifest());
            builder.begin(1, T, order.iter().map(|n| symbol(&names[*n])));
            for n in order {
                if !absent.contains(n) {
                    builder.row(&row(&names[*n], *n as f64)).unwrap();
                }
            }
            text(&builder.finish())
        };
        prop_assert_eq!(build(&order), build(&(0..12).collect::<Vec<_>>()));
    }
}
