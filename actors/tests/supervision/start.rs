//! Starting: in a task, under a timeout, in order, without ever blocking the supervisor.

use ractor::SpawnErr;

use crate::support::*;
use tensortrade_actors::supervision::*;

#[tokio::test(start_paused = true)]
async fn one_slow_start_never_delays_a_sibling() {
    let (log, slow, quick) = (Log::default(), Probe::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(quick.spec("quick")).await.unwrap();
    handle.add(slow.spec("slow")).await.unwrap();
    rest().await;
    // The slow one restarts and takes two seconds over it; the quick one crashes meanwhile.
    *slow.start_delay.lock().unwrap() = secs(2);
    slow.tell(Job::Panic);
    rest().await;
    quick.tell(Job::Panic);
    rest().await;
    assert_eq!((quick.starts(), slow.starts()), (2, 1));
    assert_eq!(ractor::call_t!(quick.current(), Job::Echo, 10).unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_restart_of_fixed_children_does_not_delay_a_sibling_either() {
    let (log, slow, quick) = (Log::default(), Probe::default(), Probe::default());
    let root =
        plant(SupervisorSpec::one_for_one("s", vec![slow.spec("slow"), quick.spec("quick")]), &log).await;
    *slow.start_delay.lock().unwrap() = secs(2);
    slow.tell(Job::Panic);
    rest().await;
    quick.tell(Job::Panic);
    rest().await;
    assert_eq!(quick.starts(), 2);
    assert_eq!(state(&root, &["slow"]), Some(StateView::Starting));
}

#[tokio::test(start_paused = true)]
async fn the_supervisor_answers_while_a_child_starts() {
    let (log, slow) = (Log::default(), Probe::default());
    *slow.start_delay.lock().unwrap() = secs(5);
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    handle.add(slow.spec("slow")).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(handle.add(slow.spec("slow")).await.unwrap(), AddReply::AlreadyRunning);
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_too_long_is_cancelled_and_tried_again() {
    let (log, slow) = (Log::default(), Probe::default());
    *slow.start_delay.lock().unwrap() = secs(60);
    let child = slow.spec("slow").start_timeout(secs(1)).backoff(Backoff::fixed(secs(1)));
    let root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    tokio::time::sleep(secs(1)).await;
    assert!(matches!(state(&root, &["slow"]), Some(StateView::Backoff { .. })));
    *slow.start_delay.lock().unwrap() = secs(0);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(state(&root, &["slow"]), Some(StateView::Running));
    // The cancelled incarnation never came up, not even later.
    tokio::time::sleep(secs(120)).await;
    assert_eq!(slow.trace(), ["slow up"]);
    assert!(log.saw(|what| matches!(what, What::Failed { why: Failure::StartTimeout { limit_ms: 1000 } })));
}

#[tokio::test(start_paused = true)]
async fn fixed_children_start_one_after_the_other() {
    let (log, probe) = (Log::default(), Probe::default());
    *probe.start_delay.lock().unwrap() = secs(1);
    let children = ["a", "b", "c"].map(|id| probe.spec(id)).to_vec();
    let root = plant(SupervisorSpec::one_for_one("s", children), &log).await;
    for started in 1..=3 {
        tokio::time::sleep(secs(1)).await;
        assert_eq!(probe.starts(), started);
    }
    assert_eq!(probe.trace(), ["a up", "b up", "c up"]);
    assert_eq!(state(&root, &["c"]), Some(StateView::Running));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_factory_and_a_failing_start_are_failures_like_others() {
    let log = Log::default();
    let broken = ChildSpec::new("broken", "none", |_| async { panic!("no factory") });
    let failing = Probe::default();
    *failing.start_fails.lock().unwrap() = true;
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    handle.add(broken.backoff(Backoff::immediate())).await.unwrap();
    handle.add(failing.spec("failing")).await.unwrap();
    rest().await;
    for id in ["broken", "failing"] {
        assert!(matches!(state(&root, &[id]), Some(StateView::Quarantined { .. })), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_named_and_given_up_not_retried_for_ever() {
    let log = Log::default();
    let env = log.env();
    let squatter = format!("{}/d/AAPL", env.node_id);
    let probe = Probe::default();
    let lone = Probe::default().spec("other");
    drop(lone);
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = Root::start(spec, env).await.unwrap();
    let (other, _) = ractor::Actor::spawn(Some(squatter), Idle, ()).await.unwrap();
    handle.add(probe.spec("AAPL")).await.unwrap();
    rest().await;
    assert!(matches!(state(&root, &["AAPL"]), Some(StateView::Quarantined { .. })));
    assert!(log.saw(|what| matches!(what, What::Failed { why: Failure::NameTaken { .. } })));
    other.stop(None);
    rest().await;
    assert_eq!(handle.release("AAPL").await.unwrap(), ReleaseReply::Released);
    rest().await;
    assert_eq!(state(&root, &["AAPL"]), Some(StateView::Running));
}

#[tokio::test(start_paused = true)]
async fn a_child_recovers_until_it_says_so_and_later_siblings_wait_for_it() {
    let (log, first, second) = (Log::default(), Probe::default(), Probe::default());
    let children = vec![first.spec("first").recovers_within(secs(10)), second.spec("second")];
    let root = plant(SupervisorSpec::rest_for_one("s", children), &log).await;
    assert_eq!(state(&root, &["first"]), Some(StateView::Recovering));
    assert_eq!(second.starts(), 0);
    first.context().handle.recovered();
    rest().await;
    assert_eq!(state(&root, &["first"]), Some(StateView::Running));
    assert_eq!(second.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_that_takes_too_long_is_a_failure() {
    let (log, probe) = (Log::default(), Probe::default());
    let child = probe.spec("a").recovers_within(secs(1));
    let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    tokio::time::sleep(secs(1)).await;
    assert_eq!(probe.starts(), 2);
    assert!(log.saw(|what| matches!(what, What::Failed { why: Failure::RecoveryTimeout { .. } })));
}

#[tokio::test(start_paused = true)]
async fn a_subtree_counts_as_running_when_all_its_children_run() {
    let (log, leaf, after) = (Log::default(), Probe::default(), Probe::default());
    *leaf.start_delay.lock().unwrap() = secs(3);
    let inner = SupervisorSpec::one_for_one("inner", vec![leaf.spec("x"), leaf.spec("y")]);
    let root = plant(SupervisorSpec::rest_for_one("s", vec![inner.into(), after.spec("after")]), &log).await;
    tokio::time::sleep(secs(5)).await;
    assert_eq!(state(&root, &["inner"]), Some(StateView::Recovering));
    assert_eq!(after.starts(), 0);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(state(&root, &["inner"]), Some(StateView::Running));
    assert_eq!(after.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn names_begin_with_the_node_id_and_two_nodes_share_a_process() {
    let (log, one, two) = (Log::default(), Probe::default(), Probe::default());
    let _a = plant(SupervisorSpec::one_for_one("s", vec![one.spec("risk")]), &log).await;
    let _b = plant(SupervisorSpec::one_for_one("s", vec![two.spec("risk")]), &log).await;
    let (first, second) = (one.current().get_name().unwrap(), two.current().get_name().unwrap());
    let node = one.context().env.node_id;
    assert_eq!(first, format!("{node}/s/risk"));
    assert_ne!(first, second);
}

struct Idle;

impl ractor::Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ractor::ActorRef<()>, (): ()) -> Result<(), ractor::ActorProcessingErr> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn an_actor_left_behind_by_a_cancelled_factory_does_not_survive_it() {
    let (log, probe) = (Log::default(), Probe::default());
    let inner = probe.clone();
    let child = ChildSpec::new("a", "worker", move |context: StartContext| {
        let probe = inner.clone();
        async move {
            let name = context.name.clone();
            let supervisor = context.supervisor.clone();
            let (actor, join) =
                <Worker as ractor::Actor>::spawn_linked(Some(name), Worker, (probe, context), supervisor)
                    .await?;
            // Against the advice: more to do after the spawn, and it does not end.
            std::future::pending::<()>().await;
            Ok::<_, SpawnErr>((actor.into(), join))
        }
    });
    let child = child.start_timeout(secs(1)).backoff(Backoff::fixed(secs(100)));
    let _root = plant(SupervisorSpec::one_for_one("s", vec![child]), &log).await;
    tokio::time::sleep(secs(2)).await;
    assert_eq!(probe.trace(), ["a up", "a gone"]);
}
