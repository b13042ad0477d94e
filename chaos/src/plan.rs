//! What goes wrong, and when: drawn from a seed, written to a file, played again.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Most faults of one plan; a file with more is refused.
pub const FAULTS_MAX: usize = 256;
/// Most steps of one part of a plan.
pub const STEPS_MAX: u32 = 5_000;

/// Symbols every world begins with.
pub const SYMBOLS: [&str; 4] = ["AAPL", "JPM", "MSFT", "XOM"];
/// Symbols that are added and removed by commands.
pub const GUESTS: [&str; 2] = ["NVDA", "TSLA"];
/// Actors below the root that faults are aimed at, symbols aside.
pub const ACTORS: [&str; 11] = [
    "root/journal",
    "root/trading/session",
    "root/trading/execution",
    "root/trading/portfolio",
    "root/trading/risk",
    "root/trading/reconciler",
    "root/strategy/policy",
    "root/strategy/regime",
    "root/strategy/cross-section",
    "root/market/hub",
    "root/breaker",
];
/// Supervisors that are killed from outside.
pub const SUPERVISORS: [&str; 4] = ["root/trading", "root/strategy", "root/market", "root/market/symbols"];

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name in plans and reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it does, in a line.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

kinds! {
    /// An actor panics before it handles a message.
    ActorPanic = "actor_panic",
    /// An actor panics after it has handled a message: what it sent is on its way.
    ActorPanicAfter = "actor_panic_after",
    /// An actor returns an error.
    ActorError = "actor_error",
    /// An actor never returns from a message.
    ActorHang = "actor_hang",
    /// An actor takes `amount` ms for each of its next messages, so that its mailbox fills.
    ActorSlow = "actor_slow",
    /// One input of a symbol kills its actor every time it is handled.
    PoisonInput = "poison_input",
    /// A supervisor dies, and its children with it.
    SupervisorKill = "supervisor_kill",
    /// A symbol's data is missing for a slice.
    FeedGap = "feed_gap",
    /// The feed is silent for `amount` ms of clock time.
    FeedStall = "feed_stall",
    /// A symbol's data comes twice.
    FeedDuplicate = "feed_duplicate",
    /// A symbol's ticks come in the wrong order.
    FeedReorder = "feed_reorder",
    /// A price of zero, and a negative one: where prices are fixed-point there is no NaN.
    FeedZeroPrice = "feed_zero_price",
    /// One price is ten times what it was.
    FeedSpike = "feed_spike",
    /// A symbol is halted for `amount` minutes.
    FeedHalt = "feed_halt",
    /// The feed is disconnected for its next `amount` answers.
    FeedDisconnect = "feed_disconnect",
    /// Sizes shrink for `amount` minutes: orders fill in parts.
    FeedThin = "feed_thin",
    /// The broker accepts an order and its answer is lost.
    PlaceTimeout = "place_timeout",
    /// An order is lost on its way, without an answer.
    PlaceLost = "place_lost",
    /// The broker refuses an order.
    PlaceReject = "place_reject",
    /// The connection breaks while an order is sent; it arrives, and is back after `amount` steps.
    DisconnectMidSend = "disconnect_mid_send",
    /// The client knows for certain that an order was not sent.
    PlaceNotSent = "place_not_sent",
    /// What the broker tells comes `amount` deliveries late.
    EventsDelayed = "events_delayed",
    /// What the broker tells comes twice.
    EventsDuplicated = "events_duplicated",
    /// What the broker tells comes in the wrong order.
    EventsReordered = "events_reordered",
    /// Acknowledgements never come.
    AckMissing = "ack_missing",
    /// Queries of the broker's books fail.
    BooksFail = "books_fail",
    /// Someone trades the account by hand.
    ManualTrade = "manual_trade",
    /// A commit fails; nothing is stored.
    CommitFails = "commit_fails",
    /// A commit fails at its fsync: stored, and lost if the power fails.
    FsyncFails = "fsync_fails",
    /// The disk is full for the next `amount` commits, over restarts.
    DiskFull = "disk_full",
    /// A commit takes `amount` ms.
    DiskSlow = "disk_slow",
    /// The process is killed between two events.
    Kill = "kill",
    /// The process is killed in a commit, before anything is stored.
    KillBeforeCommit = "kill_before_commit",
    /// The process is killed in a commit, after it was stored and before anyone knew.
    KillAfterCommit = "kill_after_commit",
    /// The power fails in a commit, before its fsync.
    PowerLoss = "power_loss",
    /// The clock jumps `amount` ms ahead.
    ClockJump = "clock_jump",
    /// A symbol is added twice at once.
    DoubleAdd = "double_add",
    /// A symbol is added and removed at once.
    AddRemove = "add_remove",
    /// The breaker is tripped and reset at once.
    ResetWhileTripping = "reset_while_tripping",
    /// The breaker is tripped by hand and stays so for the faulty part of the run.
    Halt = "halt",
    /// Every position is closed by command.
    Flatten = "flatten",
    /// The node loses its right to trade for `amount` steps.
    LeaseLost = "lease_lost",
    /// Another node tries to open the journal.
    SecondNode = "second_node",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

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

/// A family of plans.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in a line.
    pub about: &'static str,
    /// Kinds of which each plan has at least one fault.
    pub kinds: &'static [Kind],
    /// Faults beyond those, of kinds drawn from the same list.
    pub more: u32,
    /// Whether all faults of a plan hit the same symbol, and the others are compared with an undisturbed run.
    pub one_symbol: bool,
}

