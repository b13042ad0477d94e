//! The hub's loop: one slice after the other into the tree, one step at a time.

mod catch_up;
mod conflating;
pub mod in_hand;
mod members;
mod notices;
mod paced;
pub mod silence;
mod steps;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_broker::{FeedError, FeedSlice, MarketData, Pace};
use tensortrade_journal::event::Alarm;
use tensortrade_market::{GapReason, Ts};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep};

use self::in_hand::InHand;
pub use self::members::JOIN_TURN;
use self::members::Joining;
use super::hub::{DataEnd, HubCommand, HubContext, HubCore, HubDoor, HubShared};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::ReleaseReply;

/// First and longest pause before a lost feed is asked again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// How often a hub that is paced by the clock looks for silence: what is too long is told well within a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Runs until the data ends. Holds the core's lock all the time: there is one pump.
pub async fn run(shared: &HubShared, context: &HubContext) {
    let mut core = shared.core.lock().await;
    let mut commands = shared.commands.lock().await;
    if core.pacer.is_some() || core.feed.pace() == Pace::Live {
        commands.look_every(LOOK_INTERVAL);
    }
    let mut pump = Pump {
        core: &mut core,
        commands: &mut commands,
        context,
        drains: Vec::new(),
        joining: VecDeque::new(),
        boundary: None,
        playing_until: None,
        fine_from: None,
        deadline: Box::pin(tokio::time::sleep(Duration::ZERO)),
    };
    pump.run().await;
}

struct Pump<'a> {
    core: &'a mut HubCore,
    commands: &'a mut HubDoor,
    context: &'a HubContext,
    drains: Vec<oneshot::Sender<()>>,
    /// The boundary that the slice being played leads to, until its step is announced.
    boundary: Option<Ts>,
    /// While a slice is being played at market speed: nothing of it is unsent before this moment.
    playing_until: Option<Ts>,
    /// From here on the hub does not sleep until the announced boundary has passed.
    fine_from: Option<Instant>,
    /// The step's; kept and moved on, since to set up a timer for each step would be a part of the step's time.
    deadline: Pin<Box<Sleep>>,
    /// Adds under way, oldest first.
    joining: VecDeque<Joining>,
}

