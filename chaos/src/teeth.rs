//! Whether the campaigns bite: bugs are planted in the node one by one, and each must be found within so many seeds.
//!
//! A bug counts as found when a plan breaks a promise with it and keeps every promise without it: so it is the bug that was
//! found, and not something else. Needs the feature `planted` (see [`tensortrade_market::planted`]).

use std::collections::BTreeSet;

use serde::Serialize;
use tensortrade::exit::{Code, Failure};
use tensortrade_market::planted::Bug;

use crate::campaign;
use crate::plan::{Plan, family};
use crate::shrink;

/// Where a bug is looked for, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Tooth {
    /// The bug.
    pub bug: Bug,
    /// The plans that are to find it.
    pub family: &'static str,
    /// From seed 1 to this one.
    pub seeds_max: u64,
}

const fn tooth(bug: Bug, family: &'static str, seeds_max: u64) -> Tooth {
    Tooth { bug, family, seeds_max }
}

/// Every bug, each with its bound.
pub const TEETH: [Tooth; 23] = [
    tooth(Bug::DedupeDropped, "broker", 5),
    tooth(Bug::AckBeforeCommit, "kills", 20),
    tooth(Bug::SentBeforeRecord, "calm", 1),
    tooth(Bug::OpenOrdersUncounted, "broker", 20),
    tooth(Bug::ReconcileSkipped, "broker", 5),
    tooth(Bug::UnreconciledOrders, "broker", 20),
    tooth(Bug::RestartWithoutDoubt, "kills", 20),
    tooth(Bug::FillNotRecorded, "calm", 1),
    tooth(Bug::CommissionNotRecorded, "calm", 1),
    tooth(Bug::CashLeak, "calm", 1),
    tooth(Bug::BreakerNotPersisted, "control", 10),
    tooth(Bug::RestartClosesBreaker, "control", 10),
    tooth(Bug::GapMarkerLost, "feed", 5),
    tooth(Bug::StepMarkLost, "actors", 10),
    tooth(Bug::DoubleAdd, "control", 5),
    tooth(Bug::RemovedComesBack, "control", 20),
    tooth(Bug::ReservationReleasedOnTimeout, "broker", 20),
    tooth(Bug::SilenceReadAsNotSent, "doubt", 5),
    tooth(Bug::FailedQueryReadAsFlat, "doubt", 20),
    tooth(Bug::ReducingIgnored, "control", 10),
    tooth(Bug::LeaseIgnored, "control", 10),
    tooth(Bug::StaleChildRestarted, "members", 10),
    tooth(Bug::CrashLosesInput, "recovery", 5),
];

/// How a bug was found.
#[derive(Debug, Clone, Serialize)]
pub struct Bite {
    /// Its name.
    pub bug: String,
    /// The plan's family.
    pub plan: String,
    /// The first seed that found it.
    pub seed: u64,
    /// The bound.
    pub seeds_max: u64,
    /// Promises that it broke.
    pub promises: BTreeSet<u8>,
    /// What was seen first.
    pub what: String,
    /// The plan that found it.
    #[serde(skip)]
    pub found_by: Plan,
}

/// Looks for one bug; `None` when the bound was reached without it.
pub fn bite(tooth: &Tooth) -> Result<Option<Bite>, Failure> {
    let family = family(tooth.family)
        .ok_or_else(|| Failure::new(Code::Failure, format_args!("no plan is called {}", tooth.family)))?;
    for seed in 1..=tooth.seeds_max {
        let plan = family.draw(seed);
        let report = with(tooth.bug, || campaign::judge_once(&plan))?;
        let Some(first) = report.violations.first() else { continue };
        // A plan that fails without the bug too has found something else.
        if !campaign::judge_once(&plan)?.violations.is_empty() {
            continue;
        }
        return Ok(Some(Bite {
            bug: tooth.bug.to_string(),
            plan: tooth.family.to_owned(),
            seed,
            seeds_max: tooth.seeds_max,
            promises: report.violations.iter().map(|violation| violation.promise).collect(),
            what: first.what.clone(),
            found_by: plan,
        }));
    }
    Ok(None)
}

/// The fewest faults that still show the bug.
pub fn shrunk(bug: Bug, plan: &Plan) -> Result<Option<Plan>, Failure> {
    with(bug, || shrink::shrink(plan, |_| {}))
}

/// Runs `work` with the bug planted, and takes it out again.
fn with<T>(bug: Bug, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    plant(Some(bug))?;
    let outcome = work();
    plant(None)?;
    outcome
}

/// Plants a bug for the whole process, or takes it out.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) -> Result<(), Failure> {
    tensortrade_market::planted::plant(bug);
    Ok(())
}

/// A build without planted bugs says how to make one.
#[cfg(not(feature = "planted"))]
pub fn plant(_: Option<Bug>) -> Result<(), Failure> {
    let why = "this build has no bugs to plant; `cargo run --release -p tensortrade-chaos --features planted -- teeth` makes one that has";
    Err(Failure::new(Code::Usage, why))
}
