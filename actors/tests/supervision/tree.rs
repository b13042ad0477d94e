//! The tree as seen from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::*;
use tensortrade_actors::supervision::*;

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_everything_about_every_node_and_is_nested_json() {
    let (log, probe) = (Log::default(), Probe::default());
    let beat = Heartbeat { interval: secs(1), silence_limit: secs(5) };
    let leaf = probe.spec("risk").inflight_limit(64).heartbeat(beat, ping);
    let inner = SupervisorSpec::rest_for_one("trading", vec![leaf]);
    let root = plant(SupervisorSpec::rest_for_one("node", vec![inner.into()]), &log).await;
    probe.tell(Job::Panic);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let _held = probe.context().handle.admission().try_admit(0_u64).unwrap();

    let json = serde_json::to_value(root.view.snapshot()).unwrap();
    assert_eq!(json["id"], "node");
    assert_eq!(json["state"]["state"], "running");
    let risk = &json["children"][0]["children"][0];
    assert_eq!(json["children"][0]["id"], "trading");
    assert_eq!((risk["id"].as_str(), risk["kind"].as_str()), (Some("risk"), Some("worker")));
    assert_eq!(risk["state"]["state"], "running");
    assert_eq!((&risk["generation"], &risk["restarts"]), (&2.into(), &1.into()));
    assert_eq!(risk["failures_in_window"], 1);
    assert_eq!(risk["last_failure"], "crashed: told to");
    assert_eq!(risk["mailbox"], serde_json::json!({"in_use": 1, "limit": 64, "refused": 0}));
    assert!(risk["uptime_ms"].as_u64().unwrap() >= 2499);
    // The last ping went out two seconds after the start, and was answered.
    assert!(risk["heartbeat_age_ms"].as_u64().unwrap() <= 501);
    // The window slides while nobody sends anything.
    tokio::time::sleep(secs(61)).await;
    assert_eq!(root.view.find(&["trading", "risk"]).unwrap().failures_in_window, 0);
}

#[tokio::test(start_paused = true)]
async fn children_are_listed_in_start_order_and_the_removed_are_not() {
    let (log, probe) = (Log::default(), Probe::default());
    let spec = SupervisorSpec::dynamic("d");
    let handle = spec.handle();
    let root = plant(spec, &log).await;
    for id in ["TSLA", "AAPL", "EUR/USD"] {
        handle.add(probe.spec(id)).await.unwrap();
    }
    handle.remove("AAPL").await.unwrap();
    rest().await;
    let snapshot = root.view.snapshot();
    let ids: Vec<(usize, &str)> =
        snapshot.flatten().iter().map(|(depth, node)| (*depth, node.id.as_str())).collect();
    assert_eq!(ids, [(0, "d"), (1, "TSLA"), (1, "EUR/USD")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tree_is_readable_while_its_supervisor_is_busy() {
    let (log, probe) = (Log::default(), Probe::default());
    let (busy, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (enter, leave) = (busy.clone(), done.clone());
    let beat = Heartbeat { interval: Duration::from_millis(5), silence_limit: secs(50) };
    // The ping closure runs inside the supervisor: here it holds it fast.
    let child = probe.spec("a").heartbeat(beat, move |_| {
        enter.store(true, Ordering::SeqCst);
        while !leave.load(Ordering::SeqCst) {
            std::hint::spin_loop();
        }
    });
    let root = Root::start(SupervisorSpec::one_for_one("s", vec![child]), log.env()).await.unwrap();
    // No timer here: a worker that spins may hold them all up.
    while !busy.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let snapshot = root.view.snapshot();
    done.store(true, Ordering::SeqCst);
    assert_eq!((snapshot.children[0].id.as_str(), &snapshot.children[0].state), ("a", &StateView::Running));
}
