//! What a campaign of one family came to: how often each kind of fault fired, how long healing took at worst, and how much
//! market time was simulated in how much time of the processor.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tensortrade_actors::stopwatch::Stopwatch;

use crate::campaign::Report;
use crate::plan::{Family, Kind, Plan};
use crate::simulate::HEAL_MAX;

/// Minutes of a trading day, from open to close.
const DAY_STEPS: f64 = 390.0;

/// Sums over the plans of one family.
#[derive(Debug)]
pub struct Tally {
    family: &'static Family,
    plans: u64,
    failed: u64,
    /// Armed and fired, by kind.
    faults: BTreeMap<Kind, (u64, u64)>,
    orders: u64,
    fills: u64,
    actor_restarts: u64,
    process_restarts: u64,
    /// The longest healing in milliseconds, and the seed that needed it.
    worst_heal: Option<(u64, u64)>,
    steps_run: u64,
}

impl Tally {
    /// Of nothing yet.
    #[must_use]
    pub const fn new(family: &'static Family) -> Self {
        Self {
            family,
            plans: 0,
            failed: 0,
            faults: BTreeMap::new(),
            orders: 0,
            fills: 0,
            actor_restarts: 0,
            process_restarts: 0,
            worst_heal: None,
            steps_run: 0,
        }
    }

    /// Takes what became of a plan.
    pub fn add(&mut self, plan: &Plan, report: &Report) {
        self.plans += 1;
        self.failed += u64::from(!report.violations.is_empty());
        for fault in &plan.faults {
            self.faults.entry(fault.kind).or_default().0 += 1;
        }
        for (kind, fired) in &report.fired {
            self.faults.entry(*kind).or_default().1 += u64::from(*fired);
        }
        let counts = &report.counts;
        self.orders += counts.orders;
        self.fills += counts.fills;
        self.actor_restarts += counts.actor_restarts;
        self.process_restarts += counts.process_restarts;
        if let Some(ms) = counts.heal_ms
            && self.worst_heal.is_none_or(|(worst, _)| ms > worst)
        {
            self.worst_heal = Some((ms, plan.seed));
        }
        self.steps_run += report.steps_run;
    }

    /// Kinds that were to fire and never did: the campaign proves nothing about them and is void.
    #[must_use]
    pub fn unfired(&self) -> Vec<Kind> {
        let fired = |kind: &&Kind| self.faults.get(kind).is_some_and(|(_, fired)| *fired > 0);
        let mut kinds: Vec<Kind> = self.family.kinds.iter().filter(|kind| !fired(kind)).copied().collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Steps of all worlds that were run.
    #[must_use]
    pub const fn steps_run(&self) -> u64 {
        self.steps_run
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} plans, each twice, {} failed; {} orders, {} fills; {} restarts of actors, {} of the process",
            self.family.name,
            self.plans,
            self.failed,
            self.orders,
            self.fills,
            self.actor_restarts,
            self.process_restarts
        )?;
        match self.worst_heal {
            Some((ms, seed)) => writeln!(
                f,
                "    well again after {:.1} s at worst (seed {seed}), {} s is the bound",
                ms as f64 / 1e3,
                HEAL_MAX.as_secs()
            )?,
            None => writeln!(f, "    never well again")?,
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(kind, (armed, fired))| format!("{kind} {fired}/{armed}")).collect();
        if !faults.is_empty() {
            writeln!(f, "    fired/armed: {}", faults.join(", "))?;
        }
        Ok(())
    }
}

/// Measures how much market time is simulated in how much time of the processor.
#[derive(Debug)]
pub struct Throughput {
    clock: Stopwatch,
    cpu: Option<Duration>,
}

impl Throughput {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        Self { clock: Stopwatch::start(), cpu: cpu_time() }
    }

    /// So many steps later, in a line.
    #[must_use]
    pub fn line(&self, steps: u64) -> String {
        let (took, of) = match (self.cpu, cpu_time()) {
            (Some(before), Some(now)) => (now.saturating_sub(before), "of the processor"),
            _ => (self.clock.elapsed(), "by the clock"),
        };
        let days = steps as f64 / DAY_STEPS;
        let seconds = took.as_secs_f64().max(1e-9);
        format!(
            "{days:.0} trading days in {seconds:.0} s {of}: {:.0} trading days a minute and core",
            days * 60.0 / seconds
        )
    }
}

/// What this thread has had of the processor: worlds run on one thread. Linux tells it; elsewhere the clock must do.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::family;
    use crate::simulate::Counts;

    #[test]
    fn a_campaign_in_which_a_kind_never_fired_says_so_and_the_worst_healing_is_kept() {
        let clock = family("clock").unwrap();
        let mut tally = Tally::new(clock);
        let plan = clock.draw(1);
        for (heal_ms, kind) in [(3_000, Kind::ClockJump), (9_000, Kind::DiskSlow), (1_000, Kind::ClockBack)] {
            let report = Report {
                seed: 1,
                plan: "clock".into(),
                trace_hash: String::new(),
                fired: BTreeMap::from([(kind, 1)]),
                violations: Vec::new(),
                counts: Counts { heal_ms: Some(heal_ms), ..Counts::default() },
                steps_run: 640,
            };
            tally.add(&plan, &report);
        }
        assert_eq!(tally.unfired(), [Kind::FeedStall]);
        assert!(tally.to_string().contains("9.0 s at worst"), "{tally}");
        assert_eq!(tally.steps_run(), 3 * 640);
    }
}
