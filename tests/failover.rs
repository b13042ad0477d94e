//! A second feed that stands in while the first is bad, on the whole node.

mod common;

use common::{Home, MONDAY};
use serde_json::Value;

/// 15:00 UTC, an hour and a half into the session, in nanoseconds.
const HOLE_BEGINS: i64 = (MONDAY + 15 * 3_600) * 1_000_000_000;
/// Forty minutes later.
const HOLE_ENDS: i64 = HOLE_BEGINS + 40 * 60 * 1_000_000_000;

/// The day without the rows of the hole.
fn holed(home: &Home, name: &str, day: &str) -> String {
    let text = std::fs::read_to_string(day).expect("the file");
    let ts = |row: &str| row.split(',').next().and_then(|ns| ns.parse::<i64>().ok());
    let kept = text.lines().filter(|row| ts(row).is_none_or(|ts| !(HOLE_BEGINS..HOLE_ENDS).contains(&ts)));
    home.file(name, kept.collect::<Vec<_>>().join("\n") + "\n")
}

fn with_backup<'a>(backup: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["--set", backup][..], more].concat()
}

fn backup_is(file: &str) -> String {
    format!("feed.backup.files=[\"{file}\"]")
}

#[test]
fn a_backup_stands_in_for_a_silent_primary_and_the_day_is_traded_as_if_nothing_had_been() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let hole = holed(&home, "hole.csv", &day);
    let whole = home.replay("whole", &day, &[]);
    assert!(whole.get("feeds").is_none(), "nothing of feeds without a backup: {whole}");

    // A good primary: the backup changes nothing.
    let same = backup_is(&home.day("copy.csv", MONDAY));
    let idle = home.replay("idle", &day, &with_backup(&same, &[]));
    assert_eq!((&idle["trace_hash"], &idle["feeds"]["switches"]), (&whole["trace_hash"], &Value::from(0)));

    // A silent one: left at the first boundary without its data, so that no row is missing, and taken again later.
    let backup = backup_is(&day);
    let mut hashes = Vec::new();
    for (data, more) in [
        ("one", ["--set", "runtime.worker_threads=1"]),
        ("two", ["--set", "runtime.worker_threads=2"]),
        ("paced", ["--speed", "20000"]),
    ] {
        let run = home.replay(data, &hole, &with_backup(&backup, &more));
        assert_eq!(run["feeds"]["switches"], 2, "{run}");
        assert_eq!(run["feeds"]["on_backup"], 0, "{run}");
        hashes.push(run["trace_hash"].clone());
        home.verify(data);
    }
    assert!(hashes.iter().all(|hash| *hash == whole["trace_hash"]), "{hashes:?}");

    let switches = home.events("one", &["feed_switched"]);
    let told = |at: usize, key: &str| switches[at]["event"][key].clone();
    assert_eq!(switches.len(), 2, "{switches:?}");
    assert_eq!((told(0, "to"), told(1, "to")), ("backup".into(), "primary".into()));
    assert_eq!(told(0, "ts").as_i64(), Some(HOLE_BEGINS + 60_000_000_000));
    assert!(told(1, "ts").as_i64() > Some(HOLE_ENDS + 300_000_000_000), "{switches:?}");
    assert_eq!(told(0, "symbols"), serde_json::json!(["AAA", "BBB"]));
    let alarms = home.events("one", &["alarm"]);
    let codes: Vec<_> = alarms.iter().filter(|alarm| alarm["event"]["code"] == "feed_switched").collect();
    assert_eq!(codes.len(), 2, "every switch is an alarm: {alarms:?}");
}

