//! From a node put together to one that trades: the tree is started, the control plane is its last child, and data waits
//! until journal and broker have been compared.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tensortrade_actors::market::hub::{AddRefused, HubCommand};
use tensortrade_actors::stopwatch::Stopwatch;
use tensortrade_actors::supervision::{ChildSpec, Env, ExitLatch, Root};
use tensortrade_actors::trading::breaker::BreakerMsg;
use tensortrade_actors::trading::reconciler::ReconcileOutcome;
use tensortrade_market::{Symbol, Timeframe};
use tensortrade_risk::breaker::{BreakerState, Scope};
use tokio::sync::watch;

use super::run::RunOptions;
use super::signals::Stop;
use super::supervision_log::JournalledSupervision;
use super::tree::{self, Materials, Parts};
use super::wrap::ActorWrap;
use crate::config::{self, Config};
use crate::control::handler::{Identity, Plane};
use crate::exit::{Code, Failure, OrFail};

/// Longest wait for the tree to come up.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Starts the tree: every actor inside `wrap`, `control` as its last child. The latch hears when supervision gives up.
pub async fn bring_up<W: ActorWrap>(
    config: &Config,
    parts: &Arc<Parts>,
    materials: Materials,
    control: ChildSpec,
    wrap: &W,
) -> Result<(Root, ExitLatch), Failure> {
    let spec = tree::specify(parts, materials, control, wrap).map_err(|e| Failure::new(Code::BadInput, e))?;
    let latch = exit_latch(parts);
    let log = JournalledSupervision {
        journal: parts.journal.clone(),
        hub: parts.hub.clone(),
        symbols_path: format!("{}/root/market/symbols", config.node.id),
        clock: Arc::new(parts.clock.clone()),
        restarts: parts.restarts.clone(),
    };
    let env = Env::new(config.node.id.as_str(), config.feed.seed, log, latch.clone());
    let root = Root::start(spec, env).await.or_fail(Code::Failure, || "the tree cannot start".into())?;
    Ok((root, latch))
}

/// Waits until the node has reconciled and its first symbols have joined. Data flows once `parts.open` says so.
pub async fn make_ready(parts: &Parts, symbols: Option<BTreeSet<Symbol>>) -> Result<(), Failure> {
    wait_until_reconciled(parts).await?;
    add_first_symbols(parts, symbols).await
}

/// What the control plane can reach.
pub fn plane(
    options: &RunOptions,
    config: &Config,
    parts: &Arc<Parts>,
    account: &str,
    decision: Timeframe,
    stop: watch::Sender<Stop>,
    wall: Stopwatch,
) -> Plane {
    Plane {
        identity: Identity {
            node: config.node.id.clone(),
            feed: config.feed.source.to_string(),
            account: account.to_owned(),
            mode: "paper".to_owned(),
        },
        started: wall,
        decision,
        hub: parts.hub.clone(),
        hub_stats: parts.hub_stats.clone(),
        portfolio: parts.portfolio.clone(),
        risk: parts.risk.clone(),
        execution: parts.execution.clone(),
        execution_stats: parts.execution_stats.clone(),
        reconciler: parts.reconciler.clone(),
        reconciled: parts.reconciled.subscribe(),
        journal_failed: parts.journal_failed.subscribe(),
        breaker: parts.breaker.clone(),
        breaker_view: parts.breaker_view.clone(),
        journal: parts.journal.clone(),
        journal_stats: parts.journal_stats.clone(),
        tree: std::sync::OnceLock::new(),
        flags: parts.flags.clone(),
        restarts: parts.restarts.clone(),
        tick_to_decision: parts.tick_to_decision.clone(),
        clock: Arc::new(parts.clock.clone()),
        config: std::sync::Mutex::new(config::Loaded {
            config: config.clone(),
            figment: options.loaded.figment.clone(),
            sources: options.loaded.sources.clone(),
            flags: options.loaded.flags.clone(),
        }),
        stop,
    }
}

/// The control plane as the tree's last child: it starts after everything it can reach.
pub(super) fn control_child(
    listener: tokio::net::UnixListener,
    plane: Arc<Plane>,
) -> Result<ChildSpec, Failure> {
    let listener = listener.into_std().or_fail(Code::Failure, || "control socket".into())?;
    let listener = Arc::new(listener);
    Ok(ChildSpec::new("control", "control plane", move |start| {
        let (listener, plane) = (listener.clone(), plane.clone());
        async move {
            let failed = |e: std::io::Error| ractor::SpawnErr::StartupFailed(e.into());
            let copy = listener.try_clone().map_err(failed)?;
            let socket = tokio::net::UnixListener::from_std(copy).map_err(failed)?;
            let args = crate::control::actor::ControlArgs { socket, plane };
            let (actor, join) = <crate::control::actor::Control as ractor::Actor>::spawn_linked(
                Some(start.name),
                crate::control::actor::Control,
                args,
                start.supervisor,
            )
            .await?;
            Ok((actor.into(), join))
        }
    }))
}

/// Breaker trips that supervisors ask for go to the breaker; exits go to the run.
fn exit_latch(parts: &Arc<Parts>) -> ExitLatch {
    let (route, view) = (parts.breaker.clone(), parts.breaker_view.clone());
    ExitLatch::new(move |scope, reason| {
        let scope = scope.parse::<Scope>().unwrap_or(Scope::Node);
        let sent = route.cast(BreakerMsg::Trip {
            scope,
            level: BreakerState::Reducing,
            reason: reason.to_owned(),
            by: "supervision".to_owned(),
            cools_down: false,
            reply: None,
        });
        if !sent {
            view.gate.halt();
        }
    })
}

async fn wait_until_reconciled(parts: &Parts) -> Result<(), Failure> {
    let mut results = parts.reconciled.subscribe();
    let first = tokio::time::timeout(START_DEADLINE, results.wait_for(Option::is_some)).await;
    match first {
        Ok(Ok(outcome)) => match outcome.as_ref() {
            Some(ReconcileOutcome::Clean { .. }) => Ok(()),
            Some(ReconcileOutcome::Differs(differences)) => {
                tell!("journal and broker differ; no order leaves until they agree:");
                for d in differences {
                    tell!("  {}: journal {}, broker {}", d.what, d.ours, d.theirs);
                }
                Ok(())
            }
            Some(ReconcileOutcome::Unavailable(why)) => Err(Failure::new(Code::BrokerUnavailable, why)),
            None => Err(Failure::new(Code::Failure, "the reconciler gave no result")),
        },
        Ok(Err(_)) => Err(Failure::new(Code::Failure, "the reconciler ended")),
        Err(_) => {
            Err(Failure::new(Code::Failure, format_args!("the tree did not come up in {START_DEADLINE:?}")))
        }
    }
}

async fn add_first_symbols(
    parts: &Parts,
    symbols: Option<std::collections::BTreeSet<Symbol>>,
) -> Result<(), Failure> {
    let (symbols, by) =
        (symbols.unwrap_or_default().into_iter().collect::<Vec<_>>(), "configuration".to_owned());
    if symbols.is_empty() {
        return Ok(());
    }
    let limit = START_DEADLINE + Duration::from_millis(10 * symbols.len() as u64);
    let added = parts.hub.ask(limit, |reply| HubCommand::AddMany { symbols, by, reply }).await;
    let added = added.map_err(|error| Failure::new(Code::Failure, error))?;
    match added.into_iter().find_map(|(_, outcome)| outcome.err()) {
        None => Ok(()),
        Some(AddRefused::Unknown(why) | AddRefused::Other(why)) => {
            Err(Failure::new(Code::Refused, format_args!("--symbols: {why}")))
        }
    }
}
