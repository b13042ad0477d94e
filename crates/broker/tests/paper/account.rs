//! Cash, commissions, positions and the bounds of memory.

use super::desk::*;
use futures::executor::block_on;
use tensortrade_broker::paper::{PaperBroker, PaperOptions};
use tensortrade_broker::{Broker, BrokerEvent};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Currency, Money, Ts};

#[test]
fn a_commission_follows_each_fill_under_the_same_execution_id_and_the_minimum_is_paid_once_per_order() {
    let mut desk = Desk::new(PaperOptions::default());
    desk.quote(0, "99.99", "500", "100.01", "500");
    desk.place("a", Buy, "300", Market, Day, 0);
    let mut events = desk.quote(60, "99.99", "500", "100.01", "100");
    events.extend(desk.quote(61, "99.99", "500", "100.01", "200"));
    assert_eq!(words(&events), ["accepted", "fill", "commission", "fill", "commission"]);
    let mut amounts = Vec::new();
    for pair in events[1..].chunks(2) {
        let [BrokerEvent::Fill(fill), BrokerEvent::Commission(commission)] = pair else { panic!("{pair:?}") };
        assert_eq!((&fill.exec_id, &fill.venue), (&commission.exec_id, &commission.venue));
        amounts.push((fill.exec_id.to_string(), commission.amount.to_string()));
    }
    assert_eq!(
        amounts,
        [("P1.1".into(), "1".into()), ("P1.2".into(), "0.5".into())],
        "300 shares cost 1.5 in all"
    );
    assert_eq!(desk.cash().to_string(), (Money::ONE - 30_003).to_string().replace("969997", "969995.5"));
}

#[test]
fn the_account_answers_with_positions_and_their_average_price() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "0", "100.01", "0");
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.quote(60, "99.99", "0", "100", "0");
    desk.place("b", Buy, "300", Market, Day, 60);
    desk.quote(120, "101.99", "0", "102", "0");
    let position = answers(&mut desk.broker).positions[0].clone();
    assert_eq!((position.qty, position.average_price), (qty("400"), price("101.5")));
    desk.place("c", Sell, "400", Market, Day, 120);
    desk.quote(200, "101.5", "0", "102", "0");
    assert!(answers(&mut desk.broker).positions.is_empty());
    assert_eq!(desk.cash().to_string(), "1000000");
}

#[test]
fn a_foreign_instrument_is_paid_in_its_own_currency() {
    let broker = PaperBroker::in_memory(free()).unwrap();
    let mut desk = Desk::of(broker, &instrument("0700.HK", SessionKind::Always));
    desk.quote(0, "299.9", "0", "300", "0");
    desk.place("a", Buy, "100", Market, Day, 0);
    desk.quote(60, "299.9", "0", "300", "0");
    let cash = answers(&mut desk.broker).account.cash;
    assert_eq!(cash[&Currency::new("HKD").unwrap()].to_string(), "-30000");
    assert_eq!(cash[&Currency::USD].to_string(), "1000000");
}

#[test]
fn buying_power_in_another_currency_uses_the_rate_that_is_configured_or_seen() {
    let rates = [(Currency::new("JPY").unwrap(), price("0.01"))].into();
    for (options, fits) in [(free(), false), (PaperOptions { fx_rates: rates, ..free() }, true)] {
        let mut desk =
            Desk::of(PaperBroker::in_memory(options).unwrap(), &instrument("7203.T", SessionKind::Always));
        desk.quote(0, "1999", "0", "2000", "0");
        // 200 million yen: 2 million dollars, but 200 times the equity at one to one.
        desk.place("a", Buy, "100000", Market, Day, 0);
        assert_eq!(words(&desk.watermark(60)) == ["accepted"], fits);
    }
    let mut desk =
        Desk::of(PaperBroker::in_memory(free()).unwrap(), &instrument("USDJPY", SessionKind::Always));
    desk.quote(0, "149.999", "0", "150.000", "0");
    desk.place("a", Buy, "3000000", Market, Day, 0);
    assert_eq!(
        words(&desk.watermark(60)),
        ["accepted"],
        "450 million yen are 3 million dollars at the pair's own price"
    );
}

#[test]
fn completed_orders_and_executions_are_kept_up_to_the_limit_and_the_newest_stay() {
    let mut desk = Desk::new(PaperOptions { history_max: 10, ..free() });
    desk.quote(0, "99.99", "0", "100.01", "0");
    desk.place("old", Buy, "1", limit("90"), Gtc, 0);
    for n in 0..25 {
        desk.place(&format!("o{n}"), Buy, "1", Market, Day, n * 100);
        desk.quote(n * 100 + 60, "99.99", "0", "100.01", "0");
    }
    desk.cancel("old", 3_000);
    desk.watermark(4_000);
    let answers = answers(&mut desk.broker);
    assert_eq!((answers.done.len(), answers.executions.len()), (10, 10));
    let last = answers.done.last().unwrap().client_order_id.as_ref().unwrap();
    assert_eq!(last.as_str(), "old", "kept by when it was done, not by when it was placed");
    assert_eq!(desk.held(), qty("25"));
}

#[test]
fn queries_since_a_moment_leave_the_earlier_ones_out() {
    let mut desk = Desk::new(free());
    desk.quote(0, "99.99", "0", "100.01", "0");
    for n in 0..3 {
        desk.place(&format!("o{n}"), Buy, "1", Market, Day, n * 1_000);
        desk.quote(n * 1_000 + 60, "99.99", "0", "100.01", "0");
    }
    assert_eq!(block_on(desk.broker.executions(at(1_060))).unwrap().len(), 2);
    assert_eq!(block_on(desk.broker.completed_orders(at(1_001))).unwrap().len(), 1);
    assert_eq!(block_on(desk.broker.executions(Ts::MAX)).unwrap().len(), 0);
}
