//! Crash points: a node that kills itself at the n-th occasion of a named point of the order path.
//!
//! The node knows nothing of it. Its store and its broker stand behind the doors of [`Trap`], which counts what passes and, at
//! the occasion that was asked for, raises SIGKILL in its own process: between two instructions, as a kill from outside does.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::ValueEnum;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tensortrade::node::ports::Ports;
use tensortrade_broker::{
    AccountSnapshot, Broker, BrokerError, BrokerEvent, BrokerOrder, BrokerPosition, Execution, MarketBatch,
};
use tensortrade_journal::event::OrderStatus;
use tensortrade_journal::store::{PAGE_EVENTS_MAX, Rebuilt};
use tensortrade_journal::{
    Cell, Envelope, Event, Head, JournalError, Kind, Meta, Row, RowSet, Snapshot, Store, Table,
};
use tensortrade_market::order::{ClientOrderId, OrderTerms};
use tensortrade_market::{Instrument, Ts};

/// Every so many orders, the answer to one is lost where a trap asks for orders of unknown outcome.
const LOSE_EVERY: u32 = 3;

/// A place on an order's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Approved, and nothing of it on record.
    BeforeIntent,
    /// Intent, approval and outbox record are durable; nothing was sent.
    AfterIntent,
    /// The broker has it; the node has not heard back.
    AfterSend,
    /// The broker's acknowledgement has arrived, and is not on record.
    AfterAck,
    /// Between two executions of one order.
    MidFill,
    /// Inside the journal's transaction.
    MidCommit,
}

impl Point {
    /// All of them, along the way.
    pub const ALL: [Self; 6] = [
        Self::BeforeIntent,
        Self::AfterIntent,
        Self::AfterSend,
        Self::AfterAck,
        Self::MidFill,
        Self::MidCommit,
    ];

    /// The name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeIntent => "before-intent",
            Self::AfterIntent => "after-intent",
            Self::AfterSend => "after-send",
            Self::AfterAck => "after-ack",
            Self::MidFill => "mid-fill",
            Self::MidCommit => "mid-commit",
        }
    }
}

/// What a trap leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where it struck.
    pub point: Point,
    /// Orders not done, by their state in the journal on disk at that moment.
    pub alive: BTreeMap<OrderStatus, u32>,
    /// First and last event of the transaction that was under way.
    pub events: Option<(u64, u64)>,
}

/// When to strike.
#[derive(Debug, Clone)]
pub struct When {
    /// Where.
    pub point: Point,
    /// Only while an order is in this state on disk.
    pub state: Option<OrderStatus>,
    /// At which of these occasions, from 1.
    pub nth: u32,
    /// Turns of an empty loop between the note and the kill, so that a transaction is cut at different places.
    pub spin: u32,
    /// Where the note goes.
    pub note: PathBuf,
}

struct State {
    when: When,
    /// Orders not done, as the journal on disk has them.
    alive: BTreeMap<ClientOrderId, OrderStatus>,
    primed: bool,
    passed: u32,
    placed: u32,
}

impl State {
    fn learn(&mut self, events: &[Envelope]) {
        for envelope in events {
            if !matches!(envelope.kind, Kind::Submitted | Kind::OrderState) {
                continue;
            }
            match Event::decode(&envelope.payload) {
                Ok(Event::Submitted(e)) => {
                    self.alive.insert(e.client_order_id, OrderStatus::Submitted);
                }
                Ok(Event::OrderState(e)) if e.to.is_terminal() => {
                    self.alive.remove(&e.client_order_id);
                }
                Ok(Event::OrderState(e)) => {
                    self.alive.insert(e.client_order_id, e.to);
                }
                _ => {}
            }
        }
    }

