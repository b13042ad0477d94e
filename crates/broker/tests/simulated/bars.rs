//! Bars computed from the path are the bars that the builders make of the ticks.

use futures::executor::block_on;
use tensortrade_broker::Feed;
use tensortrade_broker::simulated::{Market, SimulatedOptions, bars, instrument, regime_at};
use tensortrade_market::bars::{Output, TimeBars, TimeBarsConfig};
use tensortrade_market::{Bar, Timeframe};

use super::{drain, feed, options, symbol, ts};

/// What the shared bar builder makes of the ticks; panics if there is a gap in session time.
fn built(seed: u64, name: &str, timeframe: Timeframe, rate: u32, start: &str, until: &str) -> Vec<Bar> {
    let base = options(seed, &[name], start, until);
    let ticks = drain(&mut feed(SimulatedOptions { ticks_per_symbol_minute: rate, ..base }));
    let mut builder =
        TimeBars::new(TimeBarsConfig::for_instrument(&instrument(symbol(name)), timeframe, false));
    let mut out = Vec::new();
    builder.push_all(&ticks[&symbol(name)], &mut out);
    builder.advance(ts(until), &mut out);
    out.iter()
        .filter_map(|output| match output {
            Output::Closed(bar) => Some(*bar),
            // Seconds without a trade are normal, longer intervals without one are not.
            Output::Gap(gap) if timeframe < Timeframe::MINUTE => {
                assert!(gap.to.since(gap.from) < 60_000_000_000, "{gap:?}");
                None
            }
            Output::Gap(gap) => panic!("{gap:?}"),
        })
        .collect()
}

#[test]
fn bars_from_the_path_are_the_bars_built_from_the_ticks() {
    let mut market = Market::new(21);
    // Three days with an early close among them.
    let (start, until) = ("2025-07-02", "2025-07-08");
    for (name, rate) in [("IBM", 60), ("AIG", 16), ("SPY", 700)] {
        for timeframe in ["15s", "90s", "1m", "5m", "1h", "4h", "1d"] {
            let timeframe: Timeframe = timeframe.parse().unwrap();
            let computed = market.bars(symbol(name), timeframe, rate, ts(start), ts(until));
            let built = built(21, name, timeframe, rate, start, until);
            assert_eq!(computed.len(), built.len(), "{name} {timeframe}");
            for (computed, built) in computed.iter().zip(&built) {
                assert!(computed.is_sane());
                assert!(computed.low <= computed.vwap && computed.vwap <= computed.high);
                // The volume-weighted price of whole minutes is an estimate, the rest is exact.
                assert_eq!(Bar { vwap: built.vwap, ..*computed }, *built, "{name} {timeframe}");
                let range = (built.high.raw() - built.low.raw()).abs();
                assert!((computed.vwap.raw() - built.vwap.raw()).abs() <= range);
            }
        }
    }
}

#[test]
fn the_message_rate_does_not_move_prices_or_volumes() {
    let mut market = Market::new(4);
    let mut at =
        |rate| market.bars(symbol("IBM"), Timeframe::MINUTE, rate, ts("2025-03-03"), ts("2025-03-05"));
    let (slow, fast) = (at(16), at(5_000));
    assert_eq!(slow.len(), 2 * 391);
    for (slow, fast) in slow.iter().zip(&fast) {
        assert_eq!(Bar { trades: slow.trades, ..*fast }, *slow);
        assert!(slow.trades <= fast.trades);
    }
}

#[test]
fn history_is_the_end_of_the_bars_and_meets_the_stream_without_a_seam() {
    let mut feed = feed(options(4, &["IBM"], "2025-03-05T15:00:00Z", "2025-03-06"));
    let until = ts("2025-03-05T15:00:00Z");
    for (timeframe, count) in [("1m", 1_000), ("5m", 300), ("1h", 100), ("1d", 300), ("10s", 50)] {
        let timeframe: Timeframe = timeframe.parse().unwrap();
        let history = block_on(feed.history(symbol("IBM"), timeframe, until, count)).unwrap();
        assert_eq!(history.len(), count, "{timeframe}");
        assert!(history.windows(2).all(|pair| pair[0].end <= pair[1].start));
        assert!(history.iter().all(|bar| bar.end <= until));
        let all = bars(4, symbol("IBM"), timeframe, history[0].start, until);
        assert_eq!(history, all, "{timeframe}");
    }
    // Around opens, closes, an early close and in the middle of an interval: never one too few.
    for until in
        ["2025-07-03T13:30:00Z", "2025-07-03T13:31:30Z", "2025-07-03T17:00:30Z", "2025-07-07T15:20:00Z"]
    {
        let until = ts(until);
        for (timeframe, counts) in
            [("1m", [1, 30, 391, 602]), ("90s", [1, 7, 100, 300]), ("1h", [1, 2, 8, 30])]
        {
            let timeframe: Timeframe = timeframe.parse().unwrap();
            let all = bars(4, symbol("IBM"), timeframe, ts("2025-06-20"), until);
            for count in counts {
                let history = block_on(feed.history(symbol("IBM"), timeframe, until, count)).unwrap();
                assert_eq!(history, all[all.len() - count..], "{count} of {timeframe} until {until}");
            }
        }
    }
    let history = block_on(feed.history(symbol("IBM"), Timeframe::MINUTE, until, 1)).unwrap();
    assert_eq!(history[0].end, until, "the last minute before the stream");
    assert!(block_on(feed.history(symbol("IBM"), Timeframe::MINUTE, until, 0)).unwrap().is_empty());
    let before_all = ts("2020-01-02T14:30:00Z");
    assert!(block_on(feed.history(symbol("IBM"), Timeframe::MINUTE, before_all, 5)).unwrap().is_empty());
    // Whatever was asked, the stream is what it would have been.
    for until in ["2025-03-05T15:00:00Z", "2025-07-03"] {
        let asked = || super::feed(options(4, &["IBM"], "2025-03-05T15:00:00Z", "2025-03-06"));
        let (mut feed, mut silent) = (asked(), asked());
        block_on(feed.history(symbol("IBM"), Timeframe::MINUTE, ts(until), 400)).unwrap();
        assert_eq!(drain(&mut feed), drain(&mut silent), "asked for history until {until}");
    }
}

#[test]
fn a_day_bar_is_the_sum_of_its_minutes_and_carries_its_days_label() {
    let (from, to) = (ts("2025-03-03"), ts("2025-04-01"));
    let days = bars(4, symbol("IBM"), Timeframe::DAY, from, to);
    let minutes = bars(4, symbol("IBM"), Timeframe::MINUTE, from, to);
    assert_eq!(days.len(), 21);
    let mut market = Market::new(4);
    for day in &days {
        let parts: Vec<_> = minutes.iter().filter(|m| day.start <= m.start && m.end <= day.end).collect();
        assert_eq!(parts.len(), 391);
        assert_eq!((day.open, day.close), (parts[0].open, parts[390].close));
        assert_eq!(Some(day.high), parts.iter().map(|m| m.high).max());
        assert_eq!(day.volume.raw(), parts.iter().map(|m| m.volume.raw()).sum::<i64>());
        let number = market.day_at(day.start).unwrap();
        let truth = market.day(number).unwrap();
        assert_eq!(truth.session.open, day.start);
        let regime = truth.regime;
        assert_eq!(regime_at(4, day.start), regime);
        assert_eq!(regime_at(4, day.end.plus_nanos(-1)), regime);
    }
}
