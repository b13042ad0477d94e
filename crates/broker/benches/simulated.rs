//! How fast the simulated market generates, beside a yardstick: the bare ChaCha8 generator making as many normals as
//! there were ticks.
//!
//! `cargo bench -p tensortrade-broker --bench simulated`

use std::hint::black_box;
use std::time::Instant;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use tensortrade_broker::simulated::{Market, SimulatedFeed, SimulatedOptions};
use tensortrade_market::{Symbol, Timeframe, Ts};

/// Symbols that run together.
const SYMBOLS: usize = 1_000;
/// Ticks after which the measurement ends.
const TICKS: u64 = 24_000_000;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let symbols: Vec<Symbol> = (0..SYMBOLS)
        .map(|i| Symbol::intern(&format!("S{i:04}")).expect("letters and digits are a symbol"))
        .collect();
    let options = SimulatedOptions { seed: 7, symbols: symbols.clone(), ..SimulatedOptions::default() };

    let watch = now();
    let mut feed = SimulatedFeed::new(options).expect("the options are in range");
    let mut rows = feed.next_slice().map_or(0, |slice| slice.batches.iter().map(|b| b.len() as u64).sum());
    let first = watch.elapsed();
    println!("first minute of {SYMBOLS} symbols, five years walked: {:.1} ms", first.as_secs_f64() * 1e3);

    let warm = rows;
    let watch = now();
    while rows - warm < TICKS {
        let Some(slice) = feed.next_slice() else { break };
        rows += black_box(&slice).batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
    }
    let rate = (rows - warm) as f64 / watch.elapsed().as_secs_f64();
    println!("simulated market: {:.2} M ticks/s", rate / 1e6);

    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let watch = now();
    let sum: f64 = (0..TICKS).map(|_| -> f64 { StandardNormal.sample(&mut rng) }).sum();
    black_box(sum);
    let yardstick = TICKS as f64 / watch.elapsed().as_secs_f64();
    println!("yardstick, ChaCha8 normals: {:.2} M/s", yardstick / 1e6);
    println!("ratio: {:.2} ticks per yardstick normal", rate / yardstick);

    let mut market = Market::new(7);
    let until = Ts::parse("2025-06-02T15:00:00Z").expect("a moment");
    let from = Ts::parse("2025-05-01").expect("a date");
    for (name, timeframe, from) in [
        ("1m, a month", Timeframe::MINUTE, from),
        ("1d, five years", Timeframe::DAY, Ts::parse("2020-06-02").expect("a date")),
    ] {
        let watch = now();
        let bars: usize =
            symbols.iter().take(50).map(|s| market.bars(*s, timeframe, 60, from, until).len()).sum();
        let elapsed = watch.elapsed().as_secs_f64();
        println!("bars {name}: {:.2} ms a symbol, {:.0} bars", elapsed * 1e3 / 50.0, bars as f64 / 50.0);
    }
}