use Kind as K;

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family { name: "calm", about: "nothing goes wrong", kinds: &[], more: 0, one_symbol: false },
    Family {
        name: "kills",
        about: "the process is killed and started again",
        kinds: &[K::Kill, K::KillBeforeCommit, K::KillAfterCommit, K::PowerLoss],
        more: 2,
        one_symbol: false,
    },
    Family {
        name: "disk",
        about: "the journal's disk fails, fills up and slows down",
        kinds: &[K::CommitFails, K::FsyncFails, K::DiskFull, K::DiskSlow, K::PowerLoss],
        more: 1,
        one_symbol: false,
    },
    Family {
        name: "feed",
        about: "market data is missing, late, repeated, disordered or absurd",
        kinds: &[
            K::FeedGap,
            K::FeedStall,
            K::FeedDuplicate,
            K::FeedReorder,
            K::FeedZeroPrice,
            K::FeedSpike,
            K::FeedHalt,
            K::FeedDisconnect,
            K::FeedThin,
        ],
        more: 4,
        one_symbol: false,
    },
    Family {
        name: "broker",
        about: "orders and answers get lost, repeated, delayed and refused; someone else trades",
        kinds: &[
            K::PlaceTimeout,
            K::PlaceLost,
            K::PlaceReject,
            K::DisconnectMidSend,
            K::PlaceNotSent,
            K::EventsDelayed,
            K::EventsDuplicated,
            K::EventsReordered,
            K::AckMissing,
            K::BooksFail,
            K::ManualTrade,
            K::FeedThin,
        ],
        more: 4,
        one_symbol: false,
    },
    Family {
        name: "actors",
        about: "actors panic, fail, hang and crawl; supervisors die",
        kinds: &[
            K::ActorPanic,
            K::ActorPanicAfter,
            K::ActorError,
            K::ActorHang,
            K::ActorSlow,
            K::PoisonInput,
            K::SupervisorKill,
        ],
        more: 3,
        one_symbol: false,
    },
    Family {
        name: "control",
        about: "commands race each other and the node",
        kinds: &[
            K::DoubleAdd,
            K::AddRemove,
            K::ResetWhileTripping,
            K::Halt,
            K::Flatten,
            K::LeaseLost,
            K::SecondNode,
            K::Kill,
        ],
        more: 3,
        one_symbol: false,
    },
    Family {
        name: "clock",
        about: "the clock jumps, the feed stalls, the disk slows down",
        kinds: &[K::ClockJump, K::FeedStall, K::DiskSlow],
        more: 4,
        one_symbol: false,
    },
    Family {
        name: "isolation",
        about: "one symbol suffers, the others must not notice",
        kinds: &[K::ActorPanic, K::ActorPanicAfter, K::PoisonInput, K::FeedSpike, K::FeedGap],
        more: 1,
        one_symbol: true,
    },
    Family {
        name: "recovery",
        about: "a symbol's actor crashes again and again; not even its own bars and decisions may differ",
        kinds: &[K::ActorPanic, K::ActorPanicAfter, K::ActorError],
        more: 1,
        one_symbol: true,
    },
    Family {
        name: "storm",
        about: "a bit of everything",
        kinds: &[
            K::Kill,
            K::PowerLoss,
            K::CommitFails,
            K::FeedGap,
            K::FeedSpike,
            K::PlaceTimeout,
            K::PlaceLost,
            K::EventsDuplicated,
            K::EventsReordered,
            K::DisconnectMidSend,
            K::ManualTrade,
            K::ActorPanic,
            K::ActorPanicAfter,
            K::SupervisorKill,
            K::AddRemove,
            K::ResetWhileTripping,
        ],
        more: 4,
        one_symbol: false,
    },
];

