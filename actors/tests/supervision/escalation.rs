//! A spent budget: told first, then acted on, never silent.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;

use crate::support::*;
use tensortrade_actors::supervision::*;

const NONE: Budget =
    Budget { restarts: 0, window: secs_const(60), consecutive: 0, healthy_after: secs_const(60) };

const fn secs_const(n: u64) -> std::time::Duration {
    std::time::Duration::from_secs(n)
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_dynamic_child_is_quarantined_with_its_reason_and_can_be_released() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(probe.spec("AAPL").budget(NONE)).await.unwrap();
    rest().await;
    probe.tell(Job::Panic);
    rest().await;
    let Some(StateView::Quarantined { reason }) = state(&root, &["AAPL"]) else { panic!("not quarantined") };
    assert!(reason.contains("told to"), "{reason}");
    assert!(matches!(handle.add(probe.spec("AAPL")).await.unwrap(), AddReply::Quarantined(_)));
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(probe.starts(), 1);
    assert_eq!(handle.release("AAPL").await.unwrap(), ReleaseReply::Released);
    assert_eq!(handle.release("AAPL").await.unwrap(), ReleaseReply::NotQuarantined);
    rest().await;
    assert_eq!((probe.starts(), state(&root, &["AAPL"])), (2, Some(StateView::Running)));
}

