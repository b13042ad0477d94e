//! Disks that are full, damaged, cut off, read-only or gone: trading halts, the reason is shown, nothing acknowledged is lost,
//! and the next start recovers or says what is wrong.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Home, Node, bytes};
use serde_json::Value;

const SPEED: &str = "3000";

/// A small file system for a test; unmounted at its end. `None` where this user may not mount one.
struct Disk {
    at: PathBuf,
}

impl Disk {
    fn new(at: PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir_all(&at).expect("a folder");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&at)
            .output();
        let mounted = done.is_ok_and(|done| done.status.success());
        if !mounted {
            eprintln!("this user may not mount a small disk: a limit on the size of files takes its place");
        }
        mounted.then_some(Self { at })
    }

    fn remount(&self, option: &str) {
        let options = format!("remount,{option}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.at).status();
        assert!(done.expect("mount runs").success(), "remount,{option}");
    }

    /// Writes until nothing more fits.
    fn fill(&self, name: &str) {
        let file = self.at.join(name);
        let mut size = 1 << 20;
        let mut open = std::fs::File::create(file).expect("a file");
        while size > 0 {
            if std::io::Write::write_all(&mut open, &vec![7; size]).is_err() {
                size /= 2;
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a node that was just killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// Executions on record.
fn executions(home: &Home, data: &str) -> Vec<String> {
    let fills = home.events(data, &["fill"]);
    fills.iter().map(|e| e["event"]["fill"]["exec_id"].as_str().expect("an id").to_owned()).collect()
}

/// The node starts on what is left, agrees with its broker, trades on, and what was on record before still is.
fn goes_on(home: &Home, data: &str, before: &[String]) {
    trades_on(home, data, before);
    home.verify(data);
}

fn trades_on(home: &Home, data: &str, before: &[String]) {
    let node = home.sim(data, "AAPL,MSFT,NVDA", SPEED);
    let answer = node.ctl(&["reconcile"]).expect(0).json();
    assert_eq!(answer["clean"], true, "{answer}");
    let minute = node.market_minute();
    node.wait_until("market time goes on", |node| node.market_minute() > minute + 5);
    let status = node.ctl(&["status"]).expect(0).json();
    assert_eq!((&status["breaker"], &status["halted_because"]), (&Value::from("normal"), &Value::Null));
    node.shutdown();
    let now = executions(home, data);
    for id in before {
        assert_eq!(now.iter().filter(|known| *known == id).count(), 1, "execution {id} of {before:?}");
    }
}

/// Lets a node trade until something was executed.
fn traded(home: &Home, data: &str) {
    let node = home.sim(data, "AAPL,MSFT,NVDA", SPEED);
    node.wait_until("orders were filled", |node| node.status("/fills") > 3);
    node.kill();
}

#[test]
fn a_full_disk_halts_with_its_reason_and_loses_nothing_and_the_next_start_goes_on() {
    let home = Home::new();
    let disk = Disk::new(home.path("data"), "16m");
    traded(&home, "data");
    let before = executions(&home, "data");
    let args = ["--symbols", "AAPL,MSFT,NVDA", "--speed", SPEED, "--seed", "3"];
    let node = match &disk {
        Some(disk) => {
            let node = home.start("data", &args);
            node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
            disk.fill("ballast");
            node
        }
        None => home.start_limited("data", &args, &home.path("data/journal.db-wal")),
    };
    let done = node.end().expect(1);
    assert!(done.err.contains("trading has halted"), "{}", done.err);
    assert!(
        ["full", "No space", "too large", "I/O"].iter().any(|word| done.err.contains(word)),
        "the reason is named: {}",
        done.err
    );
    if disk.is_some() {
        std::fs::remove_file(home.path("data/ballast")).expect("the ballast");
    }
    goes_on(&home, "data", &before);
}

#[test]
fn an_account_that_cannot_be_written_stops_orders_and_the_status_says_why() {
    let home = Home::new();
    traded(&home, "data");
    let before = executions(&home, "data");
    // Everything the account writes from here on goes to a disk that is full.
    let paper = home.path("data/paper");
    let files: Vec<(PathBuf, Vec<u8>)> = std::fs::read_dir(&paper)
        .expect("the account")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.file_name().expect("a name").into(), bytes(path)))
        .collect();
    let Some(disk) = Disk::new(paper.clone(), "4m") else { return };
    for (name, content) in files {
        std::fs::write(paper.join(name), content).expect("room for the account");
    }
    let node = home.sim("data", "AAPL,MSFT,NVDA", SPEED);
    disk.fill("ballast");
    let why = |node: &Node<'_>| {
        let status = node.ctl(&["status"]);
        if status.code == 0 { status.json()["halted_because"].as_str().map(str::to_owned) } else { None }
    };
    node.wait_until("the status says why nothing is sent", |node| {
        why(node).is_some_and(|text| text.contains("paper.books") && text.contains("disk full"))
    });
    let sent = node.status("/orders/sent");
    let minute = node.market_minute();
    node.wait_until("market time goes on", |node| node.market_minute() > minute + 5);
    assert_eq!(node.status("/orders/sent"), sent, "nothing is sent");
    node.kill();
    std::fs::remove_file(paper.join("ballast")).expect("the ballast");
    goes_on(&home, "data", &before);
}

/// Overwrites bytes of a file in place.
fn flip(path: &Path, at: usize, count: usize) {
    let mut content = bytes(path);
    let end = (at + count).min(content.len());
    content[at..end].iter_mut().for_each(|byte| *byte ^= 0xff);
    std::fs::write(path, content).expect("the file");
}

#[test]
fn a_damaged_page_of_the_journal_is_found_and_named() {
    let home = Home::new();
    home.replay("data", &home.day("day.csv", common::MONDAY), &[]);
    let whole = bytes(home.path("data/journal.db"));
    let journal = home.path("data/journal.db");
    let (mut refused, mut found) = (0, 0);
    for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 4_096, whole.len() - 600] {
        std::fs::write(&journal, &whole).expect("the journal");
        flip(&journal, at, 512);
        let damaged = bytes(&journal);
        let verify = home.tensortrade(&["journal", "verify", "--data-dir", "data"]);
        assert!(matches!(verify.code, 0 | 3 | 6), "at {at}: {verify:?}");
        found += u32::from(verify.code != 0);
        let run = home.tensortrade(&["run", "--data-dir", "data", "--for", "1s", "--symbols", "AAA"]);
        if run.code != 0 {
            assert_eq!(run.code, 3, "at {at}: {run:?}");
            assert!(run.err.contains("journal.db") && !run.err.contains("panicked"), "{run:?}");
            // Damage in the middle shows only when events are read, behind a first look that may write.
            assert!(at > 0 || bytes(&journal) == damaged, "a header that is damaged is not written to");
            refused += 1;
        }
    }
    assert!(found >= 3 && refused >= 1, "{found} found by verify, {refused} refused by run");
}

