//! Every planted bug is found within its bound. Only in a build with the feature `planted`:
//! `cargo test --release -p tensortrade-chaos --features planted --test teeth`.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

use std::collections::BTreeSet;

use tensortrade_chaos::teeth::{TEETH, bite};
use tensortrade_market::planted::Bug;

#[test]
fn every_planted_bug_is_found_within_its_number_of_seeds() {
    tensortrade_actors::supervision::install_light_panic_hook();
    let mut missed = Vec::new();
    for tooth in TEETH {
        match bite(&tooth).unwrap() {
            Some(bite) => eprintln!(
                "{:<34} seed {:>2} of {:>2} ({}), promises {:?}",
                bite.bug, bite.seed, bite.seeds_max, bite.plan, bite.promises
            ),
            None => missed.push(tooth.bug.as_str()),
        }
    }
    assert!(missed.is_empty(), "not found within their bounds: {missed:?}");
}

#[test]
fn every_bug_has_a_bound() {
    let bounded: BTreeSet<Bug> = TEETH.iter().map(|tooth| tooth.bug).collect();
    assert_eq!(bounded, Bug::ALL.iter().copied().collect());
}
