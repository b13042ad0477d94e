//! Children that come and go at run time.

use std::time::Duration;

use crate::support::*;
use tensortrade_actors::supervision::*;

async fn dynamic(log: &Log) -> (Root, SupervisorHandle) {
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    (plant(spec, log).await, handle)
}

#[tokio::test(start_paused = true)]
async fn adding_a_running_id_answers_so_and_is_harmless() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = dynamic(&log).await;
    assert_eq!(handle.add(probe.spec("AAPL")).await.unwrap(), AddReply::Added);
    rest().await;
    for _ in 0..100 {
        assert_eq!(handle.add(probe.spec("AAPL")).await.unwrap(), AddReply::AlreadyRunning);
    }
    tokio::time::sleep(secs(60)).await;
    assert_eq!(probe.starts(), 1);
    assert_eq!(state(&root, &["AAPL"]), Some(StateView::Running));
}

#[tokio::test(start_paused = true)]
async fn a_child_removed_during_its_backoff_never_comes_back() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = dynamic(&log).await;
    handle.add(probe.spec("AAPL").backoff(Backoff::fixed(secs(5)))).await.unwrap();
    rest().await;
    probe.tell(Job::Panic);
    rest().await;
    assert!(matches!(state(&root, &["AAPL"]), Some(StateView::Backoff { .. })));
    assert_eq!(handle.remove("AAPL").await.unwrap(), StopReply::Done(StopOutcome::WasDown));
    tokio::time::sleep(secs(3600)).await;
    assert_eq!((probe.starts(), state(&root, &["AAPL"])), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_child_removed_during_its_start_never_comes_up() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = dynamic(&log).await;
    *probe.start_delay.lock().unwrap() = secs(2);
    handle.add(probe.spec("AAPL")).await.unwrap();
    tokio::time::sleep(secs(1)).await;
    handle.remove("AAPL").await.unwrap();
    tokio::time::sleep(secs(3600)).await;
    assert_eq!((probe.starts(), state(&root, &["AAPL"])), (0, None));
}

#[tokio::test(start_paused = true)]
async fn removal_races_against_a_finishing_start_leave_no_actor_behind() {
    // The start ends at 2 s; the removal comes around that moment, before, at and after it.
    for offset_us in 0..400_u64 {
        let (log, probe) = (Log::default(), Probe::default());
        let (_root, handle) = dynamic(&log).await;
        *probe.start_delay.lock().unwrap() = secs(2);
        handle.add(probe.spec("AAPL")).await.unwrap();
        tokio::time::sleep(secs(2) - Duration::from_millis(2) + Duration::from_micros(offset_us * 10)).await;
        assert!(matches!(handle.remove("AAPL").await.unwrap(), StopReply::Done(_)));
        // Removed means gone now, not soon.
        let (ups, downs) = count(&probe);
        assert_eq!(ups, downs, "at {offset_us}");
        tokio::time::sleep(secs(10)).await;
        assert_eq!(count(&probe), (ups, downs));
    }
}

fn count(probe: &Probe) -> (usize, usize) {
    let trace = probe.trace();
    let of = |end: &str| trace.iter().filter(|line| line.ends_with(end)).count();
    (of("up"), of("gone"))
}

#[tokio::test(start_paused = true)]
async fn removal_drains_the_queue_and_returns_when_the_actor_is_gone() {
    let (log, probe) = (Log::default(), Probe::default());
    let (_root, handle) = dynamic(&log).await;
    handle.add(probe.spec("AAPL")).await.unwrap();
    rest().await;
    for input in 0..3 {
        probe.tell(Job::Input(input));
    }
    assert_eq!(handle.remove("AAPL").await.unwrap(), StopReply::Done(StopOutcome::Drained));
    assert_eq!(probe.trace(), ["AAPL up", "took 0", "took 1", "took 2", "AAPL gone"]);
    assert_eq!(handle.remove("AAPL").await.unwrap(), StopReply::NotFound);
}

