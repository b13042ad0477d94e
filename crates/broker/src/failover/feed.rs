//! The two feeds as one.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_market::{Bar, Catalog, Gap, GapReason, Instrument, Symbol, Timeframe, Ts};
use tokio::time::Instant;

use super::Side;
use super::lane::{self, Absence, Lane};
use super::limits::FailoverLimits;
use super::pair::{Decision, Fault, Pair};
use crate::feed::{
    Feed, FeedError, FeedHealth, FeedNotice, FeedSlice, FeedStats, FeedSwitch, MarketBatch, MarketData, Pace,
};

/// Notices held at most, should nobody fetch them.
const NOTICES_MAX: usize = 1_024;

/// Least market time between two alarms of symbols without a good feed: quiet hours are quiet in both.
const TROUBLE_APART_NS: i64 = 600_000_000_000;

/// A symbol, and what was delivered of it.
struct Member {
    pair: Pair,
    /// Latest row delivered.
    delivered: Ts,
    /// Latest row of the interval under way that was left out because its feed is not the source.
    left_out: [Ts; 2],
    /// Once the source has changed: its rows up to this moment are not delivered.
    not_up_to: Option<Ts>,
    /// Whether rows of the interval under way were delivered.
    rows: bool,
    /// Whether the interval is incomplete because its source was switched within it.
    torn: bool,
}

/// A feed over a primary and a backup, taken symbol by symbol.
pub struct FailoverFeed {
    lanes: [Lane; 2],
    limits: FailoverLimits,
    members: BTreeMap<Symbol, Member>,
    catalog: Catalog,
    /// The last boundary handed out.
    boundary: Ts,
    /// Since when one feed waits for the other.
    waiting: Option<Instant>,
    /// When symbols without a good feed were last told of.
    troubled: Ts,
    notices: Vec<FeedNotice>,
    health: FeedHealth,
    rows: u64,
}

impl FailoverFeed {
    /// Both feeds at their start. The catalog describes symbols that appear in the data before anybody has added them.
    #[must_use]
    pub fn new(
        primary: Box<dyn Feed>,
        backup: Box<dyn Feed>,
        limits: FailoverLimits,
        catalog: Catalog,
    ) -> Self {
        Self {
            lanes: [Lane::new(primary), Lane::new(backup)],
            limits,
            members: BTreeMap::new(),
            catalog,
            boundary: Ts::MIN,
            waiting: None,
            troubled: Ts::MIN,
            notices: Vec::new(),
            health: FeedHealth::default(),
            rows: 0,
        }
    }

    async fn next_slice(&mut self) -> Result<Option<FeedSlice>, FeedError> {
        loop {
            self.fetch().await;
            let heads: Vec<Side> =
                Side::BOTH.into_iter().filter(|side| self.lanes[*side as usize].head.is_some()).collect();
            let first = heads
                .iter()
                .copied()
                .min_by_key(|side| self.lanes[*side as usize].head.as_ref().map(lane::order));
            let Some(first) = first else { return self.nothing() };
            let Some(slice) = self.lanes[first as usize].head.take() else { continue };
            self.waiting = None;
            match slice.watermark {
                None => {
                    let batches = self.pass(first, slice.batches);
                    if !batches.is_empty() {
                        return Ok(Some(self.hand_out(batches, None)));
                    }
                }
                Some(ts) => {
                    let mut ending = [Vec::new(), Vec::new()];
                    ending[first as usize] = slice.batches;
                    let other = &mut self.lanes[first.other() as usize];
                    if other.head.as_ref().is_some_and(|head| head.watermark == Some(ts))
                        && let Some(head) = other.head.take()
                    {
                        ending[first.other() as usize] = head.batches;
                    }
                    return Ok(Some(self.end_interval(ts, ending)));
                }
            }
        }
    }

