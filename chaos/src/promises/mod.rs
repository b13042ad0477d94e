//! The thirteen promises, each a checker over what happened. None of them trusts what the node says of itself where journal,
//! broker and trace can say it.

mod market;
mod orders;
mod state;

use serde::{Deserialize, Serialize};

use crate::history::History;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Violation {
    /// Its number in the design.
    pub promise: u8,
    /// What was seen.
    pub what: String,
}

/// Most violations of one promise that are told; one is enough to fail.
const TOLD_MAX: usize = 5;

/// A checker: pushes what it finds.
type Check = fn(&History, &mut Vec<String>);

/// Every promise with its checker and its name.
pub const PROMISES: [(u8, &str, Check); 13] = [
    (1, "a position is the sum of its fills, and the broker's position at rest", state::positions),
    (
        2,
        "no order without an earlier durable intent and an unexpired approval of its terms",
        orders::approved,
    ),
    (3, "one order an intent, every execution once", orders::once),
    (4, "limits hold over positions and open orders", orders::limits),
    (5, "an open breaker stays open and lets no new risk pass", orders::breaker),
    (6, "not reconciled, no order", orders::reconciled),
    (7, "bars are monotone, gap-free or marked, and never from the future", market::bars),
    (8, "cash is conserved", state::cash),
    (9, "a fault in one symbol changes nothing in another", market::isolation),
    (10, "replay, snapshot and live state agree", state::replay),
    (11, "one node trades, and only with the right to", orders::lease),
    (12, "a removed symbol stays removed, adding twice is harmless", market::watchlist),
    (13, "after the faults everything works again", state::healed),
];

/// Checks every promise.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (promise, _, checker) in PROMISES {
        let mut found = Vec::new();
        checker(history, &mut found);
        let more = found.len().saturating_sub(TOLD_MAX);
        found.truncate(TOLD_MAX);
        if more > 0 {
            found.push(format!("and {more} more"));
        }
        violations.extend(found.into_iter().map(|what| Violation { promise, what }));
    }
    violations
}
