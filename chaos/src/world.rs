//! What outlives the process in a simulated world: armed faults, the record of what happened, and whether the process is
//! dead. Every hook (actor, port, disk) asks here first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tensortrade_journal::{Envelope, Event};
use tensortrade_market::{Symbol, Ts};
use tokio::sync::Notify;

use crate::history::{Fact, History};
use crate::plan::{Fault, Kind, Plan};

/// Most hooks that one world may pass: far beyond what any plan needs, so that a livelock ends as a finding.
const OPS_MAX: u64 = 20_000_000;

/// How a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// `kill -9`: what was written survives.
    Kill,
    /// What was not synced is lost too.
    Power,
    /// It did more than any plan needs: a livelock.
    Runaway,
}

/// Shared by the hooks of one world.
#[derive(Debug)]
pub struct World {
    inner: Mutex<Inner>,
    /// Told when the process dies.
    pub died: Notify,
    /// Told when faults for the driver are armed.
    pub work: Notify,
}

#[derive(Debug)]
struct Inner {
    plan: Plan,
    /// Index of the next fault of the plan that is not armed yet.
    next: usize,
    armed: Vec<Fault>,
    fired: BTreeMap<Kind, u32>,
    history: History,
    trace: blake3::Hasher,
    journalled: u64,
    death: Option<Death>,
    ops: u64,
    steps: u32,
    last: Ts,
    stopped: bool,
    /// Actors that stand still at their next message, and for how many milliseconds.
    standing: BTreeMap<String, u32>,
    /// The last step on record.
    recorded: Ts,
    /// Symbols that this process has decided on since the faults stopped.
    decided: BTreeSet<Symbol>,
}

/// How far the record may be behind the feed in a healthy node, in market time.
const BEHIND_NS: i64 = 120_000_000_000;

