//! Bad input: one clear message that names file, place, reason and mend, the exit code of the contract, nothing lost.

mod common;

use common::{BAR_HEADER, Done, Home, MONDAY, bar_lines, bytes, gzip, ticks};

fn replay(home: &Home, file: &str) -> Done {
    home.tensortrade(&["run", "--data-dir", "data", "--feed", "replay", "--replay", file])
}

fn bars(lines: &[String]) -> String {
    format!("{BAR_HEADER}\n{}\n", lines.join("\n"))
}

#[test]
fn a_missing_file_is_named_and_the_flag_to_mend() {
    let home = Home::new();
    replay(&home, "no-such.csv").expect(3).says(&["no-such.csv", "no such file", "--replay"]);
}

#[test]
fn one_missing_file_among_good_ones_stops_the_run_before_it_begins() {
    let home = Home::new();
    let good = home.file("good.csv", bars(&bar_lines("AAA")));
    let args = ["run", "--data-dir", "data", "--replay", &good, "--replay", "no-such.csv"];
    home.tensortrade(&args).expect(3).says(&["no-such.csv"]);
    assert!(!home.path("data/journal.db").exists(), "no journal was begun");
}

#[test]
fn unknown_columns_are_shown_beside_the_expected_ones() {
    let home = Home::new();
    let file = home.file("odd.csv", "when,what,how\n1,2,3\n");
    replay(&home, &file).expect(3).says(&["odd.csv", "line 1", "when,what,how", "ts_ns,symbol,kind", "mend"]);
}

#[test]
fn a_summary_that_cannot_be_written_is_refused_before_the_run() {
    let home = Home::new();
    for place in ["nowhere/s.json", "."] {
        let args = ["run", "--data-dir", "data", "--for", "1s", "--summary", place];
        home.tensortrade(&args).expect(3).says(&["--summary", place, "name a file"]);
    }
    assert!(!home.path("data/journal.db").exists(), "no journal was begun");
}

#[test]
fn a_directory_is_no_input_file() {
    let home = Home::new();
    std::fs::create_dir(home.path("folder")).unwrap();
    replay(&home, "folder").expect(3).says(&["folder", "is a directory", "CSV"]);
}

#[test]
fn an_empty_file_and_a_header_alone_are_told_apart() {
    let home = Home::new();
    let empty = home.file("empty.csv", "");
    replay(&home, &empty).expect(3).says(&["empty.csv", "is empty"]);
    let header = home.file("header.csv", format!("{BAR_HEADER}\n"));
    replay(&home, &header).expect(3).says(&["header.csv", "no row"]);
}

#[test]
fn a_file_with_no_readable_row_shows_the_first_with_its_line() {
    let home = Home::new();
    let file = home.file("none.csv", format!("{BAR_HEADER}\nyesterday,AAA,1,1,1,1,1\n"));
    replay(&home, &file).expect(3).says(&["none.csv:2", "the time", "yesterday", "mend"]);
}

#[test]
fn malformed_rows_among_good_ones_are_reported_with_file_line_and_reason_and_the_run_goes_on() {
    let home = Home::new();
    let mut lines = bar_lines("AAA");
    lines.insert(10, "2013-10-07T13:40:00Z,AAA,ten,11,9,10,100".into());
    lines.insert(20, "2013-10-07T13:50:00Z,AAA".into());
    let file = home.file("some.csv", bars(&lines));
    let done = replay(&home, &file).expect(0);
    done.says(&[
        "2 rows could not be read",
        "some.csv:12",
        "open is not a decimal number",
        "some.csv:22",
        "fields",
    ]);
    assert_eq!(home.table("data", "equity").len(), 60, "every good bar was decided on");
    home.verify("data");
}

#[test]
fn a_truncated_gzip_is_named_with_its_place_and_what_came_before_is_kept() {
    let home = Home::new();
    let mut whole = gzip(&ticks(MONDAY, &["AAA", "BBB"]));
    whole.truncate(whole.len() / 2);
    let file = home.file("cut.csv.gz", &whole);
    replay(&home, &file).expect(3).says(&["cut.csv.gz", "line", "byte", "truncated"]);
    assert!(home.table("data", "equity").len() > 100, "the minutes before the damage are journalled");
    home.verify("data");
    assert_eq!(bytes(home.path("cut.csv.gz")), whole, "the input is as it was");
}

#[test]
fn a_gzip_cut_in_its_first_row_leaves_nothing_to_replay() {
    let home = Home::new();
    let mut whole = gzip(&bars(&bar_lines("AAA")));
    whole.truncate(60);
    let file = home.file("cut.csv.gz", whole);
    replay(&home, &file).expect(3).says(&["cut.csv.gz", "truncated"]);
}

