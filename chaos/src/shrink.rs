//! Fewer faults that break the same promise: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating
//! failure-inducing input", 2002) over the faults of a plan.

use std::collections::BTreeSet;

use tensortrade::exit::Failure;

use crate::campaign;
use crate::plan::{Fault, Plan};

/// Runs of a world that one shrinking may take.
const RUNS_MAX: u32 = 200;

/// The fewest faults found that still break one of the promises that `plan` breaks; `None` if it breaks none.
pub fn shrink(plan: &Plan, mut progress: impl FnMut(usize)) -> Result<Option<Plan>, Failure> {
    let broken = promises_broken(plan)?;
    if broken.is_empty() {
        return Ok(None);
    }
    let mut runs = 0;
    let faults = minimise(plan.faults.clone(), |faults| {
        if runs >= RUNS_MAX {
            return Ok(false);
        }
        runs += 1;
        let fewer = Plan { faults: faults.to_vec(), ..plan.clone() };
        let fails = !promises_broken(&fewer)?.is_disjoint(&broken);
        if fails {
            progress(faults.len());
        }
        Ok(fails)
    })?;
    Ok(Some(Plan { faults, ..plan.clone() }))
}

fn promises_broken(plan: &Plan) -> Result<BTreeSet<u8>, Failure> {
    Ok(campaign::judge_once(plan)?.violations.iter().map(|violation| violation.promise).collect())
}

/// The algorithm itself: drops ever smaller parts of the list for as long as what is left still fails. O(n^2) tests at most.
fn minimise<E>(
    mut faults: Vec<Fault>,
    mut fails: impl FnMut(&[Fault]) -> Result<bool, E>,
) -> Result<Vec<Fault>, E> {
    let mut parts = 2;
    while !faults.is_empty() {
        let size = faults.len().div_ceil(parts);
        let mut smaller = None;
        for start in (0..faults.len()).step_by(size) {
            let without: Vec<Fault> = faults
                .iter()
                .enumerate()
                .filter(|(at, _)| !(start..start + size).contains(at))
                .map(|(_, fault)| fault.clone())
                .collect();
            if fails(&without)? {
                smaller = Some(without);
                break;
            }
        }
        match smaller {
            Some(without) => {
                faults = without;
                parts = parts.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => parts = (parts * 2).min(faults.len()),
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Kind;

    #[test]
    fn two_faults_that_only_fail_together_are_found_among_many() {
        let fault = |at_step| Fault { kind: Kind::Kill, at_step, after: 0, target: String::new(), amount: 0 };
        let many: Vec<Fault> = (0..23).map(fault).collect();
        let has = |faults: &[Fault], step| faults.iter().any(|fault| fault.at_step == step);
        let found = minimise(many, |faults| Ok::<_, ()>(has(faults, 5) && has(faults, 19))).unwrap();
        assert_eq!(found, vec![fault(5), fault(19)]);
    }
}
