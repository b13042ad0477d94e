//! Group commit, poisoning, limits, and the trace.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use common::*;
use tensortrade_journal::event::Alarm;
use tensortrade_journal::{
    Durability, Event, JournalError, JournalWriter, PENDING_BYTES_MAX, PENDING_EVENTS_MAX, RowSet,
    SNAPSHOT_EVERY_BYTES,
};
use tensortrade_market::order::Side;
use tensortrade_market::{Money, Price};

fn alarm(text: &str) -> Event {
    Alarm { ts: at(1), code: "test".into(), text: text.into() }.into()
}

#[tokio::test]
async fn a_failed_commit_stops_the_writer_for_good_and_a_restart_has_what_was_acknowledged() {
    let place = Place::memory();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    let acknowledged = writer.state().clone();
    writer.stage(&alarm("lost"), at(2)).unwrap();
    place.disk().fail_next_append("no space left on device");
    let first = writer.commit().await.unwrap_err().to_string();
    assert!(first.contains("no space left"), "{first}");
    let later = [
        writer.stage(&alarm("later"), at(3)).err().unwrap(),
        writer.commit().await.err().unwrap(),
        writer.sync().await.err().unwrap(),
        writer.snapshot(at(3)).await.err().unwrap(),
    ];
    for error in later {
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error}");
        assert!(error.to_string().contains("no space left"), "{error}");
        assert!(error.to_string().contains("trading must stay halted"), "{error}");
    }
    drop(writer);
    let writer = place.writer().await;
    assert_eq!(writer.state(), &acknowledged);
    assert!(writer.poisoned().is_none());
}

/// Two writers that both hold themselves for the only one, the second opened behind the first one's locks.
async fn two_writers(place: &Place) -> (JournalWriter, JournalWriter) {
    let mut first = place.writer().await;
    write(&mut first, &[run_started(false), reconciled()]).await;
    match place {
        Place::Memory(_) => place.disk().break_lock(),
        Place::Sqlite(_) => {
            for lock in [".lock", "-tail"] {
                std::fs::remove_file(format!("{}{lock}", place.path().display())).unwrap();
            }
        }
    }
    let second = place.writer().await;
    (first, second)
}

#[tokio::test]
async fn a_writer_that_another_has_overtaken_commits_nothing_more() {
    for place in [Place::memory(), Place::sqlite()] {
        let (mut first, mut second) = two_writers(&place).await;
        write(&mut second, &[run_started(true), reconciled()]).await;
        let end = second.committed();
        first.stage(&alarm("an order of the first"), at(3)).unwrap();
        first.commit().await.unwrap_err();
        let error = first.stage(&alarm("another"), at(4)).err().unwrap();
        assert!(matches!(error, JournalError::Poisoned { .. }), "{error}");
        assert!(first.snapshot(at(4)).await.is_err());
        drop(first);
        write(&mut second, &[alarm("of the second")]).await;
        assert_eq!(second.committed().seq, end.seq + 1, "nothing of the first is in between");
        assert_eq!(tensortrade_journal::verify(second.store()).await.unwrap().problems, []);
    }
}

#[tokio::test]
async fn a_commit_that_somebody_waits_for_is_refused_to_who_was_overtaken() {
    let place = Place::sqlite();
    let (mut first, mut second) = two_writers(&place).await;
    first.stage(&alarm("an order of the first"), at(3)).unwrap();
    let error = first.commit_events().await.unwrap_err().to_string();
    assert!(error.contains("another process writes"), "{error}");
    second.stage(&alarm("of the second"), at(3)).unwrap();
    let end = second.commit_events().await.unwrap();
    drop((first, second));
    let mut third = place.writer().await;
    assert_eq!(third.committed(), end, "nothing of the first is there");
    assert_eq!(tensortrade_journal::verify(third.store()).await.unwrap().problems, []);
}

#[tokio::test]
async fn who_deletes_the_lock_file_of_a_journal_is_still_kept_off_it() {
    let place = Place::sqlite();
    let mut first = place.writer().await;
    write(&mut first, &[run_started(false), reconciled()]).await;
    std::fs::remove_file(format!("{}.lock", place.path().display())).unwrap();
    let error = place.try_open(&identity(), Durability::Power).await.err().unwrap();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    write(&mut first, &[alarm("the first goes on")]).await;
    drop(first);
    place.writer().await;
}

