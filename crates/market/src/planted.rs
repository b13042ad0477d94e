//! Bugs that can be planted, so that it can be shown that the fault campaigns find them.
//!
//! Without the feature `planted`, which no other package turns on by default, [`planted`] is a constant `false` and nothing
//! of this is in the binary. With it, one bug at a time is switched on for the whole process by [`plant`], which only
//! `tensortrade-chaos teeth` and `tensortrade-chaos run --plant NAME` do. It lives on the lowest floor because every
//! floor has something to lose.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A bug that can be planted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Bug {
            $($(#[doc = $doc])* $name,)*
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What is wrong with it, in a line.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii(),)* }
            }
        }
    };
}

bugs! {
    /// An execution that comes again is taken for a new one.
    DedupeDropped = "dedupe-dropped",
    /// A durable append is answered before it is committed.
    AckBeforeCommit = "ack-before-commit",
    /// An order goes to the broker beside its record, not behind it.
    SentBeforeRecord = "sent-before-record",
    /// A timeout releases what the order had reserved.
    ReservationReleasedOnTimeout = "reservation-released-on-timeout",
    /// Open orders do not count against the limits.
    OpenOrdersUncounted = "open-orders-uncounted",
    /// Silence is read as "not sent".
    SilenceReadAsNotSent = "silence-read-as-not-sent",
    /// A failed query of the broker's books is read as empty books.
    FailedQueryReadAsFlat = "failed-query-read-as-flat",
    /// Reconciliation finds everything clean without asking.
    ReconcileSkipped = "reconcile-skipped",
    /// Orders leave before journal and broker agree.
    UnreconciledOrders = "unreconciled-orders",
    /// Orders under way at a restart are not put in doubt.
    RestartWithoutDoubt = "restart-without-doubt",
    /// A booked execution is not recorded.
    FillNotRecorded = "fill-not-recorded",
    /// A commission is charged and not recorded.
    CommissionNotRecorded = "commission-not-recorded",
    /// Each fill loses a millionth of a unit of cash.
    CashLeak = "cash-leak",
    /// A trip of the breaker acts and is never recorded.
    BreakerNotPersisted = "breaker-not-persisted",
    /// A restart begins with a closed breaker.
    RestartClosesBreaker = "restart-closes-breaker",
    /// A breaker that only lets risk shrink lets it grow too.
    ReducingIgnored = "reducing-ignored",
    /// A node without the lease goes on trading.
    LeaseIgnored = "lease-ignored",
    /// A gap closes without a mark.
    GapMarkerLost = "gap-marker-lost",
    /// A step that is given up leaves no mark.
    StepMarkLost = "step-mark-lost",
    /// A symbol that is a member is made a member again.
    DoubleAdd = "double-add",
    /// A restart brings removed symbols back.
    RemovedComesBack = "removed-comes-back",
    /// A supervisor's restart brings back children that were removed.
    StaleChildRestarted = "stale-child-restarted",
    /// A crashed symbol goes on four inputs too late.
    CrashLosesInput = "crash-loses-input",
}

impl std::fmt::Display for Bug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::str::FromStr for Bug {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|bug| bug.as_str() == text).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|bug| bug.as_str()).collect();
            format!("no bug is called '{text}'; there is {}", names.join(", "))
        })
    }
}

#[cfg(feature = "planted")]
mod active {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Bug;

    const NONE: u8 = u8::MAX;
    static ACTIVE: AtomicU8 = AtomicU8::new(NONE);

    /// Switches one bug on for the whole process, or all off.
    pub fn plant(bug: Option<Bug>) {
        ACTIVE.store(bug.map_or(NONE, |bug| bug as u8), Ordering::SeqCst);
    }

    /// Whether this bug is switched on.
    #[must_use]
    pub fn planted(bug: Bug) -> bool {
        ACTIVE.load(Ordering::Relaxed) == bug as u8
    }
}

#[cfg(feature = "planted")]
pub use active::{plant, planted};

/// Whether this bug is switched on: never, in a build without the feature.
#[cfg(not(feature = "planted"))]
#[must_use]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}
