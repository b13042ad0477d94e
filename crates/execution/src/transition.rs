//! The table of an order's life: which state follows which, by what.
//!
//! | | not sent | sent, no answer | works | request under way | unknown | done |
//! |---|---|---|---|---|---|---|
//! | accepted | works | works | - | - | works | - |
//! | part filled | works | works | part filled | - | - | - |
//! | filled whole | filled | filled | filled | filled | filled | - |
//! | cancelled, expired | done | done | done | done | done | - |
//! | rejected, nothing filled | rejected | rejected | rejected | rejected | rejected | - |
//! | rejected, part filled | | | unknown | unknown | - | - |
//! | cancel wanted | refused: withdraw | pending cancel | pending cancel | pending cancel | - | refused |
//! | change wanted | refused | refused | pending modify | refused | refused | refused |
//! | request refused, still works | - | - | - | works | - | - |
//! | request refused, does not work | - | unknown | unknown | unknown | - | - |
//! | answer overdue, session lost, restart | unknown | unknown | - | unknown | - | - |
//! | not where it should be | unknown | unknown | unknown | unknown | - | - |
//! | proof: works | works | works | - | - | works | refused |
//! | proof: never had it | refused | refused | refused | refused | lost | refused |
//!
//! `-` is "stays": the message is a repeat, or came late. "works" is `Working`, or `PartiallyFilled` with fills.

use serde::{Deserialize, Serialize};

use crate::state::OrderState;

/// What moves an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// We handed it over.
    Sent,
    /// It certainly was not handed over.
    NotSent,
    /// We dropped it before sending.
    Withdrawn,
    /// The broker confirms it, for the first time.
    Accepted,
    /// A new execution leaves a rest.
    PartFilled,
    /// A new execution leaves nothing.
    FilledWhole,
    /// The broker cancelled the rest.
    Cancelled,
    /// The broker rejected it.
    Rejected,
    /// The rest ran out of time at the broker.
    Expired,
    /// We want to cancel it.
    CancelRequested,
    /// We want to change it.
    ModifyRequested,
    /// The broker confirms a change.
    Modified,
    /// The broker refused a cancel or change.
    RequestRefused {
        /// Whether it says or implies that the order still works.
        still_works: bool,
    },
    /// An answer is overdue, the session broke, or the node restarted.
    InDoubt,
    /// The broker's books do not show it where it should be.
    Questioned,
    /// The broker's books show it working.
    ProvenWorking,
    /// The broker's books, complete, do not know it.
    ProvenAbsent,
    /// An operator gave it up.
    GivenUp,
}

impl Trigger {
    /// Whether it shows that the order left this node.
    #[must_use]
    pub const fn proves_sent(self) -> bool {
        matches!(
            self,
            Self::Sent
                | Self::Accepted
                | Self::PartFilled
                | Self::FilledWhole
                | Self::Cancelled
                | Self::Rejected
                | Self::Expired
                | Self::Modified
                | Self::ProvenWorking
        )
    }
}

/// Why a transition does not exist. The state stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "refusal")]
pub enum Refusal {
    /// The order is done.
    #[error("the order is {0}: nothing can be asked of it any more")]
    Done(OrderState),
    /// The order was not sent.
    #[error("the order was not sent: withdraw it instead")]
    NotSentYet,
    /// The broker has not confirmed the order.
    #[error("the order is {0}: it can be changed once the broker confirms it")]
    NotConfirmed(OrderState),
    /// Another request is under way.
    #[error("the order is {0}: wait for the answer")]
    Busy(OrderState),
    /// The outcome is unknown.
    #[error("the order's outcome is unknown: reconcile first")]
    NeedsProof,
    /// Only orders of unknown outcome can be given up or proven absent.
    #[error("the order is {0}, not of unknown outcome: proof of absence says nothing about it")]
    NotUnknown(OrderState),
    /// The report contradicts what is known.
    #[error("the order is {0}, which contradicts the report")]
    Contradicts(OrderState),
}

