//! Bars by number of trades, volume and traded value.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod scenario;

use proptest::prelude::*;
use tensortrade_market::bars::{Activity, ActivityBars, Output};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Gap, GapReason, Money, Price, Qty, Tick};

use scenario::{p, q, ts};

fn activity(activity: Activity) -> ActivityBars {
    ActivityBars::new(activity, SessionKind::UsEquity, true, false).unwrap()
}

fn trades(sizes: &[(i64, &str, i64)]) -> Vec<Tick> {
    let open = ts("2013-10-07T13:30:00Z");
    sizes
        .iter()
        .map(|(s, price, size)| Tick::trade(open.plus_nanos(s * 1_000_000_000), p(price), q(*size)))
        .collect()
}

fn closed(builder: &mut ActivityBars, ticks: &[Tick]) -> Vec<Bar> {
    let mut out = Vec::new();
    builder.push_all(ticks, &mut out);
    builder.flush(&mut out);
    out.iter().filter_map(Output::bar).copied().collect()
}

#[test]
fn a_trade_is_never_split_between_volume_bars() {
    let mut builder = activity(Activity::Volume(q(100)));
    let bars = closed(&mut builder, &trades(&[(0, "10", 60), (1, "11", 90), (2, "12", 250), (3, "13", 10)]));
    let volumes: Vec<_> = bars.iter().map(|b| (b.volume, b.trades)).collect();
    assert_eq!(volumes, [(q(150), 2), (q(250), 1), (q(10), 1)]);
}

#[test]
fn tick_bars_count_trades_and_value_bars_money() {
    let ticks = trades(&[(0, "10", 1), (0, "10", 1), (0, "11", 1), (1, "12", 1), (1, "13", 1)]);
    let bars = closed(&mut activity(Activity::Trades(2)), &ticks);
    assert_eq!(bars.iter().map(|b| b.trades).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(bars.windows(2).all(|pair| pair[0].end <= pair[1].start));
    let bars = closed(&mut activity(Activity::Value(Money::from_units(31).unwrap())), &ticks);
    assert_eq!(bars.iter().map(|b| b.close).collect::<Vec<_>>(), [p("11"), p("13")]);
    for none in [Activity::Trades(0), Activity::Volume(Qty::ZERO), Activity::Value(Money::ZERO)] {
        assert!(ActivityBars::new(none, SessionKind::Always, true, false).is_err());
    }
}

#[test]
fn a_session_boundary_closes_an_unfilled_activity_bar() {
    let mut builder = activity(Activity::Trades(100));
    let mut out = Vec::new();
    builder.push_all(
        &[
            Tick::trade(ts("2013-10-07T13:29:59Z"), p("10"), q(1)),
            Tick::trade(ts("2013-10-07T13:30:00Z"), p("11"), q(1)),
        ],
        &mut out,
    );
    assert_eq!(out.len(), 1);
    builder.advance(ts("2013-10-07T19:59:59Z"), &mut out);
    assert_eq!(out.len(), 1);
    builder.advance(ts("2013-10-07T20:00:00Z"), &mut out);
    assert_eq!(out.len(), 2);
    // A trade of the closed phase is late now.
    builder.push_all(&[Tick::trade(ts("2013-10-07T19:59:59Z"), p("99"), q(1))], &mut out);
    assert_eq!((builder.counts().late, builder.peek()), (1, None));
}

#[test]
fn a_declared_loss_ends_an_activity_bar_and_is_put_out_as_a_gap() {
    let mut builder = activity(Activity::Trades(100));
    let mut out = Vec::new();
    builder.push_all(&trades(&[(0, "10", 1), (1, "10", 1)]), &mut out);
    let from = ts("2013-10-07T13:30:05Z");
    builder.mark(Gap { from, to: from.plus_nanos(1_000_000_000), reason: GapReason::FeedLost }, &mut out);
    builder.push_all(&trades(&[(7, "11", 1)]), &mut out);
    builder.flush(&mut out);
    assert_eq!(out.len(), 3);
    assert!(matches!(out[1], Output::Gap(_)));
    assert!(out.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn activity_bars_conserve_volume_stay_in_order_and_survive_a_restart(
        steps in prop::collection::vec((-2i64..60, 1i64..100, 0i64..200), 1..200),
        threshold in 1i64..500, kind in 0u8..3, cut in 0usize..200,
    ) {
        let activity = match kind {
            0 => Activity::Trades(threshold as u32 % 20 + 1),
            1 => Activity::Volume(q(threshold)),
            _ => Activity::Value(Money::from_units(threshold * 10).unwrap()),
        };
        let mut at = ts("2013-10-07T19:50:00Z");
        let ticks: Vec<_> = steps.iter().map(|(step, price, size)| {
            at = at.plus_nanos(step.max(&0) * 1_000_000_000);
            Tick::trade(at.plus_nanos(step.min(&0) * 1_000), Price::from_raw(price * Price::ONE).unwrap(), q(*size))
        }).collect();
        let mut whole = ActivityBars::new(activity, SessionKind::UsEquity, true, false).unwrap();
        let mut out = Vec::new();
        whole.push_all(&ticks, &mut out);
        let cut = cut.min(ticks.len());
        let mut first = ActivityBars::new(activity, SessionKind::UsEquity, true, false).unwrap();
        let mut in_parts = Vec::new();
        first.push_all(&ticks[..cut], &mut in_parts);
        let mut second: ActivityBars = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
        second.push_all(&ticks[cut..], &mut in_parts);
        prop_assert_eq!(&in_parts, &out);
        prop_assert_eq!(&second, &whole);
        whole.flush(&mut out);
        let bars: Vec<_> = out.iter().filter_map(Output::bar).collect();
        prop_assert!(bars.iter().all(|b| b.is_sane() && b.low <= b.vwap && b.vwap <= b.high));
        prop_assert!(bars.windows(2).all(|pair| pair[0].end <= pair[1].start));
        prop_assert_eq!(bars.iter().map(|b| u64::from(b.trades)).sum::<u64>(), whole.counts().trades);
        let lost = whole.counts().late + whole.counts().outside_session;
        let total: i64 = steps.iter().map(|(_, _, size)| size).sum();
        let volume: i64 = bars.iter().map(|b| b.volume.raw()).sum();
        prop_assert!(volume <= q(total).raw());
        if lost == 0 {
            prop_assert_eq!(volume, q(total).raw());
        }
    }
}
