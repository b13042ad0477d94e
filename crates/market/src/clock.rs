//! The injected clock: nothing in the node asks the machine for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::time::Ts;

/// A source of "now". Live: the machine's clock. Replay and simulation: the market time of the data. Chaos: a clock that jumps.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> Ts;
}

/// A clock that shows what it was last set to; clones share the hand.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock at `ts`.
    #[must_use]
    pub fn at(ts: Ts) -> Self {
        Self(Arc::new(AtomicI64::new(ts.nanos())))
    }

    /// Moves the hand, also backwards: faults do that.
    pub fn set(&self, ts: Ts) {
        self.0.store(ts.nanos(), Ordering::Release);
    }

    /// Moves the hand forward to `ts`; an earlier moment changes nothing.
    pub fn advance_to(&self, ts: Ts) {
        self.0.fetch_max(ts.nanos(), Ordering::AcqRel);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Ts {
        Ts::from_nanos(self.0.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advancing_never_turns_the_clock_back() {
        let clock = ManualClock::at(Ts::from_secs(10));
        clock.advance_to(Ts::from_secs(5));
        assert_eq!(clock.now(), Ts::from_secs(10));
        clock.set(Ts::from_secs(5));
        assert_eq!(clock.now(), Ts::from_secs(5));
    }
}
