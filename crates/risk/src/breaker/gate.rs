//! The node's breaker state as an atomic: what the sender reads in the last moment before an order leaves.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Breaker, BreakerState, Scope};

/// A mirror of the node scope. The state and the breaker's sequence share one word, sequence in front, so a mirror that
/// comes late can never put an older state over a newer one. A new gate is halted: nothing is known yet.
#[derive(Debug)]
pub struct BreakerGate(AtomicU64);

impl Default for BreakerGate {
    fn default() -> Self {
        Self(AtomicU64::new(pack(0, BreakerState::Halted)))
    }
}

impl BreakerGate {
    /// Shows the state of `breaker`, unless a later one is shown already.
    pub fn mirror(&self, breaker: &Breaker) {
        // One more than the sequence: also a breaker that never changed replaces the initial halt.
        let word = pack(breaker.sequence().saturating_add(1), breaker.state(&Scope::Node));
        self.0.fetch_max(word, Ordering::AcqRel);
    }

    /// Halts at once, for when the breaker itself cannot be reached; the breaker's next change replaces it.
    pub fn halt(&self) {
        self.0.fetch_or(pack(0, BreakerState::Halted), Ordering::AcqRel);
    }

    /// The state of the node.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.0.load(Ordering::Acquire) & MASK {
            0 => BreakerState::Normal,
            1 => BreakerState::Reducing,
            _ => BreakerState::Halted,
        }
    }

    /// A number that grows with every change shown.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.load(Ordering::Acquire) >> BITS
    }
}

const BITS: u32 = 2;
const MASK: u64 = 3;

fn pack(version: u64, state: BreakerState) -> u64 {
    let state = match state {
        BreakerState::Normal => 0,
        BreakerState::Reducing => 1,
        // Both bits, so that `halt` can set them over any state.
        BreakerState::Halted => MASK,
    };
    (version << BITS) | state
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Ts;

    #[test]
    fn a_gate_is_halted_until_a_breaker_is_shown() {
        let gate = BreakerGate::default();
        assert_eq!(gate.state(), BreakerState::Halted);
        gate.mirror(&Breaker::default());
        assert_eq!(gate.state(), BreakerState::Normal);
    }

    #[test]
    fn a_late_mirror_never_hides_a_newer_state() {
        let gate = BreakerGate::default();
        let before = Breaker::default();
        let mut after = before.clone();
        after.trip(Scope::Node, BreakerState::Halted, ("test", "loss"), Ts::ZERO, None).unwrap();
        gate.mirror(&after);
        gate.mirror(&before);
        assert_eq!((gate.state(), gate.version()), (BreakerState::Halted, 2));
    }

    #[test]
    fn an_emergency_halt_holds_over_any_state() {
        let gate = BreakerGate::default();
        let mut breaker = Breaker::default();
        breaker.trip(Scope::Node, BreakerState::Reducing, ("test", "loss"), Ts::ZERO, None).unwrap();
        gate.mirror(&breaker);
        gate.halt();
        gate.mirror(&breaker);
        assert_eq!(gate.state(), BreakerState::Halted);
    }
}
