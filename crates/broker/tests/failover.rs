//! Two feeds as one: what is delivered across stalls, disconnects, absurd prices and switches.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use proptest::prelude::*;
use tensortrade_broker::failover::{FailoverFeed, FailoverLimits, Side};
use tensortrade_broker::{Feed, FeedError, FeedNotice, FeedSlice, FeedStats, MarketBatch, MarketData, Pace};
use tensortrade_market::{Bar, Catalog, GapReason, Instrument, Price, Qty, Symbol, Tick, Timeframe, Ts};

/// The boundary after `minute` minutes of a day without closing hours.
fn at(minute: i64) -> Ts {
    Ts::from_secs(1_700_000_040 + minute * 60)
}

fn btc() -> Symbol {
    Symbol::intern("BTCUSDT").unwrap()
}

fn eth() -> Symbol {
    Symbol::intern("ETHUSDT").unwrap()
}

/// What a scripted feed answers next.
#[derive(Clone)]
enum Answer {
    Slice(FeedSlice),
    Down,
    /// No answer for so long after it is first asked.
    Stall(Duration),
    /// No answer until then.
    Until(tokio::time::Instant),
}

struct Scripted {
    answers: VecDeque<Answer>,
    pace: Pace,
}

impl Feed for Scripted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        Box::pin(async {
            if let Some(Answer::Stall(length)) = self.answers.front() {
                self.answers[0] = Answer::Until(tokio::time::Instant::now() + *length);
            }
            if let Some(Answer::Until(until)) = self.answers.front() {
                tokio::time::sleep_until(*until).await;
                self.answers.pop_front();
            }
            match self.answers.pop_front() {
                Some(Answer::Slice(slice)) => Ok(Some(slice)),
                Some(Answer::Down) => Err(FeedError::Disconnected("script".into())),
                Some(Answer::Stall(_) | Answer::Until(_)) | None => Ok(None),
            }
        })
    }

    fn add(&mut self, _: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        Box::pin(async { Ok(()) })
    }

    fn remove(&mut self, _: Symbol) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn history(
        &mut self,
        _: Symbol,
        _: Timeframe,
        _: Ts,
        _: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn stats(&self) -> FeedStats {
        FeedStats::default()
    }

    fn pace(&self) -> Pace {
        self.pace
    }
}

fn scripted(answers: impl IntoIterator<Item = Answer>) -> Box<dyn Feed> {
    Box::new(Scripted { answers: answers.into_iter().collect(), pace: Pace::Consumer })
}

fn live(answers: impl IntoIterator<Item = Answer>) -> Box<dyn Feed> {
    Box::new(Scripted { answers: answers.into_iter().collect(), pace: Pace::Live })
}

/// Six trades in a minute, one every ten seconds, numbered by their size.
fn trades(symbol: Symbol, minute: i64, price: f64) -> MarketBatch {
    let of = |n: i64| {
        let ts = at(minute).plus_nanos((n * 10 + 1) * 1_000_000_000);
        Tick::trade(ts, Price::from_f64(price).unwrap(), Qty::from_units(minute * 6 + n + 1).unwrap())
    };
    MarketBatch { symbol, data: MarketData::Ticks((0..6).map(of).collect()) }
}

/// A minute of both symbols.
fn minute(minute: i64, price: f64) -> Answer {
    let batches = vec![trades(btc(), minute, price), trades(eth(), minute, price)];
    Answer::Slice(FeedSlice { batches, watermark: Some(at(minute + 1)) })
}

fn silent(minute: i64) -> Answer {
    Answer::Slice(FeedSlice { batches: Vec::new(), watermark: Some(at(minute + 1)) })
}

/// What came of it.
#[derive(Debug, Default)]
struct Seen {
    /// Numbers of trades by symbol, in order.
    trades: BTreeMap<Symbol, Vec<i64>>,
    /// Minutes marked as lost.
    gaps: BTreeMap<Symbol, Vec<i64>>,
    boundaries: Vec<Ts>,
    switches: Vec<(Side, i64, usize)>,
    alarms: Vec<&'static str>,
    disconnects: usize,
}

async fn play(primary: Box<dyn Feed>, backup: Box<dyn Feed>) -> (Seen, FailoverFeed) {
    play_with(FailoverLimits::default(), primary, backup).await
}

