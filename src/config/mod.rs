//! Configuration: what can be set, its defaults, and where each value came from.
//!
//! Layers, lowest first: the defaults below, `--config` files in order, `--profile`, environment variables
//! `TENSORTRADE_SECTION__KEY`, `--set section.key=value`, and the flags of the command. An unknown key or a value out of
//! range is refused with key, value, range and source.

mod backup;
mod environment;
mod keys;
mod layers;
mod sections;
mod validate;

pub use backup::{BackupConfig, SimBackupConfig};
pub use layers::{Loaded, load};
pub use sections::{
    BarsConfig, BreakerConfig, BrokerConfig, BrokerKind, ControlConfig, FeedConfig, FeedSource, HttpConfig,
    IbkrConfig, InstrumentConfig, JournalConfig, LogConfig, LogFormat, NodeConfig, RuntimeConfig, Speed,
    StoreConfig,
};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_market::Symbol;

/// Everything that can be set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Identity and place.
    pub node: NodeConfig,
    /// Threads.
    pub runtime: RuntimeConfig,
    /// Market data.
    pub feed: FeedConfig,
    /// Bars.
    pub bars: BarsConfig,
    /// Features.
    pub features: tensortrade_features::FeatureConfig,
    /// Regime thresholds.
    pub regime: tensortrade_regime::ThresholdConfig,
    /// The rules policy.
    pub policy: tensortrade_policy::RulesConfig,
    /// Turning target weights into orders.
    pub execution: tensortrade_execution::PlanConfig,
    /// Risk limits.
    pub risk: tensortrade_risk::Limits,
    /// What trips the breaker.
    pub breaker: BreakerConfig,
    /// Where orders go.
    pub broker: BrokerConfig,
    /// Where the journal is.
    pub store: StoreConfig,
    /// How the journal is written.
    pub journal: JournalConfig,
    /// The dashboard.
    pub http: HttpConfig,
    /// The control socket.
    pub control: ControlConfig,
    /// Logs.
    pub log: LogConfig,
    /// Currency conversion.
    pub fx: tensortrade_portfolio::FxConfig,
    /// Instruments whose name does not tell enough.
    pub instruments: BTreeMap<Symbol, InstrumentConfig>,
}
