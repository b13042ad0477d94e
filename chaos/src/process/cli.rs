//! The commands of process chaos.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};
use tensortrade::cli::args as node_args;
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_journal::event::OrderStatus;

use super::crash::{Point, Trap, When};
use super::node::Program;
use super::pauses;
use super::points::{self, Campaign, STATES};
use super::scene::Market;
use super::soak::{self, Soak};

/// Market seconds a second.
const SPEED_SIM: u32 = 1_200;
const SPEED_REPLAY: u32 = 1_200;

/// `tensortrade-chaos process`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade-chaos process --cycles 200                 a soak on the simulated market
  tensortrade-chaos process --cycles 50 --market replay  the same on a replay of files
  tensortrade-chaos process --cycles 15 --seed 9 --json  one JSON object on stdout

The node is the program `tensortrade` beside this one.")]
pub struct ProcessArgs {
    /// How often the node is killed and started again.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub cycles: u32,
    /// Seed of the moments.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The market data under it.
    #[arg(long, value_enum, default_value_t = MarketKind::Sim)]
    pub market: MarketKind,
    /// The node's program [default: `tensortrade` beside this one].
    #[arg(long, value_name = "FILE")]
    pub node: Option<PathBuf>,
    /// Play here and leave everything; the folder is emptied first.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Which market data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MarketKind {
    /// The simulated market.
    Sim,
    /// Two weeks of quotes and trades from a file.
    Replay,
}

/// Kills and restarts.
pub fn process(args: &ProcessArgs) -> Result<(), Failure> {
    let market = match args.market {
        MarketKind::Sim => Market::Simulated(SPEED_SIM),
        MarketKind::Replay => Market::Replay(SPEED_REPLAY),
    };
    let program = Program::find(args.node.as_deref())?;
    let soak = Soak { program, market, cycles: args.cycles, seed: args.seed, root: args.dir.clone() };
    let report = soak::run(&soak, |cycle, so_far| {
        if cycle % 20 == 0 {
            eprintln!(
                "{cycle} kills: {} orders, {} executions, {} events",
                so_far.orders, so_far.executions, so_far.events
            );
        }
    })?;
    if args.json {
        say(&serde_json::to_string(&report).or_fail(Code::Failure, || "report".into())?);
    } else {
        report.lines().iter().for_each(|line| say(line));
    }
    judged(&report.problems)
}

/// `tensortrade-chaos points`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade-chaos points                                 every point with every state of an order
  tensortrade-chaos points --point after-intent --hits 5   one point, five kills with each state
  tensortrade-chaos points --seed 9 --json                 one JSON object on stdout")]
