//! Families of plans, and the draw of a plan from a seed.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Fault, Kind, Plan};

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
    /// Kinds that come together: each fault of the first has one of the second armed in its step.
    pub pairs: &'static [(Kind, Kind)],
}

use Kind as K;

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family { name: "calm", about: "nothing goes wrong", kinds: &[], more: 0, one_symbol: false, pairs: &[] },
    Family {
        name: "kills",
        about: "the process is killed and started again",
        kinds: &[K::Kill, K::KillBeforeCommit, K::KillAfterCommit, K::PowerLoss],
        more: 2,
        one_symbol: false,
        pairs: &[],
    },
    Family {
        name: "disk",
        about: "the journal's disk fails, fills up and slows down",
        kinds: &[K::CommitFails, K::FsyncFails, K::DiskFull, K::DiskSlow, K::PowerLoss],
        more: 1,
        one_symbol: false,
        pairs: &[],
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
        pairs: &[],
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
            K::PlaceSlow,
            K::PlaceTwice,
            K::CancelLost,
            K::CancelTimeout,
            K::CancelRefused,
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
        pairs: &[],
    },
    Family {
        name: "doubt",
        about: "orders whose outcome is unknown, while the broker's books cannot be had and little is traded",
        kinds: &[
            K::PlaceTimeout,
            K::MarketHalt,
            K::BooksFail,
            K::PlaceTimeout,
            K::MarketHalt,
            K::BooksFail,
            K::PlaceTimeout,
            K::BooksFail,
            K::PlaceLost,
            K::DisconnectMidSend,
            K::CancelLost,
            K::CancelTimeout,
            K::FeedThin,
            K::FeedThin,
            K::FeedHalt,
            K::EventsDelayed,
        ],
        more: 4,
        one_symbol: false,
        pairs: &[(K::PlaceTimeout, K::BooksFail), (K::PlaceTimeout, K::MarketHalt)],
    },
    Family {
        name: "members",
        about: "symbols come and go while their actors and supervisors die",
        kinds: &[
            K::AddRemove,
            K::DoubleAdd,
            K::AddRemove,
            K::SupervisorKill,
            K::SupervisorKill,
            K::SupervisorPanic,
            K::ActorPanic,
            K::StartFails,
        ],
        more: 3,
        one_symbol: false,
        pairs: &[],
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
            K::SupervisorPanic,
            K::StartFails,
            K::MailboxFull,
        ],
        more: 3,
        one_symbol: false,
        pairs: &[],
    },
    Family {
        name: "control",
        about: "commands race each other and the node",
        kinds: &[
            K::DoubleAdd,
            K::AddRemove,
            K::ResetWhileTripping,
            K::Halt,
            K::Reduce,
            K::Flatten,
            K::LeaseLost,
            K::SecondNode,
            K::Kill,
        ],
        more: 3,
        one_symbol: false,
        pairs: &[],
    },
    Family {
        name: "clock",
        about: "clocks jump both ways, the feed stalls, the disk slows down",
        kinds: &[K::ClockJump, K::ClockBack, K::FeedStall, K::DiskSlow],
        more: 4,
        one_symbol: false,
        pairs: &[],
    },
    Family {
        name: "isolation",
        about: "one symbol suffers, the others must not notice",
        kinds: &[K::ActorPanic, K::ActorPanicAfter, K::PoisonInput, K::FeedSpike, K::FeedGap],
        more: 1,
        one_symbol: true,
        pairs: &[],
    },
    Family {
        name: "market",
        about: "hub and symbols are killed together and apart; not one bar or decision may differ",
        kinds: &[K::HubKill, K::HubKill, K::MarketKill, K::ActorPanic],
        more: 1,
        one_symbol: true,
        pairs: &[],
    },
    Family {
        name: "recovery",
        about: "a symbol's actor crashes again and again; not even its own bars and decisions may differ",
        kinds: &[K::ActorPanic, K::ActorPanicAfter, K::ActorError],
        more: 1,
        one_symbol: true,
        pairs: &[],
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
        pairs: &[],
    },
];

