//! The broker's port with its faults, in front of a paper exchange that outlives the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_broker::paper::{PaperBroker, VENUE};
use tensortrade_broker::{
    AccountSnapshot, Broker, BrokerError, BrokerEvent, BrokerOrder, BrokerPosition, Connection, Execution,
    MarketBatch, RejectCode,
};
use tensortrade_market::order::{ClientOrderId, OrderTerms, Side};
use tensortrade_market::{Instrument, Qty, Ts};

use crate::history::{Fact, Reached};
use crate::plan::{Fault, Kind};
use crate::world::World;

/// First letters of the ids of orders that were given by hand.
pub const BY_HAND: &str = "hand-";

/// A session only knows the ids of its own orders: what was traded by hand has none.
fn own(id: &mut Option<ClientOrderId>) {
    if id.as_ref().is_some_and(|id| id.as_str().starts_with(BY_HAND)) {
        *id = None;
    }
}

/// Whether a report is about an order of this node: of others only executions are told.
fn concerns_us(event: &BrokerEvent) -> bool {
    let id = match event {
        BrokerEvent::Accepted { client_order_id, .. }
        | BrokerEvent::Rejected { client_order_id, .. }
        | BrokerEvent::Cancelled { client_order_id, .. }
        | BrokerEvent::Expired { client_order_id, .. }
        | BrokerEvent::Modified { client_order_id, .. }
        | BrokerEvent::RequestRejected { client_order_id, .. } => client_order_id,
        BrokerEvent::Fill(_) | BrokerEvent::Commission(_) | BrokerEvent::Connection { .. } => return true,
    };
    !id.as_str().starts_with(BY_HAND)
}

/// The exchange, shared by all lives of the process.
#[derive(Clone)]
pub struct Account(Arc<Mutex<PaperBroker>>);

impl Account {
    /// Around a new exchange.
    #[must_use]
    pub fn new(broker: PaperBroker) -> Self {
        Self(Arc::new(Mutex::new(broker)))
    }

    /// The exchange itself.
    pub fn lock(&self) -> MutexGuard<'_, PaperBroker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever the exchange had to tell a process that has died is told to nobody.
    pub fn forget_events(&self) {
        self.lock().drain_events(&mut Vec::new());
    }
}

/// The paper exchange answers at once; this is for the case that it ever does not.
fn at_once<T>(answer: Option<Result<T, BrokerError>>) -> Result<T, BrokerError> {
    answer
        .unwrap_or_else(|| Err(BrokerError::Timeout("the simulated exchange did not answer at once".into())))
}

/// One process's connection to the exchange.
pub struct FaultyBroker {
    account: Account,
    world: Arc<World>,
    /// Boundaries until the connection is back.
    down: u32,
    /// Queries that still fail.
    deaf: u32,
    /// Deliveries that still come twice.
    twice: u32,
    /// Acknowledgements that still never come.
    unacknowledged: u32,
    /// Events that come late: deliveries left, event.
    held: Vec<(u32, BrokerEvent)>,
    /// Events of the connection's own making.
    own: Vec<BrokerEvent>,
    now: Ts,
}

impl FaultyBroker {
    /// A new connection.
    #[must_use]
    pub fn new(account: Account, world: Arc<World>) -> Self {
        let (held, own) = (Vec::new(), Vec::new());
        Self { account, world, down: 0, deaf: 0, twice: 0, unacknowledged: 0, held, own, now: Ts::MIN }
    }

    /// The order arrives.
    fn reach(&mut self, id: &ClientOrderId, terms: &OrderTerms, now: Ts) -> Result<(), BrokerError> {
        let mut account = self.account.lock();
        let open = at_once(account.open_orders().now_or_never())?;
        let positions = at_once(account.positions().now_or_never())?;
        // Orders given by hand are no concern of the node's limits until they are executed.
        let ours = |order: &&BrokerOrder| {
            order.client_order_id.as_ref().is_some_and(|id| !id.as_str().starts_with(BY_HAND))
        };
        let in_symbol: Vec<&BrokerOrder> =
            open.iter().filter(ours).filter(|order| order.terms.symbol == terms.symbol).collect();
        let left = |side: Side| {
            let of_side = in_symbol.iter().filter(|order| order.terms.side == side);
            let raw: i64 = of_side.map(|order| order.terms.qty.raw() - order.filled.raw()).sum();
            Qty::from_raw(raw)
        };
        self.world.note(Fact::Reached(Reached {
            id: id.clone(),
            terms: *terms,
            now,
            position: positions.iter().find(|p| p.symbol == terms.symbol).map_or(Qty::ZERO, |p| p.qty),
            open_buys: left(Side::Buy),
            open_sells: left(Side::Sell),
            open_orders: in_symbol.len(),
        }));
        at_once(account.place(id, terms, now).now_or_never())
    }

