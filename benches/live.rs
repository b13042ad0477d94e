//! Latency under live pacing: 1,000 simulated symbols that send 50,000 ticks a second of clock time.
//!
//! `cargo bench --bench live`. The node's binary plays the simulated market at the speed of the clock with decisions each
//! second; then five times faster, and sixty times faster with decisions each minute, at the same rate of ticks. Each with
//! commits that survive a kill (`process`) and a power failure (`power`). `tick_to_decision` is from the moment the hub
//! holds the last data of a step to the moment the policy has decided it. `decision_to_send` has a durable commit in it:
//! what one fsync costs in the same folder is shown beside it. It is 0 where no order was sent: models take a hundred
//! steps to warm up, which only the second pace has. `ahead` is how many of a step's rows had been collected before its
//! boundary, on average: the others had data in the last moment, and the decision waited for them.
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
/// How much busier than its mean the simulated market is after the open, where each run starts.
const AFTER_OPEN: u32 = 2;
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
        "{:<9} {:>5} {:<8} {:>6} {:>9} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>7} {:>6}",
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
        "MiB",
        "ahead"
    );
    let names: Vec<String> = (1..=SYMBOLS).map(|n| format!("S{n:04}")).collect();
    let names = names.join(",");
    let paces = [("1s", 1), ("1s", 5), ("1m", 60)];
    for pace in paces.map(|(decision, speed)| Pace { decision, speed }) {
        for durability in ["process", "power"] {
            row(scratch.path(), &names, &pace, durability);
        }
    }
    println!("target: tick to decision p50 < {} us, p99 < {} us", TARGET_US.0, TARGET_US.1);
    print_load();
}

fn row(scratch: &Path, names: &str, pace: &Pace, durability: &str) {
    let per_minute = TICKS_PER_S * 60 / SYMBOLS as u32 / pace.speed / AFTER_OPEN;
    let data_dir = scratch.join(format!("{}-{}-{durability}", pace.decision, pace.speed));
    let (speed, seconds) = (pace.speed.to_string(), format!("{SECONDS}s"));
    let decision = pace.decision;
    let mut args = vec!["--feed", "sim", "--symbols", names, "--speed", &speed, "--for", &seconds];
    let settings = [
        format!("feed.sim_ticks_per_minute={per_minute}"),
        format!("bars.decision={decision}"),
        format!("journal.durability={durability}"),
        // A thousandth of the account each: changes of one per cent of it would never be made.
        "policy.band=0.0001".to_owned(),
        "execution.band=0.0001".to_owned(),
        format!("policy.trend_column=ma_cross_12_26_{decision}"),
        format!("policy.volatility_column=ann_vol_60_{decision}"),
        format!("policy.stretch_column=zscore_20_{decision}"),
    ];
    for setting in &settings {
        args.extend(["--set", setting]);
    }
    let summary = run(&data_dir, &args);
    let us = |pointer: &str| summary.number(&format!("/latency_us/{pointer}"));
    println!(
        "{:<9} {:>5} {:<8} {:>6} {:>9.0} {:>7} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>10.0} {:>7.0} {:>6.0}",
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
        summary.number("/rows_ahead") / summary.number("/steps").max(1.0),
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
