//! The breaker only gets stricter by itself, only looser with authority or a declared cool-down, and a replay of its
//! journalled changes gives the same breaker.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

use proptest::prelude::*;
use tensortrade_market::{Symbol, Ts};
use tensortrade_risk::breaker::{BreakerError, ChangeKind, SCOPES_MAX};
use tensortrade_risk::{Authority, Breaker, BreakerChange, BreakerState, Scope};

const BY: (&str, &str) = ("watchdog", "test");

fn secs(n: i64) -> Ts {
    Ts::from_secs(n)
}

fn authority() -> Authority {
    Authority::new("operator", "checked the account").unwrap()
}

#[test]
fn a_trip_raises_severity_and_never_lowers_it() {
    let mut breaker = Breaker::default();
    let change = breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(1), None).unwrap();
    assert_eq!((change.from, change.to, change.sequence), (BreakerState::Normal, BreakerState::Halted, 1));
    breaker.trip(Scope::Node, BreakerState::Reducing, BY, secs(2), None).unwrap();
    assert_eq!(breaker.state(&Scope::Node), BreakerState::Halted);
    assert_eq!(breaker.trip(Scope::Node, BreakerState::Normal, BY, secs(3), None), None);
    assert_eq!(breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(3), None), None, "nothing new");
}

#[test]
fn the_worst_of_node_strategy_and_symbol_decides() {
    let (ibm, aig) = (Symbol::intern("IBM").unwrap(), Symbol::intern("AIG").unwrap());
    let mut breaker = Breaker::default();
    breaker.trip(Scope::Strategy("trend".into()), BreakerState::Reducing, BY, secs(1), None);
    breaker.trip(Scope::Symbol(ibm), BreakerState::Halted, BY, secs(1), None);
    assert_eq!(breaker.effective("trend", ibm), (BreakerState::Halted, Scope::Symbol(ibm)));
    assert_eq!(breaker.effective("trend", aig), (BreakerState::Reducing, Scope::Strategy("trend".into())));
    assert_eq!(breaker.effective("other", aig), (BreakerState::Normal, Scope::Node));
    let names: Vec<_> = breaker.tripped().map(|(scope, state)| format!("{scope}={state}")).collect();
    assert_eq!(names, ["strategy:trend=reducing", "symbol:IBM=halted"]);
}

#[test]
fn a_reset_needs_a_name_a_reason_and_something_to_reset() {
    assert!(Authority::new(" ", "because").is_err());
    assert!(Authority::new("operator", " ").unwrap_err().to_string().contains("--reason"));
    let mut breaker = Breaker::default();
    let nothing = breaker.reset(Scope::Node, BreakerState::Normal, &authority(), secs(1));
    assert!(matches!(nothing, Err(BreakerError::NothingToReset { .. })));
    breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(1), None).unwrap();
    let change = breaker.reset(Scope::Node, BreakerState::Normal, &authority(), secs(2)).unwrap();
    assert_eq!((change.kind, change.by.as_str()), (ChangeKind::Reset, "operator"));
    assert_eq!(breaker.state(&Scope::Node), BreakerState::Normal);
}

#[test]
fn a_halt_can_be_lowered_to_reducing_and_then_lasts() {
    let mut breaker = Breaker::default();
    breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(1), None).unwrap();
    breaker.reset(Scope::Node, BreakerState::Reducing, &authority(), secs(2)).unwrap();
    assert_eq!(breaker.state(&Scope::Node), BreakerState::Reducing);
    assert_eq!(breaker.elapse(Ts::MAX), []);
    assert_eq!(breaker.state(&Scope::Node), BreakerState::Reducing);
}

#[test]
fn a_declared_cool_down_ends_its_own_trip_and_no_other() {
    let mut breaker = Breaker::default();
    breaker.trip(Scope::Node, BreakerState::Reducing, BY, secs(1), None).unwrap();
    breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(1), Some(10_000_000_000)).unwrap();
    assert_eq!(breaker.next_cool_down(), Some(secs(11)));
    assert_eq!(breaker.elapse(secs(10)), []);
    let ended = breaker.elapse(secs(11));
    assert_eq!(
        (ended.len(), ended[0].kind, ended[0].to),
        (1, ChangeKind::CooledDown, BreakerState::Reducing)
    );
    assert_eq!(breaker.next_cool_down(), None);
    assert_eq!(breaker.state(&Scope::Node), BreakerState::Reducing);
}