impl World {
    /// A world at its start. Without `armed` its plan's faults stay away.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let inner = Inner {
            plan,
            next: 0,
            armed: Vec::new(),
            fired: BTreeMap::new(),
            history: History::default(),
            trace: blake3::Hasher::new(),
            journalled: 0,
            death: None,
            ops: 0,
            steps: 0,
            last: Ts::MIN,
            stopped: false,
            standing: BTreeMap::new(),
            recorded: Ts::MIN,
            decided: BTreeSet::new(),
        };
        Self { inner: Mutex::new(inner), died: Notify::new(), work: Notify::new() }
    }

    /// A panic while the lock was held leaves plain data behind: usable all the same.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a hook. `false`: the process is dead, and whoever asked must do nothing for ever.
    pub fn pass(&self) -> bool {
        let mut inner = self.lock();
        if inner.death.is_some() {
            return false;
        }
        inner.ops += 1;
        if inner.ops > OPS_MAX {
            drop(inner);
            self.die(Death::Runaway);
            return false;
        }
        let killed = inner.take(&[Kind::Kill], "").is_some();
        drop(inner);
        if killed {
            self.die(Death::Kill);
        }
        !killed
    }

    /// Passes a hook, or never returns.
    pub async fn pass_or_hang(&self) {
        if !self.pass() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes an armed fault of one of these kinds that hits `target`, if its moment has come.
    pub fn take(&self, kinds: &[Kind], target: &str) -> Option<Fault> {
        let mut inner = self.lock();
        if inner.death.is_some() {
            return None;
        }
        inner.take(kinds, target)
    }

    /// As [`World::take`], whomever the fault hits.
    pub fn take_any(&self, kinds: &[Kind]) -> Option<Fault> {
        let mut inner = self.lock();
        let at = inner.armed.iter().position(|fault| kinds.contains(&fault.kind))?;
        let target = inner.armed.get(at)?.target.clone();
        inner.armed.get_mut(at)?.after = 0;
        inner.take(kinds, &target)
    }

    /// The process dies here.
    pub fn die(&self, how: Death) {
        let mut inner = self.lock();
        if inner.death.is_none() {
            inner.death = Some(how);
            inner.note(Fact::Died(format!("{how:?}")));
            drop(inner);
            self.died.notify_one();
        }
    }

    /// How the process died, if it did.
    #[must_use]
    pub fn death(&self) -> Option<Death> {
        self.lock().death
    }

    /// A new process starts.
    pub fn reborn(&self) {
        let mut inner = self.lock();
        inner.death = None;
        inner.standing.clear();
        inner.decided.clear();
    }

    /// Lets an actor stand still at its next message.
    pub fn stand_still(&self, path: String, ms: u32) {
        self.lock().standing.insert(path, ms);
    }

    /// For how long this actor stands still now.
    pub fn standing(&self, path: &str) -> Option<Duration> {
        let mut inner = self.lock();
        if inner.standing.is_empty() {
            return None;
        }
        inner.standing.remove(path).map(|ms| Duration::from_millis(u64::from(ms)))
    }

    /// What of these symbols' decisions is missing: steps on record, or a decision since the faults stopped.
    #[must_use]
    pub fn undecided(&self, symbols: &[String]) -> Vec<String> {
        let inner = self.lock();
        let mut missing = Vec::new();
        if inner.last.since(inner.recorded) > BEHIND_NS {
            missing.push(format!("the feed is at {}, the record at {}", inner.last, inner.recorded));
        }
        if inner.stopped {
            let decided = |name: &&String| inner.decided.iter().any(|symbol| symbol.as_str() == *name);
            let without = symbols.iter().filter(|name| !decided(name));
            missing.extend(without.map(|name| format!("nothing is decided for {name}")));
        }
        missing
    }

    /// Whether faults have stopped.
    #[must_use]
    pub fn healing(&self) -> bool {
        self.lock().stopped
    }

    /// Whether all steps of the plan have begun.
    #[must_use]
    pub fn complete(&self) -> bool {
        let inner = self.lock();
        inner.steps >= inner.plan.steps.saturating_add(inner.plan.heal_steps)
    }

    /// Steps begun, those repeated after a restart counted once.
    #[must_use]
    pub fn steps(&self) -> u32 {
        self.lock().steps
    }

    /// The last boundary that the feed has passed.
    #[must_use]
    pub fn last(&self) -> Ts {
        self.lock().last
    }

    /// The feed passes a boundary: the step begins, and faults of it are armed.
    pub fn boundary(&self, ts: Ts) {
        let mut inner = self.lock();
        if ts <= inner.last || inner.death.is_some() {
            return;
        }
        inner.last = ts;
        inner.steps += 1;
        let steps = inner.steps;
        if steps > inner.plan.steps {
            if !inner.stopped {
                inner.stopped = true;
                inner.armed.clear();
                inner.note(Fact::FaultsStopped);
            }
        } else {
            while let Some(fault) = inner.plan.faults.get(inner.next).cloned()
                && fault.at_step <= steps
            {
                inner.next += 1;
                inner.armed.push(fault);
            }
        }
        drop(inner);
        self.work.notify_one();
    }

    /// Records a fact.
    pub fn note(&self, fact: Fact) {
        self.lock().note(fact);
    }

    /// Records events that are durable now; those recorded before are passed over.
    pub fn journalled(&self, events: &[Envelope]) {
        let mut inner = self.lock();
        for envelope in events {
            if envelope.seq <= inner.journalled {
                continue;
            }
            inner.journalled = envelope.seq;
            let Ok(event) = Event::decode(&envelope.payload) else { continue };
            inner.trace.update(envelope.payload.as_bytes());
            if let Event::StepClosed(step) = &event {
                inner.recorded = step.ts;
                if inner.stopped {
                    inner.decided.extend(step.decision.rows.iter().map(|row| row.symbol));
                }
            }
            inner.history.facts.push(Fact::Journalled { seq: envelope.seq, event: Box::new(event) });
        }
    }

    /// Number of the last event recorded.
    #[must_use]
    pub fn journalled_upto(&self) -> u64 {
        self.lock().journalled
    }

    /// Faults fired so far, by kind.
    #[must_use]
    pub fn fired(&self) -> BTreeMap<Kind, u32> {
        self.lock().fired.clone()
    }

    /// Takes the record out, with its hash.
    #[must_use]
    pub fn finish(&self) -> (History, blake3::Hash) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.history), inner.trace.finalize())
    }
}

impl Inner {
    fn take(&mut self, kinds: &[Kind], target: &str) -> Option<Fault> {
        let at = self.armed.iter().position(|fault| {
            kinds.contains(&fault.kind) && (fault.target.is_empty() || fault.target == target)
        })?;
        let fault = self.armed.get_mut(at)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let fault = self.armed.remove(at);
        *self.fired.entry(fault.kind).or_default() += 1;
        self.note(Fact::Fault { kind: fault.kind, target: fault.target.clone() });
        Some(fault)
    }

    fn note(&mut self, fact: Fact) {
        self.trace.update(format!("{fact:?}").as_bytes());
        self.history.facts.push(fact);
    }
}
