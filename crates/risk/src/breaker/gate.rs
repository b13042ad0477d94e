//! The node's breaker state as an atomic: what the sender reads in the last moment before an order leaves.

use std::sync::atomic::{AtomicU64, Ordering};

use super::BreakerState;

/// The state of the node in one word, its version in front: one that comes late can never be put over a newer one. A new gate is halted: nothing is known yet.
#[derive(Debug)]
pub struct BreakerGate(AtomicU64);

impl Default for BreakerGate {
    fn default() -> Self {
        Self(AtomicU64::new(pack(0, BreakerState::Halted)))
    }
}

impl BreakerGate {
    /// Shows a state, unless a later one is shown already: `version` grows with every state that is to be shown, from 1.
    /// An emergency halt stays over it until the breaker itself is halted.
    pub fn show(&self, version: u64, state: BreakerState) {
        let shown = |word: u64| {
            let kept = if state == BreakerState::Halted { 0 } else { word & EMERGENCY };
            (version > word >> BITS).then_some(pack(version, state) | kept)
        };
        // `Err`: a later one is shown already.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, shown);
    }

    /// Halts at once, for when the breaker itself cannot be reached or is slow; lasts until the breaker is halted too.
    pub fn halt(&self) {
        self.0.fetch_or(EMERGENCY, Ordering::AcqRel);
    }

    /// The state of the node.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        let word = self.0.load(Ordering::Acquire);
        match word & STATE {
            _ if word & EMERGENCY != 0 => BreakerState::Halted,
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

const BITS: u32 = 3;
const STATE: u64 = 0b011;
const EMERGENCY: u64 = 0b100;

const fn pack(version: u64, state: BreakerState) -> u64 {
    let state = match state {
        BreakerState::Normal => 0,
        BreakerState::Reducing => 1,
        BreakerState::Halted => 2,
    };
    (version << BITS) | state
}

#[cfg(test)]
mod tests {
    use super::*;
    use BreakerState::{Halted, Normal, Reducing};

    #[test]
    fn a_gate_is_halted_until_a_state_is_shown() {
        let gate = BreakerGate::default();
        assert_eq!(gate.state(), Halted);
        gate.show(1, Normal);
        assert_eq!(gate.state(), Normal);
    }

    #[test]
    fn what_is_shown_late_never_hides_a_newer_state() {
        let gate = BreakerGate::default();
        gate.show(2, Halted);
        gate.show(1, Normal);
        assert_eq!((gate.state(), gate.version()), (Halted, 2));
    }

    #[test]
    fn an_emergency_halt_holds_until_the_breaker_itself_is_halted() {
        let gate = BreakerGate::default();
        gate.show(1, Reducing);
        gate.halt();
        // Another scope trips, and the node is shown again as it was.
        gate.show(2, Reducing);
        assert_eq!(gate.state(), Halted);
        gate.show(3, Halted);
        gate.show(4, Reducing);
        assert_eq!(gate.state(), Reducing);
    }
}
