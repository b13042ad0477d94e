//! Floats that survive any text form bit for bit.
//!
//! A JSON reader may land one unit in the last place away from the number that was written, and JSON has no NaN. A
//! restored state has to equal the state that was saved, so states write their floats as the integers of their bits.

use serde::{Deserialize, Deserializer, Serializer};

/// Writes the bits of a float as an integer.
pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(value.to_bits())
}

/// Reads what [`serialize`] wrote.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    u64::deserialize(deserializer).map(f64::from_bits)
}

/// The same for optional floats.
pub mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes the bits, or nothing.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(f64::to_bits).serialize(serializer)
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(f64::from_bits))
    }
}

/// The same for lists of floats.
pub mod list {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the bits of each.
    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|v| v.to_bits()))
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        Ok(Vec::<u64>::deserialize(deserializer)?.into_iter().map(f64::from_bits).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct Holder {
        #[serde(with = "super")]
        one: f64,
        #[serde(with = "super::option")]
        perhaps: Option<f64>,
        #[serde(with = "super::list")]
        many: Vec<f64>,
    }

    proptest! {
        #[test]
        fn every_bit_pattern_survives_json(a in any::<u64>(), b in any::<Option<u64>>(), c in any::<u64>()) {
            let holder = Holder {
                one: f64::from_bits(a),
                perhaps: b.map(f64::from_bits),
                many: vec![f64::from_bits(c), f64::NAN],
            };
            let back: Holder = serde_json::from_str(&serde_json::to_string(&holder).unwrap()).unwrap();
            prop_assert_eq!(back.one.to_bits(), a);
            prop_assert_eq!(back.perhaps.map(f64::to_bits), b);
            prop_assert_eq!(back.many[0].to_bits(), c);
            prop_assert!(back.many[1].is_nan());
        }
    }
}
