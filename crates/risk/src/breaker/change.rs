//! The record of a breaker's change, as the journal keeps it.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

use super::{BreakerState, Scope};

/// What kind of change it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Severity was raised, or a trip made to last longer.
    Tripped,
    /// Someone with authority lowered it.
    Reset,
    /// A declared cool-down ended.
    CooledDown,
}

/// One change of one scope. `sequence` counts all changes of a breaker from 1 without holes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerChange {
    /// Place in the order of changes.
    pub sequence: u64,
    /// Whose.
    pub scope: Scope,
    /// What.
    pub kind: ChangeKind,
    /// For a trip: the severity it asks for. For a reset: the state it leaves. For a cool-down: the severity that ended.
    pub level: BreakerState,
    /// State of the scope before.
    pub from: BreakerState,
    /// State of the scope after.
    pub to: BreakerState,
    /// Why, in words.
    pub reason: String,
    /// Who: a component for trips, an authorised person or command for resets.
    pub by: String,
    /// Market time.
    pub at: Ts,
    /// For a trip: when it ends by itself; `None` when only a reset ends it.
    pub until: Option<Ts>,
}
