//! Events and stores for the tests.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;
use tensortrade_journal::event::{
    Approved, BookedFill, Breaker, BreakerState, Command, Decided, Decision, EndReason, Equity, Lease,
    LeaseAction, Opened, OrderStateChange, OrderStatus, Reconciliation, Regime, RunEnded, RunStarted,
    StepBar, StepClosed, Submitted, Watchlist, WatchlistAction,
};
use tensortrade_journal::store::MemoryDisk;
use tensortrade_journal::{
    Access, AccountKind, Durability, Event, Identity, JournalError, JournalWriter, MemoryStore, Real, Row,
    SqliteStore, Store, Table,
};
use tensortrade_market::order::{
    BrokerOrderId, ClientOrderId, Commission, ExecId, Fill, IntentId, OrderIntent, OrderKind, OrderTerms,
    Side, TimeInForce,
};
use tensortrade_market::{Bar, Currency, Money, Price, Qty, Symbol, Timeframe, Ts};

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::intern(name).unwrap()
}

pub(crate) fn at(secs: i64) -> Ts {
    Ts::from_secs(1_500_000_000 + secs)
}

pub(crate) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(crate) fn qty(text: &str) -> Qty {
    text.parse().unwrap()
}

pub(crate) fn real(value: f64) -> Real {
    Real::new(value).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity { account: AccountKind::Paper, venue: "paper".into(), label: "test".into(), created_at: at(0) }
}

pub(crate) fn write_access(durability: Durability) -> Access {
    Access::Write { identity: identity(), durability }
}

/// A journal's place, which outlives the stores opened on it.
pub(crate) enum Place {
    Memory(std::sync::Mutex<Option<MemoryDisk>>),
    Sqlite(TempDir),
}

impl Place {
    pub(crate) fn memory() -> Self {
        Self::Memory(std::sync::Mutex::new(None))
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Memory(_) => panic!("memory has no path"),
            Self::Sqlite(folder) => folder.path().join("journal.sqlite"),
        }
    }

    pub(crate) fn disk(&self) -> MemoryDisk {
        match self {
            Self::Memory(disk) => disk.lock().unwrap().clone().unwrap(),
            Self::Sqlite(_) => panic!("a file is no memory"),
        }
    }

    pub(crate) async fn try_open(
        &self,
        identity: &Identity,
        durability: Durability,
    ) -> Result<Box<dyn Store>, JournalError> {
        match self {
            Self::Memory(disk) => {
                let mut disk = disk.lock().unwrap();
                let store = match &*disk {
                    Some(disk) => MemoryStore::reopen(disk, identity, durability)?,
                    None => MemoryStore::create(identity, durability),
                };
                *disk = Some(store.disk());
                Ok(Box::new(store))
            }
            Self::Sqlite(_) => {
                let access = Access::Write { identity: identity.clone(), durability };
                Ok(Box::new(SqliteStore::open(self.path(), access).await?))
            }
        }
    }

    pub(crate) async fn open(&self) -> Box<dyn Store> {
        self.try_open(&identity(), Durability::Power).await.unwrap()
    }

    pub(crate) async fn writer(&self) -> JournalWriter {
        JournalWriter::open(self.open().await).await.unwrap().0
    }
}

/// Every table, whole.
pub(crate) async fn dump(store: &mut dyn Store) -> Vec<(Table, Vec<Row>)> {
    let mut tables = Vec::new();
    for table in Table::ALL {
        tables.push((*table, store.rows(*table, None, usize::MAX >> 1).await.unwrap()));
    }
    tables
}

/// Stages and commits events, recorded a second apart.
pub(crate) async fn write(writer: &mut JournalWriter, events: &[Event]) {
    for event in events {
        let recorded_at = at(i64::try_from(writer.state().head.seq).unwrap());
        writer.stage(event, recorded_at).unwrap();
    }
    writer.commit().await.unwrap();
}

pub(crate) fn run_started(resumed: bool) -> Event {
    RunStarted {
        version: "0.1.0".into(),
        feed: "sim".into(),
        inputs: Vec::new(),
        seed: 7,
        mode: "paper".into(),
        config_hash: "c0ffee".into(),
        resumed,
        ts: at(0),
    }
    .into()
}

pub(crate) fn opened() -> Event {
    let cash = BTreeMap::from([(Currency::USD, Money::from_units(100_000).unwrap())]);
    Opened { account: "DU1".into(), account_id: None, cash, ts: at(0) }.into()
}

pub(crate) fn reconciled() -> Event {
    Reconciliation { ts: at(0), clean: true, differences: Vec::new() }.into()
}

pub(crate) fn terms(name: &str, side: Side, quantity: &str) -> OrderTerms {
    OrderTerms {
        symbol: symbol(name),
        side,
        qty: qty(quantity),
        kind: OrderKind::Limit { limit: price("101.25") },
        tif: TimeInForce::GoodTillDate(at(86_400)),
    }
}

pub(crate) fn intent(step: i64, terms: OrderTerms) -> OrderIntent {
    OrderIntent {
        id: IntentId::derive("rules", terms.symbol, at(60 * step), 0),
        strategy: "rules".into(),
        decided_at: at(60 * step),
        terms,
        reference: price("100.5"),
        reason: "trend, \"up\"".into(),
    }
}

pub(crate) fn approved(intent: &OrderIntent) -> Approved {
    Approved {
        intent_id: intent.id.clone(),
        terms: intent.terms,
        approved_at: intent.decided_at,
        expires_at: intent.decided_at.plus_nanos(5_000_000_000),
        reservation: Money::from_units(1000).unwrap(),
    }
}

