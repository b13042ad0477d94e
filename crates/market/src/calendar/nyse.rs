//! Holidays, early closes and special closures of the New York Stock Exchange.
//!
//! Source: NYSE rule 7.2 and the exchange's published lists of holidays and closings. Checked for 1990 to 2040; the rules
//! go on outside. Days on which trading was merely interrupted or opened late (27 October 1997, 8 January 1996) count as
//! full days.

use super::date::{Date, Weekday};

/// What kind of day it is at the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TradingDay {
    /// No trading.
    Closed,
    /// Regular trading ends early, at this minute of the day (New York).
    Early(i32),
    /// 09:30 to 16:00.
    Full,
}

/// Days closed by decision, not by rule.
const SPECIAL_CLOSURES: [(i32, i32, i32); 11] = [
    (1994, 4, 27), // mourning for President Nixon
    (2001, 9, 11), // attack on the World Trade Center
    (2001, 9, 12),
    (2001, 9, 13),
    (2001, 9, 14),
    (2004, 6, 11),  // mourning for President Reagan
    (2007, 1, 2),   // mourning for President Ford
    (2012, 10, 29), // hurricane Sandy
    (2012, 10, 30),
    (2018, 12, 5), // mourning for President George H. W. Bush
    (2025, 1, 9),  // mourning for President Carter
];

/// Days closed at 13:00 by decision, not by rule.
const SPECIAL_EARLY_CLOSES: [(i32, i32, i32); 3] = [(1997, 12, 26), (1999, 12, 31), (2003, 12, 26)];

const ONE_PM: i32 = 13 * 60;
const TWO_PM: i32 = 14 * 60;

/// The kind of day at the exchange; a few integer operations, no table.
#[must_use]
pub fn nyse_day(date: Date) -> TradingDay {
    if date.weekday().is_weekend() || is_holiday(date) || SPECIAL_CLOSURES.contains(&date.ymd()) {
        TradingDay::Closed
    } else {
        early_close(date).map_or(TradingDay::Full, TradingDay::Early)
    }
}

/// Whether a working day is a holiday by rule.
fn is_holiday(date: Date) -> bool {
    let (year, month, _) = date.ymd();
    let on = |month, day| observed(Date::from_ymd(year, month, day)) == date;
    match month {
        // New Year's Day on a Saturday is not observed: the year's last business day stays a trading day.
        1 => on(1, 1) || (year >= 1998 && date == nth(year, 1, Weekday::Mon, 3)),
        2 => date == nth(year, 2, Weekday::Mon, 3),
        3 | 4 => date == easter(year).plus_days(-2),
        5 => date == last_monday_of_may(year),
        6 => year >= 2022 && on(6, 19),
        7 => on(7, 4),
        9 => date == nth(year, 9, Weekday::Mon, 1),
        11 => date == nth(year, 11, Weekday::Thu, 4),
        12 => on(12, 25),
        _ => false,
    }
}

/// Where a fixed-date holiday is kept: Saturday's on Friday, Sunday's on Monday. (For New Year's Day the Friday lies in
/// the year before, where no rule asks for it.)
fn observed(date: Date) -> Date {
    match date.weekday() {
        Weekday::Sat => date.plus_days(-1),
        Weekday::Sun => date.plus_days(1),
        _ => date,
    }
}

/// The minute of the day of an early close on a trading day.
fn early_close(date: Date) -> Option<i32> {
    let (year, month, day) = date.ymd();
    let weekday = date.weekday();
    let early = match (month, day) {
        // Eve of Independence Day since 1995; on a Wednesday only since 2013, before that the Friday after was short.
        (7, 3) => match weekday {
            Weekday::Mon | Weekday::Tue | Weekday::Thu => year >= 1995,
            Weekday::Wed => year >= 2013,
            _ => false,
        },
        (7, 5) => weekday == Weekday::Fri && (1995..2013).contains(&year),
        // Christmas Eve; on a Friday it is the holiday itself.
        (12, 24) => weekday <= Weekday::Thu,
        (11, _) => year >= 1992 && date == nth(year, 11, Weekday::Thu, 4).plus_days(1),
        _ => false,
    };
    if early {
        Some(if year < 1993 { TWO_PM } else { ONE_PM })
    } else if SPECIAL_EARLY_CLOSES.contains(&(year, month, day)) {
        Some(ONE_PM)
    } else {
        None
    }
}

