//! The equity that a run begins with: what the account is worth when its data begins to flow.

mod common;

use std::collections::BTreeMap;

use common::{Home, MONDAY, TUESDAY};
use serde_json::Value;

/// Cash and positions at their last closes when the last run had reconciled: what was executed until then is in the journal, and no
/// data of the run has come.
fn worth(home: &Home) -> f64 {
    let number = |value: &Value| value.as_str().expect("text").parse::<f64>().expect("a number");
    let events = home.events("data", &["run_started", "reconciliation", "fill", "commission"]);
    let started = events.iter().rposition(|e| e["kind"] == "run_started").expect("a run");
    let reconciled = events.iter().skip(started).find(|e| e["kind"] == "reconciliation");
    let end = reconciled.expect("a reconciled node")["seq"].as_u64();
    let (mut cash, mut held) = (1_000_000.0, BTreeMap::<String, f64>::new());
    for event in events.iter().filter(|event| event["seq"].as_u64() < end) {
        let (kind, event) = (&event["kind"], &event["event"]);
        if kind == "commission" {
            cash -= number(&event["amount"]);
        } else if kind == "fill" {
            let fill = &event["fill"];
            let qty = number(&fill["qty"]) * if fill["side"] == "buy" { 1.0 } else { -1.0 };
            cash -= qty * number(&fill["price"]);
            *held.entry(fill["symbol"].as_str().expect("a name").to_owned()).or_default() += qty;
        }
    }
    let mut closes = BTreeMap::new();
    for row in home.table("data", "bars") {
        closes.insert(row["symbol"].clone(), row["close"].parse::<f64>().expect("a price"));
    }
    cash + held.into_iter().map(|(symbol, qty)| qty * closes[&symbol]).sum::<f64>()
}

fn summary(home: &Home) -> Value {
    serde_json::from_str(&std::fs::read_to_string(home.path("s.json")).expect("a summary")).expect("JSON")
}

/// Runs on so slowly that nothing new comes until it stops, and returns the equity it began with and what the journal said then.
fn resumed_at(home: &Home, file: &str) -> (f64, f64) {
    let node = home.start("data", &["--replay", file, "--speed", "0.001", "--summary", "s.json"]);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    let wanted = worth(home);
    node.shutdown();
    (summary(home)["equity"]["start"].as_f64().expect("a number"), wanted)
}

#[test]
fn a_resumed_run_begins_with_what_its_positions_are_worth_at_the_last_closes() {
    for kill in [true, false] {
        let home = Home::new();
        let file = home.day("day.csv", MONDAY);
        let node = home.start("data", &["--replay", &file, "--speed", "6000"]);
        node.wait_until("there is a position that moved since its last fill", |node| {
            let done = node.ctl(&["status"]);
            done.code == 0 && done.json()["steps"].as_u64() > Some(200) && !node.positions().is_empty()
        });
        if kill {
            node.kill();
        } else {
            node.shutdown();
        }
        let (start, wanted) = resumed_at(&home, &file);
        assert!((start - wanted).abs() < 0.01, "kill {kill}: begins with {start}, is worth {wanted}");
        assert!((start - 1_000_000.0).abs() > 0.01, "the account has changed");
    }
}

#[test]
fn the_next_day_begins_with_what_the_day_before_left() {
    let home = Home::new();
    let (monday, tuesday) = (home.day("monday.csv", MONDAY), home.day("tuesday.csv", TUESDAY));
    let end = home.replay("data", &monday, &[])["equity"]["end"].as_f64().expect("a number");
    assert!(!home.positions("data").is_empty(), "a position is held over night");
    let next = home.replay("data", &tuesday, &[])["equity"]["start"].as_f64().expect("a number");
    assert!((next - end).abs() < 0.01, "ends at {end}, begins at {next}");
}
