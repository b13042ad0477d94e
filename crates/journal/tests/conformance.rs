//! What every store promises, run against each.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

mod common;

use std::collections::BTreeSet;

use common::*;
use tensortrade_journal::store::{PAGE_EVENTS_MAX, SNAPSHOTS_KEPT};
use tensortrade_journal::{
    AccountKind, Durability, Envelope, Hash, Head, Identity, JournalError, JournalWriter, Kind, Recovered,
    RowSet, Snapshot, Table, export_csv, export_events, rebuild, verify,
};
use tensortrade_market::order::Side;

macro_rules! conformance {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Place::memory()).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Place::sqlite()).await;
            })*
        }
    };
}

conformance! {
    a_new_journal_begins_with_its_own_genesis_hash
    events_come_back_as_they_were_written
    a_batch_that_does_not_follow_the_head_is_refused_and_leaves_nothing
    rebuilt_tables_equal_those_written_with_the_events
    a_reopened_journal_goes_on_where_it_was
    a_journal_of_another_account_or_venue_is_refused
    a_second_writer_is_refused_until_the_first_is_gone
    tables_are_read_in_pages_without_loss_or_repetition
    only_the_newest_snapshots_are_kept
    snapshot_and_tail_give_the_state_of_all_events
    a_snapshot_that_cannot_be_used_is_passed_over
    a_snapshot_stored_in_pieces_beside_new_events_is_the_state_it_was_begun_at
    a_kill_before_the_last_piece_leaves_the_snapshot_before
    a_snapshot_waits_for_the_tables_to_have_what_it_covers
    a_day_that_keeps_every_promise_verifies_clean
    with_process_durability_only_a_sync_makes_events_durable
    exported_events_carry_a_chain_that_a_reader_can_check
    exported_tables_are_exact_decimals_and_quoted_texts
    an_order_row_follows_its_order
}

async fn a_new_journal_begins_with_its_own_genesis_hash(place: Place) {
    let mut store = place.open().await;
    assert_eq!(store.head(), Head::genesis(&store.meta().id));
    assert!(store.read(0, 10).await.unwrap().is_empty());
    assert!(dump(store.as_mut()).await.iter().all(|(_, rows)| rows.is_empty()));
}

async fn events_come_back_as_they_were_written(place: Place) {
    let mut writer = place.writer().await;
    let events = day();
    write(&mut writer, &events).await;
    let page = writer.store().read(0, PAGE_EVENTS_MAX).await.unwrap();
    assert_eq!(page.len(), events.len());
    for (envelope, event) in page.iter().zip(&events) {
        assert_eq!(&tensortrade_journal::Event::decode(&envelope.payload).unwrap(), event);
        assert_eq!(envelope.kind, event.kind());
        assert_eq!(envelope.recorded_at, at(i64::try_from(envelope.seq).unwrap() - 1));
    }
    let middle = writer.store().read(5, 3).await.unwrap();
    assert_eq!(middle, page[5..8]);
}

async fn a_batch_that_does_not_follow_the_head_is_refused_and_leaves_nothing(place: Place) {
    let mut store = place.open().await;
    let genesis = store.head();
    let seal =
        |head: &Head| Envelope::seal(head, at(0), Kind::RunStarted, run_started(false).encode().unwrap());
    let first = seal(&genesis);
    let stranger = seal(&Head { seq: 1, hash: Hash::of(b"another journal") });
    let gap = seal(&Head { seq: 7, hash: first.hash });
    for bad in [vec![gap.clone()], vec![first.clone(), stranger], vec![first.clone(), gap]] {
        let refused = store.append(&bad, &RowSet::default()).await;
        assert!(matches!(refused, Err(JournalError::NotNext { .. })), "{refused:?}");
        assert_eq!(store.head(), genesis);
        assert!(store.read(0, 10).await.unwrap().is_empty());
    }
    store.append(std::slice::from_ref(&first), &RowSet::default()).await.unwrap();
    let twice = store.append(&[first], &RowSet::default()).await;
    assert!(matches!(twice, Err(JournalError::NotNext { .. })), "{twice:?}");
}

