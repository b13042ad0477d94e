//! Random sequences of commands and faults against a simple model, for every strategy.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::supervision::backoff::Backoff;
use crate::supervision::budget::Budget;
use crate::supervision::escalation::Escalation;

const IDS: [&str; 4] = ["A", "B", "C", "D"];

#[derive(Clone, Copy, Debug)]
enum Op {
    Add(usize),
    AddMany,
    Remove(usize),
    Quarantine(usize),
    Release(usize),
    Started(usize),
    StartFails(usize),
    Crash(usize),
    Killed(usize),
    Ends(usize),
    Stopped(usize),
    Wait(u64),
    Acknowledge,
}

fn op() -> impl Strategy<Value = Op> {
    let id = 0..IDS.len();
    prop_oneof![
        2 => id.clone().prop_map(Op::Add),
        1 => Just(Op::AddMany),
        1 => id.clone().prop_map(Op::Remove),
        1 => id.clone().prop_map(Op::Quarantine),
        1 => id.clone().prop_map(Op::Release),
        5 => id.clone().prop_map(Op::Started),
        1 => id.clone().prop_map(Op::StartFails),
        3 => id.clone().prop_map(Op::Crash),
        1 => id.clone().prop_map(Op::Killed),
        1 => id.clone().prop_map(Op::Ends),
        4 => id.prop_map(Op::Stopped),
        3 => (0_u64..30_000).prop_map(Op::Wait),
        2 => Just(Op::Acknowledge),
    ]
}

fn spec(id: &str) -> ChildSpec {
    let budget = Budget { restarts: 2, consecutive: 2, ..Budget::default() };
    child(id).backoff(Backoff { jitter: 0.5, ..Backoff::default() }).budget(budget)
}

fn apply(w: &mut World, op: Op, model: &mut BTreeSet<&'static str>) {
    let failed = || Err(Failure::Start { message: "no".into() });
    match op {
        Op::Add(n) => {
            if w.add(spec(IDS[n])) == AddReply::Added {
                assert!(model.insert(IDS[n]), "{} was there and was added", IDS[n]);
            }
        }
        Op::AddMany => {
            let answers = w.add_many(IDS.map(spec).into());
            for (id, answer) in IDS.into_iter().zip(answers) {
                assert!(answer != AddReply::Added || model.insert(id), "{id} was there and was added");
            }
        }
        Op::Remove(n) => {
            let mut answer = w.remove(IDS[n]);
            if answer.try_recv() != Ok(StopReply::NotDynamic) {
                model.remove(IDS[n]);
            }
        }
        Op::Quarantine(n) => drop(w.quarantine(IDS[n])),
        Op::Release(n) => drop(w.release(IDS[n])),
        Op::Started(n) => w.started(IDS[n], Ok(())),
        Op::StartFails(n) => w.started(IDS[n], failed()),
        Op::Crash(n) => w.dies(IDS[n], crash()),
        Op::Killed(n) => w.dies(IDS[n], Exit::Abnormal(Failure::Killed)),
        Op::Ends(n) => w.dies(IDS[n], Exit::Normal(None)),
        Op::Stopped(n) => w.stopped(IDS[n]),
        Op::Wait(ms) => w.wait(Duration::from_millis(ms)),
        Op::Acknowledge => w.acknowledge(),
    }
}

