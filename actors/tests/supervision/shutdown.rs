//! The way out: leaves first, drained, then killed, and really gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::*;
use tensortrade_actors::supervision::*;

fn sharing(shared: &Probe) -> Probe {
    Probe { trace: shared.trace.clone(), ..Probe::default() }
}

#[tokio::test(start_paused = true)]
async fn a_tree_stops_leaves_first_in_reverse_start_order() {
    let (log, all) = (Log::default(), Probe::default());
    let inner = |id: &str, leaves: [&str; 2]| {
        SupervisorSpec::rest_for_one(id, leaves.iter().map(|leaf| all.spec(leaf)).collect())
    };
    let tree = SupervisorSpec::rest_for_one(
        "node",
        vec![
            all.spec("journal"),
            inner("trading", ["session", "risk"]).into(),
            inner("strategy", ["regime", "policy"]).into(),
        ],
    );
    let root = plant(tree, &log).await;
    root.shutdown().await;
    let up = ["journal up", "session up", "risk up", "regime up", "policy up"];
    let down = ["policy gone", "regime gone", "risk gone", "session gone", "journal gone"];
    assert_eq!(all.trace(), [up, down].concat());
}

#[tokio::test(start_paused = true)]
async fn stopping_handles_what_was_queued() {
    let (log, probe) = (Log::default(), Probe::default());
    let root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a")]), &log).await;
    for input in 0..1000 {
        probe.tell(Job::Input(input));
    }
    root.shutdown().await;
    assert_eq!(probe.trace().len(), 1002);
    assert_eq!(probe.trace().last().map(String::as_str), Some("a gone"));
}

#[tokio::test(start_paused = true)]
async fn a_child_that_does_not_drain_is_killed_at_its_deadline_and_is_really_gone() {
    let (log, all) = (Log::default(), Probe::default());
    let (first, stuck) = (sharing(&all), sharing(&all));
    let children = vec![first.spec("first"), stuck.spec("stuck").shutdown_deadline(secs(3))];
    let root = plant(SupervisorSpec::one_for_one("s", children), &log).await;
    stuck.tell(Job::Park);
    let began = tokio::time::Instant::now();
    root.shutdown().await;
    assert_eq!(began.elapsed(), secs(3));
    assert_eq!(all.trace(), ["first up", "stuck up", "stuck gone", "first gone"]);
    assert_eq!(stuck.current().get_status(), ractor::ActorStatus::Stopped);
    assert!(log.saw(|what| *what == What::Stopped { outcome: StopOutcome::Killed }));
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_stop_together_not_one_deadline_after_the_other() {
    let (log, spec) = (Log::default(), SupervisorSpec::dynamic("d"));
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    let probes: Vec<Probe> = (0..50).map(|_| Probe::default()).collect();
    for (n, probe) in probes.iter().enumerate() {
        handle.add(probe.spec(&format!("S{n}")).shutdown_deadline(secs(3))).await.unwrap();
    }
    rest().await;
    probes.iter().for_each(|probe| probe.tell(Job::Park));
    let began = tokio::time::Instant::now();
    root.shutdown().await;
    assert_eq!(began.elapsed(), secs(3));
    assert!(probes.iter().all(|probe| probe.trace().len() == 2));
}

#[tokio::test(start_paused = true)]
async fn a_tree_can_be_shut_down_while_it_starts_or_backs_off() {
    let (log, starting, failing) = (Log::default(), Probe::default(), Probe::default());
    *starting.start_delay.lock().unwrap() = secs(9);
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(starting.spec("starting")).await.unwrap();
    handle.add(failing.spec("failing").backoff(Backoff::fixed(secs(60)))).await.unwrap();
    rest().await;
    failing.tell(Job::Panic);
    rest().await;
    let began = tokio::time::Instant::now();
    root.shutdown().await;
    assert!(began.elapsed() < secs(1), "{:?}", began.elapsed());
    tokio::time::sleep(secs(3600)).await;
    assert_eq!((starting.starts(), failing.starts()), (0, 1));
    assert_eq!(handle.add(failing.spec("late")).await, Err(SupervisorGone));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_reports_commands_that_come_too_late() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(probe.spec("a")).await.unwrap();
    rest().await;
    probe.tell(Job::Sleep(secs(1)));
    handle.begin_shutdown();
    assert_eq!(handle.add(probe.spec("b")).await, Ok(AddReply::ShuttingDown));
    assert_eq!(handle.remove("a").await, Ok(StopReply::ShuttingDown));
    assert_eq!(handle.release("a").await, Ok(ReleaseReply::ShuttingDown));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_ping_or_drain_takes_neither_the_supervisor_nor_the_stop_along() {
    let (log, probe) = (Log::default(), Probe::default());
    let lax = Heartbeat { interval: secs(1), silence_limit: secs(1000) };
    let child = probe.spec("a").heartbeat(lax, |_| panic!("bad ping")).drain_with(|_| panic!("bad drain"));
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(child.shutdown_deadline(secs(1))).await.unwrap();
    tokio::time::sleep(secs(5)).await;
    assert_eq!(state(&root, &["a"]), Some(StateView::Running));
    assert_eq!(handle.remove("a").await, Ok(StopReply::Done(StopOutcome::Killed)));
    assert_eq!(probe.trace(), ["a up", "a gone"]);
}

/// Spins in its handler until released.
struct Spinner {
    spins: Arc<AtomicBool>,
    release: Arc<AtomicBool>,
}

impl ractor::Actor for Spinner {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ractor::ActorRef<()>, (): ()) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ractor::ActorRef<()>,
        (): (),
        (): &mut (),
    ) -> Result<(), ractor::ActorProcessingErr> {
        self.spins.store(true, Ordering::SeqCst);
        while !self.release.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// A handler that holds the processor: nothing inside the process can end it. It runs on a runtime of its own, because on a
/// shared one it may stop the timers of everybody - which is why a watchdog needs a thread of its own.
#[tokio::test(start_paused = true)]
async fn a_handler_that_never_yields_is_reported_and_does_not_hold_up_the_shutdown() {
    let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (spins, release) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (log, runtime) = (Log::default(), elsewhere.handle().clone());
    let flags = (spins.clone(), release.clone());
    let spinner = ChildSpec::new("spinner", "spinner", move |context: StartContext| {
        let actor = Spinner { spins: flags.0.clone(), release: flags.1.clone() };
        let (name, supervisor) = (context.name, context.supervisor);
        let spawned = runtime
            .spawn(async move { ractor::Actor::spawn_linked(Some(name), actor, (), supervisor).await });
        async move {
            let (actor, join) = spawned.await.unwrap()?;
            actor.cast(()).unwrap();
            Ok((actor.into(), join))
        }
    });
    let root = plant(SupervisorSpec::one_for_one("s", vec![spinner.shutdown_deadline(secs(1))]), &log).await;
    while !spins.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    root.shutdown().await;
    assert_eq!(began.elapsed(), secs(1) + KILL_GRACE);
    rest().await;
    assert!(log.saw(|what| *what == What::Stopped { outcome: StopOutcome::Unkillable }));
    release.store(true, Ordering::SeqCst);
    elsewhere.shutdown_background();
}
