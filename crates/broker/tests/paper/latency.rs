//! When an order arrives, and that no price from before fills it.

use super::desk::*;
use tensortrade_broker::paper::{Latency, PaperOptions};
use tensortrade_broker::{Broker, BrokerEvent};
use tensortrade_market::Tick;

#[test]
fn an_order_is_accepted_at_its_arrival_and_filled_only_by_later_data() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    assert!(desk.place("a", Buy, "100", Market, Day, 10).is_empty(), "nothing is known before it arrives");
    assert!(desk.quote(40, "99.98", "500", "100.00", "500").is_empty(), "a quote from before the arrival");
    let events = desk.quote(75, "100.04", "500", "100.06", "500");
    assert_eq!(words(&events), ["accepted", "fill", "commission"]);
    assert!(matches!(&events[0], BrokerEvent::Accepted { ts, .. } if *ts == at(60)));
    assert_eq!(filled(&events), ["100 @ 100.06"]);
    assert_eq!(fills(&events)[0].ts, at(75));
}

#[test]
fn a_quote_at_the_very_moment_of_arrival_counts() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", Market, Day, 10);
    assert!(desk.quote(59, "99.99", "500", "100.01", "500").is_empty());
    assert_eq!(filled(&desk.quote(60, "99.99", "500", "100.01", "500")), ["100 @ 100.01"]);
}

#[test]
fn without_further_data_nothing_fills() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", Market, Gtc, 10);
    assert_eq!(words(&desk.watermark(60_000)), ["accepted"]);
    assert!(desk.watermark(3_600_000).is_empty());
    assert_eq!(answers(&mut desk.broker).open.len(), 1);
}

#[test]
fn a_side_that_stands_from_before_the_arrival_fills_nothing() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", Market, Day, 10);
    assert_eq!(words(&desk.quote(70, "100.00", "500", "-", "0")), ["accepted"]);
    assert_eq!(filled(&desk.quote(80, "-", "0", "100.02", "500")), ["100 @ 100.02"]);
}

#[test]
fn a_late_tick_stamped_before_the_arrival_fills_nothing() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", Market, Day, 10);
    assert_eq!(words(&desk.watermark(100)), ["accepted"]);
    assert!(desk.quote(30, "90.00", "500", "90.01", "500").is_empty());
    assert_eq!(filled(&desk.quote(101, "99.99", "500", "100.01", "500")), ["100 @ 100.01"]);
}

#[test]
fn another_symbols_time_neither_accepts_nor_expires() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "100", limit("90"), Gtd(at(1_000)), 0);
    let aig = instrument("AIG", tensortrade_market::calendar::SessionKind::UsEquity);
    desk.broker.on_instrument(&aig);
    let ibm = std::mem::replace(&mut desk.symbol, aig.symbol);
    assert!(
        desk.quote(5_000, "50", "1", "50.01", "1").is_empty(),
        "AIG's data of the same interval came first"
    );
    desk.symbol = ibm;
    assert_eq!(filled(&desk.quote(900, "89.98", "500", "89.99", "500")), ["100 @ 89.99"]);
}

#[test]
fn requests_never_overtake_each_other_whatever_their_delays() {
    let latency = Latency { jitter_ns: 40_000_000, seed: 3, ..Latency::default() };
    let mut desk = Desk::new(PaperOptions { latency, ..free() });
    desk.quote(0, "99.99", "500", "100.01", "500");
    for n in 0..200 {
        let name = format!("o{n}");
        desk.place(&name, Buy, "1", limit("90"), Gtc, n * 1_000);
        desk.cancel(&name, n * 1_000);
        let events = desk.watermark(n * 1_000 + 500);
        assert_eq!(words(&events), ["accepted", "cancelled"]);
    }
}

#[test]
fn a_whole_batch_and_its_single_ticks_give_the_same_events() {
    let ticks: Vec<Tick> = (0..400)
        .map(|n| {
            let bid = format!("{}.{:02}", 99 + (n / 100) % 2, (n * 37) % 90 + 5);
            if n % 3 == 0 {
                Tick::trade(at(n), price(&bid), qty("60"))
            } else {
                let ask = format!("{}.{:02}", 99 + (n / 100) % 2, (n * 37) % 90 + 7);
                quote(n, &bid, "70", &ask, "80")
            }
        })
        .collect();
    let run = |chunk: usize| {
        let mut desk = Desk::new(PaperOptions::default());
        desk.quote(-10, "99.99", "500", "100.01", "500");
        desk.place("m", Buy, "500", Market, Day, 0);
        desk.place("l", Sell, "300", limit("99.60"), Gtc, 0);
        desk.place("s", Sell, "200", stop("99.10"), Day, 0);
        ticks.chunks(chunk).flat_map(|some| desk.ticks(some.to_vec())).collect::<Vec<_>>()
    };
    let whole = run(ticks.len());
    assert!(fills(&whole).len() > 5);
    assert_eq!(whole, run(1));
    assert_eq!(whole, run(7));
}

#[test]
fn a_corrupt_stamp_far_ahead_does_not_become_the_exchanges_time() {
    const YEAR_MS: i64 = 365 * 24 * 3_600_000;
    // In the middle of what comes, and as the last of what comes at once.
    for together in [true, false] {
        let mut desk = Desk::new(free());
        desk.quote(0, "99.99", "500", "100.01", "500");
        if together {
            let stamps = [10, 80 * YEAR_MS, 20];
            desk.ticks(stamps.map(|ms| quote(ms, "99.99", "500", "100.01", "500")).to_vec());
        } else {
            desk.quote(10, "99.99", "500", "100.01", "500");
            desk.quote(80 * YEAR_MS, "99.99", "500", "100.01", "500");
            desk.quote(20, "99.99", "500", "100.01", "500");
        }
        desk.watermark(25);
        desk.place("a", Buy, "100", Market, Day, 30);
        let events = desk.quote(90, "99.99", "500", "100.01", "500");
        assert_eq!(words(&events), ["accepted", "fill", "commission"], "together {together}");
        assert!(matches!(&events[0], BrokerEvent::Accepted { ts, .. } if *ts == at(80)));
    }
}

#[test]
fn the_first_tick_after_a_weekend_counts_when_the_next_one_or_the_clock_confirms_it() {
    const DAYS_MS: i64 = 3 * 24 * 3_600_000;
    for by_clock in [true, false] {
        let mut desk = Desk::new(free());
        desk.quote(0, "99.99", "500", "100.01", "500");
        desk.place("a", Buy, "100", Market, Gtc, 10);
        assert_eq!(words(&desk.watermark(100)), ["accepted"]);
        assert!(desk.quote(DAYS_MS, "98.99", "500", "99.01", "500").is_empty(), "not believed alone");
        let events = if by_clock {
            desk.watermark(DAYS_MS + 60_000)
        } else {
            desk.quote(DAYS_MS + 1_000, "97.99", "500", "98.01", "500")
        };
        assert_eq!(filled(&events), ["100 @ 99.01"], "by clock {by_clock}");
    }
}