/// What must hold after every single operation.
fn check(w: &World, dynamic: bool, model: &BTreeSet<&'static str>) {
    for id in IDS {
        let there = w.machine.child(&id.into());
        let going = w.actors.get(&ChildId::from(id)).is_some_and(|a| matches!(a, Actor::Stopping(_)));
        if model.contains(id) {
            let child = there.unwrap_or_else(|| panic!("{id} was lost"));
            assert!(
                !dynamic
                    || child.state != ChildState::Stopped
                    || child.escalating.is_some()
                    || w.machine.waiting.contains_key(&child.ticket),
                "{id} is silently down"
            );
        } else {
            assert!(there.is_none() || going, "{id} is there though it was removed");
            assert!(!w.actors.contains_key(&ChildId::from(id)) || going, "{id} lives though it was removed");
        }
    }
    let starting = w.machine.children.values().filter(|child| child.state == ChildState::Starting).count();
    assert_eq!(w.machine.starting, starting, "starts are miscounted");
    let room = starting < w.machine.spec.starts_max;
    assert!(!dynamic || starting <= w.machine.spec.starts_max, "{starting} start at a time");
    assert!(w.machine.waiting.is_empty() || !room, "some wait although there is room");
    assert!(w.machine.deadlines.len() <= IDS.len() + w.machine.pending.len(), "deadlines leak");
}

/// Earlier siblings run whenever one starts; later ones are gone whenever one is stopped for its group.
fn check_order(w: &World, from: usize) {
    for effect in &w.effects[from..] {
        if let Effect::Start { id, .. } = effect {
            let position = IDS.iter().position(|other| *other == id.as_str()).unwrap();
            for earlier in &IDS[..position] {
                assert!(
                    matches!(w.actors.get(&ChildId::from(*earlier)), Some(Actor::Running(_))),
                    "{id} started before {earlier} ran"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_dynamic_supervisor_agrees_with_its_model_and_heals(
        starts_max in 1_usize..5,
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let mut w = World::new(SupervisorSpec::dynamic("d").starts_max(starts_max));
        let mut model = BTreeSet::new();
        for op in ops {
            apply(&mut w, op, &mut model);
            check(&w, true, &model);
        }
        // Faults stop: everything that is there and not quarantined runs within a bounded time.
        w.settle(10);
        for id in IDS {
            match w.state(id) {
                None => prop_assert!(!model.contains(id)),
                Some(state) => prop_assert!(
                    matches!(state, ChildState::Running | ChildState::Quarantined(_)), "{} is {:?}", id, state
                ),
            }
        }
    }

    #[test]
    fn ordered_supervisors_keep_their_order_under_any_faults(
        rest in any::<bool>(),
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let children = IDS.iter().map(|id| spec(id)).collect();
        let build = if rest { SupervisorSpec::rest_for_one } else { SupervisorSpec::one_for_all };
        let mut w = World::new(build("s", children).on_exhausted(Escalation::Quarantine));
        let mut model: BTreeSet<&'static str> = IDS.into();
        for op in ops {
            let from = w.effects.len();
            apply(&mut w, op, &mut model);
            check(&w, false, &model);
            check_order(&w, from);
        }
        w.settle(30);
        for id in IDS {
            if matches!(w.state(id), Some(ChildState::Quarantined(_))) {
                prop_assert_eq!(w.release(id), ReleaseReply::Released);
            }
        }
        w.settle(30);
        for id in IDS {
            prop_assert_eq!(w.state(id), Some(ChildState::Running), "{}", id);
        }
    }

    #[test]
    fn a_shutdown_at_any_moment_ends_with_every_child_down(
        which in 0_usize..4,
        before in prop::collection::vec(op(), 1..60),
        during in prop::collection::vec(op(), 0..20),
    ) {
        let children = || IDS.iter().map(|id| spec(id)).collect();
        let spec = match which {
            0 => SupervisorSpec::one_for_one("s", children()),
            1 => SupervisorSpec::one_for_all("s", children()),
            2 => SupervisorSpec::rest_for_one("s", children()),
            _ => SupervisorSpec::dynamic("s").starts_max(2),
        };
        let mut w = World::new(spec.on_exhausted(Escalation::TripBreaker { scope: "all".into() }));
        let mut model: BTreeSet<&'static str> = BTreeSet::new();
        for op in before {
            apply(&mut w, op, &mut model);
        }
        w.step(Input::Shutdown);
        for op in during {
            apply(&mut w, op, &mut model);
        }
        w.settle(10);
        prop_assert!(w.finished);
        prop_assert!(w.actors.is_empty());
    }
}
