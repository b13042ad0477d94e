//! The hub's loop: one slice after the other into the tree, one step at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tensortrade_broker::{FeedError, FeedSlice, MarketBatch, MarketData};
use tensortrade_journal::Event;
use tensortrade_journal::event::{Alarm, Watchlist, WatchlistAction};
use tensortrade_market::{Bar, Clock, GapReason, Symbol, Ts};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::hub::{
    AddRefused, Added, DataEnd, HubCommand, HubContext, HubCore, HubDoor, HubShared, Member, MemberView, Seat,
};
use super::ring::{Input, InputKind, Ring};
use super::symbol::{SymbolMsg, SymbolState};
use crate::ops::journal::JournalMsg;
use crate::step::{Purpose, StepTag};
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{AddReply, Admitted, ReleaseReply, SupervisorGone};
use crate::trading::session::{MarketSlice, SessionMsg};

/// Longest wait for a step. Past it the hub goes on: something on the step's way has crashed with it, and the tree knows.
const STEP_DEADLINE: Duration = Duration::from_secs(30);
/// First and longest pause before a lost feed is asked again.
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// How long before a boundary, by the clock, a paced hub announces its step: the symbols then prepare their reports.
const LEAD: Duration = Duration::from_millis(20);
/// With less time than this left, an announcement would only be in the way.
const LEAD_MIN: Duration = Duration::from_millis(5);
/// How long before a boundary a paced hub stops sleeping between data: tokio's timers are a millisecond wide, and what they
/// hold back would all come at once at the boundary.
const FINE: Duration = Duration::from_millis(3);
/// Most turns of waiting without sleeping, so that a clock that stands still cannot hold the hub.
const FINE_TURNS_MAX: u32 = 100_000;
/// Longest that the watermarks of a paced step are held back for its decision, and then for its orders.
const WATERMARK_WAIT: Duration = Duration::from_millis(5);

/// What joining symbols may take of the hub's time at once: then data, steps and commands have their turn. So an add of any
/// size delays a tick of the others by this and by one symbol's history at most. Between two slices that are there already,
/// and while the hub waits for the clock, for data or for a step, joining symbols get one turn after the other.
pub const JOIN_TURN: Duration = Duration::from_millis(10);
/// Symbols that join in one turn at most.
const JOIN_MAX: usize = 512;

/// Runs until the data ends. Holds the core's lock all the time: there is one pump.
pub async fn run(shared: &HubShared, context: &HubContext) {
    let mut core = shared.core.lock().await;
    let mut commands = shared.commands.lock().await;
    let (drains, joining, boundary, fine_from) = (Vec::new(), VecDeque::new(), None, None);
    let (core, commands, session_told) = (&mut *core, &mut *commands, Ts::MIN);
    let mut pump = Pump { core, commands, context, drains, joining, boundary, fine_from, session_told };
    pump.run().await;
}

struct Pump<'a> {
    core: &'a mut HubCore,
    commands: &'a mut HubDoor,
    context: &'a HubContext,
    drains: Vec<oneshot::Sender<()>>,
    /// The boundary that the slice being played leads to, until its step is announced.
    boundary: Option<Ts>,
    /// From here on the hub does not sleep until the announced boundary has passed.
    fine_from: Option<Instant>,
    /// The last boundary that the session was told of.
    session_told: Ts,
    /// Adds under way, oldest first.
    joining: VecDeque<Joining>,
}

