//! Actors that stop answering, and inputs that kill.

use std::time::Duration;

use crate::support::*;
use tensortrade_actors::supervision::*;

const BEAT: Heartbeat = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::from_secs(5) };

#[tokio::test(start_paused = true)]
async fn a_parked_child_is_killed_and_restarted_within_its_silence_limit() {
    let (log, probe) = (Log::default(), Probe::default());
    let root =
        plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a").heartbeat(BEAT, ping)]), &log).await;
    tokio::time::sleep(secs(60)).await;
    assert_eq!(probe.starts(), 1, "an idle child that answers is not hung");
    probe.tell(Job::Park);
    tokio::time::sleep(secs(7)).await;
    assert_eq!(probe.trace(), ["a up", "a gone", "a up"]);
    assert_eq!(state(&root, &["a"]), Some(StateView::Running));
    assert!(
        log.saw(
            |what| matches!(what, What::Failed { why: Failure::Hung { silent_ms } } if *silent_ms > 5000)
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_that_never_answers_at_all_is_found_too() {
    let (log, probe) = (Log::default(), Probe::default());
    let child = probe.spec("a").heartbeat(BEAT, |_| {});
    let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    tokio::time::sleep(secs(7)).await;
    assert_eq!(probe.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_parked_child_collects_one_ping_and_not_one_per_interval() {
    let (log, probe) = (Log::default(), Probe::default());
    let pings = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let sent = pings.clone();
    let lazy = Heartbeat { interval: Duration::from_secs(1), silence_limit: Duration::from_secs(1000) };
    let child = probe.spec("a").heartbeat(lazy, move |cell| {
        sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ping(cell);
    });
    let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    tokio::time::sleep(secs(10)).await;
    let answered = pings.load(std::sync::atomic::Ordering::Relaxed);
    assert!(answered >= 10);
    probe.tell(Job::Park);
    tokio::time::sleep(secs(500)).await;
    assert!(pings.load(std::sync::atomic::Ordering::Relaxed) <= answered + 1);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_kills_twice_is_poisoned_and_skipped_by_the_next_incarnation() {
    let (log, probe) = (Log::default(), Probe::default());
    probe.deadly.lock().unwrap().push(42);
    let root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a")]), &log).await;
    for round in 1..=2_usize {
        assert_eq!(probe.context().poisoned, None);
        probe.tell(Job::Input(42));
        rest().await;
        assert_eq!(probe.starts(), round + 1);
    }
    assert_eq!(probe.context().poisoned, Some(42));
    assert!(log.saw(|what| *what == What::Poisoned { input: 42 }));
    assert_eq!(root.view.find(&["a"]).unwrap().poisoned, [42]);
    for input in [41, 42, 43] {
        probe.tell(Job::Input(input));
    }
    rest().await;
    assert_eq!(probe.starts(), 3);
    assert_eq!(probe.trace()[5..], ["took 41", "skipped 42", "took 43"]);
}

#[tokio::test(start_paused = true)]
async fn crashes_after_an_input_was_finished_are_not_laid_to_it() {
    let (log, probe) = (Log::default(), Probe::default());
    let _root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a")]), &log).await;
    for _ in 0..2 {
        probe.tell(Job::Input(7));
        probe.tell(Job::Panic);
        rest().await;
    }
    assert_eq!((probe.starts(), probe.context().poisoned), (3, None));
}

#[tokio::test(start_paused = true)]
async fn an_input_that_parks_its_handler_twice_is_poisoned_as_well() {
    let (log, probe) = (Log::default(), Probe::default());
    let child = probe.spec("a").heartbeat(BEAT, ping);
    let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    for _ in 0..2 {
        probe.context().handle.began_input(9);
        probe.tell(Job::Park);
        tokio::time::sleep(secs(8)).await;
    }
    assert_eq!(probe.context().poisoned, Some(9));
}
