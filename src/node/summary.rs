//! The run in one JSON object. Names are a contract: scripts read them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use tensortrade_actors::market::hub::HubStats;
use tensortrade_actors::stopwatch::Quantiles;

use crate::exit::{Code, Failure, OrFail};

/// Orders by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Wishes to trade, refused ones included.
    pub intents: u64,
    /// Handed to the broker.
    pub sent: u64,
    /// Filled whole.
    pub filled: u64,
    /// Cancelled or expired, perhaps after partial fills.
    pub cancelled: u64,
    /// Refused by the broker.
    pub rejected: u64,
    /// Of unknown outcome at the end.
    pub unknown: u64,
}

/// The breaker at the end.
#[derive(Debug, Clone, Serialize)]
pub struct Breaker {
    /// `normal`, `reducing` or `halted`.
    pub state: String,
    /// Trips so far, earlier runs included.
    pub trips: u64,
}

/// Two feeds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Feeds {
    /// Switches, in either direction; symbols that switch together for the same reason are one.
    pub switches: u64,
    /// Symbols taken from the backup at the end.
    pub on_backup: usize,
    /// Rows that were not delivered because their price could not be trusted.
    pub withheld_rows: u64,
}

impl Feeds {
    fn line(&self) -> String {
        let Self { switches, on_backup, withheld_rows } = self;
        format!(
            "feeds: {switches} switches, {on_backup} symbols on the backup at the end, {withheld_rows} rows withheld\n"
        )
    }
}

/// Equity in the base currency; `null` where it is not known, because a currency has no rate or a position no price.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Equity {
    /// When this run's data begins to flow; positions of an earlier run are valued at the last closes in the journal.
    pub start: Option<f64>,
    /// When it ended; of a run that was stopped at once, at the last step on record.
    pub end: Option<f64>,
}

/// What became of rows that are not plain data.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Rows {
    /// Rows that could not be read.
    pub malformed: u64,
    /// Readable rows of kinds that nobody uses, or of symbols not asked for.
    pub skipped: u64,
    /// Rows that came when an interval after theirs was under way: they enter no bar.
    pub late: u64,
    /// Numbers with more decimals than the node holds, rounded to the nearest.
    pub rounded: u64,
    /// How often each treatment of an odd input was applied (`docs/bars.md`); those applied at all.
    pub treatments: BTreeMap<&'static str, u64>,
}

impl Rows {
    /// As the feed and the bar builders have counted so far.
    #[must_use]
    pub fn of(stats: &HubStats) -> Self {
        let feed = stats.feed_stats();
        Self {
            malformed: feed.malformed,
            skipped: feed.skipped,
            late: feed.late,
            rounded: feed.rounded,
            treatments: stats.treatments.read().into_iter().collect(),
        }
    }

    /// In one line for a person; empty where there is nothing to say.
    #[must_use]
    pub fn line(&self) -> String {
        let counts = [
            ("could not be read", self.malformed),
            ("of other kinds or symbols", self.skipped),
            ("late", self.late),
            ("numbers rounded", self.rounded),
        ];
        let counts = counts.into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}"));
        let treated = self.treatments.iter().map(|(name, n)| format!("{name} {n}"));
        let (counts, treated): (Vec<_>, Vec<_>) = (counts.collect(), treated.collect());
        match (counts.is_empty(), treated.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("rows: {}", counts.join(", ")),
            (true, false) => format!("treated (docs/bars.md): {}", treated.join(", ")),
            (false, false) => {
                format!("rows: {}; treated (docs/bars.md): {}", counts.join(", "), treated.join(", "))
            }
        }
    }
}

/// Latencies in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latencies {
    /// Last data of a step in the hub's hand to its decision.
    pub tick_to_decision: Quantiles,
    /// Decision to the order in the broker's hand, one durable commit included.
    pub decision_to_send: Quantiles,
}

