//! A node killed in the middle goes on where it was, and books everything once.

mod common;

use std::collections::BTreeSet;

use common::{Home, MONDAY, TUESDAY};
use serde_json::Value;

/// 13:30 on the seventh, in minutes since the beginning of the month.
const OPEN_MINUTE: u64 = 7 * 1_440 + 13 * 60 + 30;

/// A text inside an event.
fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {event}"))
}

/// Fails the test unless every order was submitted once and every execution booked once.
#[track_caller]
fn assert_everything_happened_once(home: &Home, data: &str) {
    let submitted = home.events(data, &["submitted"]);
    let ids: BTreeSet<&str> = submitted.iter().map(|e| text(e, "/event/client_order_id")).collect();
    assert_eq!(ids.len(), submitted.len(), "a client order id was submitted twice");
    let intents: BTreeSet<&str> = submitted.iter().map(|e| text(e, "/event/intent_id")).collect();
    assert_eq!(intents.len(), submitted.len(), "an intent led to two orders");
    let fills = home.events(data, &["fill"]);
    let executions: BTreeSet<&str> = fills.iter().map(|e| text(e, "/event/fill/exec_id")).collect();
    assert_eq!(executions.len(), fills.len(), "an execution was booked twice");
    assert_eq!(home.table(data, "orders").len(), submitted.len());
    assert_eq!(home.table(data, "fills").len(), fills.len());
}

#[test]
fn a_replay_killed_in_the_middle_resumes_with_the_same_command_and_ends() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let command = ["--feed", "replay", "--replay", &day, "--speed", "6000"];
    for (rounds, from) in [(0, OPEN_MINUTE + 60), (1, OPEN_MINUTE + 150)] {
        let node = home.start("data", &command);
        node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
        node.wait_until("some of the day is done", |node| node.market_minute() > from);
        node.kill();
        assert!(home.table("data", "fills").len() > rounds, "orders were filled before the kill");
    }
    home.start("data", &command).end().expect(0);

    home.verify("data");
    assert!(!home.path("data/archive").exists(), "nothing was put aside");
    let steps = home.table("data", "equity");
    let times: BTreeSet<&String> = steps.iter().map(|row| &row["ts"]).collect();
    assert_eq!((steps.len(), times.len()), (390, 390), "every minute was decided once");
    assert_everything_happened_once(&home, "data");

    let runs = home.events("data", &["run_started", "run_ended"]);
    let told: Vec<&str> = runs.iter().map(|e| text(e, "/event/type")).collect();
    assert_eq!(told, ["run_started", "run_started", "run_started", "run_ended"]);
    assert_eq!(runs[0]["event"]["resumed"], false);
    assert_eq!(runs[1]["event"]["resumed"], true);
    assert_eq!(runs[2]["event"]["resumed"], true);
    assert_eq!(text(&runs[3], "/event/reason"), "end_of_data");
}

#[test]
fn a_killed_and_resumed_replay_trades_like_one_that_was_never_killed() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    home.replay("whole", &day, &[]);
    let command = ["--feed", "replay", "--replay", &day, "--speed", "6000"];
    // A kill between an order's record and its way to the broker is another matter: it is never sent again, so such a run
    // trades differently, and the next one is looked at.
    let killed = (0..8).map(|round| format!("killed-{round}")).find(|data| {
        let node = home.start(data, &command);
        node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
        node.wait_until("some of the day is done", |node| node.market_minute() > OPEN_MINUTE + 100);
        node.kill();
        let told = home.events(data, &["submitted", "order_state"]);
        let ids = |kind: &str| -> BTreeSet<&str> {
            let of_kind = told.iter().filter(|e| text(e, "/event/type") == kind);
            of_kind.map(|e| text(e, "/event/client_order_id")).collect()
        };
        ids("submitted") == ids("order_state")
    });
    let killed = killed.expect("one of eight kills comes while no order is on its way");
    home.start(&killed, &command).end().expect(0);
    let worth = |data: &str| -> Vec<(String, String)> {
        home.table(data, "equity").into_iter().map(|row| (row["ts"].clone(), row["equity"].clone())).collect()
    };
    assert!(worth("whole") == worth(&killed), "equity is the same at every minute of the day");
    assert_eq!(home.positions("whole"), home.positions(&killed));
}

#[test]
fn after_a_kill_the_journal_and_the_paper_account_agree() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let command = ["--feed", "replay", "--replay", &day, "--speed", "6000"];
    let node = home.start("data", &command);
    node.wait_until("orders were filled", |node| {
        let status = node.ctl(&["status"]);
        status.code == 0 && status.json()["fills"].as_u64() > Some(1)
    });
    node.kill();
    home.start("data", &command).end().expect(0);
    let journalled = home.positions("data");

    // A later day that has hardly begun: nothing has moved since, and the broker is asked.
    let tuesday = home.day("tuesday.csv", TUESDAY);
    let node = home.start("data", &["--replay", &tuesday, "--speed", "0.001"]);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    let answer = node.ctl(&["reconcile"]).expect(0).json();
    assert_eq!(answer["clean"], true, "{answer}");
    assert_eq!(node.positions(), journalled);
    node.shutdown();
    home.verify("data");
}

#[test]
fn a_simulated_market_killed_again_and_again_never_loses_or_repeats_an_execution() {
    let home = Home::new();
    let mut fills_before = 0;
    for round in 0..3 {
        let node = home.sim("data", "AAPL,MSFT,NVDA", "6000");
        node.ctl(&["reconcile"]).expect(0);
        let minute = node.market_minute();
        node.wait_until("market time goes on", |node| node.market_minute() > minute + 50);
        node.kill();
        let fills = home.table("data", "fills").len();
        assert!(fills >= fills_before, "round {round}: {fills} fills, {fills_before} before");
        fills_before = fills;
    }
    assert!(fills_before > 0, "orders were filled in between");
    let node = home.sim("data", "AAPL,MSFT,NVDA", "6000");
    node.ctl(&["reconcile"]).expect(0);
    node.shutdown();
    home.verify("data");
    assert_everything_happened_once(&home, "data");
    let report = home.tensortrade(&["journal", "rebuild", "--data-dir", "data", "--json"]).expect(0).json();
    assert_eq!(report["same"], true, "{report}");
}
