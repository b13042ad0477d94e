//! Numbers of a table: exact where they fit, rounded to the nearest where a file carries float noise.

use tensortrade_market::fixed::parse_scaled;
use tensortrade_market::{FixedError, Price, Qty};

/// Digits that decide a rounding: further ones are dropped, which moves the result by less than 10^-20 of a unit.
const DIGITS_MAX: u32 = 30;
const POWERS: [i64; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// A price; what exceeds nine decimals (`1.1000000000000001`) is rounded to the nearest and counted.
#[inline]
pub(super) fn price(text: &[u8], rounded: &mut u64) -> Result<Price, FixedError> {
    Price::from_raw(scaled(text, Price::SCALE, rounded)?).ok_or(FixedError::Overflow)
}

/// A size, zero or more; what exceeds eight decimals is rounded to the nearest and counted.
#[inline]
pub(super) fn size(text: &[u8], rounded: &mut u64) -> Result<Qty, FixedError> {
    let raw = scaled(text, Qty::SCALE, rounded)?;
    if raw < 0 { Err(FixedError::Negative) } else { Ok(Qty::from_raw(raw)) }
}

#[inline]
fn scaled(text: &[u8], scale: u32, rounded: &mut u64) -> Result<i64, FixedError> {
    if let Some(raw) = short_decimal(text, scale) {
        return Ok(raw);
    }
    match parse_scaled(text, scale) {
        Err(FixedError::TooPrecise) => {
            *rounded += 1;
            nearest(text, scale)
        }
        exact => exact,
    }
}

/// The shape of nearly every number: up to 15 characters, digits and at most one point, no sign. One pass without a
/// check for overflow, since fifteen digits cannot; everything else is left to the general parser.
#[inline]
fn short_decimal(text: &[u8], scale: u32) -> Option<i64> {
    if text.len() > 15 {
        return None;
    }
    let mut value = 0i64;
    let mut point = None;
    for (at, &byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + i64::from(digit);
        } else if byte == b'.' && point.is_none() {
            point = Some(at);
        } else {
            return None;
        }
    }
    let decimals = point.map_or(0, |at| text.len() - at - 1);
    if text.len() - usize::from(point.is_some()) == 0 {
        return None;
    }
    let missing = (scale as usize).checked_sub(decimals)?;
    value.checked_mul(*POWERS.get(missing)?)
}

/// Rounds half away from zero, for texts that the exact parser calls too precise.
#[cold]
fn nearest(text: &[u8], scale: u32) -> Result<i64, FixedError> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let (mantissa, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&text[..at], whole(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut value, mut decimals, mut digits) = (0i128, 0i64, 0u32);
    let mut seen_point = false;
    for &byte in mantissa {
        match byte {
            b'0'..=b'9' if digits < DIGITS_MAX => {
                value = value * 10 + i128::from(byte - b'0');
                // Leading zeros decide nothing.
                digits += u32::from(value != 0);
                decimals += i64::from(seen_point);
            }
            b'0'..=b'9' => decimals -= i64::from(!seen_point),
            b'.' if !seen_point => seen_point = true,
            _ => return Err(FixedError::Malformed),
        }
    }
    let power = i64::from(scale) + exponent - decimals;
    let value = if power >= 0 {
        let factor =
            u32::try_from(power).ok().and_then(|p| 10i128.checked_pow(p)).ok_or(FixedError::Overflow)?;
        value.checked_mul(factor).ok_or(FixedError::Overflow)?
    } else {
        match u32::try_from(-power).ok().and_then(|p| 10i128.checked_pow(p)) {
            Some(divisor) => value / divisor + i128::from(value % divisor >= divisor / 2),
            // Smaller than any unit.
            None => 0,
        }
    };
    let value = i64::try_from(value).map_err(|_| FixedError::Overflow)?;
    Ok(if negative { -value } else { value })
}

fn whole(text: &[u8]) -> Result<i64, FixedError> {
    let exponent: i32 =
        std::str::from_utf8(text).ok().and_then(|t| t.parse().ok()).ok_or(FixedError::Malformed)?;
    Ok(i64::from(exponent))
}

