//! What a run did, in 32 bytes: the same input and seed give the same hash, on any number of threads.

use crate::envelope::Hash;
use crate::event::{Event, StepClosed};
use crate::state::Recovered;

/// A running hash over decisions, orders and fills since the run's start.
///
/// Three streams that are joined at the end: decisions come from one actor, orders from another, fills from a third, and
/// how their events interleave in the journal depends on the scheduler. The order of decisions counts. Orders and fills are
/// sets of events, each with its market time: a market that is played by the clock gives those of different symbols in
/// another order than one at full speed. Sequence numbers, recording times and lease epochs are left out: they tell about
/// the machine, not about the run.
#[derive(Debug, Clone, Default)]
pub struct TraceHash {
    decisions: blake3::Hasher,
    orders: SetHash,
    fills: SetHash,
}

/// A hash of a multiset: the sum of its members' hashes, in four words of 64 bits.
#[derive(Debug, Clone, Copy, Default)]
struct SetHash([u64; 4]);

impl SetHash {
    fn add(&mut self, member: blake3::Hasher) {
        let hash = member.finalize();
        for (sum, word) in self.0.iter_mut().zip(hash.as_bytes().chunks_exact(8)) {
            *sum = sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
    }

    fn add_text(&mut self, text: &str) {
        let mut member = blake3::Hasher::new();
        hash_text(&mut member, text);
        self.add(member);
    }

    fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl TraceHash {
    /// Adds an event, with its canonical payload.
    pub fn update(&mut self, event: &Event, payload: &str) {
        match event {
            Event::RunStarted(_) => *self = Self::default(),
            Event::StepClosed(step) => hash_decision(&mut self.decisions, step),
            Event::Intent(_) | Event::OrderState(_) => self.orders.add_text(payload),
            Event::Submitted(e) => {
                let mut order = blake3::Hasher::new();
                hash_text(&mut order, e.client_order_id.as_str());
                hash_text(&mut order, e.intent_id.as_str());
                hash_text(&mut order, e.terms.symbol.as_str());
                order.update(&e.terms.signed_qty().raw().to_le_bytes());
                order.update(&e.ts.nanos().to_le_bytes());
                self.orders.add(order);
            }
            Event::Fill(_) | Event::Commission(_) => self.fills.add_text(payload),
            _ => {}
        }
    }

    /// The hash so far, with the positions and cash as they are now.
    #[must_use]
    pub fn finish(&self, state: &Recovered) -> Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.decisions.finalize().as_bytes());
        hasher.update(&self.orders.bytes());
        hasher.update(&self.fills.bytes());
        for (symbol, position) in &state.positions {
            hash_text(&mut hasher, symbol.as_str());
            hasher.update(&position.qty.raw().to_le_bytes());
            hasher.update(&position.basis.micros().to_le_bytes());
        }
        Hash::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// A text with its length in front, so that no two different sequences spell the same bytes.
fn hash_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// The decision's bits, not its JSON: the bars are the bulk of a step, and are input, not trace.
fn hash_decision(hasher: &mut blake3::Hasher, step: &StepClosed) {
    hasher.update(&step.ts.nanos().to_le_bytes());
    hash_text(hasher, step.regime.as_ref().map_or("", |regime| &regime.label));
    hasher.update(&(step.decision.rows.len() as u64).to_le_bytes());
    for row in &step.decision.rows {
        hash_text(hasher, row.symbol.as_str());
        hasher.update(&row.weight.get().to_bits().to_le_bytes());
        hasher.update(&row.confidence.get().to_bits().to_le_bytes());
        hasher.update(&(row.values.len() as u64).to_le_bytes());
        for value in &row.values {
            // No finite float has these bits.
            let bits = value.map_or(u64::MAX, |value| value.get().to_bits());
            hasher.update(&bits.to_le_bytes());
        }
    }
}
