//! The forex week: Sunday 17:00 to Friday 17:00 New York.
//!
//! Liquidity has no exchange; the convention of dealers is followed: a day runs from 17:00 to 17:00 New York, and there is
//! no session dated 25 December or 1 January (dealing stops at 17:00 the evening before and resumes at 17:00 of the day).
//! Other bank holidays are thin, not closed.

use super::date::Date;
use super::new_york;
use super::session::Session;

const FIVE_PM: i32 = 17 * 60;

/// The session of a date, if it has one.
pub(super) fn session_on(date: Date) -> Option<Session> {
    let (_, month, day) = date.ymd();
    let holiday = matches!((month, day), (12, 25) | (1, 1));
    if date.weekday().is_weekend() || holiday {
        return None;
    }
    let (open, close) = (new_york::moment(date.plus_days(-1), FIVE_PM), new_york::moment(date, FIVE_PM));
    Some(Session { date, open, close, ext_open: open, ext_close: close })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_opens_on_sunday_evening_and_closes_on_friday() {
        let on = |text: &str| session_on(text.parse().unwrap());
        let monday = on("2014-05-05").unwrap();
        assert_eq!(monday.open.to_string(), "2014-05-04T21:00:00Z");
        assert_eq!(monday.close.to_string(), "2014-05-05T21:00:00Z");
        assert!(on("2014-05-03").is_none() && on("2014-05-04").is_none());
        // The change to summer time falls between two sessions.
        assert_eq!(on("2018-03-12").unwrap().open.to_string(), "2018-03-11T21:00:00Z");
        assert_eq!(on("2018-03-09").unwrap().close.to_string(), "2018-03-09T22:00:00Z");
    }

    #[test]
    fn christmas_and_new_year_have_no_session() {
        let on = |text: &str| session_on(text.parse().unwrap());
        assert!(on("2012-12-25").is_none() && on("2013-01-01").is_none());
        assert_eq!(on("2013-01-02").unwrap().open.to_string(), "2013-01-01T22:00:00Z");
    }
}