/// An add under way. Whoever asked learns from a dropped reply that the pump crashed meanwhile.
struct Joining {
    waiting: VecDeque<Symbol>,
    by: String,
    outcomes: Vec<(Symbol, Result<Added, AddRefused>)>,
    reply: oneshot::Sender<Vec<(Symbol, Result<Added, AddRefused>)>>,
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
        // A step that was under way when an earlier incarnation crashed.
        self.send_watermarks().await;
        self.finish_step().await;
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
            // Bars are known at the boundary only: there is nothing to prepare from.
            let ticks = slice.batches.iter().all(|batch| matches!(batch.data, MarketData::Ticks(_)));
            self.boundary = watermark.filter(|_| ticks);
            self.deliver_paced(slice).await;
            (self.boundary, self.fine_from) = (None, None);
        } else {
            // Nothing comes between the data and their boundary: one message for both.
            self.send(slice.batches, watermark).await;
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

    async fn sleep_until(&mut self, due: Instant) {
        let coarse = self.fine_from.map_or(due, |from| from.min(due));
        self.sleep_coarse(coarse).await;
        let mut turns = 0;
        while Instant::now() < due && !self.core.draining && turns < FINE_TURNS_MAX {
            match self.commands.try_recv() {
                Some(command) => self.obey(command).await,
                // Everyone else who can run does so first.
                None => tokio::task::yield_now().await,
            }
            turns += 1;
        }
        self.sleep_coarse(due).await;
    }

    async fn sleep_coarse(&mut self, due: Instant) {
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
    async fn announce(&mut self, ts: Ts) {
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

    /// Numbers batches and sends them to the session and to the symbols, in this order: a fill that the data causes is
    /// never behind the decision that the same data leads to. With a boundary that follows at once, the session learns of it
    /// by the same message, and the symbols' batches are held until their watermark goes out.
    async fn send(&mut self, batches: Vec<MarketBatch>, boundary: Option<Ts>) {
        let warming = self.core.watermark < self.core.warm_up_until;
        let batches: Arc<[MarketBatch]> = batches.into();
        let mut rows = 0;
        let watermark = boundary.filter(|ts| *ts > self.core.warm_up_until);
        if !warming && (!batches.is_empty() || watermark.is_some()) {
            let slice = MarketSlice { batches: batches.clone(), watermark };
            if let Ok(slice) = self.context.session_door.admit(slice).await {
                self.context.session.cast(SessionMsg::Market(slice));
            }
            self.session_told = watermark.unwrap_or(self.session_told);
        }
        for batch in batches.iter() {
            rows += batch.len() as u64;
            let Some(member) = self.core.members.get_mut(&batch.symbol) else { continue };
            let input = member.ring.push(InputKind::Data(batch.data.clone()));
            if member.attached && boundary.is_some() {
                member.held.push(input);
            } else if member.attached {
                post(member, vec![input]).await;
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
        self.core.unsent = Some(tag);
        self.begin(tag, self.core.pacer.is_some() && purpose == Purpose::Trade);
        self.send_watermarks().await;
        self.finish_step().await;
    }

    /// Sends the watermarks of the step that has begun, to whoever has not got one. An earlier incarnation may have crashed
    /// over it; the session is then told twice, which is harmless.
    async fn send_watermarks(&mut self) {
        let Some(tag) = self.core.unsent else { return };
        let (ts, trade) = (tag.ts, tag.purpose == Purpose::Trade);
        let paced = self.core.pacer.is_some() && trade;
        // What the watermarks set off in the symbols would compete with the decision and its orders, and nothing waits for
        // it: rows that are still missing come behind the data that is on its way, or else release the watermarks.
        if paced {
            let _decided = tokio::time::timeout(WATERMARK_WAIT, self.context.gate.wait_released(ts)).await;
        }
        if trade && self.session_told < ts {
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
            let mut inputs = std::mem::take(&mut member.held);
            if member.quarantined {
                // Kept for when it comes back; the step was told of it when it began.
            } else if member.attached {
                inputs.push(input);
                post(member, inputs).await;
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
    fn begin(&mut self, tag: StepTag, paced: bool) {
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
    fn names(&mut self) -> Arc<[Symbol]> {
        let members = &self.core.members;
        self.core.names.get_or_insert_with(|| members.keys().copied().collect()).clone()
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
        let mut seats = Vec::new();
        let mut refused = BTreeMap::new();
        for symbol in newcomers {
            match self.seat(symbol, false).await {
                Ok(seat) => seats.extend(seat.map(|(seat, _)| seat)),
                Err(why) => drop(refused.insert(symbol, why)),
            }
        }
        refused.extend(self.enlist(seats, "feed").await);
        for (symbol, why) in refused {
            tracing::warn!(%symbol, ?why, "a symbol in the data cannot join");
            self.core.removed.insert(symbol);
        }
    }

    /// One turn of the oldest add: until its time is up, then the new actors start together.
    async fn join_some(&mut self) {
        let Some(mut joining) = self.joining.pop_front() else { return };
        let turn = Stopwatch::start();
        let mut seats = Vec::new();
        while seats.len() < JOIN_MAX && turn.elapsed() < JOIN_TURN {
            let Some(symbol) = joining.waiting.pop_front() else { break };
            let outcome = if self.core.draining {
                Err(AddRefused::Other(format!("{symbol} cannot join: the node is stopping")))
            } else {
                match self.seat(symbol, true).await {
                    Ok(None) => Ok(Added::Already),
                    Ok(Some((seat, warm_up_bars))) => {
                        seats.push(seat);
                        Ok(Added::Joined { warm_up_bars })
                    }
                    Err(refused) => Err(refused),
                }
            };
            joining.outcomes.push((symbol, outcome));
        }
        let mut refused = self.enlist(seats, &joining.by).await;
        for (symbol, outcome) in joining.outcomes.iter_mut().rev() {
            if refused.is_empty() {
                break;
            }
            if let Some(why) = refused.remove(symbol) {
                *outcome = Err(why);
            }
        }
        if joining.waiting.is_empty() {
            // Whoever asked may have given up waiting; the symbols are there all the same.
            let _ = joining.reply.send(joining.outcomes);
        } else {
            self.joining.push_front(joining);
        }
    }

    /// Makes a symbol a member, its state warmed up with so many bars; its actor is still to be started. `None` when it is a
    /// member already.
    async fn seat(
        &mut self,
        symbol: Symbol,
        with_history: bool,
    ) -> Result<Option<(Arc<Seat>, usize)>, AddRefused> {
        if self.core.members.contains_key(&symbol) {
            return Ok(None);
        }
        let instrument = self.context.catalog.get(symbol);
        self.core.feed.add(&instrument).await.map_err(|error| match error {
            FeedError::UnknownSymbol { .. } => AddRefused::Unknown(error.to_string()),
            other => AddRefused::Other(other.to_string()),
        })?;
        let mut state = SymbolState::new(&instrument, &self.context.symbol_params);
        let mut warm_up_bars = 0;
        if with_history && self.core.watermark > Ts::MIN {
            let bars = self.history(symbol, self.core.watermark).await;
            warm_up_bars = bars.len();
            state.warm_up(self.context.decision, &bars, self.core.watermark);
        }
        let seat = Arc::new(Seat::new(instrument, state, self.context.inflight_max));
        let member = Member {
            seat: seat.clone(),
            ring: Ring::new(self.context.ring_rows),
            held: Vec::new(),
            attached: false,
            quarantined: false,
            watermark: Ts::MIN,
            back_at_boundary: false,
        };
        self.core.members.insert(symbol, member);
        self.core.names = None;
        Ok(Some((seat, warm_up_bars)))
    }

    /// What the feed knows of the time up to `until`; without it a symbol goes on cold, and its features say so themselves.
    async fn history(&mut self, symbol: Symbol, until: Ts) -> Vec<Bar> {
        let (decision, bars_max) = (self.context.decision, self.context.warm_up_bars);
        match self.core.feed.history(symbol, decision, until, bars_max).await {
            Ok(bars) => bars,
            Err(error) => {
                tracing::warn!(%symbol, %error, "no history to warm up with");
                Vec::new()
            }
        }
    }

    /// Starts the actors of new members by one message, and records them by one; says who cannot start and is no member.
    async fn enlist(&mut self, seats: Vec<Arc<Seat>>, by: &str) -> BTreeMap<Symbol, AddRefused> {
        let mut refused = BTreeMap::new();
        if seats.is_empty() {
            return refused;
        }
        for seat in &seats {
            self.context.session.cast(SessionMsg::Instrument(Box::new(seat.instrument.clone())));
        }
        let specs = seats.iter().map(|seat| (self.context.symbol_spec)(seat.clone())).collect();
        let replies = self.context.symbols.add_many(specs).await;
        let replies: Vec<Result<AddReply, SupervisorGone>> = match replies {
            Ok(replies) => replies.into_iter().map(Ok).collect(),
            Err(gone) => vec![Err(gone); seats.len()],
        };
        let mut events = Vec::with_capacity(seats.len());
        for (seat, reply) in seats.iter().zip(replies) {
            let symbol = seat.instrument.symbol;
            if matches!(reply, Ok(AddReply::Added | AddReply::AlreadyRunning)) {
                self.core.removed.remove(&symbol);
                events.push(self.watchlist(WatchlistAction::Added, symbol, by));
                continue;
            }
            self.core.members.remove(&symbol);
            self.core.feed.remove(symbol).await;
            refused.insert(symbol, AddRefused::Other(format!("{symbol} cannot start: {reply:?}")));
        }
        self.core.names = None;
        if !events.is_empty() {
            self.context.journal.cast(JournalMsg::Append(events));
        }
        refused
    }

    async fn remove(&mut self, symbol: Symbol, by: &str) -> bool {
        for joining in &mut self.joining {
            if let Some(at) = joining.waiting.iter().position(|waiting| *waiting == symbol) {
                joining.waiting.remove(at);
                let why = format!("{symbol} was removed before it had joined");
                joining.outcomes.push((symbol, Err(AddRefused::Other(why))));
            }
        }
        if self.core.members.remove(&symbol).is_none() {
            return false;
        }
        self.core.feed.remove(symbol).await;
        self.core.removed.insert(symbol);
        self.core.names = None;
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

    async fn resume(&mut self, symbol: Symbol, from_seq: u64) {
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
    async fn back_fill(&mut self, symbol: Symbol) {
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
async fn hand_over(member: &mut Member, inputs: Vec<Input>) {
    member.attached = true;
    member.back_at_boundary = false;
    member.held.clear(); // the ring has it
    for input in inputs {
        if !member.attached {
            return; // it is gone again, and asks anew when it is back
        }
        post(member, vec![input]).await;
    }
}

/// Sends input to a symbol actor, waiting for a place in its mailbox. An actor that dies while it is waited for frees its
/// places, and asks for what it missed when it is back.
async fn post(member: &mut Member, inputs: Vec<Input>) {
    let Ok(message) = member.seat.door.admit(inputs).await else { return };
    let message: Admitted<Vec<Input>> = message;
    if !member.seat.route.cast(SymbolMsg::Inputs(message)) {
        member.attached = false;
    }
}
