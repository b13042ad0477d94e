//! From the kill of a process to a node that may trade again, with a journal of a million events.
//!
//! `cargo bench --bench recovery`. A node trades the simulated market as fast as it can and is killed; its journal is filled up
//! to a million events by the writer itself (intents that risk refused, which move no money, with snapshots as they fall due);
//! a node trades on it again and is killed (SIGKILL); the next start is what is measured, from the moment the process is
//! created. Trade-ready: it answers on its socket, journal and broker are reconciled, and data flows. The five days of market
//! before the last step, which warm the models up again, come after that and are told apart.
//!
//! Yardsticks of the same run: reading every event of the file through the store, and folding every event from the first on,
//! which is what a start without a snapshot has to do.
#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::{Running, median, print_load};
use tensortrade_journal::event::Refused;
use tensortrade_journal::store::PAGE_EVENTS_MAX;
use tensortrade_journal::{
    Access, AccountKind, Durability, Event, Identity, JournalWriter, Recovered, SqliteStore, Store,
    fold_after,
};
use tensortrade_market::order::{IntentId, OrderIntent, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Price, Qty, Symbol, Ts};

/// Events in the journal at the start that is measured.
const EVENTS: u64 = 1_000_000;
/// Orders that are traded before the journal is filled up.
const ORDERS: f64 = 3_000.0;
/// Starts that are measured.
const STARTS: usize = 5;
/// What is wanted, in seconds.
const TARGET_S: f64 = 2.0;
/// A snapshot every so many events, as configured by default.
const SNAPSHOT_EVERY: u64 = 20_000;

const ACTIVE: [&str; 7] = [
    "--set=policy.band=0",
    "--set=policy.band_relative=0",
    "--set=policy.rebalance_every_steps=1",
    "--set=policy.enter=0.05",
    "--set=policy.exit=0.01",
    "--set=execution.band=0",
    "--set=execution.notional_min=\"1\"",
];

fn main() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let data = scratch.path().join("data");
    print_load();
    let args: Vec<&str> = ["--speed=max"].into_iter().chain(ACTIVE).collect();
    let node = Running::start(&data, &args);
    wait(&node, |of| of("/orders/sent") >= ORDERS);
    node.kill();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let path = data.join("journal.db");
    let watch = Instant::now();
    let filled = runtime.block_on(fill_up(&path));
    println!("{filled} events filled up in {:.1} s", watch.elapsed().as_secs_f64());
    let (mut ready, mut warm) = (Vec::new(), Vec::new());
    for start in 0..=STARTS {
        let watch = Instant::now();
        let node = Running::start(&data, &args);
        wait(&node, |of| of("/reconciled") > 0.0 && of("/ticks") > 0.0);
        let at_ready = watch.elapsed().as_secs_f64();
        let events = node.status().and_then(|s| s.pointer("/journal_events")?.as_u64()).unwrap_or(0);
        wait(&node, |of| of("/orders/sent") >= 50.0);
        let at_order = watch.elapsed().as_secs_f64();
        node.kill();
        println!(
            "start {start}: {events} events, trade-ready after {at_ready:.3} s, 50 orders after {at_order:.3} s"
        );
        // The first one follows the filling, not a kill in the middle of trading.
        if start > 0 {
            ready.push(at_ready);
            warm.push(at_order);
        }
    }
    let (read_s, fold_s) = runtime.block_on(yardsticks(&path));
    let ready = median(ready);
    println!("yardsticks: reading every event {read_s:.2} s, folding every event {fold_s:.2} s");
    println!(
        "process start to trade-ready: median {ready:.3} s of {STARTS} ({:.2} of reading every event, {:.3} of folding it), wanted {TARGET_S} s: {}",
        ready / read_s,
        ready / fold_s,
        if ready < TARGET_S { "kept" } else { "MISSED" }
    );
    println!("process start to fifty orders sent, warm-up included: median {:.3} s", median(warm));
}

/// Waits until a condition on the node's status holds; a flag counts as 1 or 0.
fn wait(node: &Running, holds: impl Fn(&dyn Fn(&str) -> f64) -> bool) {
    let until = Instant::now() + Duration::from_secs(300);
    loop {
        if let Some(status) = node.ask_status() {
            let of = |pointer: &str| match status.pointer(pointer) {
                Some(serde_json::Value::Bool(true)) => 1.0,
                Some(value) => value.as_f64().unwrap_or(0.0),
                None => 0.0,
            };
            if holds(&of) {
                return;
            }
        }
        assert!(Instant::now() < until, "the node did not come so far:\n{}", node.log());
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Fills the journal up with refused intents; returns how many events that were.
async fn fill_up(path: &Path) -> u64 {
    let identity = Identity {
        account: AccountKind::Paper,
        venue: "paper".into(),
        label: "bench".into(),
        created_at: Ts::ZERO,
    };
    let access = Access::Write { identity, durability: Durability::Process };
    let store = SqliteStore::open(path, access).await.expect("the node's journal");
    let (mut writer, _) = JournalWriter::open(Box::new(store)).await.expect("a whole journal");
    let from = writer.committed().seq;
    let now = writer.state().last_step.as_ref().map_or(Ts::ZERO, |last| last.ts);
    let mut number = 0;
    while writer.committed().seq < EVENTS {
        for _ in 0..2_048 {
            for event in refused(number, now) {
                writer.stage(&event, now).expect("an event that can be booked");
            }
            number += 1;
        }
        writer.commit().await.expect("space for the journal");
        if writer.snapshot_due(SNAPSHOT_EVERY) {
            writer.snapshot(now).await.expect("space for a snapshot");
        }
    }
    writer.close().await.expect("a whole journal").seq - from
}

fn refused(number: u32, ts: Ts) -> [Event; 2] {
    let symbol = Symbol::intern("AAPL").expect("a name");
    let limit = Price::from_raw(100_000_000_000).expect("a price");
    let terms = OrderTerms {
        symbol,
        side: Side::Buy,
        qty: Qty::from_raw(Qty::ONE),
        kind: OrderKind::Limit { limit },
        tif: TimeInForce::Day,
    };
    let id = IntentId::derive(&format!("bench{number}"), symbol, ts, 0);
    let intent = OrderIntent {
        id: id.clone(),
        strategy: "bench".into(),
        decided_at: ts,
        terms,
        reference: limit,
        reason: "trend up, volatility target".into(),
    };
    let detail = "order notional 100 is above the limit of 10".to_owned();
    [intent.into(), Refused { intent_id: id, terms, code: "order_notional".into(), detail, ts }.into()]
}

/// Seconds to read every event, and to fold it.
async fn yardsticks(path: &Path) -> (f64, f64) {
    let mut store = SqliteStore::open(path, Access::Read).await.expect("the journal");
    let watch = Instant::now();
    let mut after = 0;
    loop {
        let page = store.read(after, PAGE_EVENTS_MAX).await.expect("a page");
        let Some(last) = page.last() else { break };
        after = last.seq;
    }
    let read_s = watch.elapsed().as_secs_f64();
    let genesis = Recovered::genesis(&store.meta().id);
    let watch = Instant::now();
    fold_after(&mut store, genesis).await.expect("a whole journal");
    (read_s, watch.elapsed().as_secs_f64())
}
