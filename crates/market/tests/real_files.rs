//! The calendar and the builders over real files of every kind: counts agree with what is known of the files, sessions with
//! the days on which there was trading.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod real_data;

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_market::bars::{Output, TickCounts, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::{Calendar, Date, SessionKind};
use tensortrade_market::{Bar, Instrument, Price, Qty, Symbol, Timeframe, Ts};

fn config(symbol: &str, timeframe: Timeframe, extended: bool) -> TimeBarsConfig {
    TimeBarsConfig::for_instrument(&Instrument::guess(Symbol::intern(symbol).unwrap()), timeframe, extended)
}

/// Builds minutes of a file of one symbol and checks what holds for every file.
fn minutes(file: &str, symbol: &str) -> Option<(TimeBars, Vec<Output>)> {
    let path = real_data::folder()?.join("ticks").join(file);
    let mut builder = TimeBars::new(config(symbol, Timeframe::MINUTE, true));
    let mut out = Vec::new();
    let (mut batch, mut read) = (Vec::new(), 0);
    for row in real_data::rows(path) {
        let field: Vec<&str> = row.split(',').collect();
        batch.extend(real_data::tick(&field));
        if batch.len() == 1_000 {
            read += batch.len() as u64;
            builder.push_all(&batch, &mut out);
            batch.clear();
        }
    }
    read += batch.len() as u64;
    builder.push_all(&batch, &mut out);
    builder.flush(&mut out);
    check(builder.config().sessions, &out);
    let counts = builder.counts();
    let treated = counts.trades + counts.quotes + counts.late + counts.outside_session + counts.far_ahead;
    assert_eq!(treated, read, "every tick of {file} has a treatment: {counts:?}");
    let in_bars: u64 = out.iter().filter_map(Output::bar).map(|b| u64::from(b.trades)).sum();
    assert_eq!(in_bars, counts.trades);
    Some((builder, out))
}

/// Outputs are sane, strictly monotone, and leave no session time out.
fn check(kind: SessionKind, out: &[Output]) {
    let calendar = Calendar::new(kind);
    assert!(out.iter().all(|o| o.start() < o.end() && o.bar().is_none_or(Bar::is_sane)));
    for pair in out.windows(2) {
        let (end, start) = (pair[0].end(), pair[1].start());
        assert!(end == start || (end < start && calendar.session_of(end).is_none()), "{pair:?}");
        assert!(end == start || calendar.next_boundary(end) == Some(start), "{pair:?}");
    }
}

fn bars(out: &[Output]) -> usize {
    out.iter().filter_map(Output::bar).count()
}

#[test]
fn eurusd_minutes_are_midpoints_and_its_crossed_and_locked_rows_are_counted() {
    let Some((builder, out)) = minutes("fx_eurusd_fxcm.csv.gz", "EURUSD") else { return };
    let expected = TickCounts {
        quotes: 674_695,
        crossed: 69_354,
        locked: 82_118,
        outside_session: 706, // around the week's close and open
        ..TickCounts::default()
    };
    assert_eq!((*builder.counts(), bars(&out)), (expected, 9_486));
    let within_a_pip = |b: &Bar| b.spread.is_some_and(|s| s >= Price::ZERO && s.raw() < 100_000);
    let narrow = out.iter().filter_map(Output::bar).filter(|b| within_a_pip(b)).count();
    assert!(narrow * 10 > bars(&out) * 9, "{narrow} bars with a mean spread below one pip");
}

#[test]
fn a_stream_of_one_sided_quotes_gives_bars_of_trades() {
    let Some((builder, out)) = minutes("ib_stream_0700hk.csv.gz", "700.HK") else { return };
    let expected = TickCounts {
        trades: 3_617,
        quotes: 7_037,
        one_sided: 7_037,
        locked: 30,
        repeated: 1_038,
        ..TickCounts::default()
    };
    assert_eq!((*builder.counts(), bars(&out)), (expected, 82));
}

#[test]
fn short_recordings_give_a_bar_for_every_minute() {
    for (file, symbol, minutes_long) in [
        ("crypto_btcusdt_binance_20210108.csv.gz", "BTCUSDT", 1),
        ("crypto_btcusdt_spot_binance.csv.gz", "BTCUSDT", 6),
        ("crypto_btcusdt_usdm_binance.csv.gz", "BTCUSDT", 6),
        ("fx_usdjpy_truefx.csv.gz", "USDJPY", 34),
    ] {
        let Some((builder, out)) = minutes(file, symbol) else { return };
        let counts = builder.counts();
        assert_eq!(counts.late + counts.out_of_order + counts.outside_session + counts.crossed, 0);
        assert_eq!(bars(&out), minutes_long, "{file}");
    }
}

/// The bars of a table by symbol.
fn table(file: &str, timeframe: Timeframe) -> Option<BTreeMap<String, Vec<Bar>>> {
    let mut bars: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
    for row in real_data::rows(real_data::folder()?.join(file)) {
        let field: Vec<&str> = row.split(',').collect();
        let start = Ts::parse(field[0]).unwrap();
        let price = |i: usize| field[i].parse::<Price>().unwrap();
        let ohlc = [price(2), price(3), price(4), price(5)];
        let bar =
            Bar::ohlcv(start, start.plus_nanos(timeframe.nanos()), ohlc, field[6].parse::<Qty>().unwrap());
        bars.entry(field[1].to_owned()).or_default().push(bar);
    }
    Some(bars)
}

#[test]
fn the_calendar_has_a_session_on_exactly_the_days_that_spy_traded_from_1998_to_2011() {
    let Some(table) = table("bars_1d/us_equity_raw_1998_2011.csv.gz", Timeframe::DAY) else { return };
    let calendar = Calendar::new(SessionKind::UsEquity);
    let traded: BTreeSet<Date> = table["SPY"].iter().map(|b| Date::of_utc(b.start)).collect();
    let (first, last) = (traded.first().unwrap().days(), traded.last().unwrap().days());
    let sessions: BTreeSet<Date> =
        (first..=last).map(Date::from_days).filter(|d| calendar.session_on(*d).is_some()).collect();
    assert_eq!(sessions.symmetric_difference(&traded).collect::<Vec<_>>(), Vec::<&Date>::new());
    let mut builder = TimeBars::new(config("SPY", Timeframe::DAY, false));
    let mut out = Vec::new();
    table["SPY"].iter().for_each(|bar| builder.push_bar(bar, &mut out));
    assert_eq!(bars(&out), out.len(), "no session is missing");
}

#[test]
fn daily_bars_of_69_symbols_go_in_and_their_missing_sessions_come_out_as_gaps() {
    let Some(table) = table("bars_1d/us_equity_adj_1999_2011.csv.gz", Timeframe::DAY) else { return };
    let (mut accepted, mut dropped, mut gaps) = (0, 0, 0);
    for (symbol, rows) in &table {
        let mut builder = TimeBars::new(config(symbol, Timeframe::DAY, false));
        let mut out = Vec::new();
        rows.iter().for_each(|bar| builder.push_bar(bar, &mut out));
        assert!(out.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
        accepted += builder.bar_counts().accepted;
        dropped += rows.len() as u64 - builder.bar_counts().accepted;
        gaps += out.len() - bars(&out);
    }
    assert_eq!((table.len(), accepted, dropped, gaps), (69, 217_538, 0, 138));
}

#[test]
fn minute_bars_of_36_symbols_across_a_daylight_saving_change_leave_no_silent_hole() {
    let Some(table) = table("bars_1m/us_equity_xsec_2018a.csv.gz", Timeframe::MINUTE) else { return };
    let (mut accepted, mut dropped, mut gaps) = (0, 0, 0);
    for (symbol, rows) in &table {
        let mut builder = TimeBars::new(config(symbol, Timeframe::MINUTE, false));
        let mut out = Vec::new();
        rows.iter().for_each(|bar| builder.push_bar(bar, &mut out));
        for pair in out.windows(2) {
            let overnight = pair[1].start().since(pair[0].end()) > 0;
            assert!(pair[0].end() <= pair[1].start());
            assert!(!overnight || pair[0].end().to_string().ends_with(":01:00Z"), "{pair:?}");
        }
        accepted += builder.bar_counts().accepted;
        dropped += rows.len() as u64 - builder.bar_counts().accepted;
        gaps += out.len() - bars(&out);
    }
    assert_eq!((table.len(), accepted, dropped, gaps), (36, 280_840, 0, 627));
}