#[tokio::test(start_paused = true)]
async fn each_step_is_acknowledged_by_the_log_before_it_is_taken() {
    let (log, probe) = (Log::default(), Probe::default());
    let policy = Escalation::TripBreaker { scope: "account".into() };
    let spec = SupervisorSpec::dynamic("d").on_exhausted(policy.clone()).log_timeout(secs(10));
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(probe.spec("AAPL").budget(NONE)).await.unwrap();
    rest().await;
    *log.mode.lock().unwrap() = Mode::Slow;
    probe.tell(Job::Panic);
    // `Failed` takes the log a second, `Escalating` another.
    tokio::time::sleep(secs(1)).await;
    assert!(log.acts().is_empty(), "acted before the log had written");
    assert_eq!(state(&root, &["AAPL"]), Some(StateView::Stopped));
    tokio::time::sleep(secs(2)).await;
    assert!(log.saw(|what| matches!(what, What::Escalating { step, .. } if *step == policy)));
    assert_eq!(log.acts(), ["trip account"]);
    assert!(matches!(state(&root, &["AAPL"]), Some(StateView::Quarantined { .. })));
    assert!(!log.saw(|what| matches!(what, What::ActedUnjournalled { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_dead_or_refusing_log_delays_the_step_by_its_timeout_and_the_step_says_so() {
    for mode in [Mode::Hangs, Mode::Refuses] {
        let (log, probe) = (Log::default(), Probe::default());
        let policy = Escalation::TripBreaker { scope: "account".into() };
        let spec = SupervisorSpec::dynamic("d").on_exhausted(policy).log_timeout(secs(2));
        let handle = spec.handle();
        let root = plant(spec, &log).await;
        handle.add(probe.spec("AAPL").budget(NONE)).await.unwrap();
        rest().await;
        *log.mode.lock().unwrap() = mode;
        probe.tell(Job::Panic);
        tokio::time::sleep(secs(2)).await;
        rest().await;
        assert_eq!(log.acts(), ["trip account"]);
        assert!(matches!(state(&root, &["AAPL"]), Some(StateView::Quarantined { .. })));
        *log.mode.lock().unwrap() = Mode::Takes;
        tokio::time::sleep(secs(20)).await;
        assert!(log.saw(|what| matches!(what, What::ActedUnjournalled { .. })) || mode == Mode::Refuses);
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_with_a_dead_log_still_restarts_and_answers() {
    let (log, probe) = (Log::default(), Probe::default());
    *log.mode.lock().unwrap() = Mode::Hangs;
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(probe.spec("AAPL")).await.unwrap();
    rest().await;
    probe.tell(Job::Panic);
    rest().await;
    assert_eq!(probe.starts(), 2);
    assert_eq!(handle.remove("AAPL").await.unwrap(), StopReply::Done(StopOutcome::Drained));
}

#[tokio::test(start_paused = true)]
async fn escalation_climbs_the_tree_with_its_type() {
    let (log, leaf, aside) = (Log::default(), Probe::default(), Probe::default());
    let inner =
        SupervisorSpec::one_for_one("inner", vec![aside.spec("aside"), leaf.spec("leaf").budget(NONE)]);
    let root = plant(SupervisorSpec::one_for_one("outer", vec![inner.into()]), &log).await;
    leaf.tell(Job::Panic);
    tokio::time::sleep(secs(1)).await;
    // The supervisor above saw who gave up on whom, and restarted the subtree.
    let events = log.events.lock().unwrap().clone();
    let climbed = events.iter().find_map(|event| match &event.what {
        What::Failed { why: Failure::Escalated(failure) } => Some(failure.clone()),
        _ => None,
    });
    let climbed = climbed.expect("typed escalation");
    assert!(climbed.supervisor.ends_with("/outer/inner"), "{climbed}");
    assert_eq!(climbed.child, ChildId::from("leaf"));
    assert_eq!(root.view.find(&["inner"]).unwrap().generation, 2);
    assert_eq!((leaf.starts(), aside.starts()), (2, 2));
    // The sibling had been stopped in order, not killed: its queue was drained.
    assert_eq!(aside.trace(), ["aside up", "aside gone", "aside up"]);
}

#[tokio::test(start_paused = true)]
async fn a_root_that_gives_up_asks_the_process_to_end_with_a_code() {
    let (log, leaf) = (Log::default(), Probe::default());
    let inner = SupervisorSpec::one_for_one("inner", vec![leaf.spec("leaf").budget(NONE)]);
    let mut root = plant(SupervisorSpec::one_for_one("outer", vec![inner.into()]), &log).await;
    for _ in 0..3 {
        leaf.tell(Job::Panic);
        tokio::time::sleep(secs(11)).await;
    }
    root.ended().await;
    assert_eq!(log.acts(), [format!("exit {EXIT_ROOT_GAVE_UP}")]);
    // Budgets multiply: the inner one allows none, the subtree's allows two restarts.
    assert_eq!(leaf.starts(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_critical_child_escalates_whatever_the_policy_says() {
    let (log, probe) = (Log::default(), Probe::default());
    let child = probe.spec("journal").budget(NONE).critical();
    let spec = SupervisorSpec::one_for_one("s", vec![child]).on_exhausted(Escalation::Quarantine);
    let mut root = plant(spec, &log).await;
    probe.tell(Job::Panic);
    root.ended().await;
    assert_eq!(log.acts(), [format!("exit {EXIT_ROOT_GAVE_UP}")]);
}

#[tokio::test(start_paused = true)]
async fn the_exit_step_leaves_the_tree_up_for_an_ordered_shutdown() {
    let (log, probe, other) = (Log::default(), Probe::default(), Probe::default());
    let spec = SupervisorSpec::one_for_one("s", vec![probe.spec("a").budget(NONE), other.spec("b")]);
    let root = plant(spec.on_exhausted(Escalation::Exit { code: 75 }), &log).await;
    probe.tell(Job::Panic);
    rest().await;
    assert_eq!(log.acts(), ["exit 75"]);
    assert_eq!(state(&root, &["b"]), Some(StateView::Running));
    root.shutdown().await;
    assert_eq!(other.trace(), ["b up", "b gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_is_bounded_by_the_supervisors_own_budget() {
    let (log, probe, other) = (Log::default(), Probe::default(), Probe::default());
    let spec = SupervisorSpec::one_for_one("s", vec![probe.spec("a").budget(NONE), other.spec("b")])
        .on_exhausted(Escalation::Restart)
        .group_budget(Budget { restarts: 2, consecutive: 2, ..Budget::default() });
    let mut root = plant(spec, &log).await;
    for starts in 2..=3 {
        probe.tell(Job::Panic);
        rest().await;
        assert_eq!((probe.starts(), other.starts()), (starts, starts));
    }
    probe.tell(Job::Panic);
    root.ended().await;
    assert_eq!(log.acts(), [format!("exit {EXIT_ROOT_GAVE_UP}")]);
}

#[tokio::test(start_paused = true)]
async fn the_exit_latch_keeps_the_first_code_and_wakes_whoever_waits() {
    let trips = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&trips);
    let latch = ExitLatch::new(move |scope, _| seen.lock().unwrap().push(scope.to_owned()));
    let waiting = tokio::spawn({
        let latch = latch.clone();
        async move { latch.requested().await }
    });
    rest().await;
    latch.trip_breaker("all", "why");
    latch.exit(75, "first");
    latch.exit(1, "second");
    assert_eq!(waiting.await.unwrap(), (75, "first".to_owned()));
    assert_eq!(latch.requested().await.0, 75);
    assert_eq!(*trips.lock().unwrap(), ["all"]);
}

/// A log that counts how many of its calls run at the same time.
#[derive(Clone, Default)]
struct Jealous(Arc<Mutex<(u32, u32, Vec<u64>)>>);

impl SupervisionLog for Jealous {
    fn record<'a>(&'a self, event: &'a SupervisionEvent) -> BoxFuture<'a, Result<(), NotLogged>> {
        Box::pin(async move {
            {
                let mut seen = self.0.lock().unwrap();
                seen.0 += 1;
                seen.1 = seen.1.max(seen.0);
                seen.2.push(event.seq);
            }
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            self.0.lock().unwrap().0 -= 1;
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn events_reach_the_log_one_at_a_time_in_order_without_gaps() {
    let (jealous, probe) = (Jealous::default(), Probe::default());
    let env = Env::new("jealous", 1, jealous.clone(), ExitLatch::new(|_, _| {}));
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = Root::start(spec, env).await.unwrap();
    for n in 0..20 {
        handle.add(probe.spec(&format!("S{n}"))).await.unwrap();
    }
    tokio::time::sleep(secs(5)).await;
    let seen = jealous.0.lock().unwrap();
    assert_eq!(seen.1, 1, "the log was called twice at the same time");
    assert_eq!(seen.2, (0..20).collect::<Vec<_>>());
}
