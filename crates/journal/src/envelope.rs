//! The envelope of an event and the hash chain that ties envelopes together.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tensortrade_market::Ts;

use crate::event::Kind;
use crate::meta::JournalId;

/// A BLAKE3 hash; as text 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From stored bytes; `None` unless there are 32.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the first event of a journal has as its predecessor: two journals never share a chain.
    #[must_use]
    pub fn genesis(id: &JournalId) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"tensortrade journal genesis 1\0");
        hasher.update(id.as_str().as_bytes());
        Self(*hasher.finalize().as_bytes())
    }

    /// The hash of an event: BLAKE3 over the predecessor's hash, sequence number and recording time (both little-endian),
    /// and the payload. All but the payload have a fixed length, so no two different events spell the same bytes.
    #[must_use]
    pub fn chain(prev: &Self, seq: u64, recorded_at: Ts, payload: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let mut head = [0u8; 48];
        head[..32].copy_from_slice(&prev.0);
        head[32..40].copy_from_slice(&seq.to_le_bytes());
        head[40..].copy_from_slice(&recorded_at.nanos().to_le_bytes());
        hasher.update(&head);
        hasher.update(payload);
        Self(*hasher.finalize().as_bytes())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}
impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}
impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        blake3::Hash::from_hex(text.as_bytes())
            .map(|h| Self(*h.as_bytes()))
            .map_err(|e| serde::de::Error::custom(format!("'{text}' is no hash: {e}")))
    }
}

/// The end of the chain: number and hash of the last event; number 0 and the genesis hash in an empty journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Number of the last event; events count from 1 without gaps.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
}

impl Head {
    /// The head of an empty journal.
    #[must_use]
    pub fn genesis(id: &JournalId) -> Self {
        Self { seq: 0, hash: Hash::genesis(id) }
    }
}

/// An event as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was recorded, by the injected clock.
    pub recorded_at: Ts,
    /// Its kind, repeated from the payload so that readers can filter without parsing.
    pub kind: Kind,
    /// The canonical JSON.
    pub payload: String,
    /// Hash of the event before it.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

impl Envelope {
    /// The envelope that follows `head`.
    #[must_use]
    pub fn seal(head: &Head, recorded_at: Ts, kind: Kind, payload: String) -> Self {
        let seq = head.seq.saturating_add(1);
        let hash = Hash::chain(&head.hash, seq, recorded_at, payload.as_bytes());
        Self { seq, recorded_at, kind, payload, prev: head.hash, hash }
    }

    /// The head of the chain after this event.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }

    /// What is wrong with this envelope's place after `before`, its contents aside.
    #[must_use]
    pub fn link_fault_after(&self, before: &Head) -> Option<ChainFault> {
        let expected = before.seq.saturating_add(1);
        if self.seq != expected {
            return Some(ChainFault::Sequence { expected, found: self.seq });
        }
        (self.prev != before.hash)
            .then_some(ChainFault::Predecessor { expected: before.hash, found: self.prev })
    }

    /// What is wrong with this envelope as the successor of `before`, contents included; `None` when the chain holds.
    #[must_use]
    pub fn fault_after(&self, before: &Head) -> Option<ChainFault> {
        if let Some(fault) = self.link_fault_after(before) {
            return Some(fault);
        }
        let computed = Hash::chain(&self.prev, self.seq, self.recorded_at, self.payload.as_bytes());
        (computed != self.hash).then_some(ChainFault::Contents { computed, stored: self.hash })
    }
}

/// How a link of the chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// An event is missing or out of place.
    #[error("expected event {expected}, found {found}: events were removed or moved")]
    Sequence {
        /// The number that should follow.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// It follows another event than the one before it.
    #[error("names {found} as its predecessor, which is {expected}: an event before it was replaced")]
    Predecessor {
        /// Hash of the event before.
        expected: Hash,
        /// Hash it names.
        found: Hash,
    },
    /// Its contents are not what was recorded.
    #[error("contents hash to {computed}, recorded was {stored}: number, time or payload were changed")]
    Contents {
        /// Hash of what is there now.
        computed: Hash,
        /// Hash that was recorded.
        stored: Hash,
    },
}
