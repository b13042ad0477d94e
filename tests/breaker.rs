//! What trips the breaker by itself.

mod common;

use common::{Home, MONDAY};
use tensortrade_market::Ts;

#[test]
fn a_loss_over_its_limit_closes_every_position_at_the_same_step_on_any_number_of_threads() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let run = |data: &str, threads: &str| {
        let limit = ["--set", "breaker.losses.drawdown_reduce=0.001", "--set", threads];
        home.replay(data, &file, &limit)
    };
    let free = home.replay("free", &file, &[]);
    assert_eq!(free["breaker"]["state"], "normal");
    let one = run("one", "runtime.worker_threads=1");
    let two = run("two", "runtime.worker_threads=2");
    assert_eq!(one["breaker"]["state"], "reducing", "{one}");
    assert_eq!(one["breaker"]["trips"], 1);
    assert_eq!(one["trace_hash"], two["trace_hash"]);
    assert_ne!(one["trace_hash"], free["trace_hash"]);
    assert!(one["fills"].as_u64() > Some(0));
    assert!(home.positions("one").is_empty(), "{:?}", home.positions("one"));
    let trips = home.events("one", &["breaker"]);
    assert_eq!(trips.len(), 1, "{trips:?}");
    assert!(trips[0]["event"]["reason"].as_str().unwrap().contains("drawdown is"), "{trips:?}");
    home.verify("one");
}

/// Account value after each step: its moment in nanoseconds, and the value.
fn worth(home: &Home, data: &str) -> Vec<(i64, f64)> {
    let rows = home.table(data, "equity").into_iter();
    rows.map(|row| {
        (Ts::parse(&row["ts"]).expect("a moment").nanos(), row["equity"].parse().expect("a number"))
    })
    .collect()
}

#[test]
fn a_restart_still_measures_losses_from_the_highest_value_before_it() {
    let home = Home::new();
    let whole = home.day("whole.csv", MONDAY);
    home.replay("whole", &whole, &[]);
    // The step with the deepest drawdown, and a file of what comes before it and one of what comes after.
    let (mut high, mut deepest) = (f64::MIN, (0, 0.0));
    let worth = worth(&home, "whole");
    for (ts, value) in &worth[..worth.len() - 60] {
        high = high.max(*value);
        if 1.0 - value / high > deepest.1 {
            deepest = (*ts, 1.0 - value / high);
        }
    }
    assert!(deepest.1 > 0.0, "the account must lose something");
    let text = std::fs::read_to_string(home.path("whole.csv")).expect("the file");
    let (header, rows) = text.split_once('\n').expect("a header");
    let ts = |row: &&str| row.split(',').next().and_then(|ns| ns.parse::<i64>().ok()).expect("a moment");
    let (before, after): (Vec<_>, Vec<_>) = rows.lines().partition(|row| ts(row) < deepest.0);
    let before = home.file("before.csv", format!("{header}\n{}\n", before.join("\n")));
    let after = home.file("after.csv", format!("{header}\n{}\n", after.join("\n")));
    home.replay("data", &before, &[]);
    let limit = format!("breaker.losses.drawdown_reduce={}", deepest.1 / 2.0);
    let resumed = home.replay("data", &after, &["--set", &limit]);
    assert_eq!(resumed["breaker"]["state"], "reducing", "{resumed}");
    let trips = home.events("data", &["breaker"]);
    let tripped = trips[0]["event"]["ts"].as_i64().expect("a moment");
    assert!(tripped <= deepest.0 + 120_000_000_000, "at once: {trips:?}, {deepest:?}");
}
