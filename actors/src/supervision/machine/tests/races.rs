//! Removal against everything that can be under way, in every order; and the other orders that once went wrong elsewhere.

use super::*;
use crate::supervision::backoff::Backoff;
use crate::supervision::budget::Budget;
use crate::supervision::escalation::{Escalation, What};
use crate::supervision::heartbeat::Heartbeat;

fn slow(id: &str) -> ChildSpec {
    child(id).backoff(Backoff::fixed(Duration::from_secs(10)))
}

/// Brings a world to one of the states in which a removal may find a child.
fn worlds() -> Vec<(&'static str, World)> {
    let dynamic = || World::new(SupervisorSpec::dynamic("d"));
    let mut out = Vec::new();
    let mut w = dynamic();
    w.add(slow("A"));
    out.push(("starting", w));

    let mut w = dynamic();
    w.add(slow("A").recovers_within(Duration::from_secs(5)));
    w.started("A", Ok(()));
    out.push(("recovering", w));

    let mut w = dynamic();
    w.add(slow("A"));
    w.started("A", Ok(()));
    out.push(("running", w));

    let mut w = dynamic();
    w.add(slow("A"));
    w.started("A", Ok(()));
    w.dies("A", crash());
    out.push(("backoff", w));

    let mut w = dynamic();
    let heartbeat = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::from_secs(2) };
    w.add(slow("A").heartbeat(heartbeat, |_| {}));
    w.started("A", Ok(()));
    (0..3).for_each(|_| w.wait(Duration::from_secs(1)));
    assert_eq!(w.state("A"), Some(ChildState::Stopping));
    out.push(("killed for a hang", w));

    let none = Budget { restarts: 0, ..Budget::default() };
    let mut w = dynamic();
    w.add(slow("A").budget(none));
    w.started("A", Ok(()));
    w.dies("A", crash());
    out.push(("escalating", w));

    let mut w = dynamic();
    w.add(slow("A").budget(none));
    w.started("A", Ok(()));
    w.dies("A", crash());
    w.acknowledge();
    assert!(matches!(w.state("A"), Some(ChildState::Quarantined(_))));
    out.push(("quarantined", w));

    let mut w = dynamic();
    w.add(slow("A"));
    w.started("A", Ok(()));
    drop(w.quarantine("A"));
    out.push(("being quarantined", w));
    out
}

#[test]
fn a_process_that_stood_still_does_not_make_its_children_hung_and_one_that_stays_silent_is_found_later() {
    let mut w = World::new(SupervisorSpec::dynamic("d"));
    let heartbeat = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::from_secs(4) };
    w.add(slow("A").heartbeat(heartbeat, |_| {}));
    w.started("A", Ok(()));
    w.wait(Duration::from_secs(1));
    // Stopped for a minute: the next look comes a minute late.
    w.wait(Duration::from_secs(60));
    assert_eq!(w.state("A"), Some(ChildState::Running));
    (0..4).for_each(|_| w.wait(Duration::from_secs(1)));
    assert_eq!(w.state("A"), Some(ChildState::Running), "its limit is counted from the continuation");
    w.wait(Duration::from_secs(1));
    assert_eq!(w.state("A"), Some(ChildState::Stopping));
}

/// Everything that may still arrive for the child, some of it stale, some not.
const LATE: usize = 7;

fn late(w: &mut World, which: usize, ticket: u64) {
    let id = ChildId::from("A");
    match which {
        0 => w.step(Input::StartDone { id, ticket, result: Ok(()) }),
        1 => w.step(Input::StartDone { id, ticket, result: Err(Failure::Killed) }),
        2 => w.step(Input::Recovered { id, ticket }),
        3 => w.step(Input::Died { id, ticket, exit: crash() }),
        4 => w.acknowledge(),
        5 => w.wait(Duration::from_secs(100)),
        _ => w.stopped("A"),
    }
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for shorter in permutations(n - 1) {
        for at in 0..n {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            out.push(longer);
        }
    }
    out
}

#[test]
fn a_removed_child_never_comes_back_in_any_order() {
    for order in permutations(LATE) {
        for (situation, mut w) in worlds() {
            let ticket = w.machine.child(&"A".into()).unwrap().ticket;
            let starts = w.starts_of("A");
            let mut answer = w.remove("A");
            for which in &order {
                late(&mut w, *which, ticket);
            }
            let context = format!("{situation}, {order:?}");
            assert_eq!(w.state("A"), None, "{context}");
            assert_eq!(w.starts_of("A"), starts, "{context}");
            assert!(matches!(answer.try_recv(), Ok(StopReply::Done(_))), "{context}");
            assert_eq!(w.machine.deadlines.len(), 0, "{context}");
        }
    }
}

#[test]
fn stale_news_of_a_removed_child_do_not_touch_its_successor() {
    for (situation, mut w) in worlds() {
        let ticket = w.machine.child(&"A".into()).unwrap().ticket;
        drop(w.remove("A"));
        w.stopped("A");
        assert_eq!(w.add(slow("A")), AddReply::Added, "{situation}");
        w.started("A", Ok(()));
        let starts = w.starts_of("A");
        for which in 0..LATE {
            late(&mut w, which, ticket);
        }
        assert_eq!(w.state("A"), Some(ChildState::Running), "{situation}");
        assert_eq!(w.starts_of("A"), starts, "{situation}");
    }
}

