//! Events as one JSON object a line.

use std::collections::BTreeSet;
use std::io::Write;

use super::output;
use crate::error::JournalError;
use crate::event::Kind;
use crate::store::{PAGE_EVENTS_MAX, Store};

/// Writes the events in order, of the kinds asked for (none asked for means all), one line each:
/// `{"seq":1,"recorded_at":…,"kind":"…","prev":"…","hash":"…","event":{…}}`. The payload is written as stored, byte for
/// byte, so that a reader can check the chain. Returns the number of lines.
pub async fn export_events(
    store: &mut dyn Store,
    kinds: &BTreeSet<Kind>,
    out: &mut (dyn Write + Send),
) -> Result<u64, JournalError> {
    let mut after = 0;
    let mut lines = 0;
    loop {
        let page = store.read(after, PAGE_EVENTS_MAX).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for e in page.iter().filter(|e| kinds.is_empty() || kinds.contains(&e.kind)) {
            writeln!(
                out,
                r#"{{"seq":{},"recorded_at":{},"kind":"{}","prev":"{}","hash":"{}","event":{}}}"#,
                e.seq,
                e.recorded_at.nanos(),
                e.kind,
                e.prev,
                e.hash,
                e.payload
            )
            .map_err(output)?;
            lines += 1;
        }
    }
    out.flush().map_err(output)?;
    Ok(lines)
}
