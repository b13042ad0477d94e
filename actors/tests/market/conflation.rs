//! A feed that does not wait, and a symbol that cannot follow.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_actors::market::hub::HubCommand;
use tensortrade_broker::{MarketBatch, MarketData};
use tensortrade_market::{Price, Qty, Tick};

use crate::support::{Script, World, at, symbol, ticks};

fn quotes(name: &str, minute: i64) -> MarketBatch {
    let of = |n: i64| {
        let price = |cents: i64| Price::from_raw((10_000 + cents) * 10_000_000);
        let ts = at(minute).plus_nanos(10_000_000_000 + n);
        Tick::quote(ts, price(n), price(n + 5), Qty::ZERO, Qty::ZERO)
    };
    MarketBatch { symbol: symbol(name), data: MarketData::Ticks((0..100).map(of).collect()) }
}

#[tokio::test]
async fn a_full_mailbox_of_a_live_feed_holds_nobody_up_and_loses_no_trade() {
    let mut worlds = Vec::new();
    for full in [false, true] {
        let mut world = World::start(Script { live: true, ..Script::default() }).await;
        world.add(&["BTCUSDT", "ETHUSDT"]).await;
        world.minute(0).await;
        let seat = world.seats.lock().unwrap()[&symbol("BTCUSDT")].clone();
        while seat.door.in_use() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Somebody else has every place in the mailbox.
        let places = || (0..seat.door.limit()).map(|_| seat.door.try_admit(()).unwrap()).collect::<Vec<_>>();
        let held = if full { places() } else { Vec::new() };
        for part in 0..3 {
            let rows = |name: &str| {
                let MarketData::Ticks(all) = ticks(name, 1, 6).data else { panic!("ticks") };
                MarketBatch {
                    symbol: symbol(name),
                    data: MarketData::Ticks(all[part * 2..part * 2 + 2].into()),
                }
            };
            world.deliver(vec![rows("BTCUSDT"), quotes("BTCUSDT", 1), rows("ETHUSDT")], None);
        }
        // The hub is not held up: it answers, and the other symbol has everything.
        let inputs = |members: &[tensortrade_actors::market::hub::MemberView], name: &str| {
            members.iter().find(|member| member.symbol == symbol(name)).unwrap().inputs
        };
        let before = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let members = world.ask(|reply| HubCommand::List { reply }).await;
                if inputs(&members, "ETHUSDT") >= 5 {
                    return members;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let before = before.await.expect("the hub goes on");
        assert_eq!(inputs(&before, "BTCUSDT") < inputs(&before, "ETHUSDT"), full, "{before:?}");
        drop(held);
        world.deliver(Vec::new(), Some(1));
        let step = world.step(1).await;
        let conflated = world.stats.conflated.load(Ordering::Relaxed);
        assert_eq!(conflated, if full { 3 * 99 } else { 0 });
        assert_eq!(world.stats.dropped_trades.load(Ordering::Relaxed), 0);
        worlds.push((step.bars("BTCUSDT"), step.values("BTCUSDT"), step.gaps("BTCUSDT")));
    }
    assert_eq!(worlds[0], worlds[1], "the bar is the same with and without");
    assert_eq!(worlds[0].0, [1]);
}
