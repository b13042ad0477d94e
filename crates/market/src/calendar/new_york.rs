//! New York's civil time, daylight saving included.

use std::sync::OnceLock;

use jiff::civil;
use jiff::tz::TimeZone;

use super::date::Date;
use crate::time::{NS_PER_S, Ts};

/// The zone from the database compiled into the program, so that the machine's own files cannot change a replay.
fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| {
        TimeZone::get("America/New_York")
            // The bundled database always has it; the rule in force since 2007 is the same zone for every later date.
            .or_else(|_| TimeZone::posix("EST5EDT,M3.2.0,M11.1.0"))
            .unwrap_or(TimeZone::UTC)
    })
}

/// The date in New York at a moment.
pub(super) fn date_at(ts: Ts) -> Date {
    let offset = i64::from(zone().to_offset(ts.to_jiff()).seconds());
    Date::of_utc(ts.plus_nanos(offset * NS_PER_S))
}

/// The moment of a wall-clock time (minutes after midnight) on a date. Market hours never fall into the hour that a
/// daylight-saving change skips or repeats (02:00 on a Sunday).
pub(super) fn moment(date: Date, minute_of_day: i32) -> Ts {
    let (year, month, day) = date.ymd();
    let (Ok(year), Ok(month), Ok(day)) = (i16::try_from(year), i8::try_from(month), i8::try_from(day)) else {
        return if date.days() < 0 { Ts::MIN } else { Ts::MAX };
    };
    let (hour, minute) = ((minute_of_day / 60) as i8, (minute_of_day % 60) as i8);
    civil::Date::new(year, month, day)
        .and_then(|d| zone().to_ambiguous_zoned(d.at(hour, minute, 0, 0)).compatible())
        .ok()
        .and_then(|zoned| i64::try_from(zoned.timestamp().as_nanosecond()).ok())
        .map_or(if date.days() < 0 { Ts::MIN } else { Ts::MAX }, Ts::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_database_knows_new_york() {
        assert!(TimeZone::get("America/New_York").is_ok());
    }

    #[test]
    fn the_offset_changes_on_the_days_of_daylight_saving() {
        let at = |text: &str, minute| moment(text.parse().unwrap(), minute).to_string();
        assert_eq!(at("2018-03-09", 570), "2018-03-09T14:30:00Z");
        assert_eq!(at("2018-03-12", 570), "2018-03-12T13:30:00Z");
        assert_eq!(at("2018-11-05", 570), "2018-11-05T14:30:00Z");
        // Before 2007 the summer was shorter: first Sunday of April to the last of October.
        assert_eq!(at("2006-03-20", 570), "2006-03-20T14:30:00Z");
        assert_eq!(at("2006-10-30", 570), "2006-10-30T14:30:00Z");
        assert_eq!(at("2006-10-27", 570), "2006-10-27T13:30:00Z");
    }

    #[test]
    fn the_date_turns_at_midnight_in_new_york() {
        let date = |text| date_at(Ts::parse(text).unwrap()).to_string();
        assert_eq!(date("2018-03-12T03:59:59Z"), "2018-03-11");
        assert_eq!(date("2018-03-12T04:00:00Z"), "2018-03-12");
    }
}
