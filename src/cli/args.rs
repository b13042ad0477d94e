//! What can be typed. Names, flags and exit codes are a contract: scripts rely on them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A trading node you can kill at any moment.
#[derive(Debug, Parser)]
#[command(name = "tensortrade", version, about, propagate_version = true, subcommand_required = true)]
#[command(after_help = "\
Examples:
  tensortrade run                                  trade the simulated market
  tensortrade run --feed replay --replay day.csv.gz --speed max --summary s.json
  tensortrade ctl status                           how the node on ./data is
  tensortrade ctl watchlist add NVDA               add a symbol while it runs
  tensortrade journal verify                       check the journal on ./data

Exit codes: 0 ok, 1 failure, 2 usage, 3 bad configuration or input file, 4 node unreachable,
5 refused, 6 a check failed, 7 broker unavailable.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the node until its data ends, its time is up, or it is told to stop.
    Run(RunArgs),
    /// Talk to a running node.
    Ctl(CtlArgs),
    /// Check, print or rebuild the journal of a node that is not running.
    Journal(JournalArgs),
    /// Check or show the configuration.
    Config(ConfigArgs),
    /// Look for what would keep a node from running well here.
    Doctor(DoctorArgs),
    /// Print a completion script for a shell.
    Completions(CompletionsArgs),
}

/// Where the configuration comes from, lowest first: defaults, --config files, --profile, environment, --set, flags.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigSources {
    /// A TOML file; may be given several times, later ones win.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// A named set of values: config/NAME.toml.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// One value, such as risk.order_notional_max=50000; may be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Where the node keeps its journal, its paper account and its control socket [default: ./data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// Which market data to run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FeedKind {
    /// The built-in simulated market.
    Sim,
    /// CSV files.
    Replay,
    /// Interactive Brokers.
    Ibkr,
}

/// `tensortrade run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade run                                            simulated market, paper exchange, journal in ./data
  tensortrade run --for 20s --seed 7 --symbols AAPL,MSFT     twenty seconds of two symbols
  tensortrade run --feed replay --replay a.csv.gz --replay b.csv --speed max --summary out.json
  tensortrade run --set risk.gross_exposure_max=0.5 --speed 600

The first Ctrl-C drains and stops; the second stops at once.")]
pub struct RunArgs {
    /// Configuration.
    #[command(flatten)]
    pub sources: ConfigSources,
    /// Market data [default: sim].
    #[arg(long, value_enum)]
    pub feed: Option<FeedKind>,
    /// A CSV or CSV.gz file to replay; may be given several times, the files are merged by time.
    #[arg(long, value_name = "FILE")]
    pub replay: Vec<PathBuf>,
    /// How fast market time runs: `max`, or N times the clock [default: max for replay, 60 for sim].
    #[arg(long, value_name = "max|N")]
    pub speed: Option<String>,
    /// Symbols to trade, separated by commas [default: all in the files, or eight simulated ones].
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    pub symbols: Vec<String>,
    /// Seed of the simulated market and of every other random choice [default: 1].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Stop after this much clock time, such as 20s, 5m or 2h.
    #[arg(long = "for", value_name = "DURATION")]
    pub run_for: Option<String>,
    /// Write one JSON object about the run to this file at exit.
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
}

/// `tensortrade ctl`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade ctl status --json
  tensortrade ctl watchlist add NVDA TSLA
  tensortrade ctl watchlist remove NVDA --flatten
  tensortrade ctl breaker trip --reason 'odd fills'
  tensortrade ctl --data-dir /var/lib/tensortrade positions")]
pub struct CtlArgs {
    /// The node's data directory [default: ./data].
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Print the answer's data as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to ask or tell.
    #[command(subcommand)]
    pub command: CtlCommand,
}

