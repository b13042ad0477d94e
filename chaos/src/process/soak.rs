//! SIGKILL and restart, again and again, at moments drawn from a seed: under load, with orders in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tensortrade::control::protocol::Request;
use tensortrade::exit::Failure;
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_journal::event::BreakerState;
use tensortrade_market::Symbol;

use super::hand::Hand;
use super::node::{Node, Program, pause};
use super::scene::{Market, Scene, scratch};
pub use super::soak_report::Report;
use super::soak_report::{Life, Lives};

/// One kill in so many comes while the node is still starting.
const EARLY_EVERY: u32 = 5;
/// Longest life before an early kill, and shortest and longest after the node is ready, in milliseconds.
const EARLY_MS: u64 = 250;
const LIFE_MS: (u64, u64) = (100, 1_200);
/// `journal verify` reads every event: it runs after every one of the first cycles, then after every so many.
const VERIFY_FIRST: u32 = 20;
const VERIFY_EVERY: u32 = 10;
/// Longest wait until the last life has sent an order.
const LAST_ORDER_MAX: Duration = Duration::from_secs(60);

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
    let mut hand = Hand::new(soak.cycles, soak.market);
    let mut lives = Lives::default();
    for cycle in 0..soak.cycles {
        let forbidden = scene.audit().node_breaker_is_open();
        let mut node = scene.start(&[])?;
        let early = cycle > 0 && rng.random_range(0..EARLY_EVERY) == 0;
        if early {
            pause(Duration::from_millis(rng.random_range(0..EARLY_MS)));
        } else {
            node.wait_ready()?;
            lives.ready(node.age());
            what_was_latched_still_is(&mut scene, &node)?;
            // Most lives are counted from the first new step on, some from the warming up of the models.
            if rng.random_range(0..EARLY_EVERY) > 0 {
                node.wait_trading()?;
            }
            let life = Duration::from_millis(rng.random_range(LIFE_MS.0..LIFE_MS.1));
            let half = life / 2;
            pause(half);
            hand.act(cycle, &mut scene, &node);
            pause(life - half);
        }
        if let Some(status) = node.ended()? {
            scene.problem(format!("cycle {cycle}: the node ended by itself ({status}): {}", node.log()));
        }
        node.kill()?;
        let (orders, fills) = (scene.audit().orders(), scene.audit().executions());
        let books = scene.after_death()?;
        let audit = scene.audit();
        let forbidden = forbidden || audit.node_breaker_is_open();
        // A replay at its end has begun anew, with a journal of its own.
        let (orders, fills) =
            (audit.orders().saturating_sub(orders), audit.executions().saturating_sub(fills));
        lives.ended(Life { early, forbidden, orders, fills }, audit, books.as_ref());
        if cycle < VERIFY_FIRST || cycle.is_multiple_of(VERIFY_EVERY) {
            scene.verify()?;
            report.verified += 1;
        }
        report.note(scene.audit(), &lives);
        tell(cycle + 1, &report);
        if !report.problems.is_empty() {
            scene.keep = true;
            report.seconds = began.elapsed().as_secs_f64();
            report.problems.push(format!("cycle {cycle}; the folder is kept: {}", scene.root.display()));
            return Ok(report);
        }
    }
    report.last_life_sent = last_life(&mut scene, &mut hand, soak.cycles)?;
    scene.at_rest()?;
    scene.verify()?;
    report.verified += 1;
    report.note(scene.audit(), &lives);
    report.judge_void();
    scene.keep |= !report.problems.is_empty();
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// The start after the last kill: it trades, every order in doubt is settled, and it stops in order. How many orders it sent.
fn last_life(scene: &mut Scene, hand: &mut Hand, cycle: u32) -> Result<u64, Failure> {
    let mut node = scene.start(&[])?;
    node.wait_ready()?;
    what_was_latched_still_is(scene, &node)?;
    hand.finish(cycle, scene, &node);
    let mut sent = 0;
    let traded = node.wait_until("sending orders after the last kill", LAST_ORDER_MAX, |node| {
        sent = node.status("/orders/sent").ok().and_then(|sent| sent.as_u64()).unwrap_or(0);
        sent > 0
    });
    if let Err(failure) = traded {
        scene.problem(format!("void: {}", failure.message));
    }
    settle(&mut node)?;
    what_was_latched_still_is(scene, &node)?;
    node.shutdown()?;
    Ok(sent)
}

/// Waits until no order's outcome is unknown, which the broker's books must settle soon.
pub fn settle(node: &mut Node) -> Result<(), Failure> {
    node.wait_until("every order is known", Duration::from_secs(30), |node| {
        node.status("/orders/unknown").is_ok_and(|unknown| unknown.as_u64() == Some(0))
    })
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
