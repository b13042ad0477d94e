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

/// The day without the rows of some symbols in some minutes after 14:00 UTC.
fn silenced(home: &Home, name: &str, symbols: &[&str], minutes: std::ops::Range<i64>) -> String {
    let day = home.day("whole.csv", MONDAY);
    let text = std::fs::read_to_string(day).expect("the file");
    let begins = (MONDAY + 14 * 3_600) * 1_000_000_000;
    let hole = begins + minutes.start * 60_000_000_000..begins + minutes.end * 60_000_000_000;
    let kept = text.lines().filter(|row| {
        let mut fields = row.split(',');
        let ts = fields.next().and_then(|ns| ns.parse::<i64>().ok());
        let symbol = fields.next().unwrap_or_default();
        !(symbols.contains(&symbol) && ts.is_some_and(|ts| hole.contains(&ts)))
    });
    home.file(name, kept.collect::<Vec<_>>().join("\n") + "\n")
}

/// Scope, new state and who, of each change of the breaker.
fn changes(home: &Home, data: &str) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let events = home.events(data, &["breaker"]).into_iter().map(|line| line["event"].clone());
    events.map(|event| (text(&event["scope"]), text(&event["to"]), text(&event["by"]))).collect()
}

#[test]
fn a_symbol_without_data_for_too_long_only_reduces_and_the_others_go_on() {
    let home = Home::new();
    let file = silenced(&home, "hole.csv", &["AAA"], 0..40);
    let mut hashes = Vec::new();
    for (data, more) in [
        ("one", ["--set", "runtime.worker_threads=1"]),
        ("two", ["--set", "runtime.worker_threads=2"]),
        ("paced", ["--speed", "20000"]),
    ] {
        let run = home.replay(data, &file, &more);
        assert_eq!(changes(&home, data), [("symbol:AAA".into(), "reducing".into(), "stale feed".into())]);
        assert_eq!(run["breaker"]["state"], "normal", "the node goes on: {run}");
        hashes.push(run["trace_hash"].clone());
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "the same at any speed: {hashes:?}");
    let trip = &home.events("one", &["breaker"])[0]["event"];
    let minute = (trip["ts"].as_i64().expect("a moment") / 1_000_000_000 - MONDAY) / 60 - 14 * 60;
    assert!((30..=31).contains(&minute), "after half an hour: {trip}");
    let alarms = home.events("one", &["alarm"]);
    assert!(alarms.iter().any(|line| line["event"]["code"] == "feed_stale"), "{alarms:?}");
    // Latched: AAA is traded no more on its way up, though its data is back.
    let risk = |symbol: &str| {
        let refused = home.events("one", &["refused"]).into_iter().map(|line| line["event"].to_string());
        refused.filter(|text| text.contains(symbol) && text.contains("breaker")).count()
    };
    assert!(risk("AAA") > 0 && risk("BBB") == 0, "{} {}", risk("AAA"), risk("BBB"));
    home.verify("one");
    // A shorter hole is none.
    let short = silenced(&home, "short.csv", &["AAA"], 0..25);
    home.replay("short", &short, &[]);
    assert!(changes(&home, "short").is_empty());
    // Switched off.
    home.replay("off", &file, &["--set", "breaker.stale.symbol_ms=0"]);
    assert!(changes(&home, "off").is_empty());
}

#[test]
fn a_node_without_any_data_only_reduces_until_a_declared_cool_down_is_over() {
    let home = Home::new();
    let file = silenced(&home, "hole.csv", &["AAA", "BBB"], 0..40);
    home.replay("latched", &file, &[]);
    let tripped = ("node".to_owned(), "reducing".to_owned(), "stale feed".to_owned());
    assert_eq!(changes(&home, "latched"), std::slice::from_ref(&tripped));
    home.replay("cooled", &file, &["--set", "breaker.stale.cool_down_ms=600000"]);
    assert_eq!(changes(&home, "cooled"), [tripped, ("node".into(), "normal".into(), "stale feed".into())]);
    let events = home.events("cooled", &["breaker"]);
    let ended = events[1]["event"]["ts"].as_i64().expect("a moment") / 1_000_000_000;
    let waited = (ended - MONDAY) / 60 - (14 * 60 + 40);
    assert!((10..=12).contains(&waited), "ten minutes after the data was back: {events:?}");
}

#[test]
fn the_silence_of_a_night_or_a_weekend_trips_nothing() {
    let home = Home::new();
    let monday = std::fs::read_to_string(home.day("a.csv", MONDAY)).expect("the file");
    let later = std::fs::read_to_string(home.day("b.csv", MONDAY + 7 * 86_400)).expect("the file");
    let rest = later.split_once('\n').expect("a header").1;
    let file = home.file("two.csv", monday + rest);
    home.replay("data", &file, &[]);
    assert!(changes(&home, "data").is_empty());
}
