//! What becomes of a reservation after its approval: the engine kept true to fills, changes, ends and restarts.
//!
//! | News of an order | Exposure |
//! |---|---|
//! | fill | moves to the position, through the fills that no view shows yet |
//! | working | as it was |
//! | timeout, disconnect, kill between send and answer: unknown | stays; the symbol takes no new risk |
//! | change approved | the worse of old and new, until answered |
//! | filled, cancelled, expired, rejected, proven absent | freed, but for fills the broker counts and that have not come |

use tensortrade_market::Qty;
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_portfolio::AppliedFill;

use crate::engine::RiskEngine;
use crate::recent::PastApproval;
use crate::reservation::{Reservation, ReservationPhase, ReservationTerms};

impl RiskEngine {
    /// A fill was booked: shrinks the reservation and holds the quantity until a view shows it. Takes only fills that
    /// the portfolio found new, so a repeated fill cannot shrink anything twice.
    pub fn on_fill(&mut self, fill: &AppliedFill) {
        if fill.sequence() > self.fills_seen {
            self.unseen.add(fill.symbol(), fill.change(), fill.sequence());
        }
        self.book.touch(fill.symbol());
        let Some(id) = fill.client_order_id() else { return };
        if let Some(open) = self.reservations.get_mut(id) {
            open.filled = Qty::from_raw(open.filled.raw().saturating_add(fill.change().abs().raw()));
            if open.remaining().is_zero() {
                self.reservations.remove(id);
            }
        }
    }

    /// The broker has the order: it works. Also what resolves an unknown order that turned out to be open.
    pub fn on_working(&mut self, id: &ClientOrderId) {
        self.set_phase(id, ReservationPhase::Working);
    }

    /// Nobody knows what became of the order: it stays reserved, and its symbol takes no new risk.
    pub fn on_unknown(&mut self, id: &ClientOrderId) {
        self.set_phase(id, ReservationPhase::Unknown);
    }

    fn set_phase(&mut self, id: &ClientOrderId, phase: ReservationPhase) {
        // A done order that waits for its last fills is past both.
        if let Some(open) =
            self.reservations.get_mut(id).filter(|r| r.phase != ReservationPhase::AwaitingFills)
        {
            open.phase = phase;
        }
    }

    /// The broker confirmed new terms.
    pub fn on_changed(&mut self, id: &ClientOrderId, terms: &OrderTerms) {
        if let Some(open) = self.reservations.get_mut(id) {
            let known = open.worst().worst_price;
            open.terms = ReservationTerms::of(terms, [known, known]);
            open.pending = None;
            let (symbol, done) = (open.symbol, open.remaining().is_zero());
            self.book.touch(symbol);
            if done {
                self.reservations.remove(id);
            }
        }
    }

    /// The broker refused the change: the order stands as it was.
    pub fn on_change_refused(&mut self, id: &ClientOrderId) {
        if let Some(open) = self.reservations.get_mut(id) {
            open.pending = None;
            let symbol = open.symbol;
            self.book.touch(symbol);
        }
    }

    /// The broker has proven the order done, with `filled` executed in all (zero for rejected, for proven absent, and
    /// for an approval that was never sent). Where more was executed than fills have arrived, the difference stays
    /// reserved until they do: a status can overtake its fills. Returns whether the reservation is gone.
    pub fn on_done(&mut self, id: &ClientOrderId, filled: Qty) -> bool {
        let Some(open) = self.reservations.get_mut(id) else { return true };
        let symbol = open.symbol;
        self.book.touch(symbol);
        if filled <= open.filled {
            self.reservations.remove(id);
            return true;
        }
        open.terms.qty = filled;
        open.pending = None;
        open.phase = ReservationPhase::AwaitingFills;
        false
    }

    /// Puts a reservation back, as the journal shows it; one of the same order is replaced. Also for an order that the
    /// broker works and this node did not send, under an id made from the broker's.
    pub fn restore_reservation(&mut self, reservation: Reservation) {
        self.book.touch(reservation.symbol);
        if let Some(old) = self.reservations.insert(reservation) {
            self.book.touch(old.symbol);
        }
    }

    /// Puts an approval back into the order-rate and duplicate windows; oldest first.
    pub fn restore_approval(&mut self, approval: PastApproval) {
        self.recent.push(approval);
        self.recent.advance(approval.at);
    }
}
