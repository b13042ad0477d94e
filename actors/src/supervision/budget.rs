//! How many failures a child may have before somebody above decides.
//!
//! Two limits, because one can be outwaited: a sliding window counts failures per time, and a count of failures in a row
//! goes back to zero only after the child *ran in health* for a while. A backoff longer than the window empties the
//! window, never the row: a child that can not live is given up after finitely many tries.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// The restart budget of a child, or of a whole supervisor. Budgets multiply up the tree: keep them low near the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Restarts allowed inside `window`.
    pub restarts: u32,
    /// Length of the sliding window.
    pub window: Duration,
    /// Restarts allowed in a row without a period of health between them.
    pub consecutive: u32,
    /// An incarnation that ran at least this long was healthy and ends the row.
    pub healthy_after: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            restarts: 5,
            window: Duration::from_secs(60),
            consecutive: 5,
            healthy_after: Duration::from_secs(30),
        }
    }
}

/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Exhausted {
    /// Too many failures inside the window.
    #[error("{failures} failures inside the window")]
    Window {
        /// Failures counted, the last one included.
        failures: u32,
    },
    /// Too many failures in a row without a period of health.
    #[error("{failures} failures in a row")]
    Row {
        /// Failures counted, the last one included.
        failures: u32,
    },
}

/// What the budget says to one more failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Restart; `attempt` counts the row from 0 and is the exponent of the backoff.
    Restart {
        /// Failures in a row before this one.
        attempt: u32,
    },
    /// No restart is left.
    Exhausted(Exhausted),
}

/// The failures counted against one budget. Holds at most `restarts + 1` instants.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    failures: VecDeque<Instant>,
    row: u32,
}

impl Ledger {
    /// Books a failure at `now` of an incarnation that had been running for `ran_for` (`None`: it never ran).
    pub fn record(&mut self, budget: &Budget, now: Instant, ran_for: Option<Duration>) -> Verdict {
        if ran_for.is_some_and(|ran| ran >= budget.healthy_after) {
            self.row = 0;
        }
        let attempt = self.row;
        self.row = self.row.saturating_add(1);
        self.failures.push_back(now);
        while self.failures.front().is_some_and(|at| now.duration_since(*at) > budget.window)
            || self.failures.len() > budget.restarts as usize + 1
        {
            self.failures.pop_front();
        }
        let in_window = self.failures.len() as u32;
        if in_window > budget.restarts {
            return Verdict::Exhausted(Exhausted::Window { failures: in_window });
        }
        if self.row > budget.consecutive {
            return Verdict::Exhausted(Exhausted::Row { failures: self.row });
        }
        Verdict::Restart { attempt }
    }

    /// Failures still inside the window at `now`.
    pub fn in_window(&self, window: Duration, now: Instant) -> u32 {
        self.failures.iter().filter(|at| now.duration_since(**at) <= window).count() as u32
    }

    /// Forgets everything: a human, or a level above, gave the child a new chance.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: Budget = Budget {
        restarts: 3,
        window: Duration::from_secs(10),
        consecutive: 5,
        healthy_after: Duration::from_secs(30),
    };

    fn feed(budget: &Budget, gap: Duration, ran: Option<Duration>, failures: u32) -> Vec<Verdict> {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        (0..failures).map(|n| ledger.record(budget, start + gap * n, ran)).collect()
    }

    #[test]
    fn a_burst_exhausts_the_window() {
        let verdicts = feed(&BUDGET, Duration::from_millis(1), None, 4);
        assert_eq!(verdicts[2], Verdict::Restart { attempt: 2 });
        assert_eq!(verdicts[3], Verdict::Exhausted(Exhausted::Window { failures: 4 }));
    }

    #[test]
    fn failures_slower_than_the_window_exhaust_the_row() {
        // The window alone would never fill: each failure finds it empty.
        let verdicts = feed(&BUDGET, Duration::from_secs(20), Some(Duration::from_secs(1)), 6);
        assert_eq!(verdicts[4], Verdict::Restart { attempt: 4 });
        assert_eq!(verdicts[5], Verdict::Exhausted(Exhausted::Row { failures: 6 }));
    }

    #[test]
    fn a_period_of_health_ends_the_row_and_nothing_else_does() {
        let healthy = feed(&BUDGET, Duration::from_secs(40), Some(Duration::from_secs(30)), 50);
        assert!(healthy.iter().all(|v| *v == Verdict::Restart { attempt: 0 }));
        let not_quite = feed(&BUDGET, Duration::from_secs(40), Some(Duration::from_millis(29_999)), 6);
        assert!(matches!(not_quite[5], Verdict::Exhausted(Exhausted::Row { .. })));
    }

    #[test]
    fn a_zero_budget_allows_no_restart() {
        let none = Budget { restarts: 0, consecutive: 0, ..BUDGET };
        assert!(matches!(feed(&none, Duration::ZERO, None, 1)[0], Verdict::Exhausted(_)));
    }

    #[test]
    fn the_window_count_slides_without_events() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        ledger.record(&BUDGET, start, None);
        assert_eq!(ledger.in_window(BUDGET.window, start + Duration::from_secs(10)), 1);
        assert_eq!(ledger.in_window(BUDGET.window, start + Duration::from_secs(11)), 0);
    }
}