#[tokio::test]
async fn an_overtaken_store_changes_no_table() {
    let place = Place::sqlite();
    let (mut first, mut second) = two_writers(&place).await;
    write(&mut second, &[run_started(true)]).await;
    let upto = first.committed().seq;
    first.store().append_rows(RowSet::default(), upto).await.unwrap();
    let error = first.store().settled().await.unwrap_err().to_string();
    assert!(error.contains("another process writes"), "{error}");
    assert_eq!(tensortrade_journal::verify(second.store()).await.unwrap().problems, []);
}

#[tokio::test]
async fn an_abandoned_commit_stops_the_writer_since_its_outcome_is_unknown() {
    let place = Place::sqlite();
    let mut writer = place.writer().await;
    writer.stage(&alarm("maybe"), at(1)).unwrap();
    let mut commit = Box::pin(writer.commit());
    assert!(futures::poll!(&mut commit).is_pending());
    drop(commit);
    let error = writer.stage(&alarm("later"), at(2)).err().unwrap();
    assert!(error.to_string().contains("abandoned"), "{error}");
    drop(writer);
    let writer = place.writer().await;
    assert!(writer.committed().seq <= 1);
}

#[tokio::test]
async fn unsynced_events_are_lost_with_the_power_and_the_journal_stays_whole() {
    let place = Place::memory();
    let store = place.try_open(&identity(), Durability::Process).await.unwrap();
    let (mut writer, _) = JournalWriter::open(store).await.unwrap();
    let events = day();
    write(&mut writer, &events[..50]).await;
    let durable = writer.sync().await.unwrap();
    write(&mut writer, &events[50..]).await;
    drop(writer);
    place.disk().lose_power().unwrap();
    let mut writer = place.writer().await;
    assert_eq!(writer.committed(), durable);
    assert_eq!(tensortrade_journal::verify(writer.store()).await.unwrap().problems, []);
}

#[tokio::test]
async fn what_waits_for_a_commit_is_limited_by_number_and_by_size() {
    let place = Place::memory();
    let mut writer = place.writer().await;
    let small = alarm("");
    for _ in 0..PENDING_EVENTS_MAX {
        writer.stage(&small, at(1)).unwrap();
    }
    let error = writer.stage(&small, at(1)).err().unwrap();
    assert!(matches!(error, JournalError::PendingFull { .. }), "{error}");
    writer.commit().await.unwrap();
    let large = alarm(&"x".repeat(1 << 20));
    let mut staged = 0;
    while writer.stage(&large, at(1)).is_ok() {
        staged += 1;
    }
    assert_eq!(staged, PENDING_BYTES_MAX >> 20);
    writer.commit().await.unwrap();
    assert!(writer.snapshot_due(u64::MAX), "{SNAPSHOT_EVERY_BYTES} bytes have come");
    writer.snapshot(at(2)).await.unwrap();
    assert!(!writer.snapshot_due(2) && writer.snapshot_due(1), "the record of the snapshot came behind it");
}

#[tokio::test]
async fn a_fill_that_overflows_the_books_is_refused_and_changes_nothing() {
    let place = Place::memory();
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false)]).await;
    let state = writer.state().clone();
    let mut booked = fill("e1", None, &terms("IBM", Side::Buy, "90000000000"), "1", at(1));
    booked.fill.price = Price::from_raw(i64::MAX).unwrap();
    let error = writer.stage(&booked.into(), at(1)).err().unwrap();
    assert!(matches!(error, JournalError::Unbookable { seq: 2, .. }), "{error}");
    assert_eq!(writer.state(), &state);
    assert_eq!(writer.pending(), 0);
    write(&mut writer, &[alarm("goes on")]).await;
}

async fn trace_of(events: &[Event]) -> tensortrade_journal::Hash {
    let mut writer = Place::memory().writer().await;
    write(&mut writer, events).await;
    writer.trace_hash()
}

