//! A plan run twice and judged, and many of them.

use std::collections::BTreeMap;

use serde::Serialize;
use tensortrade::exit::Failure;

use crate::plan::{Family, Kind, Plan};
use crate::promises::{self, Violation};
use crate::simulate::{self, Counts};

/// What one plan came to. Its JSON is what `run --json` prints.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Seed of the plan.
    pub seed: u64,
    /// Its family.
    pub plan: String,
    /// Hash over everything that happened; the same in every run of the plan.
    pub trace_hash: String,
    /// Faults fired, by kind.
    pub fired: BTreeMap<Kind, u32>,
    /// Promises that were broken.
    pub violations: Vec<Violation>,
    /// Counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Number under which a difference between two runs of the same plan is reported.
pub const SAME_SEED_SAME_TRACE: u8 = 0;

/// Runs a plan once and checks every promise.
pub fn judge_once(plan: &Plan) -> Result<Report, Failure> {
    let ran = simulate::run(plan)?;
    Ok(Report {
        seed: plan.seed,
        plan: plan.name.clone(),
        trace_hash: ran.trace,
        fired: ran.fired,
        violations: promises::check(&ran.history),
        counts: ran.counts,
    })
}

/// Runs a plan twice: both runs must agree in everything, and keep every promise.
pub fn judge(plan: &Plan) -> Result<Report, Failure> {
    let mut first = judge_once(plan)?;
    let second = judge_once(plan)?;
    if first.trace_hash != second.trace_hash {
        first.violations.push(Violation {
            promise: SAME_SEED_SAME_TRACE,
            what: format!("two runs differ: {} and {}", first.trace_hash, second.trace_hash),
        });
    }
    Ok(first)
}

/// Kinds that a campaign was to fire and never did: then it proves nothing about them.
#[must_use]
pub fn unfired(family: &Family, reports: &[Report]) -> Vec<Kind> {
    let fired = |kind: &Kind| reports.iter().any(|report| report.fired.contains_key(kind));
    family.kinds.iter().filter(|kind| !fired(kind)).copied().collect()
}