impl Pump<'_> {
    async fn run(&mut self) {
        let mut pause = RETRY_PAUSE.0;
        let mut open = self.context.open.clone();
        while !*open.borrow_and_update() {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey(command).await,
                changed = open.changed() => if changed.is_err() { return },
                () = std::future::ready(()), if !self.joining.is_empty() => self.join_some().await,
            }
        }
        // What an earlier incarnation had in hand when it crashed, or the step that was under way then.
        self.finish_sending().await;
        self.send_watermarks().await;
        self.finish_step().await;
        if !self.core.in_hand.is_empty() {
            self.play().await;
        }
        let mut joins_next = true;
        loop {
            if self.core.draining {
                self.answer_drains();
                if !self.serve().await {
                    return;
                }
                continue;
            }
            let waiting = Stopwatch::start();
            let slice = tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    self.obey(command).await;
                    continue;
                }
                // One turn for each slice, and as many as there is time for while none is there.
                () = std::future::ready(()), if joins_next && !self.joining.is_empty() => {
                    joins_next = false;
                    self.join_some().await;
                    continue;
                }
                slice = self.core.feed.next() => slice,
                () = std::future::ready(()), if !self.joining.is_empty() => {
                    self.join_some().await;
                    continue;
                }
            };
            joins_next = true;
            self.tell_notices();
            // Only waits inside the span count: not the one for the first row, and not those after the last step, which
            // `finish_step` never takes off.
            let begun = self.context.stats.first_row.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if begun && self.core.pacer.is_none() {
                let waited = u64::try_from(waiting.elapsed().as_nanos()).unwrap_or(u64::MAX);
                self.context.stats.waited_ns.fetch_add(waited, Ordering::Relaxed);
            }
            match slice {
                Ok(Some(slice)) => {
                    pause = RETRY_PAUSE.0;
                    self.deliver(slice).await;
                }
                Ok(None) => return self.ended(DataEnd::EndOfData).await,
                Err(FeedError::Disconnected(why)) => {
                    tracing::warn!(%why, ?pause, "the feed is disconnected");
                    self.obey_for(pause).await;
                    pause = (pause * 2).min(RETRY_PAUSE.1);
                }
                Err(error) => return self.ended(DataEnd::Failed(error.to_string())).await,
            }
        }
    }

    /// After the last row: says so, and goes on answering commands until the node stops.
    async fn ended(&mut self, end: DataEnd) {
        self.note_feed();
        self.context.end.send_replace(Some(end));
        loop {
            self.answer_drains();
            if !self.serve().await {
                return;
            }
        }
    }

    /// Obeys the next command, or else lets symbols join; `false` when nobody is left to send a command.
    async fn serve(&mut self) -> bool {
        tokio::select! {
            biased;
            command = self.commands.recv() => match command {
                Some(command) => self.obey(command).await,
                None => return false,
            },
            () = std::future::ready(()), if !self.joining.is_empty() => self.join_some().await,
        }
        true
    }

    fn answer_drains(&mut self) {
        for reply in self.drains.drain(..) {
            // Whoever asked may have given up waiting.
            let _ = reply.send(());
        }
    }

    fn note_feed(&self) {
        self.note_health();
        *self.context.stats.feed.lock().unwrap_or_else(PoisonError::into_inner) = self.core.feed.stats();
    }

    /// Takes a slice in hand and plays it. From here on it is not lost with this incarnation.
    async fn deliver(&mut self, mut slice: FeedSlice) {
        {
            let mut first = self.context.stats.first_row.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(Stopwatch::start);
        }
        slice.watermark = slice.watermark.filter(|ts| self.goes_forward(*ts));
        self.core.in_hand = InHand::of(slice);
        self.play().await;
    }

    /// Plays what is in hand, from where it was left.
    async fn play(&mut self) {
        self.finish_sending().await;
        if self.core.open_universe {
            self.admit_newcomers().await;
        }
        // What only warms models up is history: it is not played at market speed.
        if self.core.pacer.is_some() && self.core.watermark >= self.core.warm_up_until {
            // Bars are known at the boundary only: there is nothing to prepare from.
            let mut queues = self.core.in_hand.queues.iter();
            let ticks = queues.all(|queue| matches!(queue.batch.data, MarketData::Ticks(_)));
            self.boundary = self.core.in_hand.boundary.filter(|_| ticks);
            self.play_paced().await;
            (self.boundary, self.playing_until, self.fine_from) = (None, None, None);
        } else {
            let batches = self.core.in_hand.queues.drain(..).map(|queue| queue.batch).collect();
            self.send(batches, None).await;
        }
        if let Some(ts) = self.core.in_hand.boundary {
            self.step(ts).await;
        }
    }

    /// Whether a boundary lies behind the last one. A source whose clock has jumped back gives one that has passed: that is no
    /// step, its data is late, and what is missing for it shows at the next boundary.
    fn goes_forward(&self, ts: Ts) -> bool {
        let last = self.core.watermark;
        if ts > last {
            return true;
        }
        let text = format!("the feed is at {ts}, and was at {last} before: this boundary is no step");
        tracing::error!(%ts, %last, "{text}");
        let alarm = Alarm { ts: last, code: "feed_back_in_time".into(), text };
        self.context.journal.note(vec![alarm.into()]);
        false
    }

    async fn obey_for(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.core.draining {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = tokio::time::sleep_until(until) => {}
                () = std::future::ready(()), if !self.joining.is_empty() => self.join_some().await,
            }
        }
    }

    async fn obey(&mut self, command: HubCommand) {
        match command {
            HubCommand::AddMany { symbols, by, reply } => {
                let outcomes = Vec::with_capacity(symbols.len());
                self.joining.push_back(Joining { waiting: symbols.into(), by, outcomes, reply });
            }
            HubCommand::Release { symbol, reply } => {
                let released = self.context.symbols.release(symbol.as_str()).await;
                if released == Ok(ReleaseReply::Released)
                    && let Some(member) = self.core.members.get_mut(&symbol)
                {
                    member.seat.quarantined.store(false, Ordering::Release);
                }
                // Without a supervisor nothing is released.
                let _ = reply.send(released.unwrap_or(ReleaseReply::ShuttingDown));
            }
            HubCommand::Remove { symbol, by, reply } => {
                let was_member = self.remove(symbol, &by).await;
                let _ = reply.send(was_member);
            }
            HubCommand::Resume { symbol, from_seq } => self.resume(symbol, from_seq).await,
            HubCommand::Quarantine { symbol, quarantined } => {
                if let Some(member) = self.core.members.get_mut(&symbol) {
                    member.seat.quarantined.store(quarantined, Ordering::Release);
                    member.quarantined = quarantined;
                    if quarantined {
                        (member.attached, member.back_at_boundary) = (false, false);
                        let reason = GapReason::Quarantined;
                        self.context.cross_section.cast(CrossSectionMsg::Absent { symbol, reason });
                    }
                }
            }
            HubCommand::Look => {
                self.look_at_clock().await;
                if !self.core.backlogged.is_empty() {
                    self.send(Vec::new(), None).await;
                }
            }
            HubCommand::List { reply } => {
                let _ = reply.send(self.list());
            }
            HubCommand::Drain { reply } => {
                self.core.draining = true;
                self.drains.push(reply);
            }
        }
    }
}
