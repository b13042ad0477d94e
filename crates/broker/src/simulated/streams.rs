//! Random streams by purpose: each is a ChaCha8 generator whose key is a BLAKE3 hash of (seed, name, purpose) and
//! whose stream number is the trading day. No stream depends on another, so whatever is drawn for one symbol, one day
//! or one purpose never moves what is drawn for the next.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Part of every key: a change of the model that changes paths changes this text.
const MODEL: &str = "tensortrade simulated market, model 1";

/// The key of a stream.
pub(super) type Key = [u8; 32];

/// The key for a purpose of a named thing (a symbol; empty for what all symbols share).
pub(super) fn key(seed: u64, name: &str, purpose: &str) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key(MODEL);
    hasher.update(&seed.to_le_bytes());
    // Lengths go first, so that no two pairs of texts run together to the same bytes.
    for text in [name, purpose] {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// The generator of a key, at the start of one day's stream.
pub(super) fn stream(key: Key, day: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::from_seed(key);
    rng.set_stream(day as u64);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn every_part_of_a_key_changes_the_stream() {
        let first = |seed, name, purpose, day| stream(key(seed, name, purpose), day).next_u64();
        let base = first(1, "IBM", "daily", 5);
        assert_eq!(base, first(1, "IBM", "daily", 5));
        for other in [
            first(2, "IBM", "daily", 5),
            first(1, "IB", "Mdaily", 5),
            first(1, "IBM", "path", 5),
            first(1, "IBM", "daily", 6),
        ] {
            assert_ne!(base, other);
        }
    }
}