#[tokio::test]
async fn equal_runs_have_equal_traces_and_a_single_difference_shows() {
    let events = day();
    let trace = trace_of(&events).await;
    assert_eq!(trace, trace_of(&events).await);
    for at in 0..events.len() {
        let mut other = events.clone();
        match &mut other[at] {
            Event::StepClosed(e) => e.decision.rows[0].weight = real(0.2),
            Event::Intent(e) => e.reference = price("1"),
            Event::Submitted(e) => e.ts = e.ts.plus_nanos(1),
            Event::OrderState(e) => e.reason = "other".into(),
            Event::Fill(e) => e.fill.price = price("1"),
            Event::Commission(e) => e.amount = Money::ZERO,
            _ => continue,
        }
        assert_ne!(trace, trace_of(&other).await, "{:?}", other[at]);
    }
}

#[tokio::test]
async fn a_trace_does_not_depend_on_the_scheduler_or_on_the_machine() {
    let events = day();
    let trace = trace_of(&events).await;
    // Fills before orders before decisions, each stream in its own order; other alarms; another lease.
    let rank = |event: &Event| match event {
        Event::RunStarted(_) => 0,
        Event::Fill(_) | Event::Commission(_) => 1,
        Event::StepClosed(_) => 3,
        _ => 2,
    };
    let mut other = events.clone();
    other.sort_by_key(rank);
    other.push(alarm("slow disk"));
    for event in &mut other {
        if let Event::Submitted(e) = event {
            e.lease_epoch = 9;
        }
    }
    assert_eq!(trace, trace_of(&other).await);
    let mut twice = trade(9, "IBM", Side::Sell, "1", "5");
    twice.truncate(5);
    twice.extend(events);
    assert_eq!(trace, trace_of(&twice).await, "a run's trace begins with the run");
}

/// Those who wait for a commit do not wait for tables: rows follow later, a kill in between loses none of them, and who
/// reads in between sees them all.
async fn rows_that_were_left_out_are_derived_again(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), opened(), reconciled()]).await;
    for (n, event) in day().iter().enumerate() {
        if matches!(event, Event::RunStarted(_) | Event::Opened(_) | Event::Reconciliation(_)) {
            continue;
        }
        writer.stage(event, at(1)).unwrap();
        match n % 7 {
            0 => writer.commit().await.unwrap(),
            _ => writer.commit_events().await.unwrap(),
        };
    }
    for n in 0..400 {
        // So many that some fill a slice, which is stored while the events after it are still without rows.
        writer.stage(&step(1_000 + n, &["IBM"]).into(), at(2)).unwrap();
    }
    writer.commit_events().await.unwrap();
    writer.stage(&step(2_000, &["IBM"]).into(), at(3)).unwrap();
    writer.commit_events().await.unwrap();
    assert_eq!(writer.slices_behind(), 1);
    assert!(writer.commit_rows().await.unwrap() && !writer.commit_rows().await.unwrap());
    assert!(writer.store().lag().is_some(), "rows wait");
    let report = tensortrade_journal::verify(writer.store()).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    writer.store().freeze().await.unwrap();
    let shown = dump(writer.store()).await;
    writer.store().thaw().await.unwrap();
    drop(writer); // as a kill does
    let mut writer = place.writer().await;
    assert_eq!(writer.store().lag(), None);
    let found = dump(writer.store()).await;
    for name in ["bars", "orders", "fills", "positions", "cash"] {
        assert!(found.iter().any(|(table, rows)| table.name() == name && !rows.is_empty()), "{name}");
    }
    assert_eq!(shown, found, "a reader saw the same before the kill");
    writer.store().rebuild().await.unwrap();
    assert_eq!(dump(writer.store()).await, found, "a rebuild finds the same");
}

#[tokio::test]
async fn rows_left_out_of_an_urgent_commit_are_there_after_a_kill_in_memory() {
    rows_that_were_left_out_are_derived_again(Place::memory()).await;
}

#[tokio::test]
async fn rows_left_out_of_an_urgent_commit_are_there_after_a_kill_in_sqlite() {
    rows_that_were_left_out_are_derived_again(Place::sqlite()).await;
}
