//! A tail on a disk that is full, and on one that cannot sync.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use tensortrade_market::Ts;

use crate::event::Alarm;
use crate::meta::{AccountKind, Identity};
use crate::store::{Access, Durability, SqliteStore, Store};
use crate::{Event, Head, JournalError, JournalWriter};

async fn open(path: &Path) -> SqliteStore {
    let (venue, label) = ("paper".to_owned(), "a test".to_owned());
    let identity = Identity { account: AccountKind::Paper, venue, label, created_at: Ts::ZERO };
    SqliteStore::open(path, Access::Write { identity, durability: Durability::Power }).await.unwrap()
}

fn alarm(text: &str) -> Event {
    Alarm { ts: Ts::ZERO, code: "test".into(), text: text.into() }.into()
}

/// A journal of two commits, and its writer, whose tail goes to a device from then on.
async fn writer_onto(path: &Path, device: &str) -> (JournalWriter, Head) {
    let mut writer = JournalWriter::open(Box::new(open(path).await)).await.unwrap().0;
    for text in ["a", "b"] {
        writer.stage(&alarm(text), Ts::ZERO).unwrap();
        writer.commit_events().await.unwrap();
    }
    let head = writer.committed();
    drop(writer);
    let mut store = open(path).await;
    store.tail.as_mut().unwrap().file = Arc::new(OpenOptions::new().append(true).open(device).unwrap());
    (JournalWriter::open(Box::new(store)).await.unwrap().0, head)
}

#[tokio::test]
async fn a_disk_that_is_full_or_cannot_sync_refuses_the_commit_and_stops_writer_and_store() {
    // Nothing can be written to the one; the other takes everything and has no sync.
    for (device, says) in [("/dev/full", "No space left"), ("/dev/null", "Invalid argument")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let (mut writer, head) = writer_onto(&path, device).await;
        writer.stage(&alarm("lost"), Ts::ZERO).unwrap();
        let error = writer.commit_events().await.unwrap_err().to_string();
        assert!(error.contains("append to its tail") && error.contains(says), "{error}");
        assert!(matches!(writer.stage(&alarm("later"), Ts::ZERO), Err(JournalError::Poisoned { .. })));
        assert!(matches!(writer.commit().await, Err(JournalError::Poisoned { .. })));
        // The store refuses by itself: another commit behind one whose outcome is unknown could be passed over at a start.
        assert_eq!(writer.store().head(), head);
        writer.store().append_events(&[]).await.unwrap_err();
        writer.store().sync().await.unwrap_err();
        drop(writer);
        assert_eq!(open(&path).await.head(), head, "what was acknowledged is there");
    }
}
