//! What the broker says to our orders, watched for signs that something is wrong with us: too many rejections.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use tensortrade_market::Symbol;

use crate::breaker::{BreakerState, Scope};
use crate::limits::{LimitError, LimitErrors};

/// When rejections trip the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RejectLimits {
    /// Answers looked back on, over all symbols.
    pub window: u32,
    /// Answers without which no ratio is formed.
    pub answers_min: u32,
    /// Rejected share of the window from which the node only reduces.
    pub ratio: f64,
    /// Rejections one after the other from which a symbol only reduces; 0 turns it off.
    pub symbol_streak: u32,
}

impl Default for RejectLimits {
    fn default() -> Self {
        Self { window: 50, answers_min: 10, ratio: 0.5, symbol_streak: 5 }
    }
}

impl RejectLimits {
    /// Checks every range.
    pub fn validate(&self) -> Result<(), LimitErrors> {
        let mut errors = Vec::new();
        let mut need = |ok: bool, key, value: String, range| {
            if !ok {
                errors.push(LimitError { key, value, range });
            }
        };
        need((1..=10_000).contains(&self.window), "window", self.window.to_string(), "1 to 10000");
        let min = self.answers_min;
        need((1..=self.window).contains(&min), "answers_min", min.to_string(), "1 to window");
        let ratio = self.ratio;
        need(ratio > 0.0 && ratio <= 1.0, "ratio", ratio.to_string(), "more than 0, at most 1");
        need(self.symbol_streak <= 10_000, "symbol_streak", self.symbol_streak.to_string(), "0 to 10000");
        if errors.is_empty() { Ok(()) } else { Err(LimitErrors(errors)) }
    }
}

/// What the breaker is to be tripped to, where, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ConductBreach {
    /// Where.
    pub scope: Scope,
    /// Severity.
    pub level: BreakerState,
    /// With value and limit.
    pub reason: String,
}

/// The last answers of the broker. Memory: the window, and one number per symbol whose last order was rejected.
#[derive(Debug, Clone)]
pub struct Conduct {
    limits: RejectLimits,
    answers: VecDeque<bool>,
    rejected: usize,
    streaks: BTreeMap<Symbol, u32>,
}

impl Conduct {
    /// No answer yet.
    #[must_use]
    pub fn new(limits: RejectLimits) -> Self {
        Self { limits, answers: VecDeque::new(), rejected: 0, streaks: BTreeMap::new() }
    }

    /// An order was accepted or rejected. What breaches a limit is counted anew from here, so that a reset gets a chance.
    pub fn answered(&mut self, symbol: Symbol, rejected: bool) -> Option<ConductBreach> {
        self.answers.push_back(rejected);
        self.rejected += usize::from(rejected);
        while self.answers.len() > self.limits.window as usize {
            self.rejected -= usize::from(self.answers.pop_front() == Some(true));
        }
        if !rejected {
            self.streaks.remove(&symbol);
            return None;
        }
        let streak = self.streaks.entry(symbol).or_default();
        *streak += 1;
        let (streak, longest) = (*streak, self.limits.symbol_streak);
        let (answers, share) = (self.answers.len(), self.rejected as f64 / self.answers.len() as f64);
        if answers >= self.limits.answers_min as usize && share >= self.limits.ratio {
            let reason = format!("{} of the last {answers} orders were rejected", self.rejected);
            self.answers.clear();
            self.rejected = 0;
            return Some(ConductBreach { scope: Scope::Node, level: BreakerState::Reducing, reason });
        }
        if longest > 0 && streak >= longest {
            self.streaks.remove(&symbol);
            let reason = format!("{streak} orders in {symbol} were rejected one after the other");
            return Some(ConductBreach {
                scope: Scope::Symbol(symbol),
                level: BreakerState::Reducing,
                reason,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(name: &str) -> Symbol {
        Symbol::intern(name).unwrap()
    }

    #[test]
    fn half_of_the_answers_rejected_trips_the_node_once_there_are_enough_of_them() {
        let limits = RejectLimits { window: 8, answers_min: 6, ratio: 0.5, symbol_streak: 0 };
        let mut conduct = Conduct::new(limits);
        let answers = [true, true, true, false, false, true];
        let found: Vec<_> = answers.map(|rejected| conduct.answered(symbol("IBM"), rejected)).to_vec();
        assert!(found[..5].iter().all(Option::is_none), "too few answers: {found:?}");
        let breach = found[5].as_ref().unwrap();
        assert_eq!((&breach.scope, breach.level), (&Scope::Node, BreakerState::Reducing));
        assert_eq!(breach.reason, "4 of the last 6 orders were rejected");
        let again = (0..5).filter_map(|_| conduct.answered(symbol("IBM"), true)).count();
        assert_eq!(again, 0, "it counts anew");
        assert!(conduct.answered(symbol("IBM"), true).is_some());
    }

    #[test]
    fn answers_that_left_the_window_do_not_count() {
        let limits = RejectLimits { window: 4, answers_min: 4, ratio: 0.5, symbol_streak: 0 };
        let mut conduct = Conduct::new(limits);
        for _ in 0..100 {
            assert_eq!(conduct.answered(symbol("IBM"), true), None);
            for _ in 0..3 {
                assert_eq!(conduct.answered(symbol("IBM"), false), None);
            }
        }
    }

    #[test]
    fn rejections_of_one_symbol_in_a_row_trip_that_symbol_alone() {
        let limits = RejectLimits { window: 50, answers_min: 50, ratio: 1.0, symbol_streak: 3 };
        let mut conduct = Conduct::new(limits);
        for _ in 0..2 {
            assert_eq!(conduct.answered(symbol("IBM"), true), None);
            assert_eq!(conduct.answered(symbol("AIG"), false), None);
        }
        let breach = conduct.answered(symbol("IBM"), true).unwrap();
        assert_eq!(breach.scope, Scope::Symbol(symbol("IBM")));
        assert_eq!(breach.reason, "3 orders in IBM were rejected one after the other");
    }

    #[test]
    fn limits_out_of_range_are_refused_by_key() {
        assert_eq!(RejectLimits::default().validate(), Ok(()));
        let bad = RejectLimits { window: 5, answers_min: 6, ratio: 0.0, symbol_streak: 1 };
        let text = bad.validate().unwrap_err().to_string();
        assert!(text.contains("answers_min = 6") && text.contains("ratio = 0"), "{text}");
    }
}
