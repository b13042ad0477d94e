//! The times at which a supervisor has to look again. One entry per child at most, because the states that wait exclude
//! each other; taken back precisely, so that churn leaves nothing behind.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::supervision::state::ChildId;

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The backoff of a child is over; valid for this ticket only.
    Restart(ChildId, u64),
    /// The recovery of a child took too long.
    Recovery(ChildId, u64),
    /// Look whether a child still beats.
    Heartbeat(ChildId, u64),
    /// The log did not acknowledge an escalation.
    Ack(u64),
}

/// Key of an entry.
pub(crate) type DueKey = (Instant, u64);

/// Entries by time, then by age. All operations O(log n).
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    queue: BTreeMap<DueKey, Due>,
    next: u64,
}

impl Deadlines {
    pub(crate) fn add(&mut self, at: Instant, due: Due) -> DueKey {
        let key = (at, self.next);
        self.next += 1;
        self.queue.insert(key, due);
        key
    }

    pub(crate) fn take_back(&mut self, key: DueKey) {
        self.queue.remove(&key);
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The oldest entry due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Due> {
        if self.earliest()? > now {
            return None;
        }
        self.queue.pop_first().map(|(_, due)| due)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}
