//! Bounded mailboxes over ractor's unbounded ones.

use crate::support::*;
use tensortrade_actors::supervision::*;

/// Sends with admission, as every sender of the node does.
fn send(probe: &Probe, door: &Admission, n: u64) -> bool {
    match door.try_admit(n) {
        Ok(admitted) => probe.current().cast(Job::Placed(admitted)).is_ok(),
        Err(_refused) => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_stuck_actor_takes_its_limit_and_not_two_million_messages() {
    let (log, probe) = (Log::default(), Probe::default());
    let root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a").inflight_limit(100)]), &log).await;
    let door = probe.context().handle.admission().clone();
    probe.tell(Job::Park);
    let taken = (0..2_000_000).filter(|n| send(&probe, &door, *n)).count();
    assert_eq!(taken, 100);
    let mailbox = root.view.find(&["a"]).unwrap().mailbox;
    assert_eq!(mailbox, Some(MailboxUse { in_use: 100, limit: 100, refused: 1_999_900 }));
}

#[tokio::test(start_paused = true)]
async fn places_are_free_again_when_the_mailbox_dies() {
    for kill in [false, true] {
        let (log, probe) = (Log::default(), Probe::default());
        let child = probe.spec("a").inflight_limit(100);
        let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
        let door = probe.context().handle.admission().clone();
        // In one go, so that the actor sees none of them before it dies.
        if kill {
            probe.tell(Job::Park);
        } else {
            probe.tell(Job::Panic);
        }
        assert_eq!((0..100).filter(|n| send(&probe, &door, *n)).count(), 100);
        assert_eq!(door.in_use(), 100);
        if kill {
            rest().await;
            probe.current().kill();
        }
        rest().await;
        assert_eq!((probe.starts(), door.in_use()), (2, 0));
        // The same door serves the next incarnation.
        assert!(send(&probe, &door, 0));
        assert_eq!(door.in_use(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handled_message_frees_its_place() {
    let (log, probe) = (Log::default(), Probe::default());
    let _root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a").inflight_limit(1)]), &log).await;
    let door = probe.context().handle.admission().clone();
    for n in 0..1000 {
        let admitted = door.admit(n).await.unwrap();
        probe.current().cast(Job::Placed(admitted)).unwrap();
    }
    rest().await;
    assert_eq!((door.in_use(), door.refused()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_door_closes_when_its_child_is_removed() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(probe.spec("AAPL")).await.unwrap();
    rest().await;
    let door = probe.context().handle.admission().clone();
    probe.tell(Job::Sleep(secs(1)));
    let removing = tokio::spawn({
        let handle = handle.clone();
        async move { handle.remove("AAPL").await }
    });
    rest().await;
    assert_eq!(door.try_admit(1_u64).unwrap_err().why, Why::Closed);
    assert_eq!(removing.await.unwrap(), Ok(StopReply::Done(StopOutcome::Drained)));
}
