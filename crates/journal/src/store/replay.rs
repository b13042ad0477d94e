//! Folding stored events: state and rows from envelopes, in every store, in `verify` and at start.

use crate::envelope::Envelope;
use crate::error::JournalError;
use crate::event::Event;
use crate::projection::{RowSet, project};
use crate::state::Recovered;

/// Checks the chain, decodes the event, folds it into `state`, and adds the rows it changes to `rows`.
pub(crate) fn replay(
    place: &str,
    envelope: &Envelope,
    state: &mut Recovered,
    rows: Option<&mut RowSet>,
) -> Result<Event, JournalError> {
    let seq = envelope.seq;
    if let Some(fault) = envelope.fault_after(&state.head) {
        let seq = state.head.seq + 1;
        return Err(JournalError::Broken { place: place.to_owned(), seq, fault: Box::new(fault) });
    }
    let undecodable = |reason: String| JournalError::Undecodable { place: place.to_owned(), seq, reason };
    let event = Event::decode_as(envelope.kind, &envelope.payload).map_err(|e| undecodable(e.to_string()))?;
    if event.kind() != envelope.kind {
        let reason = format!("filed as {} but holds a {} event", envelope.kind, event.kind());
        return Err(undecodable(reason));
    }
    let applied = state.apply(envelope.head(), &event).map_err(|e| JournalError::Unbookable {
        seq,
        kind: envelope.kind,
        reason: e.to_string(),
    })?;
    if let Some(rows) = rows {
        project(seq, &event, applied, state, rows);
    }
    Ok(event)
}
