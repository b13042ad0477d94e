//! A few seeds of every plan, each run twice; and every plan that ever failed, kept as a file.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

use std::path::Path;

use tensortrade_chaos::campaign::{self, Report};
use tensortrade_chaos::plan::{Plan, family};

/// Runs some seeds of a family; every promise must hold and every kind of fault must have fired.
fn campaign(name: &str, seeds: std::ops::RangeInclusive<u64>) {
    tensortrade_actors::supervision::install_light_panic_hook();
    let family = family(name).unwrap();
    let reports: Vec<Report> = seeds.map(|seed| campaign::judge(&family.draw(seed)).unwrap()).collect();
    for report in &reports {
        assert!(
            report.violations.is_empty(),
            "plan {name} of seed {}: {:#?}\nrun `tensortrade-chaos run --seed {} --plan {name}`",
            report.seed,
            report.violations,
            report.seed
        );
    }
    let unfired = campaign::unfired(family, &reports);
    assert!(unfired.is_empty(), "the campaign is void, never fired: {unfired:?}");
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
    actors_crash_hang_and_crawl: "actors" 1..=3;
    commands_race: "control" 1..=2;
    the_clock_jumps: "clock" 1..=1;
    one_symbol_suffers_alone: "isolation" 1..=2;
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
        assert!(report.violations.is_empty(), "{}: {:#?}", file.display(), report.violations);
    }
}
