//! The tail: commits that are on record and not yet in the database. Cut, damaged, full, foreign, and read beside a writer.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use sqlx::{AssertSqlSafe, ConnectOptions, sqlite::SqliteConnectOptions};
use tensortrade_journal::event::Alarm;
use tensortrade_journal::{
    Access, Durability, Event, Head, JournalError, JournalWriter, SqliteStore, Store, Table, verify,
};
use tensortrade_market::order::Side;

fn alarm(text: &str) -> Event {
    Alarm { ts: at(1), code: "test".into(), text: text.into() }.into()
}

fn tail_of(journal: &Path) -> PathBuf {
    PathBuf::from(format!("{}-tail", journal.display()))
}

async fn writer_at(path: &Path, durability: Durability) -> JournalWriter {
    let store = SqliteStore::open(path, write_access(durability)).await.unwrap();
    JournalWriter::open(Box::new(store)).await.unwrap().0
}

/// Commits events for somebody who waits.
async fn urgent(writer: &mut JournalWriter, events: &[Event]) -> Head {
    for event in events {
        writer.stage(event, at(2)).unwrap();
    }
    writer.commit_events().await.unwrap()
}

/// What a kill leaves, in another folder, with another tail.
fn left_behind(journal: &Path, tail: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("journal.sqlite");
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", journal.display());
        std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
    }
    std::fs::write(tail_of(&copy), tail).unwrap();
    (folder, copy)
}

/// A journal that lives on, and what its tail was after each of three commits.
async fn three_commits(place: &Place, durability: Durability) -> (JournalWriter, Vec<(usize, Head)>) {
    let mut writer = writer_at(&place.path(), durability).await;
    write(&mut writer, &[run_started(false)]).await;
    let mut commits = vec![(0, writer.committed())];
    for events in [vec![alarm("a")], vec![alarm("b"), alarm("c")], vec![alarm("d")]] {
        let head = urgent(&mut writer, &events).await;
        let bytes = std::fs::read(tail_of(&place.path())).unwrap().len();
        commits.push((bytes, head));
    }
    (writer, commits)
}

#[tokio::test]
async fn a_tail_cut_at_any_byte_opens_as_the_state_after_its_last_whole_commit() {
    let place = Place::sqlite();
    let (_writer, commits) = three_commits(&place, Durability::Power).await;
    let tail = std::fs::read(tail_of(&place.path())).unwrap();
    for cut in 0..=tail.len() {
        let (_folder, copy) = left_behind(&place.path(), &tail[..cut]);
        let expected = commits.iter().rev().find(|(bytes, _)| *bytes <= cut).unwrap().1;
        let mut reader = SqliteStore::open(&copy, Access::Read).await.unwrap();
        assert_eq!(reader.head(), expected, "read, cut at {cut}");
        assert_eq!(reader.read(0, 100).await.unwrap().len() as u64, expected.seq);
        drop(reader);
        let mut writer = writer_at(&copy, Durability::Process).await;
        assert_eq!(writer.committed(), expected, "opened, cut at {cut}");
        if cut % 50 != 0 {
            continue;
        }
        let head = urgent(&mut writer, &[alarm("goes on")]).await;
        drop(writer);
        assert_eq!(writer_at(&copy, Durability::Process).await.committed(), head, "goes on after {cut}");
    }
}

#[tokio::test]
async fn a_damaged_commit_in_front_of_a_later_one_is_refused_and_the_last_one_is_a_torn_write() {
    let place = Place::sqlite();
    let (_writer, commits) = three_commits(&place, Durability::Power).await;
    let tail = std::fs::read(tail_of(&place.path())).unwrap();
    for at in 0..tail.len() {
        let mut bad = tail.clone();
        bad[at] ^= 0x20;
        let (_folder, copy) = left_behind(&place.path(), &bad);
        let opened = SqliteStore::open(&copy, write_access(Durability::Power)).await;
        if at >= commits[2].0 {
            assert_eq!(opened.unwrap().head(), commits[2].1, "byte {at}");
            continue;
        }
        let error = opened.err().unwrap();
        assert!(matches!(error, JournalError::Corrupt { .. }), "byte {at}: {error}");
        assert!(error.to_string().contains("journal.sqlite-tail"), "{error}");
        assert_eq!(std::fs::read(tail_of(&copy)).unwrap(), bad, "it is left as it was");
    }
}

#[tokio::test]
async fn what_a_power_loss_took_from_commits_that_need_not_survive_one_is_passed_over() {
    let place = Place::sqlite();
    let (_writer, commits) = three_commits(&place, Durability::Process).await;
    let mut bad = std::fs::read(tail_of(&place.path())).unwrap();
    bad[commits[1].0 + 60] ^= 1;
    let (_folder, copy) = left_behind(&place.path(), &bad);
    assert_eq!(writer_at(&copy, Durability::Process).await.committed(), commits[1].1);
    // The first commit is gone, the others are not.
    let tail = std::fs::read(tail_of(&place.path())).unwrap();
    let (_folder, copy) = left_behind(&place.path(), &tail[commits[1].0..]);
    assert_eq!(SqliteStore::open(&copy, Access::Read).await.unwrap().head(), commits[0].1);
    assert_eq!(writer_at(&copy, Durability::Process).await.committed(), commits[0].1);
}

