//! Is the journal whole, and did the node keep its promises? Separate from the writer: it trusts nothing the writer
//! computed, walks every event from the first, and derives every table again.

mod invariants;
mod orders;
mod report;
mod tables;

use invariants::Invariants;
pub use report::{Finding, PROBLEMS_KEPT_MAX, Problem, VerifyReport};
use tables::Expected;

use crate::envelope::Envelope;
use crate::error::JournalError;
use crate::projection::RowSet;
use crate::recover::restore;
use crate::state::Recovered;
use crate::store::replay::replay;
use crate::store::{PAGE_EVENTS_MAX, Snapshot, Store};

/// Walks the whole journal. Memory grows with the number of orders and fills, not with that of bars. An `Err` means that
/// the store could not be read at all; what is wrong *in* the journal is in the report.
pub async fn verify(store: &mut dyn Store) -> Result<VerifyReport, JournalError> {
    store.freeze().await?;
    let report = walk(store).await;
    store.thaw().await?;
    report
}

async fn walk(store: &mut dyn Store) -> Result<VerifyReport, JournalError> {
    let mut report = VerifyReport::new(store.place(), store.head());
    match store.check().await {
        Ok(findings) => {
            findings.into_iter().for_each(|finding| report.add(None, Finding::Structure(finding)))
        }
        Err(e) => report.add(None, Finding::Structure(e.to_string())),
    }
    let snapshots = store.snapshots().await?;
    let mut state = Recovered::genesis(&store.meta().id);
    let mut expected = Expected::default();
    let mut invariants = Invariants::default();
    let mut rows = RowSet::default();
    let mut whole = true;
    'walk: loop {
        let page = match next_page(store, state.head.seq).await {
            Ok(page) => page,
            Err(e) => {
                whole = false;
                report.add_error(state.head.seq + 1, e);
                break;
            }
        };
        if page.is_empty() {
            break;
        }
        for envelope in &page {
            let event = match replay(store.place(), envelope, &mut state, Some(&mut rows)) {
                Ok(event) => event,
                Err(e) => {
                    // Nothing behind a broken link can be trusted.
                    whole = false;
                    report.add_error(state.head.seq + 1, e);
                    break 'walk;
                }
            };
            report.events += 1;
            expected.add(&rows);
            rows.clear();
            invariants.check(envelope.seq, &event, &mut |seq, broken| {
                report.add(Some(seq), Finding::Invariant(broken));
            });
            for snapshot in snapshots.iter().filter(|snapshot| snapshot.head.seq == envelope.seq) {
                check_snapshot(store, snapshot, &state, &mut report).await?;
            }
        }
    }
    for snapshot in snapshots.iter().filter(|snapshot| whole && snapshot.head.seq > state.head.seq) {
        report.add(
            Some(snapshot.head.seq),
            Finding::Snapshot(
                "rests on an event that is not there: the end of the journal is missing".into(),
            ),
        );
    }
    if whole {
        for compared in [
            expected.compare(store, &mut report).await,
            invariants.compare_positions(store, &mut report).await,
        ] {
            if let Err(e) = compared {
                report.add(None, Finding::Structure(e.to_string()));
            }
        }
    }
    Ok(report)
}

/// A page; if it cannot be read as a whole, then event by event up to the first bad one.
async fn next_page(store: &mut dyn Store, after: u64) -> Result<Vec<Envelope>, JournalError> {
    match store.read(after, PAGE_EVENTS_MAX).await {
        Ok(page) => Ok(page),
        Err(_) => store.read(after, 1).await,
    }
}

/// Promise 10: the snapshot is what folding all events up to it gives.
async fn check_snapshot(
    store: &mut dyn Store,
    snapshot: &Snapshot,
    folded: &Recovered,
    report: &mut VerifyReport,
) -> Result<(), JournalError> {
    report.snapshots += 1;
    let problem = match restore(store, snapshot).await? {
        Ok(state) if state == *folded => None,
        Ok(_) => Some("is not the state that folding the events gives".to_owned()),
        Err(reason) => Some(reason),
    };
    if let Some(problem) = problem {
        report.add(Some(snapshot.head.seq), Finding::Snapshot(problem));
    }
    Ok(())
}
