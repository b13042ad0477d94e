//! Recovery in numbers: how long until a part, or the whole node, works again. One command measures all of it and prints the
//! page `docs/recovery.md`, with the machine, the method, and a yardstick from the same run.

pub mod crasher;
pub mod idle;
pub mod inside;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_risk::breaker::Authority;

use crate::process::node::Program;
use crate::process::scene::{Market, Scene, scratch};
use crate::{campaign, plan};
use crasher::On;
use inside::Inside;

/// Crashes of one symbol after the other, each of another symbol, so that every one is the first of its budget.
const SYMBOL_CRASHES: usize = 400;
/// Symbols that crash at once.
const CROWD: usize = 1_000;
/// Plain respawns beside it.
const PLAIN: usize = 2_000;
/// Breaker trips.
const TRIPS: usize = 20;
/// Kills of the process.
const KILLS: usize = 10;
/// Minutes of a trading day.
const DAY_MINUTES: f64 = 390.0;
/// Actors of the money path.
const MONEY: [&str; 5] = ["session", "execution", "portfolio", "risk", "reconciler"];

struct Row {
    what: String,
    target: String,
    got: String,
    yardstick: String,
}

/// Measures everything; the page as Markdown.
pub fn page(program: &Program) -> Result<String, Failure> {
    let folder = scratch("numbers");
    let mut rows = Vec::new();
    let inside = in_this_process(&folder, &mut rows);
    // What stays is in a folder for temporary things.
    let _ = std::fs::remove_dir_all(&folder);
    inside?;
    process_kills(program, &mut rows)?;
    campaigns(&mut rows)?;
    Ok(render(&rows))
}

fn in_this_process(folder: &Path, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .or_fail(Code::Failure, || "cannot start the runtime".into())?;
    runtime.block_on(async {
        let mut plain = idle::plain_respawns(PLAIN).await?;
        let yardstick = format!("plain ractor respawn {}", quantiles(&mut plain));
        symbols_one_by_one(folder, &yardstick, rows).await?;
        symbols_at_once(folder, &yardstick, rows).await?;
        money_and_breaker(folder, &yardstick, rows).await
    })
}

async fn symbols_one_by_one(folder: &Path, yardstick: &str, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let node = Inside::start(folder, SYMBOL_CRASHES, 60.0).await?;
    node.steps(3).await?;
    for (number, symbol) in Inside::symbols(SYMBOL_CRASHES).enumerate() {
        node.crasher.arm(&symbol, On::Ticks);
        node.over(number + 1).await?;
    }
    let mut seen = node.crasher.take();
    rows.push(Row {
        what: "a symbol's actor crashes, to its first tick handled again".into(),
        target: "p50 < 100 us, p99 < 1 ms, no tick lost".into(),
        got: format!("{}, {} ticks lost in {} crashes", quantiles(&mut seen.back), seen.lost, seen.crashes),
        yardstick: yardstick.to_owned(),
    });
    node.stop().await;
    Ok(())
}

