//! A few seeds of every plan, each run twice; and every plan that ever failed, kept as a file.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

use std::path::Path;

use tensortrade_chaos::campaign;
use tensortrade_chaos::plan::{Plan, family};
use tensortrade_chaos::tally::Tally;

/// Runs some seeds of a family; every promise must hold and every kind of fault must have fired. The panic hook of worlds says
/// nothing, so what is wrong is told first.
fn campaign(name: &str, seeds: std::ops::RangeInclusive<u64>) {
    tensortrade_actors::supervision::install_light_panic_hook();
    let family = family(name).unwrap();
    let mut tally = Tally::new(family);
    for seed in seeds {
        let plan = family.draw(seed);
        let report = campaign::judge(&plan).unwrap();
        tally.add(&plan, &report);
        for violation in &report.violations {
            eprintln!("plan {name} of seed {seed}: promise {}: {}", violation.promise, violation.what);
        }
        assert!(report.violations.is_empty(), "run `tensortrade-chaos run --seed {seed} --plan {name}`");
    }
    let unfired = tally.unfired();
    if !unfired.is_empty() {
        eprintln!("the campaign is void, never fired: {unfired:?}");
    }
    assert!(unfired.is_empty(), "the campaign is void");
}

macro_rules! campaigns {
    ($($test:ident: $name:literal $seeds:expr;)*) => {
        $(#[test] fn $test() { campaign($name, $seeds); })*
    };
}

campaigns! {
    a_calm_world_keeps_every_promise: "calm" 1..=1;
    the_process_is_killed_at_any_moment: "kills" 1..=3;
    the_disk_fails: "disk" 1..=3;
    the_feed_is_broken: "feed" 1..=2;
    the_broker_is_unreliable: "broker" 1..=3;
    orders_of_unknown_outcome_while_nobody_answers: "doubt" 1..=2;
    symbols_come_and_go_while_supervisors_die: "members" 1..=2;
    actors_crash_hang_and_crawl: "actors" 1..=3;
    commands_race: "control" 1..=2;
    the_clock_jumps: "clock" 1..=3;
    one_symbol_suffers_alone: "isolation" 1..=2;
    hub_and_symbols_are_killed_and_nothing_differs: "market" 1..=3;
    a_symbol_crashes_and_loses_nothing: "recovery" 1..=2;
    a_bit_of_everything: "storm" 1..=3;
}

#[test]
fn every_plan_that_once_failed_holds_now() {
    tensortrade_actors::supervision::install_light_panic_hook();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no regression is kept");
    for file in files {
        let plan = Plan::read(&file).unwrap();
        let report = campaign::judge(&plan).unwrap();
        for violation in &report.violations {
            eprintln!("{}: promise {}: {}", file.display(), violation.promise, violation.what);
        }
        assert!(report.violations.is_empty(), "{}", file.display());
    }
}
