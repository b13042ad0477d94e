//! SIGKILL and restart, again and again, at moments drawn from a seed: under load, with orders in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tensortrade::control::protocol::Request;
use tensortrade::exit::Failure;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_journal::event::{BreakerState, OrderStatus};
use tensortrade_market::Symbol;

use super::node::{Node, Program, pause};
use super::scene::{Market, Scene, scratch};

/// One kill in so many comes while the node is still starting.
const EARLY_EVERY: u32 = 5;
/// Longest life before an early kill, and shortest and longest after the node is ready, in milliseconds.
const EARLY_MS: u64 = 250;
const LIFE_MS: (u64, u64) = (100, 1_200);
/// `journal verify` reads every event: it runs after every one of the first cycles, then after every so many.
const VERIFY_FIRST: u32 = 20;
const VERIFY_EVERY: u32 = 10;
/// A symbol that is added by hand, one that is removed, and one whose breaker is opened.
const ADDED: &str = "TSLA";
const REMOVED: &str = "XOM";
const HALTED: &str = "NVDA";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Soak {
    /// The node.
    pub program: Program,
    /// The market.
    pub market: Market,
    /// Kills.
    pub cycles: u32,
    /// Of the moments.
    pub seed: u64,
    /// Where it plays; a folder that is gone afterwards when nothing is named.
    pub root: Option<PathBuf>,
}

/// What it came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The market in a word.
    pub market: &'static str,
    /// Of the moments.
    pub seed: u64,
    /// Kills.
    pub cycles: u32,
    /// Kills before the node was ready.
    pub early: u32,
    /// Lives in which orders were sent.
    pub traded: u32,
    /// Kills while an order was alive.
    pub in_flight: u32,
    /// Orders alive at the kills, by their state on record.
    pub alive: BTreeMap<OrderStatus, u32>,
    /// Executions that a kill kept from the journal, and that the next start booked.
    pub fills_recovered: u64,
    /// Orders on record.
    pub orders: usize,
    /// Executions on record.
    pub executions: usize,
    /// Events on record.
    pub events: u64,
    /// Starts after which the journal's sums were compared with what the broker held at the kill.
    pub compared: u64,
    /// `journal verify` runs.
    pub verified: u32,
    /// From start to ready to trade, milliseconds: middle and longest.
    pub ready_ms: (u64, u64),
    /// In all.
    pub seconds: f64,
    /// Promises that were broken.
    pub problems: Vec<String>,
}

