//! From a store to the state: newest usable snapshot, then the events after it.

use crate::envelope::Head;
use crate::error::JournalError;
use crate::state::{Recovered, STATE_VERSION};
use crate::store::replay::replay;
use crate::store::{PAGE_EVENTS_MAX, Snapshot, Store};

/// How many of the last events are checked at every start, even if a snapshot covers them.
pub const TAIL_CHECKED: u64 = 1000;

/// How the state was recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// Last event covered by the snapshot used; `None` when all events were folded.
    pub snapshot: Option<u64>,
    /// Events folded after it.
    pub folded: u64,
    /// Snapshots that were passed over because they could not be used.
    pub snapshots_skipped: usize,
}

/// Recovers the state. Refuses a journal whose last [`TAIL_CHECKED`] events, or events since the snapshot, do not chain.
pub async fn recover(store: &mut dyn Store) -> Result<(Recovered, Opening), JournalError> {
    check_tail(store).await?;
    let mut skipped = 0;
    for snapshot in store.snapshots().await? {
        match restore(store, &snapshot).await? {
            Ok(state) => {
                let (state, folded) = fold_after(store, state).await?;
                let opening =
                    Opening { snapshot: Some(snapshot.head.seq), folded, snapshots_skipped: skipped };
                return Ok((state, opening));
            }
            Err(reason) => {
                tracing::warn!(
                    place = store.place(),
                    seq = snapshot.head.seq,
                    reason,
                    "a snapshot is passed over"
                );
                skipped += 1;
            }
        }
    }
    let genesis = Recovered::genesis(&store.meta().id);
    let (state, folded) = fold_after(store, genesis).await?;
    Ok((state, Opening { snapshot: None, folded, snapshots_skipped: skipped }))
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

async fn check_tail(store: &mut dyn Store) -> Result<(), JournalError> {
    let start = store.head().seq.saturating_sub(TAIL_CHECKED);
    let mut before = match start {
        0 => Some(Head::genesis(&store.meta().id)),
        _ => None,
    };
    let mut after = start;
    loop {
        let page = store.read(after, PAGE_EVENTS_MAX).await?;
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
}
