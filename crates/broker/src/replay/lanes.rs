//! Numbers for (symbol, format) pairs, so that the stages of the reader pass an index instead of a name.

use std::collections::BTreeMap;

use tensortrade_market::Symbol;

use super::columns::FileFormat;
use super::fault::RowFault;

/// One stream of rows: a symbol in one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) symbol: Symbol,
    pub(super) format: FileFormat,
}

/// All lanes of a reader, numbered in order of first appearance.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    all: Vec<Lane>,
    numbers: BTreeMap<(Symbol, FileFormat), u32>,
}

impl Lanes {
    /// The number of a lane, new or known.
    pub(super) fn number(&mut self, symbol: Symbol, format: FileFormat) -> u32 {
        // At most as many lanes as symbols a process may intern, times the formats of its files.
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        *self.numbers.entry((symbol, format)).or_insert_with(|| {
            self.all.push(Lane { symbol, format });
            next
        })
    }

    /// The lane of a number.
    pub(super) fn get(&self, number: u32) -> Option<Lane> {
        self.all.get(number as usize).copied()
    }
}

/// Places of the cache; a power of two.
const CACHE_LEN: usize = 1024;
/// Names up to this length are cached; longer ones take the slow way.
const CACHED_NAME_LEN: usize = 15;

/// Finds the lane of a symbol's bytes, per file: a direct-mapped cache in front of interning.
pub(super) struct LaneCache {
    format: FileFormat,
    /// Names as one number each, with their lanes; [`NO_NAME`] in an empty place.
    places: Box<[(u128, u32)]>,
}

/// What no name packs to: the length is the lowest byte.
const NO_NAME: u128 = 0;

impl LaneCache {
    /// For a file of this format.
    pub(super) fn new(format: FileFormat) -> Self {
        Self { format, places: vec![(NO_NAME, 0); CACHE_LEN].into() }
    }

    /// The lane of the symbol written as `name`.
    #[inline]
    pub(super) fn lane(&mut self, name: &[u8], lanes: &mut Lanes) -> Result<u32, RowFault> {
        let packed = pack(name);
        match self.places.get(place_of(packed)) {
            Some((cached, lane)) if *cached == packed && packed != NO_NAME => Ok(*lane),
            _ => self.find(name, packed, lanes),
        }
    }

    #[cold]
    fn find(&mut self, name: &[u8], packed: u128, lanes: &mut Lanes) -> Result<u32, RowFault> {
        let text = std::str::from_utf8(name).map_err(|_| RowFault::SymbolNotText)?;
        let lane = lanes.number(Symbol::intern(text)?, self.format);
        if let Some(place) = self.places.get_mut(place_of(packed)) {
            *place = (packed, lane);
        }
        Ok(lane)
    }
}

/// A name of up to [`CACHED_NAME_LEN`] bytes as one number: the bytes, and the length, which keeps names apart that differ by
/// zero bytes. [`NO_NAME`] for no name and for longer ones.
#[inline]
fn pack(name: &[u8]) -> u128 {
    if name.is_empty() || name.len() > CACHED_NAME_LEN {
        return NO_NAME;
    }
    if name.len() <= 7 {
        // Nearly all names; one register instead of two.
        let packed = name.iter().rev().fold(0u64, |packed, byte| packed << 8 | u64::from(*byte));
        return u128::from(packed << 8 | name.len() as u64);
    }
    let packed = name.iter().rev().fold(0u128, |packed, byte| packed << 8 | u128::from(*byte));
    packed << 8 | name.len() as u128
}

/// A cheap hash of a packed name (Fibonacci hashing): only speed depends on it.
#[inline]
fn place_of(packed: u128) -> usize {
    let word = (packed as u64) ^ ((packed >> 64) as u64);
    (word.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_place_or_a_start_keep_their_own_lanes() {
        let (mut lanes, mut cache) = (Lanes::default(), LaneCache::new(FileFormat::Ticks));
        let names: Vec<String> = (0..3000)
            .map(|at| format!("N{at}"))
            .chain([7, 8, 9, 15, 16, 31].map(|len| "L".repeat(len)))
            .collect();
        for _ in 0..2 {
            for (at, name) in names.iter().enumerate() {
                let lane = cache.lane(name.as_bytes(), &mut lanes).unwrap();
                assert_eq!(lane as usize, at);
                assert_eq!(lanes.get(lane).unwrap().symbol.as_str(), name);
            }
        }
        assert_eq!(cache.lane(b"n7", &mut lanes), Ok(7), "names fold to upper case");
        for bad in [&b""[..], b"A\0", b"\xff", &[b'A'; 40]] {
            assert!(cache.lane(bad, &mut lanes).is_err());
        }
    }
}
