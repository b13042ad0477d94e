//! Resident memory of a node that trades all the time: does it stop growing?
//!
//! `cargo bench --bench memory`. Eight simulated symbols as fast as the machine can, with bands of zero, so that nearly every
//! step sends orders. Memory is read at several counts of orders: it may grow until the histories of orders are full (some
//! ten thousand orders), and is to be flat from there on but for the few bytes by which each execution is remembered.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::time::{Duration, Instant};

use support::{Running, print_load};

/// Orders at which memory is read.
const POINTS: [f64; 9] = [1e3, 5e3, 10e3, 15e3, 20e3, 30e3, 40e3, 60e3, 80e3];
/// From here on the histories are full.
const FULL: f64 = 15e3;
/// Longest time to get from one point to the next.
const PATIENCE: Duration = Duration::from_secs(120);
/// What an order may take for good once they are full, in KiB.
const TARGET_KIB: f64 = 0.5;

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    print_load();
    let args = [
        "--speed=max",
        "--set=policy.band=0",
        "--set=policy.band_relative=0",
        "--set=policy.rebalance_every_steps=1",
        "--set=policy.enter=0.05",
        "--set=policy.exit=0.01",
        "--set=execution.band=0",
        "--set=execution.notional_min=\"1\"",
        "--set=feed.sim_ticks_per_minute=16",
    ];
    let node = Running::start(&scratch.path().join("data"), &args);
    println!("{:>8} {:>8} {:>8} {:>9} {:>12}", "orders", "fills", "steps", "MiB", "KiB an order");
    let (mut last, mut full) = (None::<(f64, f64)>, None);
    'points: for point in POINTS {
        let until = Instant::now() + PATIENCE;
        let (orders, fills, steps) = loop {
            let status = node.status().expect("a running node");
            let of =
                |pointer: &str| status.pointer(pointer).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
            if of("/orders/sent") >= point {
                break (of("/orders/sent"), of("/fills"), of("/steps"));
            }
            if Instant::now() > until {
                println!("{point} orders were not reached in {PATIENCE:?}");
                break 'points;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let kib = node.rss_kib();
        let growth = last.map(|(before, kib_before)| (kib - kib_before) / (orders - before));
        let growth = growth.map_or("-".to_owned(), |growth| format!("{growth:.3}"));
        println!("{orders:>8} {fills:>8} {steps:>8} {:>9.1} {growth:>12}", kib / 1024.0);
        last = Some((orders, kib));
        if point >= FULL && full.is_none() {
            full = last;
        }
    }
    if let (Some((from, before)), Some((to, after))) = (full, last.filter(|last| Some(*last) != full)) {
        let growth = (after - before) / (to - from);
        let verdict = if growth <= TARGET_KIB { "within" } else { "NOT within" };
        println!("from {from} orders on: {growth:.3} KiB an order, {verdict} {TARGET_KIB} KiB");
    }
    print_load();
}
