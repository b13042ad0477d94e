//! What survives: reopening, kills at any byte, damage, foreign files, compaction, the lock.

use std::fs;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use tensortrade_broker::Broker;
use tensortrade_broker::paper::{Fsync, Latency, PaperBroker, PaperError, PaperOptions};
use tensortrade_market::calendar::SessionKind;

use super::desk::*;
use super::flow::{Player, Step, steps};

fn options(path: &Path) -> PaperOptions {
    PaperOptions { path: path.to_owned(), ..PaperOptions::default() }
}

fn open(path: &Path) -> PaperBroker {
    PaperBroker::open(options(path)).unwrap()
}

/// A flow of orders that is the same in every run.
fn flow(length: usize) -> Vec<Step> {
    let mut runner = TestRunner::deterministic();
    let mut all = Vec::new();
    while all.len() < length {
        all.extend(steps(250).new_tree(&mut runner).unwrap().current());
    }
    all.truncate(length);
    all
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paper.books");
    (folder, path)
}

#[test]
fn a_reopened_account_answers_as_before_and_its_orders_go_on_working() {
    let (_folder, path) = folder();
    let ibm = instrument("IBM", SessionKind::UsEquity);
    let mut desk = Desk::of(open(&path), &ibm);
    assert!(desk.broker.recovery().created);
    desk.quote(0, "99.99", "0", "100.01", "0");
    desk.place("held", Buy, "100", Market, Day, 0);
    desk.quote(60, "99.99", "0", "100.01", "0");
    desk.place("works", Sell, "40", limit("101"), Gtc, 60);
    desk.place("stopped", Sell, "60", stop("99.00"), Gtc, 60);
    desk.watermark(200);
    desk.trade(210, "98.99", "10");
    desk.place("travels", Buy, "7", Market, Day, 220);
    desk.cancel("works", 225);
    let before = answers(&mut desk.broker);
    drop(desk);

    let mut desk = Desk { broker: open(&path), symbol: ibm.symbol };
    assert!(!desk.broker.recovery().created && desk.broker.recovery().torn_bytes == 0);
    assert_eq!(answers(&mut desk.broker), before);
    assert_eq!(desk.broker.last_market_time(), Some(at(225)));
    assert!(desk.events().is_empty(), "what was told before is not told again");
    // The instrument is known, the stop stays reached, the travelling order and the cancel arrive.
    let events = desk.quote(300, "98.90", "0", "98.92", "0");
    assert_eq!(words(&events), ["accepted", "cancelled", "fill", "commission", "fill", "commission"]);
    assert_eq!(filled(&events), ["60 @ 98.9", "7 @ 98.92"]);
    assert_eq!(desk.held(), qty("47"));
}

#[test]
fn ids_are_never_used_again_after_a_restart() {
    let (_folder, path) = folder();
    let ibm = instrument("IBM", SessionKind::UsEquity);
    let mut seen = std::collections::BTreeSet::new();
    for run in 0..4 {
        let mut desk = Desk::of(open(&path), &ibm);
        let begin = run * 10_000;
        desk.quote(begin, "99.99", "0", "100.01", "0");
        desk.place(&format!("run{run}"), Buy, "100", Market, Day, begin);
        for fill in fills(&desk.quote(begin + 60, "99.99", "0", "100.01", "0")) {
            assert!(seen.insert(fill.exec_id.to_string()) && seen.insert(fill.broker_order_id.to_string()));
        }
    }
    assert_eq!(seen.len(), 8);
}

#[test]
fn an_order_is_in_the_file_when_place_returns() {
    let (folder, path) = folder();
    let mut desk = Desk::of(open(&path), &instrument("IBM", SessionKind::UsEquity));
    desk.place("a", Buy, "100", limit("90"), Gtc, 0);
    // Killed here: all that is left is the file as it is now.
    let copy = folder.path().join("copy.books");
    fs::copy(&path, &copy).unwrap();
    let open_orders = block_on(open(&copy).open_orders()).unwrap();
    assert_eq!(open_orders[0].client_order_id, Some(id("a")));
}

