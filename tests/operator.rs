//! What operators rely on: additions and removals outlive a restart, what is closed stays closed, numbers have no holes.

mod common;
use std::collections::BTreeSet;

use common::{Home, MONDAY, TUESDAY, ticks};
#[test]
fn a_removed_default_symbol_stays_removed_after_a_restart() {
    let home = Home::new();
    let args = ["--speed", "3000", "--seed", "3", "--set", "journal.durability=process"];
    let node = home.start("data", &args);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    node.ctl(&["watchlist", "remove", "XOM", "--flatten"]).expect(0);
    node.wait_until("the symbol has left", |node| !node.watchlist().contains(&"XOM".to_owned()));
    node.shutdown();
    let node = home.start("data", &args);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    assert!(!node.watchlist().contains(&"XOM".to_owned()), "{:?}", node.watchlist());
    node.shutdown();
}
#[test]
fn a_hot_added_symbol_is_still_there_after_a_restart_with_the_same_command() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    node.ctl(&["watchlist", "add", "TSLA"]).expect(0);
    node.wait_until("it has a position", |node| node.positions().contains_key("TSLA"));
    node.kill();
    let node = home.sim("data", "AAPL", "3000");
    assert_eq!(node.watchlist(), ["AAPL", "TSLA"]);
    node.shutdown();
}
#[test]
fn step_numbers_have_no_hole_after_a_resume() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let command = ["--replay", &day, "--speed", "6000"];
    let node = home.start("data", &command);
    node.wait_until("some steps are done", |node| {
        let s = node.ctl(&["status"]);
        s.code == 0 && s.json()["steps"].as_u64() > Some(60)
    });
    node.kill();
    home.start("data", &command).end().expect(0);
    let steps: Vec<u64> = home.table("data", "equity").iter().map(|r| r["step"].parse().unwrap()).collect();
    assert_eq!(steps, (1..=390).collect::<Vec<_>>());
}
#[test]
fn flattened_positions_stay_closed_until_the_strategy_turns() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT,NVDA", "1200");
    node.wait_until("there is a position", |node| node.positions().len() > 1);
    let first: BTreeSet<String> = node.positions().into_keys().collect();
    node.ctl(&["flatten", "--confirm", "PAPER"]).expect(0);
    let s = node.status("/steps");
    node.wait_until("some steps", |node| node.status("/steps") > s + 4);
    let now: BTreeSet<String> = node.positions().into_keys().collect();
    assert!(first.is_disjoint(&now), "{first:?} {now:?}");
}
#[test]
fn a_resumed_replay_trades_like_an_uninterrupted_one() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    home.replay("whole", &day, &[]);
    let command = ["--replay", &day, "--speed", "6000"];
    let node = home.start("data", &command);
    node.wait_until("some steps are done", |node| {
        let s = node.ctl(&["status"]);
        s.code == 0 && s.json()["steps"].as_u64() > Some(100)
    });
    node.kill();
    home.start("data", &command).end().expect(0);
    let row = |d: &str| {
        home.table(d, "equity")
            .into_iter()
            .map(|r| (r["ts"].clone(), r["equity"].clone()))
            .collect::<Vec<_>>()
    };
    let (a, b) = (row("whole"), row("data"));
    let diff = a.iter().zip(&b).filter(|(x, y)| x != y).count();
    assert_eq!(diff, 0, "steps whose equity differs; first {:?}", a.iter().zip(&b).find(|(x, y)| x != y));
}
#[test]
fn output_into_a_closed_pipe_is_no_panic() {
    let home = Home::new();
    let bin = env!("CARGO_BIN_EXE_tensortrade");
    let out = std::process::Command::new("sh").arg("-c").arg(format!("{bin} config show --json | head -c 1; {bin} completions bash | head -c 1; {bin} completions bash | true")).output().unwrap();
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!err.contains("panicked"), "{err}");
    drop(home);
}
#[test]
fn halting_a_symbol_does_not_keep_flatten_from_closing_it() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "3000");
    node.wait_until("there is a position", |node| !node.positions().is_empty());
    node.ctl(&["halt", "AAPL"]).expect(0);
    node.ctl(&["flatten", "--confirm", "PAPER"]).expect(0);
    let s = node.status("/steps");
    node.wait_until("some steps", |node| node.status("/steps") > s + 40);
    assert!(node.positions().is_empty(), "{:?}", node.positions());
}

#[test]
fn what_only_warms_up_after_a_restart_is_not_played_at_market_speed() {
    let home = Home::new();
    let node = home.sim("data", "AAPL", "max");
    node.wait_until("two days are done", |node| node.status("/steps") > 780);
    node.shutdown();
    // Played at this speed, two days of history would take thirteen minutes.
    let node = home.sim("data", "AAPL", "60");
    node.wait_until("it trades on", |node| node.status("/steps") > 0);
    node.shutdown();
}

#[test]
fn an_order_on_its_way_at_the_end_of_a_run_does_not_keep_the_next_run_from_trading() {
    let home = Home::new();
    let monday = ticks(MONDAY, &["AAA", "BBB"]);
    let whole = home.file("whole.csv", &monday);
    home.replay("whole", &whole, &[]);
    let orders = home.events("whole", &["submitted"]);
    let first = orders[0]["event"]["ts"].as_i64().unwrap();
    // The data ends with the step that sends the first order: nothing comes any more that could answer it.
    let before =
        |line: &&str| line.split(',').next().and_then(|ts| ts.parse().ok()).is_none_or(|ts: i64| ts < first);
    let cut: String = monday.lines().filter(before).map(|line| format!("{line}\n")).collect();
    let cut = home.file("cut.csv", cut);
    let summary = home.replay("data", &cut, &[]);
    assert!(summary["orders"]["sent"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["orders"]["filled"], 0, "{summary}");
    let tuesday = home.file("tuesday.csv", ticks(TUESDAY, &["AAA", "BBB"]));
    let summary = home.replay("data", &tuesday, &[]);
    assert!(summary["orders"]["sent"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["orders"]["unknown"], 0, "what was in doubt has come to an end: {summary}");
    home.verify("data");
}

#[test]
fn a_watchlist_of_four_hundred_symbols_trades_with_the_defaults() {
    let home = Home::new();
    let symbols: Vec<String> = (0..400).map(|n| format!("S{n:03}")).collect();
    let ticks = "feed.sim_ticks_per_minute=16";
    let node = home.start("data", &["--symbols", &symbols.join(","), "--speed", "max", "--set", ticks]);
    // With a band of one percent of equity, however many symbols share it, five hold a position.
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    node.wait_until("many symbols hold a position", |node| node.positions().len() > 50);
    node.shutdown();
}

#[test]
fn a_strategy_that_never_orders_because_of_its_bands_says_so_and_which_key_mends_it() {
    let home = Home::new();
    let bands = ["--set", "execution.band=1", "--set", "execution.band_of_size=1"];
    let node = home.start("data", &[&["--symbols", "AAPL,MSFT", "--speed", "max"][..], &bands].concat());
    let alarmed = |_: &common::Node<'_>| {
        let log = std::fs::read_to_string(home.path("data.log")).unwrap_or_default();
        log.contains("execution.band_of_size")
    };
    node.wait_until("the warning is there", alarmed);
    let done = node.shutdown();
    assert_eq!(done.err.matches("no order was planned").count(), 1, "{}", done.err);
}
