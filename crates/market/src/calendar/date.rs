//! Civil dates as a day number.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{NS_PER_DAY, Ts};

/// A civil date: days since 1970-01-01 in the Gregorian calendar. Order is time order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

/// Day of the week, Monday first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// Whether it is Saturday or Sunday.
    #[must_use]
    pub const fn is_weekend(self) -> bool {
        matches!(self, Self::Sat | Self::Sun)
    }
}

impl Date {
    /// From days since 1970-01-01.
    #[must_use]
    pub const fn from_days(days: i32) -> Self {
        Self(days)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i32 {
        self.0
    }

    /// From year, month (1 to 12) and day of the month. A month or day out of range runs over into its neighbours, so
    /// that rules such as "the day before the first" need no special case.
    ///
    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    #[must_use]
    pub const fn from_ymd(year: i32, month: i32, day: i32) -> Self {
        let months = year as i64 * 12 + (month as i64 - 1);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        let y = if month <= 2 { year - 1 } else { year };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self((era * 146_097 + day_of_era - 719_468 + day as i64 - 1) as i32)
    }

    /// Year, month and day of the month (`civil_from_days` of the same source).
    #[must_use]
    pub const fn ymd(self) -> (i32, i32, i32) {
        let z = self.0 as i64 + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let mp = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
        (year as i32, month as i32, day as i32)
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> i32 {
        self.ymd().0
    }

    /// Day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(i64::from(self.0) + 3).rem_euclid(7) as usize]
    }

    /// Some days later (or earlier, when negative); saturates.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// Midnight UTC at the start of the date; saturates at the ends of [`Ts`].
    #[must_use]
    pub const fn midnight_utc(self) -> Ts {
        Ts::from_nanos((self.0 as i64).saturating_mul(NS_PER_DAY))
    }

    /// The date in UTC at a moment.
    #[must_use]
    pub const fn of_utc(ts: Ts) -> Self {
        // 292 years of days on either side fit an i32 many times over.
        Self(ts.nanos().div_euclid(NS_PER_DAY) as i32)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}
impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no date: year, month and day as in 2018-03-12")]
pub struct DateError(String);

impl FromStr for Date {
    type Err = DateError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || DateError(text.chars().take(32).collect());
        let mut parts = text.splitn(3, '-').map(|p| p.parse::<u16>().map(i32::from));
        let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day))) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let date = Self::from_ymd(year, month, day);
        if date.ymd() == (year, month, day) { Ok(date) } else { Err(bad()) }
    }
}
impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Date {
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
    fn known_dates_have_their_weekday() {
        assert_eq!(Date::from_ymd(1970, 1, 1).weekday(), Weekday::Thu);
        assert_eq!(Date::from_ymd(2013, 10, 7).weekday(), Weekday::Mon);
        assert_eq!(Date::from_ymd(2000, 2, 29).to_string(), "2000-02-29");
        assert_eq!("2018-03-11".parse::<Date>().unwrap().weekday(), Weekday::Sun);
        for bad in ["2018-02-30", "2018-13-01", "2018", "2018-1", "x-y-z", "2018-01-01T00:00:00Z"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_date_survives_year_month_day_and_text(days in -100_000i32..200_000) {
            let date = Date::from_days(days);
            let (y, m, d) = date.ymd();
            prop_assert_eq!(Date::from_ymd(y, m, d), date);
            let civil = jiff::civil::date(1970, 1, 1)
                .checked_add(jiff::Span::new().days(i64::from(days)))
                .unwrap();
            prop_assert_eq!(date.to_string(), civil.to_string());
            if y >= 0 {
                prop_assert_eq!(date.to_string().parse::<Date>().unwrap(), date);
            }
        }
    }
}