async fn rebuilt_tables_equal_those_written_with_the_events(place: Place) {
    let mut writer = place.writer().await;
    for batch in day().chunks(7) {
        write(&mut writer, batch).await;
    }
    let before = dump(writer.store()).await;
    assert!(before.iter().all(|(_, rows)| !rows.is_empty()), "the day fills every table");
    let rebuilt = rebuild(writer.store()).await.unwrap();
    assert_eq!(dump(writer.store()).await, before);
    assert_eq!(rebuilt.events, writer.state().head.seq);
    for (table, rows) in before {
        assert_eq!(rebuilt.rows[&table], rows.len() as u64);
    }
}

async fn a_reopened_journal_goes_on_where_it_was(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    let state = writer.state().clone();
    let head = writer.close().await.unwrap();
    let mut writer = place.writer().await;
    assert_eq!(writer.state(), &state);
    assert_eq!(writer.committed(), head);
    assert_eq!(state.opened.map(Into::into), Some(opened()));
    let seq = writer.stage(&run_started(true), at(5000)).unwrap();
    assert_eq!(seq, head.seq + 1);
    writer.commit().await.unwrap();
    assert!(verify(writer.store()).await.unwrap().is_clean());
}

async fn a_journal_of_another_account_or_venue_is_refused(place: Place) {
    place.open().await.close().await.unwrap();
    let live = Identity { account: AccountKind::Live, ..identity() };
    let refused = place.try_open(&live, Durability::Power).await.err().unwrap();
    assert!(matches!(refused, JournalError::WrongAccount { .. }), "{refused}");
    assert!(refused.to_string().contains("a paper account, not of a live one"), "{refused}");
    let elsewhere = Identity { venue: "ibkr".into(), ..identity() };
    let refused = place.try_open(&elsewhere, Durability::Power).await.err().unwrap();
    assert!(matches!(refused, JournalError::WrongVenue { .. }), "{refused}");
    place.open().await;
}

async fn a_second_writer_is_refused_until_the_first_is_gone(place: Place) {
    let first = place.open().await;
    let refused = place.try_open(&identity(), Durability::Power).await.err().unwrap();
    assert!(matches!(refused, JournalError::Locked { .. }), "{refused}");
    first.close().await.unwrap();
    place.open().await;
}

async fn tables_are_read_in_pages_without_loss_or_repetition(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    for (table, whole) in dump(writer.store()).await {
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = writer.store().rows(table, after.as_deref(), 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last[..table.key_len()].to_vec());
            paged.extend(page);
        }
        assert_eq!(paged, whole, "{}", table.name());
        assert!(whole.is_sorted_by(|a, b| a[..table.key_len()] < b[..table.key_len()]));
    }
}

async fn only_the_newest_snapshots_are_kept(place: Place) {
    let mut writer = place.writer().await;
    let mut heads = Vec::new();
    for number in 1..=5 {
        write(&mut writer, &[step(number, &["IBM"]).into()]).await;
        heads.push(writer.committed().seq);
        writer.snapshot(at(number)).await.unwrap();
    }
    let kept: Vec<u64> =
        writer.store().snapshots().await.unwrap().iter().map(|snapshot| snapshot.head.seq).collect();
    heads.reverse();
    assert_eq!(kept, heads[..SNAPSHOTS_KEPT]);
}

async fn snapshot_and_tail_give_the_state_of_all_events(place: Place) {
    let mut writer = place.writer().await;
    let events = day();
    let (first, second) = events.split_at(events.len() / 2);
    write(&mut writer, first).await;
    writer.snapshot(at(1)).await.unwrap();
    write(&mut writer, second).await;
    let state = writer.state().clone();
    drop(writer);
    let (writer, opening) = JournalWriter::open(place.open().await).await.unwrap();
    assert_eq!(opening.snapshot, Some(first.len() as u64));
    assert_eq!(opening.folded, second.len() as u64 + 1);
    assert_eq!(writer.state(), &state);
}