async fn symbols_at_once(folder: &Path, yardstick: &str, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let node = Inside::start(folder, CROWD, 60.0).await?;
    node.steps(3).await?;
    Inside::symbols(CROWD).for_each(|symbol| node.crasher.arm(&symbol, On::Boundary));
    while node.crasher.progress().0 == 0 {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    let all = node.over(CROWD).await?;
    let mut seen = node.crasher.take();
    rows.push(Row {
        what: format!("{CROWD} symbols crash at the same boundary, until all are back"),
        target: "< 250 ms".into(),
        got: format!(
            "all after {}; each {}; {} inputs lost",
            time(all),
            quantiles(&mut seen.back),
            seen.lost
        ),
        yardstick: yardstick.to_owned(),
    });
    node.stop().await;
    Ok(())
}

async fn money_and_breaker(folder: &Path, yardstick: &str, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let node = Inside::start(folder, 8, 60.0).await?;
    node.steps(5).await?;
    let mut times = Vec::new();
    let mut told = Vec::new();
    for actor in MONEY {
        let took = node.money_crash(&format!("root/trading/{actor}")).await?;
        told.push(format!("{actor} {}", time(took)));
        times.push(took);
        node.steps(3).await?;
    }
    rows.push(Row {
        what:
            "an actor of the money path crashes, until journal and broker are compared and orders may leave"
                .into(),
        target: "< 250 ms beyond the broker's answers".into(),
        got: told.join(", "),
        yardstick: yardstick.to_owned(),
    });
    let _ = node.crasher.take();
    let authority =
        Authority::new("user numbers", "numbers").or_fail(Code::Failure, || "authority".into())?;
    let (mut acts, mut records) = (Vec::new(), Vec::new());
    for number in 0..TRIPS {
        let (act, record) = node.trip(number).await?;
        acts.push(act);
        records.push(record);
        node.reset(authority.clone()).await?;
    }
    rows.push(Row {
        what: "a fault that trips the breaker, until no new risk leaves".into(),
        target: "< 10 ms".into(),
        got: quantiles(&mut acts),
        yardstick: "one durable commit, in the next row".into(),
    });
    rows.push(Row {
        what: "a breached threshold, until its trip is on record and told".into(),
        target: "< 1 s".into(),
        got: quantiles(&mut records),
        yardstick: "the same trips".into(),
    });
    node.stop().await;
    Ok(())
}

fn process_kills(program: &Program, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let mut bare = Vec::new();
    for _ in 0..KILLS {
        let began = Stopwatch::start();
        let done = program.command(&["--version"]).output();
        done.or_fail(Code::Failure, || "cannot start the node".into())?;
        bare.push(began.elapsed());
    }
    let mut scene = Scene::new(scratch("numbers-kills"), program.clone(), Market::Simulated(600), 1)?;
    let (mut ready, mut trading) = (Vec::new(), Vec::new());
    for kill in 0..=KILLS {
        let mut node = scene.start(&[])?;
        node.wait_ready()?;
        let reconciled = node.age();
        node.wait_trading()?;
        if kill > 0 {
            ready.push(reconciled);
            trading.push(node.age());
        }
        crate::process::node::pause(Duration::from_secs(1));
        node.kill()?;
        scene.after_death()?;
    }
    let events = scene.audit().seq;
    let yardstick = format!("`tensortrade --version` {}", quantiles(&mut bare));
    rows.push(Row {
        what: format!(
            "the process is killed and started, until journal and broker agree (journal of {events} events)"
        ),
        target: "a second".into(),
        got: quantiles(&mut ready),
        yardstick: yardstick.clone(),
    });
    rows.push(Row {
        what: "the same, until the first new step (five market days warm the models up)".into(),
        target: "none".into(),
        got: quantiles(&mut trading),
        yardstick,
    });
    Ok(())
}

fn campaigns(rows: &mut Vec<Row>) -> Result<(), Failure> {
    let mut minutes = 0_u64;
    let began = Stopwatch::start();
    let mut plans = 0;
    for family in plan::FAMILIES {
        let report = campaign::judge_once(&family.draw(1))?;
        minutes += u64::from(report.counts.steps);
        plans += 1;
    }
    let days = minutes as f64 / DAY_MINUTES;
    let per_minute = days / (began.elapsed().as_secs_f64() / 60.0);
    rows.push(Row {
        what: format!(
            "a fault campaign ({plans} plans of one seed, {minutes} minutes of market), on one core"
        ),
        target: ">= 100 trading days a minute and core".into(),
        got: format!("{per_minute:.0} trading days a minute and core"),
        yardstick: "-".into(),
    });
    Ok(())
}

/// Middle, 99th of a hundred, and longest.
fn quantiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len().saturating_sub(1)) as f64 * share).round() as usize);
    let show = |share| at(share).map_or_else(|| "?".to_owned(), |t| time(*t));
    format!("p50 {}, p99 {}, max {}", show(0.5), show(0.99), show(1.0))
}

fn time(time: Duration) -> String {
    let us = time.as_secs_f64() * 1e6;
    if us < 1_000.0 { format!("{us:.0} us") } else { format!("{:.1} ms", us / 1e3) }
}

fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let model = model.trim_start_matches([' ', '\t', ':']).trim();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!(
        "{cores} cores, {}, load {load} at the end",
        if model.is_empty() { "unnamed processor" } else { model }
    )
}

fn render(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Recovery in numbers\n\nWritten by `tensortrade-chaos numbers > docs/recovery.md`; every figure is of one run on one machine:\n",
    );
    // Memory is all that this writes to.
    let _ = writeln!(text, "{}.\n", machine());
    text.push_str("| what | target | measured | yardstick of the same run |\n|---|---|---|---|\n");
    for Row { what, target, got, yardstick } in rows {
        let _ = writeln!(text, "| {what} | {target} | {got} | {yardstick} |");
    }
    text.push_str(METHOD);
    text
}

const METHOD: &str = "
## Method

- The first rows are of a node inside the measuring process: the node's own tree over the simulated market, at sixty times the clock, on two
  threads, with a SQLite journal on disk that waits for the disk at every commit. Restart budgets and backoff are the node's own. A crash is
  a panic in an actor's handler, set off from outside (`chaos/src/numbers/crasher.rs`); the time runs from just before the panic to
  the end of the handler of the first message of the same kind in the next incarnation. Inputs are numbered: one that is missing
  or out of order afterwards counts as lost.
- Each of the symbols crashes once, so that every crash is the first of its budget.
- The money path: from the crash to the reconciler's next clean result, its record on disk included.
- The process: the real binary, killed with SIGKILL under load and started on the same data directory; asked over its control socket
  every five milliseconds.
- The campaign: one world after the other on one thread, each run once.
";
