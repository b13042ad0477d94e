//! What can be set on the paper exchange.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tensortrade_market::{Currency, Money, Price};

use super::commission::CommissionSchedule;
use super::error::PaperError;
use super::latency::{LATENCY_NS_MAX, Latency};
use super::liquidity::Liquidity;
use super::queue::QueueModel;
use super::slippage::SlippageBySource;

/// What a write to the books waits for. In both cases a record is with the operating system before anybody learns of
/// it, so it survives `kill -9` of the node at any point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fsync {
    /// Nothing more: a power failure or a crash of the operating system may lose the last seconds. They are lost from
    /// the end, or the loss is found when the account is opened.
    #[default]
    Never,
    /// The disk, at every write: survives a power failure, and costs an fsync per request and per batch that fills.
    OnFlush,
}

/// What happens to orders that arrive while the market is closed. `ImmediateOrCancel` and `FillOrKill` are always
/// rejected then: there is no "at once".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenClosed {
    /// They wait for the open.
    #[default]
    Wait,
    /// They are rejected.
    Reject,
}

/// Everything that can be set. The starting cash counts only when the account is made: afterwards its file is the truth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PaperOptions {
    /// The account's file. Beside it live `.lock`, and after compactions the older segments `.0001`, `.0002`, ...
    pub path: PathBuf,
    /// The account's name; 1 to 32 visible ASCII characters.
    pub account: String,
    /// What will tell a new account from every other of its name; an account that there is keeps its own. Not configured:
    /// whoever opens the account gives one.
    #[serde(skip)]
    pub identity: String,
    /// The currency in which buying power is reckoned.
    pub base_currency: Currency,
    /// Cash of a new account. Default 1,000,000 USD.
    pub starting_cash: BTreeMap<Currency, Money>,
    /// Largest gross exposure (positions and working orders), percent of equity. Default 400.
    pub leverage_max_percent: u32,
    /// Value of one unit of a currency in the base currency. Without an entry: dollar stablecoins count as dollars, a
    /// known forex pair gives its price, anything else counts one to one. Used for buying power only.
    pub fx_rates: BTreeMap<Currency, Price>,
    /// Travel time of requests.
    pub latency: Latency,
    /// Price moved against those who take.
    pub slippage: SlippageBySource,
    /// Share of the market's size our orders may have.
    pub liquidity: Liquidity,
    /// Queue position of resting orders.
    pub queue: QueueModel,
    /// What executions cost.
    pub commission: CommissionSchedule,
    /// Whether a limit equal to a bar's low (buy) or high (sell) fills. Default false: the price must be passed.
    pub bar_touch_fills: bool,
    /// Whether orders are matched in extended hours. Default false.
    pub extended_hours: bool,
    /// Orders that arrive while the market is closed.
    pub when_closed: WhenClosed,
    /// A quote side older than this is unknown: prints are used instead, nanoseconds. Default 60 s.
    pub quote_stale_ns: i64,
    /// A quote wider than this, percent of its midpoint, fills no market order and triggers no stop: stub quotes are no
    /// market. Default 10.
    pub quote_spread_max_percent: u32,
    /// Most orders that may work at once; more are rejected. Default 100,000.
    pub open_orders_max: usize,
    /// Completed orders and executions kept in memory and answered from, each. Older ones are in the file's segments
    /// only. Default 10,000.
    pub history_max: usize,
    /// What a write waits for.
    pub fsync: Fsync,
    /// Size at which the file is compacted, bytes. Default 64 MiB.
    pub compact_bytes: u64,
}

