//! Cost of a tick in the bar builder, beside a bare loop that only keeps open, high, low, close and volume.
//!
//! 1,000 symbols, batches of 64 ticks of one symbol in turn, one tick in four a trade (`mixed`) or every one (`trades`);
//! stamps advance, repeat and sometimes fall back; some quotes are one-sided, locked or crossed. Run with
//! `cargo bench -p tensortrade-market`. The limit is the ratio, since both run in the same place.
#![expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]

use std::hint::black_box;
use std::time::Instant;

use tensortrade_market::bars::{Output, QuoteBars, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Price, Qty, Tick, TickData, Timeframe, Ts};

const SYMBOLS: usize = 1_000;
const BATCH: usize = 64;
const BATCHES: usize = 40;
const ROUNDS: usize = 15;
const RATIO_MAX: f64 = 3.0;

/// What the cheapest conceivable builder keeps.
#[derive(Clone, Copy)]
struct Bare {
    minute: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
    bars: u64,
}

impl Bare {
    const NEW: Self = Self { minute: i64::MIN, open: 0, high: 0, low: 0, close: 0, volume: 0, bars: 0 };

    fn push(&mut self, tick: &Tick) {
        let (price, size) = match tick.data {
            TickData::Trade { price, size } => (price.raw(), size.raw()),
            TickData::Quote { bid, ask, .. } => match (bid, ask) {
                (Some(b), Some(a)) => ((b.raw() + a.raw()) / 2, 0),
                (Some(side), None) | (None, Some(side)) => (side.raw(), 0),
                (None, None) => return,
            },
        };
        let minute = tick.ts.nanos() / 60_000_000_000;
        if minute == self.minute {
            self.high = self.high.max(price);
            self.low = self.low.min(price);
            self.close = price;
            self.volume += size;
        } else {
            *self = Self {
                minute,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: size,
                bars: self.bars + 1,
            };
        }
    }
}

/// A generator good enough to defeat branch prediction (splitmix64), seeded so that runs compare.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// For each symbol one run of ticks over about ten minutes of a regular session.
fn ticks(trades_only: bool) -> Vec<Vec<Tick>> {
    let open = Ts::parse("2018-03-12T13:30:00Z").map_or(0, Ts::nanos);
    let mut noise = Noise(7);
    let price = |raw: i64| Price::from_raw(raw).unwrap_or(Price::ZERO);
    (0..SYMBOLS)
        .map(|_| {
            let mut ts = open;
            let mut mid = 100_000_000_000i64;
            (0..BATCH * BATCHES)
                .map(|_| {
                    // Half of the stamps repeat; one in a hundred falls back within its minute.
                    ts += if noise.below(2) == 0 { 0 } else { noise.below(470_000_000) as i64 };
                    let stamp = if noise.below(100) == 0 { ts - 1_000 } else { ts };
                    mid += (noise.below(3) as i64 - 1) * 10_000_000;
                    let size = Qty::from_raw(100 * Qty::ONE * (1 + noise.below(5) as i64));
                    if trades_only || noise.below(4) == 0 {
                        return Tick::trade(Ts::from_nanos(stamp), price(mid), size);
                    }
                    let spread = match noise.below(50) {
                        0 => -10_000_000,
                        1 => 0,
                        _ => 10_000_000,
                    };
                    let (bid, ask) = match noise.below(10) {
                        0 => (Some(price(mid)), Some(price(mid + spread))),
                        n if n % 2 == 0 => (Some(price(mid)), None),
                        _ => (None, Some(price(mid + spread))),
                    };
                    Tick::quote(Ts::from_nanos(stamp), bid, ask, size, size)
                })
                .collect()
        })
        .collect()
}

/// Nanoseconds per tick of one round.
fn time(round: impl FnOnce()) -> f64 {
    let start = Instant::now();
    round();
    start.elapsed().as_nanos() as f64 / (SYMBOLS * BATCH * BATCHES) as f64
}

fn bare(streams: &[Vec<Tick>]) {
    let mut bars = vec![Bare::NEW; SYMBOLS];
    for batch in 0..BATCHES {
        for (bar, stream) in bars.iter_mut().zip(streams) {
            for tick in &stream[batch * BATCH..(batch + 1) * BATCH] {
                bar.push(tick);
            }
        }
    }
    black_box(bars.iter().map(|b| b.bars + b.open.unsigned_abs()).sum::<u64>());
}

fn full(streams: &[Vec<Tick>], config: TimeBarsConfig, out: &mut Vec<Output>) {
    let mut builders = vec![TimeBars::new(config); SYMBOLS];
    out.clear();
    for batch in 0..BATCHES {
        for (builder, stream) in builders.iter_mut().zip(streams) {
            builder.push_all(&stream[batch * BATCH..(batch + 1) * BATCH], out);
        }
    }
    black_box(out.len());
}

/// Prints both costs and returns their ratio. Rounds alternate and the fastest of each counts: noise only ever adds, and
/// it falls on both alike.
fn run(name: &str, streams: &[Vec<Tick>], sessions: SessionKind) -> f64 {
    let config = TimeBarsConfig {
        timeframe: Timeframe::MINUTE,
        sessions,
        extended: true,
        quote_bars: QuoteBars::default(),
        negative_prices: false,
    };
    let mut out: Vec<Output> = Vec::with_capacity(1 << 16);
    let (mut bare_ns, mut full_ns) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        bare_ns = bare_ns.min(time(|| bare(streams)));
        full_ns = full_ns.min(time(|| full(streams, config, &mut out)));
    }
    let ratio = full_ns / bare_ns;
    println!(
        "{name:<20} bare loop {bare_ns:5.2} ns/tick   builder {full_ns:5.2} ns/tick   ratio {ratio:4.2}"
    );
    ratio
}

fn main() {
    println!(
        "TimeBars is {} bytes; {SYMBOLS} symbols, {} ticks a round",
        size_of::<TimeBars>(),
        SYMBOLS * BATCH * BATCHES
    );
    let mixed = ticks(false);
    let worst = run("mixed, US shares", &mixed, SessionKind::UsEquity).max(run(
        "mixed, always",
        &mixed,
        SessionKind::Always,
    ));
    drop(mixed);
    let worst = worst.max(run("trades, US shares", &ticks(true), SessionKind::UsEquity));
    if worst >= RATIO_MAX {
        println!("over the limit of {RATIO_MAX} times the bare loop");
        std::process::exit(1);
    }
}
