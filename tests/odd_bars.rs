//! Bar files as people have them: labels off the hour, the newest row first, rows in disorder.

mod common;

use common::{BAR_HEADER, Home, daily_lines};

/// Hours of a US share in exchange time, from 9:30 on, over some weekdays of October 2013: labels in UTC.
fn hours(symbol: &str, days: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for day in (7..).filter(|day| (day - 7) % 7 < 5).take(days) {
        for hour in 0..7 {
            let at = |n: usize| 100.0 + 5.0 * (n as f64 / 20.0).sin();
            let (open, close) = (at(lines.len()), at(lines.len() + 1));
            let (high, low) = (open.max(close) + 0.2, open.min(close) - 0.2);
            let label = format!("2013-10-{day:02}T{}:30:00Z", 13 + hour);
            lines.push(format!("{label},{symbol},{open:.2},{high:.2},{low:.2},{close:.2},9000"));
        }
    }
    lines
}

fn csv(lines: &[String]) -> String {
    format!("{BAR_HEADER}\n{}\n", lines.join("\n"))
}

#[test]
fn hours_from_half_past_are_taken_as_they_are_labelled() {
    let home = Home::new();
    let file = home.file("hours.csv", csv(&hours("AAA", 15)));
    let summary = home.replay("data", &file, &["--set", "bars.extended_hours=false"]);
    assert_eq!((&summary["ticks"], &summary["steps"]), (&105.into(), &105.into()), "{summary}");
    let bars = home.table("data", "bars");
    let hourly: Vec<_> = bars.iter().filter(|row| row["timeframe_s"] == "3600").collect();
    assert_eq!(hourly.len(), 105, "every bar of the file");
    assert_eq!(summary["rows"]["treatments"], serde_json::json!({}), "none was dropped");
    assert_eq!(summary["gaps"], 15, "one a day: the closing auction's minute has no bar of its own here");
    home.verify("data");
}

#[test]
fn bars_that_end_at_different_times_of_the_hour_are_refused_together() {
    let home = Home::new();
    let on_the_hour: Vec<String> = hours("BBB", 2).iter().map(|l| l.replace(":30:00Z", ":00:00Z")).collect();
    let one = home.file("half.csv", csv(&hours("AAA", 2)));
    let other = home.file("full.csv", csv(&on_the_hour));
    let args = ["run", "--data-dir", "data", "--replay", &one, "--replay", &other];
    home.tensortrade(&args).expect(3).says(&["offset", "mend", "runs of their own"]);
}

#[test]
fn a_file_with_the_newest_row_first_is_read_like_any_other() {
    let home = Home::new();
    let mut lines = daily_lines("AAA", 120);
    let forward = home.replay("forward", &home.file("forward.csv", csv(&lines)), &[]);
    lines.reverse();
    let backward = home.replay("backward", &home.file("backward.csv", csv(&lines)), &[]);
    assert!(forward["fills"].as_u64() > Some(0), "{forward}");
    for key in ["ticks", "bars", "steps", "orders", "fills", "trace_hash"] {
        assert_eq!(forward[key], backward[key], "{key}");
    }
    lines.swap(3, 40);
    lines.swap(7, 100);
    let shuffled = home.replay("shuffled", &home.file("shuffled.csv", csv(&lines)), &[]);
    assert_eq!(forward["trace_hash"], shuffled["trace_hash"]);
}

#[test]
fn late_rows_are_counted_and_shown_with_file_and_line() {
    let home = Home::new();
    let mut text = common::ticks(common::MONDAY, &["AAA"]);
    let lines: Vec<&str> = text.lines().collect();
    // A trade of the first minute comes again ten minutes later.
    let late = lines[2].to_owned();
    let at = lines[..400].join("\n").len() + 1;
    text.insert_str(at, &format!("{late}\n{late}\n"));
    let file = home.file("late.csv", text);
    let args = ["run", "--data-dir", "data", "--replay", &file, "--summary", "s.json"];
    let done = home.tensortrade(&args).expect(0);
    let done = done.says(&["late.csv: 2 rows come late", "in line 401", "sort the file by time"]);
    done.says(&["rows: 2 late", "treated", "late 2", "repeated 1"]);
    let summary: serde_json::Value =
        serde_json::from_slice(&common::bytes(home.path("s.json"))).expect("a summary");
    assert_eq!(summary["rows"]["late"], 2);
    assert_eq!(summary["rows"]["treatments"]["late"], 2, "{}", summary["rows"]);
}