/// The state after `trigger`. `part_filled` says whether anything was executed, this trigger included.
///
/// Pure and total: every pair of state and trigger has an answer, so that repeated, late and reordered reports have a
/// stated treatment.
pub fn transition(state: OrderState, trigger: Trigger, part_filled: bool) -> Result<OrderState, Refusal> {
    use OrderState as S;
    use Trigger as T;
    let works = if part_filled { S::PartiallyFilled } else { S::Working };
    Ok(match (state, trigger) {
        (done, trigger) if done.is_terminal() => return after_the_end(done, trigger),

        (_, T::FilledWhole) => S::Filled,
        (_, T::Cancelled) => S::Cancelled,
        (_, T::Expired) => S::Expired,
        // A broker that rejects what it has executed contradicts itself: only its books can tell.
        (_, T::Rejected) if part_filled => S::Unknown,
        (_, T::Rejected) => S::Rejected,

        (S::Pending, T::Sent) => S::Sent,
        (S::Pending, T::Withdrawn) => S::Cancelled,
        (_, T::Withdrawn) => return Err(Refusal::Contradicts(state)),
        (S::Pending | S::Sent, T::NotSent) => S::Rejected,
        (S::Unknown, T::NotSent) => return Err(Refusal::NeedsProof),
        (_, T::NotSent) => return Err(Refusal::Contradicts(state)),
        (_, T::Sent) => state,

        (S::Pending, T::CancelRequested) => return Err(Refusal::NotSentYet),
        // The cancel may go out; what the order is stays unknown until proof.
        (S::Unknown, T::CancelRequested) => S::Unknown,
        (_, T::CancelRequested) => S::PendingCancel,
        (S::Working | S::PartiallyFilled, T::ModifyRequested) => S::PendingModify,
        (S::Pending | S::Sent, T::ModifyRequested) => return Err(Refusal::NotConfirmed(state)),
        (S::Unknown, T::ModifyRequested) => return Err(Refusal::NeedsProof),
        (_, T::ModifyRequested) => return Err(Refusal::Busy(state)),

        (S::Pending | S::Sent | S::Unknown, T::Accepted) => works,
        (S::Pending | S::Sent | S::Working | S::PartiallyFilled, T::PartFilled) => S::PartiallyFilled,
        (S::PendingModify, T::Modified) => works,
        (S::Pending | S::Sent, T::Modified) => works,
        (_, T::Accepted | T::PartFilled | T::Modified) => state,

        (S::PendingCancel | S::PendingModify, T::RequestRefused { still_works: true }) => works,
        (_, T::RequestRefused { still_works: true }) | (S::Pending, T::RequestRefused { .. }) => state,
        (_, T::RequestRefused { still_works: false }) => S::Unknown,

        (S::Working | S::PartiallyFilled, T::InDoubt) => state,
        (_, T::InDoubt | T::Questioned) => S::Unknown,

        (S::Pending | S::Sent | S::Unknown, T::ProvenWorking) => works,
        (_, T::ProvenWorking) => state,
        // It had it, or there would be no fills: absence from its books is a contradiction, not a proof.
        (S::Unknown, T::ProvenAbsent) if part_filled => return Err(Refusal::Contradicts(state)),
        (S::Unknown, T::ProvenAbsent | T::GivenUp) => S::Lost,
        (_, T::ProvenAbsent | T::GivenUp) => return Err(Refusal::NotUnknown(state)),
    })
}

/// What ended stays ended. Late reports change nothing; requests are refused.
fn after_the_end(state: OrderState, trigger: Trigger) -> Result<OrderState, Refusal> {
    use Trigger as T;
    match trigger {
        T::CancelRequested | T::ModifyRequested | T::Withdrawn => Err(Refusal::Done(state)),
        T::ProvenAbsent | T::GivenUp => Err(Refusal::NotUnknown(state)),
        T::ProvenWorking => Err(Refusal::Contradicts(state)),
        T::Sent
        | T::NotSent
        | T::Accepted
        | T::PartFilled
        | T::FilledWhole
        | T::Cancelled
        | T::Rejected
        | T::Expired
        | T::Modified
        | T::RequestRefused { .. }
        | T::InDoubt
        | T::Questioned => Ok(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OrderState as S;
    use Trigger as T;

    const TRIGGERS: [Trigger; 19] = [
        T::Sent,
        T::NotSent,
        T::Withdrawn,
        T::Accepted,
        T::PartFilled,
        T::FilledWhole,
        T::Cancelled,
        T::Rejected,
        T::Expired,
        T::CancelRequested,
        T::ModifyRequested,
        T::Modified,
        T::RequestRefused { still_works: true },
        T::RequestRefused { still_works: false },
        T::InDoubt,
        T::Questioned,
        T::ProvenWorking,
        T::ProvenAbsent,
        T::GivenUp,
    ];

    #[test]
    fn no_transition_goes_back_and_no_end_is_left() {
        for state in S::ALL {
            for trigger in TRIGGERS {
                for part_filled in [false, true] {
                    if let Ok(after) = transition(state, trigger, part_filled) {
                        assert!(after.rank() >= state.rank(), "{state} by {trigger:?} went back to {after}");
                        assert!(!state.is_terminal() || after == state, "{state} was left by {trigger:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_trigger_is_idempotent() {
        for state in S::ALL {
            for trigger in TRIGGERS {
                for part_filled in [false, true] {
                    if let Ok(once) = transition(state, trigger, part_filled)
                        && let Ok(twice) = transition(once, trigger, part_filled)
                    {
                        assert_eq!(once, twice, "{state} by {trigger:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_proof_a_report_of_its_end_or_an_operator_leads_out_of_unknown() {
        let out: Vec<_> = (TRIGGERS.into_iter())
            .filter(|t| transition(S::Unknown, *t, false).is_ok_and(|after| after != S::Unknown))
            .collect();
        let expected = [
            T::Accepted,
            T::FilledWhole,
            T::Cancelled,
            T::Rejected,
            T::Expired,
            T::ProvenWorking,
            T::ProvenAbsent,
            T::GivenUp,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_kill_between_send_and_answer_leaves_every_order_in_flight_unknown() {
        for state in [S::Pending, S::Sent, S::PendingCancel, S::PendingModify] {
            assert_eq!(transition(state, T::InDoubt, false), Ok(S::Unknown));
        }
        assert_eq!(transition(S::Working, T::InDoubt, false), Ok(S::Working));
    }

    #[test]
    fn an_order_with_fills_is_never_proven_absent() {
        assert_eq!(transition(S::Unknown, T::ProvenAbsent, false), Ok(S::Lost));
        assert_eq!(transition(S::Unknown, T::ProvenAbsent, true), Err(Refusal::Contradicts(S::Unknown)));
        assert_eq!(transition(S::Working, T::ProvenAbsent, false), Err(Refusal::NotUnknown(S::Working)));
    }

    #[test]
    fn a_refused_cancel_of_an_order_that_does_not_work_is_no_answer() {
        let refused = |still_works| transition(S::PendingCancel, T::RequestRefused { still_works }, true);
        assert_eq!(refused(true), Ok(S::PartiallyFilled));
        assert_eq!(refused(false), Ok(S::Unknown));
    }
}
