//! How commits stand in the tail's file: one frame a commit, whole or not at all.
//!
//! ```text
//! frame   "TTJ1"  durability u8  0 0 0  events u32  body bytes u32  hash before the first event [32]  body
//! body    for each event: number u64  recorded at i64  payload bytes u32  hash [32]  payload
//! ```
//!
//! Numbers are little-endian. There is no checksum beside the events' own hashes: each covers its predecessor, number, time
//! and payload, so a frame whose events chain is the frame that was written.

use tensortrade_market::Ts;

use crate::envelope::{Envelope, Hash, Head};
use crate::event::Kind;
use crate::store::Durability;

const MAGIC: [u8; 4] = *b"TTJ1";
const FRAME_HEAD: usize = 48;
const EVENT_HEAD: usize = 52;

/// What a payload begins with; the kind follows.
const TYPE: &str = "{\"type\":\"";

/// Appends a frame to `out`.
pub(super) fn encode(events: &[Envelope], durability: Durability, out: &mut Vec<u8>) {
    let Some(first) = events.first() else { return };
    let body: usize = events.iter().map(|event| EVENT_HEAD + event.payload.len()).sum();
    out.reserve(FRAME_HEAD + body);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[u8::from(durability == Durability::Power), 0, 0, 0]);
    // A commit is bounded by the writer far below these: see `PENDING_EVENTS_MAX` and `PENDING_BYTES_MAX`.
    out.extend_from_slice(&u32::try_from(events.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&u32::try_from(body).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(first.prev.as_bytes());
    for event in events {
        out.extend_from_slice(&event.seq.to_le_bytes());
        out.extend_from_slice(&event.recorded_at.nanos().to_le_bytes());
        out.extend_from_slice(&u32::try_from(event.payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(event.hash.as_bytes());
        out.extend_from_slice(event.payload.as_bytes());
    }
}

/// A commit read back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its events, which chain.
    pub(super) events: Vec<Envelope>,
    /// What it had to survive.
    pub(super) durability: Durability,
    /// Its length in the file.
    pub(super) bytes: usize,
}

/// The frame at the beginning of `bytes`; `None` unless it is whole.
pub(super) fn decode(bytes: &[u8]) -> Option<Frame> {
    let head = bytes.get(..FRAME_HEAD)?;
    if head.get(..4)? != MAGIC {
        return None;
    }
    let durability = match head.get(4..8)? {
        [0, 0, 0, 0] => Durability::Process,
        [1, 0, 0, 0] => Durability::Power,
        _ => return None,
    };
    let count = u32_at(head, 8)?;
    let length = usize::try_from(u32_at(head, 12)?).ok()?;
    let mut prev = Hash::from_slice(head.get(16..48)?)?;
    let mut body = bytes.get(FRAME_HEAD..)?.get(..length)?;
    let mut events = Vec::new();
    while !body.is_empty() {
        let event = event(body, prev)?;
        body = body.get(EVENT_HEAD + event.payload.len()..)?;
        prev = event.hash;
        events.push(event);
    }
    (events.len() == usize::try_from(count).ok()? && count > 0).then_some(Frame {
        events,
        durability,
        bytes: FRAME_HEAD + length,
    })
}

fn event(bytes: &[u8], prev: Hash) -> Option<Envelope> {
    let seq = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
    let recorded_at = Ts::from_nanos(i64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?));
    let length = usize::try_from(u32_at(bytes, 16)?).ok()?;
    let hash = Hash::from_slice(bytes.get(20..EVENT_HEAD)?)?;
    let payload = String::from_utf8(bytes.get(EVENT_HEAD..)?.get(..length)?.to_vec()).ok()?;
    let kind = Kind::from_name(payload.strip_prefix(TYPE)?.split_once('"')?.0)?;
    let event = Envelope { seq, recorded_at, kind, payload, prev, hash };
    let before = Head { seq: seq.checked_sub(1)?, hash: prev };
    event.fault_after(&before).is_none().then_some(event)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Whether a whole frame that had to survive a power loss stands somewhere in `bytes`.
pub(super) fn holds_durable_frame(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.starts_with(&MAGIC) && decode(rest).is_some_and(|frame| frame.durability == Durability::Power)
    })
}
