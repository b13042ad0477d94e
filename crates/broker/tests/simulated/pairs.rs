//! Currency pairs and coins: what their names say everywhere, in hours of their own.

use tensortrade_broker::simulated::{Market, instrument};
use tensortrade_market::calendar::{Calendar, SessionKind};
use tensortrade_market::{AssetClass, Instrument, Tick, TickData, Timeframe};

use crate::{drain, feed, options, symbol, ticks, ts};

fn trades(ticks: &[Tick]) -> Vec<f64> {
    let price = |tick: &Tick| match tick.data {
        TickData::Trade { price, .. } => Some(price.to_f64()),
        TickData::Quote { .. } => None,
    };
    ticks.iter().filter_map(price).collect()
}

#[test]
fn pairs_and_coins_are_what_their_names_say_and_other_names_are_shares() {
    for name in ["EURUSD", "USDJPY", "EURGBP", "BTCUSD", "ETHBTC", "BTCUSDT"] {
        assert_eq!(instrument(symbol(name)), Instrument::guess(symbol(name)), "{name}");
    }
    assert_eq!(instrument(symbol("EURUSD")).asset_class, AssetClass::Forex);
    assert_eq!(instrument(symbol("BTCUSD")).asset_class, AssetClass::Crypto);
    let share = instrument(symbol("AAPL"));
    assert_eq!((share.asset_class, share.sessions), (AssetClass::Equity, SessionKind::UsEquity));
    assert_eq!(instrument(symbol("700.HK")).sessions, SessionKind::UsEquity);
}

#[test]
fn prices_are_on_the_grid_and_where_such_pairs_trade() {
    for (name, low, high) in [
        ("EURUSD", 0.4, 2.5),
        ("USDJPY", 50.0, 400.0),
        ("EURGBP", 0.3, 2.0),
        ("BTCUSD", 5_000.0, 1_000_000.0),
        ("ETHBTC", 0.002, 0.5),
    ] {
        let ticks = ticks(3, name, "2025-01-08T09:00:00Z", "2025-01-08T11:00:00Z");
        let step = instrument(symbol(name)).tick_size.raw();
        let prices = trades(&ticks);
        assert!(prices.len() > 100, "{name}: {} trades", prices.len());
        assert!(prices.iter().all(|p| (low..high).contains(p)), "{name}: {:?}", prices.first());
        assert!(prices.iter().any(|p| p != &prices[0]), "{name} moves");
        for tick in &ticks {
            if let TickData::Quote { bid: Some(bid), ask: Some(ask), .. } = tick.data {
                assert!(bid < ask && bid.raw() % step == 0 && ask.raw() % step == 0, "{name}: {tick:?}");
            }
        }
    }
}

#[test]
fn pairs_rest_over_the_weekend_and_coins_never_do() {
    let (start, until) = ("2025-01-10T20:00:00Z", "2025-01-13T02:00:00Z");
    let calendar = Calendar::new(SessionKind::Forex24x5);
    let pairs = ticks(5, "EURUSD", start, until);
    assert!(pairs.iter().all(|tick| calendar.phase(tick.ts) == tensortrade_market::calendar::Phase::Regular));
    assert!(pairs.iter().any(|tick| tick.ts < ts("2025-01-10T22:00:00Z")), "Friday afternoon");
    assert!(pairs.iter().any(|tick| tick.ts >= ts("2025-01-12T22:00:00Z")), "Sunday evening");
    let coins = ticks(5, "BTCUSD", start, until);
    for hour in 0..54 {
        let from = ts(start).plus_nanos(hour * 3_600_000_000_000);
        let to = from.plus_nanos(3_600_000_000_000);
        assert!(coins.iter().any(|tick| from <= tick.ts && tick.ts < to), "an hour from {from}");
    }
}

#[test]
fn a_path_does_not_depend_on_which_other_markets_run() {
    let (start, until) = ("2025-01-08T00:00:00Z", "2025-01-09T00:00:00Z");
    let names = ["AAPL", "EURUSD", "BTCUSD"];
    let together = drain(&mut feed(options(7, &names, start, until)));
    for name in names {
        assert_eq!(together[&symbol(name)], ticks(7, name, start, until), "{name}");
    }
}

#[test]
fn bars_of_history_are_those_of_the_ticks() {
    for (name, kind) in [("EURUSD", SessionKind::Forex24x5), ("BTCUSD", SessionKind::Always)] {
        let (from, to) = ("2025-01-08T21:00:00Z", "2025-01-09T01:00:00Z");
        let bars = Market::of(7, kind).bars(symbol(name), Timeframe::MINUTE, 60, ts(from), ts(to));
        assert_eq!(bars.len(), 240, "{name}: a bar a minute, over the turn of the day");
        let ticks = ticks(7, name, from, to);
        for bar in bars {
            let within: Vec<Tick> =
                ticks.iter().filter(|t| bar.start <= t.ts && t.ts < bar.end).copied().collect();
            let prices = trades(&within);
            let (first, last) = (prices[0], prices[prices.len() - 1]);
            assert_eq!((bar.open.to_f64(), bar.close.to_f64()), (first, last), "{name} {}", bar.start);
            assert_eq!(prices.len(), bar.trades as usize);
        }
    }
}
