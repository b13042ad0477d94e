//! A plan run twice and judged.

use std::collections::BTreeMap;

use serde::Serialize;
use tensortrade::exit::Failure;

use crate::plan::{Kind, Plan};
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
    /// Steps of all worlds that were run for it.
    pub steps_run: u64,
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
        steps_run: ran.steps_run,
    })
}

/// Runs a plan twice: both runs must agree in everything, and keep every promise.
pub fn judge(plan: &Plan) -> Result<Report, Failure> {
    let mut first = judge_once(plan)?;
    let second = judge_once(plan)?;
    first.steps_run += second.steps_run;
    if first.trace_hash != second.trace_hash {
        first.violations.push(Violation {
            promise: SAME_SEED_SAME_TRACE,
            what: format!("two runs differ: {} and {}", first.trace_hash, second.trace_hash),
        });
    }
    Ok(first)
}
