//! What the ticks look like.

use tensortrade_broker::simulated::{Market, SimulatedOptions};
use tensortrade_market::{Price, Qty, Tick, TickData, Ts};

use super::{drain, feed, options, symbol, ticks, ts};

const CENT: i64 = 10_000_000;

/// Checks a stream of ticks, and returns the relative spreads of its quotes.
fn check(ticks: &[Tick]) -> Vec<f64> {
    let mut market: Option<(Price, Price)> = None;
    let mut last = Ts::ZERO;
    let mut spreads = Vec::new();
    for tick in ticks {
        assert!(tick.ts >= last, "time runs backwards at {}", tick.ts);
        last = tick.ts;
        match tick.data {
            TickData::Quote { bid: Some(bid), ask: Some(ask), bid_size, ask_size } => {
                assert!(Price::ZERO < bid && bid < ask, "{tick:?}");
                assert!(bid.raw() % CENT == 0 && ask.raw() % CENT == 0, "{tick:?} is off the grid");
                assert!(bid_size > Qty::ZERO && ask_size > Qty::ZERO);
                spreads.push((ask.raw() - bid.raw()) as f64 / bid.raw() as f64);
                market = Some((bid, ask));
            }
            TickData::Quote { .. } => panic!("quotes have two sides: {tick:?}"),
            TickData::Trade { price, size } => {
                let (bid, ask) = market.expect("a quote comes before the first trade");
                assert!(bid <= price && price <= ask, "trade {tick:?} outside {bid} to {ask}");
                assert!(price.raw() % CENT == 0 && size >= Qty::from_units(1).unwrap());
                assert_eq!(size.raw() % Qty::ONE, 0, "whole shares");
            }
        }
    }
    spreads
}

#[test]
fn quotes_are_on_the_grid_and_uncrossed_and_trades_happen_between_them() {
    for (seed, name) in [(1, "IBM"), (2, "AIG"), (3, "TSLA"), (4, "PENNY")] {
        for day in ["2025-03-03", "2031-06-03", "2044-10-04"] {
            let from = ts(day);
            let mut all = feed(SimulatedOptions {
                until: Some(from.plus_nanos(86_400_000_000_000)),
                start: from,
                ..options(seed, &[name], day, day)
            });
            let ticks = drain(&mut all).remove(&symbol(name)).unwrap();
            // The auction's print has no quote of its own; the last one stands.
            let continuous = &ticks[..ticks.len() - 1];
            assert!(check(continuous).len() > 10_000);
        }
    }
}

#[test]
fn the_number_of_ticks_follows_the_rate_and_the_hour() {
    for rate in [60, 600] {
        let base = options(8, &["IBM", "AIG", "SPY"], "2025-03-03", "2025-03-08");
        let ticks = drain(&mut feed(SimulatedOptions { ticks_per_symbol_minute: rate, ..base }));
        let total: usize = ticks.values().map(Vec::len).sum();
        let mean = total as f64 / (3.0 * 5.0 * 390.0);
        assert!((mean / f64::from(rate) - 1.0).abs() < 0.12, "{mean} ticks a minute, not {rate}");
        let between = |from: &str, to: &str| {
            let all = ticks.values().flatten();
            all.filter(|t| {
                let clock = t.ts.to_string();
                from <= &clock[11..16] && &clock[11..16] < to
            })
            .count()
        };
        let (open, noon, close) =
            (between("14:30", "15:00"), between("17:30", "18:00"), between("20:30", "21:00"));
        assert!(open as f64 > 1.5 * noon as f64 && close as f64 > 1.5 * noon as f64, "{open} {noon} {close}");
    }
}

#[test]
fn trade_sizes_have_a_heavy_tail() {
    let mut sizes: Vec<f64> = ticks(1, "IBM", "2025-03-03", "2025-03-04")
        .iter()
        .filter_map(|tick| match tick.data {
            TickData::Trade { size, .. } => Some(size.to_f64()),
            TickData::Quote { .. } => None,
        })
        .collect();
    sizes.sort_by(f64::total_cmp);
    let at = |share: f64| sizes[(share * sizes.len() as f64) as usize];
    assert!(at(0.999) > 15.0 * at(0.5), "median {} and one in a thousand {}", at(0.5), at(0.999));
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    assert!(mean > 1.3 * at(0.5), "the mean {mean} stands well above the median {}", at(0.5));
}

#[test]
fn spreads_widen_with_volatility() {
    let mut market = Market::new(11);
    let mut sums = [(0.0, 0usize); 3];
    for day in (1_300..1_900).step_by(12) {
        let (regime, open) = market.day(day).map(|facts| (facts.regime, facts.session.open)).unwrap();
        let options = SimulatedOptions {
            start: open,
            until: Some(open.plus_nanos(600_000_000_000)),
            ..options(11, &["IBM", "AIG"], "2025-03-03", "2025-03-03")
        };
        for ticks in drain(&mut feed(options)).values() {
            let spreads = check(ticks);
            sums[regime].0 += spreads.iter().sum::<f64>();
            sums[regime].1 += spreads.len();
        }
    }
    let [calm, neutral, crisis] = sums.map(|(sum, count)| {
        assert!(count > 0, "every regime occurs in these days");
        sum / count as f64
    });
    assert!(calm < neutral && neutral < crisis && crisis > 2.0 * calm, "{calm} {neutral} {crisis}");
}
