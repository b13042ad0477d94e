//! Where bars begin and end, and what becomes of the time without one.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod scenario;

use tensortrade_market::bars::{Output, TimeBars, TimeBarsConfig};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Catalog, Gap, GapReason, Symbol, Timeframe};

use scenario::*;

#[test]
fn no_bar_straddles_the_open_the_close_or_the_auction_minute() {
    let mut builder = builder(SessionKind::UsEquity, Timeframe::HOUR, true);
    let out = feed(
        &mut builder,
        &[
            trade("2013-10-07T13:15:00Z", "10", 1),   // 09:15 New York
            trade("2013-10-07T13:30:00Z", "11", 1),   // the open
            trade("2013-10-07T19:59:59.9Z", "12", 1), // just before the close
            trade("2013-10-07T20:00:41Z", "13", 1),   // the auction's print
            trade("2013-10-07T20:01:00Z", "14", 1),   // after it
            trade("2013-10-07T21:00:00Z", "15", 1),
        ],
    );
    let spans: Vec<_> =
        out.iter().map(|o| (o.start().to_string(), o.end().to_string(), o.bar().is_some())).collect();
    let expected = [
        ("2013-10-07T13:00:00Z", "2013-10-07T13:30:00Z", true),
        ("2013-10-07T13:30:00Z", "2013-10-07T14:00:00Z", true),
        ("2013-10-07T14:00:00Z", "2013-10-07T19:00:00Z", false),
        ("2013-10-07T19:00:00Z", "2013-10-07T20:00:00Z", true),
        ("2013-10-07T20:00:00Z", "2013-10-07T20:01:00Z", true),
        ("2013-10-07T20:01:00Z", "2013-10-07T21:00:00Z", true),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), *c)).collect();
    assert_eq!(spans, expected);
}

#[test]
fn a_daily_bar_of_shares_is_the_regular_session_with_the_closing_auction() {
    let mut builder = builder(SessionKind::UsEquity, Timeframe::DAY, true);
    let out = feed(
        &mut builder,
        &[
            trade("2013-10-07T12:00:00Z", "5", 1), // before the open
            trade("2013-10-07T13:30:00Z", "10", 1),
            trade("2013-10-07T20:00:41Z", "13", 100), // the auction
            trade("2013-10-07T20:01:00Z", "50", 1),   // after hours
        ],
    );
    let bar = only_bar(&out);
    assert_eq!((bar.start, bar.end), (ts("2013-10-07T13:30:00Z"), ts("2013-10-07T20:01:00Z")));
    assert_eq!((bar.low, bar.close, bar.high, bar.volume), (p("10"), p("13"), p("13"), q(101)));
    assert_eq!(builder.counts().outside_session, 2);
}

#[test]
fn a_daily_bar_of_a_currency_pair_turns_at_five_in_new_york() {
    let mut builder = builder(SessionKind::Forex24x5, Timeframe::DAY, true);
    let out = feed(
        &mut builder,
        &[
            quote("2014-05-05T20:59:59Z", "1", "1.2"),
            quote("2014-05-05T21:00:00Z", "2", "2.2"),
            quote("2014-05-06T20:00:00Z", "3", "3.2"),
            quote("2014-05-06T21:00:00Z", "4", "4.2"),
        ],
    );
    assert_eq!(out.len(), 2);
    let bar = out[1].bar().unwrap();
    assert_eq!((bar.start, bar.end), (ts("2014-05-05T21:00:00Z"), ts("2014-05-06T21:00:00Z")));
    assert_eq!((bar.open, bar.close), (p("2.1"), p("3.1")));
}

