//! What a verification found.

use std::collections::BTreeMap;
use std::fmt;

use crate::envelope::Head;
use crate::error::JournalError;
use crate::projection::Table;

/// How many problems are kept in full; the rest is counted.
pub const PROBLEMS_KEPT_MAX: usize = 100;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The store's own structure is damaged.
    Structure(String),
    /// The chain does not hold, or an event cannot be read or booked; the walk ended here.
    Event(String),
    /// A promise of the node was broken.
    Invariant(String),
    /// A derived table is not what the events give; `journal rebuild` mends it.
    Table(Table, String),
    /// A snapshot is not what the events give; starts pass over one that cannot be read.
    Snapshot(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(what) => write!(f, "the file is damaged: {what}"),
            Self::Event(what) => f.write_str(what),
            Self::Invariant(what) => write!(f, "broken promise: {what}"),
            Self::Table(table, what) => {
                write!(f, "table {}: {what}; run `tensortrade journal rebuild`", table.name())
            }
            Self::Snapshot(what) => write!(f, "snapshot {what}"),
        }
    }
}

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Number of the event; `None` when it is not one event's.
    pub seq: Option<u64>,
    /// What is wrong.
    pub finding: Finding,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "event {seq}: {}", self.finding),
            None => self.finding.fmt(f),
        }
    }
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Path or address of the journal.
    pub place: String,
    /// Events walked without a broken link.
    pub events: u64,
    /// The head as stored.
    pub head: Head,
    /// Snapshots compared with the folded state.
    pub snapshots: u64,
    /// Rows found in each table.
    pub rows: BTreeMap<Table, u64>,
    /// The first [`PROBLEMS_KEPT_MAX`] problems, in the order found.
    pub problems: Vec<Problem>,
    /// How many problems there are in all.
    pub problems_total: u64,
}

impl VerifyReport {
    pub(super) fn new(place: &str, head: Head) -> Self {
        Self {
            place: place.to_owned(),
            events: 0,
            head,
            snapshots: 0,
            rows: BTreeMap::new(),
            problems: Vec::new(),
            problems_total: 0,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems_total == 0
    }

    /// The problem of the lowest event, if any belongs to one.
    #[must_use]
    pub fn first_bad(&self) -> Option<&Problem> {
        self.problems.iter().filter(|problem| problem.seq.is_some()).min_by_key(|problem| problem.seq)
    }

    pub(super) fn add(&mut self, seq: Option<u64>, finding: Finding) {
        self.problems_total += 1;
        if self.problems.len() < PROBLEMS_KEPT_MAX {
            self.problems.push(Problem { seq, finding });
        }
    }

    pub(super) fn add_error(&mut self, seq: u64, error: JournalError) {
        let (seq, what) = match error {
            JournalError::Broken { seq, fault, .. } => (seq, fault.to_string()),
            JournalError::Undecodable { seq, reason, .. } => (seq, format!("cannot be read: {reason}")),
            JournalError::Unbookable { seq, kind, reason } => {
                (seq, format!("{kind} cannot be booked: {reason}"))
            }
            other => (seq, other.to_string()),
        };
        self.add(Some(seq), Finding::Event(what));
    }
}
