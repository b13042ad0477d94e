//! Fixed-point prices and quantities.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text or a computation is no fixed-point number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FixedError {
    /// Not a decimal number (an empty text, a letter, two points, `nan`, `inf`).
    #[error("not a decimal number")]
    Malformed,
    /// More significant decimals than the type holds; digits are never dropped silently.
    #[error("more decimals than the type holds")]
    TooPrecise,
    /// Outside the range of the type.
    #[error("out of range")]
    Overflow,
    /// Negative where only zero or more is allowed.
    #[error("negative")]
    Negative,
}

/// Parses a plain decimal (`-12.5`, `0.00001`, `+3`, `1e-5`) into an integer scaled by 10^`scale`.
///
/// Exact: trailing zeros beyond `scale` are accepted, other digits beyond it are [`FixedError::TooPrecise`].
/// The hot path (no exponent) is one pass over the bytes without allocation.
pub fn parse_scaled(text: &[u8], scale: u32) -> Result<i64, FixedError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut value: i64 = 0;
    let mut decimals = 0u32;
    let mut seen_point = false;
    let mut seen_digit = false;
    for (at, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                seen_digit = true;
                if seen_point {
                    if decimals == scale {
                        if byte != b'0' {
                            return if digits[at..].iter().any(|b| matches!(b, b'e' | b'E')) {
                                parse_with_exponent(text, scale)
                            } else {
                                Err(FixedError::TooPrecise)
                            };
                        }
                        continue;
                    }
                    decimals += 1;
                }
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(i64::from(byte - b'0')))
                    .ok_or(FixedError::Overflow)?;
            }
            b'.' if !seen_point => seen_point = true,
            b'e' | b'E' if seen_digit => return parse_with_exponent(text, scale),
            _ => return Err(FixedError::Malformed),
        }
    }
    if !seen_digit {
        return Err(FixedError::Malformed);
    }
    let value = value.checked_mul(10i64.pow(scale - decimals)).ok_or(FixedError::Overflow)?;
    Ok(if negative { -value } else { value })
}

/// The rare form `1.5e-05`, as some tools print small floats.
fn parse_with_exponent(text: &[u8], scale: u32) -> Result<i64, FixedError> {
    let at = text.iter().position(|b| matches!(b, b'e' | b'E')).ok_or(FixedError::Malformed)?;
    let exponent: i32 = std::str::from_utf8(&text[at + 1..])
        .ok()
        .and_then(|e| e.parse().ok())
        .ok_or(FixedError::Malformed)?;
    let shifted = i64::from(scale) + i64::from(exponent);
    // Every digit of the mantissa as an integer, and how many of them stand behind the point.
    let mut mantissa: i128 = 0;
    let mut decimals = 0i64;
    let mut seen_point = false;
    let mut digits = 0u32;
    let negative = text.first() == Some(&b'-');
    for &byte in &text[usize::from(matches!(text.first(), Some(b'-' | b'+')))..at] {
        match byte {
            b'0'..=b'9' => {
                digits += 1;
                if digits > 30 {
                    return Err(FixedError::TooPrecise);
                }
                mantissa = mantissa * 10 + i128::from(byte - b'0');
                decimals += i64::from(seen_point);
            }
            b'.' if !seen_point => seen_point = true,
            _ => return Err(FixedError::Malformed),
        }
    }
    if digits == 0 {
        return Err(FixedError::Malformed);
    }
    let power = shifted - decimals;
    let value = if mantissa == 0 {
        0
    } else if power >= 0 {
        let factor =
            u32::try_from(power).ok().and_then(|p| 10i128.checked_pow(p)).ok_or(FixedError::Overflow)?;
        mantissa.checked_mul(factor).ok_or(FixedError::Overflow)?
    } else {
        let factor =
            u32::try_from(-power).ok().and_then(|p| 10i128.checked_pow(p)).ok_or(FixedError::TooPrecise)?;
        if mantissa % factor != 0 {
            return Err(FixedError::TooPrecise);
        }
        mantissa / factor
    };
    let value = i64::try_from(value).map_err(|_| FixedError::Overflow)?;
    Ok(if negative { -value } else { value })
}

/// Twenty digits, a point and a sign fit.
pub(crate) const DECIMAL_BYTES: usize = 24;