impl Default for PaperOptions {
    fn default() -> Self {
        Self {
            path: PathBuf::from("paper.books"),
            account: "PAPER".to_owned(),
            identity: String::new(),
            base_currency: Currency::USD,
            starting_cash: BTreeMap::from([(Currency::USD, Money::from_micros(1_000_000 * Money::ONE))]),
            leverage_max_percent: 400,
            fx_rates: BTreeMap::new(),
            latency: Latency::default(),
            slippage: SlippageBySource::default(),
            liquidity: Liquidity::default(),
            queue: QueueModel::default(),
            commission: CommissionSchedule::default(),
            bar_touch_fills: false,
            extended_hours: false,
            when_closed: WhenClosed::default(),
            quote_stale_ns: 60_000_000_000,
            quote_spread_max_percent: 10,
            open_orders_max: 100_000,
            history_max: 10_000,
            fsync: Fsync::default(),
            compact_bytes: 64 << 20,
        }
    }
}

impl PaperOptions {
    /// Checks every range.
    pub fn validate(&self) -> Result<(), PaperError> {
        let refuse = |key, value: String, reason: &str| {
            Err(PaperError::Options { key, value, reason: reason.to_owned() })
        };
        let range = |key, value: i128, low: i128, high: i128| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                refuse(key, value.to_string(), &format!("allowed are {low} to {high}"))
            }
        };
        if !(1..=32).contains(&self.account.len()) || !self.account.bytes().all(|b| b.is_ascii_graphic()) {
            return refuse(
                "account",
                format!("{:?}", self.account),
                "allowed are 1 to 32 visible ASCII characters",
            );
        }
        if let Some((code, cash)) = self.starting_cash.iter().find(|(_, cash)| **cash < Money::ZERO) {
            return refuse("starting_cash", format!("{cash} {code}"), "an account cannot begin with a debt");
        }
        if let Some((code, rate)) = self.fx_rates.iter().find(|(_, rate)| **rate <= Price::ZERO) {
            return refuse("fx_rates", format!("{rate} for {code}"), "a rate is more than zero");
        }
        if !self.commission.is_sane() {
            return refuse("commission", format!("{:?}", self.commission), "no amount may be negative");
        }
        let day_ns = 86_400_000_000_000;
        range("leverage_max_percent", self.leverage_max_percent.into(), 1, 100_000)?;
        range("latency.ticks_ns", self.latency.ticks_ns.into(), 0, LATENCY_NS_MAX.into())?;
        range("latency.bars_ns", self.latency.bars_ns.into(), 0, LATENCY_NS_MAX.into())?;
        range("latency.jitter_ns", self.latency.jitter_ns.into(), 0, LATENCY_NS_MAX.into())?;
        range("liquidity.print_percent", self.liquidity.print_percent.into(), 1, 100)?;
        range("liquidity.bar_percent", self.liquidity.bar_percent.into(), 1, 100)?;
        range("quote_stale_ns", self.quote_stale_ns.into(), 1, day_ns)?;
        range("quote_spread_max_percent", self.quote_spread_max_percent.into(), 1, 200)?;
        range("open_orders_max", self.open_orders_max as i128, 1, 1_000_000)?;
        range("history_max", self.history_max as i128, 1, 10_000_000)?;
        range("compact_bytes", self.compact_bytes.into(), 4_096, 1 << 40)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_their_text_form() {
        let options = PaperOptions::default();
        options.validate().unwrap();
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(serde_json::from_str::<PaperOptions>(&text).unwrap(), options);
        assert_eq!(serde_json::from_str::<PaperOptions>("{}").unwrap(), options);
        assert!(
            serde_json::from_str::<PaperOptions>(r#"{"leverage": 4}"#).is_err(),
            "unknown keys are refused"
        );
    }

    #[test]
    fn an_option_out_of_range_is_named_with_its_value_and_its_range() {
        let options = PaperOptions { leverage_max_percent: 0, ..PaperOptions::default() };
        let text = options.validate().unwrap_err().to_string();
        assert!(text.contains("leverage_max_percent = 0") && text.contains("1 to 100000"), "{text}");
        let mut options = PaperOptions::default();
        options.liquidity.bar_percent = 101;
        assert!(options.validate().unwrap_err().to_string().contains("liquidity.bar_percent = 101"));
        let options = PaperOptions { account: "two words".into(), ..PaperOptions::default() };
        assert!(options.validate().is_err());
    }
}
