//! A map by hash that can be copied in no time: what a snapshot needs while the original goes on.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many parts. A write to a map that has a copy copies one of them first.
const SHARDS: usize = 64;

/// Hexadecimal digits of a key.
const KEY_DIGITS: usize = 32;

/// Values by 128 bits of a hash, in parts that copies share until one of them is written to. Look-ups and changes cost
/// O(log n), a clone O(1), and the first change of a part after a clone O(n / 64).
///
/// Written, it is a list of values, each with the keys that have it, 32 hexadecimal digits a key and nothing in between:
/// few values stand for many executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shards<T> {
    len: usize,
    parts: Vec<Arc<BTreeMap<u128, T>>>,
}

impl<T> Default for Shards<T> {
    fn default() -> Self {
        Self { len: 0, parts: (0..SHARDS).map(|_| Arc::default()).collect() }
    }
}

/// The keys are hashes: their lowest bits are as good as any.
fn part(key: u128) -> usize {
    usize::try_from(key % SHARDS as u128).unwrap_or(0)
}

impl<T> Shards<T> {
    pub(super) fn get(&self, key: u128) -> Option<&T> {
        self.parts.get(part(key))?.get(&key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.values())
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }
}

impl<T: Clone> Shards<T> {
    pub(super) fn get_mut(&mut self, key: u128) -> Option<&mut T> {
        let part = self.parts.get_mut(part(key)).filter(|part| part.contains_key(&key))?;
        Arc::make_mut(part).get_mut(&key)
    }

    pub(super) fn insert(&mut self, key: u128, value: T) {
        if let Some(part) = self.parts.get_mut(part(key))
            && Arc::make_mut(part).insert(key, value).is_none()
        {
            self.len += 1;
        }
    }
}

impl<T: Ord + Serialize> Serialize for Shards<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut by_value: BTreeMap<&T, String> = BTreeMap::new();
        for (key, value) in self.parts.iter().flat_map(|part| part.iter()) {
            // Writing into a text cannot fail.
            let _ = write!(by_value.entry(value).or_default(), "{key:032x}");
        }
        serializer.collect_seq(by_value)
    }
}

impl<'de, T: Clone + Deserialize<'de>> Deserialize<'de> for Shards<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut shards = Self::default();
        for (value, keys) in Vec::<(T, String)>::deserialize(deserializer)? {
            for digits in keys.as_bytes().chunks(KEY_DIGITS) {
                let key = parse(digits).ok_or_else(|| D::Error::custom("an execution's key is damaged"))?;
                shards.insert(key, value.clone());
            }
        }
        Ok(shards)
    }
}

fn parse(digits: &[u8]) -> Option<u128> {
    if digits.len() != KEY_DIGITS {
        return None;
    }
    digits.iter().try_fold(0u128, |key, digit| Some(key << 4 | u128::from(char::from(*digit).to_digit(16)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_it_was_while_the_original_goes_on() {
        let mut original = Shards::default();
        for key in 0..1_000u128 {
            original.insert(key, 0u8);
        }
        let copy = original.clone();
        original.insert(5, 1);
        *original.get_mut(6).unwrap() = 1;
        original.insert(1_000, 1);
        assert_eq!((copy.len(), original.len()), (1_000, 1_001));
        assert!((0..1_000).all(|key| copy.get(key) == Some(&0)));
        assert_eq!((original.get(5), original.get(6), original.get(1_000)), (Some(&1), Some(&1), Some(&1)));
        let shared = original.parts.iter().zip(&copy.parts).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, SHARDS - 3, "only the parts that were written to are copied");
    }

    #[test]
    fn damaged_keys_are_an_error_and_not_another_key() {
        let mut shards = Shards::default();
        shards.insert(u128::MAX, true);
        let text = serde_json::to_string(&shards).unwrap();
        assert_eq!(serde_json::from_str::<Shards<bool>>(&text).unwrap(), shards);
        for bad in [text.replacen('f', "g", 1), text.replacen('f', "", 1), text.replacen('f', "+", 1)] {
            assert!(serde_json::from_str::<Shards<bool>>(&bad).is_err(), "{bad}");
        }
    }
}
