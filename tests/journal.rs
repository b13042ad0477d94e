//! The journal's commands: verify, export, rebuild, and a flipped byte that is found.

mod common;

use common::{BAR_HEADER, Home, MONDAY, bar_lines, bytes};

#[test]
fn a_clean_journal_verifies_and_rebuilds_to_the_same_tables() {
    let home = Home::new();
    let summary = home.replay("data", &home.day("day.csv", MONDAY), &[]);
    let report = home.tensortrade(&["journal", "verify", "--data-dir", "data", "--json"]).expect(0).json();
    assert_eq!(report["head"], summary["journal"]["head"]);
    let tables = ["bars", "decisions", "orders", "fills", "positions", "equity"];
    let print = |table: &str| {
        home.tensortrade(&["journal", "export", "--data-dir", "data", "--table", table]).expect(0).out
    };
    let before = tables.map(print);
    let rebuilt = home.tensortrade(&["journal", "rebuild", "--data-dir", "data", "--json"]).expect(0).json();
    assert_eq!(rebuilt["same"], true, "{rebuilt}");
    assert_eq!(rebuilt["rows"]["fills"], summary["fills"]);
    assert_eq!(tables.map(print), before);
}

#[test]
fn tables_that_are_not_what_the_events_say_fail_the_verification_and_a_rebuild_mends_them() {
    let home = Home::new();
    home.replay("data", &home.day("day.csv", MONDAY), &[]);
    home.sql("data/journal.db", "UPDATE positions SET qty = qty + 777");
    let verify =
        |json: &[&str]| home.tensortrade(&[&["journal", "verify", "--data-dir", "data"], json].concat());
    verify(&[]).expect(6).says(&["table positions", "journal rebuild"]);
    assert_eq!(verify(&["--json"]).expect(6).json()["clean"], false);
    home.tensortrade(&["journal", "rebuild", "--data-dir", "data"]).expect(0);
    verify(&[]).expect(0);
}

#[test]
fn an_export_is_one_json_object_a_line_in_order_and_can_be_filtered_by_kind() {
    let home = Home::new();
    let summary = home.replay("data", &home.day("day.csv", MONDAY), &[]);
    let all = home.events("data", &[]);
    assert_eq!(all.len() as u64, summary["journal"]["events"].as_u64().unwrap());
    for (event, seq) in all.iter().zip(1..) {
        assert_eq!(event["seq"], seq, "events are in order and without holes");
        assert_eq!(event["event"]["type"], event["kind"], "{event}");
    }
    assert!(all.windows(2).all(|pair| pair[1]["prev"] == pair[0]["hash"]), "each names the one before");
    let fills = home.events("data", &["fill"]);
    assert_eq!(fills.len() as u64, summary["fills"].as_u64().unwrap());
    let two = home.events("data", &["fill", "submitted"]);
    assert_eq!(two.len() as u64, fills.len() as u64 + summary["orders"]["sent"].as_u64().unwrap());
    let unknown = home.tensortrade(&["journal", "export", "--data-dir", "data", "--kind", "gossip"]);
    unknown.expect(2).says(&["gossip", "fill"]);
}

#[test]
fn tables_are_exported_with_their_headers_to_the_terminal_or_a_file() {
    let home = Home::new();
    let summary = home.replay("data", &home.day("day.csv", MONDAY), &[]);
    for (table, columns) in [
        ("bars", &["symbol", "open", "high", "low", "close", "volume"][..]),
        ("decisions", &["ts", "symbol", "weight", "confidence"]),
        ("orders", &["client_order_id", "symbol", "side", "qty", "status"]),
        ("fills", &["exec_id", "client_order_id", "symbol", "side", "qty", "price"]),
        ("positions", &["symbol", "qty"]),
        ("equity", &["ts", "cash", "equity"]),
    ] {
        let rows = home.table("data", table);
        assert!(!rows.is_empty(), "{table} has rows");
        for column in columns {
            assert!(rows[0].contains_key(*column), "{table} has no column {column}");
        }
    }
    assert_eq!(home.table("data", "bars").len() as u64, summary["bars"].as_u64().unwrap());
    let export = ["journal", "export", "--data-dir", "data", "--table", "fills"];
    let printed = home.tensortrade(&export).expect(0).out;
    home.tensortrade(&[&export[..], &["--out", "fills.csv"]].concat()).expect(0);
    assert_eq!(bytes(home.path("fills.csv")), printed.as_bytes());
    home.tensortrade(&["journal", "export", "--data-dir", "data", "--table", "gossip"])
        .expect(2)
        .says(&["bars"]);
}

#[test]
fn positions_are_the_sum_of_the_fills() {
    let home = Home::new();
    home.replay("data", &home.day("day.csv", MONDAY), &[]);
    let mut sums = std::collections::BTreeMap::<String, i64>::new();
    for fill in home.table("data", "fills") {
        let qty: i64 = fill["qty"].parse().unwrap();
        *sums.entry(fill["symbol"].clone()).or_default() += if fill["side"] == "buy" { qty } else { -qty };
    }
    sums.retain(|_, qty| *qty != 0);
    let positions = home.positions("data").into_iter().map(|(s, qty)| (s, qty.parse().unwrap())).collect();
    assert_eq!(sums, positions);
}

#[test]
fn one_changed_letter_in_an_event_is_found_and_the_node_will_not_build_on_it() {
    let home = Home::new();
    let file = home.file("bars.csv", format!("{BAR_HEADER}\n{}\n", bar_lines("AAA").join("\n")));
    home.replay("data", &file, &[]);
    let path = home.path("data/journal.db");
    let mut content = bytes(&path);
    let needle = br#"{"type":"opened","account":"PAPER""#;
    // The store may hold an old copy of the page beside the one in use: each of them is changed.
    let places: Vec<usize> =
        (0..content.len() - needle.len()).filter(|at| content[*at..].starts_with(needle)).collect();
    assert!(!places.is_empty(), "the opening balance is in the file");
    places.iter().for_each(|at| content[at + needle.len() - 2] = b'S');
    std::fs::write(&path, &content).unwrap();

    let verify = ["journal", "verify", "--data-dir", "data"];
    home.tensortrade(&verify).expect(6).says(&["journal.db", "event 1"]);
    let report = home.tensortrade(&[&verify[..], &["--json"]].concat()).expect(6).json();
    assert_eq!(report["clean"], false, "{report}");
    assert!(report["problems_total"].as_u64() > Some(0), "{report}");
    assert_eq!(bytes(&path), content, "a check changes nothing");
}

#[test]
fn a_journal_that_does_not_exist_is_named() {
    let home = Home::new();
    for command in ["verify", "export", "rebuild"] {
        let done = home.tensortrade(&["journal", command, "--data-dir", "nowhere"]).expect(3);
        done.says(&["nowhere", "does not exist", "first run"]);
    }
    assert!(!home.path("nowhere").exists(), "looking creates nothing");
}
