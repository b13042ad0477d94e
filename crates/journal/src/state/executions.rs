//! Which executions have been applied.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tensortrade_market::order::ExecId;

/// How many executions are remembered, the newest ones. Brokers repeat those of a session or a week; a node that fills
/// a thousand orders a day remembers three months. The fills table remembers all.
pub const EXECUTIONS_KEPT_MAX: usize = 100_000;

/// Executions by venue and id, and what has been applied of each. Fill and commission may come in either order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executions {
    known: BTreeMap<String, BTreeMap<ExecId, Parts>>,
    order: VecDeque<(String, ExecId)>,
}

/// What has been applied of an execution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    fill: bool,
    commission: bool,
}

impl Executions {
    fn parts(&self, venue: &str, id: &ExecId) -> Parts {
        self.known.get(venue).and_then(|ids| ids.get(id)).copied().unwrap_or_default()
    }

    /// Whether the fill has been applied.
    #[must_use]
    pub fn has_fill(&self, venue: &str, id: &ExecId) -> bool {
        self.parts(venue, id).fill
    }

    /// Whether the commission has been applied.
    #[must_use]
    pub fn has_commission(&self, venue: &str, id: &ExecId) -> bool {
        self.parts(venue, id).commission
    }

    /// Executions remembered, from the oldest to the newest, with whether the fill was applied.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ExecId, bool)> {
        self.order.iter().map(|(venue, id)| (venue.as_str(), id, self.has_fill(venue, id)))
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn add_fill(&mut self, venue: &str, id: &ExecId) {
        self.entry(venue, id).fill = true;
        self.forget_oldest();
    }

    pub(super) fn add_commission(&mut self, venue: &str, id: &ExecId) {
        self.entry(venue, id).commission = true;
        self.forget_oldest();
    }

    fn entry(&mut self, venue: &str, id: &ExecId) -> &mut Parts {
        if !self.known.get(venue).is_some_and(|ids| ids.contains_key(id)) {
            self.order.push_back((venue.to_owned(), id.clone()));
        }
        self.known.entry(venue.to_owned()).or_default().entry(id.clone()).or_default()
    }

    fn forget_oldest(&mut self) {
        while self.order.len() > EXECUTIONS_KEPT_MAX {
            let Some((venue, id)) = self.order.pop_front() else { return };
            if let Some(ids) = self.known.get_mut(&venue) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.known.remove(&venue);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_executions_is_bounded_and_keeps_the_newest() {
        let mut executions = Executions::default();
        let id = |n: usize| ExecId::new(format!("e{n}")).unwrap();
        for n in 0..=EXECUTIONS_KEPT_MAX {
            executions.add_fill("paper", &id(n));
        }
        assert_eq!(executions.len(), EXECUTIONS_KEPT_MAX);
        assert!(!executions.has_fill("paper", &id(0)));
        assert!(executions.has_fill("paper", &id(EXECUTIONS_KEPT_MAX)));
        assert!(!executions.has_fill("other", &id(EXECUTIONS_KEPT_MAX)));
    }

    #[test]
    fn a_commission_before_its_fill_is_one_execution() {
        let mut executions = Executions::default();
        let id = ExecId::new("e1").unwrap();
        executions.add_commission("paper", &id);
        assert!(executions.has_commission("paper", &id) && !executions.has_fill("paper", &id));
        executions.add_fill("paper", &id);
        assert_eq!((executions.len(), executions.has_fill("paper", &id)), (1, true));
    }
}
