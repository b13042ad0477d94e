//! The queue outlives the journal's actor.

use std::sync::Arc;
use std::time::Duration;

use ractor::Actor;
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::{Journal, JournalArgs};
use tensortrade_actors::ops::writer_slot::WriterSlot;
use tensortrade_journal::event::Alarm;
use tensortrade_journal::{AccountKind, Durability, Event, Head, Identity, JournalWriter, MemoryStore};
use tensortrade_market::{ManualClock, Ts};
use tokio::sync::oneshot;

pub(crate) async fn journal() -> JournalDoor {
    JournalDoor::in_memory(Arc::new(ManualClock::at(Ts::ZERO))).await.unwrap()
}

fn alarm(code: &str) -> Vec<Event> {
    vec![Alarm { ts: Ts::ZERO, code: code.into(), text: "test".into() }.into()]
}

/// Everything on record, in order.
pub(crate) async fn recorded(door: &JournalDoor) -> Vec<Event> {
    let mut writer = door.slot().lock().await;
    let writer = writer.as_mut().unwrap();
    writer.commit().await.unwrap();
    let mut events = Vec::new();
    loop {
        let page = writer.store().read(events.len() as u64, 1_000).await.unwrap();
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    events.iter().map(|envelope| Event::decode(&envelope.payload).unwrap()).collect()
}

async fn answered(answer: oneshot::Receiver<Result<Head, String>>) -> u64 {
    tokio::time::timeout(Duration::from_secs(5), answer).await.expect("an answer").unwrap().unwrap().seq
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_the_actor_dies_is_written_by_the_next_one_in_order_and_answered() {
    let door = journal().await;
    let (first, ended) = Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    // It dies with the message that something waits.
    first.kill();
    let one = door.begin(alarm("one"));
    door.note(alarm("two"));
    ended.await.unwrap();
    let three = door.begin(alarm("three"));
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    assert!(answered(one).await >= 1);
    assert_eq!(answered(three).await, 3);
    let codes = recorded(&door).await;
    let codes: Vec<&str> = codes
        .iter()
        .map(|event| match event {
            Event::Alarm(alarm) => alarm.code.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn those_who_send_much_wait_until_the_disk_has_followed() {
    let door = journal().await;
    let sender = {
        let door = door.clone();
        tokio::spawn(async move {
            for _ in 0..2_000 {
                door.send(alarm("much")).await;
            }
        })
    };
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!sender.is_finished(), "without an actor nothing is written, and the queue is bounded");
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), sender).await.unwrap().unwrap();
    assert_eq!(recorded(&door).await.len(), 2_000);
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_write_says_so_to_whoever_waits() {
    let door = journal().await;
    Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    // Closed: what comes now can never be recorded.
    drop(door.slot().lock().await.take());
    let answer = door.durable(alarm("late"), Duration::from_secs(5)).await;
    assert!(answer.unwrap_err().contains("closed"));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_has_failed_answers_at_once_though_no_actor_runs() {
    let clock = Arc::new(ManualClock::at(Ts::ZERO));
    let identity = Identity {
        account: AccountKind::Paper,
        venue: "paper".into(),
        label: "test".into(),
        created_at: Ts::ZERO,
    };
    let store = MemoryStore::create(&identity, Durability::Process);
    let disk = store.disk();
    let (writer, _) = JournalWriter::open(Box::new(store)).await.unwrap();
    let door = JournalDoor::new(Arc::new(WriterSlot::new(writer, false)), clock);
    let (actor, ended) = Actor::spawn(None, Journal, JournalArgs::of_a_test(&door)).await.unwrap();
    disk.fail_next_append("the disk is gone");
    let limit = Duration::from_secs(5);
    let first = door.durable(alarm("first"), limit).await.unwrap_err();
    actor.kill();
    ended.await.unwrap();
    let asked = tokio::time::Instant::now();
    assert_eq!(door.durable(alarm("second"), limit).await.unwrap_err(), first);
    assert!(asked.elapsed() < limit, "it was not waited for until its deadline");
}