/// Runs a soak to its end.
pub fn run(soak: &Soak, mut tell: impl FnMut(u32, &Report)) -> Result<Report, Failure> {
    let began = Stopwatch::start();
    let market = match soak.market {
        Market::Simulated(_) => "sim",
        Market::Replay(_) => "replay",
    };
    let root = soak.root.clone().unwrap_or_else(|| scratch(&format!("soak-{market}-{}", soak.seed)));
    let mut scene = Scene::new(root, soak.program.clone(), soak.market, soak.seed)?;
    scene.keep = soak.root.is_some();
    let mut rng = ChaCha8Rng::seed_from_u64(soak.seed);
    let mut report = Report { market, seed: soak.seed, cycles: soak.cycles, ..Report::default() };
    let mut ready_ms = Vec::new();
    for cycle in 0..soak.cycles {
        let mut node = scene.start(&[])?;
        if cycle > 0 && rng.random_range(0..EARLY_EVERY) == 0 {
            pause(Duration::from_millis(rng.random_range(0..EARLY_MS)));
            report.early += 1;
        } else {
            node.wait_ready()?;
            ready_ms.push(u64::try_from(node.age().as_millis()).unwrap_or(u64::MAX));
            what_was_latched_still_is(&mut scene, &node)?;
            // Most lives are counted from the first new step on, some from the warming up of the models.
            if rng.random_range(0..EARLY_EVERY) > 0 {
                node.wait_trading()?;
            }
            let life = Duration::from_millis(rng.random_range(LIFE_MS.0..LIFE_MS.1));
            let half = life / 2;
            pause(half);
            hand(&mut scene, &node, cycle)?;
            pause(life - half);
        }
        if let Some(status) = node.ended()? {
            scene.problem(format!("cycle {cycle}: the node ended by itself ({status}): {}", node.log()));
        }
        node.kill()?;
        let before = scene.audit().orders();
        let books = scene.after_death()?;
        report.traded += u32::from(scene.audit().orders() > before);
        let alive = scene.audit().alive();
        report.in_flight += u32::from(!alive.is_empty());
        for (state, count) in alive {
            *report.alive.entry(state).or_default() += count;
        }
        if let Some(books) = books {
            let known = scene.audit().executions();
            report.fills_recovered += books.executions.len().saturating_sub(known) as u64;
        }
        if cycle < VERIFY_FIRST || cycle % VERIFY_EVERY == 0 {
            scene.verify()?;
            report.verified += 1;
        }
        note(&mut report, &scene);
        tell(cycle + 1, &report);
        if !report.problems.is_empty() {
            scene.keep = true;
            report.seconds = began.elapsed().as_secs_f64();
            report.problems.push(format!("cycle {cycle}; the folder is kept: {}", scene.root.display()));
            return Ok(report);
        }
    }
    let mut node = scene.start(&[])?;
    node.wait_ready()?;
    settle(&mut node)?;
    what_was_latched_still_is(&mut scene, &node)?;
    node.shutdown()?;
    scene.at_rest()?;
    scene.verify()?;
    report.verified += 1;
    note(&mut report, &scene);
    ready_ms.sort_unstable();
    report.ready_ms =
        (ready_ms.get(ready_ms.len() / 2).copied().unwrap_or(0), ready_ms.last().copied().unwrap_or(0));
    if soak.cycles >= 10 {
        for (count, what) in [
            (u64::from(report.in_flight), "no kill came while an order was alive"),
            (report.executions as u64, "nothing was executed"),
            (u64::from(report.traded >= soak.cycles / 4), "in most lives no order was sent"),
            (report.compared, "no start was compared with the kill before it"),
        ] {
            if count == 0 {
                report.problems.push(format!("void: {what}"));
            }
        }
    }
    scene.keep |= !report.problems.is_empty();
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

fn note(report: &mut Report, scene: &Scene) {
    let audit = scene.audit();
    report.orders = audit.orders();
    report.executions = audit.executions();
    report.events = audit.seq;
    report.compared = audit.compared;
    report.problems.clone_from(&audit.problems);
}

/// Waits until no order's outcome is unknown, which the broker's books must settle soon.
pub fn settle(node: &mut Node) -> Result<(), Failure> {
    node.wait_until("every order is known", Duration::from_secs(30), |node| {
        node.status("/orders/unknown").is_ok_and(|unknown| unknown.as_u64() == Some(0))
    })
}

/// Commands of an operator, each at its cycle, so that there is something to be remembered.
fn hand(scene: &mut Scene, node: &Node, cycle: u32) -> Result<(), Failure> {
    let symbols = |name: &str| vec![name.to_owned()];
    let request = match cycle {
        1 => Request::WatchlistAdd { symbols: symbols(ADDED) },
        3 => Request::Halt { scope: HALTED.to_owned() },
        5 => Request::WatchlistRemove { symbols: symbols(REMOVED), flatten: true },
        cycle if cycle % 40 == 20 => Request::BreakerTrip { reason: "a drill".to_owned() },
        cycle if cycle % 40 == 24 => Request::BreakerReset { reason: "the drill is over".to_owned() },
        _ => return Ok(()),
    };
    // Refusals are answers: a replay has no symbol but those of its file.
    if let Err(failure) = node.ask(&request) {
        scene.problem(format!("cycle {cycle}: {request:?}: {}", failure.message));
    }
    Ok(())
}

/// A restart closes no breaker and brings no removed symbol back: asked of the node itself.
fn what_was_latched_still_is(scene: &mut Scene, node: &Node) -> Result<(), Failure> {
    let told = node.told(&Request::Breaker)?;
    let open: BTreeMap<&str, &str> = told["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some((row["scope"].as_str()?, row["state"].as_str()?)))
        .collect();
    let recorded: BTreeMap<String, BreakerState> = scene.audit().open_breakers().clone();
    for (scope, state) in recorded {
        let now = open.get(scope.as_str()).copied().unwrap_or("normal");
        if now != state.as_str() {
            let was = state.as_str();
            scene.problem(format!("breaker {scope} was {was} at the kill and is {now} after the restart"));
        }
    }
    // The list is answered by the hub, which lets the first symbols join after the books are compared.
    let members = node.told(&Request::WatchlistList)?;
    let members: BTreeSet<&str> =
        members.as_array().into_iter().flatten().filter_map(|row| row["symbol"].as_str()).collect();
    let removed: Vec<Symbol> = scene.audit().removed().iter().copied().collect();
    for symbol in removed {
        if members.contains(symbol.as_str()) {
            scene.problem(format!("{symbol} was removed and trades after the restart"));
        }
    }
    Ok(())
}
