//! Interned symbol names.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest symbol name accepted, in bytes.
pub const SYMBOL_LEN_MAX: usize = 32;
/// Most distinct symbols one process interns; names are never freed, so this bounds the memory they hold.
pub const SYMBOLS_MAX: usize = 1_000_000;

/// An instrument's name, interned once per process: `Copy`, one word wide to pass around and compared by content.
///
/// The order is the alphabetical order of names, never the order of interning, so that iterating a `BTreeMap<Symbol, _>`
/// is the same in every process. Names are 1 to [`SYMBOL_LEN_MAX`] characters from `A-Z 0-9 . - _ / : ^ = #`;
/// [`Symbol::intern`] folds lower case to upper case.
#[derive(Clone, Copy)]
pub struct Symbol(&'static str);

/// Why a name is no symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// The name is empty.
    #[error("a symbol cannot be empty")]
    Empty,
    /// The name is longer than [`SYMBOL_LEN_MAX`].
    #[error("symbol '{0}…' is longer than {SYMBOL_LEN_MAX} characters")]
    TooLong(String),
    /// The name holds a character outside the accepted set.
    #[error("symbol '{name}' holds {character:?}; allowed are letters, digits and . - _ / : ^ = #")]
    BadCharacter {
        /// The name as given.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// The process has interned [`SYMBOLS_MAX`] names.
    #[error("more than {SYMBOLS_MAX} distinct symbols in one process")]
    TooMany,
}

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Symbol {
    /// Interns `name`. O(log n) under a lock: readers keep the last symbol they saw instead of calling this per row.
    pub fn intern(name: &str) -> Result<Self, SymbolError> {
        if name.is_empty() {
            return Err(SymbolError::Empty);
        }
        if name.len() > SYMBOL_LEN_MAX {
            return Err(SymbolError::TooLong(name.chars().take(SYMBOL_LEN_MAX).collect()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_/:^=#".contains(c);
        if let Some(character) = name.chars().find(|c| !allowed(*c)) {
            return Err(SymbolError::BadCharacter { name: name.to_owned(), character });
        }
        let upper = name.to_ascii_uppercase();
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(upper.as_str()) {
            return Ok(Self(known));
        }
        if names.len() >= SYMBOLS_MAX {
            return Err(SymbolError::TooMany);
        }
        let name: &'static str = Box::leak(upper.into_boxed_str());
        names.insert(name);
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl PartialEq for Symbol {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Interned: equal content is the same address, so the pointers decide.
        std::ptr::eq(self.0, other.0)
    }
}
impl Eq for Symbol {}
impl PartialOrd for Symbol {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Symbol {
    #[inline]
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self == other { std::cmp::Ordering::Equal } else { self.0.cmp(other.0) }
    }
}
impl std::hash::Hash for Symbol {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}
impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
impl std::str::FromStr for Symbol {
    type Err = SymbolError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::intern(s)
    }
}
impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}
impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::intern(&name).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_interns_to_the_same_symbol_whatever_its_case() {
        assert_eq!(Symbol::intern("ibm"), Symbol::intern("IBM"));
        assert_ne!(Symbol::intern("IBM"), Symbol::intern("AIG"));
    }

    #[test]
    fn symbols_order_by_name_not_by_age() {
        let z = Symbol::intern("ZZ-AGE").unwrap();
        let a = Symbol::intern("AA-AGE").unwrap();
        assert!(a < z);
    }

    #[test]
    fn names_that_could_break_a_line_or_a_path_are_refused() {
        assert!(matches!(
            Symbol::intern("no such;symbol"),
            Err(SymbolError::BadCharacter { character: ' ', .. })
        ));
        assert_eq!(Symbol::intern(""), Err(SymbolError::Empty));
        assert!(matches!(Symbol::intern(&"A".repeat(33)), Err(SymbolError::TooLong(_))));
        assert!(matches!(Symbol::intern("A\nB"), Err(SymbolError::BadCharacter { .. })));
    }
}
