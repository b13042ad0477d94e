//! What the journal records: one enum, each kind a struct of its own.
//!
//! To add a kind: write its struct in the file it belongs to, add one line to the `events!` table below, and let
//! `state::Recovered::apply` and `projection::project` say what it changes (nothing, unless they do). Adding a kind or
//! an optional field keeps old journals readable; renaming or removing one needs a new [`crate::meta::FORMAT`].
//!
//! Times are market times or come from the injected clock. Floats are [`crate::Real`], so that every event can be
//! written and read back exactly.

mod operations;
mod order;
mod run;
mod step;

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{Commission, OrderIntent};

pub use operations::{
    Alarm, Breaker, BreakerState, CashMoved, Command, Difference, FeedSwitched, Lease, LeaseAction,
    Reconciliation, Supervision, SupervisionAction, Watchlist, WatchlistAction,
};
pub use order::{
    Approved, BookedFill, LateFill, Modified, OrderStateChange, OrderStatus, Refused, Submitted,
};
pub use run::{EndReason, Opened, RunEnded, RunInput, RunStarted, SnapshotTaken};
pub use step::{Decided, Decision, Equity, Regime, StepBar, StepClosed, StepGap};

use crate::error::JournalError;

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($body:ty) = $text:literal,)*) => {
        /// One journalled event; as JSON an object whose `type` names the kind.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum Event {
            $($(#[$doc])* #[serde(rename = $text)] $name($body),)*
        }

        /// The kind of an event.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Event {
            /// Its kind.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)*
                }
            }
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the journal.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The kind of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }

        impl Event {
            /// The event of a payload that is filed as `kind`: as [`Event::decode`], and faster when it is one, since nothing
            /// has to be read twice.
            pub fn decode_as(kind: Kind, payload: &str) -> Result<Self, serde_json::Error> {
                match kind {
                    $(Kind::$name if payload.starts_with(concat!("{\"type\":\"", $text, "\"")) => {
                        serde_json::from_str::<$body>(payload).map(Self::$name)
                    })*
                    _ => Self::decode(payload),
                }
            }
        }

        $(impl From<$body> for Event {
            fn from(body: $body) -> Self {
                Self::$name(body)
            }
        })*
    };
}

events! {
    /// The node started or resumed.
    RunStarted(RunStarted) = "run_started",
    /// The node stopped in order.
    RunEnded(RunEnded) = "run_ended",
    /// The account's opening balance.
    Opened(Opened) = "opened",
    /// A step is done: its bars, gaps, regime, decision and equity.
    StepClosed(StepClosed) = "step_closed",
    /// A wish to trade.
    Intent(OrderIntent) = "intent",
    /// Risk approved an intent.
    Approved(Approved) = "approved",
    /// Risk refused an intent.
    Refused(Refused) = "refused",
    /// The durable record before an order is sent.
    Submitted(Submitted) = "submitted",
    /// The durable record before a change of an order's terms is sent.
    Modified(Modified) = "modified",
    /// An order changed its state.
    OrderState(OrderStateChange) = "order_state",
    /// An execution was booked.
    Fill(BookedFill) = "fill",
    /// What an execution cost.
    Commission(Commission) = "commission",
    /// An execution came for an order that was thought done.
    LateFill(LateFill) = "late_fill",
    /// Money came in or went out other than by trading.
    CashMoved(CashMoved) = "cash_moved",
    /// The node compared its books with the broker's.
    Reconciliation(Reconciliation) = "reconciliation",
    /// A breaker changed its state.
    Breaker(Breaker) = "breaker",
    /// Somebody gave a command, allowed or denied.
    Command(Command) = "command",
    /// A symbol was added or removed.
    Watchlist(Watchlist) = "watchlist",
    /// A supervisor acted on a child.
    Supervision(Supervision) = "supervision",
    /// Symbols are taken from another feed.
    FeedSwitched(FeedSwitched) = "feed_switched",
    /// Somebody should look.
    Alarm(Alarm) = "alarm",
    /// A snapshot of the state was stored.
    SnapshotTaken(SnapshotTaken) = "snapshot_taken",
    /// The right to trade the account was taken, renewed or given up.
    Lease(Lease) = "lease",
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Event {
    /// The canonical bytes: JSON with the fields in the order of the struct. The same event always gives the same bytes.
    pub fn encode(&self) -> Result<String, JournalError> {
        serde_json::to_string(self)
            .map_err(|e| JournalError::Encode { kind: self.kind(), reason: e.to_string() })
    }

    /// The event of a payload; the error says what is wrong with it and where in the text.
    pub fn decode(payload: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(payload)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.as_str()), Some(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(Kind::from_name("fills"), None);
    }

    #[test]
    fn a_payload_of_an_unknown_kind_is_an_error_that_names_it() {
        let error = Event::decode(r#"{"type":"horoscope"}"#).unwrap_err().to_string();
        assert!(error.contains("horoscope"), "{error}");
    }
}