#[tokio::test]
async fn the_tail_of_another_journal_is_refused() {
    let (place, other) = (Place::sqlite(), Place::sqlite());
    let (_writer, _) = three_commits(&place, Durability::Power).await;
    let mut stranger = other.writer().await;
    write(&mut stranger, &[run_started(true), reconciled(), opened()]).await;
    urgent(&mut stranger, &[alarm("of another chain")]).await;
    let tail = std::fs::read(tail_of(&other.path())).unwrap();
    let (_folder, copy) = left_behind(&place.path(), &tail);
    for access in [write_access(Durability::Power), Access::Read] {
        let error = SqliteStore::open(&copy, access).await.err().unwrap();
        assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    }
}

#[tokio::test]
async fn who_reads_beside_the_writer_sees_every_commit_and_the_rows_it_leads_to() {
    let place = Place::sqlite();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), opened(), reconciled()]).await;
    let mut reader = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    for number in 1..=60 {
        let mut events: Vec<Event> = vec![step(number, &["IBM"]).into()];
        events.extend(trade(number, "IBM", Side::Buy, "1", "100.25"));
        let head = urgent(&mut writer, &events).await;
        if number % 9 == 0 {
            // Some follow in the background, and then the tail is emptied.
            writer.close_slice();
            writer.commit_rows().await.unwrap();
        }
        let report = verify(&mut reader).await.unwrap();
        assert_eq!((report.head, report.problems), (head, vec![]), "step {number}");
        reader.freeze().await.unwrap();
        let fills = reader.rows(Table::Fills, None, 100).await.unwrap();
        reader.thaw().await.unwrap();
        assert_eq!(fills.len() as i64, number);
    }
}

#[tokio::test]
async fn the_tail_is_emptied_when_all_is_in_the_database_and_goes_when_the_journal_is_closed() {
    let place = Place::sqlite();
    let tail = tail_of(&place.path());
    let (mut writer, _) = three_commits(&place, Durability::Process).await;
    assert!(std::fs::metadata(&tail).unwrap().len() > 0);
    writer.commit().await.unwrap();
    assert_eq!(std::fs::metadata(&tail).unwrap().len(), 0);
    let head = urgent(&mut writer, &[alarm("e")]).await;
    assert_eq!(writer.close().await.unwrap(), head);
    assert!(!tail.exists());
    assert_eq!(place.writer().await.committed(), head);
}

#[tokio::test]
async fn what_is_said_to_be_safe_from_a_power_loss_does_not_rest_on_a_tail_that_is_emptied_later() {
    let place = Place::sqlite();
    let (mut writer, commits) = three_commits(&place, Durability::Process).await;
    assert!(writer.store().durable_upto() < commits[3].1.seq);
    assert_eq!(writer.store().sync().await.unwrap(), commits[3].1.seq);
    // Emptying the tail may reach the disk at any time, and the database's log need not come before it.
    let (_folder, copy) = left_behind(&place.path(), &[]);
    assert_eq!(SqliteStore::open(&copy, Access::Read).await.unwrap().head(), commits[3].1);
}

#[tokio::test]
async fn rows_that_cannot_be_stored_stop_the_writer_and_the_tail_keeps_what_was_acknowledged() {
    let place = Place::sqlite();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    let mut other = SqliteConnectOptions::new().filename(place.path()).connect().await.unwrap();
    let fail = "CREATE TRIGGER no_bars BEFORE INSERT ON bars BEGIN SELECT RAISE(ABORT, 'no more bars'); END";
    sqlx::query(AssertSqlSafe(fail)).execute(&mut other).await.unwrap();
    let head = urgent(&mut writer, &[step(1, &["IBM"]).into()]).await;
    writer.close_slice();
    writer.commit_rows().await.unwrap();
    // While that fails in the background commits go on; what needs the database learns of it.
    let error = writer.commit().await.unwrap_err().to_string();
    assert!(error.contains("no more bars"), "{error}");
    assert!(matches!(writer.stage(&alarm("later"), at(3)), Err(JournalError::Poisoned { .. })));
    // Also who goes on with the store itself moves and empties nothing.
    for _ in 0..3 {
        writer.store().settled().await.unwrap_err();
        writer.store().sync().await.unwrap_err();
    }
    writer.close().await.unwrap_err();
    sqlx::query("DROP TRIGGER no_bars").execute(&mut other).await.unwrap();
    let mut writer = place.writer().await;
    assert_eq!(writer.committed(), head);
    assert_eq!(verify(writer.store()).await.unwrap().problems, []);
    assert_eq!(writer.store().rows(Table::Bars, None, 10).await.unwrap().len(), 1);
}
