//! Minutes built from real ticks against the vendor's minute bars of the same days: every difference has a cause, and with
//! all causes removed none is left. `docs/bars.md` tells the story; the numbers asserted here are the ones it prints.
//!
//! The vendor's bars follow four rules that need the sale conditions of a print. A [`Tick`] does not carry these, on
//! purpose: the builder makes bars of everything that traded, and this test shows what that costs. Each rule is applied to
//! the prints *before* they are given to the same builder.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod real_data;
mod vendor;

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_market::bars::{Output, QuoteBars, TickCounts, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::time::NS_PER_DAY;
use tensortrade_market::{Bar, Price, Qty, Tick, TickData, Timeframe, Ts};

use vendor::{Print, RULES, Rule, ruled};

fn minutes(ticks: &[Tick], quote_bars: QuoteBars) -> (BTreeMap<Ts, Bar>, TickCounts) {
    let mut builder = TimeBars::new(TimeBarsConfig {
        timeframe: Timeframe::MINUTE,
        sessions: SessionKind::UsEquity,
        extended: true,
        quote_bars,
        negative_prices: false,
    });
    let mut out = Vec::new();
    builder.push_all(ticks, &mut out);
    builder.flush(&mut out);
    (out.iter().filter_map(Output::bar).map(|bar| (bar.start, *bar)).collect(), *builder.counts())
}

type Ohlcv = ([Price; 4], Qty);

/// Prices of one builder, volumes of the other.
fn table(prints: &[Print], rules: &[Rule]) -> BTreeMap<Ts, Ohlcv> {
    let (priced, sized) = ruled(prints, rules);
    let (prices, volumes) = (minutes(&priced, QuoteBars::Never).0, minutes(&sized, QuoteBars::Never).0);
    let mut table: BTreeMap<Ts, Ohlcv> = prices.iter().map(|(at, b)| (*at, (ohlc(b), Qty::ZERO))).collect();
    for (at, bar) in &volumes {
        let (_, (_, volume)) =
            table.range_mut(..=*at).next_back().expect("the first print of a file sets a price");
        *volume = volume.checked_add(bar.volume).unwrap();
    }
    table
}

fn ohlc(bar: &Bar) -> [Price; 4] {
    [bar.open, bar.high, bar.low, bar.close]
}

/// Minutes in which two tables differ.
fn differing(a: &BTreeMap<Ts, Ohlcv>, b: &BTreeMap<Ts, Ohlcv>) -> BTreeSet<Ts> {
    a.keys().chain(b.keys()).filter(|at| a.get(at) != b.get(at)).copied().collect()
}

struct Findings {
    minutes: usize,
    /// Minutes that differ when everything that traded makes the bars, and those of them that differ in volume.
    differ: (usize, usize),
    /// For each rule, the minutes that go wrong when it alone is left out.
    needed: [usize; 4],
    /// Bars of midpoints, before the first trade of the file.
    midpoint_bars: usize,
    counts: TickCounts,
}

/// Compares one symbol; fails on a difference that the rules do not explain.
fn compare(symbol: &str, file: &str) -> Option<Findings> {
    let data = real_data::folder()?;
    let (mut ticks, mut prints) = (Vec::new(), Vec::new());
    for row in real_data::rows(data.join("ticks").join(file)) {
        let field: Vec<&str> = row.split(',').collect();
        let tick = real_data::tick(&field).unwrap();
        ticks.push(tick);
        if let TickData::Trade { price, size } = tick.data {
            assert_eq!(field[11], "0", "no trade of these days is flagged suspicious");
            prints.push(Print {
                ts: tick.ts,
                price,
                size,
                conditions: u32::from_str_radix(field[10], 16).unwrap(),
            });
        }
    }
    let days: BTreeSet<i64> = prints.iter().map(|p| p.ts.nanos() / NS_PER_DAY).collect();
    let vendor: BTreeMap<Ts, Ohlcv> = real_data::rows(data.join("bars_1m/us_equity_2013.csv.gz"))
        .filter_map(|row| {
            let field: Vec<&str> = row.split(',').collect();
            let at = Ts::parse(field[0]).unwrap();
            let price = |i: usize| field[i].parse::<Price>().unwrap();
            (field[1] == symbol && days.contains(&(at.nanos() / NS_PER_DAY)))
                .then(|| (at, ([price(2), price(3), price(4), price(5)], field[6].parse().unwrap())))
        })
        .collect();

    // As the node does it: everything in the file, in the file's order.
    let (all, counts) = minutes(&ticks, QuoteBars::default());
    let raw: BTreeMap<Ts, Ohlcv> =
        all.iter().filter(|(_, b)| b.trades > 0).map(|(at, b)| (*at, (ohlc(b), b.volume))).collect();
    let differ = differing(&raw, &vendor);
    let unexplained = differing(&table(&prints, &RULES), &vendor);
    assert!(unexplained.is_empty(), "{symbol}: unexplained minutes {unexplained:?}");
    let mut explained = BTreeSet::new();
    let needed = RULES.map(|left_out| {
        let others: Vec<Rule> = RULES.into_iter().filter(|r| *r != left_out).collect();
        let wrong = differing(&table(&prints, &others), &vendor);
        let count = wrong.len();
        explained.extend(wrong);
        count
    });
    assert!(
        differ.is_subset(&explained),
        "{symbol}: no rule is needed for {:?}",
        differ.difference(&explained)
    );
    let volume = |t: &BTreeMap<Ts, Ohlcv>, at| t.get(at).map(|bar| bar.1);
    let by_volume = differ.iter().filter(|at| volume(&raw, at) != volume(&vendor, at)).count();
    Some(Findings {
        minutes: vendor.len(),
        differ: (differ.len(), by_volume),
        needed,
        midpoint_bars: all.len() - raw.len(),
        counts,
    })
}

#[test]
fn every_minute_of_ibm_is_the_vendors_or_differs_for_a_known_reason() {
    let Some(found) = compare("IBM", "us_equity_ibm.csv.gz") else { return };
    assert_eq!((found.minutes, found.differ), (1300, (644, 11)));
    assert_eq!(found.needed, [635, 6, 3, 6]);
    let counts = TickCounts {
        trades: 84_716,
        quotes: 370_301,
        one_sided: 370_309,
        crossed: 276,
        locked: 2_306,
        repeated: 9_188,
        outside_session: 8,
        ..TickCounts::default()
    };
    assert_eq!((found.midpoint_bars, found.counts), (0, counts));
}

#[test]
fn every_minute_of_spy_is_the_vendors_or_differs_for_a_known_reason() {
    let Some(found) = compare("SPY", "us_equity_spy_trades.csv.gz") else { return };
    assert_eq!((found.minutes, found.differ), (2469, (453, 8)));
    assert_eq!(found.needed, [447, 6, 3, 5]);
    let counts = TickCounts { trades: 1_141_823, repeated: 178_059, ..TickCounts::default() };
    assert_eq!((found.midpoint_bars, found.counts), (0, counts));
}

#[test]
fn every_minute_of_aig_is_the_vendors_or_differs_for_a_known_reason() {
    let Some(found) = compare("AIG", "us_equity_aig.csv.gz") else { return };
    assert_eq!((found.minutes, found.differ), (862, (298, 9)));
    assert_eq!(found.needed, [295, 4, 3, 4]);
    let counts = TickCounts {
        trades: 68_693,
        quotes: 2_198_073,
        one_sided: 2_198_075,
        crossed: 576,
        locked: 76_939,
        repeated: 14_542,
        outside_session: 2,
        ..TickCounts::default()
    };
    assert_eq!((found.midpoint_bars, found.counts), (0, counts));
}