#[test]
fn stale_news_do_not_end_the_start_of_a_successor() {
    for (situation, mut w) in worlds() {
        let ticket = w.machine.child(&"A".into()).unwrap().ticket;
        drop(w.remove("A"));
        w.stopped("A");
        assert_eq!(w.add(slow("A")), AddReply::Added, "{situation}");
        for which in 0..LATE {
            late(&mut w, which, ticket);
            assert_eq!(w.state("A"), Some(ChildState::Starting), "{situation}, {which}");
        }
    }
}

#[test]
fn the_timer_of_a_removed_child_does_not_wake_its_successor() {
    let mut w = World::new(SupervisorSpec::dynamic("d"));
    w.add(slow("A"));
    w.started("A", Ok(()));
    w.dies("A", crash());
    drop(w.remove("A"));
    w.add(child("A").backoff(Backoff::fixed(Duration::from_secs(100))));
    w.started("A", Ok(()));
    w.dies("A", crash());
    w.wait(Duration::from_secs(50));
    assert!(matches!(w.state("A"), Some(ChildState::Backoff { .. })));
    w.wait(Duration::from_secs(50));
    assert_eq!(w.state("A"), Some(ChildState::Starting));
}

#[test]
fn adding_a_child_that_is_there_answers_so_and_changes_nothing() {
    for (situation, mut w) in worlds() {
        let (state, starts) = (w.state("A"), w.starts_of("A"));
        let reply = w.add(slow("A"));
        assert_ne!(reply, AddReply::Added, "{situation}");
        assert_eq!((w.state("A"), w.starts_of("A")), (state, starts), "{situation}");
    }
}

#[test]
fn removal_overrules_a_quarantine_under_way_and_not_the_other_way_round() {
    let mut w = World::new(SupervisorSpec::dynamic("d"));
    w.add(slow("A"));
    w.started("A", Ok(()));
    let (_first, mut removed, mut late) = (w.quarantine("A"), w.remove("A"), w.quarantine("A"));
    w.stopped("A");
    assert_eq!(w.state("A"), None);
    assert_eq!(removed.try_recv(), Ok(StopReply::Done(StopOutcome::Drained)));
    assert_eq!(late.try_recv(), Ok(StopReply::Done(StopOutcome::Drained)));
}

#[test]
fn the_answer_to_an_escalation_and_its_time_limit_act_once() {
    let spec = SupervisorSpec::dynamic("d").on_exhausted(Escalation::TripBreaker { scope: "all".into() });
    let mut w = World::new(spec.log_timeout(Duration::from_secs(1)));
    w.add(slow("A").budget(Budget { restarts: 0, ..Budget::default() }));
    w.started("A", Ok(()));
    w.dies("A", crash());
    w.wait(Duration::from_secs(1));
    w.acknowledge();
    let trips = w.effects.iter().filter(|effect| matches!(effect, Effect::Trip { .. })).count();
    assert_eq!(trips, 1);
    assert!(w.effects.iter().any(
        |effect| matches!(effect, Effect::Log { event, .. } if matches!(event.what, What::ActedUnjournalled { .. }))
    ));
}

#[test]
fn a_breaker_trips_even_if_the_child_is_removed_or_the_tree_stops_meanwhile() {
    for closes in [false, true] {
        let policy = Escalation::TripBreaker { scope: "all".into() };
        let mut w = World::new(SupervisorSpec::dynamic("d").on_exhausted(policy));
        w.add(slow("A").budget(Budget { restarts: 0, ..Budget::default() }));
        w.started("A", Ok(()));
        w.dies("A", crash());
        if closes {
            w.step(Input::Shutdown);
            assert!(!w.finished, "it owes a trip");
        } else {
            drop(w.remove("A"));
        }
        w.acknowledge();
        assert!(w.effects.iter().any(|effect| matches!(effect, Effect::Trip { .. })));
        assert_eq!(w.finished, closes);
    }
}

#[test]
fn recovery_reported_before_the_start_is_known_counts() {
    let mut w = World::new(SupervisorSpec::dynamic("d"));
    w.add(slow("A").recovers_within(Duration::from_secs(5)));
    let ticket = w.machine.child(&"A".into()).unwrap().ticket;
    w.step(Input::Recovered { id: "A".into(), ticket });
    w.started("A", Ok(()));
    assert_eq!(w.state("A"), Some(ChildState::Running));
}

#[test]
fn churn_leaves_no_deadline_behind() {
    let mut w = World::new(SupervisorSpec::dynamic("d"));
    for _ in 0..1000 {
        w.add(slow("A"));
        w.started("A", Ok(()));
        w.dies("A", crash());
        drop(w.remove("A"));
    }
    assert_eq!(w.machine.deadlines.len(), 0);
}

#[test]
fn one_that_waits_for_its_turn_is_there_and_once_removed_it_never_starts() {
    let mut w = World::new(SupervisorSpec::dynamic("d").starts_max(1));
    assert_eq!(
        w.add_many(["B", "A", "C"].map(slow).into()),
        [AddReply::Added, AddReply::Added, AddReply::Added]
    );
    assert_eq!((w.state("A"), w.starts_of("A")), (Some(ChildState::Stopped), 0));
    assert_eq!(w.add(slow("A")), AddReply::AlreadyRunning);
    assert_eq!(w.remove("A").try_recv(), Ok(StopReply::Done(StopOutcome::WasDown)));
    w.settle(3);
    assert_eq!((w.starts_of("A"), w.starts_of("B"), w.starts_of("C")), (0, 1, 1));
    assert_eq!((w.state("A"), w.state("C")), (None, Some(ChildState::Running)));
}