#[test]
fn hours_without_trading_are_no_gap_and_a_hole_is_one_gap_per_session() {
    let mut builder = builder(SessionKind::UsEquity, Timeframe::MINUTE, false);
    let out = feed(
        &mut builder,
        &[
            trade("2013-10-04T19:59:30Z", "10", 1), // Friday
            trade("2013-10-08T13:31:30Z", "11", 1), // Tuesday
            trade("2013-10-08T13:31:40Z", "11", 1),
        ],
    );
    assert_eq!(
        out[1..],
        [
            gap("2013-10-04T20:00:00Z", "2013-10-04T20:01:00Z"),
            gap("2013-10-07T13:30:00Z", "2013-10-07T20:01:00Z"),
            gap("2013-10-08T13:30:00Z", "2013-10-08T13:31:00Z"),
        ]
    );
}

#[test]
fn ticks_outside_the_session_are_counted_but_their_quotes_still_renew_the_sides() {
    let mut builder = builder(SessionKind::UsEquity, Timeframe::MINUTE, false);
    feed(
        &mut builder,
        &[
            quote("2013-10-07T13:29:58Z", "10", ""),
            trade("2013-10-07T13:29:59Z", "10", 7),
            quote("2013-10-07T13:30:00Z", "", "10.5"),
            trade("2013-10-07T13:30:01Z", "10.2", 1),
        ],
    );
    assert_eq!(builder.counts().outside_session, 2);
    let bar = only_bar(&advance(&mut builder, "2013-10-07T13:31:00Z"));
    assert_eq!((bar.volume, bar.spread), (q(1), Some(p("0.5"))));
}

#[test]
fn each_watermark_closes_what_it_completes_with_a_gap_where_nothing_came() {
    let mut builder = minutes();
    assert!(advance(&mut builder, "2021-01-08T00:00:00Z").is_empty());
    assert_eq!(
        advance(&mut builder, "2021-01-08T00:01:00Z"),
        [gap("2021-01-08T00:00:00Z", "2021-01-08T00:01:00Z")]
    );
    assert_eq!(
        advance(&mut builder, "2021-01-08T00:03:30Z"),
        [gap("2021-01-08T00:01:00Z", "2021-01-08T00:03:00Z")]
    );
    // Going back changes nothing.
    assert!(advance(&mut builder, "2021-01-08T00:00:30Z").is_empty());
    assert_eq!(builder.closed_until(), Some(ts("2021-01-08T00:03:00Z")));
}

#[test]
fn a_bar_that_the_source_declares_incomplete_becomes_a_gap_with_its_reason() {
    let mut builder = minutes();
    feed(&mut builder, &[trade("2021-01-08T00:00:10Z", "10", 1), trade("2021-01-08T00:01:10Z", "10", 1)]);
    let lost = GapReason::FeedLost;
    builder.mark(Gap { from: ts("2021-01-08T00:01:20Z"), to: ts("2021-01-08T00:02:10Z"), reason: lost });
    let out =
        feed(&mut builder, &[trade("2021-01-08T00:02:20Z", "10", 1), trade("2021-01-08T00:03:20Z", "10", 1)]);
    let lost_minute = |from: &str, to: &str| Output::Gap(Gap { from: ts(from), to: ts(to), reason: lost });
    assert_eq!(
        out,
        [
            lost_minute("2021-01-08T00:01:00Z", "2021-01-08T00:02:00Z"),
            lost_minute("2021-01-08T00:02:00Z", "2021-01-08T00:03:00Z"),
        ]
    );
    assert_eq!(builder.counts().in_gap, 2);
    assert!(advance(&mut builder, "2021-01-08T00:04:00Z")[0].bar().is_some(), "the loss is over");
}

#[test]
fn a_builder_is_small_and_made_for_its_instrument() {
    assert!(size_of::<TimeBars>() < 1024, "{}", size_of::<TimeBars>());
    let eurusd = Catalog::default().get(Symbol::intern("EURUSD").unwrap());
    let config = TimeBarsConfig::for_instrument(&eurusd, Timeframe::MINUTE, true);
    assert_eq!((config.sessions, config.negative_prices), (SessionKind::Forex24x5, false));
}
