//! Carries out what comes over the control socket. Every command is journalled with who gave it; denials too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};
use tensortrade_actors::market::hub::{AddRefused, Added, HubCommand, HubHandle, HubStats};
use tensortrade_actors::ops::door::JournalDoor;
use tensortrade_actors::ops::journal::JournalStats;
use tensortrade_actors::route::Route;
use tensortrade_actors::stopwatch::{Latency, Stopwatch};
use tensortrade_actors::supervision::{ReleaseReply, TreeView};
use tensortrade_actors::trading::breaker::{BreakerMsg, BreakerView};
use tensortrade_actors::trading::execution::{ExecutionMsg, ExecutionStats};
use tensortrade_actors::trading::portfolio::PortfolioMsg;
use tensortrade_actors::trading::reconciler::{ReconcileOutcome, ReconcilerMsg};
use tensortrade_actors::trading::risk::{RiskMsg, TradingFlags};
use tensortrade_journal::event;
use tensortrade_market::{Clock, Symbol, Timeframe};
use tensortrade_portfolio::PortfolioView;
use tensortrade_risk::breaker::{Authority, BreakerState, Scope};
use tokio::sync::watch;

use super::protocol::{Outcome, Reply, Request};
use super::scopes::parse_symbols;
use super::socket::Handle;
use crate::config;
use crate::node::derived;
use crate::node::signals::Stop;
use crate::node::summary::Rows;

/// Longest wait for an actor's answer.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Longest wait for a reconciliation: it has tries and deadlines of its own.
const RECONCILE_DEADLINE: Duration = Duration::from_secs(30);
/// Longest reason that is kept of an acceptance, in characters.
const REASON_MAX: usize = 500;
/// Longest wait for the hub, which may be at work for others.
const HUB_DEADLINE: Duration = Duration::from_secs(45);
/// Time that an add may take beyond that, per symbol: ten thousand take a second or two on an idle machine, of which the
/// running market has its half; a busy machine may need twenty times as long.
pub(super) const fn add_time(symbols: usize) -> Duration {
    Duration::from_millis(10 * symbols as u64)
}

/// What a status shows that does not change while the node runs.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The node's id.
    pub node: String,
    /// The feed in a word.
    pub feed: String,
    /// The account's name.
    pub account: String,
    /// `paper` or `live`.
    pub mode: String,
}

/// Everything the control plane can reach.
pub struct Plane {
    /// Who this node is.
    pub identity: Identity,
    /// When it started.
    pub started: Stopwatch,
    /// The timeframe of decisions: limits are derived for it.
    pub decision: Timeframe,
    /// The feed hub.
    pub hub: HubHandle,
    /// Counts of the hub.
    pub hub_stats: Arc<HubStats>,
    /// The portfolio.
    pub portfolio: Route<PortfolioMsg>,
    /// Risk.
    pub risk: Route<RiskMsg>,
    /// Execution.
    pub execution: Route<ExecutionMsg>,
    /// Counts of execution.
    pub execution_stats: Arc<ExecutionStats>,
    /// The reconciler.
    pub reconciler: Route<ReconcilerMsg>,
    /// What the reconciler last found.
    pub reconciled: watch::Receiver<Option<ReconcileOutcome>>,
    /// Why nothing can be recorded any more.
    pub journal_failed: watch::Receiver<Option<String>>,
    /// The breaker.
    pub breaker: Route<BreakerMsg>,
    /// The breaker's state.
    pub breaker_view: Arc<BreakerView>,
    /// The journal.
    pub journal: JournalDoor,
    /// Counts of the journal.
    pub journal_stats: Arc<JournalStats>,
    /// The supervision tree.
    pub tree: std::sync::OnceLock<TreeView>,
    /// Reconciled, lease held.
    pub flags: Arc<TradingFlags>,
    /// Restarts so far.
    pub restarts: Arc<std::sync::atomic::AtomicU64>,
    /// Latency of decisions.
    pub tick_to_decision: Arc<Latency>,
    /// The market clock.
    pub clock: Arc<dyn Clock>,
    /// Where the configuration came from, and what it is.
    pub config: std::sync::Mutex<config::Loaded>,
    /// Ends the node.
    pub stop: watch::Sender<Stop>,
}

