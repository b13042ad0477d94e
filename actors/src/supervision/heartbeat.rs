//! Signs of life, as atomics the child writes and the supervisor reads.
//!
//! The supervisor sends at most one ping at a time through the closure of the spec; the actor answers in its message
//! handler by [`ChildHandle::beat`]. So an actor whose handler is parked stops beating, and an idle one does not. A parked
//! handler is killed and restarted; one that holds the processor without yielding can not be killed from inside the
//! process: that case is reported as `Unkillable`, and a watchdog on a thread of its own has to end the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::permits::Admission;

/// "Nothing": no beat yet, no input in hand. No real input id may have this value.
const NONE: u64 = u64::MAX;

/// When a child counts as hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two looks, and between two pings of an answering child.
    pub interval: Duration,
    /// Longest silence of a living child. Less than two intervals counts as two: a beat may be an interval old when the
    /// next look comes.
    pub silence_limit: Duration,
}

impl Heartbeat {
    /// Whether a child silent for `silence` is hung.
    pub fn is_hung(&self, silence: Duration) -> bool {
        silence > self.silence_limit.max(self.interval * 2)
    }
}

/// The atomics shared between one incarnation of a child and its supervisor. Each incarnation has its own, so that a
/// straggler of an earlier one can not speak for its successor.
#[derive(Debug)]
pub(crate) struct Pulse {
    epoch: Instant,
    beat_ns: AtomicU64,
    input: AtomicU64,
}

impl Pulse {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self { epoch, beat_ns: AtomicU64::new(NONE), input: AtomicU64::new(NONE) }
    }

    fn beat(&self) {
        let since = Instant::now().duration_since(self.epoch).as_nanos();
        self.beat_ns.store(u64::try_from(since).unwrap_or(NONE - 1), Ordering::Relaxed);
    }

    /// The last beat, if there was one.
    pub(crate) fn last_beat(&self) -> Option<Instant> {
        match self.beat_ns.load(Ordering::Relaxed) {
            NONE => None,
            ns => Some(self.epoch + Duration::from_nanos(ns)),
        }
    }

    /// The input being handled.
    pub(crate) fn input(&self) -> Option<u64> {
        Some(self.input.load(Ordering::Relaxed)).filter(|id| *id != NONE)
    }
}

/// A child's side of supervision: it beats, names the input in hand, and reports the end of its recovery.
#[derive(Clone)]
pub struct ChildHandle {
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) admission: Admission,
    pub(crate) recovered: Arc<dyn Fn() + Send + Sync>,
    pub(crate) generation: u64,
}

impl ChildHandle {
    /// A handle with no supervisor behind it, for tests of an actor on its own.
    pub fn detached(inflight_limit: usize) -> Self {
        Self {
            pulse: Arc::new(Pulse::new(Instant::now())),
            admission: Admission::new(inflight_limit),
            recovered: Arc::new(|| {}),
            generation: 1,
        }
    }

    /// "My message loop turns": call it when the ping arrives.
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// "I begin this input": one atomic store, so that a crash can be laid to it. `u64::MAX` means none.
    pub fn began_input(&self, input: u64) {
        self.pulse.input.store(input, Ordering::Relaxed);
    }

    /// "I finished it": a later crash is not laid to it.
    pub fn finished_input(&self) {
        self.pulse.input.store(NONE, Ordering::Relaxed);
    }

    /// "My state is rebuilt": takes the child from Recovering to Running. May be called before `pre_start` returns.
    pub fn recovered(&self) {
        (self.recovered)();
    }

    /// The door of the child's mailbox, shared by all its incarnations until it is stopped for good.
    pub fn admission(&self) -> &Admission {
        &self.admission
    }

    /// Which incarnation this is, from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl std::fmt::Debug for ChildHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildHandle").field("generation", &self.generation).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_past_the_limit_is_a_hang_but_never_less_than_two_intervals() {
        let lax = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::from_secs(5) };
        assert!(!lax.is_hung(Duration::from_secs(5)));
        assert!(lax.is_hung(Duration::from_millis(5_001)));
        let tight = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::ZERO };
        assert!(!tight.is_hung(Duration::from_secs(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pulse_remembers_the_last_beat_and_the_input_in_hand() {
        let handle = ChildHandle::detached(1);
        assert_eq!((handle.pulse.last_beat(), handle.pulse.input()), (None, None));
        tokio::time::advance(Duration::from_millis(1500)).await;
        handle.beat();
        handle.began_input(0);
        assert_eq!(handle.pulse.last_beat(), Some(Instant::now()));
        assert_eq!(handle.pulse.input(), Some(0));
        handle.finished_input();
        assert_eq!(handle.pulse.input(), None);
    }
}