#[tokio::test(start_paused = true)]
async fn added_children_and_quarantines_survive_a_restart_of_the_supervisor_and_removed_ones_do_not() {
    let (log, kept, held, gone) = (Log::default(), Probe::default(), Probe::default(), Probe::default());
    let symbols = SupervisorSpec::dynamic("symbols");
    let handle = symbols.handle();
    let hub = Probe::default();
    let root = plant(SupervisorSpec::rest_for_one("s", vec![hub.spec("hub"), symbols.into()]), &log).await;
    for (id, probe) in [("KEPT", &kept), ("HELD", &held), ("GONE", &gone)] {
        handle.add(probe.spec(id)).await.unwrap();
    }
    rest().await;
    handle.quarantine("HELD", "odd prices").await.unwrap();
    handle.remove("GONE").await.unwrap();
    hub.tell(Job::Panic);
    rest().await;
    assert_eq!(root.view.find(&["symbols"]).unwrap().generation, 2);
    assert_eq!(state(&root, &["symbols", "KEPT"]), Some(StateView::Running));
    let reason = "odd prices".to_owned();
    assert_eq!(state(&root, &["symbols", "HELD"]), Some(StateView::Quarantined { reason }));
    assert_eq!(state(&root, &["symbols", "GONE"]), None);
    assert_eq!((kept.starts(), held.starts(), gone.starts()), (2, 1, 1));
    // The handle still leads to the supervisor.
    assert_eq!(handle.release("HELD").await.unwrap(), ReleaseReply::Released);
}

#[tokio::test(start_paused = true)]
async fn a_child_removed_while_its_supervisor_is_down_does_not_come_back_with_it() {
    let (log, kept, gone) = (Log::default(), Probe::default(), Probe::default());
    let symbols = SupervisorSpec::dynamic("symbols");
    let handle = symbols.handle();
    let hub = Probe::default();
    let slow = hub.spec("hub").backoff(Backoff::fixed(secs(5)));
    let root = plant(SupervisorSpec::rest_for_one("s", vec![slow, symbols.into()]), &log).await;
    for (id, probe) in [("KEPT", &kept), ("GONE", &gone)] {
        handle.add(probe.spec(id)).await.unwrap();
    }
    rest().await;
    hub.tell(Job::Panic);
    rest().await;
    assert!(handle.remove("GONE").await.is_err(), "nobody is there to answer");
    tokio::time::sleep(secs(60)).await;
    assert_eq!(state(&root, &["symbols", "KEPT"]), Some(StateView::Running));
    assert_eq!((kept.starts(), gone.starts(), state(&root, &["symbols", "GONE"])), (2, 1, None));
}

#[tokio::test(start_paused = true)]
async fn fixed_children_can_not_be_added_or_removed() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::one_for_one("s", vec![probe.spec("a")]);
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    assert_eq!(handle.add(probe.spec("b")).await.unwrap(), AddReply::NotDynamic);
    assert_eq!(handle.remove("a").await.unwrap(), StopReply::NotDynamic);
    assert_eq!(probe.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_children_is_limited() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d").children_max(2);
    let handle = spec.handle();
    let _root = plant(spec, &log).await;
    let mut answers = Vec::new();
    for id in ["A", "B", "C"] {
        answers.push(handle.add(probe.spec(id)).await.unwrap());
    }
    assert_eq!(answers, [AddReply::Added, AddReply::Added, AddReply::Full]);
}

#[tokio::test(start_paused = true)]
async fn many_are_added_by_one_message_and_each_has_an_answer_of_its_own() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d").children_max(4);
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    for id in ["RUNS", "HELD"] {
        handle.add(probe.spec(id)).await.unwrap();
    }
    rest().await;
    handle.quarantine("HELD", "odd prices").await.unwrap();
    let many = ["NEW", "RUNS", "HELD", "NEW", "LAST", "OVER"].map(|id| probe.spec(id)).into();
    let answers = handle.add_many(many).await.unwrap();
    let held = AddReply::Quarantined("odd prices".into());
    let (new, there) = (AddReply::Added, AddReply::AlreadyRunning);
    assert_eq!(answers, [new.clone(), there.clone(), held, there, new, AddReply::Full]);
    rest().await;
    assert_eq!(probe.starts(), 4, "those that ran were left alone");
    for id in ["NEW", "RUNS", "LAST"] {
        assert_eq!(state(&root, &[id]), Some(StateView::Running), "{id}");
    }
    let fixed = SupervisorSpec::one_for_one("s", vec![]);
    let handle = fixed.handle();
    let _root = plant(fixed, &log).await;
    assert_eq!(handle.add_many(vec![probe.spec("A")]).await.unwrap(), [AddReply::NotDynamic]);
}