#[test]
fn a_symbol_of_which_both_feeds_are_silent_is_not_traded_while_the_others_are() {
    let home = Home::new();
    let text = common::ticks(MONDAY, &["AAA", "BBB", "CCC"]);
    let silent = |row: &&str| {
        let mut fields = row.split(',');
        let ts = fields.next().and_then(|ns| ns.parse::<i64>().ok());
        let symbol = fields.next().unwrap_or_default();
        symbol == "AAA" && ts.is_some_and(|ts| (HOLE_BEGINS..HOLE_ENDS).contains(&ts))
    };
    let text = text.lines().filter(|row| !silent(row)).collect::<Vec<_>>().join("\n") + "\n";
    let (file, copy) = (home.file("day.csv", &text), home.file("copy.csv", &text));
    let off = ["--set", "breaker.stale.symbol_ms=0"];
    home.replay("both", &file, &with_backup(&backup_is(&copy), &off));
    // Orders by symbol, in the hole and on either side of it.
    let orders = |symbol: &str, from: i64, to: i64| {
        let sent = home.events("both", &["intent"]).into_iter().map(|line| line["event"].clone());
        let of = sent.filter(|event| event["terms"]["symbol"] == symbol);
        of.filter(|event| event["decided_at"].as_i64().is_some_and(|ts| ts > from && ts <= to)).count()
    };
    let (minute, evening) = (60_000_000_000, (MONDAY + 86_400) * 1_000_000_000);
    assert!(orders("AAA", 0, HOLE_BEGINS) > 0 && orders("AAA", HOLE_ENDS, evening) > 0);
    assert_eq!(orders("AAA", HOLE_BEGINS + minute, HOLE_ENDS), 0);
    assert!(orders("BBB", HOLE_BEGINS, HOLE_ENDS) + orders("CCC", HOLE_BEGINS, HOLE_ENDS) > 0);
    let alarms = home.events("both", &["alarm"]);
    assert!(alarms.iter().any(|line| line["event"]["code"] == "feed_no_good_source"), "{alarms:?}");
    home.verify("both");
}

#[test]
fn a_backup_that_does_not_fit_is_refused_with_its_key() {
    let home = Home::new();
    let day = home.day("day.csv", MONDAY);
    let bars =
        home.file("bars.csv", format!("{}\n{}\n", common::BAR_HEADER, common::bar_lines("AAA").join("\n")));
    let run = ["run", "--data-dir", "d", "--feed", "replay", "--replay", &day, "--set"];
    let backup = backup_is(&bars);
    home.tensortrade(&[&run[..], &[&backup]].concat()).expect(3).says(&[
        "feed.backup.files",
        "bars.csv",
        "1m bars",
    ]);
    let limit = home.tensortrade(&[&run[..], &["feed.failover.gap_leave=0.9"]].concat());
    limit.expect(3).says(&["feed.failover", "gap_leave = 0.9", "--set"]);
    let sim = backup_is(&day);
    home.tensortrade(&["run", "--data-dir", "d", "--set", &sim])
        .expect(3)
        .says(&["feed.backup.files", "--feed replay"]);
    let outage = "feed.backup.sim.outage_minutes=5";
    home.tensortrade(&["run", "--data-dir", "d", "--set", outage]).expect(3).says(&["outage_minutes = 5"]);
}

#[test]
fn a_simulated_market_with_outages_of_its_primary_shows_its_switches() {
    let home = Home::new();
    let outages = [
        "--symbols",
        "AAPL,MSFT",
        "--speed",
        "2400",
        "--seed",
        "3",
        "--set",
        "journal.durability=process",
        "--set",
        "feed.backup.sim.enabled=true",
        "--set",
        "feed.backup.sim.primary_outage_every_minutes=60",
        "--set",
        "feed.backup.sim.primary_outage_minutes=10",
    ];
    let node = home.start("data", &outages);
    node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
    node.wait_until("two switches", |node| {
        let status = node.ctl(&["status"]).json();
        status["feeds"]["switches"].as_u64() >= Some(2)
    });
    let status = node.ctl(&["status"]).expect(0).json();
    assert_eq!(status["feeds"]["suspect"], 0, "{status}");
    node.ctl(&["shutdown"]).expect(0);
}
