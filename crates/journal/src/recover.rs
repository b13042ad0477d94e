//! From a store to the state: newest usable snapshot, then the events after it. The time it takes depends on how far apart
//! snapshots are, not on how long the journal is.

use crate::envelope::Head;
use crate::error::JournalError;
use crate::projection::RowSet;
use crate::state::{Recovered, STATE_VERSION};
use crate::store::replay::replay;
use crate::store::{PAGE_EVENTS_MAX, Snapshot, Store};

/// How many of the last events are checked at every start, even if a snapshot covers them.
pub const TAIL_CHECKED: u64 = 1000;

/// Rows of derived tables that are written at once.
const ROWS_AT_ONCE: usize = 8192;

/// How the state was recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Last event covered by the snapshot used; `None` when all events were folded.
    pub snapshot: Option<u64>,
    /// Events folded after it.
    pub folded: u64,
    /// Bytes of their payloads.
    pub folded_bytes: u64,
    /// Snapshots that were passed over because they could not be used.
    pub snapshots_skipped: usize,
}

/// Recovers the state, and derives the rows that a kill left out of the tables. Refuses a journal whose last
/// [`TAIL_CHECKED`] events, or events since the snapshot, do not chain.
pub async fn recover(store: &mut dyn Store) -> Result<(Recovered, Opening), JournalError> {
    let lag = store.lag();
    let head = store.head().seq;
    if let Some(snapshot) = store.snapshot_numbers().await?.into_iter().filter(|seq| *seq > head).max() {
        return Err(JournalError::CutShort { place: store.place().to_owned(), head, snapshot });
    }
    // Rows of events before a snapshot cannot be derived from it.
    let (mut state, snapshots_skipped) = newest(store, lag.unwrap_or(u64::MAX)).await?;
    let from = state.head.seq;
    check_before(store, from).await?;
    let mut rows = RowSet::default();
    let mut folded_bytes = 0;
    loop {
        let page = store.read(state.head.seq, PAGE_EVENTS_MAX).await?;
        for envelope in &page {
            let rows = lag.filter(|lag| envelope.seq > *lag).map(|_| &mut rows);
            replay(store.place(), envelope, &mut state, rows)?;
            folded_bytes += envelope.payload.len() as u64;
        }
        if page.is_empty() && lag.is_some() || rows.len() >= ROWS_AT_ONCE {
            store.append_rows(std::mem::take(&mut rows), state.head.seq).await?;
        }
        if page.is_empty() {
            store.settled().await?;
            let (snapshot, folded) = ((from > 0).then_some(from), state.head.seq - from);
            return Ok((state, Opening { snapshot, folded, folded_bytes, snapshots_skipped }));
        }
    }
}

/// Folds all events after `state.head` into it; returns how many there were.
pub async fn fold_after(
    store: &mut dyn Store,
    mut state: Recovered,
) -> Result<(Recovered, u64), JournalError> {
    let from = state.head.seq;
    loop {
        let page = store.read(state.head.seq, PAGE_EVENTS_MAX).await?;
        if page.is_empty() {
            let folded = state.head.seq - from;
            return Ok((state, folded));
        }
        for envelope in &page {
            replay(store.place(), envelope, &mut state, None)?;
        }
    }
}

/// The state of the newest usable snapshot at or before event `upto`, else that of an empty journal; and how many were
/// passed over.
pub(crate) async fn newest(store: &mut dyn Store, upto: u64) -> Result<(Recovered, usize), JournalError> {
    let mut skipped = 0;
    for seq in store.snapshot_numbers().await?.into_iter().filter(|seq| *seq <= upto) {
        let reason = match store.snapshot(seq).await {
            Ok(Some(snapshot)) => match restore(store, &snapshot).await? {
                Ok(state) => return Ok((state, skipped)),
                Err(reason) => reason,
            },
            Ok(None) => "its description is damaged".to_owned(),
            // A snapshot is a short cut, not a truth: the events have it all.
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            place = store.place(),
            seq,
            reason,
            "a snapshot is passed over: the start begins with an earlier one and takes longer"
        );
        skipped += 1;
    }
    Ok((Recovered::genesis(&store.meta().id), skipped))
}

/// The state of a snapshot, or why it cannot be used.
pub(crate) async fn restore(
    store: &mut dyn Store,
    snapshot: &Snapshot,
) -> Result<Result<Recovered, String>, JournalError> {
    if snapshot.state_version != STATE_VERSION {
        return Ok(Err(format!("it is of state version {}", snapshot.state_version)));
    }
    if crate::Hash::of(&snapshot.state) != snapshot.state_hash {
        return Ok(Err("its bytes do not have its hash".to_owned()));
    }
    let event = match snapshot.head.seq.checked_sub(1) {
        Some(before) => store.read(before, 1).await?.pop().map(|envelope| envelope.head()),
        None => Some(Head::genesis(&store.meta().id)),
    };
    if event != Some(snapshot.head) {
        return Ok(Err("the event it rests on is not in the journal".to_owned()));
    }
    match serde_json::from_slice::<Recovered>(&snapshot.state) {
        Ok(state) if state.head == snapshot.head => Ok(Ok(state)),
        Ok(_) => Ok(Err("its state is of another event".to_owned())),
        Err(e) => Ok(Err(e.to_string())),
    }
}

/// Checks the event that a snapshot rests on, and those before it that belong to the last [`TAIL_CHECKED`]; folding checks
/// the events after it.
async fn check_before(store: &mut dyn Store, snapshot: u64) -> Result<(), JournalError> {
    let Some(anchor) = snapshot.checked_sub(1) else { return Ok(()) };
    let mut after = store.head().seq.saturating_sub(TAIL_CHECKED).min(anchor);
    let mut before = (after == 0).then(|| Head::genesis(&store.meta().id));
    while after < snapshot {
        let limit = usize::try_from(snapshot - after).unwrap_or(PAGE_EVENTS_MAX);
        let page = store.read(after, limit).await?;
        if page.is_empty() {
            return Ok(());
        }
        for envelope in &page {
            // The event before the tail is not read: the first link is taken at its word.
            let expected = before.unwrap_or(Head { seq: after, hash: envelope.prev });
            if let Some(fault) = envelope.fault_after(&expected) {
                let place = store.place().to_owned();
                let fault = Box::new(fault);
                return Err(JournalError::Broken { place, seq: expected.seq + 1, fault });
            }
            after = envelope.seq;
            before = Some(envelope.head());
        }
    }
    Ok(())
}
