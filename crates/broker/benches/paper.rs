//! What the paper exchange costs: nanoseconds a tick without and with working orders, and microseconds an order from
//! `place` to its booked fill, in memory and with its file.
//!
//! `cargo bench -p tensortrade-broker --bench paper`

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use tensortrade_broker::paper::{PaperBroker, PaperOptions};
use tensortrade_broker::{Broker, MarketBatch, MarketData};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Instrument, Price, Qty, Symbol, Tick, TickData, Ts};

const BATCH: usize = 8_192;
const BATCHES: usize = 200;
const ORDERS: usize = 20_000;
/// A trading day's noon in New York.
const START: Ts = Ts::from_secs(1_381_161_600);

fn main() {
    println!("{:<58} {:>10}", "ticks, best of 5 passes over 1.6 M", "ns a tick");
    let plain = best(|| {
        let ticks = mixed();
        let start = now();
        for _ in 0..BATCHES {
            black_box(last_price(black_box(&ticks)));
        }
        start.elapsed()
    });
    println!("{:<58} {:>10.2}", "yardstick: a plain loop that keeps the last price", plain);
    for (what, ticks) in
        [("quotes and trades", mixed()), ("trades only", trades()), ("quotes only", quotes())]
    {
        let cost = best(|| run(&ticks, 0));
        println!("{:<58} {:>10.2}   {:.2}x", format!("no working order, {what}"), cost, cost / plain);
    }
    for orders in [1, 10] {
        let cost = best(|| run(&mixed(), orders));
        println!(
            "{:<58} {:>10.2}   {:.2}x",
            format!("{orders} limit(s) far from the market"),
            cost,
            cost / plain
        );
    }
    println!("{:<58} {:>10}", "orders, market, filled at the next quote", "us each");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = PaperOptions { path: folder.path().join("paper.books"), ..PaperOptions::default() };
    let memory = PaperBroker::in_memory(options.clone()).expect("an account");
    println!("{:<58} {:>10.2}", format!("{ORDERS} orders in memory"), orders(memory));
    let file = PaperBroker::open(options.clone()).expect("an account");
    println!("{:<58} {:>10.2}", format!("{ORDERS} orders with the file"), orders(file));
    let start = now();
    let reopened = PaperBroker::open(options).expect("the account");
    println!(
        "{:<58} {:>10.2}",
        format!("reopening {} records, ms", reopened.recovery().records),
        start.elapsed().as_secs_f64() * 1e3
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's time")]
fn now() -> Instant {
    Instant::now()
}

fn best(pass: impl Fn() -> Duration) -> f64 {
    let least = (0..5).map(|_| pass()).min().unwrap_or_default();
    least.as_secs_f64() * 1e9 / (BATCH * BATCHES) as f64
}

fn last_price(ticks: &[Tick]) -> i64 {
    let mut last = 0;
    for tick in ticks {
        match tick.data {
            TickData::Trade { price, .. } => last = price.raw(),
            TickData::Quote { bid, .. } => last = bid.map_or(last, Price::raw),
        }
    }
    last
}

fn desk(mut broker: PaperBroker) -> (PaperBroker, Symbol) {
    let symbol = Symbol::intern("IBM").expect("a symbol");
    broker.on_instrument(&Instrument { sessions: SessionKind::Always, ..Instrument::guess(symbol) });
    (broker, symbol)
}

fn run(ticks: &Arc<[Tick]>, orders: usize) -> Duration {
    let (mut broker, symbol) = desk(PaperBroker::in_memory(PaperOptions::default()).expect("an account"));
    let batch = MarketBatch { symbol, data: MarketData::Ticks(Arc::clone(ticks)) };
    for n in 0..orders {
        let kind = OrderKind::Limit { limit: price(1_000) };
        place(&mut broker, symbol, &format!("o{n}"), kind, START.plus_nanos(-1_000_000_000));
    }
    broker.on_market(&batch);
    let mut events = Vec::new();
    broker.drain_events(&mut events);
    assert_eq!(events.len(), orders, "each is accepted and works");
    let start = now();
    for _ in 0..BATCHES {
        broker.on_market(black_box(&batch));
    }
    start.elapsed()
}

fn orders(broker: PaperBroker) -> f64 {
    let (mut broker, symbol) = desk(broker);
    let mut events = Vec::new();
    let start = now();
    for n in 0..ORDERS {
        let ts = START.plus_nanos(n as i64 * 1_000_000_000);
        let quote = |after| {
            let tick = quote_at(ts.plus_nanos(after), 10_000);
            MarketBatch { symbol, data: MarketData::Ticks([tick].into()) }
        };
        broker.on_market(&quote(0));
        place(&mut broker, symbol, &format!("o{n}"), OrderKind::Market, ts);
        broker.on_market(&quote(60_000_000));
        broker.drain_events(&mut events);
    }
    let elapsed = start.elapsed();
    assert_eq!(events.len(), 3 * ORDERS, "each is accepted and filled, and pays a commission");
    elapsed.as_secs_f64() * 1e6 / ORDERS as f64
}

fn place(broker: &mut PaperBroker, symbol: Symbol, name: &str, kind: OrderKind, ts: Ts) {
    let side = if name.ends_with(['1', '3', '5', '7', '9']) { Side::Sell } else { Side::Buy };
    let side = if kind == OrderKind::Market { side } else { Side::Buy };
    let qty = Qty::from_raw(Qty::ONE);
    let terms = OrderTerms { symbol, side, qty, kind, tif: TimeInForce::GoodTillCancelled };
    let id = ClientOrderId::new(name).expect("an id");
    block_on(broker.place(&id, &terms, ts)).expect("a working broker");
}

fn price(cents: i64) -> Price {
    Price::from_raw(cents * 10_000_000).expect("a price")
}

fn quote_at(ts: Ts, cents: i64) -> Tick {
    let size = Qty::from_raw(300 * Qty::ONE);
    Tick::quote(ts, Some(price(cents - 1)), Some(price(cents + 1)), size, size)
}

fn trade_at(ts: Ts, cents: i64) -> Tick {
    Tick::trade(ts, price(cents), Qty::from_raw(100 * Qty::ONE))
}

fn stamps() -> impl Iterator<Item = (Ts, i64)> {
    (0..BATCH as i64).map(|n| (START.plus_nanos(n * 1_000_000), 10_000 + (n * 7) % 40))
}

fn mixed() -> Arc<[Tick]> {
    stamps()
        .enumerate()
        .map(|(n, (ts, c))| if n % 4 == 0 { trade_at(ts, c) } else { quote_at(ts, c) })
        .collect()
}

fn trades() -> Arc<[Tick]> {
    stamps().map(|(ts, c)| trade_at(ts, c)).collect()
}

fn quotes() -> Arc<[Tick]> {
    stamps().map(|(ts, c)| quote_at(ts, c)).collect()
}