pub struct PointsArgs {
    /// Kills wanted in every cell.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub hits: u32,
    /// Seed of the occasions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Only this point; may be given several times.
    #[arg(long, value_enum)]
    pub point: Vec<Point>,
    /// The node's program [default: `tensortrade` beside this one].
    #[arg(long, value_name = "FILE")]
    pub node: Option<PathBuf>,
    /// Play here and leave everything; the folder is emptied first.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Kills at every point of the order path.
pub fn points(args: &PointsArgs) -> Result<(), Failure> {
    let campaign = Campaign {
        program: Program::find(args.node.as_deref())?,
        trapped: Program::own(&["crash-node"])?,
        seed: args.seed,
        hits: args.hits,
        points: if args.point.is_empty() { Point::ALL.to_vec() } else { args.point.clone() },
        states: STATES.to_vec(),
        root: args.dir.clone(),
    };
    let report = points::run(&campaign, |line| eprintln!("{line}"))?;
    if args.json {
        say(&serde_json::to_string(&report).or_fail(Code::Failure, || "report".into())?);
    } else {
        let kills: u32 = report.kills.values().sum();
        say(&format!(
            "{kills} kills by the node's own hand, each with a restart of the real binary, in {:.0} s",
            report.seconds
        ));
        say("kills at a point while an order was in a state, by the journal on disk at that moment:\n");
        say(&report.matrix());
        for state in STATES {
            if let Some(why) = points::unreachable(Point::BeforeIntent, state) {
                say(&format!("\n{state}, never: {why}"));
            }
        }
        let (there, gone) = report.transactions;
        say(&format!(
            "\nkills inside a transaction: afterwards it was there whole {there} times, not at all {gone} times"
        ));
        say(&format!(
            "orders recorded and never sent, proven lost by the broker's books: {}",
            report.proven_lost
        ));
    }
    judged(&report.problems)
}

/// `tensortrade-chaos pauses`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade-chaos pauses                  past every deadline, all at once: two minutes
  tensortrade-chaos pauses --stop-s 12      one of them")]
pub struct PausesArgs {
    /// Seconds that the process stands still; may be given several times [default: past each deadline of the node].
    #[arg(long, value_name = "SECONDS")]
    pub stop_s: Vec<u64>,
    /// Seed of the market.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The node's program [default: `tensortrade` beside this one].
    #[arg(long, value_name = "FILE")]
    pub node: Option<PathBuf>,
    /// Print one JSON object a pause on stdout.
    #[arg(long)]
    pub json: bool,
}

/// Stops the process and lets it go on.
pub fn pauses(args: &PausesArgs) -> Result<(), Failure> {
    let program = Program::find(args.node.as_deref())?;
    let stops = if args.stop_s.is_empty() { pauses::PAST_EACH.to_vec() } else { args.stop_s.clone() };
    let mut problems = Vec::new();
    for report in pauses::run(&program, &stops, args.seed)? {
        if args.json {
            say(&serde_json::to_string(&report).or_fail(Code::Failure, || "report".into())?);
        } else {
            say(&report.line());
        }
        let at = format!("stopped for {} s", report.stop_s);
        problems.extend(report.problems.into_iter().map(|problem| format!("{at}: {problem}")));
    }
    judged(&problems)
}

/// `tensortrade-chaos numbers`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  tensortrade-chaos numbers > docs/recovery.md      on a quiet machine; a minute"
)]
pub struct NumbersArgs {
    /// The node's program [default: `tensortrade` beside this one].
    #[arg(long, value_name = "FILE")]
    pub node: Option<PathBuf>,
}

/// Measures recovery.
pub fn numbers(args: &NumbersArgs) -> Result<(), Failure> {
    let page = crate::numbers::page(&Program::find(args.node.as_deref())?)?;
    say(page.trim_end());
    Ok(())
}

fn judged(problems: &[String]) -> Result<(), Failure> {
    for problem in problems {
        eprintln!("  {problem}");
    }
    match problems.first() {
        None => Ok(()),
        Some(first) => Err(Failure::new(Code::CheckFailed, format_args!("failed: {first}"))),
    }
}

/// Prints a line of data. A reader that has seen enough is no failure.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The node's own command line, in this program: what a test that has no other binary starts.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The words after `tensortrade`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

/// Is the node.
pub fn node(args: NodeArgs) -> Result<(), Failure> {
    tensortrade::cli::dispatch(parse(args.words)?)
}

fn parse(words: Vec<OsString>) -> Result<node_args::Cli, Failure> {
    let words = std::iter::once(OsString::from("tensortrade")).chain(words);
    node_args::Cli::try_parse_from(words).map_err(|e| Failure::new(Code::Usage, e))
}

/// The node with a trap at its doors.
#[derive(Debug, Args)]
pub struct CrashNodeArgs {
    /// Where it kills itself.
    #[arg(long, value_enum)]
    pub point: Point,
    /// Only while an order is in this state in the journal on disk.
    #[arg(long, value_parser = state)]
    pub state: Option<OrderStatus>,
    /// At which of these occasions.
    #[arg(long, default_value_t = 1)]
    pub nth: u32,
    /// Turns of an empty loop before the kill.
    #[arg(long, default_value_t = 0)]
    pub spin: u32,
    /// Where it says that it did.
    #[arg(long)]
    pub note: PathBuf,
    /// The words after `tensortrade`, from `run` on.
    #[arg(last = true)]
    pub words: Vec<OsString>,
}

/// A state by its name in the journal.
fn state(text: &str) -> Result<OrderStatus, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|e| e.to_string())
}

/// Is a node that will kill itself.
pub fn crash_node(args: CrashNodeArgs) -> Result<(), Failure> {
    let node_args::Command::Run(run) = parse(args.words)?.command else {
        return Err(Failure::new(Code::Usage, "only `run` can be given a trap"));
    };
    let CrashNodeArgs { point, state, nth, spin, note, .. } = args;
    let trap = Trap::new(When { point, state, nth, spin, note });
    tensortrade::node::run::run_through(tensortrade::cli::run::options(run)?, &trap)
}