    fn connection(&mut self, state: Connection) {
        self.own.push(BrokerEvent::Connection { state, reason: "chaos".into(), ts: self.now });
    }

    fn ask<T>(
        &mut self,
        answer: impl FnOnce(&mut PaperBroker) -> Option<Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        if self.down > 0 {
            return Err(BrokerError::Disconnected("chaos".into()));
        }
        if let Some(fault) = self.world.take(&[Kind::BooksFail], "") {
            self.deaf = fault.amount;
        }
        if self.deaf > 0 {
            self.deaf -= 1;
            return Err(BrokerError::Timeout("chaos".into()));
        }
        at_once(answer(&mut self.account.lock()))
    }

    /// What happens to events on their way.
    fn disturb(&mut self, mut fresh: Vec<BrokerEvent>) -> Vec<BrokerEvent> {
        if self.down > 0 {
            // What happens while nobody is connected is told to nobody.
            return Vec::new();
        }
        const KINDS: &[Kind] =
            &[Kind::EventsDelayed, Kind::EventsReordered, Kind::EventsDuplicated, Kind::AckMissing];
        if !fresh.is_empty()
            && let Some(Fault { kind, amount, .. }) = self.world.take(KINDS, "")
        {
            match kind {
                Kind::EventsDelayed => self.held.extend(fresh.drain(..).map(|event| (amount, event))),
                Kind::EventsReordered => {
                    // The first half comes later than what follows it, and backwards.
                    let rest = fresh.split_off(fresh.len().div_ceil(2));
                    let first = std::mem::replace(&mut fresh, rest);
                    self.held.extend(first.into_iter().rev().map(|event| (amount, event)));
                    fresh.reverse();
                }
                Kind::EventsDuplicated => self.twice = amount,
                _ => self.unacknowledged = amount,
            }
        }
        if self.unacknowledged > 0 {
            let before = fresh.len();
            fresh.retain(|event| !matches!(event, BrokerEvent::Accepted { .. }));
            if fresh.len() < before {
                self.unacknowledged -= 1;
            }
        }
        if self.twice > 0 && !fresh.is_empty() {
            self.twice -= 1;
            fresh.extend_from_within(..);
        }
        fresh
    }
}

impl Broker for FaultyBroker {
    fn venue(&self) -> &str {
        VENUE
    }

    fn on_market(&mut self, batch: &MarketBatch) {
        if self.world.pass() {
            self.account.lock().on_market(batch);
        }
    }

    fn on_watermark(&mut self, watermark: Ts) {
        if !self.world.pass() {
            return;
        }
        self.now = watermark;
        if self.down > 0 {
            self.down = if self.world.healing() { 0 } else { self.down - 1 };
            if self.down == 0 {
                self.connection(Connection::Up);
            }
        }
        self.account.lock().on_watermark(watermark);
    }

    fn on_instrument(&mut self, instrument: &Instrument) {
        if self.world.pass() {
            self.account.lock().on_instrument(instrument);
        }
    }

