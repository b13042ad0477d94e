//! Time bars against a slow builder that is plainly right, and against themselves: cut into other batches, stopped and
//! restored, built directly or from shorter bars.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod reference;

use proptest::prelude::*;
use tensortrade_market::bars::{MultiTimeframe, Output, QuoteBars, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::{Calendar, SessionKind};
use tensortrade_market::time::NS_PER_S;
use tensortrade_market::{Bar, Price, Qty, Tick, TickData, Timeframe, Ts};

use reference::{has_session_time, interval_of, reference};

/// Moments just before something happens to the session.
const STARTS: [&str; 9] = [
    "2013-10-07T13:20:00Z", // the open
    "2013-10-07T19:40:00Z", // the close
    "2013-10-07T23:40:00Z", // the end of extended hours
    "2013-11-29T17:45:00Z", // an early close
    "2018-03-09T20:45:00Z", // the last close before summer time, also the end of the forex week
    "2014-05-04T20:30:00Z", // the forex week opens
    "2014-05-06T20:50:00Z", // the forex day turns
    "2012-12-24T21:30:00Z", // forex closes for Christmas
    "2013-12-31T23:50:00Z", // the UTC day turns
];

fn price(raw: i64) -> Price {
    Price::from_raw(raw).unwrap()
}

fn config(
    sessions: SessionKind,
    timeframe: Timeframe,
    extended: bool,
    quote_bars: QuoteBars,
) -> TimeBarsConfig {
    TimeBarsConfig { timeframe, sessions, extended, quote_bars, negative_prices: false }
}

prop_compose! {
    /// Steps of time: mostly small, often none, sometimes back, sometimes across minutes, hours or days.
    fn step()(kind in 0u8..40, small in 0i64..20_000_000_000, wide in 0i64..3_000, long in 1i64..80) -> i64 {
        match kind {
            0..=11 => 0,
            12..=15 => -small * 4,
            16..=19 => wide * NS_PER_S,
            20 => long * 3_600 * NS_PER_S,
            _ => small,
        }
    }
}

prop_compose! {
    fn data()(kind in 0u8..20, level in 1i64..400, size in 0i64..5, spread in -1i64..4) -> TickData {
        let level = level * 10_000_000;
        let ask = level + spread * 10_000_000;
        let quote = |bid, ask| TickData::Quote { bid, ask, bid_size: Qty::ZERO, ask_size: Qty::ZERO };
        match kind {
            0 => TickData::Trade { price: Price::ZERO, size: Qty::from_raw(1) },
            1 => TickData::Trade { price: price(level), size: Qty::from_raw(-1) },
            2..=9 => TickData::Trade { price: price(level), size: Qty::from_raw(size * Qty::ONE / 3) },
            10..=12 => quote(Some(price(level)), None),
            13..=15 => quote(None, Some(price(ask))),
            16 => quote(Some(Price::ZERO), Some(price(ask))),
            _ => quote(Some(price(level)), Some(price(ask))),
        }
    }
}

/// A stream: a start and steps from it; each back-step is from the front, so the front itself never falls back.
fn stream() -> impl Strategy<Value = Vec<Tick>> {
    (0..STARTS.len(), prop::collection::vec((step(), data()), 1..120)).prop_map(|(start, steps)| {
        let mut front = Ts::parse(STARTS[start]).unwrap();
        steps
            .into_iter()
            .map(|(step, data)| {
                let ts = front.plus_nanos(step);
                front = front.max(ts);
                Tick { ts, data }
            })
            .collect()
    })
}

fn kinds() -> impl Strategy<Value = SessionKind> {
    prop::sample::select(vec![SessionKind::UsEquity, SessionKind::Forex24x5, SessionKind::Always])
}

fn timeframes() -> impl Strategy<Value = Timeframe> {
    prop::sample::select(vec![Timeframe::MINUTE, Timeframe::MINUTES_5, Timeframe::HOUR, Timeframe::DAY])
}

fn quote_bars() -> impl Strategy<Value = QuoteBars> {
    prop::sample::select(vec![QuoteBars::Never, QuoteBars::WhenNoTradesEver, QuoteBars::Always])
}

/// What a builder gives for a stream, to the last bar that has data.
fn build(config: TimeBarsConfig, ticks: &[Tick]) -> (TimeBars, Vec<Output>) {
    let mut builder = TimeBars::new(config);
    let mut out = Vec::new();
    builder.push_all(ticks, &mut out);
    builder.flush(&mut out);
    (builder, out)
}

/// Gaps that touch within a session as one, since an interval with unusable ticks only is a gap of its own; and without
/// the gaps after the last bar, since a stream may end in such ticks.
fn joined(config: &TimeBarsConfig, outputs: Vec<Output>) -> Vec<Output> {
    let calendar = Calendar::new(config.sessions);
    let mut out: Vec<Output> = Vec::new();
    for output in outputs {
        match (out.last_mut(), output) {
            (Some(Output::Gap(before)), Output::Gap(gap))
                if before.to == gap.from
                    && calendar.session_date(before.from) == calendar.session_date(gap.from) =>
            {
                before.to = gap.to;
            }
            _ => out.push(output),
        }
    }
    while matches!(out.last(), Some(Output::Gap(_))) {
        out.pop();
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_gives_the_bars_that_the_slow_reference_gives(
        ticks in stream(), kind in kinds(), timeframe in timeframes(), extended: bool, quotes in quote_bars(),
    ) {
        let config = config(kind, timeframe, extended, quotes);
        let (_, out) = build(config, &ticks);
        prop_assert_eq!(joined(&config, out), joined(&config, reference(&config, &ticks)));
    }

    #[test]
    fn batches_and_restored_snapshots_change_nothing(
        ticks in stream(), kind in kinds(), timeframe in timeframes(), extended: bool,
        cuts in prop::collection::vec((0usize..120, any::<bool>()), 0..6),
    ) {
        let config = config(kind, timeframe, extended, QuoteBars::default());
        let (whole, expected) = build(config, &ticks);
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut builder = TimeBars::new(config);
        let mut out = Vec::new();
        let mut from = 0;
        for (cut, restart) in cuts {
            let to = cut.min(ticks.len()).max(from);
            builder.push_all(&ticks[from..to], &mut out);
            from = to;
            if restart {
                let snapshot = serde_json::to_string(&builder).unwrap();
                builder = serde_json::from_str(&snapshot).unwrap();
            }
        }
        builder.push_all(&ticks[from..], &mut out);
        builder.flush(&mut out);
        prop_assert_eq!(out, expected);
        prop_assert_eq!(builder, whole);
    }

    #[test]
    fn outputs_are_monotone_and_leave_no_silent_hole_whatever_the_watermarks(
        ticks in stream(), kind in kinds(), timeframe in timeframes(), extended: bool, every in 1usize..20,
    ) {
        let config = config(kind, timeframe, extended, QuoteBars::default());
        let mut builder = TimeBars::new(config);
        let mut out = Vec::new();
        let mut front = Ts::MIN;
        for batch in ticks.chunks(every) {
            builder.push_all(batch, &mut out);
            front = batch.iter().map(|t| t.ts).fold(front, Ts::max);
            builder.advance(front, &mut out);
            prop_assert!(builder.closed_until().unwrap() <= front || !has_session_time(&config, front, builder.closed_until().unwrap()));
        }
        builder.flush(&mut out);
        for pair in out.windows(2) {
            prop_assert!(pair[0].end() <= pair[1].start(), "{:?}", pair);
            prop_assert!(!has_session_time(&config, pair[0].end(), pair[1].start()), "{:?}", pair);
        }
        let mut volume = 0;
        for output in &out {
            prop_assert!(output.start() < output.end());
            if let Output::Closed(bar) = output {
                prop_assert!(bar.is_sane() && bar.low <= bar.vwap && bar.vwap <= bar.high, "{:?}", bar);
                prop_assert_eq!(interval_of(&config, bar.start), Some((bar.start, bar.end)));
                volume += bar.volume.raw();
            }
        }
        // Volume is conserved: every trade is in a bar or in a count.
        let counts = builder.counts();
        let in_bars: u64 = out.iter().filter_map(Output::bar).map(|b| u64::from(b.trades)).sum();
        prop_assert_eq!(in_bars, counts.trades);
        prop_assert_eq!(counts.far_ahead + counts.overflow + counts.in_gap, 0);
        let good = |t: &&Tick| matches!(t.data, TickData::Trade { price, size } if price > Price::ZERO && size >= Qty::ZERO);
        let total: i64 = ticks.iter().filter(good).map(size).sum();
        prop_assert!(volume <= total);
        if counts.late + counts.outside_session == 0 {
            prop_assert_eq!(volume, total);
        }
        // And each tick has a treatment that says whether it entered.
        let bad_trades = ticks.iter().filter(|t| matches!(t.data, TickData::Trade { .. })).filter(|t| !good(t)).count() as u64;
        prop_assert!(counts.trades + counts.quotes + counts.late + counts.outside_session <= ticks.len() as u64);
        prop_assert!(counts.trades + counts.quotes + counts.late + counts.outside_session + bad_trades >= ticks.len() as u64);
    }

    #[test]
    fn longer_bars_built_from_shorter_ones_equal_those_built_from_ticks(
        ticks in stream(), kind in kinds(), extended: bool,
    ) {
        // In order of time: a tick may be late for its minute and in time for its hour, which is a difference by rule.
        let mut ticks = ticks;
        ticks.sort_by_key(|t| t.ts);
        let base = config(kind, Timeframe::MINUTE, extended, QuoteBars::Never);
        let higher = ["5m", "15m", "1h", "4h", "1d"].map(|t| t.parse::<Timeframe>().unwrap());
        let mut multi = MultiTimeframe::new(base, &higher).unwrap();
        let mut all = Vec::new();
        multi.push_all(&ticks, &mut all);
        multi.flush(&mut all);
        for timeframe in higher {
            let (_, direct) = build(TimeBarsConfig { timeframe, ..base }, &ticks);
            let direct: Vec<_> = bars(direct.iter());
            let aggregated: Vec<_> = bars(all.iter().filter(|(t, _)| *t == timeframe).map(|(_, o)| o));
            prop_assert_eq!(aggregated.len(), direct.len(), "{}", timeframe);
            for (a, d) in aggregated.iter().zip(&direct) {
                // One rounding of each minute's VWAP to a billionth, and one of the result.
                prop_assert!((a.vwap.raw() - d.vwap.raw()).abs() <= 1, "{:?} {:?}", a, d);
                prop_assert_eq!(Bar { vwap: d.vwap, spread: d.spread, ..*a }, *d);
            }
        }
        for timeframe in higher {
            let config = TimeBarsConfig { timeframe, ..base };
            let outputs: Vec<_> = all.iter().filter(|(t, _)| *t == timeframe).map(|(_, o)| *o).collect();
            for pair in outputs.windows(2) {
                prop_assert!(pair[0].end() <= pair[1].start());
                prop_assert!(!has_session_time(&config, pair[0].end(), pair[1].start()), "{:?}", pair);
            }
        }
    }
}

fn bars<'a>(outputs: impl Iterator<Item = &'a Output>) -> Vec<Bar> {
    outputs.filter_map(Output::bar).copied().collect()
}

fn size(tick: &Tick) -> i64 {
    match tick.data {
        TickData::Trade { size, .. } => size.raw(),
        TickData::Quote { .. } => 0,
    }
}
