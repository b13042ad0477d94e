//! Two nodes on one account: what happens when somebody deletes the lock files of a running node.

mod common;

use common::Home;
use tensortrade_journal::event::Alarm;
use tensortrade_journal::{Access, AccountKind, Durability, Identity, JournalWriter, SqliteStore};
use tensortrade_market::Ts;

/// Deletes every file below a data directory whose name ends like this.
fn delete(folder: &std::path::Path, end: &str) -> usize {
    let mut deleted = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            deleted += delete(&path, end);
        } else if path.to_string_lossy().ends_with(end) {
            std::fs::remove_file(path).expect("a file");
            deleted += 1;
        }
    }
    deleted
}

#[test]
fn a_second_node_is_kept_off_the_account_though_every_lock_file_was_deleted() {
    let home = Home::new();
    let first = home.sim("data", "AAPL,MSFT", "3000");
    first.wait_until("it trades", |node| node.status("/fills") > 0);
    assert_eq!(delete(&home.path("data"), ".lock"), 3, "of the node, the journal and the account");
    let second = ["run", "--data-dir", "data", "--for", "2s", "--symbols", "AAPL,MSFT", "--seed", "3"];
    let refused = home.tensortrade(&second).expect(3).err;
    // Whichever it meets first: the locked account, or the journal, whose tail is locked.
    assert!(refused.contains("paper.books") || refused.contains("its tail is held"), "{refused}");
    let fills = first.status("/fills");
    first.wait_until("it trades on", |node| node.status("/fills") > fills);
    first.shutdown();
    home.verify("data");
}

#[test]
fn a_node_whose_journal_another_process_writes_to_halts_and_ends_and_the_journal_stays_whole() {
    let home = Home::new();
    let node = home.sim("data", "AAPL,MSFT", "3000");
    node.wait_until("it trades", |node| node.status("/fills") > 0);
    delete(&home.path("data"), ".lock");
    // The tail of the journal is locked too, and whoever deletes it deletes what is on record there alone.
    assert_eq!(delete(&home.path("data"), "-tail"), 1);
    let path = home.path("data/journal.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let end = runtime.block_on(async {
        let identity = Identity {
            account: AccountKind::Paper,
            venue: tensortrade_broker::paper::VENUE.to_owned(),
            label: "another".to_owned(),
            created_at: Ts::ZERO,
        };
        let access = Access::Write { identity, durability: Durability::Power };
        // A commit of the node may come in between: then it is this writer that was overtaken, and tries again.
        for _ in 0..100 {
            let store = SqliteStore::open(&path, access.clone()).await.expect("the journal");
            let (mut writer, _) = JournalWriter::open(Box::new(store)).await.expect("the journal");
            let alarm = Alarm { ts: Ts::ZERO, code: "test".into(), text: "of another process".into() };
            writer.stage(&alarm.into(), Ts::ZERO).expect("room");
            if writer.commit().await.is_ok() {
                return writer.committed().seq;
            }
        }
        panic!("the journal could not be overtaken");
    });
    node.end().expect(1).says(&["the journal cannot be written", "trading halts"]);
    assert_eq!(home.verify("data"), end, "nothing follows what the other process wrote");
}
