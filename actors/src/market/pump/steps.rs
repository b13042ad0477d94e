//! The step: its beginning, its watermarks, and the wait for its end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tensortrade_journal::event::Alarm;
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{GapReason, Symbol, Ts};
use tokio::time::Instant;

use super::Pump;
use super::catch_up::post;
use crate::market::hub::Member;
use crate::market::ring::InputKind;
use crate::step::{Purpose, StepTag};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;

/// Longest wait for a step. Past it the hub goes on: something on the step's way has crashed with it, and the tree knows.
const STEP_DEADLINE: Duration = Duration::from_secs(30);
/// Longest that the watermarks of a paced step are held back for its decision, and then for its orders.
const WATERMARK_WAIT: Duration = Duration::from_millis(5);

impl Pump<'_> {
    pub(super) async fn step(&mut self, ts: Ts) {
        if !self.core.backlogged.is_empty() {
            let held_back = self.let_all_go();
            self.send_on(held_back, None).await;
        }
        self.context.market_clock.advance_to(ts);
        self.look(ts).await;
        self.core.step += 1;
        let purpose = if ts <= self.core.warm_up_until { Purpose::WarmUp } else { Purpose::Trade };
        if purpose == Purpose::Trade {
            self.context.stats.steps.fetch_add(1, Ordering::Relaxed);
        }
        let tag = StepTag { ts, number: self.core.step, purpose, arrived: Stopwatch::start() };
        self.core.awaiting = Some(ts);
        self.core.unsent = Some(tag);
        self.core.in_hand.boundary = None;
        self.begin(tag, self.core.pacer.is_some() && purpose == Purpose::Trade);
        self.send_watermarks().await;
        self.finish_step().await;
    }

    /// Sends the watermarks of the step that has begun, to whoever has not got one. An earlier incarnation may have crashed
    /// over it; the session is then told twice, which is harmless.
    pub(super) async fn send_watermarks(&mut self) {
        let Some(tag) = self.core.unsent else { return };
        let (ts, trade) = (tag.ts, tag.purpose == Purpose::Trade);
        let paced = self.core.pacer.is_some() && trade;
        // What the watermarks set off in the symbols would compete with the decision and its orders, and nothing waits for
        // it: rows that are still missing come behind the data that is on its way, or else release the watermarks.
        if paced {
            let _decided = tokio::time::timeout(WATERMARK_WAIT, self.context.gate.wait_released(ts)).await;
        }
        if trade {
            self.send(Vec::new(), Some(ts)).await;
        }
        if paced && self.context.gate.is_collected(ts) {
            let _done = tokio::time::timeout(WATERMARK_WAIT, self.context.gate.wait(ts)).await;
        }
        self.core.watermark = ts;
        let mut back = Vec::new();
        for (symbol, member) in &mut self.core.members {
            if member.watermark >= ts {
                continue;
            }
            member.watermark = ts;
            let input = member.ring.push(InputKind::Watermark(tag));
            if member.quarantined {
                // Kept for when it comes back; the step was told of it when it began.
            } else if member.attached {
                post(member, input).await;
            } else if member.back_at_boundary {
                back.push(*symbol);
            }
        }
        for symbol in back {
            self.back_fill(symbol).await;
        }
        self.core.unsent = None;
    }

    /// Tells the cross-section that a step begins, when paced with how much each symbol was sent.
    pub(super) fn begin(&mut self, tag: StepTag, paced: bool) {
        let members = self.names();
        let sent = |member: &Member| (!member.quarantined).then(|| member.ring.next_seq());
        let inputs = if paced { self.core.members.values().map(sent).collect() } else { Vec::new() };
        self.context.cross_section.cast(CrossSectionMsg::Begin { tag, members, inputs });
        for (symbol, _) in self.core.members.iter().filter(|(_, member)| member.quarantined) {
            let absent = CrossSectionMsg::Absent { symbol: *symbol, reason: GapReason::Quarantined };
            self.context.cross_section.cast(absent);
        }
    }

    /// The members' names in order; made anew after membership has changed.
    pub(super) fn names(&mut self) -> Arc<[Symbol]> {
        let members = &self.core.members;
        self.core.names.get_or_insert_with(|| members.keys().copied().collect()).clone()
    }

    /// Waits until the step on its way is done, obeying commands meanwhile: a crashed symbol resumes in here.
    pub(super) async fn finish_step(&mut self) {
        let Some(ts) = self.core.awaiting else { return };
        self.deadline.as_mut().reset(Instant::now() + STEP_DEADLINE);
        while !self.context.gate.is_done(ts) {
            tokio::select! {
                biased;
                () = self.context.gate.wait(ts) => {}
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = self.deadline.as_mut() => {
                    tracing::error!(%ts, "the step was not finished in {STEP_DEADLINE:?} and is given up");
                    let text = format!("the step at {ts} was not finished in {STEP_DEADLINE:?}");
                    let alarm = Alarm { ts, code: "step_given_up".into(), text };
                    if !planted(Bug::StepMarkLost) {
                        self.context.journal.note(vec![alarm.into()]);
                    }
                    break;
                }
                () = std::future::ready(()), if !self.joining.is_empty() => self.join_some().await,
            }
        }
        self.core.awaiting = None;
        for member in self.core.members.values_mut() {
            member.ring.release_before(member.seat.snapshot_next_seq.load(Ordering::Acquire));
        }
        let first = *self.context.stats.first_row.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = first {
            let span = u64::try_from(first.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let waited = self.context.stats.waited_ns.load(Ordering::Relaxed);
            self.context.stats.engine_ns.store(span.saturating_sub(waited), Ordering::Relaxed);
        }
        if self.core.step.is_multiple_of(64) {
            self.note_feed();
        }
    }
}