    fn place<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            if self.down > 0 {
                return Err(BrokerError::Disconnected("chaos".into()));
            }
            const KINDS: &[Kind] = &[
                Kind::PlaceTimeout,
                Kind::PlaceLost,
                Kind::PlaceReject,
                Kind::PlaceNotSent,
                Kind::PlaceSlow,
                Kind::PlaceTwice,
                Kind::DisconnectMidSend,
            ];
            let fault = self.world.take(KINDS, "");
            match fault.as_ref().map(|fault| fault.kind) {
                Some(Kind::PlaceLost) => std::future::pending().await,
                Some(Kind::PlaceNotSent) => Err(BrokerError::NotSent("chaos".into())),
                Some(Kind::PlaceReject) => {
                    self.own.push(BrokerEvent::Rejected {
                        client_order_id: id.clone(),
                        code: RejectCode::Other,
                        reason: "chaos".into(),
                        ts: now,
                    });
                    Ok(())
                }
                Some(Kind::PlaceSlow) => {
                    let ms = fault.map_or(0, |fault| u64::from(fault.amount));
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    self.world.pass_or_hang().await;
                    self.reach(id, terms, now)
                }
                Some(Kind::PlaceTwice) => {
                    self.reach(id, terms, now)?;
                    // The wire's doing, not the node's: no second order reached the broker in the record.
                    let again = self.account.lock().place(id, terms, now).now_or_never();
                    let _refused = at_once(again);
                    Ok(())
                }
                Some(Kind::PlaceTimeout) => {
                    self.reach(id, terms, now)?;
                    std::future::pending().await
                }
                Some(Kind::DisconnectMidSend) => {
                    self.reach(id, terms, now)?;
                    self.down = fault.map_or(1, |fault| fault.amount.max(1));
                    self.held.clear();
                    self.connection(Connection::Down);
                    Err(BrokerError::Disconnected("chaos".into()))
                }
                _ => self.reach(id, terms, now),
            }
        }
        .boxed()
    }

    fn cancel<'a>(&'a mut self, id: &'a ClientOrderId, now: Ts) -> BoxFuture<'a, Result<(), BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            if self.down > 0 {
                return Err(BrokerError::Disconnected("chaos".into()));
            }
            let kinds = [Kind::CancelLost, Kind::CancelTimeout, Kind::CancelRefused];
            match self.world.take(&kinds, "").map(|fault| fault.kind) {
                Some(Kind::CancelLost) => std::future::pending().await,
                Some(Kind::CancelTimeout) => {
                    at_once(self.account.lock().cancel(id, now).now_or_never())?;
                    std::future::pending().await
                }
                Some(_) => {
                    self.own.push(BrokerEvent::RequestRejected {
                        client_order_id: id.clone(),
                        code: RejectCode::Other,
                        reason: "chaos".into(),
                        ts: now,
                    });
                    Ok(())
                }
                None => at_once(self.account.lock().cancel(id, now).now_or_never()),
            }
        }
        .boxed()
    }

    fn modify<'a>(
        &'a mut self,
        id: &'a ClientOrderId,
        terms: &'a OrderTerms,
        now: Ts,
    ) -> BoxFuture<'a, Result<(), BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            at_once(self.account.lock().modify(id, terms, now).now_or_never())
        }
        .boxed()
    }

    fn drain_events(&mut self, out: &mut Vec<BrokerEvent>) {
        if !self.world.pass() {
            return;
        }
        if self.world.healing() {
            self.held.iter_mut().for_each(|(left, _)| *left = 0);
        }
        let mut late = Vec::new();
        self.held.retain_mut(|(left, event)| {
            *left = left.saturating_sub(1);
            if *left == 0 {
                late.push(event.clone());
            }
            *left > 0
        });
        let mut fresh = Vec::new();
        self.account.lock().drain_events(&mut fresh);
        fresh.retain(concerns_us);
        for event in &mut fresh {
            if let BrokerEvent::Fill(fill) = event {
                own(&mut fill.client_order_id);
            }
        }
        out.append(&mut self.own);
        out.append(&mut late);
        out.extend(self.disturb(fresh));
    }

    fn events_ready(&mut self) -> BoxFuture<'static, ()> {
        std::future::pending().boxed()
    }

    fn open_orders(&mut self) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            let mut orders = self.ask(|account| account.open_orders().now_or_never())?;
            orders.iter_mut().for_each(|order| own(&mut order.client_order_id));
            Ok(orders)
        }
        .boxed()
    }

    fn completed_orders(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<BrokerOrder>, BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            let mut orders = self.ask(|account| account.completed_orders(since).now_or_never())?;
            orders.iter_mut().for_each(|order| own(&mut order.client_order_id));
            Ok(orders)
        }
        .boxed()
    }

    fn executions(&mut self, since: Ts) -> BoxFuture<'_, Result<Vec<Execution>, BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            let mut executions = self.ask(|account| account.executions(since).now_or_never())?;
            executions.iter_mut().for_each(|execution| own(&mut execution.fill.client_order_id));
            Ok(executions)
        }
        .boxed()
    }

    fn positions(&mut self) -> BoxFuture<'_, Result<Vec<BrokerPosition>, BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            self.ask(|account| account.positions().now_or_never())
        }
        .boxed()
    }

    fn account(&mut self) -> BoxFuture<'_, Result<AccountSnapshot, BrokerError>> {
        async move {
            self.world.pass_or_hang().await;
            self.ask(|account| account.account().now_or_never())
        }
        .boxed()
    }
}
