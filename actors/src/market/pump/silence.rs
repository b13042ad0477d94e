//! Silence trips the breaker: a symbol's when it has been without data for too long within its trading hours, the node's when
//! every symbol has.
//!
//! Silence is told by the data: at the next data, however late, and at every boundary. A paced hub also looks at the clock
//! while it plays what it holds, so that nobody waits for the boundary; and a live one always. What a look at the clock finds
//! within an interval, the data of that interval finds too: a decision never depends on the speed.

use std::collections::BTreeMap;
use std::time::Duration;

use tensortrade_broker::{MarketBatch, MarketData, Pace};
use tensortrade_journal::event::Alarm;
use tensortrade_market::{Symbol, Ts};
use tensortrade_risk::breaker::{Authority, BreakerState, Scope};
use tensortrade_risk::silence_ns;

use super::Pump;
use crate::trading::breaker::BreakerMsg;

/// Longest wait for the breaker.
const TRIP_DEADLINE: Duration = Duration::from_secs(5);
/// Who trips, in the breaker's record.
pub const BY: &str = "stale feed";
/// A recording that has nothing for longer than a day is two: crypto trades on weekends too, and files leave months out.
const RECORDINGS_APART_NS: i64 = 86_400_000_000_000;
/// Nanoseconds of a second.
const NS: f64 = 1e9;

/// When somebody was last heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Last data; before there is any, the moment from which it is expected.
    pub last: Ts,
    /// Before this moment the limit cannot be reached.
    look_from: Ts,
    /// Whether this silence has been acted on.
    told: bool,
}

impl Heard {
    /// Expected from `ts` on.
    #[must_use]
    pub const fn expected_from(ts: Ts) -> Self {
        Self { last: ts, look_from: ts, told: false }
    }

    /// Takes data; whether it ends a silence that was acted on.
    fn hear(&mut self, ts: Ts, limit_ns: Option<i64>) -> bool {
        if ts > self.last {
            self.last = ts;
            self.look_from = limit_ns.map_or(Ts::MAX, |limit| ts.plus_nanos(limit));
        }
        std::mem::replace(&mut self.told, false)
    }
}

/// What the hub knows of silence; it outlives the hub's incarnations.
#[derive(Debug)]
pub struct Silence {
    /// Where the data begins, or began again after a silence of all.
    begun: Ts,
    /// Of all symbols together.
    node: Heard,
    /// Trips whose silence is over, and when it ended: they wait for their declared cool-down.
    cooling: BTreeMap<Scope, Ts>,
}

impl Default for Silence {
    fn default() -> Self {
        Self { begun: Ts::MIN, node: Heard::expected_from(Ts::MIN), cooling: BTreeMap::new() }
    }
}

