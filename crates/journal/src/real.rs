//! Floats that a journal can hold.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A finite float: a weight, a probability, a feature's value.
///
/// JSON has no NaN and no infinity, and a writer that turns them into `null` loses the event for every reader. So they
/// cannot be built here: [`Real::new`] gives `None`, which fields that may be unknown store as such.
#[derive(Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Real(f64);

impl Real {
    /// Zero.
    pub const ZERO: Self = Self(0.0);

    /// A finite value; `None` for NaN and the infinities.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(value))
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}
impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("a journalled float must be finite"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_finite_is_no_journalled_float() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Real::new(bad), None);
        }
        assert!(serde_json::from_str::<Real>("1e999").is_err());
    }

    proptest! {
        #[test]
        fn every_finite_float_survives_the_journal_bit_for_bit(bits in any::<u64>()) {
            if let Some(real) = Real::new(f64::from_bits(bits)) {
                let text = serde_json::to_string(&real).unwrap();
                let back: Real = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(back.get().to_bits(), bits, "{}", text);
            }
        }
    }
}