/// The family of that name.
#[must_use]
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// Steps before the first fault: until then the market is looked at, and the first orders go out.
const QUIET_STEPS: u32 = 15;

impl Family {
    /// The plan that a seed gives: every kind once, in random order at random moments, and some more.
    #[must_use]
    pub fn draw(&self, seed: u64) -> Plan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(name_stream(self.name));
        let mut plan =
            Plan { name: self.name.to_owned(), seed, steps: 130, heal_steps: 190, faults: Vec::new() };
        let victim = pick(&mut rng, &SYMBOLS);
        for n in 0..self.kinds.len() as u32 + self.more {
            let kind = match self.kinds.get(n as usize) {
                Some(kind) => *kind,
                None => self.kinds[rng.random_range(0..self.kinds.len())],
            };
            let at_step = rng.random_range(QUIET_STEPS..plan.steps - 10);
            plan.faults.push(fault(&mut rng, kind, at_step, self.one_symbol.then_some(victim)));
        }
        plan.faults.sort_by_key(|fault| (fault.at_step, fault.kind));
        plan
    }
}

/// A generator's stream of its own for each family, from its name.
fn name_stream(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn pick<'a>(rng: &mut ChaCha8Rng, from: &[&'a str]) -> &'a str {
    from[rng.random_range(0..from.len())]
}

fn fault(rng: &mut ChaCha8Rng, kind: Kind, at_step: u32, victim: Option<&str>) -> Fault {
    let symbol = victim.map_or_else(|| pick(rng, &SYMBOLS).to_owned(), str::to_owned);
    let symbol_actor = format!("root/market/symbols/{symbol}");
    let mut actor = || {
        if victim.is_some() || rng.random_bool(0.3) {
            symbol_actor.clone()
        } else {
            pick(rng, &ACTORS).to_owned()
        }
    };
    let (target, after, amount) = match kind {
        K::ActorPanic | K::ActorPanicAfter | K::ActorError => (actor(), 0..40, 0..1),
        K::ActorHang => (actor(), 0..40, 0..1),
        K::ActorSlow => (actor(), 0..20, 20..2_000),
        K::PoisonInput => (symbol_actor, 0..20, 0..1),
        K::SupervisorKill => (pick(rng, &SUPERVISORS).to_owned(), 0..1, 0..1),
        K::FeedGap | K::FeedDuplicate | K::FeedReorder | K::FeedZeroPrice | K::FeedSpike => {
            (symbol, 0..3, 1..4)
        }
        K::FeedHalt | K::FeedThin => (symbol, 0..3, 2..25),
        K::FeedStall => (String::new(), 0..3, 500..90_000),
        K::FeedDisconnect => (String::new(), 0..3, 1..6),
        K::PlaceTimeout | K::PlaceLost | K::PlaceReject | K::PlaceNotSent => (String::new(), 0..2, 0..1),
        K::DisconnectMidSend => (String::new(), 0..2, 1..8),
        K::EventsDelayed | K::EventsReordered => (String::new(), 0..2, 2..60),
        K::EventsDuplicated | K::AckMissing => (String::new(), 0..2, 1..4),
        K::BooksFail => (String::new(), 0..1, 1..12),
        K::ManualTrade => (symbol, 0..1, 1..200),
        K::CommitFails | K::FsyncFails => (String::new(), 0..60, 0..1),
        K::DiskFull => (String::new(), 0..60, 1..5),
        K::DiskSlow => (String::new(), 0..60, 50..12_000),
        K::Kill => (String::new(), 0..3_000, 0..1),
        K::KillBeforeCommit | K::KillAfterCommit | K::PowerLoss => (String::new(), 0..60, 0..1),
        K::ClockJump => (String::new(), 0..1, 1_000..120_000),
        K::DoubleAdd | K::AddRemove => (pick(rng, &GUESTS).to_owned(), 0..1, 0..1),
        K::ResetWhileTripping => (if rng.random_bool(0.5) { "node".to_owned() } else { symbol }, 0..1, 0..1),
        K::Halt => (if rng.random_bool(0.5) { "node".to_owned() } else { symbol }, 0..1, 0..1),
        K::Flatten | K::SecondNode => (String::new(), 0..1, 0..1),
        K::LeaseLost => (String::new(), 0..1, 3..20),
    };
    Fault { kind, at_step, after: rng.random_range(after), target, amount: rng.random_range(amount) }
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
