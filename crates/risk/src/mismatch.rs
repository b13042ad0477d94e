//! A difference between our books and the broker's that stands: it trips the breaker.
//!
//! While books differ no order leaves anyway. The trip is for afterwards: a difference that was there long enough to be no
//! fill on its way is a fault of somebody, and a person has to say that it is understood, also when it is gone by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::breaker::{BreakerState, Scope};
use crate::conduct::ConductBreach;
use crate::limits::{LimitError, LimitErrors};

/// Longest limit that can be asked for: a day.
const LIMIT_MS_MAX: u64 = 86_400_000;

/// When a difference trips the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MismatchLimits {
    /// How long the same difference stands, by the clock, in milliseconds; 0 turns it off.
    pub stands_ms: u64,
}

impl Default for MismatchLimits {
    fn default() -> Self {
        Self { stands_ms: 30_000 }
    }
}

impl MismatchLimits {
    /// Checks the range.
    pub fn validate(&self) -> Result<(), LimitErrors> {
        if self.stands_ms == 0 || (1_000..=LIMIT_MS_MAX).contains(&self.stands_ms) {
            return Ok(());
        }
        let value = self.stands_ms.to_string();
        Err(LimitErrors(vec![LimitError { key: "stands_ms", value, range: "0, or 1000 to 86400000" }]))
    }
}

/// One difference as it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What is tripped.
    pub scope: Scope,
    /// What differs, for people, with both values.
    pub what: String,
    /// Theirs less ours, in the smallest units.
    pub by: i128,
}

/// Differences that stand, and since when. Memory: one entry a difference of the last look.
#[derive(Debug, Clone, Default)]
pub struct MismatchWatch {
    limits: MismatchLimits,
    standing: Vec<Standing>,
}

#[derive(Debug, Clone)]
struct Standing {
    found: Mismatch,
    since: Duration,
    told: bool,
}

impl MismatchWatch {
    /// None stands.
    #[must_use]
    pub fn new(limits: MismatchLimits) -> Self {
        Self { limits, standing: Vec::new() }
    }

    /// What a look found, all of it, at `now` on any clock that does not go back; a clean look finds nothing. Gives what is to
    /// be tripped: each difference once for as long as it stands by the same amount.
    pub fn looked(&mut self, found: Vec<Mismatch>, now: Duration) -> Vec<ConductBreach> {
        let before = std::mem::take(&mut self.standing);
        let limit = Duration::from_millis(self.limits.stands_ms);
        let mut breaches = Vec::new();
        for found in found {
            let known = before.iter().find(|b| b.found.scope == found.scope && b.found.by == found.by);
            let (since, mut told) = known.map_or((now, false), |b| (b.since, b.told));
            let stands = now.saturating_sub(since);
            if !limit.is_zero() && !told && stands >= limit {
                told = true;
                // What is held is not known: nothing of the symbol may leave. Money is no reason to keep positions open.
                let level = match found.scope {
                    Scope::Symbol(_) => BreakerState::Halted,
                    Scope::Node | Scope::Strategy(_) => BreakerState::Reducing,
                };
                let secs = stands.as_secs();
                let reason = format!("our books and the broker's differ for {secs} s: {}", found.what);
                breaches.push(ConductBreach { scope: found.scope.clone(), level, reason });
            }
            self.standing.push(Standing { found, since, told });
        }
        breaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Symbol;

    fn of(name: &str, by: i128) -> Mismatch {
        let scope = Scope::Symbol(Symbol::intern(name).unwrap());
        Mismatch { scope, what: format!("position {name}: ours 1, theirs {}", 1 + by), by }
    }

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_difference_trips_its_symbol_once_it_stood_for_the_limit_and_only_once() {
        let mut watch = MismatchWatch::new(MismatchLimits { stands_ms: 10_000 });
        assert_eq!(watch.looked(vec![of("IBM", 5)], secs(0)), []);
        assert_eq!(watch.looked(vec![of("IBM", 5)], secs(9)), []);
        let breaches = watch.looked(vec![of("IBM", 5), of("AIG", 1)], secs(10));
        let [breach] = breaches.as_slice() else { panic!("{breaches:?}") };
        assert_eq!(breach.scope, Scope::Symbol(Symbol::intern("IBM").unwrap()));
        assert_eq!(breach.level, BreakerState::Halted);
        assert!(breach.reason.contains("10 s: position IBM: ours 1, theirs 6"), "{}", breach.reason);
        assert_eq!(watch.looked(vec![of("IBM", 5)], secs(100)), []);
    }

    #[test]
    fn one_that_moves_or_was_gone_counts_anew() {
        let mut watch = MismatchWatch::new(MismatchLimits { stands_ms: 10_000 });
        for at in 0..100 {
            assert_eq!(watch.looked(vec![of("IBM", i128::from(at))], secs(at)), []);
        }
        assert_eq!(watch.looked(vec![], secs(100)), []);
        assert_eq!(watch.looked(vec![of("IBM", 99)], secs(101)), []);
        assert_eq!(watch.looked(vec![of("IBM", 99)], secs(111)).len(), 1);
    }

    #[test]
    fn cash_reduces_the_node_and_zero_turns_it_off() {
        let cash = Mismatch { scope: Scope::Node, what: "cash USD".into(), by: 1 };
        let mut watch = MismatchWatch::new(MismatchLimits { stands_ms: 1_000 });
        watch.looked(vec![cash.clone()], secs(0));
        assert_eq!(watch.looked(vec![cash.clone()], secs(1))[0].level, BreakerState::Reducing);
        let mut off = MismatchWatch::new(MismatchLimits { stands_ms: 0 });
        off.looked(vec![cash.clone()], secs(0));
        assert_eq!(off.looked(vec![cash], secs(1_000)), []);
        assert!(MismatchLimits { stands_ms: 999 }.validate().is_err());
        assert!(MismatchLimits::default().validate().is_ok());
    }
}
