//! The words of an order: what is wanted, what is sent, what comes back. The state machine that moves an order
//! through them lives in the execution crate.

mod fill;
mod ids;
mod intent;
mod kind;
mod memory;
mod shards;

pub use fill::{Commission, Fill};
pub use ids::{BrokerOrderId, ClientOrderId, ExecId, IdError, IntentId};
pub use intent::{OrderIntent, OrderTerms};
pub use kind::{OrderKind, Side, TimeInForce};
pub use memory::{ExecutionMemory, GENERATION_MAX};
