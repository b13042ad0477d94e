//! Bringing a symbol's actor to where its input is: what it missed, from the ring or from history.

use tensortrade_market::Symbol;

use super::Pump;
use crate::market::hub::Member;
use crate::market::ring::Input;
use crate::market::symbol::SymbolMsg;
use crate::supervision::Admitted;

impl Pump<'_> {
    pub(super) async fn resume(&mut self, symbol: Symbol, from_seq: u64) {
        let Some(member) = self.core.members.get_mut(&symbol) else { return };
        match member.ring.since(from_seq) {
            Some(inputs) => hand_over(member, inputs).await,
            None => {
                tracing::warn!(%symbol, from_seq, "the ring was outrun: a gap is marked, history fills the features");
                self.back_fill(symbol).await;
            }
        }
    }

    /// Brings a symbol back whose ring was outrun: from the oldest boundary that the ring holds, with the feed's history of
    /// the time before it. Without a boundary in the ring the interval under way is incomplete, and it comes back at its end.
    pub(super) async fn back_fill(&mut self, symbol: Symbol) {
        let Some(member) = self.core.members.get_mut(&symbol) else { return };
        let kept = member.ring.from_first_watermark();
        member.back_at_boundary = kept.is_none();
        member.attached = false;
        let Some((upto, inputs)) = kept else { return };
        let bars = self.history(symbol, upto).await;
        if bars.is_empty() {
            tracing::warn!(%symbol, %upto, "the feed has no history of what was lost: the features warm up afresh");
        }
        let Some(member) = self.core.members.get_mut(&symbol) else { return };
        let next_seq = inputs.first().map_or(member.ring.next_seq(), |input| input.seq);
        let history = Box::new((self.context.decision, bars));
        member.seat.route.cast(SymbolMsg::Outrun { upto, next_seq, history });
        hand_over(member, inputs).await;
    }
}

/// Sends what a symbol missed; from here on it gets its input as it comes.
pub(super) async fn hand_over(member: &mut Member, inputs: Vec<Input>) {
    member.attached = true;
    member.back_at_boundary = false;
    for input in inputs {
        if !member.attached {
            return; // it is gone again, and asks anew when it is back
        }
        post(member, input).await;
    }
}

/// Sends one input to a symbol actor, waiting for a place in its mailbox. An actor that dies while it is waited for frees
/// its places, and asks for what it missed when it is back.
pub(super) async fn post(member: &mut Member, input: Input) {
    let Ok(message) = member.seat.door.admit(input).await else { return };
    let message: Admitted<Input> = message;
    if !member.seat.route.cast(SymbolMsg::Input(message)) {
        member.attached = false;
    }
}