async fn a_snapshot_that_cannot_be_used_is_passed_over(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    writer.snapshot(at(1)).await.unwrap();
    let mut garbled = writer.store().snapshots().await.unwrap().remove(0);
    garbled.state[10] ^= 1;
    writer.store().put_snapshot(&garbled).await.unwrap();
    let state = writer.state().clone();
    drop(writer);
    let (mut writer, opening) = JournalWriter::open(place.open().await).await.unwrap();
    assert_eq!((opening.snapshot, opening.snapshots_skipped), (None, 1));
    assert_eq!(writer.state(), &state);
    let report = verify(writer.store()).await.unwrap();
    assert_eq!(report.problems_total, 1, "{:?}", report.problems);
    assert!(report.problems[0].to_string().contains("its bytes do not have its hash"));
}

/// So much that a snapshot has several pieces.
async fn busy(place: &Place) -> JournalWriter {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    for number in 21..200 {
        write(&mut writer, &trade(number, "IBM", Side::Buy, "1", "100")).await;
    }
    writer
}

async fn a_snapshot_stored_in_pieces_beside_new_events_is_the_state_it_was_begun_at(place: Place) {
    let mut writer = busy(&place).await;
    let (begun, last) = (writer.state().clone(), writer.committed().seq);
    let snapshot = Snapshot::of(&writer.begin_snapshot().unwrap()).unwrap();
    assert!(snapshot.parts().count() > 2);
    writer.store_snapshot(snapshot);
    let mut number = 200;
    while writer.store_snapshot_piece(at(1)).await.unwrap() {
        for event in trade(number, "AIG", Side::Sell, "1", "60") {
            writer.stage(&event, at(2)).unwrap();
        }
        writer.commit_events().await.unwrap();
        number += 1;
    }
    writer.commit_events().await.unwrap();
    let state = writer.state().clone();
    drop(writer); // as a kill does
    let (mut writer, opening) = JournalWriter::open(place.open().await).await.unwrap();
    assert_eq!((opening.snapshot, opening.folded), (Some(last), state.head.seq - last));
    assert_eq!(writer.state(), &state);
    let stored = writer.store().snapshot(last).await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<Recovered>(&stored.state).unwrap(), begun);
    let report = verify(writer.store()).await.unwrap();
    assert!(report.is_clean() && report.snapshots == 1, "{:?}", report.problems);
}

async fn a_kill_before_the_last_piece_leaves_the_snapshot_before(place: Place) {
    let mut writer = busy(&place).await;
    writer.snapshot(at(1)).await.unwrap();
    let first = writer.committed().seq - 1;
    write(&mut writer, &trade(500, "IBM", Side::Sell, "1", "90")).await;
    let snapshot = Snapshot::of(&writer.begin_snapshot().unwrap()).unwrap();
    writer.store_snapshot(snapshot);
    assert!(writer.store_snapshot_piece(at(1)).await.unwrap());
    let state = writer.state().clone();
    // A store keeps its lock until what it does in the background is done.
    writer.store().settled().await.unwrap();
    drop(writer);
    let (mut writer, opening) = JournalWriter::open(place.open().await).await.unwrap();
    assert_eq!((opening.snapshot, opening.snapshots_skipped), (Some(first), 0));
    assert_eq!(writer.state(), &state);
    // What was left lying is in nobody's way.
    for number in 0..4 {
        write(&mut writer, &[step(600 + number, &["IBM"]).into()]).await;
        writer.snapshot(at(2)).await.unwrap();
    }
    let last = writer.committed().seq - 1;
    drop(writer);
    let (mut writer, opening) = JournalWriter::open(place.open().await).await.unwrap();
    assert_eq!((opening.snapshot, opening.snapshots_skipped), (Some(last), 0));
    assert!(verify(writer.store()).await.unwrap().is_clean());
}

async fn a_snapshot_waits_for_the_tables_to_have_what_it_covers(place: Place) {
    let mut writer = busy(&place).await;
    for number in 0..300 {
        writer.stage(&step(1_000 + number, &["IBM", "AIG"]).into(), at(1)).unwrap();
    }
    writer.commit_events().await.unwrap();
    let covered = writer.committed().seq;
    assert!(writer.store().lag().is_some_and(|derived| derived < covered));
    let snapshot = Snapshot::of(&writer.begin_snapshot().unwrap()).unwrap();
    writer.store_snapshot(snapshot);
    while writer.store_snapshot_piece(at(1)).await.unwrap() {
        let sealed = !writer.store().snapshot_numbers().await.unwrap().is_empty();
        assert!(!sealed, "not before the tables are complete");
    }
    assert_eq!(writer.store().snapshot_numbers().await.unwrap(), [covered]);
    assert!(writer.store().lag().is_none_or(|derived| derived >= covered));
}