impl Pump<'_> {
    /// Takes note of data before it is sent on: a silence that it ends, and that was too long, is acted on first.
    pub(super) async fn listen(&mut self, batches: &[MarketBatch]) {
        let limits = self.context.stale;
        let (of_symbol, of_node) = (limits.symbol_ns(), limits.node_ns());
        let moments = |batch: &MarketBatch| match &batch.data {
            MarketData::Ticks(ticks) => Some((ticks.first()?.ts, ticks.last()?.ts)),
            MarketData::Bars(_, bars) => Some((bars.first()?.start, bars.last()?.end)),
            MarketData::Gap(_) => None,
        };
        let Some(first) = batches.iter().filter_map(|batch| Some(moments(batch)?.0)).min() else { return };
        let last = self.core.silence.node.last;
        let recorded = self.core.feed.pace() == Pace::Consumer;
        if last == Ts::MIN || (recorded && first.since(last) > RECORDINGS_APART_NS) {
            // The data begins here, or another recording does: nobody was silent before.
            self.core.silence.begun = first;
            self.core.silence.node = Heard::expected_from(first);
        } else if of_node.is_some() && first >= self.core.silence.node.look_from {
            self.look_at_node(first).await;
        }
        if self.core.silence.node.told {
            // The silence of all is over: each has its whole limit before it, as after an open.
            self.core.silence.begun = first;
        }
        for batch in batches {
            let Some((begins, ends)) = moments(batch) else { continue };
            let Some(member) = self.core.members.get_mut(&batch.symbol) else { continue };
            if of_symbol.is_some() && begins >= member.heard.look_from {
                self.look_at_symbol(batch.symbol, begins).await;
            }
            if of_symbol.is_some_and(|limit| limit < self.context.decision.nanos()) {
                self.listen_within(batch).await;
            }
            let ends = ends.max(begins);
            if let Some(member) = self.core.members.get_mut(&batch.symbol)
                && member.heard.hear(ends, of_symbol)
            {
                self.core.silence.cooling.insert(Scope::Symbol(batch.symbol), ends);
            }
            if self.core.silence.node.hear(ends, of_node) {
                self.core.silence.cooling.insert(Scope::Node, ends);
            }
        }
    }

    /// Silence between the rows of one batch, where the limit is shorter than an interval.
    async fn listen_within(&mut self, batch: &MarketBatch) {
        let MarketData::Ticks(ticks) = &batch.data else { return };
        let limit = self.context.stale.symbol_ns();
        for tick in ticks.iter() {
            let Some(member) = self.core.members.get_mut(&batch.symbol) else { return };
            if tick.ts >= member.heard.look_from {
                self.look_at_symbol(batch.symbol, tick.ts).await;
            } else {
                member.heard.hear(tick.ts, limit);
            }
        }
    }

    /// Acts on every silence that is too long at `now`, and ends cool-downs that are over.
    pub(super) async fn look(&mut self, now: Ts) {
        if now <= self.core.warm_up_until {
            return;
        }
        if self.context.stale.node_ns().is_some() && now >= self.core.silence.node.look_from {
            self.look_at_node(now).await;
        }
        if self.context.stale.symbol_ns().is_some() {
            let due = self.core.members.iter().filter(|(_, member)| now >= member.heard.look_from);
            let due: Vec<Symbol> = due.map(|(symbol, _)| *symbol).collect();
            for symbol in due {
                self.look_at_symbol(symbol, now).await;
            }
        }
        self.cool_down(now).await;
    }

    /// A look by the clock, as far as the clock tells the market's time: within what is being played, or on a live feed.
    pub(super) async fn look_at_clock(&mut self) {
        let Some(now) = self.core.pacer.as_ref().and_then(crate::market::pacing::Pacer::market_now) else {
            return;
        };
        match (self.playing_until, self.core.feed.pace()) {
            (Some(until), _) => self.look(now.min(until)).await,
            (None, Pace::Live) => self.look(now).await,
            // A reader that is slow is not a market that is silent.
            (None, Pace::Consumer) => {}
        }
    }

    async fn look_at_symbol(&mut self, symbol: Symbol, now: Ts) {
        let limits = self.context.stale;
        let warming = now <= self.core.warm_up_until;
        let (Some(limit), expected) = (limits.symbol_ns(), self.core.silence.node.told) else { return };
        let begun = self.core.silence.begun;
        let Some(member) = self.core.members.get_mut(&symbol) else { return };
        let (kind, last) = (member.seat.instrument.sessions, member.heard.last.max(begun));
        let silent = silence_ns(kind, last, now, limits.extended_hours);
        // While all are silent it is the node that is tripped.
        match silent {
            Some(silent) if silent > limit && !member.heard.told && !expected && !warming => {
                member.heard.told = true;
                member.heard.look_from = now.plus_nanos(limit);
                let (silent, limit) = (silent as f64 / NS, limit as f64 / NS);
                let reason =
                    format!("no data of {symbol} for {silent:.0} s of trading, the limit is {limit:.0} s");
                self.trip(Scope::Symbol(symbol), reason, now).await;
            }
            Some(silent) if silent <= limit => {
                member.heard.look_from = now.plus_nanos((limit - silent).max(1));
            }
            Some(_) => {}
            None => member.heard.look_from = now.plus_nanos(limit),
        }
    }

    async fn look_at_node(&mut self, now: Ts) {
        let limits = self.context.stale;
        let warming = now <= self.core.warm_up_until;
        let Some(limit) = limits.node_ns() else { return };
        let begun = self.core.silence.begun;
        let silences = self.core.members.values().filter_map(|member| {
            let (kind, last) = (member.seat.instrument.sessions, member.heard.last.max(begun));
            silence_ns(kind, last, now, limits.extended_hours)
        });
        let node = &mut self.core.silence.node;
        match silences.min() {
            Some(silent) if silent > limit && !warming => {
                if !std::mem::replace(&mut node.told, true) {
                    let (silent, limit) = (silent as f64 / NS, limit as f64 / NS);
                    let reason = format!(
                        "no data of any symbol for {silent:.0} s of trading, the limit is {limit:.0} s"
                    );
                    self.trip(Scope::Node, reason, now).await;
                }
            }
            Some(silent) => node.look_from = now.plus_nanos((limit - silent).max(1)),
            None => node.look_from = now.plus_nanos(limit),
        }
    }

    async fn trip(&mut self, scope: Scope, reason: String, now: Ts) {
        let alarm = Alarm { ts: now, code: "feed_stale".into(), text: format!("{scope}: {reason}") };
        self.context.journal.note(vec![alarm.into()]);
        self.core.silence.cooling.remove(&scope);
        let cools_down = self.context.stale.cool_down_ns().is_some();
        let answer = self.context.breaker.ask(TRIP_DEADLINE, |reply| {
            let (level, by, reply) = (BreakerState::Reducing, BY.to_owned(), Some(reply));
            BreakerMsg::Trip { scope, level, reason, by, cools_down, reply }
        });
        if let Err(error) = answer.await {
            // Nothing is lost by it: what is silent is stale, and risk refuses stale prices by itself.
            tracing::error!(%error, "the breaker does not answer to a silent feed");
        }
    }

    /// Ends trips by silence whose declared cool-down is over, unless somebody else has tripped the scope further.
    async fn cool_down(&mut self, now: Ts) {
        let Some(wait) = self.context.stale.cool_down_ns() else { return };
        let over = self.core.silence.cooling.iter().filter(|(_, since)| now.since(**since) >= wait);
        let over: Vec<Scope> = over.map(|(scope, _)| scope.clone()).collect();
        for scope in over {
            self.core.silence.cooling.remove(&scope);
            let breaker = self.context.breaker_view.load();
            let ours = breaker.trip_of(&scope).is_some_and(|trip| trip.by == BY);
            if !ours || breaker.state(&scope) != BreakerState::Reducing {
                continue;
            }
            let reason = format!("declared cool-down: data flows again since {:.0} s", wait as f64 / NS);
            let Ok(authority) = Authority::new(BY, &reason) else { continue };
            let answer = self.context.breaker.ask(TRIP_DEADLINE, |reply| BreakerMsg::Reset {
                scope,
                authority,
                reply,
            });
            if let Err(error) = answer.await {
                tracing::warn!(%error, "the breaker does not answer to a cool-down: only a reset ends the trip now");
            }
        }
    }
}
