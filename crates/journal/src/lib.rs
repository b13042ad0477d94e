//! The journal: one append-only table of events, tied together by a hash chain, from which every decision can be
//! explained and every state rebuilt.
//!
//! - [`event`]: what is recorded. [`envelope`]: number, time, hash. [`meta`]: whose journal it is.
//! - [`store`]: where it is kept: SQLite, or memory for tests and chaos, behind one trait.
//! - [`projection`]: tables derived in the same transaction. [`state`]: what a restarted node knows.
//! - [`JournalWriter`]: chaining and group commit, for an actor to own. [`TraceHash`]: what a run did, in 32 bytes.
//! - [`verify()`], [`export_events`], [`export_csv`], [`rebuild`]: what the `journal` commands call.
//!
//! No clock and no randomness in here: times come with the events, and the same events give the same chain.

pub mod envelope;
pub mod error;
pub mod event;
pub mod meta;
pub mod projection;
pub mod state;
pub mod store;
pub mod verify;

mod export;
mod order_record;
mod real;
mod recover;
mod trace;
mod writer;

pub use envelope::{ChainFault, Envelope, Hash, Head};
pub use error::JournalError;
pub use event::{Event, Kind};
pub use export::{export_csv, export_events};
pub use meta::{AccountKind, Identity, JournalId, Meta};
pub use order_record::{Blocked, OrderRecord};
pub use projection::{Cell, Row, RowSet, Table};
pub use real::Real;
pub use recover::{Opening, TAIL_CHECKED, fold_after, recover};
pub use state::Recovered;
pub use store::{Access, Durability, MemoryStore, Snapshot, SqliteStore, Store};
pub use trace::TraceHash;
pub use verify::{VerifyReport, verify};
pub use writer::{JournalWriter, PENDING_BYTES_MAX, PENDING_EVENTS_MAX, SNAPSHOT_EVERY_BYTES};

/// Derives every table from the events again; what the `journal rebuild` command does.
pub async fn rebuild(store: &mut dyn Store) -> Result<store::Rebuilt, JournalError> {
    store.rebuild().await
}
