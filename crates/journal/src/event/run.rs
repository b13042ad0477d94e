//! Events of the node's own life.

use serde::{Deserialize, Serialize};
use tensortrade_market::Ts;

use crate::envelope::Hash;

/// The node started: all that is needed to run the same again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The node's version.
    pub version: String,
    /// The feed, as configured (`sim`, `replay`, `ibkr`).
    pub feed: String,
    /// Input files, in the order given.
    pub inputs: Vec<RunInput>,
    /// Seed of every generator.
    pub seed: u64,
    /// How it runs, in a word (`paper`, `live`).
    pub mode: String,
    /// Hash of the whole configuration.
    pub config_hash: String,
    /// Whether it goes on from an earlier run in the same journal.
    pub resumed: bool,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// One input file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInput {
    /// Path as given.
    pub path: String,
    /// Size in bytes: a changed file is noticed.
    pub size: u64,
}

/// The account's opening balance, recorded once, before the first order: with it, cash follows from the journal alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Whose account.
    pub account: String,
    /// What tells the account from others of its name, where the broker says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Cash by currency.
    pub cash: std::collections::BTreeMap<tensortrade_market::Currency, tensortrade_market::Money>,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// The node stopped in order. A run without this event was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnded {
    /// Why.
    pub reason: EndReason,
    /// Steps done in this run.
    pub steps: u64,
    /// Hash of the run's trace, see [`crate::TraceHash`].
    pub trace_hash: Option<Hash>,
    /// When, by the injected clock.
    pub ts: Ts,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Asked to stop, and everything was drained.
    Clean,
    /// The feed came to its end.
    EndOfData,
    /// Asked twice, or the drain ran out of time.
    Forced,
}

/// A snapshot of the state was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotTaken {
    /// Last event the snapshot covers.
    pub upto: u64,
    /// BLAKE3 of the stored bytes.
    pub state_hash: Hash,
    /// Size in bytes.
    pub bytes: u64,
}
