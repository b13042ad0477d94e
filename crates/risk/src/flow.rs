//! Orders that leave against approvals that were given: a check that stands apart from the order book, at the last door.
//!
//! An approved intent becomes one order, and an order leaves once. So in one process never more orders leave than risk has
//! approved, and no identity leaves twice. Where either happens something is wrong with the code between risk and the door,
//! and the only safe thing is to let nothing through.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use tensortrade_market::order::ClientOrderId;

/// Identities remembered, so that none leaves twice.
const IDS_MAX: usize = 4_096;

/// Counts of one process. Shared by risk and the broker session, and outlives both.
#[derive(Debug, Default)]
pub struct OrderFlow(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    approved: u64,
    left: u64,
    ids: BTreeSet<ClientOrderId>,
    by_age: VecDeque<ClientOrderId>,
}

/// Why an order must not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowBreach {
    /// More would leave than was approved.
    #[error("order {id} would be number {left} to leave, and risk has approved {approved}")]
    MoreThanApproved {
        /// Which.
        id: ClientOrderId,
        /// Orders that left, with this one.
        left: u64,
        /// Approvals given.
        approved: u64,
    },
    /// It has left before.
    #[error("order {0} has left before")]
    Repeated(ClientOrderId),
}

impl OrderFlow {
    /// Risk has approved so many intents.
    pub fn approved(&self, intents: u64) {
        let mut counts = self.counts();
        counts.approved = counts.approved.saturating_add(intents);
    }

    /// An order is about to leave. `Err`: it must not. O(log n) in the identities remembered.
    pub fn leaves(&self, id: &ClientOrderId) -> Result<(), FlowBreach> {
        let mut counts = self.counts();
        if counts.ids.contains(id) {
            return Err(FlowBreach::Repeated(id.clone()));
        }
        if counts.left >= counts.approved {
            let (left, approved) = (counts.left + 1, counts.approved);
            return Err(FlowBreach::MoreThanApproved { id: id.clone(), left, approved });
        }
        counts.left += 1;
        counts.ids.insert(id.clone());
        counts.by_age.push_back(id.clone());
        if counts.by_age.len() > IDS_MAX
            && let Some(oldest) = counts.by_age.pop_front()
        {
            counts.ids.remove(&oldest);
        }
        Ok(())
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ClientOrderId {
        ClientOrderId::new(format!("tt-{n}")).unwrap()
    }

    #[test]
    fn no_more_leave_than_were_approved() {
        let flow = OrderFlow::default();
        assert!(matches!(
            flow.leaves(&id(1)),
            Err(FlowBreach::MoreThanApproved { left: 1, approved: 0, .. })
        ));
        flow.approved(2);
        assert_eq!(flow.leaves(&id(1)), Ok(()));
        assert_eq!(flow.leaves(&id(2)), Ok(()));
        let text = flow.leaves(&id(3)).unwrap_err().to_string();
        assert_eq!(text, "order tt-3 would be number 3 to leave, and risk has approved 2");
    }

    #[test]
    fn none_leaves_twice_however_much_is_approved() {
        let flow = OrderFlow::default();
        flow.approved(100_000);
        for n in 0..10_000 {
            assert_eq!(flow.leaves(&id(n)), Ok(()));
            assert_eq!(flow.leaves(&id(n)), Err(FlowBreach::Repeated(id(n))));
        }
        assert_eq!(flow.counts().ids.len(), IDS_MAX);
    }
}