#[tokio::test(start_paused = true)]
async fn of_many_one_that_cannot_start_touches_no_other() {
    let (log, sound, broken) = (Log::default(), Probe::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d").starts_max(2);
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    *broken.start_fails.lock().unwrap() = true;
    let probe = |n: usize| if n == 3 { &broken } else { &sound };
    let many = (0..10).map(|n| probe(n).spec(&format!("S{n}"))).collect();
    handle.add_many(many).await.unwrap();
    tokio::time::sleep(secs(60)).await;
    for n in 0..10 {
        let id = format!("S{n}");
        let quarantined = matches!(state(&root, &[&id]), Some(StateView::Quarantined { .. }));
        assert_eq!((quarantined, state(&root, &[&id]) == Some(StateView::Running)), (n == 3, n != 3), "{id}");
    }
    assert_eq!(sound.starts(), 9);
}

/// Six children of which two may start at a time, each for a second; half a second has passed.
async fn six_in_a_row(log: &Log, probe: &Probe) -> (Root, SupervisorHandle) {
    let spec = SupervisorSpec::dynamic("d").starts_max(2);
    let handle = spec.handle();
    let root = plant(spec, log).await;
    *probe.start_delay.lock().unwrap() = secs(1);
    handle.add_many((0..6).map(|n| probe.spec(&format!("S{n}"))).collect()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    (root, handle)
}

#[tokio::test(start_paused = true)]
async fn so_many_start_at_a_time_and_the_others_wait_for_their_turn() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = six_in_a_row(&log, &probe).await;
    for up in [0, 2, 4] {
        let states: Vec<_> = (0..6).map(|n| state(&root, &[&format!("S{n}")]).unwrap()).collect();
        let of = |wanted: StateView| states.iter().filter(|state| **state == wanted).count();
        let counts = (of(StateView::Running), of(StateView::Starting), of(StateView::Stopped));
        assert_eq!(counts, (up, 2, 4 - up));
        assert_eq!(handle.add(probe.spec("S5")).await.unwrap(), AddReply::AlreadyRunning);
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(probe.starts(), 6);
    assert_eq!(probe.trace(), ["S0 up", "S1 up", "S2 up", "S3 up", "S4 up", "S5 up"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_removed_while_it_waits_for_its_turn_never_comes_up() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = six_in_a_row(&log, &probe).await;
    // One that starts and one that waits: the first makes room at once.
    assert_eq!(handle.remove("S0").await.unwrap(), StopReply::Done(StopOutcome::Killed));
    assert_eq!(handle.remove("S4").await.unwrap(), StopReply::Done(StopOutcome::WasDown));
    assert_eq!(state(&root, &["S2"]), Some(StateView::Starting));
    tokio::time::sleep(secs(60)).await;
    assert_eq!(probe.trace(), ["S1 up", "S2 up", "S3 up", "S5 up"]);
    assert_eq!((state(&root, &["S0"]), state(&root, &["S4"])), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_while_many_wait_for_their_turn_starts_no_more() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = six_in_a_row(&log, &probe).await;
    root.shutdown().await;
    assert_eq!(count(&probe), (0, 0));
    assert_eq!(handle.add_many(vec![probe.spec("S9")]).await, Err(SupervisorGone));
}

#[tokio::test]
async fn ten_thousand_children_come_and_go_in_seconds() {
    let (log, probe) = (Log::default(), Probe::default());
    let (root, handle) = dynamic(&log).await;
    // An idle machine takes a quarter of a second (the bench says); the limit leaves room for a busy one, not for a
    // quadratic step.
    let limit = secs(10);
    let began = tokio::time::Instant::now();
    for n in 0..10_000 {
        assert_eq!(handle.add(probe.spec(&format!("S{n}"))).await.unwrap(), AddReply::Added);
    }
    while probe.starts() < 10_000 {
        tokio::task::yield_now().await;
    }
    assert!(began.elapsed() < limit, "adding took {:?}", began.elapsed());
    let began = tokio::time::Instant::now();
    root.shutdown().await;
    assert!(began.elapsed() < limit, "stopping took {:?}", began.elapsed());
    assert_eq!(count(&probe), (10_000, 10_000));
}
