//! What the broker holds, read from a copy of the paper account's file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use serde::Serialize;
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_broker::paper::{PaperBroker, PaperOptions};
use tensortrade_broker::{Broker, BrokerOrder, Execution};
use tensortrade_market::order::ClientOrderId;
use tensortrade_market::{Currency, Money, Qty, Symbol, Ts};

/// What the broker has made of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AtBroker {
    /// It never arrived.
    Absent,
    /// It works, or is on its way to the exchange.
    Works,
    /// It works, with a part executed.
    PartFilled,
    /// It is done.
    Done,
}

impl AtBroker {
    /// For people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "never arrived",
            Self::Works => "works",
            Self::PartFilled => "part filled",
            Self::Done => "done",
        }
    }
}

/// Positions and cash.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// What is not flat.
    pub positions: BTreeMap<Symbol, Qty>,
    /// By currency.
    pub cash: BTreeMap<Currency, Money>,
}

/// The broker's own books, read from a copy of its file.
#[derive(Debug, Clone)]
pub struct Books {
    /// Positions and cash.
    pub holdings: Holdings,
    /// Every execution.
    pub executions: Vec<Execution>,
    /// Orders that work or are on their way.
    pub open: Vec<BrokerOrder>,
    /// Orders that are done.
    pub completed: Vec<BrokerOrder>,
}

impl Books {
    /// What became of each order that came from the node.
    #[must_use]
    pub fn orders(&self) -> BTreeMap<&ClientOrderId, AtBroker> {
        let mut orders = BTreeMap::new();
        for order in &self.completed {
            orders.extend(order.client_order_id.as_ref().map(|id| (id, AtBroker::Done)));
        }
        for order in &self.open {
            let at = if order.filled > Qty::ZERO { AtBroker::PartFilled } else { AtBroker::Works };
            orders.extend(order.client_order_id.as_ref().map(|id| (id, at)));
        }
        orders
    }

    /// Reads the account of a node that is not running, without touching it. `None` when there is none yet.
    pub fn read(data_dir: &Path, options: &PaperOptions) -> Result<Option<Self>, Failure> {
        let original = data_dir.join("paper").join("paper.books");
        if !original.exists() {
            return Ok(None);
        }
        let copy = Copy::of(&original)?;
        let options = PaperOptions { path: copy.path.clone(), ..options.clone() };
        let failed = |e: tensortrade_broker::BrokerError| Failure::new(Code::CheckFailed, e);
        let mut account =
            PaperBroker::open(options).or_fail(Code::CheckFailed, || "the paper account".into())?;
        let positions = block_on(account.positions()).map_err(failed)?;
        let holdings = Holdings {
            positions: positions.iter().map(|p| (p.symbol, p.qty)).collect(),
            cash: block_on(account.account()).map_err(failed)?.cash,
        };
        Ok(Some(Self {
            holdings,
            executions: block_on(account.executions(Ts::MIN)).map_err(failed)?,
            open: block_on(account.open_orders()).map_err(failed)?,
            completed: block_on(account.completed_orders(Ts::MIN)).map_err(failed)?,
        }))
    }
}

/// A copy of a file in a folder of its own, both gone with this value.
struct Copy {
    folder: PathBuf,
    path: PathBuf,
}

impl Copy {
    fn of(original: &Path) -> Result<Self, Failure> {
        let folder = original.with_file_name("looked-at");
        std::fs::create_dir_all(&folder).or_fail(Code::Failure, || folder.display().to_string())?;
        let path = folder.join("paper.books");
        std::fs::copy(original, &path).or_fail(Code::Failure, || path.display().to_string())?;
        Ok(Self { folder, path })
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What is left is overwritten by the next look.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
