//! Who is a member: joining, leaving, and what is said of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_broker::FeedError;
use tensortrade_journal::Event;
use tensortrade_journal::event::{Watchlist, WatchlistAction};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Bar, Clock, GapReason, Symbol, Ts};
use tokio::sync::oneshot;

use super::Pump;
use super::silence::Heard;
use crate::market::hub::{AddRefused, Added, Member, MemberView, Seat};
use crate::market::ring::Ring;
use crate::market::symbol::SymbolState;
use crate::stopwatch::Stopwatch;
use crate::strategy::cross_section::CrossSectionMsg;
use crate::supervision::{AddReply, SupervisorGone};
use crate::trading::session::SessionMsg;

/// What joining symbols may take of the hub's time at once: then data, steps and commands have their turn. So an add of any
/// size delays a tick of the others by this and by one symbol's history at most. Between two slices that are there already,
/// and while the hub waits for the clock, for data or for a step, joining symbols get one turn after the other.
pub const JOIN_TURN: Duration = Duration::from_millis(10);
/// Symbols that join in one turn at most.
const JOIN_MAX: usize = 512;

/// An add under way. Whoever asked learns from a dropped reply that the pump crashed meanwhile.
pub(super) struct Joining {
    pub(super) waiting: VecDeque<Symbol>,
    pub(super) by: String,
    pub(super) outcomes: Vec<(Symbol, Result<Added, AddRefused>)>,
    pub(super) reply: oneshot::Sender<Vec<(Symbol, Result<Added, AddRefused>)>>,
}

impl Pump<'_> {
    pub(super) fn list(&self) -> Vec<MemberView> {
        let view = |member: &Member| MemberView {
            symbol: member.seat.instrument.symbol,
            asset_class: member.seat.instrument.asset_class.to_string(),
            currency: member.seat.instrument.currency.to_string(),
            quarantined: member.seat.quarantined.load(Ordering::Acquire),
            inputs: member.ring.next_seq(),
        };
        self.core.members.values().map(view).collect()
    }

    pub(super) async fn admit_newcomers(&mut self) {
        let newcomers: Vec<Symbol> = (self.core.in_hand.queues.iter())
            .map(|queue| queue.batch.symbol)
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
    pub(super) async fn join_some(&mut self) {
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
    pub(super) async fn seat(
        &mut self,
        symbol: Symbol,
        with_history: bool,
    ) -> Result<Option<(Arc<Seat>, usize)>, AddRefused> {
        if self.core.members.contains_key(&symbol) && !planted(Bug::DoubleAdd) {
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
        let seat = Arc::new(Seat::new(
            instrument,
            state,
            self.context.inflight_max,
            self.context.stats.treatments.clone(),
        ));
        let member = Member {
            seat: seat.clone(),
            ring: Ring::new(self.context.ring_rows),
            attached: false,
            quarantined: false,
            watermark: Ts::MIN,
            back_at_boundary: false,
            heard: Heard::expected_from(self.core.watermark),
            backlog: None,
        };
        self.core.members.insert(symbol, member);
        self.core.names = None;
        Ok(Some((seat, warm_up_bars)))
    }

    /// What the feed knows of the time up to `until`; without it a symbol goes on cold, and its features say so themselves.
    pub(super) async fn history(&mut self, symbol: Symbol, until: Ts) -> Vec<Bar> {
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
    pub(super) async fn enlist(&mut self, seats: Vec<Arc<Seat>>, by: &str) -> BTreeMap<Symbol, AddRefused> {
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
            if reply.is_err() {
                // It went down over the add, and may have taken it: then it would come up with an actor of nobody.
                let _gone = self.context.symbols.remove(symbol.as_str()).await;
            }
            refused.insert(symbol, AddRefused::Other(format!("{symbol} cannot start: {reply:?}")));
        }
        self.core.names = None;
        if !events.is_empty() {
            self.context.journal.note(events);
        }
        refused
    }

    pub(super) async fn remove(&mut self, symbol: Symbol, by: &str) -> bool {
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
            tracing::warn!(%symbol, %error, "removed while its supervisor is down: it does not come back with it");
        }
        self.context.journal.note(vec![self.watchlist(WatchlistAction::Removed, symbol, by)]);
        true
    }

    pub(super) fn watchlist(&self, action: WatchlistAction, symbol: Symbol, by: &str) -> Event {
        let ts = self.core.watermark.max(self.context.market_clock.now());
        Watchlist { action, symbol, reason: by.to_owned(), ts }.into()
    }
}