    /// An occasion. The last one does not return.
    fn reach(&mut self, point: Point, events: Option<(u64, u64)>) {
        let when = &self.when;
        if when.point != point || when.state.is_some_and(|state| !self.alive.values().any(|s| *s == state)) {
            return;
        }
        self.passed += 1;
        if self.passed < when.nth {
            return;
        }
        let mut alive = BTreeMap::new();
        self.alive.values().for_each(|state| *alive.entry(*state).or_default() += 1);
        // Without its note the kill would count for nothing: then it is left out, and the campaign says so.
        let Ok(text) = serde_json::to_string(&Note { point, alive, events }) else { return };
        if std::fs::write(&when.note, text).is_err() {
            return;
        }
        for _ in 0..when.spin {
            std::hint::spin_loop();
        }
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGKILL);
    }
}

/// The doors of a node that will kill itself.
#[derive(Clone)]
pub struct Trap(Arc<Mutex<State>>);

impl Trap {
    /// Armed.
    #[must_use]
    pub fn new(when: When) -> Self {
        let state = State { when, alive: BTreeMap::new(), primed: false, passed: 0, placed: 0 };
        Self(Arc::new(Mutex::new(state)))
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Ports for Trap {
    fn store(&self, inner: Box<dyn Store>) -> Box<dyn Store> {
        Box::new(TrappedStore { inner, trap: self.clone() })
    }

    fn broker(&self, inner: Box<dyn Broker>) -> Box<dyn Broker> {
        Box::new(TrappedBroker { inner, trap: self.clone() })
    }
}

struct TrappedStore {
    inner: Box<dyn Store>,
    trap: Trap,
}

impl TrappedStore {
    async fn commit(&mut self, events: &[Envelope], rows: Option<&RowSet>) -> Result<(), JournalError> {
        if !self.trap.with(|state| std::mem::replace(&mut state.primed, true)) {
            let mut after = 0;
            loop {
                let page = self.inner.read(after, PAGE_EVENTS_MAX).await?;
                let Some(last) = page.last() else { break };
                after = last.seq;
                self.trap.with(|state| state.learn(&page));
            }
        }
        let order = events.iter().any(|e| e.kind == Kind::Submitted);
        let money = events.iter().any(|e| matches!(e.kind, Kind::Submitted | Kind::OrderState | Kind::Fill));
        if order {
            self.trap.with(|state| state.reach(Point::BeforeIntent, None));
        }
        let under_way = events.first().zip(events.last()).map(|(first, last)| (first.seq, last.seq));
        let trap = self.trap.clone();
        let mut stored = match rows {
            Some(rows) => self.inner.append(events, rows),
            None => self.inner.append_events(events),
        };
        let mut told = false;
        let outcome = poll_fn(|context| {
            let polled = stored.as_mut().poll(context);
            // Under way: the store's own thread is at work on the transaction.
            if polled.is_pending() && money && !std::mem::replace(&mut told, true) {
                trap.with(|state| state.reach(Point::MidCommit, under_way));
            }
            polled
        })
        .await;
        outcome?;
        self.trap.with(|state| state.learn(events));
        if order {
            self.trap.with(|state| state.reach(Point::AfterIntent, None));
        }
        Ok(())
    }
}

impl Store for TrappedStore {
    fn meta(&self) -> &Meta {
        self.inner.meta()
    }

    fn place(&self) -> &str {
        self.inner.place()
    }

    fn durable_upto(&self) -> u64 {
        self.inner.durable_upto()
    }

    fn head(&self) -> Head {
        self.inner.head()
    }

    fn append<'a>(
        &'a mut self,
        events: &'a [Envelope],
        rows: &'a RowSet,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.commit(events, Some(rows)).boxed()
    }

    fn append_events<'a>(&'a mut self, events: &'a [Envelope]) -> BoxFuture<'a, Result<(), JournalError>> {
        self.commit(events, None).boxed()
    }

    fn append_rows(&mut self, rows: RowSet, upto: u64) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.append_rows(rows, upto)
    }

    fn is_busy(&self) -> bool {
        self.inner.is_busy()
    }

