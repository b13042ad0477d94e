//! The hub's loop: one slice after the other into the tree, one step at a time.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tensortrade_broker::{FeedError, FeedSlice, MarketBatch, MarketData};
use tensortrade_journal::Event;
use tensortrade_journal::event::{Alarm, Watchlist, WatchlistAction};
use tensortrade_market::{Clock, GapReason, Symbol, Ts};
use tokio::sync::mpsc;

use super::hub::{
    AddRefused, Added, DataEnd, HubCommand, HubContext, HubCore, HubShared, Member, MemberView, Seat,
};
use super::ring::{Input, InputKind, Ring};
use super::symbol::{SymbolMsg, SymbolState};
use crate::ops::journal::JournalMsg;
use crate::step::{Purpose, StepTag};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{AddReply, Admitted};
use crate::trading::session::{MarketSlice, SessionMsg};

/// Longest wait for a step. Past it the hub goes on: something on the step's way has crashed with it, and the tree knows.
const STEP_DEADLINE: Duration = Duration::from_secs(30);
/// First and longest pause before a lost feed is asked again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Runs until the data ends. Holds the core's lock all the time: there is one pump.
pub async fn run(shared: &HubShared, context: &HubContext) {
    let mut core = shared.core.lock().await;
    let mut commands = shared.commands.lock().await;
    let mut pump = Pump { core: &mut core, commands: &mut commands, context, drains: Vec::new() };
    pump.run().await;
}

