//! What counts as a failure, and how many are too many.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::support::*;
use tensortrade_actors::supervision::*;

#[tokio::test(start_paused = true)]
async fn panic_error_and_kill_are_abnormal_and_a_normal_end_is_not() {
    type Way = (&'static str, fn(&Probe), usize);
    let ways: [Way; 4] = [
        ("panic", |probe| probe.tell(Job::Panic), 2),
        ("error", |probe| probe.tell(Job::Fail), 2),
        ("kill", |probe| probe.current().kill(), 2),
        ("end", |probe| probe.tell(Job::EndSelf), 1),
    ];
    for (way, provoke, starts) in ways {
        let (log, probe) = (Log::default(), Probe::default());
        let root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a").transient()]), &log).await;
        provoke(&probe);
        rest().await;
        assert_eq!(probe.starts(), starts, "{way}");
        assert_eq!(state(&root, &["a"]) == Some(StateView::Running), starts == 2, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_kill_asked_for_by_the_supervisor_is_not_a_failure() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(probe.spec("a").shutdown_deadline(secs(1))).await.unwrap();
    rest().await;
    probe.tell(Job::Park);
    assert_eq!(handle.remove("a").await.unwrap(), StopReply::Done(StopOutcome::Killed));
    tokio::time::sleep(secs(60)).await;
    assert_eq!(probe.starts(), 1);
    assert!(!log.saw(|what| matches!(what, What::Failed { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_child_comes_back_from_a_normal_end_and_a_temporary_one_from_nothing() {
    let (log, lasting, passing) = (Log::default(), Probe::default(), Probe::default());
    let children = vec![lasting.spec("lasting"), passing.spec("passing").temporary()];
    let root = plant(SupervisorSpec::one_for_one("s", children), &log).await;
    lasting.tell(Job::EndSelf);
    passing.tell(Job::Panic);
    rest().await;
    assert_eq!((lasting.starts(), passing.starts()), (2, 1));
    assert_eq!(state(&root, &["passing"]), Some(StateView::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_backoff_longer_than_the_window_still_exhausts_the_budget() {
    let (log, probe) = (Log::default(), Probe::default());
    *probe.start_fails.lock().unwrap() = true;
    let budget = Budget { restarts: 3, window: secs(5), consecutive: 4, healthy_after: secs(30) };
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(probe.spec("a").backoff(Backoff::fixed(secs(60))).budget(budget)).await.unwrap();
    tokio::time::sleep(secs(3 * 60)).await;
    assert!(matches!(state(&root, &["a"]), Some(StateView::Backoff { .. })));
    tokio::time::sleep(secs(2 * 60)).await;
    let Some(StateView::Quarantined { reason }) = state(&root, &["a"]) else { panic!("not quarantined") };
    assert!(reason.contains("5 failures in a row"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_works_in_between_is_not_given_up() {
    let (log, probe) = (Log::default(), Probe::default());
    let budget = Budget { restarts: 2, window: secs(5), consecutive: 2, healthy_after: secs(30) };
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(probe.spec("a").budget(budget)).await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(secs(31)).await;
        probe.tell(Job::Panic);
    }
    rest().await;
    assert_eq!(probe.starts(), 21);
    assert_eq!(state(&root, &["a"]), Some(StateView::Running));
}

#[tokio::test(start_paused = true)]
async fn two_incarnations_never_overlap() {
    let (log, probe) = (Log::default(), Probe::default());
    let budget = Budget { restarts: 100, consecutive: 100, ..Budget::default() };
    let _root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a").budget(budget)]), &log).await;
    for _ in 0..50 {
        probe.tell(Job::Panic);
        rest().await;
    }
    let trace = probe.trace();
    assert_eq!(trace.len(), 101);
    for (n, line) in trace.iter().enumerate() {
        assert_eq!(line, if n % 2 == 0 { "a up" } else { "a gone" }, "at {n}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_halted_child_is_quarantined_at_once() {
    let (log, probe) = (Log::default(), Probe::default());
    let root = plant(SupervisorSpec::one_for_one("s", vec![probe.spec("a")]), &log).await;
    probe.tell(Job::Halt);
    rest().await;
    assert_eq!(probe.starts(), 1);
    assert!(matches!(state(&root, &["a"]), Some(StateView::Quarantined { .. })));
}

/// Fails right after its start; its state takes its time to go.
struct Brief(Arc<AtomicU32>);

/// Counts the states that exist, and how often there were two.
struct Heavy(Arc<AtomicU32>);

const ONE_ALIVE: u32 = 1;
const OVERLAP: u32 = 1 << 16;

impl Drop for Heavy {
    fn drop(&mut self) {
        // Counted, not timed: a paused clock would never end it.
        for _ in 0..1_000_000 {
            std::hint::spin_loop();
        }
        self.0.fetch_sub(ONE_ALIVE, Ordering::SeqCst);
    }
}

impl Actor for Brief {
    type Msg = ();
    type State = Heavy;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<Heavy, ActorProcessingErr> {
        if self.0.fetch_add(ONE_ALIVE, Ordering::SeqCst) & (OVERLAP - 1) > 0 {
            self.0.fetch_add(OVERLAP, Ordering::SeqCst);
        }
        Ok(Heavy(self.0.clone()))
    }

    async fn post_start(&self, _: ActorRef<()>, _: &mut Heavy) -> Result<(), ActorProcessingErr> {
        Err("brief".into())
    }
}

/// ractor tells a death before the dead actor's state is dropped: on two threads the next one could start beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incarnation_waits_until_the_state_of_the_last_one_is_gone() {
    let alive = Arc::new(AtomicU32::new(0));
    let counted = alive.clone();
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = Root::start(spec, Log::default().env()).await.unwrap();
    let brief = ChildSpec::actor("brief", "brief", move |_| (Brief(counted.clone()), ()));
    handle.add(brief.backoff(Backoff::immediate())).await.unwrap();
    while !matches!(state(&root, &["brief"]), Some(StateView::Quarantined { .. })) {
        tokio::task::yield_now().await;
    }
    assert_eq!(alive.load(Ordering::SeqCst) / OVERLAP, 0, "two states existed at once");
}

/// ractor's supervision port goes first, so this death is told before the start it belongs to.
#[tokio::test(start_paused = true)]
async fn a_child_that_dies_as_soon_as_it_started_is_not_taken_for_running() {
    let alive = Arc::new(AtomicU32::new(0));
    let counted = alive.clone();
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &Log::default()).await;
    let brief = ChildSpec::actor("brief", "brief", move |_| (Brief(counted.clone()), ()));
    handle.add(brief.backoff(Backoff::immediate())).await.unwrap();
    rest().await;
    let Some(StateView::Quarantined { reason }) = state(&root, &["brief"]) else { panic!("taken for alive") };
    assert!(reason.contains("brief"), "{reason}");
}