async fn play_with(
    limits: FailoverLimits,
    primary: Box<dyn Feed>,
    backup: Box<dyn Feed>,
) -> (Seen, FailoverFeed) {
    let mut feed = FailoverFeed::new(primary, backup, limits, Catalog::default());
    let mut seen = Seen::default();
    loop {
        let slice = match feed.next().await {
            Ok(Some(slice)) => slice,
            Ok(None) => break,
            Err(FeedError::Disconnected(_)) if seen.disconnects < 1_000 => {
                seen.disconnects += 1;
                tokio::time::sleep(Duration::from_millis(250)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        for batch in slice.batches {
            match &batch.data {
                MarketData::Ticks(ticks) => {
                    let numbers = ticks.iter().map(|tick| match tick.data {
                        tensortrade_market::TickData::Trade { size, .. } => size.raw() / Qty::ONE,
                        _ => panic!("only trades here"),
                    });
                    seen.trades.entry(batch.symbol).or_default().extend(numbers);
                }
                MarketData::Gap(gap) => {
                    assert_eq!(gap.reason, GapReason::FeedLost);
                    let lost = gap.from.since(at(0)) / 60_000_000_000;
                    seen.gaps.entry(batch.symbol).or_default().push(lost);
                }
                MarketData::Bars(..) => panic!("no bars here"),
            }
        }
        seen.boundaries.extend(slice.watermark);
        for notice in feed.notices() {
            match notice {
                FeedNotice::Switched(switch) => {
                    let minute = switch.ts.since(at(0)) / 60_000_000_000;
                    seen.switches.push((switch.to, minute, switch.symbols.len()));
                }
                FeedNotice::Alarm { code, .. } => seen.alarms.push(code),
            }
        }
    }
    for notice in feed.notices() {
        if let FeedNotice::Alarm { code, .. } = notice {
            seen.alarms.push(code);
        }
    }
    (seen, feed)
}

fn numbers(minutes: std::ops::Range<i64>) -> Vec<i64> {
    (minutes.start * 6 + 1..minutes.end * 6 + 1).collect()
}

#[tokio::test]
async fn while_the_primary_is_good_its_data_is_what_comes_to_the_row_whatever_the_backup_does() {
    let primary = (0..40).map(|m| minute(m, 100.0));
    let backup = (0..40).map(|m| if m % 7 == 3 { silent(m) } else { minute(m, 100.05) });
    let (seen, feed) = play(scripted(primary), scripted(backup)).await;
    assert_eq!(seen.trades[&btc()], numbers(0..40));
    assert_eq!(seen.boundaries, (1..=40).map(at).collect::<Vec<_>>());
    assert!(seen.switches.is_empty() && seen.gaps.is_empty(), "{seen:?}");
    assert_eq!(feed.health().unwrap().on_backup, 0);
}

#[tokio::test]
async fn a_silent_primary_is_replaced_at_a_boundary_and_taken_again_when_it_has_been_good() {
    let primary = (0..60).map(|m| if (20..26).contains(&m) { silent(m) } else { minute(m, 100.0) });
    let backup = (0..60).map(|m| minute(m, 100.01));
    let (seen, feed) = play(scripted(primary), scripted(backup)).await;
    // The switch takes effect on the minute that is judged: nothing is lost at all.
    assert_eq!(seen.trades[&btc()], numbers(0..60));
    assert!(seen.gaps.is_empty(), "{seen:?}");
    let sides: Vec<Side> = seen.switches.iter().map(|switch| switch.0).collect();
    assert_eq!(sides, [Side::Backup, Side::Primary], "{seen:?}");
    assert_eq!(seen.switches[0], (Side::Backup, 21, 2));
    assert!(seen.switches[1].1 >= 26 + 5, "five good minutes at least: {seen:?}");
    assert_eq!(feed.health().unwrap().switches, 2);
}

#[tokio::test]
async fn one_symbol_can_be_taken_from_the_backup_while_the_other_stays() {
    let primary = (0..30).map(|m| {
        let batches = if m < 10 {
            vec![trades(btc(), m, 100.0), trades(eth(), m, 100.0)]
        } else {
            vec![trades(eth(), m, 100.0)]
        };
        Answer::Slice(FeedSlice { batches, watermark: Some(at(m + 1)) })
    });
    let backup = (0..30).map(|m| minute(m, 100.0));
    let (seen, _) = play(scripted(primary), scripted(backup)).await;
    assert_eq!(seen.switches, [(Side::Backup, 11, 1)]);
    assert_eq!((&seen.trades[&btc()], &seen.trades[&eth()]), (&numbers(0..30), &numbers(0..30)));
}

#[tokio::test]
async fn an_absurd_price_of_the_primary_never_comes_through() {
    let primary = (0..30).map(|m| minute(m, if m == 12 { 1_000.0 } else { 100.0 }));
    let backup = (0..30).map(|m| minute(m, 100.0));
    let (seen, _) = play(scripted(primary), scripted(backup)).await;
    assert_eq!(seen.switches[0], (Side::Backup, 13, 2));
    assert_eq!(seen.trades[&btc()], numbers(0..30));
}

#[tokio::test]
async fn with_both_bad_nothing_comes_through_and_the_stretch_is_marked() {
    // The backup is away; the primary's price jumps while it is, and both disagree when it is back.
    let primary = (0..40).map(|m| minute(m, if m < 12 { 100.0 } else { 150.0 }));
    let backup = (0..40).map(|m| if (13..20).contains(&m) { silent(m) } else { minute(m, 100.0) });
    let (seen, feed) = play(scripted(primary), scripted(backup)).await;
    assert_eq!(seen.switches, [(Side::Backup, 13, 2)], "{seen:?}");
    assert!(seen.trades[&btc()].iter().all(|n| !numbers(13..20).contains(n)), "{seen:?}");
    assert!(seen.alarms.contains(&"feed_no_good_source"), "{seen:?}");
    assert_eq!(feed.health().unwrap().on_backup, 2);
}

#[tokio::test]
async fn crossed_quotes_without_a_good_backup_are_withheld_and_marked() {
    let quotes = |m: i64, crossed: bool| {
        let of = |n: i64| {
            let ts = at(m).plus_nanos(n * 3_000_000_000);
            let price = |p| Some(Price::from_f64(p).unwrap());
            let (bid, ask) = if crossed { (price(100.1), price(100.0)) } else { (price(99.9), price(100.0)) };
            Tick::quote(ts, bid, ask, Qty::ZERO, Qty::ZERO)
        };
        let batch = MarketBatch { symbol: btc(), data: MarketData::Ticks((0..20).map(of).collect()) };
        Answer::Slice(FeedSlice { batches: vec![batch], watermark: Some(at(m + 1)) })
    };
    let primary = (0..20).map(|m| quotes(m, m >= 10));
    let mut feed =
        FailoverFeed::new(scripted(primary), scripted([]), FailoverLimits::default(), Catalog::default());
    let mut withheld = Vec::new();
    for m in 0..20 {
        let slice = feed.next().await.unwrap().unwrap();
        let (rows, gaps): (Vec<_>, Vec<_>) = slice.batches.iter().partition(|batch| !batch.is_empty());
        assert!(rows.is_empty() != gaps.is_empty(), "minute {m}: {slice:?}");
        if rows.is_empty() {
            withheld.push(m);
        }
    }
    // Two crossed minutes of ten are a share of 20 %.
    assert_eq!(withheld, (11..20).collect::<Vec<_>>());
    assert_eq!(feed.health().unwrap().withheld_rows, 9 * 20);
}

#[tokio::test]
async fn a_switch_within_a_minute_repeats_no_row_and_marks_what_fell_between() {
    // Minute 10 comes in two pieces. The primary delivers the first, then jumps.
    let piece = |rows: std::ops::Range<usize>, price: f64, watermark: Option<Ts>| {
        let MarketData::Ticks(ticks) = trades(btc(), 10, price).data else { panic!("ticks") };
        let data = MarketData::Ticks(ticks[rows].into());
        Answer::Slice(FeedSlice { batches: vec![MarketBatch { symbol: btc(), data }], watermark })
    };
    let primary =
        (0..10).map(|m| minute(m, 100.0)).chain([piece(0..3, 100.0, None), piece(3..6, 500.0, Some(at(11)))]);
    let backup = (0..10).map(|m| minute(m, 100.0)).chain([piece(0..6, 100.0, Some(at(11)))]);
    let after = || (11..15).map(|m| minute(m, 100.0));
    let (seen, feed) = play(scripted(primary.chain(after())), scripted(backup.chain(after()))).await;
    assert_eq!(seen.trades[&btc()], numbers(0..15), "each row once");
    assert_eq!(feed.health().unwrap().overlap_rows, 3);
    // Rows of the bad source were delivered in that minute: it is no minute to rest a decision on.
    assert_eq!(seen.gaps[&btc()], [10]);
}

#[tokio::test]
async fn a_disconnected_primary_is_asked_once_a_boundary_and_what_it_missed_is_over() {
    let mut primary: Vec<Answer> = (0..10).map(|m| minute(m, 100.0)).collect();
    primary.extend(std::iter::repeat_n(Answer::Down, 4));
    // It comes back with what is over, then with the present.
    primary.extend((10..60).map(|m| minute(m, 100.0)));
    let backup = (0..60).map(|m| minute(m, 100.0));
    let (seen, feed) = play(scripted(primary), scripted(backup)).await;
    assert_eq!(seen.trades[&btc()], numbers(0..60));
    assert_eq!(seen.boundaries, (1..=60).map(at).collect::<Vec<_>>());
    assert_eq!(seen.switches[0], (Side::Backup, 11, 2));
    assert_eq!(seen.switches[1].0, Side::Primary);
    assert_eq!(&seen.alarms[..2], ["feed_down", "feed_back"]);
    assert_eq!(feed.health().unwrap().late_rows, 4 * 12);
}

#[tokio::test]
async fn with_both_disconnected_the_caller_is_told_and_both_are_asked_again() {
    let down = || (0..5).map(|m| minute(m, 100.0)).chain([Answer::Down, Answer::Down]);
    let rest = || (5..8).map(|m| minute(m, 100.0));
    let (seen, _) = play(scripted(down().chain(rest())), scripted(down().chain(rest()))).await;
    assert_eq!(seen.disconnects, 2);
    assert_eq!(seen.trades[&btc()], numbers(0..8));
}

#[tokio::test(start_paused = true)]
async fn a_live_primary_that_does_not_answer_holds_the_backup_up_for_its_limit_only() {
    let mut primary: Vec<Answer> = (0..10).map(|m| minute(m, 100.0)).collect();
    primary.push(Answer::Stall(Duration::from_secs(30)));
    primary.extend((10..20).map(|m| minute(m, 100.0)));
    let backup = (0..20).map(|m| minute(m, 100.0));
    let begun = tokio::time::Instant::now();
    let (seen, _) = play(live(primary), live(backup)).await;
    assert_eq!(seen.trades[&btc()], numbers(0..20));
    assert_eq!(seen.switches[0], (Side::Backup, 11, 2));
    assert!(begun.elapsed() < Duration::from_secs(35), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_waited_for_however_slow_its_reader_is() {
    let slow = |m: i64| [Answer::Stall(Duration::from_secs(90)), minute(m, 100.0)];
    let (seen, _) = play(scripted((0..10).flat_map(slow)), scripted((0..10).map(|m| minute(m, 100.0)))).await;
    assert_eq!(seen.trades[&btc()], numbers(0..10));
    assert!(seen.switches.is_empty() && seen.alarms.iter().all(|code| *code == "feed_down"), "{seen:?}");
}

#[tokio::test]
async fn the_end_comes_when_both_have_ended() {
    let (seen, _) =
        play(scripted((0..10).map(|m| minute(m, 100.0))), scripted((0..15).map(|m| minute(m, 100.0)))).await;
    assert_eq!(seen.trades[&btc()], numbers(0..15));
}

proptest! {
    /// Whatever goes wrong with either feed: rows stay in order, none comes twice, boundaries rise, and a minute without all
    /// of its rows has either no data in the source or a mark.
    #[test]
    fn no_row_comes_twice_and_order_holds_under_any_faults(
        faults in prop::collection::vec((0u8..6, 0u8..6), 20..80),
    ) {
        let answers = |side: usize| {
            let mut answers = Vec::new();
            for (m, faults) in (0..).zip(&faults) {
                let fault = if side == 0 { faults.0 } else { faults.1 };
                match fault {
                    3 => answers.push(silent(m)),
                    4 => answers.push(minute(m, 130.0)),
                    5 => answers.extend([Answer::Down, minute(m, 100.0)]),
                    _ => answers.push(minute(m, 100.0)),
                }
            }
            scripted(answers)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let limits = FailoverLimits { dwell_ms: 0, return_after_ms: 60_000, switches_per_hour_max: 100, ..FailoverLimits::default() };
        let (seen, _) = runtime.block_on(play_with(limits, answers(0), answers(1)));
        for trades in seen.trades.values() {
            prop_assert!(trades.windows(2).all(|pair| pair[0] < pair[1]), "{trades:?}");
        }
        prop_assert!(seen.boundaries.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", seen.boundaries);
        prop_assert_eq!(seen.boundaries.last(), Some(&at(faults.len() as i64)));
    }
}

#[test]
fn a_cancelled_wait_loses_nothing() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let answers = |every: i64| {
            (0..20).flat_map(move |m| {
                let stall = (m % every == 0).then(|| Answer::Stall(Duration::from_millis(300)));
                stall.into_iter().chain([minute(m, 100.0)])
            })
        };
        let mut feed = FailoverFeed::new(
            live(answers(3)),
            live(answers(4)),
            FailoverLimits::default(),
            Catalog::default(),
        );
        let taken = Arc::new(Mutex::new(Vec::new()));
        loop {
            // Given up every 100 ms, as a hub gives up when a command comes.
            match tokio::time::timeout(Duration::from_millis(100), feed.next()).await {
                Ok(Ok(Some(slice))) => taken.lock().unwrap().extend(slice.watermark),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => panic!("{error}"),
                Err(_) => {}
            }
        }
        assert_eq!(*taken.lock().unwrap(), (1..=20).map(at).collect::<Vec<_>>());
    });
}
