//! SIGKILL at every named point of the order path, with an order in every state that can be alive at that moment.
//!
//! A cell is a point and a state. A node with a trap runs until it kills itself there; the real binary starts on what is left,
//! and must come to rest with journal and broker equal. One kill counts for every state that was alive on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_journal::event::OrderStatus;

use super::crash::{Note, Point};
use super::node::{Node, Program, pause};
use super::scene::{Market, Scene, scratch};
use super::soak::settle;

/// Market seconds a second.
const SPEED: u32 = 1_200;
/// Longest life of a node until its trap strikes.
const STRIKE_MAX: Duration = Duration::from_secs(45);
/// Attempts at a cell before it counts as not hit.
const TRIES: u32 = 4;
/// Occasions that may be let pass before the one that is taken.
const NTH_MAX: u32 = 4;
/// Turns of an empty loop before the kill inside a transaction: up to about half a millisecond.
const SPIN_MAX: u32 = 100_000;

/// The states an order can be in and not be done.
pub const STATES: [OrderStatus; 7] = [
    OrderStatus::Submitted,
    OrderStatus::Sent,
    OrderStatus::Working,
    OrderStatus::PartiallyFilled,
    OrderStatus::CancelPending,
    OrderStatus::ModifyPending,
    OrderStatus::Unknown,
];

/// Why a cell can never be reached.
#[must_use]
pub const fn unreachable(_point: Point, state: OrderStatus) -> Option<&'static str> {
    match state {
        OrderStatus::ModifyPending => Some(
            "this node changes no order: it cancels and plans anew, and nothing asks the book for a change",
        ),
        _ => None,
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The node that goes on afterwards.
    pub program: Program,
    /// The node with the trap.
    pub trapped: Program,
    /// Of the occasions.
    pub seed: u64,
    /// Kills wanted in every cell.
    pub hits: u32,
    /// Points to visit.
    pub points: Vec<Point>,
    /// States to visit; others still count when they are there.
    pub states: Vec<OrderStatus>,
    /// Where it plays; a folder that is gone afterwards when nothing is named.
    pub root: Option<PathBuf>,
}

/// What it came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Of the occasions.
    pub seed: u64,
    /// Kills by point, then by states that were alive on disk.
    pub hits: BTreeMap<Point, BTreeMap<OrderStatus, u32>>,
    /// Kills by point.
    pub kills: BTreeMap<Point, u32>,
    /// Kills inside a transaction after which its events were there, and after which they were not. Never a part of them.
    pub transactions: (u32, u32),
    /// Orders recorded and never sent that were proven lost by the broker's books.
    pub proven_lost: u64,
    /// In all.
    pub seconds: f64,
    /// Promises that were broken, and cells that were not hit.
    pub problems: Vec<String>,
}

impl Report {
    fn hit(&self, point: Point, state: OrderStatus) -> u32 {
        self.hits.get(&point).and_then(|row| row.get(&state)).copied().unwrap_or(0)
    }

    /// The coverage as a table.
    #[must_use]
    pub fn matrix(&self) -> String {
        let mut text = format!("{:<15}{:>7}", "point", "kills");
        for state in STATES {
            text += &format!("{:>17}", state.as_str());
        }
        for point in Point::ALL {
            text += &format!("\n{:<15}{:>7}", point.as_str(), self.kills.get(&point).unwrap_or(&0));
            for state in STATES {
                let cell = match unreachable(point, state) {
                    Some(_) => "never".to_owned(),
                    None => self.hit(point, state).to_string(),
                };
                text += &format!("{cell:>17}");
            }
        }
        text
    }
}

