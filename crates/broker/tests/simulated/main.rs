//! The simulated market from outside: what it promises about paths, ticks, bars, and the statistics of its world.

#![expect(clippy::unwrap_used, reason = "what a test cannot unwrap fails it")]

mod bars;
mod pairs;
mod paths;
mod port;
mod statistics;
mod ticks;

use std::collections::BTreeMap;

use tensortrade_broker::MarketData;
use tensortrade_broker::simulated::{SimulatedFeed, SimulatedOptions};
use tensortrade_market::{Symbol, Tick, Ts};

fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn feed(options: SimulatedOptions) -> SimulatedFeed {
    SimulatedFeed::new(options).unwrap()
}

fn options(seed: u64, names: &[&str], start: &str, until: &str) -> SimulatedOptions {
    SimulatedOptions {
        seed,
        symbols: names.iter().map(|name| symbol(name)).collect(),
        start: ts(start),
        until: Some(ts(until)),
        ..SimulatedOptions::default()
    }
}

/// Everything that the rest of a feed gives, by symbol.
fn drain(feed: &mut SimulatedFeed) -> BTreeMap<Symbol, Vec<Tick>> {
    let mut all: BTreeMap<Symbol, Vec<Tick>> = BTreeMap::new();
    while let Some(slice) = feed.next_slice() {
        for batch in slice.batches {
            match batch.data {
                MarketData::Ticks(ticks) => all.entry(batch.symbol).or_default().extend(ticks.iter()),
                other => panic!("the simulated market gives ticks, not {other:?}"),
            }
        }
    }
    all
}

/// The ticks of one symbol in a stretch of time.
fn ticks(seed: u64, name: &str, start: &str, until: &str) -> Vec<Tick> {
    drain(&mut feed(options(seed, &[name], start, until))).remove(&symbol(name)).unwrap_or_default()
}