impl Handle for Plane {
    fn handle(&self, uid: u32, request: Request) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let text = serde_json::to_string(&request).unwrap_or_else(|e| format!("unprintable: {e}"));
            let reply = self.carry_out(uid, request).await;
            let allowed = reply.outcome != Outcome::Refused;
            self.record(uid, text, allowed, reply.message.clone());
            reply
        })
    }

    fn denied(&self, uid: u32, what: String) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.record(uid, what, false, "denied".into()) })
    }
}

impl Plane {
    fn record(&self, uid: u32, command: String, allowed: bool, outcome: String) {
        let event = event::Command { uid, command, allowed, outcome, ts: self.clock.now() };
        self.journal.note(vec![event.into()]);
    }

    async fn carry_out(&self, uid: u32, request: Request) -> Reply {
        match request {
            Request::Status => self.status().await,
            Request::Tree => match self.tree.get().map(|tree| serde_json::to_value(tree.snapshot())) {
                Some(Ok(tree)) => Reply::ok("", tree),
                Some(Err(error)) => {
                    Reply::not_ok(Outcome::Failed, format!("the tree cannot be shown: {error}"))
                }
                None => Reply::not_ok(Outcome::Failed, "the tree is still starting"),
            },
            Request::WatchlistAdd { symbols } => self.add(uid, symbols).await,
            Request::WatchlistRemove { symbols, flatten } => self.remove(uid, symbols, flatten).await,
            Request::WatchlistList => {
                match self.hub.ask(HUB_DEADLINE, |reply| HubCommand::List { reply }).await {
                    Ok(members) => Reply::ok("", json!(members)),
                    Err(error) => Reply::not_ok(Outcome::Failed, error.to_string()),
                }
            }
            Request::Halt { scope } => {
                self.trip(uid, &scope, BreakerState::Reducing, format!("halted by user {uid}")).await
            }
            Request::Resume { scope, reason } => self.reset(uid, &scope, &reason).await,
            Request::Breaker => Reply::ok("", json!(self.breaker_view.summary())),
            Request::BreakerTrip { reason } => self.trip(uid, "node", BreakerState::Reducing, reason).await,
            Request::BreakerReset { reason } => self.reset(uid, "node", &reason).await,
            Request::Positions => self.positions().await,
            Request::Orders => {
                match self.execution.ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Orders { reply }).await {
                    Ok(orders) => Reply::ok("", json!(orders)),
                    Err(error) => Reply::not_ok(Outcome::Failed, format!("execution: {error}")),
                }
            }
            Request::Reconcile => self.reconcile().await,
            Request::ReconcileAccept { reason } => self.accept_broker(uid, reason).await,
            Request::Flatten { confirm } => self.flatten(&confirm).await,
            Request::ConfigReload => self.reload().await,
            Request::Shutdown => {
                self.stop.send_modify(|s| *s = (*s).max(Stop::Drain));
                Reply::ok("draining; the node stops when open work is done", Value::Null)
            }
        }
    }

    pub(super) async fn view(&self) -> Result<PortfolioView, Reply> {
        let now = self.clock.now();
        self.portfolio
            .ask(ANSWER_DEADLINE, |reply| PortfolioMsg::View { now, reply })
            .await
            .map_err(|error| Reply::not_ok(Outcome::Failed, format!("portfolio: {error}")))
    }

    /// Why no order leaves, or no new risk: the first reason of several, the gravest first.
    fn halted_because(&self) -> Option<String> {
        if let Some(why) = self.journal_failed.borrow().as_ref() {
            return Some(format!("the journal cannot be written: {why}"));
        }
        match self.reconciled.borrow().as_ref() {
            Some(ReconcileOutcome::Unavailable(why)) => {
                return Some(format!("the broker's books cannot be had: {why}"));
            }
            Some(ReconcileOutcome::Differs(differences)) => {
                let one =
                    |d: &event::Difference| format!("{}: journal {}, broker {}", d.what, d.ours, d.theirs);
                let all: Vec<String> = differences.iter().map(one).collect();
                return Some(format!("journal and broker differ: {}", all.join("; ")));
            }
            Some(ReconcileOutcome::Clean { .. }) | None => {}
        }
        if self.breaker_view.gate.state() == BreakerState::Normal {
            return None;
        }
        let scopes = self.breaker_view.summary().scopes;
        let open = scopes.into_iter().find(|row| row.scope == Scope::Node.to_string());
        Some(open.map_or_else(
            || "the breaker is open, and its record is on its way".to_owned(),
            |row| format!("the breaker was opened by {}: {}", row.by, row.reason),
        ))
    }

    async fn status(&self) -> Reply {
        let view = match self.view().await {
            Ok(view) => view,
            Err(reply) => return reply,
        };
        let worth = view.valuation().ok();
        let money = |m: Option<tensortrade_market::Money>| m.map(|m| m.to_string());
        let orders = self.execution_stats.read();
        Reply::ok(
            "",
            json!({
                "node": self.identity.node,
                "mode": self.identity.mode,
                "account": self.identity.account,
                "feed": self.identity.feed,
                "uptime_s": self.started.elapsed().as_secs(),
                "market_time": self.clock.now().to_string(),
                "ticks": self.hub_stats.rows.load(Ordering::Relaxed),
                "rows": Rows::of(&self.hub_stats),
                "steps": self.hub_stats.steps.load(Ordering::Relaxed),
                "reconciled": self.flags.reconciled.load(Ordering::Acquire),
                "breaker": self.breaker_view.gate.state(),
                "halted_because": self.halted_because(),
                "currency": view.base(),
                "equity": money(worth.map(|w| w.equity)),
                "cash": money(worth.map(|w| w.cash)),
                "gross": money(worth.map(tensortrade_portfolio::Valuation::gross)),
                "positions": view.open_positions().count(),
                "orders": { "intents": orders.intents, "sent": orders.sent, "filled": orders.filled, "unknown": orders.unknown_now },
                "fills": orders.fills,
                "refused": self.execution_stats.refusals(),
                "restarts": self.restarts.load(Ordering::Relaxed),
                "journal_events": self.journal_stats.events.load(Ordering::Relaxed),
                "tick_to_decision_us": self.tick_to_decision.quantiles(),
                "feeds": self.hub_stats.feed_health(),
                "conflated_quotes": self.hub_stats.conflated.load(Ordering::Relaxed),
                "dropped_trades": self.hub_stats.dropped_trades.load(Ordering::Relaxed),
            }),
        )
    }

    async fn add(&self, uid: u32, names: Vec<String>) -> Reply {
        let symbols = match parse_symbols(&names) {
            Ok(symbols) => symbols,
            Err(reply) => return reply,
        };
        let by = format!("user {uid}");
        let limit = HUB_DEADLINE + add_time(symbols.len());
        let added = self.hub.ask(limit, |reply| HubCommand::AddMany { symbols, by, reply }).await;
        let added = match added {
            Ok(added) => added,
            Err(error) => return Reply::not_ok(Outcome::Failed, error.to_string()),
        };
        let mut refused = Vec::new();
        let outcomes: Vec<Value> = added
            .into_iter()
            .map(|(symbol, outcome)| match outcome {
                Ok(Added::Joined { warm_up_bars }) => {
                    json!({ "symbol": symbol, "outcome": "joined", "warm_up_bars": warm_up_bars })
                }
                Ok(Added::Already) => json!({ "symbol": symbol, "outcome": "already there" }),
                Err(AddRefused::Unknown(why) | AddRefused::Other(why)) => {
                    let row = json!({ "symbol": symbol, "outcome": "refused", "reason": why });
                    refused.push(why);
                    row
                }
            })
            .collect();
        let message = match refused.as_slice() {
            [] => return Reply::ok("", json!(outcomes)),
            [why] => why.clone(),
            [why, more @ ..] => format!("{why}; {} more are refused, the others are in", more.len()),
        };
        Reply { outcome: Outcome::Refused, message, data: json!(outcomes) }
    }

    async fn remove(&self, uid: u32, names: Vec<String>, flatten: bool) -> Reply {
        let symbols = match parse_symbols(&names) {
            Ok(symbols) => symbols,
            Err(reply) => return reply,
        };
        let members = match self.hub.ask(HUB_DEADLINE, |reply| HubCommand::List { reply }).await {
            Ok(members) => members,
            Err(error) => return Reply::not_ok(Outcome::Failed, error.to_string()),
        };
        if let Some(stranger) = symbols.iter().find(|s| !members.iter().any(|m| m.symbol == **s)) {
            return Reply::not_ok(Outcome::Refused, format!("{stranger} is not on the watchlist"));
        }
        let view = match self.view().await {
            Ok(view) => view,
            Err(reply) => return reply,
        };
        let open = match self.execution.ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Orders { reply }).await {
            Ok(orders) => orders,
            Err(error) => return Reply::not_ok(Outcome::Failed, format!("execution: {error}")),
        };
        let (busy, free): (Vec<Symbol>, Vec<Symbol>) =
            symbols.iter().partition(|s| !view.qty(**s).is_zero() || open.iter().any(|o| o.symbol == **s));
        if !flatten && let Some(symbol) = busy.first() {
            let qty = view.qty(*symbol);
            return Reply::not_ok(
                Outcome::Refused,
                format!("{symbol} has a position of {qty} or open orders; close it first, or use --flatten"),
            );
        }
        let mut outcomes = Vec::new();
        for symbol in free {
            let by = format!("user {uid}");
            match self.hub.ask(HUB_DEADLINE, |reply| HubCommand::Remove { symbol, by, reply }).await {
                Ok(_) => outcomes.push(json!({ "symbol": symbol, "outcome": "removed" })),
                Err(error) => return Reply::not_ok(Outcome::Failed, error.to_string()),
            }
        }
        outcomes.extend(busy.iter().map(|s| json!({ "symbol": s, "outcome": "closing, then removed" })));
        if !busy.is_empty() {
            self.portfolio.cast(PortfolioMsg::Close { symbols: busy, then_remove: true });
        }
        Reply::ok("", json!(outcomes))
    }

    async fn trip(&self, uid: u32, scope: &str, level: BreakerState, reason: String) -> Reply {
        let scope = match self.scope(scope).await {
            Ok(scope) => scope,
            Err(reply) => return reply,
        };
        if reason.trim().is_empty() {
            return Reply::not_ok(Outcome::Refused, "a reason is needed: --reason TEXT");
        }
        let by = format!("user {uid}");
        let answer = self
            .breaker
            .ask(ANSWER_DEADLINE, |reply| BreakerMsg::Trip {
                scope,
                level,
                reason,
                by,
                cools_down: false,
                reply: Some(reply),
            })
            .await;
        self.breaker_reply(answer, Outcome::Refused)
    }

    async fn reset(&self, uid: u32, scope: &str, reason: &str) -> Reply {
        let scope = match self.scope(scope).await {
            Ok(scope) => scope,
            Err(reply) => return reply,
        };
        let authority = match Authority::new(&format!("user {uid}"), reason) {
            Ok(authority) => authority,
            Err(error) => return Reply::not_ok(Outcome::Refused, error.to_string()),
        };
        // A symbol that supervision has given up on starts again; its breaker is closed with it, if it is open.
        if let Scope::Symbol(symbol) = &scope {
            let symbol = *symbol;
            match self.hub.ask(HUB_DEADLINE, |reply| HubCommand::Release { symbol, reply }).await {
                Ok(ReleaseReply::Released)
                    if self.breaker_view.load().state(&scope) == BreakerState::Normal =>
                {
                    return Reply::ok(
                        format!("{symbol} starts again and catches up"),
                        json!(self.breaker_view.summary()),
                    );
                }
                Ok(_) => {}
                Err(error) => return Reply::not_ok(Outcome::Failed, error.to_string()),
            }
        }
        let answer =
            self.breaker.ask(ANSWER_DEADLINE, |reply| BreakerMsg::Reset { scope, authority, reply }).await;
        self.breaker_reply(answer, Outcome::Refused)
    }

    fn breaker_reply(
        &self,
        answer: Result<Result<(), String>, tensortrade_actors::route::NoAnswer>,
        not_done: Outcome,
    ) -> Reply {
        match answer {
            Ok(Ok(())) => Reply::ok("", json!(self.breaker_view.summary())),
            Ok(Err(why)) => Reply::not_ok(not_done, why),
            Err(error) => Reply::not_ok(Outcome::Failed, format!("breaker: {error}")),
        }
    }

    async fn positions(&self) -> Reply {
        let view = match self.view().await {
            Ok(view) => view,
            Err(reply) => return reply,
        };
        let rows: Vec<Value> = view
            .open_positions()
            .map(|row| {
                let p = &row.position;
                json!({
                    "symbol": p.symbol,
                    "qty": p.qty,
                    "average_price": p.average_price(),
                    "price": p.mark.map(|m| m.price),
                    "currency": p.currency,
                    "exposure": row.exposure,
                })
            })
            .collect();
        Reply::ok("", json!(rows))
    }

    async fn reconcile(&self) -> Reply {
        let answer =
            self.reconciler.ask(RECONCILE_DEADLINE, |reply| ReconcilerMsg::Run { reply: Some(reply) }).await;
        Self::reconciled(answer)
    }

    /// Our books take over the broker's where nothing explains the difference.
    async fn accept_broker(&self, uid: u32, reason: String) -> Reply {
        if reason.trim().is_empty() {
            return Reply::not_ok(Outcome::Refused, "a reason is needed: --reason TEXT");
        }
        let (by, reason) = (format!("user {uid}"), reason.trim().chars().take(REASON_MAX).collect());
        let answer = self
            .reconciler
            .ask(RECONCILE_DEADLINE, |reply| ReconcilerMsg::Accept { by, reason, reply })
            .await;
        match answer {
            Ok(Err(why)) => Reply::not_ok(Outcome::Failed, format!("nothing was taken over: {why}")),
            Ok(Ok(outcome)) => Self::reconciled(Ok(outcome)),
            Err(error) => Self::reconciled(Err(error)),
        }
    }

    fn reconciled(answer: Result<ReconcileOutcome, tensortrade_actors::route::NoAnswer>) -> Reply {
        match answer {
            Ok(ReconcileOutcome::Clean { checked }) => {
                Reply::ok("", json!({ "clean": true, "checked": checked, "differences": [] }))
            }
            Ok(ReconcileOutcome::Differs(differences)) => Reply {
                outcome: Outcome::CheckFailed,
                message: format!(
                    "journal and broker differ in {} places; no order leaves",
                    differences.len()
                ),
                data: json!({ "clean": false, "differences": differences }),
            },
            Ok(ReconcileOutcome::Unavailable(why)) => Reply::not_ok(Outcome::BrokerUnavailable, why),
            Err(error) => Reply::not_ok(Outcome::Failed, format!("reconciler: {error}")),
        }
    }

    async fn flatten(&self, confirm: &str) -> Reply {
        if !confirm.eq_ignore_ascii_case(&self.identity.account) {
            return Reply::not_ok(
                Outcome::Refused,
                format!("the account is {}, not {confirm}; nothing was done", self.identity.account),
            );
        }
        let view = match self.view().await {
            Ok(view) => view,
            Err(reply) => return reply,
        };
        let symbols: Vec<Symbol> = view.open_positions().map(|row| row.position.symbol).collect();
        let count = symbols.len();
        self.portfolio.cast(PortfolioMsg::Close { symbols, then_remove: false });
        Reply::ok(format!("{count} positions are closed at the next steps"), json!({ "closing": count }))
    }

    async fn reload(&self) -> Reply {
        let (sources, flags) = {
            let loaded = self.config.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (loaded.sources.clone(), loaded.flags.clone())
        };
        let fresh = match config::load(&sources, &flags) {
            Ok(fresh) => fresh,
            Err(failure) => {
                return Reply::not_ok(Outcome::Refused, format!("nothing changed: {}", failure.message));
            }
        };
        let limits = Box::new(derived::limits(&fresh.config, self.decision));
        let applied = self.risk.ask(ANSWER_DEADLINE, |reply| RiskMsg::SetLimits { limits, reply }).await;
        match applied {
            Ok(Ok(())) => {
                self.config.lock().unwrap_or_else(std::sync::PoisonError::into_inner).config.risk =
                    fresh.config.risk;
                Reply::ok(
                    "risk limits are in force; everything else needs a restart",
                    json!({ "applied": ["risk"] }),
                )
            }
            Ok(Err(why)) => Reply::not_ok(Outcome::Refused, why),
            Err(error) => Reply::not_ok(Outcome::Failed, format!("risk: {error}")),
        }
    }
}