/// Runs the campaign.
pub fn run(campaign: &Campaign, mut tell: impl FnMut(&str)) -> Result<Report, Failure> {
    let began = Stopwatch::start();
    let root = campaign.root.clone().unwrap_or_else(|| scratch(&format!("points-{}", campaign.seed)));
    let mut scene = Scene::new(root, campaign.program.clone(), Market::Simulated(SPEED), campaign.seed)?;
    scene.keep = campaign.root.is_some();
    let mut rng = ChaCha8Rng::seed_from_u64(campaign.seed);
    let mut report = Report { seed: campaign.seed, ..Report::default() };
    'cells: for point in &campaign.points {
        for state in &campaign.states {
            if unreachable(*point, *state).is_some() {
                continue;
            }
            let mut tries = 0;
            while report.hit(*point, *state) < campaign.hits {
                if tries == TRIES {
                    let text = format!("{} x {state}: not hit in {TRIES} tries", point.as_str());
                    report.problems.push(text);
                    break;
                }
                let nth = if tries + 1 < TRIES { rng.random_range(1..=NTH_MAX) } else { 1 };
                let spin = rng.random_range(0..SPIN_MAX);
                match strike(&mut scene, campaign, *point, *state, (nth, spin))? {
                    Some(note) => {
                        tries = 0;
                        count(&mut report, &note);
                        recover(&mut scene, &note, &mut report)?;
                        tell(&format!("{} x {state}: {:?}", point.as_str(), note.alive));
                    }
                    None => tries += 1,
                }
                if !scene.audit().problems.is_empty() {
                    scene.keep = true;
                    let at = format!("at {} x {state}", point.as_str());
                    report.problems.extend(scene.audit().problems.iter().map(|p| format!("{at}: {p}")));
                    report.problems.push(format!("the folder is kept: {}", scene.root.display()));
                    break 'cells;
                }
            }
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

fn count(report: &mut Report, note: &Note) {
    *report.kills.entry(note.point).or_default() += 1;
    for state in note.alive.keys() {
        *report.hits.entry(note.point).or_default().entry(*state).or_default() += 1;
    }
}

/// Runs the node with its trap until it strikes; `None` when it did not in time.
fn strike(
    scene: &mut Scene,
    campaign: &Campaign,
    point: Point,
    state: OrderStatus,
    (nth, spin): (u32, u32),
) -> Result<Option<Note>, Failure> {
    let file = scene.root.join("note.json");
    if file.exists() {
        std::fs::remove_file(&file).or_fail(Code::Failure, || file.display().to_string())?;
    }
    let words = [
        ("--point", point.as_str().to_owned()),
        ("--state", state.as_str().to_owned()),
        ("--nth", nth.to_string()),
        ("--spin", spin.to_string()),
        ("--note", file.display().to_string()),
    ];
    let mut args: Vec<String> =
        words.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    args.push("--".to_owned());
    args.extend(scene.run_args());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut node = scene.start_command(campaign.trapped.command(&args))?;
    let began = Stopwatch::start();
    let struck = loop {
        if let Some(status) = node.ended()? {
            if !file.exists() {
                let text = format!("the node with a trap ended ({status}): {}", node.log());
                return Err(Failure::new(Code::CheckFailed, text));
            }
            break true;
        }
        if began.elapsed() > STRIKE_MAX {
            break false;
        }
        pause(Duration::from_millis(5));
    };
    // One that was not struck is killed all the same: what it leaves must be as good.
    node.kill()?;
    if !struck {
        scene.after_death()?;
        return Ok(None);
    }
    let text = std::fs::read_to_string(&file).or_fail(Code::Failure, || file.display().to_string())?;
    serde_json::from_str(&text).map(Some).or_fail(Code::Failure, || text.clone())
}

/// Looks at what is left, starts the real binary on it, and waits until everything is known; then journal and broker agree.
fn recover(scene: &mut Scene, note: &Note, report: &mut Report) -> Result<(), Failure> {
    scene.after_death()?;
    if let Some((first, last)) = note.events {
        let head = scene.audit().seq;
        if head >= last {
            report.transactions.0 += 1;
        } else if head < first {
            report.transactions.1 += 1;
        } else {
            scene.problem(format!("the transaction of events {first} to {last} is there up to {head}"));
        }
    }
    let lost_before = scene.audit().lost();
    let mut node: Node = scene.start(&[])?;
    node.wait_ready()?;
    settle(&mut node)?;
    node.shutdown()?;
    scene.at_rest()?;
    scene.verify()?;
    report.proven_lost += scene.audit().lost() - lost_before;
    Ok(())
}
