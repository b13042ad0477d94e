//! Which executions have been applied.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;
use tensortrade_market::order::{ExecId, ExecutionMemory};

/// How many executions are remembered at least, the newest ones; at most twice as many. Brokers repeat those of a session
/// or a week. It is the second line: the order book refuses repeats before they come here. The fills table has all.
pub const EXECUTIONS_KEPT_MIN: usize = 16_384;

/// Executions by venue and id, and what has been applied of each. Fill and commission may come in either order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Executions(ExecutionMemory<Parts>);

/// What has been applied of an execution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "(bool, bool)", into = "(bool, bool)")]
struct Parts {
    fill: bool,
    commission: bool,
}

impl From<(bool, bool)> for Parts {
    fn from((fill, commission): (bool, bool)) -> Self {
        Self { fill, commission }
    }
}
impl From<Parts> for (bool, bool) {
    fn from(parts: Parts) -> Self {
        (parts.fill, parts.commission)
    }
}

impl Default for Executions {
    fn default() -> Self {
        Self(ExecutionMemory::with_generation(EXECUTIONS_KEPT_MIN))
    }
}

impl Executions {
    fn parts(&self, venue: &str, id: &ExecId) -> Parts {
        self.0.get(venue, id).copied().unwrap_or_default()
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

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add_fill(&mut self, venue: &str, id: &ExecId, ts: Ts) {
        let parts = Parts { fill: true, ..self.parts(venue, id) };
        self.0.put(venue, id, Some(ts), parts);
    }

    pub(super) fn add_commission(&mut self, venue: &str, id: &ExecId) {
        let parts = Parts { commission: true, ..self.parts(venue, id) };
        self.0.put(venue, id, None, parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_executions_is_bounded_and_keeps_the_newest() {
        let mut executions = Executions::default();
        let id = |n: usize| ExecId::new(format!("e{n}")).unwrap();
        let last = 3 * EXECUTIONS_KEPT_MIN;
        for n in 0..=last {
            executions.add_fill("paper", &id(n), Ts::ZERO);
            assert!(executions.len() <= 2 * EXECUTIONS_KEPT_MIN);
        }
        assert!(!executions.has_fill("paper", &id(0)));
        assert!((last - EXECUTIONS_KEPT_MIN + 1..=last).all(|n| executions.has_fill("paper", &id(n))));
        assert!(!executions.has_fill("other", &id(last)));
    }

    #[test]
    fn a_commission_before_its_fill_is_one_execution() {
        let mut executions = Executions::default();
        let id = ExecId::new("e1").unwrap();
        executions.add_commission("paper", &id);
        assert!(executions.has_commission("paper", &id) && !executions.has_fill("paper", &id));
        executions.add_fill("paper", &id, Ts::ZERO);
        assert_eq!((executions.len(), executions.has_fill("paper", &id)), (1, true));
    }
}
