//! A symbol's place in the hub.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tensortrade_market::{Instrument, Ts};

use crate::market::backlog::Backlog;
use crate::market::pump::silence::Heard;
use crate::market::ring::Ring;
use crate::market::symbol::{SymbolMsg, SymbolState};
use crate::market::treatments::{Counted, Treatments};
use crate::route::Route;
use crate::supervision::Admission;

/// A symbol's place in the node: what its actor and the hub share, and what outlives a crash of either.
#[derive(Debug)]
pub struct Seat {
    /// What is traded.
    pub instrument: Instrument,
    /// Where its actor is.
    pub route: Route<SymbolMsg>,
    /// The door of its mailbox: batches in flight.
    pub door: Admission,
    /// State at the last closed step, from which a crashed actor is rebuilt. Shared with the actor until that writes.
    pub snapshot: Mutex<Arc<SymbolState>>,
    /// The first input that the snapshot does not cover.
    pub snapshot_next_seq: AtomicU64,
    /// Whether the supervisor has given up on its actor.
    pub quarantined: AtomicBool,
    /// Treatments of odd inputs over all symbols, and what of this one is in them.
    treatments: (Arc<Treatments>, Counted),
}

impl Seat {
    /// A seat for an instrument, its state already warmed up.
    #[must_use]
    pub fn new(
        instrument: Instrument,
        state: SymbolState,
        inflight_max: usize,
        treatments: Arc<Treatments>,
    ) -> Self {
        Self {
            treatments: (treatments, Counted::from(state.counts())),
            instrument,
            route: Route::default(),
            door: Admission::new(inflight_max),
            snapshot: Mutex::new(Arc::new(state)),
            snapshot_next_seq: AtomicU64::new(0),
            quarantined: AtomicBool::new(false),
        }
    }

    /// Publishes the state after everything before `next_seq`.
    pub fn publish(&self, state: Arc<SymbolState>, next_seq: u64) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.snapshot_next_seq.store(next_seq, Ordering::Release);
    }

    /// Adds what the state has counted to the totals.
    pub fn count(&self, state: &SymbolState) {
        self.treatments.0.note(&self.treatments.1, state.counts());
    }

    /// The last published state and the first input it does not cover.
    #[must_use]
    pub fn restore(&self) -> (Arc<SymbolState>, u64) {
        let guard = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        (guard.clone(), self.snapshot_next_seq.load(Ordering::Acquire))
    }
}

/// A seat with what only the hub needs.
#[derive(Debug)]
pub struct Member {
    /// Shared with the actor.
    pub seat: Arc<Seat>,
    /// Recent input.
    pub ring: Ring,
    /// Whether an incarnation of the actor has asked for its input and gets it as it comes.
    pub attached: bool,
    /// The seat's flag, kept here because every step looks at it.
    pub quarantined: bool,
    /// The boundary of the last watermark it was sent.
    pub watermark: Ts,
    /// Whether the ring was outrun within the interval under way: it comes back at the interval's end.
    pub back_at_boundary: bool,
    /// When there was data of it.
    pub heard: Heard,
    /// What has no room in its mailbox, on a feed that does not wait.
    pub backlog: Option<Box<Backlog>>,
}