#[test]
fn a_kill_at_any_moment_of_a_flow_loses_nothing_that_was_told() {
    let (folder, path) = folder();
    let mut player = Player::new(open(&path), &Latency::default());
    let copy = folder.path().join("copy.books");
    let all = flow(1_200);
    for (n, step) in all.iter().enumerate() {
        player.play(step);
        if n % 37 == 0 {
            fs::copy(&path, &copy).unwrap();
            let mut reopened = open(&copy);
            assert_eq!(answers(&mut reopened), answers(&mut player.broker), "after step {n}");
        }
    }
    player.reconcile();
    assert!(player.executions.len() > 100);
}

#[test]
fn a_reopened_account_goes_on_through_the_rest_of_the_flow_with_all_invariants() {
    let (_folder, path) = folder();
    let mut player = Player::new(open(&path), &Latency::default());
    for (n, step) in flow(1_200).iter().enumerate() {
        if n % 100 == 99 {
            // Drops the old one first: its lock must be free.
            player.broker = PaperBroker::in_memory(PaperOptions::default()).unwrap();
            player.broker = open(&path);
        }
        player.play(step);
    }
    player.reconcile();
}

/// Every byte at which the last records can be cut gives the state after the last whole record.
#[test]
fn a_file_cut_at_any_byte_opens_as_the_state_after_its_last_whole_record() {
    let (folder, path) = folder();
    let mut player = Player::new(open(&path), &Latency::default());
    let mut written = Vec::new();
    for step in flow(150) {
        player.play(&step);
        written.push((fs::metadata(&path).unwrap().len() as usize, answers(&mut player.broker)));
    }
    drop(player);
    let whole = fs::read(&path).unwrap();
    let ends: Vec<usize> = (1..=whole.len()).filter(|end| whole[end - 1] == b'\n').collect();
    let first = ends[ends.len() - 15];
    let copy = folder.path().join("copy.books");
    let reopen = |length: usize| {
        fs::write(&copy, &whole[..length]).unwrap();
        let mut broker = open(&copy);
        (broker.recovery(), answers(&mut broker))
    };
    let mut after_record = None;
    for length in first..=whole.len() {
        let end = *ends.iter().rev().find(|end| **end <= length).unwrap();
        let (recovery, state) = reopen(length);
        assert_eq!(recovery.torn_bytes as usize, length - end);
        assert_eq!(fs::metadata(&copy).unwrap().len() as usize, end, "the torn tail is cut off");
        if length == end {
            after_record = Some(state.clone());
        }
        assert_eq!(Some(&state), after_record.as_ref(), "cut at byte {length}");
        // Where the whole record is the last of its write, the state is one that was live.
        if let Some((_, live)) = written.iter().rev().find(|(at, _)| *at == end) {
            assert_eq!(&state, live, "cut at byte {length}");
        }
    }
}

#[test]
fn a_cut_account_goes_on_and_a_second_opening_finds_nothing_torn() {
    let (_folder, path) = folder();
    let mut desk = Desk::of(open(&path), &instrument("IBM", SessionKind::UsEquity));
    desk.place("a", Buy, "100", limit("90"), Gtc, 0);
    desk.place("b", Buy, "100", limit("90"), Gtc, 0);
    drop(desk);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 3]).unwrap();
    let mut desk = Desk { broker: open(&path), symbol: instrument("IBM", SessionKind::UsEquity).symbol };
    assert!(desk.broker.recovery().torn_bytes > 0);
    assert!(
        desk.place("b", Buy, "100", limit("90"), Gtc, 0).is_empty(),
        "nobody was told of it: it may be placed again"
    );
    drop(desk);
    let mut broker = open(&path);
    assert_eq!(broker.recovery().torn_bytes, 0);
    assert_eq!(block_on(broker.open_orders()).unwrap().len(), 2);
}

