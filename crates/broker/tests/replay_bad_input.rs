//! Bad input to the replay: one clear message each, naming file, place, reason and mend, and nothing lost before it.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod replay_support;

use std::path::Path;

use replay_support::{TICKS, all_words, gzip, minutes, open, read_all, ticks, trades, write};
use tensortrade_broker::replay::{ROW_ERRORS_MAX, probe};
use tensortrade_broker::{Feed, FeedError};
use tensortrade_market::Timeframe;

/// The message with which a file is refused before the replay starts.
fn refusal(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = write(dir, name, bytes);
    match probe(&[path]).unwrap_err() {
        FeedError::Input(text) => {
            assert!(text.contains(name), "names the file: {text}");
            text
        }
        other => panic!("{other}"),
    }
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{part}' is missing in: {text}");
    }
}

#[test]
fn a_missing_file_a_directory_and_an_empty_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let missing = probe(&[dir.path().join("missing.csv")]).unwrap_err().to_string();
    says(&missing, &["missing.csv", "no such file", "check the path"]);
    let directory = probe(&[dir.path().to_owned()]).unwrap_err().to_string();
    says(&directory, &["is a directory", "name the CSV or CSV.gz files"]);
    says(&refusal(dir.path(), "empty.csv", ""), &["the file is empty", "a header line"]);
    says(&refusal(dir.path(), "blank.csv", "\n\r\n  \n"), &["holds no text"]);
    says(&refusal(dir.path(), "empty.csv.gz", gzip("")), &["holds no text"]);
    says(&probe(&[]).unwrap_err().to_string(), &["at least one file"]);
}

#[test]
fn the_same_file_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "t.csv", format!("{TICKS}{}", trades(&[(1, "A")])));
    let again = dir.path().join(".").join("t.csv");
    says(&probe(&[path, again]).unwrap_err().to_string(), &["t.csv", "given twice"]);
}

#[test]
fn an_unknown_set_of_columns_is_refused_with_those_found_and_those_expected() {
    let dir = tempfile::tempdir().unwrap();
    for header in [
        "time,ticker,last",
        "ts_ns,symbol,kind,venue",
        "ts_ns,symbol,price,size",
        "ts,symbol,open,high,low",
        "ts,symbol,bid_open,bid_high,bid_low,bid_close",
        "ts;symbol;open;high;low;close",
    ] {
        let text = refusal(dir.path(), "t.csv", format!("{header}\n1,A,3,4,5,6\n"));
        says(
            &text,
            &[
                "line 1",
                "unknown set of columns",
                &format!("found {header}"),
                "expected ticks (ts_ns",
                "mend",
            ],
        );
    }
    let twice = refusal(dir.path(), "t.csv", "ts_ns,symbol,kind,price,price\n1,A,trade,1,2\n");
    says(&twice, &["the column 'price' twice"]);
}

#[test]
fn a_table_without_a_header_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = refusal(dir.path(), "t.csv", trades(&[(1, "A"), (2, "A")]));
    says(&text, &["line 1", "unknown set of columns", "found 1000000000,a,trade"]);
}

#[test]
fn other_file_forms_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    says(&refusal(dir.path(), "t.parquet", b"PAR1\0\0\0"), &["Parquet", "export it as CSV"]);
    says(&refusal(dir.path(), "t.zip", b"PK\x03\x04rest"), &["zip archive", "unpack it"]);
    says(&refusal(dir.path(), "t.zst", b"\x28\xb5\x2f\xfdrest"), &["zstd", "unpack it"]);
    says(&refusal(dir.path(), "t.bin", b"\x7fELF\0\0\0\xff\n"), &["not a text table"]);
    says(&refusal(dir.path(), "u.csv", b"\xff\xfet\0s\0,\0\n\0"), &["UTF-16", "iconv"]);
}

#[test]
fn a_file_without_a_readable_row_is_refused_with_the_first_reason() {
    let dir = tempfile::tempdir().unwrap();
    says(&refusal(dir.path(), "t.csv", TICKS), &["a header and no row"]);
    let text = refusal(dir.path(), "t.csv", format!("{TICKS}x,A,trade,1,1,,,,\n2,A,trade,,1,,,,\n"));
    says(&text, &["none of its 2 rows", "t.csv:2: the time is neither", "in 'x,A,trade,1,1,,,,'", "mend"]);
    let text = refusal(dir.path(), "t.csv", format!("{TICKS}1,A,other,1,1,,,,\n"));
    says(&text, &["none of its 1 rows is of kind trade or quote"]);
}

