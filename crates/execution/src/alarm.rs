//! What a person should know.

use serde::{Deserialize, Serialize};
use tensortrade_market::order::{BrokerOrderId, ClientOrderId, ExecId};
use tensortrade_market::{Qty, Ts};

use crate::state::OrderState;
use crate::transition::Trigger;

/// Something that should not happen and did. It was dealt with as its text says; the node goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "alarm")]
pub enum Alarm {
    /// A fill came after its order had ended. It is booked.
    #[error("order {order} is {state}, and filled {qty} more (execution {exec_id}): booked")]
    LateFill {
        /// Which.
        order: ClientOrderId,
        /// How it had ended.
        state: OrderState,
        /// The execution.
        exec_id: ExecId,
        /// How much.
        qty: Qty,
    },
    /// More was executed than ordered. It is booked.
    #[error("order {order} was for {ordered} and filled {filled}: booked, check the broker's statement")]
    Overfill {
        /// Which.
        order: ClientOrderId,
        /// Ordered.
        ordered: Qty,
        /// Executed.
        filled: Qty,
    },
    /// The broker counts more fills than have arrived. The difference stays reserved until they come.
    #[error(
        "the broker counts {announced} filled of order {order}, {booked} arrived: ask for its executions"
    )]
    MissingFills {
        /// Which.
        order: ClientOrderId,
        /// By the broker's count.
        announced: Qty,
        /// By ours.
        booked: Qty,
    },
    /// An execution of no order in the book: a manual trade, a liquidation, or an order long done.
    #[error("execution {exec_id} belongs to no order of this node: the position changes, no order does")]
    ForeignFill {
        /// The execution.
        exec_id: ExecId,
        /// Its order at the broker.
        broker_order_id: BrokerOrderId,
    },
    /// An order at the broker that is not in the book.
    #[error(
        "the broker works order {broker_order_id}, which is not ours: cancel it there if it should not be"
    )]
    ForeignOrder {
        /// Its name at the broker.
        broker_order_id: BrokerOrderId,
    },
    /// An execution names an order of another symbol or side. It is not applied to the order.
    #[error("execution {exec_id} names order {order} but not its symbol and side: not applied to the order")]
    Mismatch {
        /// Which.
        order: ClientOrderId,
        /// The execution.
        exec_id: ExecId,
    },
    /// An execution id came again with other contents. The first stands.
    #[error("execution {exec_id} came again with another quantity or price: the first stands")]
    ConflictingRepeat {
        /// The execution.
        exec_id: ExecId,
    },
    /// An execution from a time of which executions are no longer known came, perhaps again. It is not booked.
    #[error(
        "execution {exec_id} of {ts} is older than what is remembered, and may be booked already: not booked; \
         if positions differ from the broker's, look for it in the journal's fills"
    )]
    TooOldToTell {
        /// The execution.
        exec_id: ExecId,
        /// When it happened.
        ts: Ts,
    },
    /// The broker works an order that had ended here. It should be cancelled.
    #[error("order {order} is {state} here, and works at the broker: cancel it")]
    AliveAfterEnd {
        /// Which.
        order: ClientOrderId,
        /// How it had ended.
        state: OrderState,
    },
    /// A report contradicts what is known. The state stays, or is unknown until proof.
    #[error("order {order} is {state}; the report {report:?} contradicts that")]
    Contradiction {
        /// Which.
        order: ClientOrderId,
        /// Where it stands.
        state: OrderState,
        /// What was reported.
        report: Trigger,
    },
    /// The broker has other terms than we asked for. The broker's are taken over.
    #[error("order {order} has terms at the broker that were not asked for: taken over")]
    OtherTerms {
        /// Which.
        order: ClientOrderId,
    },
    /// A report about an order that is not in the book.
    #[error("a report about order {order}, which is not in the book: left out")]
    UnknownOrder {
        /// Which.
        order: ClientOrderId,
    },
    /// An order's outcome is unknown from now on.
    #[error("order {order} is of unknown outcome: {reason}")]
    BecameUnknown {
        /// Which.
        order: ClientOrderId,
        /// Why.
        reason: String,
    },
    /// An order was proven absent, or given up.
    #[error("order {order} is lost: {reason}")]
    Lost {
        /// Which.
        order: ClientOrderId,
        /// Why.
        reason: String,
    },
}