#[test]
fn a_journal_cut_off_anywhere_in_its_last_writes_goes_on_from_what_is_whole_and_the_account_gives_the_rest_back()
 {
    let home = Home::new();
    let mut cut = 0;
    for part in [1_u64, 3, 7] {
        let data = format!("data-{part}");
        traded(&home, &data);
        let wal = home.path(&format!("{data}/journal.db-wal"));
        let size = std::fs::metadata(&wal).map_or(0, |file| file.len());
        if size == 0 {
            continue;
        }
        cut += 1;
        let file = std::fs::OpenOptions::new().write(true).open(&wal).expect("the log");
        file.set_len(size - size * part / 16 - part).expect("cut");
        let before = executions(&home, &data);
        trades_on(&home, &data, &before);
        // Records of orders may be among what was cut off: then their executions are booked from the account, and the journal
        // says of itself that it knows no such orders. Nothing else may be wrong with it.
        let report = home.tensortrade(&["journal", "verify", "--data-dir", &data, "--json"]).json();
        let problems = report["problems"].as_array().expect("a list");
        assert!(
            problems.iter().all(|p| p.as_str().is_some_and(|p| p.contains("never submitted"))),
            "{report}"
        );
    }
    assert!(cut > 0, "a killed node leaves a log");
}

#[test]
fn an_account_cut_off_in_its_last_line_goes_on_and_one_damaged_in_the_middle_is_refused() {
    let home = Home::new();
    traded(&home, "data");
    let books = home.path("data/paper/paper.books");
    let before = executions(&home, "data");
    let whole = bytes(&books);
    // Half a record that nobody was told of.
    let mut torn = whole.clone();
    torn.extend_from_slice(b"1234abcd 99999 {\"clock\":{\"t");
    std::fs::write(&books, torn).expect("the account");
    goes_on(&home, "data", &before);

    let whole = bytes(&books);
    flip(&books, whole.len() / 2, 3);
    let run = home.tensortrade(&["run", "--data-dir", "data", "--symbols", "AAPL,MSFT,NVDA", "--seed", "3"]);
    run.expect(3).says(&["paper.books", "line"]);
}

#[test]
fn a_read_only_data_directory_is_refused_and_says_what_to_do() {
    let home = Home::new();
    let Some(disk) = Disk::new(home.path("data"), "8m") else { return };
    traded(&home, "data");
    disk.remount("ro");
    let run = home.tensortrade(&["run", "--data-dir", "data", "--symbols", "AAPL,MSFT,NVDA", "--seed", "3"]);
    run.expect(3).says(&["data", "ead-only"]);
    home.verify("data");
    disk.remount("rw");
    goes_on(&home, "data", &[]);
}

#[test]
fn a_data_directory_that_is_removed_under_the_node_halts_trading() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT,NVDA", SPEED);
    node.wait_until("orders were filled", |node| node.status("/fills") > 0);
    // The socket is kept open elsewhere: its file goes with the folder, the node does not.
    std::fs::remove_dir_all(home.path("data")).expect("the folder");
    // By the watchdog, or by the journal's next commit, whichever comes first.
    node.wait_until("the node says so", |node| {
        let log = node.log();
        log.contains("was removed")
            && (log.contains("halted by the watchdog") || log.contains("append to its tail"))
    });
    node.kill();
}

#[test]
fn an_archive_that_cannot_be_made_leaves_the_journal_where_it_is() {
    let home = Home::new();
    let Some(disk) = Disk::new(home.path("data"), "16m") else { return };
    home.replay("data", &home.day("day.csv", common::MONDAY), &[]);
    let before = bytes(home.path("data/journal.db"));
    // A file where the archive's folder would be: nothing can be put there.
    std::fs::write(home.path("data/archive"), "in the way").expect("a file");
    disk.fill("ballast");
    let other = home.day("again.csv", common::MONDAY);
    let run = home.tensortrade(&["run", "--data-dir", "data", "--replay", &other]);
    assert!(matches!(run.code, 1 | 3), "{run:?}");
    assert!(!run.err.contains("panicked"), "{run:?}");
    assert_eq!(bytes(home.path("data/journal.db")).len(), before.len(), "the journal is where it was");
    std::fs::remove_file(home.path("data/archive")).expect("the file");
    std::fs::remove_file(home.path("data/ballast")).expect("the ballast");
    home.verify("data");
    home.tensortrade(&["run", "--data-dir", "data", "--replay", &other]).expect(0);
    assert!(home.path("data/archive/1/journal.db").exists());
}
