//! The breaker's states by scope, and how they change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::{Symbol, Ts};

use super::state::bounded;
use super::{Authority, BreakerChange, BreakerError, BreakerState, ChangeKind, Scope, Trip};

/// Most scopes that can be tripped apart; one more trips the node, so that no trip is lost.
pub const SCOPES_MAX: usize = 4_096;

/// The trips of one scope, each severity on its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    reducing: Option<Trip>,
    halted: Option<Trip>,
}

impl Held {
    fn state(&self) -> BreakerState {
        match (&self.reducing, &self.halted) {
            (_, Some(_)) => BreakerState::Halted,
            (Some(_), None) => BreakerState::Reducing,
            (None, None) => BreakerState::Normal,
        }
    }

    fn slot(&mut self, level: BreakerState) -> Option<&mut Option<Trip>> {
        match level {
            BreakerState::Normal => None,
            BreakerState::Reducing => Some(&mut self.reducing),
            BreakerState::Halted => Some(&mut self.halted),
        }
    }
}

/// The breaker of the node, its strategies and its symbols.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    node: Held,
    strategies: BTreeMap<String, Held>,
    symbols: BTreeMap<Symbol, Held>,
    sequence: u64,
}

impl Breaker {
    /// How many changes there were.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The state of one scope alone.
    #[must_use]
    pub fn state(&self, scope: &Scope) -> BreakerState {
        self.held(scope).map_or(BreakerState::Normal, Held::state)
    }

    /// The worst state among the node, a strategy and a symbol, and the widest scope that has it.
    #[must_use]
    pub fn effective(&self, strategy: &str, symbol: Symbol) -> (BreakerState, Scope) {
        let node = self.node.state();
        let of_strategy = self.strategies.get(strategy).map_or(BreakerState::Normal, Held::state);
        let of_symbol = self.symbols.get(&symbol).map_or(BreakerState::Normal, Held::state);
        if node >= of_strategy && node >= of_symbol {
            (node, Scope::Node)
        } else if of_strategy >= of_symbol {
            (of_strategy, Scope::Strategy(strategy.to_owned()))
        } else {
            (of_symbol, Scope::Symbol(symbol))
        }
    }

    /// The trip that holds a scope in its present state.
    #[must_use]
    pub fn trip_of(&self, scope: &Scope) -> Option<&Trip> {
        let held = self.held(scope)?;
        held.halted.as_ref().or(held.reducing.as_ref())
    }

    /// Every scope that is not normal.
    pub fn tripped(&self) -> impl Iterator<Item = (Scope, BreakerState)> {
        let node = std::iter::once((Scope::Node, self.node.state()));
        let strategies = self.strategies.iter().map(|(name, h)| (Scope::Strategy(name.clone()), h.state()));
        let symbols = self.symbols.iter().map(|(symbol, h)| (Scope::Symbol(*symbol), h.state()));
        node.chain(strategies).chain(symbols).filter(|(_, state)| *state > BreakerState::Normal)
    }

    /// When the next cool-down ends.
    #[must_use]
    pub fn next_cool_down(&self) -> Option<Ts> {
        let all = std::iter::once(&self.node).chain(self.strategies.values()).chain(self.symbols.values());
        all.flat_map(|held| [&held.reducing, &held.halted]).flatten().filter_map(|trip| trip.until).min()
    }

    /// Raises a scope to `level`. `cool_down_ns` declares that the trip ends by itself after that time; without it only
    /// a reset ends it. `None` when nothing changed: the level is [`BreakerState::Normal`], or a trip of this severity
    /// that lasts at least as long is already there.
    pub fn trip(
        &mut self,
        scope: Scope,
        level: BreakerState,
        (by, reason): (&str, &str),
        at: Ts,
        cool_down_ns: Option<i64>,
    ) -> Option<BreakerChange> {
        let scope = if self.has_room_for(&scope) { scope } else { Scope::Node };
        let until = cool_down_ns.map(|ns| at.plus_nanos(ns.max(0)));
        let present = self.held(&scope).and_then(|held| match level {
            BreakerState::Normal => None,
            BreakerState::Reducing => held.reducing.as_ref(),
            BreakerState::Halted => held.halted.as_ref(),
        });
        let lasts = |until: Option<Ts>| until.unwrap_or(Ts::MAX);
        if level == BreakerState::Normal || present.is_some_and(|trip| lasts(trip.until) >= lasts(until)) {
            return None;
        }
        Some(self.change(scope, ChangeKind::Tripped, level, (by, reason), at, until))
    }

