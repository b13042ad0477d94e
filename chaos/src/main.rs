//! `tensortrade-chaos`: seeded fault campaigns over the whole node.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_chaos::campaign::{self, Report};
use tensortrade_chaos::plan::{FAMILIES, Family, Plan, family};
use tensortrade_chaos::process::cli as process;
use tensortrade_chaos::promises::PROMISES;
use tensortrade_chaos::shrink;
use tensortrade_chaos::tally::{Tally, Throughput};
use tensortrade_chaos::teeth::{self, TEETH};
use tensortrade_market::planted::Bug;

#[derive(Debug, Parser)]
#[command(
    name = "tensortrade-chaos",
    version,
    about = "Runs the whole node in a simulated world, makes things go wrong, and checks its promises.",
    after_help = "\
Examples:
  tensortrade-chaos list
  tensortrade-chaos run --seed 7
  tensortrade-chaos run --seeds 1..100 --plan kills --json > kills.ndjson
  tensortrade-chaos run --seed 7 --plan storm --keep .
  tensortrade-chaos shrink storm-7.toml > small.toml
  tensortrade-chaos replay small.toml

The same seed gives the same world, in every process. Exit codes: 0 all promises kept, 6 one was broken or a kind of fault
never fired, 2 usage, 3 a file at fault."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Draw plans from seeds and run each twice.
    #[command(after_help = "\
Examples:
  tensortrade-chaos run --seed 7                          every plan of seed 7
  tensortrade-chaos run --seeds 1..20 --plan broker       seeds 1 to 20, the last one included
  tensortrade-chaos run --seeds 1..20 --brief             only what fails, and what each family came to
  tensortrade-chaos run --plant cash-leak                 a bug planted, found, and shrunk to the faults that show it
  tensortrade-chaos run --seed 7 --json                   one JSON object a plan on stdout")]
    Run(RunArgs),
    /// Name the plans, what they do, and the promises that are checked.
    #[command(after_help = "Example:\n  tensortrade-chaos list")]
    List,
    /// Run a plan from a file.
    #[command(after_help = "Example:\n  tensortrade-chaos replay chaos/regressions/some.toml")]
    Replay {
        /// The plan.
        file: PathBuf,
        /// Print one JSON object on stdout.
        #[arg(long)]
        json: bool,
        /// Write everything that happened to this file, a line each: events, orders that reached the broker, faults, deaths.
        #[arg(long, value_name = "FILE")]
        record: Option<PathBuf>,
        /// With this bug planted; in a build with `--features planted`.
        #[arg(long, value_name = "NAME")]
        plant: Option<Bug>,
    },
    /// Kill the node's own process again and again, and look at what it leaves.
    Process(process::ProcessArgs),
    /// Kill the node at every named point of an order's way, with orders in every state.
    Points(process::PointsArgs),
    /// Stop the node's process past every deadline, and let it go on.
    Pauses(process::PausesArgs),
    /// Measure recovery, and print the page of its numbers.
    Numbers(process::NumbersArgs),
    /// The node itself, for tests.
    #[command(hide = true)]
    Node(process::NodeArgs),
    /// The node with a trap in it.
    #[command(hide = true)]
    CrashNode(process::CrashNodeArgs),
    /// Plant bugs in the node one by one and see each found; in a build with `--features planted`.
    #[command(after_help = "\
