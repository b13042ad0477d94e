//! A process that writes is killed (SIGKILL) in the middle of it, again and again, on the same journal: whatever it had
//! acknowledged is there, and the chain, the tables and every promise hold. The test starts itself as that process.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test; the writing process talks to its parent on stdout"
)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::*;
use tensortrade_journal::{Durability, JournalWriter, SqliteStore, verify};
use tensortrade_market::order::Side;

const ROLE: &str = "TENSORTRADE_JOURNAL_KILL_TEST";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    if let Some(path) = std::env::var_os(ROLE) {
        runtime.block_on(write_until_killed(Path::new(&path)));
    } else {
        runtime.block_on(acknowledged_events_survive_a_kill());
        println!("test acknowledged_events_survive_a_kill ... ok");
    }
}

/// Writes steps and trades in small commits, and prints the head after each.
async fn write_until_killed(path: &Path) {
    let store = SqliteStore::open(path, write_access(Durability::Process)).await.unwrap();
    let mut writer = JournalWriter::open(Box::new(store)).await.unwrap().0;
    write(&mut writer, &[run_started(true), reconciled()]).await;
    let first = writer.state().last_step.as_ref().map_or(0, |last| i64::try_from(last.step).unwrap());
    for number in first + 1.. {
        let mut events = vec![step(number, &["AIG", "IBM"]).into()];
        events.extend(trade(number, "IBM", Side::Buy, "1", "100.25"));
        // Most commits are of the kind that somebody waits for, and rows follow in the background.
        for event in &events {
            writer.stage(event, at(number)).unwrap();
        }
        if number % 5 == 0 {
            writer.commit().await.unwrap();
        } else {
            writer.commit_events().await.unwrap();
        }
        if number % 3 == 0 {
            writer.close_slice();
            writer.commit_rows().await.unwrap();
        }
        println!("{}", writer.committed().seq);
        if number % 7 == 0 {
            writer.snapshot(at(number)).await.unwrap();
        }
    }
}

async fn acknowledged_events_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.sqlite");
    let mut head = 0;
    for round in 0..6usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(ROLE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0;
        for _ in 0..5 + 9 * round {
            acknowledged = lines.next().unwrap().unwrap().parse::<u64>().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it printed before the kill but was not read yet counts as acknowledged too.
        acknowledged =
            lines.map_while(Result::ok).filter_map(|l| l.parse().ok()).max().unwrap_or(acknowledged);
        assert!(acknowledged > head, "the writer went on after the kill before");

        let store = SqliteStore::open(&path, write_access(Durability::Power)).await.unwrap();
        let (mut writer, _) = JournalWriter::open(Box::new(store)).await.unwrap();
        head = writer.committed().seq;
        assert!(
            head >= acknowledged,
            "event {acknowledged} was acknowledged, but the journal ends at {head}"
        );
        let report = verify(writer.store()).await.unwrap();
        assert_eq!(report.problems, [], "after kill {round}");
        drop(writer);
    }
}
