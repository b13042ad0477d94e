//! Event time and timeframes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment: nanoseconds since the Unix epoch, UTC. Comes from data, never from the machine's clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ts(i64);

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in a day of 24 hours.
pub const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

impl Ts {
    /// The epoch.
    pub const ZERO: Self = Self(0);
    /// Before every other moment.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other moment.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch; saturates.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(NS_PER_S))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// This moment plus some nanoseconds; saturates.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Nanoseconds from `earlier` to this moment; negative when `earlier` is later; saturates.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The largest multiple of `step_ns` since the epoch that is not after this moment; `step_ns` of zero or less
    /// returns the moment itself.
    #[must_use]
    pub const fn floor_to(self, step_ns: i64) -> Self {
        if step_ns <= 0 { self } else { Self(self.0.saturating_sub(self.0.rem_euclid(step_ns))) }
    }

    /// Parses `2018-02-16T14:30:00Z`, with fraction or offset, or a bare date (midnight UTC).
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(fast) = Self::parse_plain(text.as_bytes()) {
            return Some(fast);
        }
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return i64::try_from(instant.as_nanosecond()).ok().map(Self);
        }
        // `2018-02-16 14:30:00` without a zone: tables say UTC.
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
        i64::try_from(instant.as_nanosecond()).ok().map(Self)
    }

    /// The two shapes of millions of rows, `YYYY-MM-DD` and `YYYY-MM-DDTHH:MM:SSZ`, without the general parser.
    fn parse_plain(text: &[u8]) -> Option<Self> {
        let number = |from: usize, to: usize| {
            text.get(from..to)?
                .iter()
                .try_fold(0i64, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
        };
        if !(text.len() == 10 || (text.len() == 20 && text[10] == b'T' && text[19] == b'Z')) {
            return None;
        }
        if text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let days = days_from_civil(year, month, day)?;
        let secs = if text.len() == 20 {
            if text[13] != b':' || text[16] != b':' {
                return None;
            }
            let (h, m, s) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
            if h > 23 || m > 59 || s > 59 {
                return None;
            }
            h * 3600 + m * 60 + s
        } else {
            0
        };
        days.checked_mul(NS_PER_DAY)?.checked_add(secs * NS_PER_S).map(Self)
    }

    /// Seconds since the epoch as a `jiff` timestamp; saturates at the ends of its range.
    #[must_use]
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or(jiff::Timestamp::MAX)
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms"); `None` for an impossible date.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS: [i64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let month_days = *DAYS.get(usize::try_from(month.checked_sub(1)?).ok()?)?;
    if day < 1 || day > month_days || (month == 2 && day == 29 && !leap) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// ISO-8601 in UTC, with as many decimals as needed: `2013-10-07T08:00:00.054Z`.
impl fmt::Display for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}
impl fmt::Debug for Ts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_jiff())
    }
}

/// The length of a time bar, one second to one day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timeframe {
    secs: u32,
}

/// Why a text is no timeframe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no timeframe: 1s to 1d that divides a day evenly, such as 1s, 30s, 1m, 5m, 15m, 1h, 4h, 1d"
)]
pub struct TimeframeError(pub String);

impl Timeframe {
    /// One second.
    pub const SECOND: Self = Self { secs: 1 };
    /// One minute.
    pub const MINUTE: Self = Self { secs: 60 };
    /// Five minutes.
    pub const MINUTES_5: Self = Self { secs: 300 };
    /// One hour.
    pub const HOUR: Self = Self { secs: 3600 };
    /// One day.
    pub const DAY: Self = Self { secs: 86_400 };

    /// A timeframe of some seconds; it must divide a day evenly.
    pub fn from_secs(secs: u32) -> Result<Self, TimeframeError> {
        if secs > 0 && 86_400 % secs == 0 {
            Ok(Self { secs })
        } else {
            Err(TimeframeError(format!("{secs}s")))
        }
    }

    /// Length in seconds.
    #[must_use]
    pub const fn secs(self) -> u32 {
        self.secs
    }

    /// Length in nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.secs as i64 * NS_PER_S
    }

    /// Whether it is a whole day, whose bars follow exchange sessions instead of the clock.
    #[must_use]
    pub const fn is_daily(self) -> bool {
        self.secs == 86_400
    }

    /// Start of the interval that holds `ts`.
    #[must_use]
    pub const fn start_of(self, ts: Ts) -> Ts {
        ts.floor_to(self.nanos())
    }
}

impl fmt::Display for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.secs {
            86_400 => f.pad("1d"),
            s if s % 3600 == 0 => f.pad(&format!("{}h", s / 3600)),
            s if s % 60 == 0 => f.pad(&format!("{}m", s / 60)),
            s => f.pad(&format!("{s}s")),
        }
    }
}
impl fmt::Debug for Timeframe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
impl FromStr for Timeframe {
    type Err = TimeframeError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || TimeframeError(s.to_owned());
        let unit = s.chars().last().ok_or_else(bad)?;
        let scale = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(bad()),
        };
        let count: u32 = s[..s.len() - 1].parse().map_err(|_| bad())?;
        count.checked_mul(scale).and_then(|secs| Self::from_secs(secs).ok()).ok_or_else(bad)
    }
}
impl Serialize for Timeframe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timeframe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moments_parse_in_every_shape_that_tables_use() {
        let expected = Ts::from_secs(1_518_791_400);
        for text in [
            "2018-02-16T14:30:00Z",
            "2018-02-16T14:30:00.000Z",
            "2018-02-16T09:30:00-05:00",
            "2018-02-16 14:30:00",
        ] {
            assert_eq!(Ts::parse(text), Some(expected), "{text}");
        }
        assert_eq!(Ts::parse("1970-01-02"), Some(Ts::from_secs(86_400)));
        for bad in ["", "2018-13-01", "2018-02-30", "2018-02-16T25:00:00Z", "yesterday"] {
            assert_eq!(Ts::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_moment_prints_as_it_parses() {
        assert_eq!(Ts::from_nanos(1_381_132_800_054_000_000).to_string(), "2013-10-07T08:00:00.054Z");
    }

    #[test]
    fn timeframes_divide_a_day() {
        assert_eq!("5m".parse::<Timeframe>().unwrap(), Timeframe::MINUTES_5);
        assert_eq!("60m".parse::<Timeframe>().unwrap().to_string(), "1h");
        for bad in ["", "m", "0m", "7m", "2d", "-1m", "1w", "99999999999m"] {
            assert!(bad.parse::<Timeframe>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_fast_parser_agrees_with_jiff(secs in -60_000_000_000i64..200_000_000_000) {
            let ts = Ts::from_secs(secs.clamp(-9_000_000_000, 9_000_000_000));
            prop_assert_eq!(Ts::parse(&ts.to_string()), Some(ts));
        }
    }
}