Examples, each after `cargo run --release -p tensortrade-chaos --features planted --`:
  teeth                                      every bug, with the seed that finds it
  teeth --bug dedupe-dropped                 one bug, found and shrunk to the faults that show it
  run --seeds 1..5 --plan broker --plant dedupe-dropped
  list                                       names the bugs as well")]
    Teeth {
        /// Only this one, and shrink the plan that finds it.
        #[arg(long, value_name = "NAME")]
        bug: Option<Bug>,
        /// Print one JSON object a bug on stdout.
        #[arg(long)]
        json: bool,
    },
    /// Find few faults of a failing plan that still break the same promise; prints the smaller plan.
    #[command(after_help = "Example:\n  tensortrade-chaos shrink storm-7.toml > small.toml")]
    Shrink {
        /// The plan.
        file: PathBuf,
        /// With this bug planted; in a build with `--features planted`.
        #[arg(long, value_name = "NAME")]
        plant: Option<Bug>,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// One seed.
    #[arg(long, conflicts_with = "seeds", required_unless_present_any = ["seeds", "plant"])]
    seed: Option<u64>,
    /// Seeds from A to B, both included.
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<(u64, u64)>,
    /// Which plan; `list` names them [default: all].
    #[arg(long, value_name = "NAME", value_parser = plan_name)]
    plan: Option<String>,
    /// Print one JSON object per seed and plan on stdout.
    #[arg(long)]
    json: bool,
    /// Tell only of plans that fail, and what each family came to.
    #[arg(long)]
    brief: bool,
    /// Run with this bug planted; in a build with `--features planted`. Without seeds: those that are to find it, until one
    /// does, and then the plan shrunk to the faults that show it.
    #[arg(long, value_name = "NAME")]
    plant: Option<Bug>,
    /// Write failing plans to this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// Most seeds of one campaign.
const SEEDS_MAX: u64 = 1_000_000;

fn seeds(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("'{text}' is no range of seeds: write A..B, such as 1..20");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (from, to) = (from.parse().map_err(|_| wrong())?, to.parse().map_err(|_| wrong())?);
    if from > to || to - from >= SEEDS_MAX {
        return Err(format!("'{text}': at least one seed, at most {SEEDS_MAX}"));
    }
    Ok((from, to))
}

fn plan_name(text: &str) -> Result<String, String> {
    match family(text) {
        Some(family) => Ok(family.name.to_owned()),
        None => {
            let names: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
            Err(format!("no plan is called '{text}'; there is {}", names.join(", ")))
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Injected panics are part of the world: without a subscriber their lines go nowhere.
    tensortrade_actors::supervision::install_light_panic_hook();
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("RUST_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let outcome = match cli.command {
        Command::Run(args) => run(&args),
        Command::List => list(),
        Command::Replay { file, json, record, plant } => {
            planted(plant).and_then(|()| replay(&file, json, record.as_deref()))
        }
        Command::Shrink { file, plant } => planted(plant).and_then(|()| shrink_file(&file)),
        Command::Process(args) => process::process(&args),
        Command::Numbers(args) => process::numbers(&args),
        Command::Points(args) => process::points(&args),
        Command::Pauses(args) => process::pauses(&args),
        Command::Node(args) => process::node(args),
        Command::CrashNode(args) => process::crash_node(args),
        Command::Teeth { bug, json } => show_teeth(bug, json),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.message.lines() {
                eprintln!("tensortrade-chaos: {line}");
            }
            failure.code.into()
        }
    }
}

/// Plants a bug, if one was named.
fn planted(bug: Option<Bug>) -> Result<(), Failure> {
    bug.map_or(Ok(()), |bug| teeth::plant(Some(bug)))
}

/// Prints a line of data. A reader that has seen enough is no failure.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn list() -> Result<(), Failure> {
    for family in FAMILIES {
        say(&format!("{:<12} {}", family.name, family.about));
        for kind in family.kinds {
            say(&format!("    {:<22} {}", kind.as_str(), kind.about()));
        }
    }
    say("\nbugs that can be planted (a build with --features planted)");
    for bug in Bug::ALL {
        say(&format!("    {:<34} {}", bug.as_str(), bug.about()));
    }
    say("\npromises");
    for (number, what, _) in PROMISES {
        say(&format!("  {number:>2}  {what}"));
    }
    Ok(())
}

fn run(args: &RunArgs) -> Result<(), Failure> {
    if args.plant.is_some() && args.seed.is_none() && args.seeds.is_none() {
        return show_teeth(args.plant, args.json);
    }
    planted(args.plant)?;
    let (from, to) = args.seeds.or(args.seed.map(|seed| (seed, seed))).unwrap_or((1, 1));
    let families: Vec<&'static Family> =
        FAMILIES.iter().filter(|f| args.plan.as_ref().is_none_or(|name| f.name == name)).collect();
    let mut bad = Vec::new();
    let throughput = Throughput::start();
    let mut steps = 0;
    for family in families {
        let mut tally = Tally::new(family);
        for seed in from..=to {
            let plan = family.draw(seed);
            let report = campaign::judge(&plan)?;
            if !args.brief || !report.violations.is_empty() {
                tell(&report, args.json)?;
            }
            if !report.violations.is_empty() {
                bad.push(format!("plan {} of seed {seed}", family.name));
                if let Some(dir) = &args.keep {
                    keep(dir, &plan)?;
                }
            }
            tally.add(&plan, &report);
        }
        // Data on stdout, what is told about it on stderr: whoever reads JSON gets a plan a line and nothing else.
        if args.json {
            eprint!("{tally}");
        } else {
            say(tally.to_string().trim_end());
        }
        steps += tally.steps_run();
        let unfired = tally.unfired();
        if !unfired.is_empty() {
            let names: Vec<&str> = unfired.iter().map(|kind| kind.as_str()).collect();
            bad.push(format!("plan {} is void: {} never fired", family.name, names.join(", ")));
        }
    }
    let line = throughput.line(steps);
    if args.json {
        eprintln!("{line}");
    } else {
        say(&line);
    }
    if bad.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::CheckFailed, format_args!("failed: {}", bad.join("; "))))
}

