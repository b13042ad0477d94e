//! What comes from outside the node: commands, hands, other nodes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use ractor::SupervisionEvent;
use tensortrade::control::handler::Plane;
use tensortrade::control::protocol::Request;
use tensortrade::control::socket::Handle;
use tensortrade::node::tree::Parts;
use tensortrade_broker::Broker;
use tensortrade_market::order::{ClientOrderId, OrderKind, OrderTerms, Side, TimeInForce};
use tensortrade_market::{Qty, Symbol};

use super::breaker;
use crate::broker::{Account, BY_HAND};
use crate::disk::JournalDisk;
use crate::history::Fact;
use crate::plan::{Fault, Kind};
use crate::world::World;

/// Carries out what comes from outside: commands, hands, other nodes.
#[derive(Clone)]
pub(super) struct Driver {
    pub(super) world: Arc<World>,
    pub(super) parts: Arc<Parts>,
    pub(super) plane: Arc<Plane>,
    pub(super) account: Account,
    pub(super) disk: Arc<Mutex<JournalDisk>>,
}

/// An error that panics when it is shown: whoever is told of it panics in the middle of a message.
#[derive(Debug)]
struct PanicsWhenShown;

impl std::fmt::Display for PanicsWhenShown {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("chaos: a supervisor panics")
    }
}

impl std::error::Error for PanicsWhenShown {}

impl Driver {
    /// Carries out what is armed.
    pub(super) fn work(&self) {
        const KINDS: &[Kind] = &[
            Kind::SupervisorKill,
            Kind::SupervisorPanic,
            Kind::HubKill,
            Kind::MarketKill,
            Kind::ManualTrade,
            Kind::ClockJump,
            Kind::DoubleAdd,
            Kind::AddRemove,
            Kind::ResetWhileTripping,
            Kind::Halt,
            Kind::Reduce,
            Kind::Flatten,
            Kind::LeaseLost,
            Kind::SecondNode,
        ];
        // Faults with a target are taken whatever it is: the driver is the one who hits it.
        while let Some(fault) = self.world.take_any(KINDS) {
            self.carry_out(fault);
        }
    }

    fn carry_out(&self, fault: Fault) {
        let target = fault.target;
        match fault.kind {
            Kind::SupervisorKill => {
                kill(&target);
            }
            Kind::HubKill => kill_after("root/market/hub", fault.amount),
            Kind::MarketKill => kill_after("root/market", fault.amount),
            Kind::SupervisorPanic => panic_in(&target),
            Kind::ManualTrade => self.trade_by_hand(&target, fault.amount),
            Kind::ClockJump => {
                let jump = Duration::from_millis(u64::from(fault.amount));
                tokio::spawn(tokio::time::advance(jump));
            }
            Kind::DoubleAdd => {
                self.command(Request::WatchlistAdd { symbols: vec![target.clone()] });
                self.command(Request::WatchlistAdd { symbols: vec![target] });
            }
            Kind::AddRemove => {
                self.command(Request::WatchlistAdd { symbols: vec![target.clone()] });
                self.command(Request::WatchlistRemove { symbols: vec![target], flatten: true });
            }
            Kind::ResetWhileTripping => {
                self.command(Request::Halt { scope: target.clone() });
                self.command(Request::Resume { scope: target, reason: "chaos".into() });
            }
            Kind::Halt => self.command(Request::Halt { scope: target }),
            Kind::Reduce => self.command(Request::BreakerTrip { reason: "chaos".into() }),
            Kind::Flatten => self.command(Request::Flatten { confirm: self.plane.identity.account.clone() }),
            Kind::LeaseLost => {
                let driver = self.clone();
                tokio::spawn(async move { driver.lose_lease(fault.amount).await });
            }
            Kind::SecondNode => {
                let found = self.disk.lock().unwrap_or_else(PoisonError::into_inner).second_opener();
                self.world.note(found);
            }
            _ => {}
        }
    }

    /// A command, given without waiting for the one before.
    fn command(&self, request: Request) {
        let plane = self.plane.clone();
        tokio::spawn(async move { plane.handle(0, request).await });
    }

    /// Resets every scope that is not normal.
    pub(super) fn reset_breakers(&self) {
        for (scope, _) in breaker(&self.parts) {
            self.command(Request::Resume { scope, reason: "the faults are over".into() });
        }
    }

    fn trade_by_hand(&self, symbol: &str, units: u32) {
        let now = self.world.last();
        let id = ClientOrderId::new(format!("{BY_HAND}{}", now.nanos()));
        let (Ok(id), Ok(symbol)) = (id, Symbol::intern(symbol)) else { return };
        let side = if units.is_multiple_of(2) { Side::Buy } else { Side::Sell };
        let qty = Qty::from_units(i64::from(units)).unwrap_or(Qty::ZERO);
        let terms = OrderTerms { symbol, side, qty, kind: OrderKind::Market, tif: TimeInForce::Day };
        // What becomes of it is told by the exchange.
        let _ = self.account.lock().place(&id, &terms, now).now_or_never();
    }

    async fn lose_lease(&self, steps: u32) {
        let flag = &self.parts.flags.lease_held;
        self.world.note(Fact::Lease(false));
        flag.store(false, std::sync::atomic::Ordering::Release);
        let until = self.world.steps().saturating_add(steps);
        while self.world.steps() < until && !self.world.healing() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.world.note(Fact::Lease(true));
        flag.store(true, std::sync::atomic::Ordering::Release);
    }
}

/// Makes the supervisor at this path panic: it is told of a child's end with an error that cannot be shown.
fn panic_in(path: &str) {
    let above = format!("chaos/{path}/");
    let mut names = ractor::registry::registered();
    names.sort();
    let child = names.iter().filter(|name| name.strip_prefix(&above).is_some_and(|rest| !rest.contains('/')));
    if let Some(child) = child.filter_map(|name| ractor::registry::where_is(name.clone())).next() {
        let error = Box::new(PanicsWhenShown);
        child.notify_supervisor(SupervisionEvent::ActorFailed(child.clone(), error));
    }
}

/// Kills whoever is at this path, if anybody is.
fn kill(path: &str) {
    if let Some(cell) = ractor::registry::where_is(format!("chaos/{path}")) {
        cell.kill();
    }
}

fn kill_after(path: &'static str, ms: u32) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(u64::from(ms))).await;
        kill(path);
    });
}
