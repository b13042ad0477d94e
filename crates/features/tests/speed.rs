//! What a bar costs. Printed in every build; held to its bound in optimised ones, where the number means something.

#![allow(clippy::unwrap_used, reason = "a helper of a test may stop the test")]

use tensortrade_features::{FeatureConfig, FeatureSet};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Price, Qty, Timeframe, Ts};

#[test]
fn a_bar_takes_less_than_a_hundred_nanoseconds() {
    let bars: Vec<Bar> = (0..200_000)
        .map(|n| {
            let start = Ts::from_secs(60 * n);
            let close = 100.0 + (n as f64 * 0.01).sin();
            let prices = [close, close + 0.1, close - 0.1, close].map(|p| Price::from_f64(p).unwrap());
            Bar::ohlcv(start, start.plus_nanos(Timeframe::MINUTE.nanos()), prices, Qty::ZERO)
        })
        .collect();
    let mut set =
        FeatureSet::new(&FeatureConfig::default(), &[Timeframe::MINUTE], SessionKind::UsEquity).unwrap();
    // The best of many runs, each far shorter than a scheduler's slice: what a bar costs, not what else the machine does.
    let mut best = f64::MAX;
    for run in bars.chunks(1_000) {
        #[expect(clippy::disallowed_methods, reason = "a measurement of the machine, not market time")]
        let begin = std::time::Instant::now();
        for bar in run {
            set.update(Timeframe::MINUTE, bar).unwrap();
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / run.len() as f64);
    }
    assert!(set.is_warm());
    println!("{best:.1} ns a bar and timeframe, seven features");
    // Without full optimisation only an accidental O(n) is looked for.
    let bound = if cfg!(debug_assertions) { 1_000.0 } else { 100.0 };
    assert!(best < bound, "{best:.1} ns");
}