/// What a running node can be asked or told.
#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// One page on how the node is.
    Status,
    /// The supervision tree: states, restarts, mailboxes.
    Tree,
    /// Symbols: add, remove, list.
    Watchlist {
        /// What to do with them.
        #[command(subcommand)]
        command: WatchlistCommand,
    },
    /// Take no new risk: in the whole node, or in one symbol.
    Halt {
        /// `node` or a symbol.
        #[arg(default_value = "node")]
        scope: String,
    },
    /// Trade again after a halt; start a quarantined symbol again.
    Resume {
        /// `node` or a symbol.
        #[arg(default_value = "node")]
        scope: String,
        /// Why, for the journal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// The circuit breaker: show, trip, reset.
    Breaker {
        /// What to do with it.
        #[command(subcommand)]
        command: Option<BreakerCommand>,
    },
    /// Open positions.
    Positions,
    /// Orders that are not done.
    Orders,
    /// Compare the journal with the broker now; exit 6 when they differ.
    Reconcile {
        /// Take the broker's positions and cash over as they are, where no execution explains the difference.
        #[arg(long, requires = "reason")]
        accept_broker: bool,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", requires = "accept_broker")]
        reason: Option<String>,
    },
    /// Close every position.
    Flatten {
        /// The account's name, typed again (`paper` for the paper exchange).
        #[arg(long, value_name = "ACCOUNT")]
        confirm: String,
    },
    /// The running configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: CtlConfigCommand,
    },
    /// Drain and stop.
    Shutdown,
}

/// `ctl watchlist`.
#[derive(Debug, Subcommand)]
pub enum WatchlistCommand {
    /// Start trading symbols; adding one twice is harmless.
    Add {
        /// Names.
        #[arg(required = true, value_name = "SYM")]
        symbols: Vec<String>,
    },
    /// Stop trading symbols; refused while a position is open.
    Remove {
        /// Names.
        #[arg(required = true, value_name = "SYM")]
        symbols: Vec<String>,
        /// Close open positions first, then remove.
        #[arg(long)]
        flatten: bool,
    },
    /// What is traded.
    List,
}

/// `ctl breaker`.
#[derive(Debug, Subcommand)]
pub enum BreakerCommand {
    /// Open it: no order that adds risk leaves any more.
    Trip {
        /// Why, for the journal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Close it.
    Reset {
        /// Why, for the journal.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// `ctl config`.
#[derive(Debug, Subcommand)]
pub enum CtlConfigCommand {
    /// Read the configuration again and apply what can change while running.
    Reload,
}

/// `tensortrade journal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade journal verify
  tensortrade journal export --kind fill > fills.ndjson
  tensortrade journal export --table bars --out bars.csv
  tensortrade journal rebuild --data-dir /var/lib/tensortrade")]
pub struct JournalArgs {
    /// The node's data directory [default: ./data].
    #[arg(long, value_name = "DIR", global = true)]
    pub data_dir: Option<PathBuf>,
    /// What to do with it.
    #[command(subcommand)]
    pub command: JournalCommand,
}

/// What can be done with a journal.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Walk the hash chain and check every invariant that the events themselves can prove; exit 6 on the first failure.
    Verify {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print events, one JSON object a line, or a table as CSV.
    Export {
        /// Only this kind of event, such as `fill`; may be given several times.
        #[arg(long, value_name = "KIND", conflicts_with = "table")]
        kind: Vec<String>,
        /// A table instead: bars, decisions, orders, fills, positions, equity.
        #[arg(long, value_name = "TABLE")]
        table: Option<String>,
        /// To a file instead of the terminal.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Derive every table again from the events and say whether anything differed.
    Rebuild {
        /// Print the result as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `tensortrade config`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tensortrade config check --config node.toml
  tensortrade config show --set risk.order_notional_max=5000")]
pub struct ConfigArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What can be done with a configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Read and check it; exit 3 when something is wrong.
    Check {
        /// Configuration.
        #[command(flatten)]
        sources: ConfigSources,
    },
    /// Print it as it would be used.
    Show {
        /// Configuration.
        #[command(flatten)]
        sources: ConfigSources,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `tensortrade doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tensortrade doctor\n  tensortrade doctor --data-dir /var/lib/tensortrade --json"
)]
pub struct DoctorArgs {
    /// Configuration.
    #[command(flatten)]
    pub sources: ConfigSources,
    /// Print the findings as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `tensortrade completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  tensortrade completions bash > ~/.local/share/bash-completion/completions/tensortrade"
)]
pub struct CompletionsArgs {
    /// For which shell.
    pub shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_command_shows_examples() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:"), "{} has no examples", sub.get_name());
        }
    }
}
