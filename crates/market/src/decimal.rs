//! Reading prices, quantities and money from configuration: a decimal text, or a bare number.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

use crate::fixed::FixedError;

/// Decimal digits that every double keeps: a number of so few is written back as it was read.
pub const DOUBLE_DIGITS: usize = 15;

/// Whether a decimal text survives being held as a double.
#[must_use]
pub fn survives_as_double(text: &str) -> bool {
    significant_digits(text) <= DOUBLE_DIGITS
}

/// Digits between the first and the last that is not zero.
fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len()
}

/// Reads a value that is written as a decimal text. Where the format has numbers (TOML, the command line, the environment)
/// a bare one is taken too, exactly: an integer as it is, a double by the shortest text that means it (`0.1` is 0.1). A
/// double of more digits than it keeps may be another number than was written, and is refused.
pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err = FixedError>,
    D: Deserializer<'de>,
{
    // A hint only: formats that do not describe themselves hold the text that was serialized.
    deserializer.deserialize_str(Decimal(PhantomData))
}

struct Decimal<T>(PhantomData<T>);

impl<T: FromStr<Err = FixedError>> Visitor<'_> for Decimal<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|e| E::custom(format!("'{text}': {e}")))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        if !value.is_finite() {
            return Err(E::invalid_value(Unexpected::Float(value), &self));
        }
        let text = value.to_string();
        if !survives_as_double(&text) {
            let why = format!(
                "{text}: a bare number of more than {DOUBLE_DIGITS} digits may lose some; put it in quotes"
            );
            return Err(E::custom(why));
        }
        self.visit_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, F64Deserializer, I64Deserializer, U64Deserializer};

    use super::*;
    use crate::{Money, Price, Qty};

    fn bare<T: FromStr<Err = FixedError>>(value: f64) -> Result<T, String> {
        let value: F64Deserializer<Error> = value.into_deserializer();
        deserialize(value).map_err(|e| e.to_string())
    }

    #[test]
    fn bare_decimals_are_the_numbers_that_were_written() {
        assert_eq!(bare::<Money>(0.1).unwrap().micros(), 100_000);
        assert_eq!(bare::<Price>(0.1).unwrap().raw(), 100_000_000);
        assert_eq!(bare::<Price>(1_234_567.890_123_45).unwrap().to_string(), "1234567.89012345");
        assert_eq!(bare::<Qty>(1e-8).unwrap().raw(), 1);
        assert_eq!(bare::<Qty>(-0.000_263).unwrap().raw(), -26_300);
        let large: U64Deserializer<Error> = 50_000_u64.into_deserializer();
        assert_eq!(deserialize::<Money, _>(large).unwrap().to_string(), "50000");
        let negative: I64Deserializer<Error> = (-3_i64).into_deserializer();
        assert_eq!(deserialize::<Money, _>(negative).unwrap().to_string(), "-3");
    }

    #[test]
    fn what_a_double_does_not_keep_is_refused_and_never_rounded() {
        assert!(bare::<Price>(1_234_567.890_123_456_7).unwrap_err().contains("quotes"));
        assert!(bare::<Money>(0.000_000_1).unwrap_err().contains("more decimals"));
        assert!(bare::<Money>(f64::NAN).is_err() && bare::<Money>(f64::INFINITY).is_err());
        assert!(survives_as_double("-0.000000001") && survives_as_double("1500000000000000000000"));
        assert!(!survives_as_double("9000000000.000000001"));
    }
}
