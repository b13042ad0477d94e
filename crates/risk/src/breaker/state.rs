//! The words of the breaker: states, trips, authority, errors.

use std::fmt;

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

use super::Scope;

/// Longest text kept for a reason or a name, in characters.
const TEXT_LEN_MAX: usize = 400;

/// How much is let through. Ordered by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Everything within the limits.
    #[default]
    Normal,
    /// Only orders that bring a position toward zero, and cancels.
    Reducing,
    /// Only cancels.
    Halted,
}

impl BreakerState {
    /// The text form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Reducing => "reducing",
            Self::Halted => "halted",
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a scope is tripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// In words.
    pub reason: String,
    /// Who tripped it.
    pub by: String,
    /// Market time.
    pub at: Ts,
    /// When it ends by itself; `None` when only a reset ends it.
    pub until: Option<Ts>,
}

/// Leave to lower a breaker: who, and why. Whether that person may is checked where the command comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    pub(super) who: String,
    pub(super) reason: String,
}

/// Why a reset lacks authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a breaker reset needs {0}")]
pub struct AuthorityError(&'static str);

impl Authority {
    /// Neither name nor reason may be blank.
    pub fn new(who: &str, reason: &str) -> Result<Self, AuthorityError> {
        if who.trim().is_empty() {
            return Err(AuthorityError("the name of who resets it"));
        }
        if reason.trim().is_empty() {
            return Err(AuthorityError("a reason: --reason TEXT"));
        }
        Ok(Self { who: bounded(who), reason: bounded(reason) })
    }
}

/// Why the breaker did not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError {
    /// The scope is not more severe than what the reset asks for.
    #[error("{scope} is {state}: nothing to reset to {to}")]
    NothingToReset {
        /// Whose.
        scope: Scope,
        /// Its state.
        state: BreakerState,
        /// Asked for.
        to: BreakerState,
    },
    /// A journalled change does not follow the last one.
    #[error(
        "breaker change {found} cannot follow change {last}: changes are missing, rebuild from the whole journal"
    )]
    OutOfSequence {
        /// Last applied.
        last: u64,
        /// Offered.
        found: u64,
    },
}

pub(super) fn bounded(text: &str) -> String {
    text.chars().take(TEXT_LEN_MAX).collect()
}
