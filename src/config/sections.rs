//! The sections of the configuration with their defaults. Units are last in the names.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{AssetClass, Currency, Price, Qty, Symbol, Timeframe};

use super::backup::BackupConfig;

/// Identity and place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeConfig {
    /// Prefix of every actor's name.
    pub id: String,
    /// Where journal, paper account and control socket are.
    pub data_dir: PathBuf,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self { id: "node".into(), data_dir: "data".into() }
    }
}

/// Threads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Worker threads of the actor runtime; 0 takes one for a run as fast as possible, else one per core, at most 8.
    pub worker_threads: usize,
}

/// Where market data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedSource {
    /// The simulated market.
    Sim,
    /// Files.
    Replay,
    /// Interactive Brokers.
    Ibkr,
}

impl fmt::Display for FeedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sim => "sim",
            Self::Replay => "replay",
            Self::Ibkr => "ibkr",
        })
    }
}

/// How fast market time runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// As fast as the machine can.
    Max,
    /// This many times the clock.
    Times(f64),
}

impl FromStr for Speed {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        if s == "max" {
            return Ok(Self::Max);
        }
        match s.parse::<f64>() {
            Ok(n) if n.is_finite() && n > 0.0 && n <= 1e6 => Ok(Self::Times(n)),
            _ => Err(format!("'{s}' is no speed: `max`, or a number above 0 and up to 1000000")),
        }
    }
}
impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.pad("max"),
            Self::Times(n) => write!(f, "{n}"),
        }
    }
}
impl Serialize for Speed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Max => serializer.serialize_str("max"),
            Self::Times(n) => serializer.serialize_f64(*n),
        }
    }
}
impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(f64),
            Text(String),
        }
        let text = match Raw::deserialize(deserializer)? {
            Raw::Number(n) => n.to_string(),
            Raw::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Market data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeedConfig {
    /// Which feed.
    pub source: FeedSource,
    /// Files to replay.
    pub files: Vec<PathBuf>,
    /// Speed; unset is `max` for a replay and 60 for the simulated market.
    pub speed: Option<Speed>,
    /// Symbols to trade; empty takes all that the files hold, or eight simulated ones.
    pub symbols: Vec<Symbol>,
    /// Seed of the simulated market and of every other random choice.
    pub seed: u64,
    /// First day of the simulated market, `YYYY-MM-DD`.
    pub sim_start: String,
    /// Mean ticks per symbol and minute in the simulated market.
    pub sim_ticks_per_minute: u32,
    /// Market minutes of history a symbol is warmed up with when it joins or the node restarts.
    pub warm_up_minutes: u32,
    /// Ticks per symbol kept for rebuilding a crashed symbol actor.
    pub ring_ticks: usize,
    /// A second feed that stands in while the first is bad.
    pub backup: BackupConfig,
    /// When the second feed stands in.
    pub failover: tensortrade_broker::failover::FailoverLimits,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self {
            source: FeedSource::Sim,
            files: Vec::new(),
            speed: None,
            symbols: Vec::new(),
            seed: 1,
            sim_start: "2025-01-02".into(),
            sim_ticks_per_minute: 60,
            warm_up_minutes: 390,
            ring_ticks: 65_536,
            backup: BackupConfig::default(),
            failover: tensortrade_broker::failover::FailoverLimits::default(),
        }
    }
}

/// Bars.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BarsConfig {
    /// The timeframe that decisions are made on; raised to the input's when files hold longer bars.
    pub decision: Timeframe,
    /// Longer timeframes built beside it.
    pub higher: Vec<Timeframe>,
    /// Build bars before the open and after the close too (never traded unless risk.session_policy says so).
    pub extended_hours: bool,
}

impl Default for BarsConfig {
    fn default() -> Self {
        Self {
            decision: Timeframe::MINUTE,
            higher: vec![Timeframe::MINUTES_5, Timeframe::HOUR, Timeframe::DAY],
            extended_hours: true,
        }
    }
}

/// Which broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrokerKind {
    /// The built-in paper exchange.
    Paper,
    /// Interactive Brokers.
    Ibkr,
}

/// What trips the breaker by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Losses.
    pub losses: tensortrade_risk::LossLimits,
    /// Orders that the broker rejects.
    pub rejects: tensortrade_risk::RejectLimits,
    /// Differences from the broker's books that stand.
    pub mismatch: tensortrade_risk::MismatchLimits,
    /// Data that does not come.
    pub stale: tensortrade_risk::StaleLimits,
}

/// Where orders go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// Which broker.
    pub kind: BrokerKind,
    /// The paper exchange.
    pub paper: tensortrade_broker::paper::PaperOptions,
    /// Interactive Brokers.
    pub ibkr: IbkrConfig,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            kind: BrokerKind::Paper,
            paper: tensortrade_broker::paper::PaperOptions::default(),
            ibkr: IbkrConfig::default(),
        }
    }
}

/// Interactive Brokers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IbkrConfig {
    /// Gateway or TWS, host:port.
    pub address: String,
    /// Client id of the session.
    pub client_id: i32,
    /// Account; must match the session's.
    pub account: String,
}

impl Default for IbkrConfig {
    fn default() -> Self {
        Self { address: "127.0.0.1:4002".into(), client_id: 1, account: String::new() }
    }
}

/// Where the journal is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `sqlite:PATH`; a relative path is below the data directory.
    pub url: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { url: "sqlite:journal.db".into() }
    }
}

/// How the journal is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JournalConfig {
    /// `power`: a commit survives a power failure (an fsync each). `process`: it survives a kill of the process, and the
    /// last commits may be lost on power failure. Unset: `power` when time is live, `process` for a replay, whose
    /// input can be run again.
    pub durability: Option<tensortrade_journal::Durability>,
    /// Longest time an event that nobody waits for stays uncommitted.
    pub commit_interval_ms: u64,
    /// Events after which a snapshot of the state is written.
    pub snapshot_every_events: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { durability: None, commit_interval_ms: 50, snapshot_every_events: 20_000 }
    }
}

/// The dashboard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on, such as `127.0.0.1:8080`; empty for none.
    pub listen: String,
}

/// The control socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlConfig {
    /// Longest time a draining stop may take before actors are killed.
    pub drain_deadline_ms: u64,
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self { drain_deadline_ms: 10_000 }
    }
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, on stderr.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// What to log, in the syntax of `RUST_LOG`: `info`, `warn,tensortrade=debug`.
    pub level: String,
    /// Form.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "warn".into(), format: LogFormat::Text }
    }
}

/// What the name of an instrument does not tell. Every field is optional.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstrumentConfig {
    /// Kind.
    pub asset_class: Option<AssetClass>,
    /// Smallest price step.
    pub tick_size: Option<Price>,
    /// Smallest quantity step.
    pub lot: Option<Qty>,
    /// Units of the underlying per unit of quantity.
    pub multiplier: Option<Qty>,
    /// Currency of prices.
    pub currency: Option<Currency>,
    /// Sector.
    pub sector: Option<String>,
    /// Trading hours.
    pub sessions: Option<SessionKind>,
}