/// The journal at the end.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Journal {
    /// Events, earlier runs included.
    pub events: u64,
    /// Hash of the last one.
    pub head: String,
}

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Rows of market data delivered.
    pub ticks: u64,
    /// Those that are not plain data.
    pub rows: Rows,
    /// Bars closed, of all timeframes.
    pub bars: u64,
    /// Gaps marked.
    pub gaps: u64,
    /// Decision boundaries passed.
    pub steps: u64,
    /// Opinions of the policy, one per symbol and step.
    pub decisions: u64,
    /// Orders.
    pub orders: Orders,
    /// Executions booked.
    pub fills: u64,
    /// Intents that risk refused, by its code.
    pub refusals: BTreeMap<String, u64>,
    /// Children restarted by their supervisors.
    pub restarts: u64,
    /// Breaker.
    pub breaker: Breaker,
    /// Equity.
    pub equity: Equity,
    /// Quotes that a newer one replaced in a full mailbox of a live feed.
    pub conflated_quotes: u64,
    /// Trades that a full mailbox of a live feed had no room for.
    pub dropped_trades: u64,
    /// How often symbols were taken from another feed, and how many are on the backup at the end; absent without a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feeds: Option<Feeds>,
    /// Latencies.
    pub latency_us: Latencies,
    /// Rows that were collected ahead of their step, over all steps. Only live pacing works ahead.
    pub rows_ahead: u64,
    /// Journal.
    pub journal: Journal,
    /// Hash over decisions, orders, fills and final positions: same input and seed, same hash.
    pub trace_hash: String,
    /// Time the reader was busy (decompression and parsing), seconds.
    pub read_s: f64,
    /// First row delivered to last step done, less the waiting for the reader, seconds.
    pub engine_s: f64,
    /// The whole run, seconds.
    pub wall_s: f64,
    /// Largest resident memory of the process, MiB.
    pub peak_rss_mib: f64,
}

impl Summary {
    /// Refuses a place where no summary can be written, before the run begins.
    pub fn check_place(path: &Path) -> Result<(), Failure> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let there = folder.is_none_or(Path::is_dir);
        if there && !path.is_dir() {
            return Ok(());
        }
        let why = if there { "it is a folder" } else { "its folder is not there" };
        Err(Failure::new(
            Code::BadInput,
            format_args!("--summary {}: {why}; name a file in a folder that exists", path.display()),
        ))
    }

    /// Writes the object: into a regular file whole or not at all; into a device, a pipe or what a link leads to as it is.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let what = || format!("cannot write the summary to {}", path.display());
        let json = serde_json::to_string_pretty(self).or_fail(Code::Failure, what)? + "\n";
        // What a rename would replace by a file of its own.
        let special = std::fs::symlink_metadata(path).is_ok_and(|at| !at.is_file());
        if special {
            return std::fs::write(path, json).or_fail(Code::Failure, what);
        }
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        std::fs::write(&temporary, json).or_fail(Code::Failure, what)?;
        std::fs::rename(&temporary, path).or_fail(Code::Failure, what)
    }

    /// What there is to say of feeds: of two, and of one that some symbol could not follow.
    fn feed_lines(&self) -> String {
        let mut lines = self.feeds.map(|feeds| feeds.line()).unwrap_or_default();
        if self.conflated_quotes > 0 || self.dropped_trades > 0 {
            let (quotes, trades) = (self.conflated_quotes, self.dropped_trades);
            lines.push_str(&format!("full mailboxes: {quotes} quotes conflated, {trades} trades dropped\n"));
        }
        lines
    }

    /// The run in a few lines for a person.
    #[must_use]
    pub fn lines(&self) -> String {
        let o = &self.orders;
        let worth =
            |equity: Option<f64>| equity.map_or("unknown".to_owned(), |equity| format!("{equity:.2}"));
        let mut codes: Vec<_> = self.refusals.iter().map(|(code, count)| (*count, code)).collect();
        codes.sort_by(|a, b| b.cmp(a));
        let refused = match codes.as_slice() {
            [] => String::new(),
            codes => {
                let codes: Vec<_> = codes.iter().map(|(count, code)| format!("{code} {count}")).collect();
                format!("refused by risk: {}\n", codes.join(", "))
            }
        };
        let odd = match self.rows.line() {
            line if line.is_empty() => line,
            line => line + "\n",
        };
        format!(
            "{} rows, {} bars, {} gaps, {} steps, {} decisions in {:.2} s (engine {:.3} s, reader {:.3} s)\n\
             {odd}\
             orders: {} intents, {} sent, {} filled, {} cancelled, {} rejected, {} unknown; {} fills\n\
             {refused}\
             equity {} -> {}; breaker {}; {} restarts; journal {} events\n\
             {}trace {}",
            self.ticks,
            self.bars,
            self.gaps,
            self.steps,
            self.decisions,
            self.wall_s,
            self.engine_s,
            self.read_s,
            o.intents,
            o.sent,
            o.filled,
            o.cancelled,
            o.rejected,
            o.unknown,
            self.fills,
            worth(self.equity.start),
            worth(self.equity.end),
            self.breaker.state,
            self.restarts,
            self.journal.events,
            self.feed_lines(),
            self.trace_hash,
        )
    }
}

/// Peak resident memory of this process in MiB, from the kernel's own account; zero where there is none.
#[must_use]
pub fn peak_rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