fn keep(dir: &Path, plan: &Plan) -> Result<(), Failure> {
    let path = dir.join(format!("{}-{}.toml", plan.name, plan.seed));
    let text = plan.to_text().or_fail(Code::Failure, || "plan".into())?;
    std::fs::write(&path, text).or_fail(Code::BadInput, || format!("cannot write {}", path.display()))
}

fn tell(report: &Report, json: bool) -> Result<(), Failure> {
    if json {
        say(&serde_json::to_string(report).or_fail(Code::Failure, || "report".into())?);
    } else {
        let fired: u32 = report.fired.values().sum();
        let counts = &report.counts;
        say(&format!(
            "{:<10} seed {:<6} {} {fired:>3} faults {:>4} orders {:>4} fills {:>3} restarts of actors {:>2} of the process, healed in {} s, trace {}",
            report.plan,
            report.seed,
            if report.violations.is_empty() { "ok  " } else { "FAIL" },
            counts.orders,
            counts.fills,
            counts.actor_restarts,
            counts.process_restarts,
            counts.heal_ms.map_or_else(|| "?".to_owned(), |ms| format!("{:.1}", ms as f64 / 1e3)),
            report.trace_hash.get(..16).unwrap_or_default(),
        ));
    }
    for violation in &report.violations {
        eprintln!(
            "  {} seed {}: promise {}: {}",
            report.plan, report.seed, violation.promise, violation.what
        );
    }
    Ok(())
}

fn read(file: &Path) -> Result<Plan, Failure> {
    Plan::read(file).map_err(|error| Failure::new(Code::BadInput, error))
}

fn replay(file: &Path, json: bool, record: Option<&Path>) -> Result<(), Failure> {
    let plan = read(file)?;
    if let Some(path) = record {
        let history = tensortrade_chaos::simulate::run(&plan)?.history;
        let mut text: String = history.facts.iter().map(|fact| format!("{fact:?}\n")).collect();
        text.push_str(&format!("{:?}\n", history.rest));
        std::fs::write(path, text).or_fail(Code::BadInput, || format!("cannot write {}", path.display()))?;
    }
    let report = campaign::judge(&plan)?;
    tell(&report, json)?;
    let mut wanted: BTreeMap<_, u32> = BTreeMap::new();
    plan.faults.iter().for_each(|fault| *wanted.entry(fault.kind).or_default() += 1);
    let never: Vec<&str> =
        wanted.keys().filter(|kind| !report.fired.contains_key(kind)).map(|kind| kind.as_str()).collect();
    if !never.is_empty() {
        return Err(Failure::new(Code::CheckFailed, format_args!("void: {} never fired", never.join(", "))));
    }
    if report.violations.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::CheckFailed, format_args!("failed: {}", file.display())))
}

fn shrink_file(file: &Path) -> Result<(), Failure> {
    let plan = read(file)?;
    let smaller = shrink::shrink(&plan, |left| eprintln!("{left} faults still fail"))?;
    match smaller {
        Some(plan) => {
            say(plan.to_text().or_fail(Code::Failure, || "plan".into())?.trim_end());
            Ok(())
        }
        None => Err(Failure::new(Code::Failure, "the plan breaks no promise: there is nothing to shrink")),
    }
}

fn show_teeth(only: Option<Bug>, json: bool) -> Result<(), Failure> {
    teeth::plant(None)?;
    let mut missed = Vec::new();
    for tooth in TEETH.iter().filter(|tooth| only.is_none_or(|bug| tooth.bug == bug)) {
        if only.is_some() {
            eprintln!("{}: {}", tooth.bug, tooth.bug.about());
            eprintln!("looked for by at most {} seeds of the plan {}", tooth.seeds_max, tooth.family);
        }
        let Some(bite) = teeth::bite(tooth)? else {
            missed.push(tooth.bug.as_str());
            say(&format!("{:<34} NOT found by {} seeds of {}", tooth.bug, tooth.seeds_max, tooth.family));
            continue;
        };
        if json {
            say(&serde_json::to_string(&bite).or_fail(Code::Failure, || "report".into())?);
        } else {
            let promises: Vec<String> = bite.promises.iter().map(ToString::to_string).collect();
            say(&format!(
                "{:<34} seed {:>2} of at most {:>2}, plan {:<9} promises {:<12} {}",
                bite.bug,
                bite.seed,
                bite.seeds_max,
                bite.plan,
                promises.join(", "),
                bite.what
            ));
        }
        if only.is_some()
            && !json
            && let Some(plan) = teeth::shrunk(tooth.bug, &bite.found_by)?
        {
            say(&format!("\nshrunk from {} faults to {}:\n", bite.found_by.faults.len(), plan.faults.len()));
            say(plan.to_text().or_fail(Code::Failure, || "plan".into())?.trim_end());
            eprintln!("\nto play it again: tensortrade-chaos replay FILE --plant {}", tooth.bug);
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Code::CheckFailed, format_args!("not found: {}", missed.join(", "))))
}
