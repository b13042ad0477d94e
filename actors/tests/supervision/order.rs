//! Strategies: who goes down and who comes up, and in which order.

use crate::support::*;
use tensortrade_actors::supervision::*;

const IDS: [&str; 4] = ["a", "b", "c", "d"];

/// Four children; each has a probe of its own to be told, and all share one trace.
async fn four(build: fn(&str, Vec<ChildSpec>) -> SupervisorSpec) -> (Root, Vec<Probe>) {
    let shared = Probe::default();
    let probes: Vec<Probe> =
        IDS.iter().map(|_| Probe { trace: shared.trace.clone(), ..Probe::default() }).collect();
    let children = IDS.iter().zip(&probes).map(|(id, probe)| probe.spec(id)).collect();
    let root = plant(build("s", children), &Log::default()).await;
    shared.trace.lock().unwrap().clear();
    (root, probes)
}

#[tokio::test(start_paused = true)]
async fn one_for_one_restarts_the_failed_child_alone() {
    let (_root, probes) = four(|id, children| SupervisorSpec::one_for_one(id, children)).await;
    probes[1].tell(Job::Panic);
    rest().await;
    assert_eq!(probes[0].trace(), ["b gone", "b up"]);
}

#[tokio::test(start_paused = true)]
async fn one_for_all_stops_all_last_first_and_starts_all_first_first() {
    let (_root, probes) = four(|id, children| SupervisorSpec::one_for_all(id, children)).await;
    probes[1].tell(Job::Panic);
    rest().await;
    let order = ["b gone", "d gone", "c gone", "a gone", "a up", "b up", "c up", "d up"];
    assert_eq!(probes[0].trace(), order);
}

#[tokio::test(start_paused = true)]
async fn rest_for_one_restarts_the_failed_child_and_those_after_it() {
    let (_root, probes) = four(|id, children| SupervisorSpec::rest_for_one(id, children)).await;
    probes[1].tell(Job::Panic);
    rest().await;
    assert_eq!(probes[0].trace(), ["b gone", "d gone", "c gone", "b up", "c up", "d up"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_restart_drains_the_siblings_it_stops() {
    let (_root, probes) = four(|id, children| SupervisorSpec::rest_for_one(id, children)).await;
    probes[3].tell(Job::Sleep(secs(1)));
    probes[3].tell(Job::Input(5));
    probes[0].tell(Job::Panic);
    tokio::time::sleep(secs(2)).await;
    let trace = probes[0].trace();
    assert_eq!(trace[..4], ["a gone", "d slept", "took 5", "d gone"]);
    assert_eq!(trace.last().map(String::as_str), Some("d up"));
}

#[tokio::test(start_paused = true)]
async fn a_second_failure_during_a_group_restart_starts_it_over_in_order() {
    let (root, probes) = four(|id, children| SupervisorSpec::rest_for_one(id, children)).await;
    *probes[2].start_delay.lock().unwrap() = secs(1);
    probes[1].tell(Job::Panic);
    rest().await;
    // b runs again, c is starting, d waits: now a falls.
    probes[0].tell(Job::Panic);
    tokio::time::sleep(secs(3)).await;
    let ups: Vec<String> = probes[0].trace().into_iter().filter(|line| line.ends_with("up")).collect();
    assert_eq!(ups, ["b up", "a up", "b up", "c up", "d up"]);
    assert!(IDS.iter().all(|id| state(&root, &[id]) == Some(StateView::Running)));
}

#[tokio::test(start_paused = true)]
async fn children_that_need_a_quarantined_one_stay_down_until_it_is_released() {
    let probe = Probe::default();
    let rest_of = Probe::default();
    let spec = SupervisorSpec::rest_for_one("s", vec![probe.spec("a"), rest_of.spec("b")]);
    let handle = spec.handle();
    let root = plant(spec, &Log::default()).await;
    handle.quarantine("a", "looking into it").await.unwrap();
    rest().await;
    assert_eq!(state(&root, &["b"]), Some(StateView::Stopped));
    assert_eq!(handle.release("a").await.unwrap(), ReleaseReply::Released);
    rest().await;
    assert_eq!(state(&root, &["b"]), Some(StateView::Running));
    assert_eq!((probe.starts(), rest_of.starts()), (2, 2));
}