#[test]
fn damage_before_the_end_is_refused_by_file_and_line_and_nothing_is_changed() {
    let (_folder, path) = folder();
    let mut player = Player::new(open(&path), &Latency::default());
    flow(100).iter().for_each(|step| player.play(step));
    drop(player);
    let whole = fs::read(&path).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let middle = lines.len() / 2;
    let changed = text.replacen(lines[middle], &lines[middle].replace('1', "2"), 1);
    let missing = text.replacen(&format!("{}\n", lines[middle]), "", 1);
    let last = text.replacen(lines[lines.len() - 1], &lines[lines.len() - 1].replace('}', "]"), 1);
    for (what, damaged, line) in
        [("changed", changed, middle + 1), ("missing", missing, middle + 1), ("last", last, lines.len())]
    {
        fs::write(&path, &damaged).unwrap();
        let error = PaperBroker::open(options(&path)).unwrap_err();
        assert!(
            matches!(&error, PaperError::Corrupt { line: l, .. } if *l == line as u64),
            "{what}: {error}"
        );
        let message = error.to_string();
        assert!(message.contains("paper.books") && message.contains("restore the file"), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
    }
    fs::write(&path, whole).unwrap();
    open(&path);
}

#[test]
fn a_file_cut_inside_its_snapshot_is_refused() {
    let (_folder, path) = folder();
    drop(open(&path));
    let whole = fs::read_to_string(&path).unwrap();
    let header = whole.lines().next().unwrap();
    fs::write(&path, format!("{header}\n")).unwrap();
    let error = PaperBroker::open(options(&path)).unwrap_err().to_string();
    assert!(error.contains("the snapshot ends after 0 of"), "{error}");
}

#[test]
fn another_kind_of_file_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for content in ["", "SQLite format 3\0...", "{\"hello\":1}\n", "ts,symbol,open\n2013-10-07,IBM,1\n"] {
        fs::write(&path, content).unwrap();
        let error = PaperBroker::open(options(&path)).unwrap_err();
        assert!(matches!(error, PaperError::Foreign { .. }), "{error}");
        assert!(error.to_string().contains("give another path"));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn the_books_of_another_account_are_refused() {
    let (_folder, path) = folder();
    drop(open(&path));
    let error = PaperBroker::open(PaperOptions { account: "OTHER".into(), ..options(&path) })
        .unwrap_err()
        .to_string();
    assert!(error.contains("account 'PAPER', not of 'OTHER'"), "{error}");
}

#[test]
fn a_second_opening_is_refused_while_the_first_lives() {
    let (_folder, path) = folder();
    let first = open(&path);
    assert!(matches!(PaperBroker::open(options(&path)), Err(PaperError::Locked { .. })));
    drop(first);
    open(&path);
}

#[test]
fn a_second_opening_is_refused_also_when_the_lock_file_was_deleted() {
    let (folder, path) = folder();
    let first = open(&path);
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "lock") {
            std::fs::remove_file(file).unwrap();
        }
    }
    assert!(matches!(PaperBroker::open(options(&path)), Err(PaperError::Locked { .. })));
    drop(first);
    open(&path);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (folder, _) = folder();
    let path = folder.path().join("no/such/paper.books");
    let error = PaperBroker::open(options(&path)).unwrap_err().to_string();
    assert!(error.contains("no/such/paper.books") && error.contains("does its folder exist"), "{error}");
}

#[test]
fn the_starting_cash_counts_only_when_the_account_is_made() {
    let (_folder, path) = folder();
    drop(open(&path));
    let mut richer = options(&path);
    richer.starting_cash.values_mut().for_each(|m| *m = m.scaled(2, 1).unwrap());
    assert_eq!(
        answers(&mut PaperBroker::open(richer).unwrap()).account.cash.values().next().unwrap().to_string(),
        "1000000"
    );
}

