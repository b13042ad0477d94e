//! Two crashes on the same input quarantine the input, not the child.
//!
//! A child stores the id of the input it begins in its pulse (one atomic store). At a crash the supervisor reads it; when
//! two crashes in a row read the same id, that input is poisoned and the next incarnation is told, so that it can put a
//! `Gap` in its place (or halt, where an input must not be skipped).

use std::collections::VecDeque;

/// Poisoned inputs remembered per child; older ones are out of every replay ring by then.
pub const POISONED_MAX: usize = 16;

/// The poison rule for one child.
#[derive(Clone, Debug, Default)]
pub struct PoisonRule {
    last_crash_input: Option<u64>,
    poisoned: VecDeque<u64>,
}

impl PoisonRule {
    /// Books the input that was being handled at a crash; says which input is poisoned by it, if one is. O(16).
    pub fn crashed_on(&mut self, input: Option<u64>) -> Option<u64> {
        let repeated = input.filter(|id| self.last_crash_input == Some(*id));
        self.last_crash_input = input;
        let poisoned = repeated?;
        if !self.poisoned.contains(&poisoned) {
            if self.poisoned.len() == POISONED_MAX {
                self.poisoned.pop_front();
            }
            self.poisoned.push_back(poisoned);
        }
        Some(poisoned)
    }

    /// The input condemned last.
    pub fn newest(&self) -> Option<u64> {
        self.poisoned.back().copied()
    }

    /// Every input still remembered as poisoned, oldest first.
    pub fn all(&self) -> Vec<u64> {
        self.poisoned.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_at_two_crashes_in_a_row_is_poisoned() {
        let mut rule = PoisonRule::default();
        assert_eq!(rule.crashed_on(Some(7)), None);
        assert_eq!(rule.crashed_on(Some(7)), Some(7));
        assert_eq!(rule.newest(), Some(7));
    }

    #[test]
    fn another_input_or_none_between_two_crashes_breaks_the_row() {
        let mut rule = PoisonRule::default();
        for input in [Some(7), Some(8), Some(7), None, Some(7)] {
            assert_eq!(rule.crashed_on(input), None);
        }
        assert_eq!(PoisonRule::default().crashed_on(None), None);
    }

    #[test]
    fn no_input_twice_is_not_poison() {
        let mut rule = PoisonRule::default();
        assert_eq!((rule.crashed_on(None), rule.crashed_on(None)), (None, None));
    }

    #[test]
    fn the_memory_is_bounded_and_keeps_the_newest() {
        let mut rule = PoisonRule::default();
        for id in 0..100 {
            rule.crashed_on(Some(id));
            rule.crashed_on(Some(id));
        }
        assert_eq!(rule.all(), (84..100).collect::<Vec<_>>());
    }
}