struct Pump<'a> {
    core: &'a mut HubCore,
    commands: &'a mut mpsc::Receiver<HubCommand>,
    context: &'a HubContext,
    drains: Vec<tokio::sync::oneshot::Sender<()>>,
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
            }
        }
        // A step that was under way when an earlier incarnation crashed.
        self.finish_step().await;
        loop {
            if self.core.draining {
                self.answer_drains();
                let Some(command) = self.commands.recv().await else { return };
                self.obey(command).await;
                continue;
            }
            let waiting = Stopwatch::start();
            let slice = tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    self.obey(command).await;
                    continue;
                }
                slice = self.core.feed.next() => slice,
            };
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
            let Some(command) = self.commands.recv().await else { return };
            self.obey(command).await;
        }
    }

    fn answer_drains(&mut self) {
        for reply in self.drains.drain(..) {
            // Whoever asked may have given up waiting.
            let _ = reply.send(());
        }
    }

    fn note_feed(&self) {
        *self.context.stats.feed.lock().unwrap_or_else(PoisonError::into_inner) = self.core.feed.stats();
    }

    async fn deliver(&mut self, slice: FeedSlice) {
        {
            let mut first = self.context.stats.first_row.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(Stopwatch::start);
        }
        if self.core.open_universe {
            self.admit_newcomers(&slice).await;
        }
        let watermark = slice.watermark;
        // What only warms models up is history: it is not played at market speed.
        if self.core.pacer.is_some() && self.core.watermark >= self.core.warm_up_until {
            self.deliver_paced(slice).await;
        } else {
            self.send(slice.batches, None).await;
        }
        if let Some(ts) = watermark {
            self.step(ts).await;
        }
    }

    /// Plays a slice at market speed: what is due now goes out now.
    async fn deliver_paced(&mut self, slice: FeedSlice) {
        let mut queues: Vec<(MarketBatch, usize, Ts)> = Vec::with_capacity(slice.batches.len());
        for batch in slice.batches {
            match &batch.data {
                MarketData::Ticks(ticks) => {
                    let first = ticks.first().map_or(Ts::MIN, |t| t.ts);
                    queues.push((batch, 0, first));
                }
                // A bar is known at its end: the watermark's pause comes first.
                _ => {
                    if let Some(ts) = slice.watermark {
                        self.sleep_until_due(ts).await;
                    }
                    self.send(vec![batch], None).await;
                }
            }
        }
        while let Some(next) = queues.iter().map(|q| q.2).min() {
            self.sleep_until_due(next).await;
            let now =
                self.core.pacer.as_ref().and_then(super::pacing::Pacer::market_now).unwrap_or(next).max(next);
            let mut due = Vec::new();
            queues.retain_mut(|(batch, at, head)| {
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
        if let Some(ts) = slice.watermark {
            self.sleep_until_due(ts).await;
        }
    }

    async fn sleep_until_due(&mut self, ts: Ts) {
        let Some(pacer) = self.core.pacer.as_mut() else { return };
        let due = pacer.due(ts);
        while tokio::time::Instant::now() < due && !self.core.draining {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// Numbers batches and sends them to the session and to the symbols, in this order: a fill that the data causes is
    /// never behind the decision that the same data leads to.
    async fn send(&mut self, batches: Vec<MarketBatch>, watermark: Option<Ts>) {
        let warming = self.core.watermark < self.core.warm_up_until;
        let batches: Arc<[MarketBatch]> = batches.into();
        let mut rows = 0;
        if !warming && (!batches.is_empty() || watermark.is_some()) {
            let slice = MarketSlice { batches: batches.clone(), watermark };
            if let Ok(slice) = self.context.session_door.admit(slice).await {
                self.context.session.cast(SessionMsg::Market(slice));
            }
        }
        for batch in batches.iter() {
            rows += batch.len() as u64;
            let Some(member) = self.core.members.get_mut(&batch.symbol) else { continue };
            let input = member.ring.push(InputKind::Data(batch.data.clone()));
            if member.attached {
                post(member, input).await;
            }
        }
        self.context.stats.rows.fetch_add(rows, Ordering::Relaxed);
    }

    async fn step(&mut self, ts: Ts) {
        self.core.step += 1;
        self.context.market_clock.advance_to(ts);
        let purpose = if ts <= self.core.warm_up_until { Purpose::WarmUp } else { Purpose::Trade };
        if purpose == Purpose::Trade {
            self.context.stats.steps.fetch_add(1, Ordering::Relaxed);
        }
        let tag = StepTag { ts, number: self.core.step, purpose, arrived: Stopwatch::start() };
        self.core.awaiting = Some(ts);
        self.context.cross_section.cast(CrossSectionMsg::Begin { tag, members: self.core.names.clone() });
        if purpose == Purpose::Trade {
            self.send(Vec::new(), Some(ts)).await;
        }
        self.core.watermark = ts;
        for member in self.core.members.values_mut() {
            if member.seat.quarantined.load(Ordering::Acquire) {
                // Nobody will report for it: the step does not wait.
                let (symbol, reason) = (member.seat.instrument.symbol, GapReason::Quarantined);
                self.context.cross_section.cast(CrossSectionMsg::Absent { symbol, reason });
                continue;
            }
            let input = member.ring.push(InputKind::Watermark(tag));
            if member.attached {
                post(member, input).await;
            }
        }
        self.finish_step().await;
    }

    /// Waits until the step on its way is done, obeying commands meanwhile: a crashed symbol resumes in here.
    async fn finish_step(&mut self) {
        let Some(ts) = self.core.awaiting else { return };
        let deadline = tokio::time::sleep(STEP_DEADLINE);
        tokio::pin!(deadline);
        while !self.context.gate.is_done(ts) {
            tokio::select! {
                biased;
                () = self.context.gate.wait(ts) => {}
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = &mut deadline => {
                    tracing::error!(%ts, "the step was not finished in {STEP_DEADLINE:?} and is given up");
                    let text = format!("the step at {ts} was not finished in {STEP_DEADLINE:?}");
                    let alarm = Alarm { ts, code: "step_given_up".into(), text };
                    self.context.journal.cast(JournalMsg::Append(vec![alarm.into()]));
                    break;
                }
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

    async fn obey_for(&mut self, pause: Duration) {
        let until = tokio::time::Instant::now() + pause;
        while tokio::time::Instant::now() < until && !self.core.draining {
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => self.obey(command).await,
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    async fn obey(&mut self, command: HubCommand) {
        match command {
            HubCommand::Add { symbol, by, reply } => {
                let added = self.add(symbol, &by, true).await;
                let _ = reply.send(added);
            }
            HubCommand::Remove { symbol, by, reply } => {
                let was_member = self.remove(symbol, &by).await;
                let _ = reply.send(was_member);
            }
            HubCommand::Resume { symbol, from_seq } => self.resume(symbol, from_seq).await,
            HubCommand::Quarantine { symbol, quarantined } => {
                if let Some(member) = self.core.members.get_mut(&symbol) {
                    member.seat.quarantined.store(quarantined, Ordering::Release);
                    if quarantined {
                        member.attached = false;
                        let reason = GapReason::Quarantined;
                        self.context.cross_section.cast(CrossSectionMsg::Absent { symbol, reason });
                    }
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

    fn list(&self) -> Vec<MemberView> {
        let view = |member: &Member| MemberView {
            symbol: member.seat.instrument.symbol,
            asset_class: member.seat.instrument.asset_class.to_string(),
            currency: member.seat.instrument.currency.to_string(),
            quarantined: member.seat.quarantined.load(Ordering::Acquire),
            inputs: member.ring.next_seq(),
        };
        self.core.members.values().map(view).collect()
    }

    async fn admit_newcomers(&mut self, slice: &FeedSlice) {
        let newcomers: Vec<Symbol> = slice
            .batches
            .iter()
            .map(|b| b.symbol)
            .filter(|s| !self.core.members.contains_key(s) && !self.core.removed.contains(s))
            .collect();
        for symbol in newcomers {
            if let Err(refused) = self.add(symbol, "feed", false).await {
                tracing::warn!(%symbol, ?refused, "a symbol in the data cannot join");
                self.core.removed.insert(symbol);
            }
        }
    }

    async fn add(&mut self, symbol: Symbol, by: &str, with_history: bool) -> Result<Added, AddRefused> {
        if self.core.members.contains_key(&symbol) {
            return Ok(Added::Already);
        }
        let instrument = self.context.catalog.get(symbol);
        self.core.feed.add(&instrument).await.map_err(|error| match error {
            FeedError::UnknownSymbol { .. } => AddRefused::Unknown(error.to_string()),
            other => AddRefused::Other(other.to_string()),
        })?;
        let mut state = SymbolState::new(&instrument, &self.context.symbol_params);
        let mut warm_up_bars = 0;
        if with_history && self.core.watermark > Ts::MIN {
            let history = self.core.feed.history(
                symbol,
                self.context.decision,
                self.core.watermark,
                self.context.warm_up_bars,
            );
            match history.await {
                Ok(bars) => {
                    warm_up_bars = bars.len();
                    state.warm_up(self.context.decision, &bars, self.core.watermark);
                }
                // It joins cold: its features say themselves that they are not warm.
                Err(error) => tracing::warn!(%symbol, %error, "no history to warm up with"),
            }
        }
        let seat = Arc::new(Seat::new(instrument.clone(), state, self.context.inflight_max));
        self.context.session.cast(SessionMsg::Instrument(Box::new(instrument)));
        let member = Member { seat: seat.clone(), ring: Ring::new(self.context.ring_rows), attached: false };
        self.core.members.insert(symbol, member);
        match self.context.symbols.add((self.context.symbol_spec)(seat)).await {
            Ok(AddReply::Added | AddReply::AlreadyRunning) => {}
            other => {
                self.core.members.remove(&symbol);
                self.core.feed.remove(symbol).await;
                return Err(AddRefused::Other(format!("{symbol} cannot start: {other:?}")));
            }
        }
        self.core.removed.remove(&symbol);
        self.rename();
        self.context.journal.cast(JournalMsg::Append(vec![self.watchlist(
            WatchlistAction::Added,
            symbol,
            by,
        )]));
        Ok(Added::Joined { warm_up_bars })
    }

    async fn remove(&mut self, symbol: Symbol, by: &str) -> bool {
        if self.core.members.remove(&symbol).is_none() {
            return false;
        }
        self.core.feed.remove(symbol).await;
        self.core.removed.insert(symbol);
        self.rename();
        self.context.cross_section.cast(CrossSectionMsg::Absent { symbol, reason: GapReason::NoData });
        if let Err(error) = self.context.symbols.remove(symbol.as_str()).await {
            tracing::warn!(%symbol, %error, "the symbol's actor could not be removed");
        }
        self.context.journal.cast(JournalMsg::Append(vec![self.watchlist(
            WatchlistAction::Removed,
            symbol,
            by,
        )]));
        true
    }

    fn watchlist(&self, action: WatchlistAction, symbol: Symbol, by: &str) -> Event {
        let ts = self.core.watermark.max(self.context.market_clock.now());
        Watchlist { action, symbol, reason: by.to_owned(), ts }.into()
    }

    fn rename(&mut self) {
        self.core.names = self.core.members.keys().copied().collect();
    }

    async fn resume(&mut self, symbol: Symbol, from_seq: u64) {
        let Some(member) = self.core.members.get_mut(&symbol) else { return };
        let inputs: VecDeque<Input> = match member.ring.since(from_seq) {
            Some(inputs) => inputs.into(),
            None => {
                tracing::warn!(%symbol, from_seq, "the ring was outrun: a gap is marked");
                let from = member.ring.first_watermark().unwrap_or(self.core.watermark);
                member.seat.route.cast(SymbolMsg::Outrun { upto: from });
                member.ring.rest().into()
            }
        };
        member.attached = true;
        for input in inputs {
            post(member, input).await;
        }
    }
}

/// Sends one input to a symbol actor, waiting for a place in its mailbox. An actor that dies while it is waited for frees
/// its places, and asks for what it missed when it is back.
async fn post(member: &mut Member, input: Input) {
    let Ok(message) = member.seat.door.admit(input).await else { return };
    let message: Admitted<Input> = message;
    if !member.seat.route.cast(SymbolMsg::Input(message)) {
        member.attached = false;
    }
}
