//! What a symbol costs: memory of an idle symbol actor, and the time to add ten thousand at once.
//!
//! `cargo bench --bench symbols`. A node runs the simulated market so slowly that no symbol gets a tick; one command on its
//! control socket adds 1,000 symbols, a second one 10,000 more. The growth of resident memory over the second, when it has
//! settled, is what a symbol costs. Then the same add on a node whose market is under way, where each symbol that joins is
//! first warmed up from so much history; its growth of memory holds recent ticks too.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::{Running, print_load};

/// Symbols before, so that what is made once is not counted.
const FIRST: usize = 1_000;
/// Symbols added by the measured command.
const MANY: usize = 10_000;
/// What an idle symbol may take.
const KIB_TARGET: f64 = 20.0;
/// How long the add may take.
const ADD_TARGET: Duration = Duration::from_secs(2);

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    print_load();
    println!(
        "{:<28} {:>9} {:>9} {:>12} {:>12} {:>11}",
        "market", "symbols", "add s", "MiB before", "MiB after", "KiB/symbol"
    );
    idle(scratch.path());
    under_way(scratch.path(), "under way, 1 minute", "1");
    under_way(scratch.path(), "under way, 390 minutes", "390");
    println!(
        "targets: an idle symbol < {KIB_TARGET} KiB; {MANY} symbols in < {} s. The time includes the command's own process.",
        ADD_TARGET.as_secs()
    );
    print_load();
}

/// A market that stands still: the first tick of the first symbol is never followed by a second.
fn idle(scratch: &Path) {
    let node = Running::start(
        &scratch.join("idle"),
        &["--feed", "sim", "--symbols", "FIRST", "--speed", "0.000001"],
    );
    let (_, joined) = add(&node, "A", FIRST);
    assert_eq!(joined, FIRST, "the first symbols join");
    row(&node, "stands still");
}

/// A market that runs six times faster than the clock while symbols join, each with this much history.
fn under_way(scratch: &Path, label: &str, minutes: &str) {
    let warm_up = format!("feed.warm_up_minutes={minutes}");
    let node = Running::start(
        &scratch.join(format!("under-way-{minutes}")),
        &["--feed", "sim", "--symbols", "FIRST", "--speed", "6", "--set", &warm_up],
    );
    let until = Instant::now() + Duration::from_secs(60);
    while node.status().and_then(|status| status["steps"].as_u64()).unwrap_or(0) < 1 {
        assert!(Instant::now() < until, "the simulated market makes no step");
        std::thread::sleep(Duration::from_millis(100));
    }
    row(&node, label);
}

fn row(node: &Running, label: &str) {
    let before = node.settled_rss_kib();
    let (took, joined) = add(node, "B", MANY);
    if joined < MANY {
        println!("{label:<28} {MANY:>9} no answer: {joined} joined in {:.2} s", took.as_secs_f64());
        return;
    }
    let after = node.settled_rss_kib();
    println!(
        "{label:<28} {MANY:>9} {:>9.2} {:>12.1} {:>12.1} {:>11.1}",
        took.as_secs_f64(),
        before / 1024.0,
        after / 1024.0,
        (after - before) / MANY as f64
    );
}

/// Adds symbols by one command; how long it took, and how many joined by its answer.
fn add(node: &Running, prefix: &str, count: usize) -> (Duration, usize) {
    let names: Vec<String> = (0..count).map(|n| format!("{prefix}{n:05}")).collect();
    let mut args = vec!["watchlist", "add"];
    args.extend(names.iter().map(String::as_str));
    let start = Instant::now();
    let (_, answer) = node.ctl(&args);
    let took = start.elapsed();
    let rows = answer.as_array().map_or(&[][..], Vec::as_slice);
    (took, rows.iter().filter(|row| row["outcome"] == "joined").count())
}
