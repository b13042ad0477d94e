//! A symbol exhausts its restart budget, and is taken back.

use std::sync::atomic::Ordering;

use tensortrade_actors::market::hub::{HubCommand, MemberView};
use tensortrade_actors::supervision::{ReleaseReply, StateView};
use tensortrade_features::RowState;
use tensortrade_market::GapReason;

use crate::support::*;

async fn quarantined(world: &World) -> Vec<String> {
    let members: Vec<MemberView> = world.ask(|reply| HubCommand::List { reply }).await;
    members.into_iter().filter(|m| m.quarantined).map(|m| m.symbol.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_quarantined_symbol_is_absent_from_the_same_step_on_and_catches_up_when_it_is_released() {
    let undisturbed = {
        let mut world = World::start(Script::default()).await;
        world.add(&["BTCUSDT", "ETHUSDT"]).await;
        let mut last = world.minute(0).await;
        for minute in 1..8 {
            last = world.minute(minute).await;
        }
        last.values("BTCUSDT")
    };
    let mut world = World::start(Script::default()).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    for minute in 0..3 {
        assert_eq!(world.minute(minute).await.state("BTCUSDT"), RowState::Fresh);
    }
    // It dies, and cannot come back while the step waits for it: one restart is what it has.
    world.broken.store(true, Ordering::Relaxed);
    world.kill("BTCUSDT");
    world.until("BTCUSDT", |state| matches!(state, StateView::Backoff { .. })).await;
    for minute in 3..6 {
        let step = world.minute(minute).await;
        assert_eq!(step.state("BTCUSDT"), RowState::Missing(GapReason::Quarantined), "minute {minute}");
        assert_eq!(step.gaps("BTCUSDT"), [(minute + 1, minute + 1, GapReason::Quarantined)]);
        assert_eq!((step.state("ETHUSDT"), step.bars("ETHUSDT")), (RowState::Fresh, vec![minute]));
        world.until("BTCUSDT", |state| matches!(state, StateView::Quarantined { .. })).await;
        assert_eq!(quarantined(&world).await, ["BTCUSDT"]);
    }
    // It is not the hub's to say that it is back: no other symbol can be released, and it only once.
    let release = |name: &str| {
        let symbol = symbol(name);
        move |reply| HubCommand::Release { symbol, reply }
    };
    assert_eq!(world.ask(release("ETHUSDT")).await, ReleaseReply::NotQuarantined);
    assert_eq!(world.ask(release("SOLUSDT")).await, ReleaseReply::NotFound);
    world.broken.store(false, Ordering::Relaxed);
    assert_eq!(world.ask(release("BTCUSDT")).await, ReleaseReply::Released);
    assert_eq!(world.ask(release("BTCUSDT")).await, ReleaseReply::NotQuarantined);
    assert_eq!(quarantined(&world).await, Vec::<String>::new());
    for minute in 6..8 {
        let step = world.minute(minute).await;
        assert_eq!(step.state("BTCUSDT"), RowState::Fresh, "minute {minute}");
        assert_eq!((step.bars("BTCUSDT"), step.gaps("BTCUSDT")), (vec![minute], vec![]));
        if minute == 7 {
            assert_eq!(step.values("BTCUSDT"), undisturbed, "as if it had never been away");
        }
    }
}
