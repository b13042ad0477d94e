//! Whose journal it is, and in which format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

use crate::envelope::Hash;
use crate::error::JournalError;

/// Version of events and tables. A journal of a higher version is refused, never guessed at.
pub const FORMAT: u32 = 1;

/// Version of the projecting code. Tables derived by another version are rebuilt when the journal is opened for writing.
pub const PROJECTION: u32 = 2;

/// Identity of a journal: its chain starts from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalId(String);

impl JournalId {
    /// From creation time, venue, account kind and a label (the data directory, a test's name): 128 bits in hexadecimal.
    #[must_use]
    pub fn derive(created_at: Ts, account: AccountKind, venue: &str, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&created_at.nanos().to_le_bytes());
        // Lengths in front, so that no two different inputs spell the same bytes.
        for part in [account.as_str(), venue, label] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(Hash::from_bytes(*hasher.finalize().as_bytes()).to_string()[..32].to_owned())
    }

    /// As read from a store.
    #[must_use]
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Whether the money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Not real: the paper exchange, or a broker's paper account.
    Paper,
    /// Real.
    Live,
}

impl AccountKind {
    /// The name in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl FromStr for AccountKind {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "paper" => Ok(Self::Paper),
            "live" => Ok(Self::Live),
            other => Err(format!("'{other}' is no account kind: paper or live")),
        }
    }
}

/// What the caller expects of a journal, and what a new one is created with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Paper or live.
    pub account: AccountKind,
    /// The broker's venue name (`paper`, `ibkr`).
    pub venue: String,
    /// Goes into the id of a new journal; an existing one keeps its own.
    pub label: String,
    /// Creation time of a new journal, by the injected clock.
    pub created_at: Ts,
}

/// What a journal says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Identity.
    pub id: JournalId,
    /// Version of events and tables.
    pub format: u32,
    /// Version of the code that derived the tables.
    pub projection: u32,
    /// Paper or live.
    pub account: AccountKind,
    /// The broker's venue name.
    pub venue: String,
    /// When it was created.
    pub created_at: Ts,
}

impl Meta {
    /// The description of a new journal.
    #[must_use]
    pub fn create(identity: &Identity) -> Self {
        Self {
            id: JournalId::derive(identity.created_at, identity.account, &identity.venue, &identity.label),
            format: FORMAT,
            projection: PROJECTION,
            account: identity.account,
            venue: identity.venue.clone(),
            created_at: identity.created_at,
        }
    }

    /// Refuses a journal of another account kind or venue: paper fills in a live journal, or the other way round, would
    /// give positions that exist nowhere.
    pub fn expect(&self, place: &str, identity: &Identity) -> Result<(), JournalError> {
        if self.account != identity.account {
            return Err(JournalError::WrongAccount {
                place: place.to_owned(),
                found: self.account,
                wanted: identity.account,
            });
        }
        if self.venue != identity.venue {
            return Err(JournalError::WrongVenue {
                place: place.to_owned(),
                found: self.venue.clone(),
                wanted: identity.venue.clone(),
            });
        }
        Ok(())
    }
}
