//! Why the journal cannot do what it was asked.

use crate::envelope::ChainFault;
use crate::event::Kind;
use crate::meta::{AccountKind, FORMAT};

/// What is wrong, where, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file is something else.
    #[error("{place} is no journal of this program: {what}; give another path, or move the file away")]
    Foreign {
        /// Path or address.
        place: String,
        /// What it is instead.
        what: String,
    },
    /// There is no journal.
    #[error("{place} does not exist; a journal is created by the first run")]
    Missing {
        /// Path or address.
        place: String,
    },
    /// Written by a newer program.
    #[error("{place} has journal format {found}, this program knows up to {FORMAT}; use the newer program")]
    Newer {
        /// Path or address.
        place: String,
        /// The version found.
        found: String,
    },
    /// Written by an older program, and opened for reading only.
    #[error("{place} has an older journal format; start the node on it once, which brings it up to date")]
    Older {
        /// Path or address.
        place: String,
    },
    /// Paper and live never share a journal.
    #[error(
        "{place} is the journal of a {found} account, not of a {wanted} one; use another data directory for it"
    )]
    WrongAccount {
        /// Path or address.
        place: String,
        /// Kind found.
        found: AccountKind,
        /// Kind expected.
        wanted: AccountKind,
    },
    /// Two venues never share a journal.
    #[error(
        "{place} is the journal of venue '{found}', not of '{wanted}'; use another data directory for it"
    )]
    WrongVenue {
        /// Path or address.
        place: String,
        /// Venue found.
        found: String,
        /// Venue expected.
        wanted: String,
    },
    /// Its end is gone.
    #[error(
        "{place} ends with event {head}, and a snapshot in it rests on event {snapshot}: the end of the journal is missing; put a \
         whole copy back, or move it away together with the paper account to begin anew"
    )]
    CutShort {
        /// Path or address.
        place: String,
        /// The last event.
        head: u64,
        /// The event of the newest snapshot.
        snapshot: u64,
    },
    /// Another process writes to it.
    #[error(
        "{place} is in use by another process ({detail}); stop that one first, or use another data directory"
    )]
    Locked {
        /// Path or address.
        place: String,
        /// How that showed.
        detail: String,
    },
    /// The store's own structure is damaged.
    #[error(
        "{place} is damaged: {detail}; keep a copy of the file and its -wal file, restore the last backup, and reconcile with the broker"
    )]
    Corrupt {
        /// Path or address.
        place: String,
        /// What the store says.
        detail: String,
    },
    /// The chain does not hold.
    #[error(
        "{place}: event {seq}: {fault}; nothing is appended to a broken chain: run `tensortrade journal verify`, and restore the last backup"
    )]
    Broken {
        /// Path or address.
        place: String,
        /// Number of the first bad event.
        seq: u64,
        /// What is wrong with it.
        fault: Box<ChainFault>,
    },
    /// An event cannot be read.
    #[error("{place}: event {seq} cannot be read: {reason}; run `tensortrade journal verify`")]
    Undecodable {
        /// Path or address.
        place: String,
        /// Its number.
        seq: u64,
        /// Why.
        reason: String,
    },
    /// An event cannot be written.
    #[error("a {kind} event cannot be written: {reason}")]
    Encode {
        /// Its kind.
        kind: Kind,
        /// Why.
        reason: String,
    },
    /// An event does not fit into the books.
    #[error("event {seq} ({kind}) cannot be booked: {reason}; trading must stop until this is understood")]
    Unbookable {
        /// Its number.
        seq: u64,
        /// Its kind.
        kind: Kind,
        /// What overflowed or contradicts.
        reason: String,
    },
    /// A batch does not follow the head.
    #[error("{place}: the batch does not follow event {after}: {fault}; another writer may be at work")]
    NotNext {
        /// Path or address.
        place: String,
        /// Number of the event it should follow.
        after: u64,
        /// Why not.
        fault: Box<ChainFault>,
    },
    /// Too much is staged.
    #[error(
        "{events} events ({bytes} bytes) wait for a commit, which is the limit; commit before staging more"
    )]
    PendingFull {
        /// Events staged.
        events: usize,
        /// Bytes staged.
        bytes: usize,
    },
    /// An earlier commit failed.
    #[error(
        "the journal stopped after a failed commit: {reason}; trading must stay halted until the node is restarted"
    )]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The file system failed.
    #[error("{place}: {doing}: {source}")]
    Io {
        /// Path or address.
        place: String,
        /// What was attempted.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The database failed.
    #[error("{place}: {doing}: {detail}")]
    Database {
        /// Path or address.
        place: String,
        /// What was attempted.
        doing: &'static str,
        /// Its answer.
        detail: String,
    },
    /// Opened for reading only.
    #[error("{place} is open for reading only: {doing} needs the writer")]
    ReadOnly {
        /// Path or address.
        place: String,
        /// What was attempted.
        doing: &'static str,
    },
}
