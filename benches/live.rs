//! Latency under live pacing: 1,000 simulated symbols that send 50,000 ticks a second of clock time.
//!
//! `cargo bench --bench live`. The node's binary plays the simulated market: at the speed of the clock with decisions each
//! second, and twenty times faster with decisions each minute, so that both have a step every few seconds at the same rate
//! of ticks; each with commits that survive a kill (`process`) and a power failure (`power`). `tick_to_decision` is from the
//! moment the hub holds the last data of a step to the moment the policy has decided it. `decision_to_send` has a durable
//! commit in it: what one fsync costs in the same folder is shown beside it, idle.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use support::{print_load, quantile, run};

/// Symbols.
const SYMBOLS: usize = 1_000;
/// Ticks a second of clock time, over all symbols.
const TICKS_PER_S: u32 = 50_000;
/// Clock time of each run.
const SECONDS: u32 = 30;
/// What tick to decision is to reach, in microseconds.
const TARGET_US: (f64, f64) = (100.0, 1_000.0);

/// A way to run the market.
struct Pace {
    decision: &'static str,
    speed: u32,
}

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    print_load();
    let (p50, p99) = fsync_us(scratch.path());
    println!("fsync of 4 KiB in the same folder: p50 {p50:.0} us, p99 {p99:.0} us");
    println!(
        "{:<9} {:>5} {:<8} {:>6} {:>9} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>7}",
        "decision",
        "speed",
        "commits",
        "steps",
        "ticks/s",
        "orders",
        "decide p50",
        "p99",
        "max us",
        "send p50",
        "p99",
        "max us",
        "MiB"
    );
    let names: Vec<String> = (1..=SYMBOLS).map(|n| format!("S{n:04}")).collect();
    let names = names.join(",");
    for pace in [Pace { decision: "1s", speed: 1 }, Pace { decision: "1m", speed: 20 }] {
        for durability in ["process", "power"] {
            row(scratch.path(), &names, &pace, durability);
        }
    }
    println!("target: tick to decision p50 < {} us, p99 < {} us", TARGET_US.0, TARGET_US.1);
    print_load();
}

fn row(scratch: &Path, names: &str, pace: &Pace, durability: &str) {
    let per_minute = TICKS_PER_S * 60 / SYMBOLS as u32 / pace.speed;
    let data_dir = scratch.join(format!("{}-{durability}", pace.decision));
    let (speed, seconds) = (pace.speed.to_string(), format!("{SECONDS}s"));
    let (ticks, decision) =
        (format!("feed.sim_ticks_per_minute={per_minute}"), format!("bars.decision={}", pace.decision));
    let durability_key = format!("journal.durability={durability}");
    let summary = run(
        &data_dir,
        &[
            "--feed",
            "sim",
            "--symbols",
            names,
            "--speed",
            &speed,
            "--for",
            &seconds,
            "--set",
            &ticks,
            "--set",
            &decision,
            "--set",
            &durability_key,
        ],
    );
    let us = |pointer: &str| summary.number(&format!("/latency_us/{pointer}"));
    println!(
        "{:<9} {:>5} {:<8} {:>6} {:>9.0} {:>7} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>7.0}",
        pace.decision,
        pace.speed,
        durability,
        summary.number("/steps"),
        summary.number("/ticks") / f64::from(SECONDS),
        summary.number("/orders/sent"),
        us("tick_to_decision/p50"),
        us("tick_to_decision/p99"),
        us("tick_to_decision/max"),
        us("decision_to_send/p50"),
        us("decision_to_send/p99"),
        us("decision_to_send/max"),
        summary.number("/peak_rss_mib"),
    );
}

/// Median and 99th percentile of writing 4 KiB and forcing them to disk, in microseconds.
fn fsync_us(folder: &Path) -> (f64, f64) {
    let mut file = File::create(folder.join("fsync")).expect("a new file");
    let block = [7_u8; 4_096];
    let mut samples: Vec<f64> = (0..500)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&block).expect("space");
            file.sync_all().expect("a disk that syncs");
            start.elapsed().as_nanos() as f64 / 1e3
        })
        .collect();
    (quantile(&mut samples, 0.5), quantile(&mut samples, 0.99))
}