#[test]
fn each_malformed_row_is_left_out_counted_and_reported_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let bad = [
        ("x,A,trade,1,1,,,,", "the time is neither"),
        ("9223372036854775807,A,trade,1,1,,,,", "out of range"),
        ("2,A,trade,,1,,,,", "price is missing"),
        ("2,A,trade,nan,1,,,,", "price is not a decimal number"),
        ("2,A,trade,99999999999,1,,,,", "price is out of range"),
        ("2,A,trade,1,-1,,,,", "size is negative"),
        ("2,A,trade,1,one,,,,", "size is not a decimal number"),
        ("2,A,quote,,,,,5,5", "a quote with neither bid nor ask"),
        ("2,A,quote,,,1.0x,,5,5", "bid is not a decimal number"),
        ("2,A,quote,,,1,1,5,-5", "ask_size is negative"),
        ("2,A B,trade,1,1,,,,", "symbol 'A B' holds ' '"),
        ("2,,trade,1,1,,,,", "a symbol cannot be empty"),
        ("2,A,,1,1,,,,", "the kind is empty"),
        ("2,A,trade", "only 3 fields where 9 are needed"),
        ("2,\"A,trade,1,1,,,,", "a quoted field is not closed"),
    ];
    let lines: String = bad.iter().map(|(line, _)| format!("{line}\n")).collect();
    let text = format!("{TICKS}{}{lines}\n{}", trades(&[(1, "A")]), trades(&[(2, "A")]));
    let mut feed = open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap();
    let (slices, end) = read_all(&mut feed);
    assert!(end.is_ok());
    assert_eq!(all_words(&slices), ["A 1 2 @60"]);
    assert_eq!(feed.stats().malformed, bad.len() as u64);
    assert_eq!(feed.row_errors().len(), bad.len());
    for (at, (error, (line, reason))) in feed.row_errors().iter().zip(bad).enumerate() {
        assert_eq!(error.line, at as u64 + 3, "{error}");
        says(&error.to_string(), &["t.csv:", reason]);
        assert_eq!(error.excerpt, line.replace('"', "\\\""));
    }
}

#[test]
fn bars_that_are_none_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let text = "ts,symbol,open,high,low,close,volume\n\
                2018-02-16T14:30:00Z,A,10,9,9.5,9.2,1\n2018-02-16T14:30:00Z,A,10,11,9.5,12,1\n\
                2018-02-16T14:30:00Z,A,10,,9.5,10,1\n2018-02-30T14:30:00Z,A,10,11,9,10,1\n\
                2018-02-16T14:30:00Z,A,10,11,9,10,-1\n2018-02-16T14:30:00Z,A,10,11,9,10,1\n";
    let mut feed = open(&[write(dir.path(), "bars.csv", text)], minutes()).unwrap();
    let (slices, _) = read_all(&mut feed);
    assert_eq!(slices.iter().flat_map(|s| &s.batches).map(|b| b.len()).sum::<usize>(), 1);
    let reasons: Vec<_> = feed.row_errors().iter().map(|e| (e.line, e.reason.as_str())).collect();
    let not_a_bar = "high is below low, or open or close lies outside them";
    assert_eq!(reasons[..2], [(2, not_a_bar), (3, not_a_bar)]);
    assert_eq!((reasons[2], reasons[4]), ((4, "high is missing"), (6, "volume is negative")));
    says(reasons[3].1, &["the time"]);
}

#[test]
fn only_the_first_malformed_rows_are_kept_and_all_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{TICKS}{}{}", trades(&[(1, "A")]), "bad\n".repeat(500));
    let mut feed = open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap();
    read_all(&mut feed).1.unwrap();
    assert_eq!((feed.stats().malformed, feed.row_errors().len()), (500, ROW_ERRORS_MAX));
}