async fn a_day_that_keeps_every_promise_verifies_clean(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    writer.snapshot(at(1)).await.unwrap();
    let report = verify(writer.store()).await.unwrap();
    assert_eq!(report.problems, []);
    assert_eq!(report.events, day().len() as u64 + 1);
    assert_eq!((report.snapshots, report.head), (1, writer.committed()));
    assert_eq!(report.rows[&Table::Bars], 40);
}

async fn with_process_durability_only_a_sync_makes_events_durable(place: Place) {
    let store = place.try_open(&identity(), Durability::Process).await.unwrap();
    let (mut writer, _) = JournalWriter::open(store).await.unwrap();
    write(&mut writer, &day()).await;
    assert_eq!(writer.store().durable_upto(), 0);
    let head = writer.sync().await.unwrap();
    assert_eq!(writer.store().durable_upto(), head.seq);
    drop(writer);
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(true)]).await;
    assert_eq!(writer.store().durable_upto(), head.seq + 1, "power durability needs no sync");
}

async fn exported_events_carry_a_chain_that_a_reader_can_check(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    let genesis = Hash::genesis(&writer.store().meta().id);
    let mut out = Vec::new();
    let lines = export_events(writer.store(), &BTreeSet::new(), &mut out).await.unwrap();
    assert_eq!(lines, writer.committed().seq);
    let mut prev = genesis;
    for line in String::from_utf8(out).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let payload = line.split_once("\"event\":").unwrap().1;
        let payload = &payload[..payload.len() - 1];
        let seq = value["seq"].as_u64().unwrap();
        let recorded_at = tensortrade_market::Ts::from_nanos(value["recorded_at"].as_i64().unwrap());
        let hash = Hash::chain(&prev, seq, recorded_at, payload.as_bytes());
        assert_eq!(value["hash"], hash.to_string());
        assert_eq!(value["kind"], value["event"]["type"]);
        prev = hash;
    }
    assert_eq!(prev, writer.committed().hash);
    let fills = BTreeSet::from([Kind::Fill]);
    assert_eq!(export_events(writer.store(), &fills, &mut Vec::new()).await.unwrap(), 40);
}

async fn exported_tables_are_exact_decimals_and_quoted_texts(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &day()).await;
    let mut out = Vec::new();
    assert_eq!(export_csv(writer.store(), Table::Fills, &mut out).await.unwrap(), 40);
    let text = String::from_utf8(out).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next().unwrap(),
        "venue,exec_id,seq,ts,client_order_id,broker_order_id,symbol,side,qty,price,multiplier,currency,value"
    );
    let ibm = lines.find(|line| line.contains(",e-IBM-1,")).unwrap();
    assert!(ibm.contains(",2017-07-14T02:41:00Z,"), "{ibm}");
    assert!(ibm.ends_with(",IBM,buy,100,100.333333333,1,USD,10033.333333"), "{ibm}");
    let mut out = Vec::new();
    export_csv(writer.store(), Table::Audit, &mut out).await.unwrap();
    assert!(String::from_utf8(out).unwrap().contains("\"refused, \"\"role\"\"\nsecond line\""));
}

async fn an_order_row_follows_its_order(place: Place) {
    let mut writer = place.writer().await;
    write(&mut writer, &[run_started(false), reconciled()]).await;
    for event in trade(1, "IBM", Side::Sell, "100", "99.5") {
        write(&mut writer, &[event]).await;
    }
    let rows = writer.store().rows(Table::Orders, None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    let cell = |name: &str| {
        let at = Table::Orders.columns().iter().position(|column| column.name == name).unwrap();
        rows[0][at].clone()
    };
    assert_eq!(cell("status"), "filled".into());
    assert_eq!(cell("filled"), qty("100").raw().into());
    assert_eq!(cell("value"), (-9_950_000_000i64).into());
    assert_eq!(cell("limit_price"), price("101.25").raw().into());
    assert_eq!(cell("stop_price"), None::<i64>.into());
    assert_eq!(cell("broker_order_id"), "b1".into());
}