#[test]
fn a_large_file_is_compacted_and_the_account_answers_as_before_while_older_segments_stay() {
    let (folder, path) = folder();
    let small = PaperOptions { compact_bytes: 4_096, history_max: 20, ..options(&path) };
    let mut player = Player::new(PaperBroker::open(small.clone()).unwrap(), &Latency::default());
    let copy = folder.path().join("copy.books");
    let mut state = answers(&mut player.broker);
    for (n, step) in flow(1_500).iter().enumerate() {
        player.play(step);
        if n % 50 == 0 {
            fs::copy(&path, &copy).unwrap();
            state = answers(&mut player.broker);
            let reopened = PaperBroker::open(PaperOptions { path: copy.clone(), ..small.clone() });
            assert_eq!(answers(&mut reopened.unwrap()), state);
        }
    }
    assert_eq!(state.executions.len(), 20);
    drop(player);
    let segments = PaperBroker::open(small.clone()).unwrap().recovery().segment;
    assert!(segments > 3, "{segments}");
    assert!(fs::metadata(&path).unwrap().len() < 64 << 10);
    // Every segment is an account that opens by itself, and together they hold every execution.
    let mut executions = std::collections::BTreeSet::new();
    let names: Vec<PathBuf> =
        (1..=segments).map(|n| folder.path().join(format!("paper.books.{n:04}"))).collect();
    for name in names.iter().chain([&path]) {
        fs::copy(name, &copy).unwrap();
        let all = PaperOptions { path: copy.clone(), history_max: 100_000, ..small.clone() };
        let answers = answers(&mut PaperBroker::open(all).unwrap());
        executions.extend(answers.executions.iter().map(|e| e.fill.exec_id.to_string()));
    }
    assert_eq!(executions.len() as u64, total(&executions));
}

/// Executions of order `P<n>` are numbered from 1 without holes: the largest numbers add up to how many there are.
fn total(executions: &std::collections::BTreeSet<String>) -> u64 {
    let mut largest = std::collections::BTreeMap::new();
    for id in executions {
        let (order, n) = id.split_once('.').unwrap();
        let n: u64 = n.parse().unwrap();
        let entry = largest.entry(order.to_owned()).or_insert(0);
        *entry = n.max(*entry);
    }
    largest.values().sum()
}

#[test]
fn what_an_unfinished_compaction_left_behind_does_no_harm() {
    let (folder, path) = folder();
    let small = PaperOptions { compact_bytes: 4_096, ..options(&path) };
    let mut player = Player::new(PaperBroker::open(small.clone()).unwrap(), &Latency::default());
    fs::write(folder.path().join("paper.books.new"), "half a snapsh").unwrap();
    fs::write(folder.path().join("paper.books.0001"), "not ours to replace").unwrap();
    flow(400).iter().for_each(|step| player.play(step));
    let state = player.reconcile();
    drop(player);
    let mut broker = PaperBroker::open(small).unwrap();
    assert!(broker.recovery().segment > 0);
    assert_eq!(answers(&mut broker), state);
    assert_eq!(fs::read_to_string(folder.path().join("paper.books.0001")).unwrap(), "not ours to replace");
}

#[test]
fn the_same_flow_writes_the_same_bytes() {
    let write = |fsync| {
        let (_folder, path) = folder();
        let broker = PaperBroker::open(PaperOptions { fsync, ..options(&path) }).unwrap();
        let mut player = Player::new(broker, &Latency::default());
        flow(200).iter().for_each(|step| player.play(step));
        fs::read(&path).unwrap()
    };
    assert!(write(Fsync::Never) == write(Fsync::OnFlush));
}

#[test]
fn market_time_is_remembered_even_when_nothing_trades() {
    let (_folder, path) = folder();
    let mut broker = open(&path);
    assert_eq!(broker.last_market_time(), None);
    (0..3_600).for_each(|second| broker.on_watermark(at(second * 1_000)));
    drop(broker);
    let remembered = open(&path).last_market_time().unwrap();
    assert!(at(3_599_000).since(remembered) < 900_000_000_000, "{remembered}");
}
