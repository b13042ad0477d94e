//! What a process campaign plays in: a folder with a data directory, the node's configuration and its input, and the ways to
//! start a node there and to look at what it left.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tensortrade::cli::args::ConfigSources;
use tensortrade::config;
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_broker::paper::PaperOptions;

use super::audit::{Audit, Books};
use super::node::{Node, Program};

/// The node's configuration in every process campaign.
const WORLD: &str = include_str!("world.toml");

/// Symbols that trade.
pub const SYMBOLS: [&str; 4] = ["AAPL", "MSFT", "NVDA", "XOM"];

/// Where market data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Market {
    /// The simulated market, at this many times the clock.
    Simulated(u32),
    /// A file of quotes and trades, at this many times the clock.
    Replay(u32),
}

/// A folder with everything in it; removed with this value unless it is kept.
pub struct Scene {
    /// The folder.
    pub root: PathBuf,
    /// The program under test.
    pub program: Program,
    paper: PaperOptions,
    market: Market,
    seed: u64,
    /// Whether the folder stays.
    pub keep: bool,
    audit: Audit,
    archived: u64,
    runtime: tokio::runtime::Runtime,
}

impl Scene {
    /// Makes the folder.
    pub fn new(root: PathBuf, program: Program, market: Market, seed: u64) -> Result<Self, Failure> {
        let made = || format!("cannot make {}", root.display());
        // What a campaign before this one left is no part of this one.
        if root.exists() {
            std::fs::remove_dir_all(&root).or_fail(Code::BadInput, made)?;
        }
        std::fs::create_dir_all(&root).or_fail(Code::BadInput, made)?;
        let file = root.join("node.toml");
        std::fs::write(&file, WORLD).or_fail(Code::BadInput, made)?;
        if let Market::Replay(_) = market {
            std::fs::write(root.join("days.csv"), days(seed)).or_fail(Code::BadInput, made)?;
        }
        let sources = ConfigSources { config: vec![file], ..ConfigSources::default() };
        let paper = config::load(&sources, &[])?.config.broker.paper;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .or_fail(Code::Failure, || "cannot start the runtime".into())?;
        Ok(Self {
            root,
            program,
            paper,
            market,
            seed,
            keep: false,
            audit: Audit::default(),
            archived: 0,
            runtime,
        })
    }

    /// The node's data directory.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The words that start the node here, without the program's own.
    #[must_use]
    pub fn run_args(&self) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let mut args = vec!["run".into(), "--config".into(), text(self.root.join("node.toml"))];
        args.extend(["--data-dir".into(), text(self.data())]);
        args.extend(["--seed".into(), self.seed.to_string()]);
        match self.market {
            Market::Simulated(speed) => {
                args.extend(["--symbols".into(), SYMBOLS.join(","), "--speed".into(), speed.to_string()]);
            }
            Market::Replay(speed) => {
                args.extend(["--replay".into(), text(self.root.join("days.csv"))]);
                args.extend(["--speed".into(), speed.to_string()]);
            }
        }
        args
    }

    /// Starts the node.
    pub fn start(&self, more: &[&str]) -> Result<Node, Failure> {
        let args = self.run_args();
        let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.start_command(self.program.command(&args))
    }

    /// Starts a command in the node's place.
    pub fn start_command(&self, command: Command) -> Result<Node, Failure> {
        Node::start(command, &self.data(), &self.root.join("node.log"))
    }

    /// `journal verify` of the program under test: its exit code must be 0.
    pub fn verify(&mut self) -> Result<(), Failure> {
        if !self.data().join("journal.db").exists() {
            return Ok(());
        }
        let data = self.data().display().to_string();
        let done = self.program.command(&["journal", "verify", "--data-dir", &data]).output();
        let done = done.or_fail(Code::Failure, || "cannot start journal verify".into())?;
        if !done.status.success() {
            let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
            self.audit.problems.push(format!("journal verify: {}: {out}{err}", done.status));
        }
        Ok(())
    }

    /// Reads on in the journal, and the broker's books whole.
    fn look(&mut self) -> Result<Option<Books>, Failure> {
        let archived = std::fs::read_dir(self.data().join("archive")).map_or(0, |dir| dir.count() as u64);
        if archived > self.archived {
            // A replay that was at its end began anew, in a journal of its own.
            self.audit = std::mem::take(&mut self.audit).anew();
            self.archived = archived;
        }
        let journal = self.data().join("journal.db");
        self.runtime.block_on(self.audit.read(&journal))?;
        Books::read(&self.data(), &self.paper)
    }

    /// Looks at what a node left that was killed.
    pub fn after_death(&mut self) -> Result<Option<Books>, Failure> {
        let books = self.look()?;
        if let Some(books) = &books {
            self.audit.after_death(books);
        }
        Ok(books)
    }

    /// Looks at what a node left that stopped in order.
    pub fn at_rest(&mut self) -> Result<Option<Books>, Failure> {
        let books = self.look()?;
        if let Some(books) = &books {
            self.audit.at_rest(books);
        }
        Ok(books)
    }

    /// What is known so far.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Notes a promise broken that was seen elsewhere than in the files.
    pub fn problem(&mut self, text: String) {
        self.audit.problems.push(text);
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !self.keep {
            // What stays is in a folder for temporary things.
            let _ = std::fs::remove_dir_all(&self.root);
        }
    }
}

/// A folder of this process's own for things that are gone afterwards.
#[must_use]
pub fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("tensortrade-chaos-{}-{name}", std::process::id()))
}

/// Midnight (UTC) of Monday 2013-10-07, in seconds, and a session of US equities on it.
const MONDAY_S: i64 = 1_381_104_000;
const OPEN_S: i64 = 48_600;
const SESSION_S: i64 = 23_400;
/// Seconds between two rows of a symbol.
const STRIDE_S: i64 = 15;
const WEEKS: i64 = 2;

/// Two weeks of quotes and trades in waves that a trend follower trades.
fn days(seed: u64) -> String {
    let mut text = String::from("ts_ns,symbol,kind,price,size,bid,ask,bid_size,ask_size\n");
    let price = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
    for day in (0..WEEKS).flat_map(|week| (0..5).map(move |day| week * 7 + day)) {
        for second in (0..SESSION_S).step_by(STRIDE_S as usize) {
            for (at, symbol) in SYMBOLS.iter().enumerate() {
                let ns = (MONDAY_S + day * 86_400 + OPEN_S + second) * 1_000_000_000 + at as i64 * 1_000_000;
                let phase = (second + day * SESSION_S) as f64 / 1_300.0 + (at as u64 + seed % 7) as f64;
                let mid = 10_000 + 100 * at as i64 + (150.0 * phase.sin()).round() as i64;
                let size = 100 * (1 + (second / STRIDE_S + at as i64) % 7);
                let (bid, ask, last) = (price(mid - 1), price(mid + 1), price(mid));
                // Memory is all that this writes to.
                let _ = writeln!(text, "{ns},{symbol},quote,,,{bid},{ask},{size},{size}");
                let _ = writeln!(text, "{},{symbol},trade,{last},{size},,,,", ns + 500_000_000);
            }
        }
    }
    text
}

/// The paper account's file of a data directory.
#[must_use]
pub fn books_file(data: &Path) -> PathBuf {
    data.join("paper").join("paper.books")
}
