//! Sessions on known days, and what holds for every day.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use proptest::prelude::*;
use tensortrade_market::Ts;
use tensortrade_market::calendar::{Calendar, CalendarCursor, Date, Phase, Session, SessionKind};

const KINDS: [SessionKind; 3] = [SessionKind::UsEquity, SessionKind::Forex24x5, SessionKind::Always];

fn ts(text: &str) -> Ts {
    Ts::parse(text).unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn the_open_moves_with_daylight_saving() {
    let shares = Calendar::new(SessionKind::UsEquity);
    assert_eq!(shares.session_on(date("2018-03-09")).unwrap().open, ts("2018-03-09T14:30:00Z"));
    assert!(shares.session_on(date("2018-03-11")).is_none());
    let monday = shares.session_on(date("2018-03-12")).unwrap();
    assert_eq!((monday.open, monday.close), (ts("2018-03-12T13:30:00Z"), ts("2018-03-12T20:00:00Z")));
    assert_eq!((monday.ext_open, monday.ext_close), (ts("2018-03-12T08:00:00Z"), ts("2018-03-13T00:00:00Z")));
}

#[test]
fn a_day_goes_through_its_phases() {
    let shares = Calendar::new(SessionKind::UsEquity);
    let phases = [
        ("2013-10-07T07:59:59Z", Phase::Closed),
        ("2013-10-07T08:00:00Z", Phase::Pre),
        ("2013-10-07T13:29:59.999Z", Phase::Pre),
        ("2013-10-07T13:30:00Z", Phase::Regular),
        ("2013-10-07T20:00:00Z", Phase::Post),
        ("2013-10-08T00:00:00Z", Phase::Closed),
        ("2013-11-29T17:59:59Z", Phase::Regular), // the day after Thanksgiving closes at 13:00
        ("2013-11-29T18:00:00Z", Phase::Post),
        ("2013-11-29T22:00:00Z", Phase::Closed),
        ("2013-07-03T17:00:00Z", Phase::Post),
        ("2022-06-20T15:00:00Z", Phase::Closed), // Juneteenth, kept on Monday
        ("2021-12-31T15:00:00Z", Phase::Regular),
    ];
    for (at, phase) in phases {
        assert_eq!(shares.phase(ts(at)), phase, "{at}");
    }
    assert!(
        shares.is_open(ts("2013-10-07T08:00:00Z"), true)
            && !shares.is_open(ts("2013-10-07T08:00:00Z"), false)
    );
    assert!(!Calendar::new(SessionKind::Forex24x5).is_open(ts("2014-05-03T12:00:00Z"), true));
    assert!(Calendar::new(SessionKind::Always).is_open(ts("2014-05-03T12:00:00Z"), false));
}

#[test]
fn the_next_open_and_boundary_skip_closed_days() {
    let shares = Calendar::new(SessionKind::UsEquity);
    let friday_evening = ts("2018-03-09T21:30:00Z");
    assert_eq!(shares.next_open(friday_evening), Some(ts("2018-03-12T13:30:00Z")));
    assert_eq!(shares.next_boundary(friday_evening), Some(ts("2018-03-10T01:00:00Z")));
    assert_eq!(shares.next_boundary(ts("2018-03-10T01:00:00Z")), Some(ts("2018-03-12T08:00:00Z")));
    assert_eq!(shares.next_open(ts("2018-03-12T13:30:00Z")), Some(ts("2018-03-12T13:30:00Z")));
    // Closed from the attack of 11 September 2001 to the next Monday.
    assert_eq!(shares.next_open(ts("2001-09-10T21:00:00Z")), Some(ts("2001-09-17T13:30:00Z")));
    let forex = Calendar::new(SessionKind::Forex24x5);
    assert_eq!(forex.next_open(ts("2014-05-02T21:00:00Z")), Some(ts("2014-05-04T21:00:00Z")));
}

#[test]
fn daily_intervals_are_sessions_with_the_auction_minute_of_shares() {
    let shares = Calendar::new(SessionKind::UsEquity);
    let day = shares.daily_interval(date("2013-10-07"));
    assert_eq!(day, Some((ts("2013-10-07T13:30:00Z"), ts("2013-10-07T20:01:00Z"))));
    let forex = Calendar::new(SessionKind::Forex24x5).daily_interval(date("2014-05-05"));
    assert_eq!(forex, Some((ts("2014-05-04T21:00:00Z"), ts("2014-05-05T21:00:00Z"))));
    let always = Calendar::new(SessionKind::Always).daily_interval(date("2014-05-05"));
    assert_eq!(always, Some((ts("2014-05-05"), ts("2014-05-06"))));
    assert_eq!(shares.session_date(ts("2013-10-08T00:00:00Z").plus_nanos(-1)), Some(date("2013-10-07")));
    let forex_evening = Calendar::new(SessionKind::Forex24x5).session_date(ts("2014-05-04T21:00:00Z"));
    assert_eq!(forex_evening, Some(date("2014-05-05")));
}

#[test]
fn sessions_of_half_a_century_are_disjoint_and_in_order() {
    for kind in KINDS {
        let calendar = Calendar::new(kind);
        let mut before: Option<Session> = None;
        for day in date("1990-01-01").days()..date("2041-01-01").days() {
            let Some(session) = calendar.session_on(Date::from_days(day)) else { continue };
            assert!(
                session.ext_open <= session.open
                    && session.open < session.close
                    && session.close <= session.ext_close
            );
            assert_eq!(session.date, Date::from_days(day));
            if let Some(before) = before {
                assert!(before.ext_close <= session.ext_open, "{kind:?} {}", session.date);
                assert_eq!(calendar.session_after(before.date), Some(session));
                assert_eq!(calendar.session_before(session.date), Some(before));
            }
            before = Some(session);
        }
    }
}

#[test]
fn there_are_no_sessions_at_the_ends_of_time() {
    for kind in KINDS {
        let calendar = Calendar::new(kind);
        assert_eq!(calendar.session_of(Ts::MIN), None);
        assert_eq!(calendar.session_of(Ts::MAX), None);
        assert_eq!(calendar.next_open(Ts::MAX), None);
        assert_eq!(calendar.phase(ts("1700-01-01")), Phase::Closed);
        assert!(calendar.next_open(Ts::MIN).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn phase_session_and_boundaries_agree(secs in 631_000_000i64..2_208_000_000, kind in 0usize..3) {
        let calendar = Calendar::new(KINDS[kind]);
        let at = Ts::from_secs(secs);
        let session = calendar.session_of(at);
        prop_assert_eq!(session.map_or(Phase::Closed, |s| s.phase(at)), calendar.phase(at));
        prop_assert_eq!(session.is_none(), calendar.phase(at) == Phase::Closed);
        let boundary = calendar.next_boundary(at).unwrap();
        prop_assert!(boundary > at);
        // Nothing changes before the boundary, and the phase or the session does at it.
        prop_assert_eq!(calendar.phase(boundary.plus_nanos(-1)), calendar.phase(at));
        prop_assert!(
            calendar.phase(boundary) != calendar.phase(at) || calendar.session_date(boundary) != calendar.session_date(at)
        );
        let open = calendar.next_open(at).unwrap();
        prop_assert!(open >= at);
        prop_assert_eq!(calendar.phase(open), Phase::Regular);
    }

    #[test]
    fn a_cursor_answers_like_the_calendar_in_any_order(
        moments in prop::collection::vec(1_380_000_000i64..1_390_000_000, 1..60), kind in 0usize..3,
    ) {
        let calendar = Calendar::new(KINDS[kind]);
        let mut cursor = CalendarCursor::new(KINDS[kind]);
        for at in moments.into_iter().map(Ts::from_secs) {
            prop_assert_eq!(cursor.current_or_next(at), calendar.current_or_next(at));
            prop_assert_eq!(cursor.phase(at), calendar.phase(at));
            prop_assert_eq!(cursor.next_open(at), calendar.next_open(at));
            prop_assert_eq!(cursor.next_boundary(at), calendar.next_boundary(at));
            prop_assert_eq!(cursor.session_date(at), calendar.session_date(at));
            prop_assert_eq!(cursor.is_open(at, true), calendar.is_open(at, true));
        }
    }
}
