//! A source whose clock jumps back.

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_boundary_that_has_passed_is_no_step_and_its_late_data_enters_no_bar() {
    let mut world = World::start(Script::default()).await;
    world.add(&["BTCUSDT", "ETHUSDT"]).await;
    world.minute(0).await;
    world.minute(1).await;
    // The clock of the source is two minutes behind, then as far behind as the last boundary.
    world.deliver(vec![ticks("BTCUSDT", 0, 3), ticks("ETHUSDT", 0, 3)], Some(0));
    world.deliver(vec![ticks("BTCUSDT", 1, 3)], Some(1));
    let step = world.minute(2).await;
    for name in ["BTCUSDT", "ETHUSDT"] {
        assert_eq!(step.bars(name), [2], "{name}");
        assert_eq!(step.gaps(name), [], "{name}");
    }
}