    fn settled(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.settled()
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, JournalError>> {
        self.inner.sync()
    }

    fn read(&mut self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Envelope>, JournalError>> {
        self.inner.read(after, limit)
    }

    fn put_snapshot_part<'a>(
        &'a mut self,
        seq: u64,
        part: u32,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.inner.put_snapshot_part(seq, part, bytes)
    }

    fn seal_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>> {
        self.inner.seal_snapshot(snapshot)
    }

    fn snapshot_numbers(&mut self) -> BoxFuture<'_, Result<Vec<u64>, JournalError>> {
        self.inner.snapshot_numbers()
    }

    fn snapshot(&mut self, seq: u64) -> BoxFuture<'_, Result<Option<Snapshot>, JournalError>> {
        self.inner.snapshot(seq)
    }

    fn rows<'a>(
        &'a mut self,
        table: Table,
        after: Option<&'a [Cell]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, JournalError>> {
        self.inner.rows(table, after, limit)
    }

    fn row_counts(&mut self) -> BoxFuture<'_, Result<BTreeMap<Table, u64>, JournalError>> {
        self.inner.row_counts()
    }

    fn rebuild(&mut self) -> BoxFuture<'_, Result<Rebuilt, JournalError>> {
        self.inner.rebuild()
    }

    fn freeze(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.freeze()
    }

    fn thaw(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.thaw()
    }

    fn check(&mut self) -> BoxFuture<'_, Result<Vec<String>, JournalError>> {
        self.inner.check()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), JournalError>> {
        self.inner.close()
    }
}

struct TrappedBroker {
    inner: Box<dyn Broker>,
    trap: Trap,
}

impl Broker for TrappedBroker {
    fn venue(&self) -> &str {
        self.inner.venue()
    }

    fn on_market(&mut self, batch: &MarketBatch) {
        self.inner.on_market(batch);
    }

    fn on_watermark(&mut self, watermark: Ts) {
        self.inner.on_watermark(watermark);
    }

    fn on_instrument(&mut self, instrument: &Instrument) {
        self.inner.on_instrument(instrument);
    }

    fn place<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        async move {
            self.inner.place(id, terms, now).await?;
            let lost = self.trap.with(|state| {
                state.reach(Point::AfterSend, None);
                state.placed += 1;
                state.when.state == Some(OrderStatus::Unknown) && state.placed.is_multiple_of(LOSE_EVERY)
            });
            // The broker has it, and nobody says so.
            if lost { Err(BrokerError::Timeout("the answer is lost".into())) } else { Ok(()) }
        }
        .boxed()
    }

    fn cancel<'a>(&'a mut self, id: &'a ClientOrderId, now: Ts) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.inner.cancel(id, now)
    }

    fn modify<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        self.inner.modify(id, terms, now)
    }

    fn drain_events(&mut self, out: &mut Vec<BrokerEvent>) {
        let before = out.len();
        self.inner.drain_events(out);
        let fresh = out.get(before..).unwrap_or_default();
        let filled: BTreeSet<ClientOrderId> = fresh
            .iter()
            .filter_map(|event| match event {
                BrokerEvent::Fill(fill) => fill.client_order_id.clone(),
                _ => None,
            })
            .collect();
        if fresh.iter().any(|event| matches!(event, BrokerEvent::Accepted { .. })) {
            self.trap.with(|state| state.reach(Point::AfterAck, None));
        }
        if !filled.is_empty()
            && let Some(Ok(open)) = self.inner.open_orders().now_or_never()
            && open.iter().any(|order| order.client_order_id.as_ref().is_some_and(|id| filled.contains(id)))
        {
            self.trap.with(|state| state.reach(Point::MidFill, None));
        }
    }

    fn events_ready(&mut self) -> BoxFuture<'static, ()> {
        self.inner.events_ready()
    }

    fn open_orders(&mut self) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        self.inner.open_orders()
    }

    fn completed_orders(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        self.inner.completed_orders(since)
    }

    fn executions(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<Execution>, BrokerError>> {
        self.inner.executions(since)
    }

    fn positions(&mut self) -> BoxFuture<'_, Result<Vec<BrokerPosition>, BrokerError>> {
        self.inner.positions()
    }

    fn account(&mut self) -> BoxFuture<'_, Result<AccountSnapshot, BrokerError>> {
        self.inner.account()
    }
}