    /// Waits until each feed that gives anything has a slice ready. A live feed is not waited for longer than its limit, and
    /// what a live feed sends within an interval goes on at once. Everything fetched is kept: dropping the wait loses nothing.
    async fn fetch(&mut self) {
        loop {
            let (boundary, limit) = (self.boundary, Duration::from_millis(self.limits.answer_ms_max));
            let [primary, backup] = &mut self.lanes;
            let (lane, other) = match (primary.is_to_ask(boundary), backup.is_to_ask(boundary)) {
                (false, false) => return,
                (true, true) => {
                    tokio::select! {
                        biased;
                        answer = primary.feed.next() => primary.take(answer, boundary),
                        answer = backup.feed.next() => backup.take(answer, boundary),
                    }
                    continue;
                }
                (true, false) => (primary, backup),
                (false, true) => (backup, primary),
            };
            let Some(ready) = &other.head else {
                let answer = lane.feed.next().await;
                lane.take(answer, boundary);
                continue;
            };
            let passing =
                lane.absence == Some(Absence::Silent) || (other.is_live() && ready.watermark.is_none());
            let answer = if passing {
                lane.feed.next().now_or_never()
            } else if lane.is_live() {
                let until = *self.waiting.get_or_insert_with(Instant::now) + limit;
                let answer = tokio::time::timeout_at(until, lane.feed.next()).await.ok();
                if answer.is_none() {
                    lane.absence = Some(Absence::Silent);
                }
                answer
            } else {
                Some(lane.feed.next().await)
            };
            match answer {
                Some(answer) => lane.take(answer, boundary),
                None => return,
            }
        }
    }

    /// Neither feed has anything.
    fn nothing(&mut self) -> Result<Option<FeedSlice>, FeedError> {
        self.note_absences(self.boundary);
        if self.lanes.iter().all(Lane::has_ended) {
            return Ok(None);
        }
        let text = |side: Side| {
            let absence = self.lanes[side as usize].absence.as_ref();
            absence.map(|absence| format!("{side}: {}", absence.text()))
        };
        let texts: Vec<String> = Side::BOTH.into_iter().filter_map(text).collect();
        // Whoever asks pauses first, and then both are asked.
        self.lanes.iter_mut().for_each(Lane::ask_again);
        Err(FeedError::Disconnected(texts.join("; ")))
    }

    fn member(&mut self, symbol: Symbol) -> &mut Member {
        let catalog = &self.catalog;
        self.members.entry(symbol).or_insert_with(|| Member {
            pair: Pair::new(catalog.get(symbol).sessions),
            delivered: Ts::MIN,
            left_out: [Ts::MIN; 2],
            not_up_to: None,
            rows: false,
            torn: false,
        })
    }

    /// Scores data of the interval under way, and keeps what comes from each symbol's source.
    fn pass(&mut self, side: Side, batches: Vec<MarketBatch>) -> Vec<MarketBatch> {
        let mut passed = Vec::with_capacity(batches.len());
        for batch in batches {
            let member = self.member(batch.symbol);
            member.pair.quality(side).observe(&batch.data);
            passed.extend(self.select(side, batch));
        }
        passed
    }

    /// The part of a batch that is delivered: nothing if it is not from the source, and no row twice.
    fn select(&mut self, side: Side, batch: MarketBatch) -> Option<MarketBatch> {
        let member = self.member(batch.symbol);
        let last = lane::last_moment(&batch).unwrap_or(Ts::MIN);
        if member.pair.source() != side {
            let left_out = &mut member.left_out[side as usize];
            *left_out = (*left_out).max(last);
            return None;
        }
        member.rows |= !batch.is_empty();
        member.delivered = member.delivered.max(last);
        let Some(upto) = member.not_up_to else { return Some(batch) };
        let rows = batch.len();
        let data = match batch.data {
            MarketData::Ticks(ticks) if ticks.iter().any(|tick| tick.ts <= upto) => {
                MarketData::Ticks(ticks.iter().filter(|tick| tick.ts > upto).copied().collect())
            }
            MarketData::Bars(timeframe, bars) => {
                MarketData::Bars(timeframe, bars.iter().filter(|bar| bar.start > upto).copied().collect())
            }
            data => data,
        };
        let batch = MarketBatch { symbol: batch.symbol, data };
        self.health.overlap_rows += (rows - batch.len()) as u64;
        (rows == 0 || !batch.is_empty()).then_some(batch)
    }