/// The text of `raw / 10^scale` without trailing zeros (`1830000000` at 7 decimals is `183`). No allocation and no formatter,
/// since the journal prints millions of these.
pub(crate) fn decimal(raw: i64, scale: u32, buffer: &mut [u8; DECIMAL_BYTES]) -> &str {
    let mut at = DECIMAL_BYTES;
    let mut put = |byte: u8| {
        at -= 1;
        buffer[at] = byte;
    };
    let unit = 10u64.pow(scale);
    let (mut whole, mut part) = (raw.unsigned_abs() / unit, raw.unsigned_abs() % unit);
    if part != 0 {
        let mut places = scale;
        while part.is_multiple_of(10) {
            (part, places) = (part / 10, places - 1);
        }
        for _ in 0..places {
            put(b'0' + (part % 10) as u8);
            part /= 10;
        }
        put(b'.');
    }
    loop {
        put(b'0' + (whole % 10) as u8);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    if raw < 0 {
        put(b'-');
    }
    // Digits, a point and a sign are ASCII.
    std::str::from_utf8(&buffer[at..]).unwrap_or_default()
}

/// Writes what [`decimal`] gives, padded as the formatter asks.
pub(crate) fn write_scaled(f: &mut fmt::Formatter<'_>, raw: i64, scale: u32) -> fmt::Result {
    let mut buffer = [0; DECIMAL_BYTES];
    let text = decimal(raw, scale, &mut buffer);
    f.pad_integral(raw >= 0, "", text.strip_prefix('-').unwrap_or(text))
}

/// A price with nine decimals, from -9.2 to +9.2 thousand million. Negative prices exist (futures, spreads).
///
/// `Option<Price>` is as small as `Price`: the one bit pattern that is no price (`i64::MIN`) serves as `None`, which
/// keeps a one-sided quote at 48 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(NonZeroU64); // raw with its sign bit flipped: unsigned order is the signed order, zero is i64::MIN

const SIGN: u64 = 1 << 63;

impl Price {
    /// Decimals held.
    pub const SCALE: u32 = 9;
    /// Raw units in one whole unit of currency.
    pub const ONE: i64 = 1_000_000_000;
    /// Zero.
    pub const ZERO: Self = match Self::from_raw(0) {
        Some(zero) => zero,
        None => unreachable!(),
    };

    /// From raw billionths; `None` for `i64::MIN` only.
    #[must_use]
    #[inline]
    pub const fn from_raw(raw: i64) -> Option<Self> {
        match NonZeroU64::new((raw as u64) ^ SIGN) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// Raw billionths.
    #[must_use]
    #[inline]
    pub const fn raw(self) -> i64 {
        (self.0.get() ^ SIGN) as i64
    }

    /// As a float, for features and models only; accounting never uses it.
    #[must_use]
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.raw() as f64 / Self::ONE as f64
    }

    /// Nearest price to a finite float.
    pub fn from_f64(value: f64) -> Result<Self, FixedError> {
        float_to_raw(value, Self::ONE).and_then(|raw| Self::from_raw(raw).ok_or(FixedError::Overflow))
    }

    /// Sum, `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.raw().checked_add(other.raw()).and_then(Self::from_raw)
    }

    /// Difference, `None` on overflow.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.raw().checked_sub(other.raw()).and_then(Self::from_raw)
    }

    /// The midpoint, rounded toward negative infinity; never overflows.
    #[must_use]
    pub fn midpoint(self, other: Self) -> Self {
        let mid = (i128::from(self.raw()) + i128::from(other.raw())).div_euclid(2);
        // Between two valid prices there is no i64::MIN, unless both are at the very edge.
        i64::try_from(mid).ok().and_then(Self::from_raw).unwrap_or(self)
    }

    /// Rounded to a multiple of `tick`: down for [`Rounding::Down`], up for [`Rounding::Up`], else to the nearest
    /// (half away from zero). A tick of zero or less returns the price unchanged.
    #[must_use]
    pub fn round_to(self, tick: Self, rounding: Rounding) -> Self {
        let (raw, step) = (self.raw(), tick.raw());
        if step <= 0 {
            return self;
        }
        let down = raw.div_euclid(step).saturating_mul(step);
        let rest = raw.rem_euclid(step);
        let up = if rest == 0 { down } else { down.saturating_add(step) };
        let rounded = match rounding {
            Rounding::Down => down,
            Rounding::Up => up,
            Rounding::Nearest if rest * 2 >= step => up,
            Rounding::Nearest => down,
        };
        Self::from_raw(rounded).unwrap_or(self)
    }
}

/// The direction in which [`Price::round_to`] moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Toward negative infinity.
    Down,
    /// Toward positive infinity.
    Up,
    /// To the nearest multiple.
    Nearest,
}

fn float_to_raw(value: f64, one: i64) -> Result<i64, FixedError> {
    if !value.is_finite() {
        return Err(FixedError::Malformed);
    }
    let scaled = (value * one as f64).round();
    if scaled.abs() >= 9.2e18 { Err(FixedError::Overflow) } else { Ok(scaled as i64) }
}

/// A quantity with eight decimals, from -92 to +92 thousand million. Sizes and volumes are zero or more; positions and
/// position changes are signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Qty(i64);

impl Qty {
    /// Decimals held.
    pub const SCALE: u32 = 8;
    /// Raw units in one share, contract or coin.
    pub const ONE: i64 = 100_000_000;
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// From raw hundred-millionths.
    #[must_use]
    #[inline]
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// Whole units; `None` on overflow.
    #[must_use]
    pub const fn from_units(units: i64) -> Option<Self> {
        match units.checked_mul(Self::ONE) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// Raw hundred-millionths.
    #[must_use]
    #[inline]
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// As a float, for features and models only.
    #[must_use]
    #[inline]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / Self::ONE as f64
    }

