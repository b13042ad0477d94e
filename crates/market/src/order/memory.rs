//! Which executions are known, in few bytes each and within a bound.

use serde::{Deserialize, Serialize};

use super::ids::ExecId;
use super::shards::Shards;
use crate::planted::{Bug, planted};
use crate::time::Ts;

/// Executions in a generation of [`ExecutionMemory::default`]: so many of the newest are always known, and at most twice
/// as many are held. A node with a thousand fills a day knows those of four months or more.
pub const GENERATION_MAX: usize = 131_072;

/// Known executions, each by 128 bits of BLAKE3 over venue and execution id, with what is known of it.
///
/// Two generations: when the young one is full it becomes the old one, and the old one is forgotten. What was forgotten is
/// not taken for new: [`Self::may_be_forgotten`] says of an execution's time whether it could be one of them. O(log n); a
/// clone shares what neither it nor the original changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Ord + Serialize", deserialize = "T: Clone + Deserialize<'de>"))]
pub struct ExecutionMemory<T> {
    generation_max: usize,
    young: Shards<T>,
    old: Shards<T>,
    /// Latest time among the young ones, and among the old.
    until: (Ts, Ts),
    forgotten_until: Option<Ts>,
}

impl<T> Default for ExecutionMemory<T> {
    fn default() -> Self {
        Self::with_generation(GENERATION_MAX)
    }
}

impl<T> ExecutionMemory<T> {
    /// Nothing yet; at least the newest `generation_max` executions will be known.
    #[must_use]
    pub fn with_generation(generation_max: usize) -> Self {
        Self {
            generation_max,
            young: Shards::default(),
            old: Shards::default(),
            until: (Ts::MIN, Ts::MIN),
            forgotten_until: None,
        }
    }

    /// What is known of an execution.
    #[must_use]
    pub fn get(&self, venue: &str, exec_id: &ExecId) -> Option<&T> {
        if planted(Bug::DedupeDropped) {
            return None;
        }
        let key = key(venue, exec_id);
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Whether an execution of this moment that is not known may have been forgotten; without a moment, whether any was.
    #[must_use]
    pub fn may_be_forgotten(&self, ts: Option<Ts>) -> bool {
        self.forgotten_until.is_some_and(|until| ts.is_none_or(|ts| ts <= until))
    }

    /// What is known, in no order of time.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.young.values().chain(self.old.values())
    }

    /// How many are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> ExecutionMemory<T> {
    /// Makes an execution known, or changes what is known of it. `ts` is its time where that is known.
    pub fn put(&mut self, venue: &str, exec_id: &ExecId, ts: Option<Ts>, known: T) {
        let key = key(venue, exec_id);
        let ts = ts.unwrap_or(Ts::MIN);
        if let Some(slot) = self.old.get_mut(key) {
            *slot = known;
            self.until.1 = self.until.1.max(ts);
            return;
        }
        if self.young.len() >= self.generation_max && self.young.get(key).is_none() {
            if self.old.len() > 0 {
                self.forgotten_until = self.forgotten_until.max(Some(self.until.1));
            }
            self.old = std::mem::take(&mut self.young);
            self.until = (Ts::MIN, self.until.0);
        }
        self.until.0 = self.until.0.max(ts);
        self.young.insert(key, known);
    }
}

/// 128 bits: among a billion executions two of the same key are less likely than one in 10^20.
fn key(venue: &str, exec_id: &ExecId) -> u128 {
    let mut hasher = blake3::Hasher::new();
    // The length in front, so that no two different pairs spell the same bytes.
    hasher.update(&(venue.len() as u64).to_le_bytes());
    hasher.update(venue.as_bytes());
    hasher.update(exec_id.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    u128::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ExecId {
        ExecId::new(format!("e{n}")).unwrap()
    }

    #[test]
    fn the_newest_are_known_the_bound_holds_and_the_forgotten_are_not_taken_for_new() {
        let mut memory = ExecutionMemory::with_generation(10);
        let at = |n: usize| Ts::from_secs(n as i64);
        for n in 0..95 {
            assert!(!memory.may_be_forgotten(Some(at(n))), "a time not yet forgotten: {n}");
            memory.put("paper", &id(n), Some(at(n)), n);
            assert!(memory.len() <= 20);
        }
        assert!((85..95).all(|n| memory.get("paper", &id(n)) == Some(&n)));
        assert!(memory.get("other", &id(94)).is_none());
        assert!(
            (0..95).all(|n| memory.get("paper", &id(n)).is_some() || memory.may_be_forgotten(Some(at(n))))
        );
        assert!(memory.may_be_forgotten(None));
    }

    #[test]
    fn what_is_known_can_change_in_either_generation_and_survives_its_text_form() {
        let mut memory = ExecutionMemory::with_generation(2);
        for n in 0..3 {
            memory.put("paper", &id(n), None, n);
        }
        memory.put("paper", &id(0), None, 100);
        memory.put("paper", &id(2), None, 102);
        assert_eq!(
            (memory.len(), memory.get("paper", &id(0)), memory.get("paper", &id(2))),
            (3, Some(&100), Some(&102))
        );
        assert!(!memory.may_be_forgotten(None));
        let text = serde_json::to_string(&memory).unwrap();
        assert_eq!(serde_json::from_str::<ExecutionMemory<usize>>(&text).unwrap(), memory);
    }
}
