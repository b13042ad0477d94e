//! What trips the breaker by itself.

mod common;

use common::{Home, MONDAY, Node};
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

#[test]
fn a_broker_that_rejects_too_much_trips_the_breaker_at_the_same_step_on_any_number_of_threads() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let run = |data: &str, threads: &str, limits: &[&str]| {
        // So little buying power that the exchange takes no order.
        let little = ["--set", "broker.paper.leverage_max_percent=1", "--set", threads];
        home.replay(data, &file, &[&little[..], limits].concat())
    };
    let off = ["--set", "breaker.rejects.symbol_streak=0", "--set", "breaker.rejects.ratio=1"];
    let free = run(
        "free",
        "runtime.worker_threads=1",
        &[&off[..], &["--set", "breaker.rejects.answers_min=50"]].concat(),
    );
    assert!(free["orders"]["rejected"].as_u64() > Some(12), "{free}");
    let few = ["--set", "breaker.rejects.answers_min=6", "--set", "breaker.rejects.symbol_streak=3"];
    let one = run("one", "runtime.worker_threads=1", &few);
    let two = run("two", "runtime.worker_threads=2", &few);
    assert_eq!(one["trace_hash"], two["trace_hash"]);
    let tripped = |data: &str| -> Vec<String> {
        let text =
            |event: &serde_json::Value, key: &str| event["event"][key].as_str().unwrap_or("").to_owned();
        home.events(data, &["breaker"]).iter().map(|e| text(e, "scope") + ": " + &text(e, "reason")).collect()
    };
    let trips = tripped("one");
    assert!(
        trips.iter().any(|trip| trip.contains("3 orders in") && trip.contains("one after the other")),
        "{trips:?}"
    );
    assert!(one["orders"]["rejected"].as_u64() < free["orders"]["rejected"].as_u64(), "{one}");
    home.verify("one");
}

fn breaker(node: &Node<'_>) -> String {
    let status = node.ctl(&["status"]).expect(0).json();
    status["breaker"].as_str().expect("a word").to_owned()
}

/// Halts a node in some way, and sees that it stays so over a kill until it is reset twice.
fn stays_halted(home: &Home, node: Node<'_>, by: &str, undo: impl FnOnce()) {
    node.wait_until("trading is halted", |node| breaker(node) == "halted");
    node.wait_until("the halt is on record", |node| {
        let summary = node.ctl(&["breaker"]).expect(0).json();
        summary["scopes"].as_array().is_some_and(|scopes| scopes.iter().any(|scope| scope["by"] == by))
    });
    node.kill();
    let node = home.sim("data", "AAPL", "3000");
    assert_eq!(breaker(&node), "halted", "no restart closes a breaker");
    undo();
    node.ctl(&["breaker", "reset", "--reason", "looked at"]).expect(0);
    node.wait_until("one step back", |node| breaker(node) == "reducing");
    node.ctl(&["breaker", "reset", "--reason", "understood"]).expect(0);
    assert_eq!(breaker(&node), "normal");
    let steps = node.status("/steps");
    node.wait_until("steps go on", |node| node.status("/steps") > steps + 5);
    assert_eq!(breaker(&node), "normal");
    node.shutdown();
    let trips = home.events("data", &["breaker"]);
    assert_eq!(trips[0]["event"]["by"], by, "{trips:?}");
    home.verify("data");
}

#[test]
fn a_halt_file_halts_while_it_is_there_and_until_two_resets() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    home.file("data/HALT", "odd fills, Ann\n");
    node.wait_until("trading is halted", |node| breaker(node) == "halted");
    node.ctl(&["breaker", "reset", "--reason", "too early"]).expect(0);
    node.wait_until("the file halts again", |node| breaker(node) == "halted");
    let file = home.path("data/HALT");
    stays_halted(&home, node, "halt file", || std::fs::remove_file(file).expect("the file"));
}

#[test]
fn a_signal_halts_until_two_resets() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    node.wait_until("steps are done", |node| node.status("/steps") > 5);
    node.signal("USR1");
    stays_halted(&home, node, "signal", || ());
}