    /// The last data of an interval: scored, judged, and only then selected, so that a switch takes effect on it.
    fn end_interval(&mut self, ts: Ts, ending: [Vec<MarketBatch>; 2]) -> FeedSlice {
        let before = self.boundary;
        for (side, batches) in Side::BOTH.into_iter().zip(&ending) {
            for batch in batches {
                self.member(batch.symbol).pair.quality(side).observe(&batch.data);
            }
        }
        let down = [0, 1].map(|at| self.lanes[at].absence.is_some());
        let mut switches: BTreeMap<(Side, &'static str), (Vec<Symbol>, String)> = BTreeMap::new();
        let mut suspects: BTreeMap<Symbol, Fault> = BTreeMap::new();
        let mut capped = Vec::new();
        for (symbol, member) in &mut self.members {
            match member.pair.close(ts, down, &self.limits) {
                Decision::Good => {}
                Decision::Suspect(fault) => drop(suspects.insert(*symbol, fault)),
                Decision::Capped(fault) => {
                    suspects.insert(*symbol, fault);
                    capped.push(*symbol);
                }
                Decision::Switched(to, fault) => {
                    // What was delivered, and what belongs to intervals that are over.
                    let upto = member.delivered.max(before.plus_nanos(-1));
                    member.not_up_to = Some(upto);
                    let spoilt = member.rows && fault.is_some_and(Fault::spoils_prices);
                    member.torn = spoilt || member.left_out[to as usize] > upto;
                    let word = fault.map_or("recovered", Fault::word);
                    let entry = switches.entry((to, word)).or_default();
                    if entry.0.is_empty() {
                        entry.1 = fault.map_or_else(
                            || "the primary has been good for long enough".to_owned(),
                            |fault| fault.to_string(),
                        );
                    }
                    entry.0.push(*symbol);
                }
            }
        }
        self.note_absences(ts);
        self.note_switches(ts, switches);
        self.note_trouble(ts, &suspects, &capped);
        let mut delivered = Vec::new();
        for (side, batches) in Side::BOTH.into_iter().zip(ending) {
            for batch in batches {
                // What cannot be trusted is not delivered; the stretch is marked below.
                let spoilt = suspects.get(&batch.symbol).is_some_and(|fault| fault.spoils_prices());
                if spoilt && self.member(batch.symbol).pair.source() == side {
                    self.health.withheld_rows += batch.len() as u64;
                    continue;
                }
                delivered.extend(self.select(side, batch));
            }
        }
        if before > Ts::MIN {
            delivered.extend(self.gaps(before, ts, &suspects));
        }
        for member in self.members.values_mut() {
            (member.rows, member.torn, member.left_out) = (false, false, [Ts::MIN; 2]);
        }
        self.boundary = ts;
        self.hand_out(delivered, Some(ts))
    }

    /// Marks the interval for symbols whose data of it was lost with its feed, withheld, or torn by a switch.
    fn gaps(&self, from: Ts, to: Ts, suspects: &BTreeMap<Symbol, Fault>) -> Vec<MarketBatch> {
        let gap = MarketData::Gap(Gap { from, to, reason: GapReason::FeedLost });
        let lost = |fault: &Fault| fault.spoils_prices() || *fault == Fault::Down;
        let members = self.members.iter();
        let incomplete =
            members.filter(|(symbol, member)| member.torn || suspects.get(symbol).is_some_and(lost));
        incomplete.map(|(symbol, _)| MarketBatch { symbol: *symbol, data: gap.clone() }).collect()
    }

    fn hand_out(&mut self, batches: Vec<MarketBatch>, watermark: Option<Ts>) -> FeedSlice {
        self.rows += batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
        FeedSlice { batches, watermark }
    }

    fn notice(&mut self, notice: FeedNotice) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(notice);
        } else {
            tracing::error!(?notice, "nobody fetches what the feeds have to tell");
        }
    }

    fn alarm(&mut self, ts: Ts, code: &'static str, text: String) {
        self.notice(FeedNotice::Alarm { ts, code, text });
    }

    /// Tells when a feed goes down or comes back.
    fn note_absences(&mut self, ts: Ts) {
        for side in Side::BOTH {
            let state = self.lanes[side as usize].absence.as_ref().map(Absence::text).unwrap_or_default();
            let shown = match side {
                Side::Primary => &mut self.health.primary,
                Side::Backup => &mut self.health.backup,
            };
            if *shown == state {
                continue;
            }
            let before = std::mem::replace(shown, state.clone());
            let text = if state.is_empty() {
                format!("the {side} feed is back (it was: {before})")
            } else {
                format!("the {side} feed is down: {state}")
            };
            let code = if state.is_empty() { "feed_back" } else { "feed_down" };
            self.alarm(ts, code, text);
        }
    }

    fn note_switches(&mut self, ts: Ts, switches: BTreeMap<(Side, &'static str), (Vec<Symbol>, String)>) {
        for ((to, _), (symbols, why)) in switches {
            self.health.switches += 1;
            let reason = match symbols.as_slice() {
                [_] => why,
                [first, rest @ ..] => format!("{why} ({first}; {} more alike)", rest.len()),
                [] => continue,
            };
            self.notice(FeedNotice::Switched(FeedSwitch { to, symbols, reason, ts }));
        }
        let on_backup = self.members.values().filter(|member| member.pair.source() == Side::Backup);
        self.health.on_backup = on_backup.count();
    }

    /// Tells when symbols begin to be without a good feed, and when the cap of switches holds one.
    fn note_trouble(&mut self, ts: Ts, suspects: &BTreeMap<Symbol, Fault>, capped: &[Symbol]) {
        let before = std::mem::replace(&mut self.health.suspect, suspects.len());
        if let Some((symbol, fault)) = suspects.iter().next()
            && before == 0
            && (self.troubled == Ts::MIN || ts.since(self.troubled) >= TROUBLE_APART_NS)
        {
            self.troubled = ts;
            let more = suspects.len() - 1;
            let text = format!("{symbol} and {more} more have no good feed: {fault}");
            self.alarm(ts, "feed_no_good_source", text);
        }
        if let Some(symbol) = capped.first() {
            let cap = self.limits.switches_per_hour_max;
            let text = format!(
                "{symbol} and {} more stay on a bad feed: {cap} switches an hour are the most",
                capped.len() - 1
            );
            self.alarm(ts, "feed_switches_capped", text);
        }
    }
}

