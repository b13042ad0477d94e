//! Words in which scenarios of ticks and bars are told.
#![allow(dead_code, reason = "each test file uses some of them")]

use tensortrade_market::bars::{Output, QuoteBars, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Gap, GapReason, Price, Qty, Tick, Timeframe, Ts};

pub(crate) fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

pub(crate) fn p(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn q(units: i64) -> Qty {
    Qty::from_units(units).unwrap()
}

pub(crate) fn trade(at: &str, price: &str, size: i64) -> Tick {
    Tick::trade(ts(at), p(price), q(size))
}

pub(crate) fn quote(at: &str, bid: &str, ask: &str) -> Tick {
    let side = |text: &str| (!text.is_empty()).then(|| p(text));
    Tick::quote(ts(at), side(bid), side(ask), Qty::ZERO, Qty::ZERO)
}

pub(crate) fn builder(sessions: SessionKind, timeframe: Timeframe, extended: bool) -> TimeBars {
    TimeBars::new(TimeBarsConfig {
        timeframe,
        sessions,
        extended,
        quote_bars: QuoteBars::default(),
        negative_prices: false,
    })
}

pub(crate) fn minutes() -> TimeBars {
    builder(SessionKind::Always, Timeframe::MINUTE, true)
}

pub(crate) fn feed(builder: &mut TimeBars, ticks: &[Tick]) -> Vec<Output> {
    let mut out = Vec::new();
    builder.push_all(ticks, &mut out);
    out
}

pub(crate) fn advance(builder: &mut TimeBars, to: &str) -> Vec<Output> {
    let mut out = Vec::new();
    builder.advance(ts(to), &mut out);
    out
}

pub(crate) fn gap(from: &str, to: &str) -> Output {
    Output::Gap(Gap { from: ts(from), to: ts(to), reason: GapReason::NoData })
}

pub(crate) fn only_bar(out: &[Output]) -> Bar {
    match out {
        [Output::Closed(bar)] => *bar,
        other => panic!("one bar expected, not {other:?}"),
    }
}
