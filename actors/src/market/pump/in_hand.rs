//! What the hub has taken from the feed and not sent on yet. It outlives the hub's incarnations: what a feed has given it does
//! not give again, so whoever comes next goes on with it where the last one stood.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tensortrade_broker::{FeedSlice, MarketBatch, MarketData, Pace};
use tensortrade_market::Ts;

use super::Pump;
use super::catch_up::post;
use crate::market::ring::InputKind;
use crate::trading::session::{MarketSlice, SessionMsg};

/// The slice in hand, from the moment the feed has given it until its step has begun.
#[derive(Debug, Default)]
pub struct InHand {
    /// What is to be played.
    pub(super) queues: Vec<Queue>,
    /// What has been played and not been listened to.
    unheard: Option<(Arc<[MarketBatch]>, Option<Ts>)>,
    /// What is on its way to the session and to the symbols.
    sending: Option<Sending>,
    /// The boundary behind all of it.
    pub(super) boundary: Option<Ts>,
}

/// A batch that is being played.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) batch: MarketBatch,
    /// The first row that has not been played.
    pub(super) at: usize,
    /// Its moment.
    pub(super) head: Ts,
}

#[derive(Debug)]
struct Sending {
    batches: Arc<[MarketBatch]>,
    boundary: Option<Ts>,
    session_told: bool,
    /// The next batch that is to be numbered.
    next: usize,
}

impl InHand {
    /// A slice as the feed gave it.
    pub(super) fn of(slice: FeedSlice) -> Self {
        let queue = |batch: MarketBatch| {
            let head = match &batch.data {
                MarketData::Ticks(ticks) => ticks.first().map_or(Ts::MIN, |tick| tick.ts),
                _ => Ts::MIN,
            };
            Queue { batch, at: 0, head }
        };
        let queues = slice.batches.into_iter().map(queue).collect();
        Self { queues, boundary: slice.watermark, ..Self::default() }
    }

    /// Whether nothing of it is left.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.unheard.is_none() && self.sending.is_none() && self.boundary.is_none()
    }
}

impl Pump<'_> {
    /// Numbers batches and sends them to the session and to the symbols, in this order: a fill that the data causes is
    /// never behind the decision that the same data leads to.
    pub(super) async fn send(&mut self, batches: Vec<MarketBatch>, boundary: Option<Ts>) {
        self.core.in_hand.unheard = Some((batches.into(), boundary));
        self.finish_sending().await;
    }

    /// Sends what has been listened to, waiting for room where there is none.
    pub(super) async fn send_on(&mut self, batches: Vec<MarketBatch>, boundary: Option<Ts>) {
        self.on_its_way(batches.into(), boundary);
        self.finish_sending().await;
    }

    fn on_its_way(&mut self, batches: Arc<[MarketBatch]>, boundary: Option<Ts>) {
        self.core.in_hand.sending = Some(Sending { batches, boundary, session_told: false, next: 0 });
    }

    /// Finishes what is on its way. Each wait in here may be the last thing that this incarnation does: what is done is
    /// noted before it.
    pub(super) async fn finish_sending(&mut self) {
        self.finish_batches().await;
        if let Some((batches, _)) = &self.core.in_hand.unheard {
            let batches = Arc::clone(batches);
            self.listen(&batches).await;
        }
        if let Some((batches, boundary)) = self.core.in_hand.unheard.take() {
            let batches = match self.core.feed.pace() {
                Pace::Consumer => batches,
                // A boundary comes behind all data before it.
                Pace::Live if boundary.is_some() => {
                    self.let_all_go().into_iter().chain(batches.iter().cloned()).collect()
                }
                Pace::Live => self.conflate(batches.to_vec()).into(),
            };
            self.on_its_way(batches, boundary);
            self.finish_batches().await;
        }
    }

    async fn finish_batches(&mut self) {
        let Some(sending) = &self.core.in_hand.sending else { return };
        let (batches, boundary, told) =
            (Arc::clone(&sending.batches), sending.boundary, sending.session_told);
        let warming = self.core.watermark < self.core.warm_up_until;
        if !told && !warming && (!batches.is_empty() || boundary.is_some()) {
            let slice = MarketSlice { batches: batches.clone(), watermark: boundary };
            if let Ok(slice) = self.context.session_door.admit(slice).await {
                self.context.session.cast(SessionMsg::Market(slice));
            }
            if let Some(sending) = &mut self.core.in_hand.sending {
                sending.session_told = true;
            }
        }
        while let Some(sending) = &mut self.core.in_hand.sending {
            let Some(batch) = batches.get(sending.next) else { break };
            self.context.stats.rows.fetch_add(batch.len() as u64, Ordering::Relaxed);
            let member = self.core.members.get_mut(&batch.symbol);
            let input = member.map(|member| (member.ring.push(InputKind::Data(batch.data.clone())), member));
            sending.next += 1;
            // From here on the ring has it: an actor that does not get it asks for it.
            if let Some((input, member)) = input
                && member.attached
            {
                post(member, input).await;
            }
        }
        self.core.in_hand.sending = None;
    }
}