#[test]
fn a_second_trip_can_lengthen_a_cool_down_and_never_shorten_it() {
    let mut breaker = Breaker::default();
    let mut trip =
        |at, cool_down| breaker.trip(Scope::Node, BreakerState::Halted, BY, at, cool_down).is_some();
    assert!(trip(secs(0), Some(10_000_000_000)));
    assert!(!trip(secs(1), Some(5_000_000_000)));
    assert!(trip(secs(1), Some(10_000_000_000)));
    assert!(trip(secs(1), None));
    assert!(!trip(secs(1), Some(99_000_000_000)));
    assert_eq!(breaker.elapse(Ts::MAX.plus_nanos(-1)), []);
}

#[test]
fn when_no_more_scopes_fit_a_trip_is_not_lost_but_takes_the_node() {
    let mut breaker = Breaker::default();
    for at in 0..SCOPES_MAX {
        breaker.trip(Scope::Strategy(format!("s{at}")), BreakerState::Reducing, BY, secs(1), None).unwrap();
    }
    let change =
        breaker.trip(Scope::Strategy("one-more".into()), BreakerState::Halted, BY, secs(1), None).unwrap();
    assert_eq!(change.scope, Scope::Node);
    assert_eq!(breaker.effective("one-more", Symbol::intern("IBM").unwrap()).0, BreakerState::Halted);
}

#[test]
fn a_restored_breaker_is_as_closed_as_it_was() {
    let mut breaker = Breaker::default();
    breaker
        .trip(Scope::Symbol(Symbol::intern("IBM").unwrap()), BreakerState::Halted, BY, secs(1), None)
        .unwrap();
    let text = serde_json::to_string(&breaker).unwrap();
    assert_eq!(serde_json::from_str::<Breaker>(&text).unwrap(), breaker);
}

#[test]
fn a_missing_journal_entry_is_noticed() {
    let mut breaker = Breaker::default();
    breaker.trip(Scope::Node, BreakerState::Reducing, BY, secs(1), None).unwrap();
    let second = breaker.trip(Scope::Node, BreakerState::Halted, BY, secs(1), None).unwrap();
    let mut replayed = Breaker::default();
    assert_eq!(replayed.apply(&second), Err(BreakerError::OutOfSequence { last: 0, found: 2 }));
}

#[derive(Debug, Clone)]
enum Step {
    Trip(u8, bool, Option<i64>),
    Reset(u8, bool),
    Elapse,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4, any::<bool>(), prop::option::of(0i64..20)).prop_map(|(s, halt, cool)| Step::Trip(s, halt, cool)),
        1 => (0u8..4, any::<bool>()).prop_map(|(s, normal)| Step::Reset(s, normal)),
        2 => Just(Step::Elapse),
    ]
}

fn scope(at: u8) -> Scope {
    match at {
        0 => Scope::Node,
        1 => Scope::Strategy("trend".into()),
        2 => Scope::Symbol(Symbol::intern("IBM").unwrap()),
        _ => Scope::Symbol(Symbol::intern("AIG").unwrap()),
    }
}

proptest! {
    #[test]
    fn replaying_the_journal_gives_the_same_breaker_and_only_resets_and_cool_downs_lower_it(
        steps in prop::collection::vec(step(), 0..60)
    ) {
        let mut live = Breaker::default();
        let mut journal: Vec<BreakerChange> = Vec::new();
        for (at, step) in (0i64..).zip(&steps) {
            match step {
                Step::Trip(s, halt, cool_down) => {
                    let level = if *halt { BreakerState::Halted } else { BreakerState::Reducing };
                    let cool_down = cool_down.map(|n| n * 1_000_000_000);
                    journal.extend(live.trip(scope(*s), level, BY, secs(at), cool_down));
                }
                Step::Reset(s, normal) => {
                    let to = if *normal { BreakerState::Normal } else { BreakerState::Reducing };
                    journal.extend(live.reset(scope(*s), to, &authority(), secs(at)));
                }
                Step::Elapse => journal.extend(live.elapse(secs(at))),
            }
        }
        for change in &journal {
            prop_assert!(change.to >= change.from || change.kind != ChangeKind::Tripped, "{:?}", change);
        }
        let text = serde_json::to_string(&journal).unwrap();
        let mut replayed = Breaker::default();
        for change in serde_json::from_str::<Vec<BreakerChange>>(&text).unwrap() {
            prop_assert_eq!(replayed.apply(&change), Ok(true));
            prop_assert_eq!(replayed.apply(&change), Ok(false));
        }
        prop_assert_eq!(replayed, live);
    }
}