/// Whole nanoseconds: decimal digits with an optional sign.
#[inline]
pub(super) fn nanos(text: &[u8]) -> Option<i64> {
    match long_nanos(text) {
        Some(value) => Some(value),
        None => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

/// Nearly every stamp: 16 to 19 digits, as two words of eight and a rest of up to three.
#[inline]
fn long_nanos(text: &[u8]) -> Option<i64> {
    let (high, rest) = text.split_first_chunk::<8>()?;
    let (low, rest) = rest.split_first_chunk::<8>()?;
    if rest.len() > 3 {
        return None;
    }
    let mut value = eight_digits(*high)? * 100_000_000 + eight_digits(*low)?;
    for &byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits stay below 2^64, and the conversion refuses what exceeds i64.
        value = value * 10 + u64::from(digit);
    }
    i64::try_from(value).ok()
}

/// Eight ASCII digits at once ("SIMD within a register"): pairs, then fours, then all eight.
#[inline]
fn eight_digits(bytes: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(bytes);
    let digits = word.wrapping_sub(0x3030_3030_3030_3030);
    // A byte above 9 carries into its high bit when 0x76 is added; one below '0' has borrowed and is large already.
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn float_noise_is_rounded_to_the_nearest_and_counted() {
        let mut rounded = 0;
        for (text, raw) in [
            ("1.1000000000000001", 1_100_000_000),
            ("0.29999999999999999", 300_000_000),
            ("-0.0000000005", -1),
            ("0.00000000049", 0),
            ("1.23456789012e1", 12_345_678_901),
            ("1e-300", 0),
            ("0.000000000000000000000000000000000000000009", 0),
        ] {
            assert_eq!(price(text.as_bytes(), &mut rounded).map(Price::raw), Ok(raw), "{text}");
        }
        assert_eq!(rounded, 7);
        assert_eq!(size(b"0.123456785", &mut rounded), Ok(Qty::from_raw(12_345_679)));
        assert_eq!(rounded, 8);
    }

    #[test]
    fn what_fits_is_exact_and_not_counted() {
        let mut rounded = 0;
        for text in ["183.63", "0.000000001", ".5", "5.", "-3", "+3", "1e-5", "100", "123456789.123456789"] {
            assert_eq!(price(text.as_bytes(), &mut rounded), Price::parse(text.as_bytes()), "{text}");
        }
        assert_eq!(rounded, 0);
        for bad in ["", ".", "nan", "inf", "1.2.3", "12a", "--1", "1,5", "99999999999"] {
            assert!(price(bad.as_bytes(), &mut rounded).is_err(), "{bad}");
        }
        assert_eq!(size(b"-1", &mut rounded), Err(FixedError::Negative));
    }

    #[test]
    fn nanoseconds_are_whole_numbers() {
        assert_eq!(nanos(b"1381132800054000000"), Some(1_381_132_800_054_000_000));
        assert_eq!(nanos(b"-5"), Some(-5));
        assert_eq!(nanos(b"-100000000000000"), Some(-100_000_000_000_000));
        assert_eq!(nanos(b"9223372036854775807"), Some(i64::MAX));
        for bad in [
            "",
            "9223372036854775808",
            "13811328000540000x0",
            "1.5e18",
            "138113280 054000000",
            "/381132800054000000",
        ] {
            assert_eq!(nanos(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_short_path_agrees_with_the_exact_parser(text in "[0-9]{0,8}\\.?[0-9]{0,12}") {
            let mut rounded = 0;
            let ours = price(text.as_bytes(), &mut rounded);
            match Price::parse(text.as_bytes()) {
                Err(FixedError::TooPrecise) => prop_assert!(ours.is_ok() && rounded == 1),
                exact => prop_assert_eq!(ours, exact),
            }
        }

        #[test]
        fn nanoseconds_agree_with_the_standard_parser(value in any::<i64>()) {
            prop_assert_eq!(nanos(value.to_string().as_bytes()), Some(value));
        }
    }
}
