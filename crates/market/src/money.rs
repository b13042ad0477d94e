//! Money in integer minor units.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fixed::{DECIMAL_BYTES, FixedError, Price, Qty, decimal, parse_scaled, write_scaled};

/// A currency or settlement asset code, three to five capital letters or digits (`USD`, `JPY`, `USDT`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 5]);

impl Currency {
    /// US dollar.
    pub const USD: Self = Self(*b"USD\0\0");

    /// From a code such as `USD`; lower case is folded.
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        let bytes = code.as_bytes();
        if !(3..=5).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return Err(MoneyError::Currency(code.chars().take(16).collect()));
        }
        let mut padded = [0; 5];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = from.to_ascii_uppercase();
        }
        Ok(Self(padded))
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        // Only ASCII letters and digits get in through `new`.
        std::str::from_utf8(&self.0[..end]).unwrap_or("???")
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}
impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&code).map_err(serde::de::Error::custom)
    }
}

/// Why a money computation failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a currency code.
    #[error("'{0}' is no currency code: three to five letters or digits, such as USD")]
    Currency(String),
    /// The amount does not fit in 64 bits of micro-units (9.2 million million).
    #[error("an amount of money is out of range")]
    Overflow,
}

/// An amount of one currency in micro-units (one millionth), up to 9.2 million million units.
///
/// A fill's notional is rounded to a micro-unit once, by [`Money::notional`], and the rounded amount is what every
/// account posts: so cash is conserved exactly, to the last micro-unit, whatever the number of fills.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Decimals held.
    pub const SCALE: u32 = 6;
    /// Micro-units in one unit.
    pub const ONE: i64 = 1_000_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From micro-units.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Whole units; `None` on overflow.
    #[must_use]
    pub const fn from_units(units: i64) -> Option<Self> {
        match units.checked_mul(Self::ONE) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// Micro-units.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// As a float, for reports and features only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }

    /// Nearest amount to a finite float.
    pub fn from_f64(value: f64) -> Result<Self, MoneyError> {
        let scaled = (value * Self::ONE as f64).round();
        if scaled.is_finite() && scaled.abs() < 9.2e18 {
            Ok(Self(scaled as i64))
        } else {
            Err(MoneyError::Overflow)
        }
    }

    /// `price * qty * multiplier`, signed like `qty * price`, rounded half to even to a micro-unit.
    pub fn notional(price: Price, qty: Qty, multiplier: Qty) -> Result<Self, MoneyError> {
        // 10^9 * 10^8 * 10^8 against 10^6: the product is rounded once, at the end.
        let product = i128::from(price.raw()) * i128::from(qty.raw());
        let product = product.checked_mul(i128::from(multiplier.raw())).ok_or(MoneyError::Overflow)?;
        let divisor = 10i128.pow(Price::SCALE + 2 * Qty::SCALE - Self::SCALE);
        i64::try_from(div_half_even(product, divisor)).map(Self).map_err(|_| MoneyError::Overflow)
    }

    /// This amount times `numerator / denominator`, rounded half to even; an error for a zero denominator or overflow.
    pub fn scaled(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        if denominator == 0 {
            return Err(MoneyError::Overflow);
        }
        let (n, d) = if denominator < 0 {
            (-i128::from(numerator), -i128::from(denominator))
        } else {
            (numerator.into(), denominator.into())
        };
        i64::try_from(div_half_even(i128::from(self.0) * n, d)).map(Self).map_err(|_| MoneyError::Overflow)
    }

    /// Sum.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_add(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// Difference.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0.checked_sub(other.0).map(Self).ok_or(MoneyError::Overflow)
    }

    /// The negative.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Absolute value.
    #[must_use]
    pub const fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// Integer division rounded half to even; `divisor` is positive.
fn div_half_even(value: i128, divisor: i128) -> i128 {
    let quotient = value.div_euclid(divisor);
    let twice = value.rem_euclid(divisor) * 2;
    match twice.cmp(&divisor) {
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + (quotient & 1),
        std::cmp::Ordering::Less => quotient,
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::SCALE)
    }
}
impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, Self::SCALE)
    }
}
impl FromStr for Money {
    type Err = FixedError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        parse_scaled(s.as_bytes(), Self::SCALE).map(Self)
    }
}
/// A decimal string: exact in every language that reads it.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(decimal(self.0, Self::SCALE, &mut [0; DECIMAL_BYTES]))
    }
}
impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::decimal::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_notional_is_rounded_once_and_half_to_even() {
        let one = Qty::from_units(1).unwrap();
        let notional = |p: &str, q: &str| {
            Money::notional(p.parse().unwrap(), q.parse().unwrap(), one).unwrap().to_string()
        };
        assert_eq!(notional("183.63", "100"), "18363");
        assert_eq!(notional("0.000001", "0.5"), "0");
        assert_eq!(notional("0.000001", "1.5"), "0.000002");
        assert_eq!(notional("39432.48", "-0.000263"), "-10.370742");
    }

    #[test]
    fn an_overflow_is_an_error_never_a_wrap() {
        let huge: Price = "9000000000".parse().unwrap();
        assert_eq!(
            Money::notional(huge, Qty::from_units(90_000_000_000).unwrap(), Qty::from_units(1).unwrap()),
            Err(MoneyError::Overflow)
        );
        assert!(Money::from_micros(i64::MAX).checked_add(Money::from_micros(1)).is_err());
    }

    #[test]
    fn currency_codes_are_checked() {
        assert_eq!(Currency::new("usd").unwrap(), Currency::USD);
        assert_eq!(Currency::new("USDT").unwrap().to_string(), "USDT");
        assert!(Currency::new("US").is_err() && Currency::new("U$D").is_err());
    }

    proptest! {
        #[test]
        fn every_amount_survives_its_text_form(micros in (i64::MIN + 1)..=i64::MAX) {
            prop_assert_eq!(Money::from_micros(micros).to_string().parse::<Money>().unwrap().micros(), micros);
        }

        #[test]
        fn a_sale_undoes_a_purchase_exactly(price in 1i64..1_000_000_000_000, qty in 1i64..1_000_000_000_000) {
            let one = Qty::from_units(1).unwrap();
            let price = Price::from_raw(price).unwrap();
            let buy = Money::notional(price, Qty::from_raw(qty), one).unwrap();
            let sell = Money::notional(price, Qty::from_raw(-qty), one).unwrap();
            prop_assert_eq!(buy.checked_add(sell).unwrap(), Money::ZERO);
        }
    }
}