#[test]
fn a_truncated_archive_gives_the_rows_before_the_end_and_then_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..50_000).map(|at| replay_support::trade(at, "A")).collect();
    let whole = gzip(format!("{TICKS}{rows}"));
    let cut = &whole[..whole.len() * 2 / 3];
    let mut feed = open(&[write(dir.path(), "cut.csv.gz", cut)], minutes()).unwrap();
    let (slices, end) = read_all(&mut feed);
    let got = ticks(&slices);
    assert!(got.len() > 20_000, "{} rows", got.len());
    assert!(got.iter().enumerate().all(|(at, (_, tick))| tick.ts.nanos() == at as i64 * 1_000_000_000));
    let text = end.unwrap_err().to_string();
    let line = format!("past line {}", got.len() + 1);
    says(
        &text,
        &["cut.csv.gz", &line, "of the file): ", "the archive is truncated: download or write it again"],
    );
    let again = futures::executor::block_on(feed.next()).unwrap_err().to_string();
    assert_eq!(again, text, "it never turns into an end");
    assert!(slices.last().unwrap().watermark.is_none(), "an interval that broke off is not called complete");
}

#[test]
fn a_damaged_archive_is_an_error_and_not_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let rows: String = (0..50_000).map(|at| replay_support::trade(at, "A")).collect();
    let mut bytes = gzip(format!("{TICKS}{rows}"));
    let last = bytes.len() - 6;
    bytes[last] ^= 0xff; // the checksum
    let (slices, end) = read_all(&mut open(&[write(dir.path(), "bad.csv.gz", &bytes)], minutes()).unwrap());
    assert_eq!(ticks(&slices).len(), 50_000);
    says(&end.unwrap_err().to_string(), &["bad.csv.gz", "past line 50001", "the archive is damaged"]);
}

#[test]
fn a_truncated_file_of_blocks_gives_its_rows_in_order_and_then_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let block = |name: &str| (0..20_000).map(|at| replay_support::trade(at, name)).collect::<String>();
    let whole = gzip(format!("{TICKS}{}{}", block("A"), block("B")));
    let path = write(dir.path(), "cut.csv.gz", &whole[..whole.len() * 9 / 10]);
    let mut options = minutes();
    options.limits.sort_rows_max = 1000;
    let (slices, end) = read_all(&mut open(&[path], options).unwrap());
    let got = ticks(&slices);
    assert!(got.len() > 25_000 && got.len() < 40_000);
    let watermarks: Vec<_> = slices.iter().filter_map(|s| s.watermark).collect();
    assert!(watermarks.is_sorted());
    says(&end.unwrap_err().to_string(), &["the archive is truncated"]);
}

#[test]
fn a_line_without_end_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{TICKS}{}2,A,trade,1,{}\n", trades(&[(1, "A")]), "1".repeat(70_000));
    let (slices, end) = read_all(&mut open(&[write(dir.path(), "t.csv", text)], minutes()).unwrap());
    assert_eq!(all_words(&slices), ["A 1"]);
    says(
        &end.unwrap_err().to_string(),
        &["t.csv: line 3", "longer than 65536 bytes", "check the file's line ends"],
    );
}

#[test]
fn decisions_within_the_bars_of_a_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "d.csv", "ts,symbol,open,high,low,close\n2018-02-16,A,1,1,1,1\n");
    let Err(refused) = open(&[path], minutes()) else { panic!("refused") };
    says(&refused.to_string(), &["d.csv", "its bars are 1d long", "decisions every 1m", "multiple of 1d"]);
}

#[test]
fn a_symbol_asked_for_that_no_file_holds_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "t.csv", format!("{TICKS}{}", trades(&[(1, "A"), (2, "B")])));
    let mut options = minutes();
    options.symbols = Some([replay_support::symbol("A"), replay_support::symbol("ZZZ")].into());
    let Err(refused) = open(&[path], options) else { panic!("refused") };
    assert_eq!(refused.to_string(), "unknown symbol ZZZ: the replay files hold A, B");
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let rows = trades(&[(10, "A"), (70, "A"), (5, "B"), (66, "B")]);
    let mut options = minutes();
    options.spill_dir = dir.path().join("nowhere");
    options.limits.sort_rows_max = 2;
    let path = write(dir.path(), "t.csv", format!("{TICKS}{rows}"));
    let (_, end) = read_all(&mut open(&[path], options).unwrap());
    says(&end.unwrap_err().to_string(), &["nowhere", "temporary file", "name another folder"]);
}

#[test]
fn bars_of_less_than_a_second_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let text =
        "ts,symbol,open,high,low,close\n2018-02-16T00:00:00.1Z,A,1,1,1,1\n2018-02-16T00:00:00.2Z,A,1,1,1,1\n";
    says(&refusal(dir.path(), "t.csv", text), &["no whole seconds apart"]);
    assert_eq!(Timeframe::SECOND.to_string(), "1s");
}
