//! How often each treatment of an odd input was applied, over all symbols of a run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tensortrade_market::bars::{BarCounts, TREATMENTS, TickCounts, treatments};

/// Totals, readable at any time; the names are those of `docs/bars.md`.
#[derive(Debug, Default)]
pub struct Treatments([AtomicU64; TREATMENTS]);

/// What of one symbol is in the totals already. A symbol that is rebuilt counts the same inputs again.
#[derive(Debug, Default)]
pub struct Counted(Mutex<[u64; TREATMENTS]>);

impl Counted {
    /// What a symbol begins with is not of this run.
    #[must_use]
    pub fn from(before: (TickCounts, BarCounts)) -> Self {
        Self(Mutex::new(treatments(&before.0, &before.1).map(|(_, count)| count)))
    }
}

impl Treatments {
    /// Adds what a symbol has counted beyond what is in already.
    pub fn note(&self, counted: &Counted, (ticks, bars): (TickCounts, BarCounts)) {
        let mut counted = counted.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((total, known), (_, now)) in self.0.iter().zip(&mut *counted).zip(treatments(&ticks, &bars)) {
            if now > *known {
                total.fetch_add(now - *known, Ordering::Relaxed);
                *known = now;
            }
        }
    }

    /// The treatments that were applied, with how often.
    #[must_use]
    pub fn read(&self) -> Vec<(&'static str, u64)> {
        let names = treatments(&TickCounts::default(), &BarCounts::default());
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        names.iter().zip(counts).map(|((name, _), count)| (*name, count)).filter(|(_, n)| *n > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rebuilt_symbol_counts_again_is_counted_once() {
        let at = |late, locked| (TickCounts { late, locked, ..TickCounts::default() }, BarCounts::default());
        let (totals, one, other) = (Treatments::default(), Counted::from(at(2, 0)), Counted::default());
        totals.note(&one, at(5, 1));
        totals.note(&one, at(3, 0));
        totals.note(&one, at(6, 1));
        totals.note(&other, at(10, 0));
        assert_eq!(totals.read(), [("late", 14), ("locked", 1)]);
    }
}
