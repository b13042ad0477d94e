//! How fast the journal takes events, and what a durable commit costs beside a bare write and fsync in the same folder.
//!
//! `cargo bench -p tensortrade-journal`; a folder other than the system's temporary one: `-- DIR`.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark, run by hand")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use common::*;
use tensortrade_journal::event::Alarm;
use tensortrade_journal::{Access, Durability, Event, JournalWriter, SqliteStore, rebuild, verify};
use tensortrade_market::order::Side;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures wall time")]
fn now() -> Instant {
    Instant::now()
}

async fn open(folder: &Path, name: &str, durability: Durability) -> JournalWriter {
    let access = Access::Write { identity: identity(), durability };
    let store = SqliteStore::open(folder.join(name), access).await.unwrap();
    JournalWriter::open(Box::new(store)).await.unwrap().0
}

/// Stages and commits `events` in batches; the best of three journals, since the machine is shared.
async fn throughput(folder: &Path, name: &str, events: &[Event], batch: usize, rows: usize) {
    for durability in [Durability::Power, Durability::Process] {
        let mut best = Duration::MAX;
        for round in 0..3 {
            let mut writer = open(folder, &format!("{name}-{durability:?}-{round}"), durability).await;
            let begin = now();
            for chunk in events.chunks(batch) {
                for event in chunk {
                    writer.stage(event, at(1)).unwrap();
                }
                writer.commit().await.unwrap();
            }
            best = best.min(begin.elapsed());
        }
        let rate = events.len() as f64 / best.as_secs_f64();
        let row_rate = rows as f64 / best.as_secs_f64();
        print!("{name:<28} {:<8} batch {batch:>5}: {rate:>9.0} events/s", format!("{durability:?}"));
        if rows > 0 {
            print!(" {row_rate:>9.0} rows/s");
        }
        println!();
    }
}

fn percentiles(mut samples: Vec<Duration>) -> String {
    samples.sort_unstable();
    let pick = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    format!("p50 {:>8.1?} p99 {:>8.1?} max {:>8.1?}", pick(0.5), pick(0.99), pick(1.0))
}

async fn latency(folder: &Path) {
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).open(folder.join("yardstick")).unwrap();
    let mut bare = Vec::new();
    for n in 0..1000u64 {
        let begin = now();
        file.seek(SeekFrom::Start(n % 256 * 4096)).unwrap();
        file.write_all(&[n as u8; 4096]).unwrap();
        file.sync_data().unwrap();
        bare.push(begin.elapsed());
    }
    println!("{:<48} {}", "yardstick: 4 KiB write + fsync", percentiles(bare));
    for durability in [Durability::Power, Durability::Process] {
        let mut writer = open(folder, &format!("latency-{durability:?}"), durability).await;
        let (mut lone, mut order) = (Vec::new(), Vec::new());
        for n in 0..1000i64 {
            let begin = now();
            writer.stage(&alarm(n), at(n)).unwrap();
            writer.commit().await.unwrap();
            lone.push(begin.elapsed());
            let events = trade(n + 1, "IBM", Side::Buy, "100", "100.25");
            let begin = now();
            for event in &events[..3] {
                writer.stage(event, at(n)).unwrap();
            }
            // As the node does for who waits: rows follow in the background.
            writer.commit_events().await.unwrap();
            order.push(begin.elapsed());
            writer.close_slice();
            writer.commit_rows().await.unwrap();
        }
        println!("{:<48} {}", format!("commit of one event, {durability:?}"), percentiles(lone));
        println!(
            "{:<48} {}",
            format!("commit of intent + approval + outbox, {durability:?}"),
            percentiles(order)
        );
    }
}

fn alarm(n: i64) -> Event {
    Alarm { ts: at(n), code: "bench".into(), text: "nothing happened".into() }.into()
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let base = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    let folder = match base {
        Some(base) => tempfile::tempdir_in(base).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let folder = folder.path();
    println!("in {}", folder.display());
    latency(folder).await;

    let small: Vec<Event> = (0..200_000).map(alarm).collect();
    throughput(folder, "small events", &small, 1000, 0).await;

    let trades: Vec<Event> = (1..=6_000).flat_map(|n| trade(n, "IBM", Side::Buy, "1", "100.25")).collect();
    throughput(folder, "orders and fills", &trades, 1000, 0).await;

    let names: Vec<String> = (0..1000).map(|n| format!("S{n:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wide: Vec<Event> = (1..=100).map(|n| step(n, &names).into()).collect();
    throughput(folder, "steps of 1000 symbols", &wide, 1, wide.len() * 2001).await;
    let narrow: Vec<Event> = (1..=5_000).map(|n| step(n, &names[..1]).into()).collect();
    throughput(folder, "steps of 1 symbol", &narrow, 1, narrow.len() * 3).await;
    throughput(folder, "steps of 1 symbol", &narrow, 100, narrow.len() * 3).await;

    let mut writer = open(folder, "small events-Process-0", Durability::Process).await;
    let begin = now();
    let report = verify(writer.store()).await.unwrap();
    println!("verify: {:.0} small events/s", report.events as f64 / begin.elapsed().as_secs_f64());
    let mut writer = open(folder, "steps of 1000 symbols-Process-0", Durability::Process).await;
    let begin = now();
    let rebuilt = rebuild(writer.store()).await.unwrap();
    let rows: u64 = rebuilt.rows.values().sum();
    println!("rebuild: {:.0} rows/s", rows as f64 / begin.elapsed().as_secs_f64());
}
