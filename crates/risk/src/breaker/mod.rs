//! The breaker: what stops trading, and stays stopped.
//!
//! A trip raises severity in a scope; it never lowers it. Lowering takes an authorised reset with a reason, or the end
//! of a cool-down that the trip itself declared. Each severity holds its own trip, so a short halt on top of a lasting
//! reduction leaves the reduction behind when it ends. Every change is a [`BreakerChange`] for the journal, and applying
//! the journalled changes in order gives the same breaker: a restart closes nothing.

mod change;
mod gate;
mod machine;
mod scope;
mod state;

pub use change::{BreakerChange, ChangeKind};
pub use gate::BreakerGate;
pub use machine::{Breaker, SCOPES_MAX};
pub use scope::{Scope, ScopeError};
pub use state::{Authority, AuthorityError, BreakerError, BreakerState, Trip};
