//! SIGSTOP and SIGCONT: the whole process stands still, longer than any deadline in it, and goes on.
//!
//! To the node it looks as if the clock had jumped while everything was under way: answers, heartbeats, steps and the watchdog's
//! own rounds. It may restart its parts, or end with a code; it may break no promise, and not stay halted for nothing.

use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tensortrade::control::protocol::Request;
use tensortrade::exit::{Code, Failure};
use tensortrade_actors::stopwatch::Stopwatch;

use super::node::{Node, Program, pause};
use super::scene::{Market, Scene, scratch};
use super::soak::settle;

/// Market seconds a second.
const SPEED: u32 = 600;
/// Seconds past each deadline: an answer of the broker (5), a commit, a row of a step, the watchdog's halt (10), a step (30), a
/// heartbeat (40), the watchdog's end of the process and an answer over the control socket (60).
pub const PAST_EACH: [u64; 5] = [7, 13, 35, 48, 70];
/// Longest time after the pause until steps are done again: a step that was under way may cost its 30 s.
const GOES_ON_MAX: Duration = Duration::from_secs(60);
/// Steps after which the node counts as trading again.
const STEPS: u64 = 20;

/// What one pause came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// How long it stood still.
    pub stop_s: u64,
    /// Orders alive when it was stopped.
    pub orders: usize,
    /// Actors that supervision restarted because of it.
    pub restarts: u64,
    /// From the continuation until steps were done again.
    pub goes_on_ms: u64,
    /// The exit code, when the process ended by itself.
    pub ended: Option<i32>,
    /// The breaker afterwards.
    pub breaker: String,
    /// Promises that were broken.
    pub problems: Vec<String>,
}

impl Report {
    /// For people.
    #[must_use]
    pub fn line(&self) -> String {
        let then = match self.ended {
            Some(code) => format!("ended with code {code} and was started again"),
            None => {
                format!("traded again after {} ms with {} restarts of parts", self.goes_on_ms, self.restarts)
            }
        };
        format!(
            "stopped for {:>3} s with {} orders alive: {then}, breaker {}",
            self.stop_s, self.orders, self.breaker
        )
    }
}

/// Stops one node for each of these times, all at once.
pub fn run(program: &Program, stops: &[u64], seed: u64) -> Result<Vec<Report>, Failure> {
    thread::scope(|scope| {
        let threads: Vec<_> = stops
            .iter()
            .map(|stop_s| {
                let program = program.clone();
                scope.spawn(move || one(program, *stop_s, seed))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| {
                    Err(Failure::new(Code::Failure, "the campaign's own thread panicked"))
                })
            })
            .collect()
    })
}

fn one(program: Program, stop_s: u64, seed: u64) -> Result<Report, Failure> {
    let mut scene = Scene::new(scratch(&format!("pause-{stop_s}")), program, Market::Simulated(SPEED), seed)?;
    let mut report = Report { stop_s, ..Report::default() };
    let mut node = scene.start(&[])?;
    node.wait_ready()?;
    let mut orders = 0;
    node.wait_until("with orders alive", Duration::from_secs(60), |node| {
        orders = node.told(&Request::Orders).ok().and_then(|rows| Some(rows.as_array()?.len())).unwrap_or(0);
        orders > 1
    })?;
    report.orders = orders;
    let restarts = number(&node, "/restarts")?;
    node.signal("STOP")?;
    pause(Duration::from_secs(stop_s));
    node.signal("CONT")?;
    let began = Stopwatch::start();
    let went_on = goes_on(&mut node);
    report.goes_on_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if let Some(status) = node.ended()? {
        report.ended = Some(status.code().unwrap_or(-1));
        if status.code() != Some(1) {
            report.problems.push(format!("it ended with {status}: {}", node.log()));
        }
        scene.after_death()?;
        node = scene.start(&[])?;
        node.wait_ready()?;
        goes_on(&mut node)?;
    } else {
        went_on?;
        report.restarts = number(&node, "/restarts")?.saturating_sub(restarts);
    }
    report.breaker = node.status("/breaker")?.as_str().unwrap_or_default().to_owned();
    if report.breaker != "normal" {
        report.problems.push(format!("the breaker is {}: {}", report.breaker, node.log()));
    }
    settle(&mut node)?;
    node.shutdown()?;
    scene.at_rest()?;
    scene.verify()?;
    report.problems.extend(scene.audit().problems.iter().cloned());
    scene.keep = !report.problems.is_empty();
    Ok(report)
}

fn number(node: &Node, pointer: &str) -> Result<u64, Failure> {
    Ok(node.status(pointer)?.as_u64().unwrap_or(0))
}

/// Waits until steps are done again, reconciled.
fn goes_on(node: &mut Node) -> Result<(), Failure> {
    let mut from = None;
    node.wait_until("trading again", GOES_ON_MAX, |node| {
        let Ok(status) = node.told(&Request::Status) else { return false };
        let steps = status["steps"].as_u64().unwrap_or(0);
        let from = *from.get_or_insert(steps);
        steps >= from + STEPS && status["reconciled"] == Value::Bool(true)
    })
}
