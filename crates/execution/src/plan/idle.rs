//! Notices a strategy whose wishes never become orders because they are too small.

use super::{PlanContext, Planned, Planner, SkipReason};

/// Steps with wishes and without an order after which it is told.
const STEPS: u32 = 60;

/// Counts steps in which something was wanted and nothing was ordered. Once an order was planned it has nothing to say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IdleWatch {
    steps: u32,
    done: bool,
}

impl IdleWatch {
    /// Looks at a step's plan; `wanted` targets of it are not zero. What to tell a person, once at most.
    pub fn observe(
        &mut self,
        planner: &Planner,
        context: PlanContext,
        planned: &Planned,
        wanted: usize,
    ) -> Option<String> {
        if self.done {
            return None;
        }
        if !planned.intents.is_empty() {
            self.done = true;
            return None;
        }
        let of = |reason| planned.skipped.iter().filter(|(_, why)| *why == reason).count();
        // A target of less than a lot is met by nothing at all.
        let (below_band, at_target) = (of(SkipReason::WithinBand), of(SkipReason::AtTarget));
        if wanted == 0 || below_band + at_target == 0 {
            return None;
        }
        self.steps += 1;
        if self.steps < STEPS {
            return None;
        }
        self.done = true;
        let (config, least) = (planner.config(), planner.config().least_notional(context));
        Some(format!(
            "no order was planned in {STEPS} steps although {wanted} symbols have a target: of {below_band} the order would \
             be for less than {least:.0}, the least by execution.notional_min = {}, execution.band = {} and \
             execution.band_of_size = {} among {} symbols; of {} it is less than a lot. Lower these keys, trade fewer \
             symbols, or raise policy.gross_max or the account's cash",
            config.notional_min,
            config.band,
            config.band_of_size,
            context.symbols,
            wanted.saturating_sub(below_band),
        ))
    }
}