#[test]
fn a_bad_value_and_an_unknown_key_are_shown_with_key_value_and_source() {
    let home = Home::new();
    let run = |set: &str| home.tensortrade(&["run", "--data-dir", "data", "--for", "1s", "--set", set]);
    run("runtime.worker_threads=9999").expect(3).says(&[
        "runtime.worker_threads",
        "9999",
        "0 to 256",
        "--set",
    ]);
    run("feed.speed=-1").expect(3).says(&["feed.speed", "-1", "above 0", "--set"]);
    run("risk.no_such=1").expect(3).says(&["risk.no_such", "no known key", "order_notional_max", "--set"]);
    let file = home.file("node.toml", "[risk]\norder_notional_max = \"lots\"\n");
    let done = home.tensortrade(&["run", "--data-dir", "data", "--config", &file]);
    done.expect(3).says(&["risk.order_notional_max", "lots", "node.toml"]);
    home.tensortrade(&["run", "--config", "absent.toml"]).expect(3).says(&["absent.toml"]);
    assert!(!home.path("data/journal.db").exists(), "no journal was begun");
}

#[test]
fn an_amount_may_be_given_bare_or_quoted_and_stays_exact() {
    let home = Home::new();
    let show = |set: &str, env: &[(&str, &str)]| {
        let done = home.with_env(&["config", "show", "--json", "--set", set], env).expect(0).json();
        (done["risk"]["order_notional_max"].clone(), done["risk"]["equity_min"].clone())
    };
    let wanted = ("50000".into(), "0.1".into());
    for (set, env) in [
        ("risk.order_notional_max=50000", "0.1"),
        ("risk.order_notional_max=\"50000\"", "\"0.1\""),
        ("risk.order_notional_max=50000.00", "0.10"),
    ] {
        assert_eq!(show(set, &[("TENSORTRADE_RISK__EQUITY_MIN", env)]), wanted, "{set}");
    }
}

#[test]
fn a_variable_that_was_meant_for_a_key_is_refused_with_the_right_name() {
    let home = Home::new();
    let wrong = [("TENSORTRADE_RISK_GROSS_EXPOSURE_MAX", "0.5")];
    let done = home.with_env(&["run", "--data-dir", "data", "--for", "1s"], &wrong).expect(3);
    done.says(&[
        "TENSORTRADE_RISK_GROSS_EXPOSURE_MAX",
        "names no key",
        "TENSORTRADE_RISK__GROSS_EXPOSURE_MAX",
    ]);
    assert!(!home.path("data/journal.db").exists(), "no journal was begun");
    let foreign = [("TENSORTRADE_SHARED", "/srv"), ("TENSORTRADE_HOME", "/srv")];
    let done = home.with_env(&["config", "check"], &foreign).expect(0);
    assert!(!done.err.contains("TENSORTRADE_SHARED"), "{}", done.err);
    done.says(&["warning", "TENSORTRADE_HOME", "ignored"]);
}

#[test]
fn an_unknown_key_in_the_environment_is_refused_and_a_known_one_is_used() {
    let home = Home::new();
    let check = ["config", "check"];
    home.with_env(&check, &[("TENSORTRADE_RISK__NO_SUCH", "1")]).expect(3).says(&[
        "risk.no_such",
        "no known key",
        "environment",
    ]);
    let show = home.with_env(&["config", "show", "--json"], &[("TENSORTRADE_RUNTIME__WORKER_THREADS", "3")]);
    assert_eq!(show.expect(0).json()["runtime"]["worker_threads"], 3);
}

#[test]
fn a_second_node_on_the_same_data_directory_is_refused_and_the_first_goes_on() {
    let home = Home::new();
    let first = home.sim("data", "AAPL", "600");
    let second = home.tensortrade(&["run", "--data-dir", "data", "--for", "1s"]).expect(3);
    second.says(&["another node", "data", "shutdown", "--data-dir"]);
    let rebuild = home.tensortrade(&["journal", "rebuild", "--data-dir", "data"]);
    assert!([3, 5].contains(&rebuild.code), "{rebuild:?}");
    let steps = first.status("/steps");
    first.wait_until("its steps go on", |node| node.status("/steps") > steps);
    first.shutdown();
    home.verify("data");
}