impl Feed for FailoverFeed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        Box::pin(self.next_slice())
    }

    /// It is enough that one of the feeds has the symbol.
    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        let instrument = instrument.clone();
        Box::pin(async move {
            let [primary, backup] = &mut self.lanes;
            let answers = (primary.feed.add(&instrument).await, backup.feed.add(&instrument).await);
            match answers {
                (Err(error), Err(_)) => return Err(error),
                (Err(error), Ok(())) | (Ok(()), Err(error)) => {
                    tracing::warn!(symbol = %instrument.symbol, %error, "only one of the feeds has the symbol");
                }
                (Ok(()), Ok(())) => {}
            }
            let symbol = instrument.symbol;
            // Described by whoever adds it; what was learnt of it before stays.
            drop(self.catalog.insert(instrument));
            self.member(symbol);
            Ok(())
        })
    }

    fn remove(&mut self, symbol: Symbol) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for lane in &mut self.lanes {
                lane.feed.remove(symbol).await;
            }
            self.members.remove(&symbol);
        })
    }

    /// From the symbol's source; from the other one where that knows nothing.
    fn history(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        Box::pin(async move {
            let source = self.members.get(&symbol).map_or(Side::Primary, |member| member.pair.source());
            let first = self.lanes[source as usize].feed.history(symbol, timeframe, until, bars_max).await;
            match first {
                Ok(bars) if !bars.is_empty() => Ok(bars),
                first => {
                    let other = &mut self.lanes[source.other() as usize];
                    let second = other.feed.history(symbol, timeframe, until, bars_max).await;
                    if second.is_ok() { second } else { first }
                }
            }
        })
    }

    fn stats(&self) -> FeedStats {
        let [primary, backup] = [0, 1].map(|at| self.lanes[at].feed.stats());
        let progress = [primary.progress_permille, backup.progress_permille].into_iter().flatten().min();
        FeedStats {
            rows: self.rows,
            malformed: primary.malformed + backup.malformed,
            skipped: primary.skipped + backup.skipped,
            late: primary.late + backup.late,
            rounded: primary.rounded + backup.rounded,
            busy_ns: primary.busy_ns + backup.busy_ns,
            progress_permille: progress,
        }
    }

    fn problems(&self) -> Vec<String> {
        self.lanes.iter().flat_map(|lane| lane.feed.problems()).collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.lanes.iter().flat_map(|lane| lane.feed.warnings()).collect()
    }

    fn pace(&self) -> Pace {
        if self.lanes.iter().any(Lane::is_live) { Pace::Live } else { Pace::Consumer }
    }

    fn notices(&mut self) -> Vec<FeedNotice> {
        std::mem::take(&mut self.notices)
    }

    fn health(&self) -> Option<FeedHealth> {
        let late_rows = self.lanes.iter().map(|lane| lane.late_rows).sum();
        Some(FeedHealth { late_rows, ..self.health.clone() })
    }
}