    /// Nearest quantity to a finite float.
    pub fn from_f64(value: f64) -> Result<Self, FixedError> {
        float_to_raw(value, Self::ONE).map(Self)
    }

    /// Sum, `None` on overflow.
    #[must_use]
    #[inline]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference, `None` on overflow.
    #[must_use]
    #[inline]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The negative; `i64::MIN` raw saturates.
    #[must_use]
    pub fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Absolute value; `i64::MIN` raw saturates.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// -1, 0 or 1.
    #[must_use]
    pub const fn signum(self) -> i64 {
        self.0.signum()
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Rounded toward zero to a multiple of `lot`: an order is never larger than what was asked for. A lot of zero or
    /// less returns the quantity unchanged.
    #[must_use]
    pub fn truncate_to(self, lot: Self) -> Self {
        if lot.0 <= 0 { self } else { Self(self.0 - self.0 % lot.0) }
    }
}

impl std::ops::Neg for Qty {
    type Output = Self;
    fn neg(self) -> Self {
        self.negated()
    }
}

macro_rules! text_form {
    ($type:ident, $make:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.raw(), Self::SCALE)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.raw(), Self::SCALE)
            }
        }
        impl $type {
            /// From the bytes of a decimal text; exact or an error.
            #[inline]
            pub fn parse(text: &[u8]) -> Result<Self, FixedError> {
                parse_scaled(text, Self::SCALE).and_then($make)
            }
        }
        impl FromStr for $type {
            type Err = FixedError;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Self::parse(s.as_bytes())
            }
        }
        /// A decimal string: exact in every language that reads it.
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(decimal(self.raw(), Self::SCALE, &mut [0; DECIMAL_BYTES]))
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::decimal::deserialize(deserializer)
            }
        }
    };
}
text_form!(Price, |raw| Price::from_raw(raw).ok_or(FixedError::Overflow));
text_form!(Qty, |raw| Ok(Qty::from_raw(raw)));

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn price(text: &str) -> Price {
        text.parse().unwrap()
    }

    #[test]
    fn an_optional_price_costs_no_extra_space() {
        assert_eq!(size_of::<Option<Price>>(), 8);
    }

    #[test]
    fn texts_parse_exactly_or_not_at_all() {
        assert_eq!(price("183.63").raw(), 183_630_000_000);
        assert_eq!(price("-0.5").raw(), -500_000_000);
        assert_eq!(price("1e-5").raw(), 10_000);
        assert_eq!(price("1.38727000000000").raw(), 1_387_270_000);
        assert_eq!("0.0000000001".parse::<Price>(), Err(FixedError::TooPrecise));
        for bad in ["", ".", "-", "1.2.3", "nan", "inf", "1,5", "0x10", " 1", "1e", "e5", "--1"] {
            assert_eq!(bad.parse::<Price>(), Err(FixedError::Malformed), "{bad:?}");
        }
        assert_eq!("99999999999".parse::<Price>(), Err(FixedError::Overflow));
        assert_eq!("0.000263".parse::<Qty>().unwrap().raw(), 26_300);
    }

    #[test]
    fn prices_order_across_zero() {
        assert!(price("-1") < Price::ZERO && Price::ZERO < price("0.000000001"));
    }

    #[test]
    fn rounding_keeps_to_the_tick_grid_on_both_sides_of_zero() {
        let tick = price("0.05");
        assert_eq!(price("1.07").round_to(tick, Rounding::Down), price("1.05"));
        assert_eq!(price("1.07").round_to(tick, Rounding::Up), price("1.1"));
        assert_eq!(price("1.07").round_to(tick, Rounding::Nearest), price("1.05"));
        assert_eq!(price("-1.07").round_to(tick, Rounding::Down), price("-1.1"));
        assert_eq!(price("1.05").round_to(tick, Rounding::Up), price("1.05"));
    }

    proptest! {
        #[test]
        fn every_price_survives_its_text_form(raw in (i64::MIN + 1)..=i64::MAX) {
            let price = Price::from_raw(raw).unwrap();
            prop_assert_eq!(price.to_string().parse::<Price>().unwrap(), price);
        }

        #[test]
        fn every_quantity_survives_its_text_form(raw in (i64::MIN + 1)..=i64::MAX) {
            let qty = Qty::from_raw(raw);
            prop_assert_eq!(qty.to_string().parse::<Qty>().unwrap(), qty);
        }

        #[test]
        fn price_order_is_the_order_of_raw_values(a in (i64::MIN + 1)..=i64::MAX, b in (i64::MIN + 1)..=i64::MAX) {
            prop_assert_eq!(Price::from_raw(a).unwrap().cmp(&Price::from_raw(b).unwrap()), a.cmp(&b));
        }
    }
}