#[test]
fn a_foreign_file_in_the_journals_place_is_left_alone() {
    let home = Home::new();
    let file = home.file("bars.csv", bars(&bar_lines("AAA")));
    std::fs::create_dir(home.path("data")).unwrap();
    let diary = "Dear diary, today I was nearly overwritten by a trading node.\n".repeat(100);
    home.file("data/journal.db", &diary);
    replay(&home, &file).expect(3).says(&["journal.db", "no journal of this program", "move the file away"]);
    home.tensortrade(&["journal", "verify", "--data-dir", "data"]).expect(3).says(&["journal.db"]);
    assert_eq!(bytes(home.path("data/journal.db")), diary.as_bytes());
}

#[test]
fn a_damaged_journal_is_never_written_to() {
    let home = Home::new();
    let file = home.file("bars.csv", bars(&bar_lines("AAA")));
    replay(&home, &file).expect(0);
    let mut damaged = bytes(home.path("data/journal.db"));
    let (from, to) = (4_096, damaged.len() * 3 / 4);
    damaged[from..to].fill(0xAA);
    home.file("data/journal.db", &damaged);
    replay(&home, &file).expect(3).says(&["journal.db", "damaged", "backup"]);
    home.tensortrade(&["journal", "verify", "--data-dir", "data"]).expect(6).says(&["journal.db"]);
    let kept = [home.path("data/journal.db"), home.path("data/archive/1/journal.db")];
    assert!(kept.iter().any(|p| p.exists() && bytes(p) == damaged), "the damaged file is still there");
}

#[test]
fn the_paper_account_of_another_node_is_refused_before_anything_is_written() {
    let home = Home::new();
    let (monday, tuesday) = (home.day("monday.csv", MONDAY), home.day("tuesday.csv", common::TUESDAY));
    home.replay("one", &monday, &[]);
    home.replay("two", &monday, &[]);
    let own = bytes(home.path("one/paper/paper.books"));
    let journal = home.events("one", &[]).len();
    std::fs::copy(home.path("two/paper/paper.books"), home.path("one/paper/paper.books")).unwrap();
    let run = ["run", "--data-dir", "one", "--feed", "replay", "--replay", tuesday.as_str()];
    home.tensortrade(&run).expect(3).says(&["paper.books", "is not the one", "put that one's file back"]);
    assert_eq!(home.events("one", &[]).len(), journal, "nothing was written");
    std::fs::write(home.path("one/paper/paper.books"), own).unwrap();
    home.tensortrade(&run).expect(0);
    home.tensortrade(&["journal", "verify", "--data-dir", "one"]).expect(0);
}

#[test]
fn an_account_without_its_journal_says_so_and_its_executions_are_booked_in_a_journal_that_verifies() {
    let home = Home::new();
    let (monday, tuesday) = (home.day("monday.csv", MONDAY), home.day("tuesday.csv", common::TUESDAY));
    let fills = home.replay("data", &monday, &[])["fills"].as_u64().unwrap();
    assert!(fills > 0);
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        // The last two are not there after an orderly end.
        let _ = std::fs::remove_file(home.path("data").join(file));
    }
    let done = home.tensortrade(&["run", "--data-dir", "data", "--feed", "replay", "--replay", &tuesday]);
    done.expect(0)
        .says(&["paper.books is older than the journal", &format!("{fills} executions of no order")]);
    home.tensortrade(&["journal", "verify", "--data-dir", "data"]).expect(0);
    assert!(home.events("data", &["fill"]).len() as u64 >= fills);
}

#[test]
fn a_row_with_a_corrupt_stamp_stops_no_symbol() {
    let home = Home::new();
    let good = ticks(MONDAY, &["AAA", "BBB"]);
    let mut lines: Vec<&str> = good.lines().collect();
    let at = lines.len() / 2;
    // The same row, stamped in the year 2100.
    let odd = format!("4102444800000000000{}", &lines[at][lines[at].find(',').unwrap()..]);
    lines.insert(at, &odd);
    let expected = home.replay("good", &home.file("good.csv", &good), &[]);
    let found = home.replay("odd", &home.file("odd.csv", lines.join("\n") + "\n"), &[]);
    assert_eq!(found["orders"], expected["orders"]);
    assert_eq!(found["trace_hash"], expected["trace_hash"]);
}

#[test]
fn daily_bars_beside_minutes_are_refused_because_one_run_decides_on_one_timeframe() {
    let home = Home::new();
    let minutes = home.file("minutes.csv", bars(&bar_lines("AAA")));
    let days = home.file("days.csv", bars(&common::daily_lines("BBB", 40)));
    let args = ["run", "--data-dir", "data", "--feed", "replay", "--replay", &minutes, "--replay", &days];
    home.tensortrade(&args).expect(3).says(&["days.csv", "minutes.csv", "replay them apart"]);
    assert!(!home.path("data/journal.db").exists(), "no journal was begun");
}
