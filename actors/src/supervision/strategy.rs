//! Which siblings a failure concerns, and who may start before whom. Pure functions over positions in the start order.

use std::ops::Range;

use super::escalation::Escalation;

/// How children depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Fixed children, started in order, then independent of each other.
    OneForOne,
    /// Fixed children that live and die together.
    OneForAll,
    /// Fixed children, each of which needs all earlier ones.
    RestForOne,
    /// Independent children added and removed at run time, keyed by id.
    Dynamic,
}

impl Strategy {
    /// Positions concerned by a failure at `failed` among `count` children, itself included.
    pub fn concerned(self, failed: usize, count: usize) -> Range<usize> {
        match self {
            Self::OneForOne | Self::Dynamic => failed..failed + 1,
            Self::OneForAll => 0..count,
            Self::RestForOne => failed..count,
        }
    }

    /// Whether the child at `position` may start now, given its siblings in start order.
    pub(crate) fn may_start(self, position: usize, siblings: &[Readiness]) -> bool {
        let earlier = &siblings[..position.min(siblings.len())];
        match self {
            Self::Dynamic => true,
            Self::OneForOne => {
                let booted_before = siblings.get(position).is_some_and(|own| own.booted);
                booted_before || earlier.iter().all(|s| s.booted || s.standing != Standing::Coming)
            }
            Self::RestForOne => {
                earlier.iter().all(|s| matches!(s.standing, Standing::Running | Standing::Retired))
            }
            Self::OneForAll => {
                earlier.iter().all(|s| matches!(s.standing, Standing::Running | Standing::Retired))
                    && siblings.iter().all(|s| !s.holds_group)
            }
        }
    }
}

/// What a sibling means to those that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It works.
    Running,
    /// It will run: waiting, starting, recovering, stopping to restart, or backing off.
    Coming,
    /// It ended and is not missed (a finished transient or temporary child).
    Retired,
    /// It is missed and will not come by itself (quarantined, or its escalation is being journalled).
    Missing,
}

/// A sibling as the gate sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Readiness {
    pub(crate) standing: Standing,
    /// It has been running at least once since the supervisor started.
    pub(crate) booted: bool,
    /// It backs off or is missing: a group that lives together waits for it.
    pub(crate) holds_group: bool,
}

/// What to do when a child's budget is spent: the policy, unless the child is critical or asked to be halted.
pub(crate) fn action_for(policy: &Escalation, critical: bool, halted: bool) -> Escalation {
    match (critical, halted) {
        (true, _) if !matches!(policy, Escalation::Exit { .. }) => Escalation::Escalate,
        (false, true) => Escalation::Quarantine,
        _ => policy.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sibling(standing: Standing, booted: bool) -> Readiness {
        Readiness { standing, booted, holds_group: standing == Standing::Missing }
    }

    #[test]
    fn each_strategy_concerns_its_own_siblings() {
        assert_eq!(Strategy::OneForOne.concerned(1, 4), 1..2);
        assert_eq!(Strategy::Dynamic.concerned(1, 4), 1..2);
        assert_eq!(Strategy::OneForAll.concerned(1, 4), 0..4);
        assert_eq!(Strategy::RestForOne.concerned(1, 4), 1..4);
    }

    #[test]
    fn an_ordered_child_waits_for_every_earlier_one() {
        let siblings = [
            sibling(Standing::Running, true),
            sibling(Standing::Coming, true),
            sibling(Standing::Coming, true),
        ];
        for strategy in [Strategy::RestForOne, Strategy::OneForAll] {
            assert!(strategy.may_start(1, &siblings));
            assert!(!strategy.may_start(2, &siblings));
        }
    }

    #[test]
    fn independent_children_wait_at_boot_only() {
        let mut siblings = [sibling(Standing::Coming, false), sibling(Standing::Coming, false)];
        assert!(!Strategy::OneForOne.may_start(1, &siblings));
        siblings[1].booted = true;
        assert!(Strategy::OneForOne.may_start(1, &siblings));
        assert!(Strategy::Dynamic.may_start(1, &siblings));
    }

    #[test]
    fn a_missing_child_holds_those_that_need_it() {
        let siblings = [sibling(Standing::Missing, true), sibling(Standing::Coming, false)];
        assert!(!Strategy::RestForOne.may_start(1, &siblings));
        assert!(!Strategy::OneForAll.may_start(1, &siblings));
        assert!(Strategy::OneForOne.may_start(1, &siblings));
        let retired = [sibling(Standing::Retired, true), sibling(Standing::Coming, false)];
        assert!(Strategy::RestForOne.may_start(1, &retired));
    }

    #[test]
    fn a_critical_child_escalates_and_a_halted_one_is_quarantined() {
        let policy = Escalation::Restart;
        assert_eq!(action_for(&policy, true, false), Escalation::Escalate);
        assert_eq!(action_for(&policy, true, true), Escalation::Escalate);
        assert_eq!(action_for(&policy, false, true), Escalation::Quarantine);
        assert_eq!(action_for(&policy, false, false), policy);
        assert_eq!(action_for(&Escalation::Exit { code: 3 }, true, false), Escalation::Exit { code: 3 });
    }
}
