//! Kinds of faults.

use serde::{Deserialize, Serialize};

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
    /// A supervisor is killed, and its children with it.
    SupervisorKill = "supervisor_kill",
    /// The hub is killed `amount` ms after a step has begun, with a slice of the feed in its hand.
    HubKill = "hub_kill",
    /// The supervisor of the market is killed `amount` ms after a step has begun, hub and symbols with it.
    MarketKill = "market_kill",
    /// A supervisor panics in a message.
    SupervisorPanic = "supervisor_panic",
    /// The next incarnation of an actor fails in its start.
    StartFails = "start_fails",
    /// A symbol's minute comes in hundreds of pieces while its actor stands still for `amount` ms: its mailbox is full.
    MailboxFull = "mailbox_full",
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
    /// Every symbol is halted for `amount` minutes: what works at the exchange rests.
    MarketHalt = "market_halt",
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
    /// An order takes `amount` ms on its way.
    PlaceSlow = "place_slow",
    /// An order comes twice on its way: the broker refuses the second.
    PlaceTwice = "place_twice",
    /// A cancel is lost on its way, without an answer.
    CancelLost = "cancel_lost",
    /// The broker cancels and its answer is lost.
    CancelTimeout = "cancel_timeout",
    /// The broker refuses to cancel.
    CancelRefused = "cancel_refused",
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
    /// The source's clock is `amount` ms behind for a slice: its times and its boundary lie in the past.
    ClockBack = "clock_back",
    /// A symbol is added twice at once.
    DoubleAdd = "double_add",
    /// A symbol is added and removed at once.
    AddRemove = "add_remove",
    /// The breaker is tripped and reset at once.
    ResetWhileTripping = "reset_while_tripping",
    /// The breaker is tripped by hand and stays so for the faulty part of the run.
    Halt = "halt",
    /// The node's breaker is tripped by hand to reducing, and stays so for the faulty part of the run.
    Reduce = "reduce",
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
