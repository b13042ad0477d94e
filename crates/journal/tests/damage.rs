//! Journals that are not what they should be: each is refused or reported with one clear message, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use common::*;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tensortrade_journal::{
    Access, Durability, JournalError, JournalWriter, SqliteStore, Table, rebuild, verify,
};

/// Does to the file what no part of the node ever does.
async fn tamper(path: &Path, statements: &[&str]) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    for statement in statements {
        let sql = AssertSqlSafe((*statement).to_owned());
        let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
        assert!(statement.starts_with("DROP") || done.rows_affected() > 0, "nothing changed: {statement}");
    }
    connection.close().await.unwrap();
}

const UNLOCK: [&str; 2] = ["DROP TRIGGER events_are_never_changed", "DROP TRIGGER events_are_never_deleted"];

async fn written(place: &Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    writer.close().await.unwrap();
}

async fn refusal(path: &Path) -> JournalError {
    SqliteStore::open(path, write_access(Durability::Power)).await.err().unwrap()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
    let place = Place::sqlite();
    std::fs::write(place.path(), "dear diary, today I bought IBM").unwrap();
    let error = refusal(&place.path()).await;
    assert!(matches!(error, JournalError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("journal.sqlite is no journal of this program"), "{error}");
    assert_eq!(std::fs::read_to_string(place.path()).unwrap(), "dear diary, today I bought IBM");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_as_it_was() {
    let place = Place::sqlite();
    let mut other =
        SqliteConnectOptions::new().filename(place.path()).create_if_missing(true).connect().await.unwrap();
    sqlx::query("CREATE TABLE bookmarks (url TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(place.path()).unwrap();
    let error = refusal(&place.path()).await;
    assert!(error.to_string().contains("another program (first table 'bookmarks')"), "{error}");
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
}

#[tokio::test]
async fn an_empty_file_as_a_kill_at_creation_leaves_becomes_a_journal() {
    let place = Place::sqlite();
    std::fs::write(place.path(), "").unwrap();
    written(&place).await;
    assert!(place.open().await.head().seq > 0);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let place = Place::sqlite();
    written(&place).await;
    tamper(&place.path(), &["UPDATE meta SET value = '2' WHERE name = 'format'"]).await;
    for access in [write_access(Durability::Power), Access::Read] {
        let error = SqliteStore::open(place.path(), access).await.err().unwrap();
        assert!(matches!(error, JournalError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("has journal format 2, this program knows up to 1"), "{error}");
    }
}

#[tokio::test]
async fn a_migration_of_a_newer_program_is_refused() {
    let place = Place::sqlite();
    written(&place).await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                  VALUES (9, 'from the future', TRUE, x'00', 1)";
    tamper(&place.path(), &[insert]).await;
    assert!(matches!(refusal(&place.path()).await, JournalError::Newer { .. }));
}

#[tokio::test]
async fn reading_what_is_not_there_creates_nothing() {
    let place = Place::sqlite();
    let error = SqliteStore::open(place.path(), Access::Read).await.err().unwrap();
    assert!(matches!(error, JournalError::Missing { .. }), "{error}");
    assert!(!place.path().exists());
    let nowhere = place.path().join("no/such/folder/journal.sqlite");
    let error = refusal(&nowhere).await;
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_truncated_file_is_reported_as_damaged() {
    let place = Place::sqlite();
    written(&place).await;
    let size = std::fs::metadata(place.path()).unwrap().len();
    let file = std::fs::OpenOptions::new().write(true).open(place.path()).unwrap();
    file.set_len(size / 2).unwrap();
    drop(file);
    let error = match SqliteStore::open(place.path(), write_access(Durability::Power)).await {
        Err(error) => error,
        Ok(store) => JournalWriter::open(Box::new(store)).await.err().unwrap(),
    };
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("restore the last backup"), "{error}");
}

#[tokio::test]
async fn garbled_pages_are_found_by_verify() {
    let place = Place::sqlite();
    written(&place).await;
    let mut file = std::fs::OpenOptions::new().write(true).open(place.path()).unwrap();
    let size = file.metadata().unwrap().len();
    // All but the schema, which the opening needs: pages of events and rows.
    file.seek(SeekFrom::Start(size / 2)).unwrap();
    file.write_all(&vec![0xA5; usize::try_from(size / 2).unwrap()]).unwrap();
    drop(file);
    match SqliteStore::open(place.path(), Access::Read).await {
        Ok(mut store) => {
            let report = verify(&mut store).await.unwrap();
            assert!(!report.is_clean());
        }
        Err(error) => assert!(matches!(error, JournalError::Corrupt { .. }), "{error}"),
    }
}

#[tokio::test]
async fn one_changed_byte_in_a_payload_is_found_and_nothing_is_appended_after_it() {
    let place = Place::sqlite();
    written(&place).await;
    let change = "UPDATE events SET payload = replace(payload, 'says', 'sayz') WHERE seq = 12";
    tamper(&place.path(), &[UNLOCK[0], change]).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let report = verify(&mut store).await.unwrap();
    let first = report.first_bad().unwrap();
    assert_eq!(first.seq, Some(12), "{first}");
    assert!(first.to_string().contains("number, time or payload were changed"), "{first}");
    assert_eq!(report.events, 11);
    let error = JournalWriter::open(place.open().await).await.err().unwrap();
    assert!(matches!(error, JournalError::Broken { seq: 12, .. }), "{error}");
}

#[tokio::test]
async fn a_forger_who_fixes_the_hash_is_found_at_the_next_event() {
    let place = Place::sqlite();
    written(&place).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let head = tensortrade_journal::Store::read(&mut store, 10, 1).await.unwrap().remove(0).head();
    let forged = tensortrade_journal::Envelope::seal(
        &head,
        at(11),
        tensortrade_journal::Kind::RunStarted,
        run_started(false).encode().unwrap(),
    );
    drop(store);
    let change = format!(
        "UPDATE events SET payload = '{}', kind = 'run_started', hash = x'{}' WHERE seq = 12",
        forged.payload, forged.hash
    );
    tamper(&place.path(), &[UNLOCK[0], &change]).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let report = verify(&mut store).await.unwrap();
    assert_eq!(report.first_bad().unwrap().seq, Some(13));
    assert!(report.problems[0].to_string().contains("an event before it was replaced"));
}

#[tokio::test]
async fn a_removed_event_leaves_a_hole_that_is_found() {
    let place = Place::sqlite();
    written(&place).await;
    tamper(&place.path(), &[UNLOCK[1], "DELETE FROM events WHERE seq = 20"]).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let report = verify(&mut store).await.unwrap();
    let first = report.first_bad().unwrap().to_string();
    assert!(first.contains("event 20: expected event 20, found 21"), "{first}");
}

#[tokio::test]
async fn removing_the_end_of_the_journal_is_found_by_its_tables_and_snapshots() {
    let place = Place::sqlite();
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    writer.snapshot(at(9)).await.unwrap();
    writer.close().await.unwrap();
    tamper(&place.path(), &[UNLOCK[1], "DELETE FROM events WHERE seq > 100"]).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let report = verify(&mut store).await.unwrap();
    let text: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|t| t.contains("the end of the journal is missing")), "{text:?}");
    assert!(text.iter().any(|t| t.starts_with("table fills:")), "{text:?}");
    drop(store);
    // A node that went on from there would forget what it did.
    let store = SqliteStore::open(place.path(), write_access(Durability::Power)).await.unwrap();
    let refused = JournalWriter::open(Box::new(store)).await.unwrap_err().to_string();
    assert!(refused.contains("ends with event 100"), "{refused}");
    assert!(refused.contains("the end of the journal is missing; put a whole copy back"), "{refused}");
}

#[tokio::test]
async fn an_event_of_an_unknown_kind_is_named_and_those_before_it_are_walked() {
    let place = Place::sqlite();
    written(&place).await;
    tamper(&place.path(), &[UNLOCK[0], "UPDATE events SET kind = 'horoscope' WHERE seq = 30"]).await;
    let mut store = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    let report = verify(&mut store).await.unwrap();
    assert_eq!(report.events, 29);
    let first = report.first_bad().unwrap();
    assert_eq!(first.seq, Some(30));
    assert!(first.to_string().contains("unknown kind 'horoscope'"), "{first}");
}

#[tokio::test]
async fn changed_rows_are_found_and_a_rebuild_mends_them() {
    let place = Place::sqlite();
    written(&place).await;
    let before = dump(place.open().await.as_mut()).await;
    let changes = [
        ("UPDATE positions SET qty = qty + 1 WHERE symbol = 'IBM'", Table::Positions),
        ("UPDATE bars SET close = close + 1 WHERE symbol = 'IBM'", Table::Bars),
        ("DELETE FROM fills WHERE exec_id = 'e-IBM-3'", Table::Fills),
        ("DELETE FROM orders WHERE symbol = 'AIG'", Table::Orders),
        ("INSERT INTO watchlist VALUES ('ZZZ', 1, '', 0)", Table::Watchlist),
    ];
    for (change, table) in changes {
        tamper(&place.path(), &[change]).await;
        let mut store = place.open().await;
        let report = verify(store.as_mut()).await.unwrap();
        let tables: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        let prefix = format!("table {}:", table.name());
        assert!(!tables.is_empty() && tables.iter().all(|t| t.starts_with(&prefix)), "{change}: {tables:?}");
        rebuild(store.as_mut()).await.unwrap();
        assert_eq!(dump(store.as_mut()).await, before, "{change}");
        assert!(verify(store.as_mut()).await.unwrap().is_clean());
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn tables_of_an_older_projection_are_derived_again_at_the_start() {
    let place = Place::sqlite();
    written(&place).await;
    let before = dump(place.open().await.as_mut()).await;
    let age = "UPDATE meta SET value = '0' WHERE name = 'projection'";
    tamper(&place.path(), &[age, "DELETE FROM bars", "DELETE FROM orders"]).await;
    assert_eq!(dump(place.open().await.as_mut()).await, before);
}

#[tokio::test]
async fn events_cannot_be_changed_by_accident() {
    let place = Place::sqlite();
    written(&place).await;
    let mut connection = SqliteConnectOptions::new().filename(place.path()).connect().await.unwrap();
    for statement in ["DELETE FROM events", "UPDATE events SET recorded_at = 0"] {
        let error = sqlx::query(statement).execute(&mut connection).await.unwrap_err().to_string();
        assert!(error.contains("events are append-only"), "{error}");
    }
}

#[tokio::test]
async fn a_reader_beside_the_writer_sees_one_moment_and_cannot_write() {
    let place = Place::sqlite();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    let mut reader = SqliteStore::open(place.path(), Access::Read).await.unwrap();
    {
        use tensortrade_journal::Store;
        reader.freeze().await.unwrap();
        write(&mut writer, &trade(1, "IBM", tensortrade_market::order::Side::Buy, "100", "100")).await;
        assert_eq!(reader.read(0, 100).await.unwrap().len(), 2);
        assert!(reader.rows(Table::Fills, None, 10).await.unwrap().is_empty());
        reader.thaw().await.unwrap();
        let error = reader.rebuild().await.err().unwrap();
        assert!(matches!(error, JournalError::ReadOnly { .. }), "{error}");
    }
    let report = verify(&mut reader).await.unwrap();
    assert_eq!((report.events, report.problems), (10, vec![]));
}
