//! Playing a slice at market speed, and working ahead of the boundary that it leads to.

use std::time::Duration;

use tensortrade_broker::{MarketBatch, MarketData};
use tensortrade_market::Ts;
use tokio::time::Instant;

use super::Pump;
use super::in_hand::Queue;
use crate::market::pacing::Pacer;
use crate::market::symbol::SymbolMsg;
use crate::strategy::cross_section::CrossSectionMsg;

/// How long before a boundary, by the clock, a paced hub announces its step: the symbols then prepare their reports.
const LEAD: Duration = Duration::from_millis(20);
/// With less time than this left, an announcement would only be in the way.
const LEAD_MIN: Duration = Duration::from_millis(5);
/// How long before a boundary a paced hub stops sleeping between data: tokio's timers are a millisecond wide, and what they
/// hold back would all come at once at the boundary.
const FINE: Duration = Duration::from_millis(3);
/// Most turns of waiting without sleeping in which the clock does not move: it is a paused one, which only sleep moves.
const STILL_TURNS_MAX: u32 = 64;

impl Pump<'_> {
    /// Plays what is in hand at market speed: what is due now goes out now.
    pub(super) async fn play_paced(&mut self) {
        let boundary = self.core.in_hand.boundary;
        let whole = |queue: &Queue| !matches!(queue.batch.data, MarketData::Ticks(_));
        while let Some(at) = self.core.in_hand.queues.iter().position(whole) {
            // A bar is known at its end: the boundary's pause comes first.
            if let Some(ts) = boundary {
                self.sleep_until_due(ts).await;
            }
            let batch = self.core.in_hand.queues.remove(at).batch;
            self.send(vec![batch], None).await;
        }
        while let Some(next) = self.core.in_hand.queues.iter().map(|queue| queue.head).min() {
            // Nothing is unsent before this.
            self.playing_until = Some(next);
            self.sleep_until_due(next).await;
            let now = self.core.pacer.as_ref().and_then(Pacer::market_now).unwrap_or(next).max(next);
            let mut due = Vec::new();
            self.core.in_hand.queues.retain_mut(|Queue { batch, at, head }| {
                let MarketData::Ticks(ticks) = &batch.data else { return false };
                if *head > now {
                    return true;
                }
                let rest = &ticks[*at..];
                // Late rows ride along with the row before them: the clock never waits for the past.
                let count = rest.iter().take_while(|t| t.ts <= now).count();
                due.push(MarketBatch { symbol: batch.symbol, data: MarketData::Ticks(rest[..count].into()) });
                *at += count;
                match ticks.get(*at) {
                    Some(tick) => {
                        *head = tick.ts;
                        true
                    }
                    None => false,
                }
            });
            self.send(due, None).await;
        }
        if let Some(ts) = boundary {
            self.playing_until = Some(ts);
            self.sleep_until_due(ts).await;
        }
    }

    pub(super) async fn sleep_until_due(&mut self, ts: Ts) {
        let Some(pacer) = self.core.pacer.as_mut() else { return };
        let due = pacer.due(ts);
        let boundary = self.boundary.and_then(|ts| Some((ts, pacer.expected(ts)?)));
        if let Some((ts, at)) = boundary
            && let Some(lead) = at.checked_sub(LEAD)
            && lead <= due
        {
            self.boundary = None;
            self.sleep_until(lead).await;
            if Instant::now() + LEAD_MIN < at {
                self.announce(ts).await;
                self.fine_from = at.checked_sub(FINE);
            }
        }
        self.sleep_until(due).await;
    }

    pub(super) async fn sleep_until(&mut self, due: Instant) {
        let coarse = self.fine_from.map_or(due, |from| from.min(due));
        self.sleep_coarse(coarse).await;
        let (mut now, mut still) = (Instant::now(), 0);
        while now < due && !self.core.draining && still < STILL_TURNS_MAX {
            match self.commands.try_recv() {
                Some(command) => self.obey(command).await,
                // Everyone else who can run does so first.
                None => tokio::task::yield_now().await,
            }
            let before = std::mem::replace(&mut now, Instant::now());
            still = if now == before { still + 1 } else { 0 };
        }
        self.sleep_coarse(due).await;
    }

    pub(super) async fn sleep_coarse(&mut self, due: Instant) {
        while Instant::now() < due && !self.core.draining {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = tokio::time::sleep_until(due) => {}
                () = std::future::ready(()), if !self.joining.is_empty() => self.join_some().await,
            }
        }
    }

    /// Says that the step at `ts` is near: whoever can work ahead of it does.
    pub(super) async fn announce(&mut self, ts: Ts) {
        let (number, members) = (self.core.step + 1, self.names());
        self.context.cross_section.cast(CrossSectionMsg::Announce { ts, number, members });
        for (n, member) in self.core.members.values().enumerate() {
            if member.attached {
                member.seat.route.cast(SymbolMsg::Prepare(ts));
            }
            if n % 64 == 63 {
                tokio::task::yield_now().await;
            }
        }
    }
}