pub(crate) fn submitted(intent: &OrderIntent) -> Submitted {
    Submitted {
        client_order_id: intent.client_order_id(),
        intent_id: intent.id.clone(),
        terms: intent.terms,
        lease_epoch: 1,
        ts: intent.decided_at,
    }
}

pub(crate) fn state_change(id: &ClientOrderId, from: OrderStatus, to: OrderStatus, ts: Ts) -> Event {
    OrderStateChange {
        client_order_id: id.clone(),
        broker_order_id: Some(BrokerOrderId::new("b1").unwrap()),
        from,
        to,
        filled: Qty::ZERO,
        reason: "broker says so".into(),
        ts,
    }
    .into()
}

pub(crate) fn fill(
    exec: &str,
    order: Option<&ClientOrderId>,
    terms: &OrderTerms,
    at_price: &str,
    ts: Ts,
) -> BookedFill {
    BookedFill {
        fill: Fill {
            venue: "paper".into(),
            exec_id: ExecId::new(exec).unwrap(),
            client_order_id: order.cloned(),
            broker_order_id: BrokerOrderId::new("b1").unwrap(),
            symbol: terms.symbol,
            side: terms.side,
            qty: terms.qty,
            price: price(at_price),
            ts,
        },
        multiplier: qty("1"),
        currency: Currency::USD,
    }
}

pub(crate) fn commission(exec: &str) -> Commission {
    Commission {
        venue: "paper".into(),
        exec_id: ExecId::new(exec).unwrap(),
        amount: "0.35".parse().unwrap(),
        currency: Currency::USD,
    }
}

pub(crate) fn step(number: i64, names: &[&str]) -> StepClosed {
    let ts = at(60 * number);
    let bar = |close: &str| {
        let start = ts.plus_nanos(-60_000_000_000);
        Bar::ohlcv(start, ts, [price("100"), price("102.5"), price("99.75"), price(close)], qty("1200"))
    };
    StepClosed {
        ts,
        step: u64::try_from(number).unwrap(),
        bars: names
            .iter()
            .map(|name| StepBar { symbol: symbol(name), timeframe: Timeframe::MINUTE, bar: bar("101") })
            .collect(),
        gaps: Vec::new(),
        regime: Some(Regime { label: "calm".into(), probabilities: vec![real(0.75), real(0.25)] }),
        decision: Decision {
            features: vec!["ret_1m".into(), "vol_1h".into()],
            rows: names
                .iter()
                .map(|name| Decided {
                    symbol: symbol(name),
                    weight: real(0.1 / 3.0),
                    confidence: real(0.6),
                    values: vec![Some(real(1e-5)), None],
                })
                .collect(),
        },
        equity: Some(Equity {
            currency: Currency::USD,
            cash: Money::from_units(90_000).unwrap(),
            equity: Money::from_units(100_000).unwrap(),
            gross: Money::from_units(10_000).unwrap(),
            net: Money::from_units(10_000).unwrap(),
            realised: Money::ZERO,
            unrealised: "12.5".parse().unwrap(),
            fees: "0.35".parse().unwrap(),
        }),
    }
}

pub(crate) fn breaker(scope: &str, from: BreakerState, to: BreakerState) -> Event {
    Breaker { scope: scope.into(), from, to, reason: "loss".into(), by: "drawdown".into(), ts: at(1) }.into()
}

pub(crate) fn added(name: &str) -> Event {
    let action = WatchlistAction::Added;
    Watchlist { action, symbol: symbol(name), reason: "configuration".into(), ts: at(0) }.into()
}

/// An intent's whole life: decided, approved, sent, filled, paid for.
pub(crate) fn trade(step: i64, name: &str, side: Side, quantity: &str, at_price: &str) -> Vec<Event> {
    let intent = intent(step, terms(name, side, quantity));
    let id = intent.client_order_id();
    let exec = format!("e-{name}-{step}");
    let ts = intent.decided_at;
    vec![
        intent.clone().into(),
        approved(&intent).into(),
        submitted(&intent).into(),
        state_change(&id, OrderStatus::Submitted, OrderStatus::Sent, ts),
        state_change(&id, OrderStatus::Sent, OrderStatus::Working, ts),
        fill(&exec, Some(&id), &intent.terms, at_price, ts).into(),
        state_change(&id, OrderStatus::Working, OrderStatus::Filled, ts),
        commission(&exec).into(),
    ]
}

/// A run with something of everything, which keeps every promise.
pub(crate) fn day() -> Vec<Event> {
    let lease = Lease { epoch: 1, action: LeaseAction::Taken, holder: "node".into(), ts: at(0) };
    let command = Command {
        uid: 1000,
        command: "watchlist add AIG".into(),
        allowed: false,
        outcome: "refused, \"role\"\nsecond line".into(),
        ts: at(3),
    };
    let mut events =
        vec![run_started(false), opened(), lease.into(), reconciled(), added("IBM"), added("AIG")];
    for number in 1..=20 {
        events.push(step(number, &["AIG", "IBM"]).into());
        let (side, quantity) = if number % 3 == 0 { (Side::Sell, "150") } else { (Side::Buy, "100") };
        events.extend(trade(number, "IBM", side, quantity, "100.333333333"));
        events.extend(trade(number, "AIG", side.opposite(), "0.5", "61.07"));
    }
    events.push(command.into());
    events.push(breaker("node", BreakerState::Normal, BreakerState::Halted));
    events.push(breaker("node", BreakerState::Halted, BreakerState::Normal));
    events.push(RunEnded { reason: EndReason::Clean, steps: 20, trace_hash: None, ts: at(60 * 21) }.into());
    events
}
