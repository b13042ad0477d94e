//! The step: what happens once for the whole cross-section at every decision boundary.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tensortrade_market::Ts;
use tokio::sync::Notify;

use crate::stopwatch::Stopwatch;

/// Why a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To trade.
    Trade,
    /// To bring models to the state they had before a restart; nothing is journalled or sent.
    WarmUp,
}

/// What identifies a step on its way through the tree.
#[derive(Debug, Clone, Copy)]
pub struct StepTag {
    /// The boundary: all data before it, and none from it on, is in this step.
    pub ts: Ts,
    /// Number of the step in this run, from 1.
    pub number: u64,
    /// Why.
    pub purpose: Purpose,
    /// When the hub had the last data of the step in hand.
    pub arrived: Stopwatch,
}

/// What the stations of a step tell those before them. `StepDone(T)` goes back to the feed: replay waits for it before it
/// releases data after T. A paced hub also waits, shortly, for the decision before it sends the watermarks.
#[derive(Debug, Clone, Default)]
pub struct StepGate(Arc<Gate>);

#[derive(Debug)]
struct Gate {
    done: AtomicI64,
    steps: AtomicU64,
    turned: Notify,
    collected: AtomicI64,
    released: AtomicI64,
    release: Notify,
    rows_ahead: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            done: AtomicI64::new(i64::MIN),
            steps: AtomicU64::new(0),
            turned: Notify::new(),
            collected: AtomicI64::new(i64::MIN),
            released: AtomicI64::new(i64::MIN),
            release: Notify::new(),
            rows_ahead: AtomicU64::new(0),
        }
    }
}

impl StepGate {
    /// The step at `ts` is done: every order it led to is on its way.
    pub fn done(&self, ts: Ts) {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
        self.0.done.fetch_max(ts.nanos(), Ordering::AcqRel);
        self.0.turned.notify_one();
    }

    /// Whether the step at `ts` is done.
    #[must_use]
    pub fn is_done(&self, ts: Ts) -> bool {
        self.0.done.load(Ordering::Acquire) >= ts.nanos()
    }

    /// Waits until the step at `ts` is done. One waiter only.
    pub async fn wait(&self, ts: Ts) {
        while !self.is_done(ts) {
            self.0.turned.notified().await;
        }
    }

    /// The rows of the step at `ts` have been collected, `ahead` of them before it began: no report of it, or of an
    /// earlier step, is needed any more.
    pub fn collected(&self, ts: Ts, ahead: u64) {
        self.0.collected.fetch_max(ts.nanos(), Ordering::AcqRel);
        self.0.rows_ahead.fetch_add(ahead, Ordering::Relaxed);
    }

    /// Whether the rows of the step at `ts` have been collected.
    #[must_use]
    pub fn is_collected(&self, ts: Ts) -> bool {
        self.0.collected.load(Ordering::Acquire) >= ts.nanos()
    }

    /// The step at `ts` needs the symbols' watermarks now: it has been decided, or rows come only with them.
    pub fn release(&self, ts: Ts) {
        self.0.released.fetch_max(ts.nanos(), Ordering::AcqRel);
        self.0.release.notify_one();
    }

    /// Waits until the watermarks of the step at `ts` are needed. One waiter only.
    pub async fn wait_released(&self, ts: Ts) {
        while self.0.released.load(Ordering::Acquire) < ts.nanos() {
            self.0.release.notified().await;
        }
    }

    /// Rows that were there when their step began, over all steps.
    #[must_use]
    pub fn rows_ahead(&self) -> u64 {
        self.0.rows_ahead.load(Ordering::Relaxed)
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.0.steps.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_gate_opens_for_a_step_that_was_done_before_anyone_waited() {
        let gate = StepGate::default();
        gate.done(Ts::from_secs(60));
        gate.wait(Ts::from_secs(60)).await;
        assert!(!gate.is_done(Ts::from_secs(120)));
    }
}