/// The n-th weekday of a month, counted from one.
fn nth(year: i32, month: i32, weekday: Weekday, n: i32) -> Date {
    let first = Date::from_ymd(year, month, 1);
    let ahead = (weekday as i32 - first.weekday() as i32).rem_euclid(7);
    first.plus_days(ahead + 7 * (n - 1))
}

fn last_monday_of_may(year: i32) -> Date {
    let last = Date::from_ymd(year, 5, 31);
    last.plus_days(-(last.weekday() as i32))
}

/// Easter Sunday of the Gregorian calendar ("anonymous" computus, Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i32) -> Date {
    let (a, b, c) = (year.rem_euclid(19), year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let g = (b - (b + 8) / 25 + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let n = h + l - 7 * m + 114;
    Date::from_ymd(year, n / 31, n % 31 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> TradingDay {
        nyse_day(text.parse().unwrap())
    }

    #[test]
    fn holidays_fall_where_the_exchange_kept_them() {
        let closed = [
            "1990-01-01",
            "1994-04-27",
            "1998-01-19",
            "1999-12-24",
            "2000-04-21",
            "2001-09-11",
            "2001-09-14",
            "2004-06-11",
            "2007-01-02",
            "2010-12-24",
            "2011-12-26",
            "2012-01-02",
            "2012-10-29",
            "2012-10-30",
            "2013-03-29",
            "2013-11-28",
            "2015-07-03",
            "2018-12-05",
            "2020-07-03",
            "2021-07-05",
            "2021-12-24",
            "2022-06-20",
            "2022-12-26",
            "2023-01-02",
            "2024-03-29",
            "2024-06-19",
            "2025-01-09",
            "2026-07-03",
            "2027-06-18",
            "2038-04-23",
        ];
        for text in closed {
            assert_eq!(day(text), TradingDay::Closed, "{text}");
        }
    }

    #[test]
    fn ordinary_days_near_holidays_are_open() {
        let open = [
            "1997-01-20",
            "1999-12-31",
            "2010-12-31",
            "2013-07-05",
            "2021-06-18",
            "2021-12-31",
            "2001-09-17",
            "2012-10-31",
            "2018-12-04",
            "2018-12-06",
            "2019-12-23",
            "2020-07-02",
            "2027-12-31",
        ];
        for text in open {
            assert_ne!(day(text), TradingDay::Closed, "{text}");
        }
        // New Year's Day 2022 was a Saturday: the Friday before was a full day.
        assert_eq!(day("2021-12-31"), TradingDay::Full);
        assert_eq!(day("2021-06-18"), TradingDay::Full);
    }

    #[test]
    fn early_closes_follow_the_rules_of_their_time() {
        let early = [
            "2013-07-03",
            "2013-11-29",
            "2012-07-03",
            "2002-07-05",
            "1995-07-03",
            "1997-12-26",
            "1999-12-31",
            "2003-12-26",
            "2018-07-03",
            "2019-12-24",
            "2024-07-03",
            "2024-11-29",
            "2024-12-24",
            "2025-07-03",
        ];
        for text in early {
            assert_eq!(day(text), TradingDay::Early(13 * 60), "{text}");
        }
        for text in ["2002-07-03", "2013-07-05", "2020-07-02", "2014-12-26", "2022-12-23", "1991-11-29"] {
            assert_eq!(day(text), TradingDay::Full, "{text}");
        }
        assert_eq!(day("1992-11-27"), TradingDay::Early(14 * 60));
    }

    #[test]
    fn easter_matches_published_dates() {
        for text in
            ["1990-04-15", "2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2038-04-25", "2040-04-01"]
        {
            let date: Date = text.parse().unwrap();
            assert_eq!(easter(date.year()), date);
        }
    }

    #[test]
    fn every_year_from_1990_to_2040_has_between_248_and_253_sessions() {
        for year in 1990..=2040 {
            let first = Date::from_ymd(year, 1, 1).days();
            let next = Date::from_ymd(year + 1, 1, 1).days();
            let open = (first..next).filter(|d| nyse_day(Date::from_days(*d)) != TradingDay::Closed).count();
            assert!((248..=254).contains(&open), "{year}: {open}");
        }
    }
}