    /// Lowers a scope to `to`, with authority.
    pub fn reset(
        &mut self,
        scope: Scope,
        to: BreakerState,
        authority: &Authority,
        at: Ts,
    ) -> Result<BreakerChange, BreakerError> {
        let state = self.state(&scope);
        if state <= to {
            return Err(BreakerError::NothingToReset { scope, state, to });
        }
        Ok(self.change(scope, ChangeKind::Reset, to, (&authority.who, &authority.reason), at, None))
    }

    /// Ends the cool-downs that are over at `now`.
    pub fn elapse(&mut self, now: Ts) -> Vec<BreakerChange> {
        let over =
            |trip: &Option<Trip>| trip.as_ref().and_then(|t| t.until).is_some_and(|until| until <= now);
        let node = std::iter::once((Scope::Node, &self.node));
        let strategies = self.strategies.iter().map(|(name, held)| (Scope::Strategy(name.clone()), held));
        let symbols = self.symbols.iter().map(|(symbol, held)| (Scope::Symbol(*symbol), held));
        let mut ended = Vec::new();
        for (scope, held) in node.chain(strategies).chain(symbols) {
            for (trip, level) in
                [(&held.halted, BreakerState::Halted), (&held.reducing, BreakerState::Reducing)]
            {
                if over(trip) {
                    ended.push((scope.clone(), level));
                }
            }
        }
        let change = |(scope, level)| {
            self.change(
                scope,
                ChangeKind::CooledDown,
                level,
                ("breaker", "declared cool-down ended"),
                now,
                None,
            )
        };
        ended.into_iter().map(change).collect()
    }

    /// Applies a journalled change. One that was applied before is skipped and gives `false`.
    pub fn apply(&mut self, change: &BreakerChange) -> Result<bool, BreakerError> {
        if change.sequence <= self.sequence {
            return Ok(false);
        }
        if change.sequence != self.sequence + 1 {
            return Err(BreakerError::OutOfSequence { last: self.sequence, found: change.sequence });
        }
        let BreakerChange { kind, level, at, until, .. } = *change;
        self.change(change.scope.clone(), kind, level, (&change.by, &change.reason), at, until);
        Ok(true)
    }

    /// The one place where state changes, for live calls and for the journal alike.
    fn change(
        &mut self,
        scope: Scope,
        kind: ChangeKind,
        level: BreakerState,
        (by, reason): (&str, &str),
        at: Ts,
        until: Option<Ts>,
    ) -> BreakerChange {
        let from = self.state(&scope);
        let trip = Trip { reason: bounded(reason), by: bounded(by), at, until };
        let held = self.held_mut(&scope);
        match kind {
            ChangeKind::Tripped => {
                if let Some(slot) = held.slot(level) {
                    *slot = Some(trip.clone());
                }
            }
            ChangeKind::CooledDown => {
                if let Some(slot) = held.slot(level) {
                    *slot = None;
                }
            }
            ChangeKind::Reset => {
                held.halted = None;
                held.reducing = match level {
                    BreakerState::Normal => None,
                    // A halt lowered to reducing stays there until it is reset again, also where nothing else held it.
                    _ => held.reducing.take().filter(|kept| kept.until.is_none()).or(Some(trip.clone())),
                };
            }
        }
        let to = held.state();
        if to == BreakerState::Normal {
            match &scope {
                Scope::Node => {}
                Scope::Strategy(name) => drop(self.strategies.remove(name)),
                Scope::Symbol(symbol) => drop(self.symbols.remove(symbol)),
            }
        }
        self.sequence += 1;
        let Trip { reason, by, at, until } = trip;
        BreakerChange { sequence: self.sequence, scope, kind, level, from, to, reason, by, at, until }
    }

    fn held(&self, scope: &Scope) -> Option<&Held> {
        match scope {
            Scope::Node => Some(&self.node),
            Scope::Strategy(name) => self.strategies.get(name),
            Scope::Symbol(symbol) => self.symbols.get(symbol),
        }
    }

    fn held_mut(&mut self, scope: &Scope) -> &mut Held {
        match scope {
            Scope::Node => &mut self.node,
            Scope::Strategy(name) => self.strategies.entry(name.clone()).or_default(),
            Scope::Symbol(symbol) => self.symbols.entry(*symbol).or_default(),
        }
    }

    fn has_room_for(&self, scope: &Scope) -> bool {
        self.held(scope).is_some() || self.strategies.len() + self.symbols.len() < SCOPES_MAX
    }
}
