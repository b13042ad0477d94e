//! A replayed day: it trades, and the same input gives the same trace.

mod common;

use common::{Home, MONDAY, TUESDAY, gzip, ticks};

/// Numbers that must not depend on threads or on how often a day was replayed.
fn fingerprint(summary: &serde_json::Value) -> String {
    ["ticks", "bars", "gaps", "steps", "decisions", "orders", "fills", "trace_hash"]
        .map(|key| format!("{key}={}", summary[key]))
        .join(" ")
}

#[test]
fn a_replayed_day_ends_with_orders_and_fills_and_a_journal_that_verifies() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let summary = home.replay("data", &file, &[]);
    assert_eq!(summary["ticks"], 31_200, "every row of the file: {summary}");
    assert_eq!(summary["steps"], 390, "one step a minute of the session");
    assert_eq!(summary["gaps"], 0);
    assert!(summary["orders"]["sent"].as_u64() > Some(0), "{summary}");
    assert!(summary["fills"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["orders"]["unknown"], 0, "every order has a known end");
    assert_eq!(summary["restarts"], 0);
    assert_eq!(summary["breaker"]["state"], "normal");
    assert_eq!(home.verify("data"), summary["journal"]["events"].as_u64().unwrap());
    assert_eq!(home.table("data", "fills").len() as u64, summary["fills"].as_u64().unwrap());
}

#[test]
fn threads_and_compression_change_nothing_in_the_trace() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let zipped = home.file("day.csv.gz", gzip(&ticks(MONDAY, &["AAA", "BBB"])));
    let one = fingerprint(&home.replay("one", &file, &["--set", "runtime.worker_threads=1"]));
    let two = fingerprint(&home.replay("two", &file, &["--set", "runtime.worker_threads=2"]));
    let from_gz = fingerprint(&home.replay("gz", &zipped, &[]));
    assert_eq!(one, two);
    assert_eq!(one, from_gz);
}

#[test]
fn a_paced_day_is_the_day_at_full_speed_though_its_rows_are_collected_ahead() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let fast = home.replay("fast", &file, &[]);
    let paced = home.replay("paced", &file, &["--speed", "1800", "--set", "runtime.worker_threads=2"]);
    assert_eq!(fast["rows_ahead"], 0);
    assert!(paced["rows_ahead"].as_u64() > Some(0), "{paced}");
    for table in ["bars", "decisions", "orders", "equity"] {
        assert!(home.table("fast", table) == home.table("paced", table), "{table} differ");
    }
    // Played piece by piece, the fills of two symbols within a minute are numbered in another order; each is the same.
    let fills = |data: &str| {
        let mut rows = home.table(data, "fills");
        rows.iter_mut().for_each(|row| drop(row.remove("seq")));
        rows
    };
    assert!(!fills("fast").is_empty() && fills("fast") == fills("paced"), "fills differ");
}

#[test]
fn files_of_single_symbols_merge_into_the_same_trace() {
    let home = Home::new();
    let both = home.day("both.csv", MONDAY);
    let text = ticks(MONDAY, &["AAA", "BBB"]);
    let only = |name: &str| {
        let rows = text.lines().filter(|l| l.starts_with("ts_ns") || l.split(',').nth(1) == Some(name));
        home.file(name, rows.map(|l| format!("{l}\n")).collect::<String>())
    };
    let (a, b) = (only("AAA"), only("BBB"));
    let together = fingerprint(&home.replay("both-data", &both, &[]));
    let merged = fingerprint(&home.replay("merged-data", &a, &["--replay", &b]));
    assert_eq!(together, merged);
}

#[test]
fn a_second_replay_into_the_same_directory_archives_the_first_and_repeats_it() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let first = home.replay("data", &file, &[]);
    let old = home.events("data", &[]);
    let second = home.replay("data", &file, &[]);
    assert_eq!(fingerprint(&first), fingerprint(&second));
    assert!(home.events("data/archive/1", &[]) == old, "the first journal is kept whole");
    assert!(home.path("data/archive/1/paper").is_dir(), "with its paper account");
    home.verify("data");
}

#[test]
fn a_different_day_gives_a_different_trace() {
    let home = Home::new();
    let monday = home.replay("a", &home.day("monday.csv", MONDAY), &[]);
    let tuesday = home.replay("b", &home.day("tuesday.csv", TUESDAY), &[]);
    assert_ne!(monday["trace_hash"], tuesday["trace_hash"]);
}

#[test]
fn the_next_day_goes_on_with_the_positions_of_the_day_before() {
    let home = Home::new();
    let first = home.replay("data", &home.day("monday.csv", MONDAY), &[]);
    let carried = home.positions("data");
    assert!(!carried.is_empty(), "the first day must end with a position for this test to mean anything");
    let tuesday = home.day("tuesday.csv", TUESDAY);

    let waiting = home.start("data", &["--replay", &tuesday, "--speed", "0.001"]);
    waiting.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    assert_eq!(waiting.positions(), carried, "before the first step of the second day");
    waiting.ctl(&["reconcile"]).expect(0);
    waiting.shutdown();

    let second = home.replay("data", &tuesday, &[]);
    assert!(!home.path("data/archive").exists(), "nothing was put aside");
    let days: Vec<String> =
        home.table("data", "equity").iter().map(|row| row["ts"][..10].to_owned()).collect();
    assert_eq!(days.iter().filter(|day| *day == "2013-10-07").count(), 390);
    assert_eq!(days.iter().filter(|day| *day == "2013-10-08").count(), 390);
    let fills = home.table("data", "fills").len() as u64;
    assert_eq!(fills, first["fills"].as_u64().unwrap() + second["fills"].as_u64().unwrap());
    home.verify("data");
}

#[test]
fn the_next_day_may_hold_other_symbols_than_the_day_before() {
    let home = Home::new();
    let monday = home.file("monday.csv", ticks(MONDAY, &["AAA"]));
    let tuesday = home.file("tuesday.csv", ticks(TUESDAY, &["BBB"]));
    home.replay("data", &monday, &[]);
    let summary = home.replay("data", &tuesday, &[]);
    assert!(summary["orders"]["sent"].as_u64() > Some(0), "the new symbol trades: {summary}");
    home.verify("data");
}

#[test]
fn a_journal_at_another_place_is_archived_with_its_account() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let elsewhere = ["--set", "store.url=sqlite:other.db"];
    let first = home.replay("data", &file, &elsewhere);
    let second = home.replay("data", &file, &elsewhere);
    assert_eq!(fingerprint(&first), fingerprint(&second));
    assert!(home.path("data/archive/1/other.db").is_file());
}

#[test]
fn a_policy_parameter_does_not_take_the_policy_off_the_decisions_timeframe() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let five = ["--set", "bars.decision=5m", "--set", "bars.higher=[\"1h\"]"];
    let usual = home.replay("usual", &file, &five);
    let same = home.replay("same", &file, &[&five[..], &["--set", "policy.gross_max=1.5"]].concat());
    assert!(usual["decisions"].as_u64() > Some(0), "{usual}");
    assert_eq!(
        fingerprint(&usual),
        fingerprint(&same),
        "two symbols never reach the gross limit, so nothing changes"
    );
}

#[test]
fn a_policy_column_that_no_feature_gives_is_refused() {
    let home = Home::new();
    let file = home.day("day.csv", MONDAY);
    let args = ["run", "--replay", &file, "--data-dir", "data", "--set", "policy.trend_column=nonsense"];
    let ended = home.tensortrade(&args);
    ended.expect(3).says(&["policy", "nonsense", "ma_cross_12_26_1m"]);
}
