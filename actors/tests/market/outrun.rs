//! A symbol is down for longer than its ring reaches back.

use std::sync::atomic::Ordering;

use tensortrade_actors::supervision::StateView;
use tensortrade_features::RowState;
use tensortrade_market::GapReason;

use crate::support::*;

/// Three steps, then a crash; while the symbol is down, more rows of minute 3 come than the ring holds. The feed's history
/// is asked for after the crash only: nothing is warm before it. `whole`: the minute ends while the symbol is down.
async fn outrun(history: bool, whole: bool) -> (World, Step) {
    let script = Script::default();
    let mut world = World::start(script.clone()).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    for minute in 0..3 {
        assert!(!world.minute(minute).await.is_warm("BTCUSDT"), "three bars do not warm a window of twenty");
    }
    script.history.store(history, Ordering::Relaxed);
    world.kill("BTCUSDT");
    world.until("BTCUSDT", |state| matches!(state, StateView::Backoff { .. })).await;
    let rows = (0..4).map(|_| ticks("BTCUSDT", 3, RING_ROWS as i64 / 2));
    let mut batches: Vec<_> = rows.collect();
    batches.push(ticks("ETHUSDT", 3, 3));
    world.deliver(batches, whole.then_some(3));
    if !whole {
        world.until("BTCUSDT", |state| *state == StateView::Running).await;
        // It has asked and was not answered: part of the minute is lost, and the minute is not over.
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!(script.asked.load(Ordering::Relaxed), 0);
        world.deliver(Vec::new(), Some(3));
    }
    let step = world.step(3).await;
    (world, step)
}

#[tokio::test(start_paused = true)]
async fn what_the_ring_lost_is_a_gap_and_history_warms_the_features_in_the_same_step() {
    for whole in [true, false] {
        let (mut world, step) = outrun(true, whole).await;
        assert_eq!(step.gaps("BTCUSDT"), [(3, 4, GapReason::RingOutrun)], "whole: {whole}");
        assert_eq!(step.bars("BTCUSDT"), Vec::<i64>::new(), "a part of a minute is no bar; whole: {whole}");
        assert!(step.is_warm("BTCUSDT"), "whole: {whole}");
        assert_eq!(step.state("BTCUSDT"), RowState::Fresh, "whole: {whole}");
        // The others are as they were.
        assert_eq!((step.bars("ETHUSDT"), step.gaps("ETHUSDT")), (vec![3], vec![]));
        let next = world.minute(4).await;
        assert_eq!((next.bars("BTCUSDT"), next.gaps("BTCUSDT")), (vec![4], vec![]));
        assert!(next.is_warm("BTCUSDT") && next.state("BTCUSDT") == RowState::Fresh);
    }
}

#[tokio::test(start_paused = true)]
async fn without_history_the_features_warm_up_afresh() {
    let (mut world, step) = outrun(false, true).await;
    assert_eq!(step.gaps("BTCUSDT"), [(3, 4, GapReason::RingOutrun)]);
    assert!(!step.is_warm("BTCUSDT"));
    for minute in 4..23 {
        let step = world.minute(minute).await;
        assert_eq!((step.bars("BTCUSDT"), step.is_warm("BTCUSDT")), (vec![minute], false), "minute {minute}");
    }
    // Twenty bars since the hole; with those before it there were more.
    assert!(world.minute(23).await.is_warm("BTCUSDT"));
}
