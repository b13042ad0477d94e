//! What goes wrong, and when: drawn from a seed, written to a file, played again.

mod family;
mod kind;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::family::{ACTORS, FAMILIES, Family, GUESTS, SUPERVISORS, SYMBOLS, family};
pub use self::kind::Kind;

/// Most faults of one plan; a file with more is refused.
pub const FAULTS_MAX: usize = 256;
/// Most steps of one part of a plan.
pub const STEPS_MAX: u32 = 5_000;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// It is armed once this many steps have begun.
    pub at_step: u32,
    /// Once armed, it lets this many occasions pass.
    #[serde(default)]
    pub after: u32,
    /// Whom it hits: an actor's path below the node, or a symbol; empty where there is no choice.
    #[serde(default)]
    pub target: String,
    /// How much, in the unit the kind names.
    #[serde(default)]
    pub amount: u32,
}

/// A run with everything that goes wrong in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Which family of faults it was drawn from.
    pub name: String,
    /// Seed of the market and of the draw.
    pub seed: u64,
    /// Steps in which faults are armed.
    pub steps: u32,
    /// Steps after that, without faults, in which the node must heal.
    pub heal_steps: u32,
    /// The faults.
    pub faults: Vec<Fault>,
}

/// Why a plan's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct PlanError {
    /// The file.
    pub path: String,
    /// What is wrong, and where.
    pub why: String,
}

impl Plan {
    /// Reads a plan.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let error = |why: String| PlanError { path: path.display().to_string(), why };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        let plan: Self = toml::from_str(&text).map_err(|e| error(format!("is no plan: {e}")))?;
        if plan.faults.len() > FAULTS_MAX || plan.steps > STEPS_MAX || plan.heal_steps > STEPS_MAX {
            let why = format!("too large: {FAULTS_MAX} faults and {STEPS_MAX} steps are the most");
            return Err(error(why));
        }
        if plan.steps == 0 || plan.heal_steps == 0 {
            return Err(error("steps and heal_steps must be at least 1".into()));
        }
        Ok(plan)
    }

    /// The plan as the text of a file.
    pub fn to_text(&self) -> Result<String, PlanError> {
        toml::to_string(self).map_err(|e| PlanError { path: self.name.clone(), why: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        for family in FAMILIES {
            let plan = family.draw(7);
            assert_eq!(toml::from_str::<Plan>(&plan.to_text().unwrap()).unwrap(), plan);
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_plan_and_another_seed_another() {
        let storm = family("storm").unwrap();
        assert_eq!(storm.draw(3), storm.draw(3));
        assert_ne!(storm.draw(3).faults, storm.draw(4).faults);
    }

    #[test]
    fn every_kind_belongs_to_a_family_and_every_plan_has_every_kind_of_its_family() {
        for kind in Kind::ALL {
            assert!(FAMILIES.iter().any(|family| family.kinds.contains(kind)), "{kind} is in no family");
        }
        for family in FAMILIES {
            let plan = family.draw(11);
            assert!(family.kinds.iter().all(|kind| plan.faults.iter().any(|fault| fault.kind == *kind)));
        }
    }
}
