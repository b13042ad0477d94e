//! Process chaos in small: the node as a process of its own, killed and stopped. The campaigns proper are commands of the binary.

use std::path::PathBuf;

use tensortrade_chaos::process::crash::Point;
use tensortrade_chaos::process::node::Program;
use tensortrade_chaos::process::pauses;
use tensortrade_chaos::process::points::{self, Campaign};
use tensortrade_chaos::process::scene::Market;
use tensortrade_chaos::process::soak::{self, Soak};
use tensortrade_journal::event::OrderStatus;

/// The campaign's binary in the place of the node's: the same code, and always of this build.
fn own(word: &str) -> Program {
    Program::at(PathBuf::from(env!("CARGO_BIN_EXE_tensortrade-chaos")), &[word])
}

#[test]
fn a_simulated_market_killed_at_moments_of_a_seed_loses_and_repeats_nothing() {
    let soak =
        Soak { program: own("node"), market: Market::Simulated(1_200), cycles: 6, seed: 3, root: None };
    let report = soak::run(&soak, |_, _| ()).expect("it runs");
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.executions > 0 && report.compared > 0, "{report:?}");
}

#[test]
fn a_replay_killed_at_moments_of_a_seed_loses_and_repeats_nothing() {
    let soak = Soak { program: own("node"), market: Market::Replay(1_200), cycles: 4, seed: 3, root: None };
    let report = soak::run(&soak, |_, _| ()).expect("it runs");
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.executions > 0 && report.compared > 0, "{report:?}");
}

#[test]
fn a_node_that_kills_itself_at_any_point_of_an_orders_way_comes_to_rest_with_its_broker() {
    let campaign = Campaign {
        program: own("node"),
        trapped: own("crash-node"),
        seed: 1,
        hits: 1,
        points: Point::ALL.to_vec(),
        // Recorded, and whether it was sent is not on record: there at every point, and the hardest to resolve.
        states: vec![OrderStatus::Submitted],
        root: None,
    };
    let report = points::run(&campaign, |_| ()).expect("it runs");
    assert_eq!(report.problems, Vec::<String>::new());
    for point in Point::ALL {
        assert!(report.kills.get(&point).is_some_and(|kills| *kills > 0), "{point:?}: {report:?}");
    }
}

#[test]
fn a_process_that_was_stopped_past_the_heartbeats_limit_goes_on() {
    let reports = pauses::run(&own("node"), &[48], 1).expect("it runs");
    for report in reports {
        assert_eq!(report.problems, Vec::<String>::new());
        assert_eq!(report.ended, None, "nobody was hung: {report:?}");
    }
}
