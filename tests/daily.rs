//! Runs over daily bars: played at a speed, and with limits that are read again.

mod common;

use common::{BAR_HEADER, Home, Node, daily_lines};

/// Market seconds a second: almost twelve days.
const SPEED: &str = "1000000";

fn days(home: &Home, count: usize) -> String {
    home.file("days.csv", format!("{BAR_HEADER}\n{}\n", daily_lines("AAA", count).join("\n")))
}

fn answers(node: &Node<'_>) -> bool {
    node.ctl(&["status"]).code == 0
}

#[test]
fn limits_that_are_read_again_keep_what_follows_from_daily_bars() {
    let home = Home::new();
    let config = home.file("node.toml", "[risk]\ngross_exposure_max = 1.0\n");
    let file = days(&home, 150);
    let args = ["--config", &config, "--replay", &file, "--speed", SPEED];
    let node = home.start("data", &args);
    node.wait_until("the node answers", answers);
    home.file("node.toml", "[risk]\ngross_exposure_max = 0.9\n");
    node.ctl(&["config", "reload"]).expect(0);
    let before = node.status("/fills");
    node.end().expect(0);
    let fills = home.table("data", "fills").len() as u64;
    assert!(fills > before, "it trades on: {fills} fills, {before} before the limits were read again");
    let refused = home.events("data", &["refused"]);
    assert!(refused.iter().all(|e| !e.to_string().contains("session")), "{refused:?}");
}

#[test]
fn daily_bars_are_played_by_the_clock() {
    let home = Home::new();
    let file = days(&home, 30);
    let summary = home.replay("data", &file, &["--speed", SPEED]);
    assert_eq!(summary["steps"], 30);
    // 29 pauses of a day; weekends take no longer.
    let least = 29.0 * 0.0864 * 0.98;
    assert!(summary["wall_s"].as_f64() > Some(least), "{summary}");
}