/// The family of that name.
#[must_use]
pub fn family(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// Steps before the first fault: until then the market is looked at, and the first orders go out.
const QUIET_STEPS: u32 = 15;
/// Faults with few occasions come before this step.
const EARLY_STEPS: u32 = 45;
/// The last steps of the faulty part, in which each plan has faults: what they leave is what is left to heal.
const LAST_STEPS: u32 = 4;
/// How many.
const LAST_FAULTS: u32 = 2;

impl Family {
    /// The plan that a seed gives: every kind once, in random order at random moments, and some more, of which a few come in
    /// the last steps before healing begins.
    #[must_use]
    pub fn draw(&self, seed: u64) -> Plan {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(name_stream(self.name));
        let mut plan =
            Plan { name: self.name.to_owned(), seed, steps: 130, heal_steps: 190, faults: Vec::new() };
        let victim = pick(&mut rng, &SYMBOLS);
        let more = if self.kinds.is_empty() { 0 } else { self.more + LAST_FAULTS };
        for n in 0..self.kinds.len() as u32 + more {
            let kind = match self.kinds.get(n as usize) {
                Some(kind) => *kind,
                None => self.kinds[rng.random_range(0..self.kinds.len())],
            };
            let last = n >= self.kinds.len() as u32 + self.more;
            let from = if last { plan.steps - LAST_STEPS } else { QUIET_STEPS };
            // An order lives long enough to be cancelled now and then only: such faults wait for it from early on.
            let rare = matches!(kind, K::CancelLost | K::CancelTimeout | K::CancelRefused) && !last;
            let at_step = rng.random_range(from..=if rare { EARLY_STEPS } else { plan.steps });
            let mut drawn = fault(&mut rng, kind, at_step, self.one_symbol.then_some(victim));
            if last {
                // No occasion may pass: there are few left.
                drawn.after = 0;
            }
            plan.faults.push(drawn);
        }
        for (first, second) in self.pairs {
            let moments: Vec<u32> =
                plan.faults.iter().filter(|fault| fault.kind == *first).map(|fault| fault.at_step).collect();
            let seconds = plan.faults.iter_mut().filter(|fault| fault.kind == *second);
            seconds.zip(moments).for_each(|(fault, at_step)| fault.at_step = at_step);
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
        K::HubKill | K::MarketKill => (String::new(), 0..1, 0..1_100),
        K::SupervisorPanic => (pick(rng, &SUPERVISORS).to_owned(), 0..1, 0..1),
        K::StartFails => (String::new(), 0..1, 0..1),
        K::MailboxFull => (symbol, 0..3, 200..3_000),
        K::FeedGap | K::FeedDuplicate | K::FeedReorder | K::FeedZeroPrice | K::FeedSpike => {
            (symbol, 0..3, 1..4)
        }
        K::FeedHalt | K::FeedThin => (symbol, 0..3, 2..25),
        K::MarketHalt => (String::new(), 0..1, 8..20),
        K::FeedStall => (String::new(), 0..3, 500..90_000),
        K::FeedDisconnect => (String::new(), 0..3, 1..6),
        K::PlaceTimeout | K::PlaceLost | K::PlaceReject | K::PlaceNotSent => (String::new(), 0..2, 0..1),
        K::PlaceSlow => (String::new(), 0..2, 20..4_500),
        K::PlaceTwice => (String::new(), 0..2, 0..1),
        K::CancelLost | K::CancelTimeout | K::CancelRefused => (String::new(), 0..1, 0..1),
        K::DisconnectMidSend => (String::new(), 0..2, 1..8),
        K::EventsDelayed | K::EventsReordered => (String::new(), 0..2, 2..60),
        K::EventsDuplicated | K::AckMissing => (String::new(), 0..2, 1..4),
        K::BooksFail => (String::new(), 0..1, 1..if rng.random_bool(0.5) { 4 } else { 12 }),
        K::ManualTrade => (symbol, 0..1, 1..200),
        K::CommitFails | K::FsyncFails => (String::new(), 0..60, 0..1),
        K::DiskFull => (String::new(), 0..60, 1..5),
        K::DiskSlow => (String::new(), 0..60, 50..12_000),
        K::Kill => (String::new(), 0..3_000, 0..1),
        K::KillBeforeCommit | K::KillAfterCommit | K::PowerLoss => (String::new(), 0..60, 0..1),
        K::ClockJump => (String::new(), 0..1, 1_000..120_000),
        K::ClockBack => (String::new(), 0..3, 1_000..180_000),
        K::DoubleAdd | K::AddRemove => (pick(rng, &GUESTS).to_owned(), 0..1, 0..1),
        K::ResetWhileTripping => (if rng.random_bool(0.5) { "node".to_owned() } else { symbol }, 0..1, 0..1),
        K::Halt => (if rng.random_bool(0.5) { "node".to_owned() } else { symbol }, 0..1, 0..1),
        K::Flatten | K::SecondNode | K::Reduce => (String::new(), 0..1, 0..1),
        K::LeaseLost => (String::new(), 0..1, 3..20),
    };
    Fault { kind, at_step, after: rng.random_range(after), target, amount: rng.random_range(amount) }
}
