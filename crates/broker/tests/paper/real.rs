//! Real days: orders at every minute (or bar) against replayed files. Skipped, with a word, where the data is not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use tensortrade_broker::paper::{PaperBroker, PaperOptions};
use tensortrade_broker::replay::{ReplayFeed, ReplayOptions, probe};
use tensortrade_broker::{Broker, BrokerEvent, Feed, MarketData};
use tensortrade_market::fixed::Rounding;
use tensortrade_market::order::{OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Currency, Instrument, Money, Price, Qty, Symbol, Tick, TickData, Timeframe};

use super::desk::{answers, id};

fn data() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let data = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from).join("data");
    if data.is_dir() {
        return Some(data);
    }
    println!("skipped: no shared data at {} (set TENSORTRADE_SHARED)", data.display());
    None
}

/// Plays a file with a market order and a limit in turn per symbol and step; returns every event.
fn play(path: &Path, steps_max: usize) -> Vec<BrokerEvent> {
    let examined = probe(&[path.to_owned()]).unwrap();
    let decision = examined.longest_timeframe().unwrap_or(Timeframe::MINUTE).max(Timeframe::MINUTE);
    let mut feed = ReplayFeed::open(examined, ReplayOptions::new(decision)).unwrap();
    let mut broker = PaperBroker::in_memory(PaperOptions::default()).unwrap();
    let mut last: BTreeMap<Symbol, Price> = BTreeMap::new();
    let mut events = Vec::new();
    let mut step = 0;
    while let Some(slice) = block_on(feed.next()).unwrap() {
        for batch in &slice.batches {
            if !last.contains_key(&batch.symbol) {
                broker.on_instrument(&Instrument::guess(batch.symbol));
            }
            let price = match &batch.data {
                MarketData::Ticks(ticks) => ticks.iter().rev().find_map(price_of),
                MarketData::Bars(_, bars) => bars.last().map(|bar| bar.close),
                MarketData::Gap(_) => None,
            };
            last.extend(price.map(|price| (batch.symbol, price)));
            broker.on_market(batch);
        }
        let Some(watermark) = slice.watermark else { continue };
        broker.on_watermark(watermark);
        broker.drain_events(&mut events);
        for (n, (symbol, price)) in last.iter().enumerate() {
            let instrument = Instrument::guess(*symbol);
            let side = if (step / 2 + n) % 2 == 0 { Side::Buy } else { Side::Sell };
            let kind = match step % 2 {
                0 => OrderKind::Market,
                _ => OrderKind::Limit { limit: price.round_to(instrument.tick_size, Rounding::Nearest) },
            };
            let qty = Qty::from_raw(instrument.lot.raw() * 10);
            let terms = OrderTerms { symbol: *symbol, side, qty, kind, tif: TimeInForce::Day };
            block_on(broker.place(&id(&format!("{symbol}-{step}")), &terms, watermark)).unwrap();
        }
        step += 1;
        if step >= steps_max {
            break;
        }
    }
    check(&mut broker, &events);
    events
}

fn price_of(tick: &Tick) -> Option<Price> {
    match tick.data {
        TickData::Trade { price, .. } => Some(price),
        TickData::Quote { bid, ask, .. } => bid.or(ask),
    }
}

/// Cash is what it was, less what was paid, to the last micro-unit.
fn check(broker: &mut PaperBroker, events: &[BrokerEvent]) {
    let mut cash = BTreeMap::from([(Currency::USD, i128::from(1_000_000 * Money::ONE))]);
    let mut held: BTreeMap<Symbol, i64> = BTreeMap::new();
    for event in events {
        match event {
            BrokerEvent::Fill(fill) => {
                let instrument = Instrument::guess(fill.symbol);
                let cost = Money::notional(fill.price, fill.signed_qty(), instrument.multiplier).unwrap();
                *cash.entry(instrument.currency).or_default() -= i128::from(cost.micros());
                *held.entry(fill.symbol).or_default() += fill.signed_qty().raw();
            }
            BrokerEvent::Commission(paid) => {
                *cash.entry(paid.currency).or_default() -= i128::from(paid.amount.micros());
            }
            _ => {}
        }
    }
    let answers = answers(broker);
    for (currency, amount) in &answers.account.cash {
        assert_eq!(i128::from(amount.micros()), cash[currency]);
    }
    held.retain(|_, qty| *qty != 0);
    let positions: BTreeMap<Symbol, i64> =
        answers.positions.iter().map(|p| (p.symbol, p.qty.raw())).collect();
    assert_eq!(positions, held);
}

#[test]
fn real_days_fill_orders_conserve_cash_and_give_the_same_events_twice() {
    let Some(data) = data() else { return };
    for name in [
        "ticks/us_equity_ibm.csv.gz",
        "ticks/us_equity_spy_trades.csv.gz",
        "ticks/us_equity_aig.csv.gz",
        "ticks/fx_eurusd_fxcm.csv.gz",
        "ticks/crypto_btcusdt_spot_binance.csv.gz",
        "ticks/ib_stream_0700hk.csv.gz",
        "bars_1m",
        "bars_1d",
    ] {
        let path = data.join(name);
        let path = if path.is_dir() { first_table(&path) } else { path };
        let events = play(&path, 400);
        let count = |word: fn(&BrokerEvent) -> bool| events.iter().filter(|e| word(e)).count();
        let fills = count(|e| matches!(e, BrokerEvent::Fill(_)));
        let accepted = count(|e| matches!(e, BrokerEvent::Accepted { .. }));
        let rejected = count(|e| matches!(e, BrokerEvent::Rejected { .. }));
        println!("{name}: {accepted} accepted, {rejected} rejected, {fills} fills");
        assert!(fills > 0, "{name}");
        assert_eq!(events, play(&path, 400), "{name}");
    }
}

fn first_table(folder: &Path) -> PathBuf {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.to_string_lossy().ends_with(".csv.gz"));
    names.sort();
    names.into_iter().next().unwrap()
}
