//! Many symbols join at once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tensortrade_actors::market::hub::{AddRefused, Added, HubCommand};
use tensortrade_actors::supervision::StateView;
use tensortrade_features::RowState;
use tensortrade_market::Symbol;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn each_of_the_many_has_an_outcome_of_its_own_in_the_order_asked_for() {
    let script = Script::default();
    script.history.store(true, Ordering::Relaxed);
    let mut world = World::start(script).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    world.minute(0).await;
    let outcomes = world.add(&["SOLUSDT", "BADONE", "ETHUSDT", "XRPUSDT", "SOLUSDT"]).await;
    let names: Vec<&str> = outcomes.iter().map(|(symbol, _)| symbol.as_str()).collect();
    assert_eq!(names, ["SOLUSDT", "BADONE", "ETHUSDT", "XRPUSDT", "SOLUSDT"]);
    let joined = Ok(Added::Joined { warm_up_bars: 30 });
    assert_eq!((&outcomes[0].1, &outcomes[3].1), (&joined, &joined));
    assert!(matches!(&outcomes[1].1, Err(AddRefused::Unknown(why)) if why.contains("not in the script")));
    assert_eq!((&outcomes[2].1, &outcomes[4].1), (&Ok(Added::Already), &Ok(Added::Already)));
    // Those that joined are in the next step, warm; the refused one is nowhere.
    world.deliver(vec![ticks("SOLUSDT", 1, 3), ticks("XRPUSDT", 1, 3)], Some(1));
    let step = world.step(1).await;
    for name in ["SOLUSDT", "XRPUSDT"] {
        assert_eq!((step.state(name), step.is_warm(name)), (RowState::Fresh, true), "{name}");
        world.until(name, |state| *state == StateView::Running).await;
    }
    assert!(world.root.view.find(&["symbols", "BADONE"]).is_none());
}

/// A thousand symbols on the way, a millisecond of history each; the first have joined.
async fn a_thousand_on_the_way(
    world: &World,
    script: &Script,
) -> tokio::task::JoinHandle<Vec<(Symbol, Result<Added, AddRefused>)>> {
    let names: Vec<String> = (0..1_000).map(|n| format!("S{n:03}USDT")).collect();
    let (symbols, by) = (names.iter().map(|name| symbol(name)).collect(), "test".to_owned());
    let hub = world.hub.clone();
    let before = script.asked.load(Ordering::Relaxed);
    let adding = tokio::spawn(async move {
        hub.ask(Duration::from_secs(100), |reply| HubCommand::AddMany { symbols, by, reply }).await.unwrap()
    });
    while script.asked.load(Ordering::Relaxed) < before + 5 {
        tokio::task::yield_now().await;
    }
    adding
}

#[tokio::test]
async fn the_market_goes_on_and_commands_are_obeyed_while_many_join() {
    let script = Script { history_takes: Duration::from_millis(1), ..Script::default() };
    let mut world = World::start(script.clone()).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    world.minute(0).await;
    let adding = a_thousand_on_the_way(&world, &script).await;
    let members = world.ask(|reply| HubCommand::List { reply }).await.len();
    assert!(members < 1_002, "the command waited for the add");
    let step = world.minute(1).await;
    assert_eq!(step.state("BTCUSDT"), RowState::Fresh);
    let members = world.ask(|reply| HubCommand::List { reply }).await.len();
    assert!(members < 1_002, "the step waited for the add");
    let outcomes = adding.await.unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(Added::Joined { .. }))));
    assert_eq!(world.ask(|reply| HubCommand::List { reply }).await.len(), 1_002);
}

#[tokio::test]
async fn a_drain_ends_an_add_and_what_had_not_joined_is_refused() {
    let script = Script { history_takes: Duration::from_millis(1), ..Script::default() };
    let mut world = World::start(script.clone()).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    world.minute(0).await;
    let adding = a_thousand_on_the_way(&world, &script).await;
    world.ask(|reply| HubCommand::Drain { reply }).await;
    let outcomes = adding.await.unwrap();
    assert_eq!(outcomes.len(), 1_000);
    let (joined, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
    assert!(!joined.is_empty() && !refused.is_empty());
    let stopping = |why: &AddRefused| matches!(why, AddRefused::Other(why) if why.contains("stopping"));
    assert!(refused.iter().all(|(_, outcome)| outcome.as_ref().is_err_and(stopping)));
}
