//! How the node is: whether it is well again after the faults, and what it comes to at rest.

use std::sync::PoisonError;
use std::time::Duration;

use tensortrade::exit::{Code, Failure};
use tensortrade::node::open;
use tensortrade_actors::market::hub::HubCommand;
use tensortrade_actors::supervision::{Root, StateView, TreeSnapshot};
use tensortrade_actors::trading::portfolio::PortfolioMsg;
use tensortrade_broker::Broker;
use tensortrade_journal::{Recovered, Store, fold_after, verify};
use tensortrade_market::{Clock, Ts};

use super::driver::Driver;
use super::{Stage, breaker};
use crate::disk::catch_up;
use crate::history::Rest;

/// Between the last step and rest: late events, two looks of the reconciler, a few commits.
const SETTLE: Duration = Duration::from_secs(20);

/// What should run or agree, and does not.
pub(super) fn health(driver: &Driver, root: &Root) -> Vec<String> {
    let mut ill = Vec::new();
    sick(&root.view.snapshot(), "", &mut ill);
    if !driver.parts.flags.reconciled.load(std::sync::atomic::Ordering::Acquire) {
        ill.push("not reconciled".into());
    }
    let unknown = driver.parts.execution_stats.read().unknown_now;
    if unknown > 0 {
        ill.push(format!("{unknown} orders of unknown outcome"));
    }
    ill.extend(driver.world.undecided(&running_symbols(&root.view.snapshot())));
    ill
}

fn sick(node: &TreeSnapshot, above: &str, ill: &mut Vec<String>) {
    let path = format!("{above}/{}", node.id);
    let given_up = matches!(node.state, StateView::Quarantined { .. }) && above.ends_with("/symbols");
    if node.state != StateView::Running && !given_up && !above.is_empty() {
        ill.push(format!("{path}: {:?}", node.state));
    }
    node.children.iter().for_each(|child| sick(child, &path, ill));
}

/// Symbols whose actors run.
fn running_symbols(node: &TreeSnapshot) -> Vec<String> {
    let below = node.children.iter().flat_map(running_symbols);
    let here = node.children.iter().filter(|child| node.id == "symbols" && child.state == StateView::Running);
    here.map(|child| child.id.to_string()).chain(below).collect()
}

/// Whom the dynamic supervisor of symbols runs actors for.
fn symbol_actors(node: &TreeSnapshot) -> Vec<String> {
    let below = node.children.iter().flat_map(symbol_actors);
    let here = node.children.iter().filter(|_| node.id == "symbols");
    here.map(|child| child.id.to_string()).chain(below).collect()
}

/// The data has ended: lets everything settle, then looks at node and broker, and stops the node in order.
#[expect(clippy::await_holding_lock, reason = "the paper exchange answers at once: nothing is waited for")]
pub(super) async fn at_rest(driver: Driver, root: Root, stage: &mut Stage) -> Result<Rest, Failure> {
    tokio::time::sleep(SETTLE).await;
    let parts = driver.parts.clone();
    let mut rest = Rest { down: health(&driver, &root), ..Rest::default() };
    rest.last_boundary = driver.world.last();
    rest.symbol_actors = symbol_actors(&root.view.snapshot());
    rest.reconciled = parts.flags.reconciled.load(std::sync::atomic::Ordering::Acquire);
    rest.unknown = parts.execution_stats.read().unknown_now;
    rest.breaker = breaker(&parts);
    let healing = stage.healing;
    rest.heal_ms = healing
        .began
        .zip(healing.healthy_since)
        .map(|(began, healthy)| u64::try_from(healthy.saturating_sub(began).as_millis()).unwrap_or(u64::MAX));
    let limit = Duration::from_secs(30);
    match parts.hub.ask(limit, |reply| HubCommand::List { reply }).await {
        Ok(members) => rest.members = members.iter().map(|m| (m.symbol, m.quarantined)).collect(),
        Err(error) => rest.down.push(format!("hub: {error}")),
    }
    let now = parts.clock.now();
    match parts.portfolio.ask(limit, |reply| PortfolioMsg::View { now, reply }).await {
        Ok(view) => {
            rest.node_positions =
                view.open_positions().map(|row| (row.position.symbol, row.position.qty)).collect();
            rest.node_cash = view.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
        }
        Err(error) => rest.down.push(format!("portfolio: {error}")),
    }
    root.shutdown().await;
    if let Some(writer) = parts.writer.lock().await.take() {
        let positions = writer.state().positions.iter();
        rest.writer_positions =
            positions.filter(|(_, p)| !p.qty.is_zero()).map(|(symbol, p)| (*symbol, p.qty)).collect();
        let state = writer.state().clone();
        rest.down.extend(books_differ(&rest, &state));
        writer.close().await.map_err(|e| open::journal_failure(&e))?;
        rest.folds_alike = folds_to(stage, &state).await?;
    }
    {
        let mut account = driver.account.lock();
        let failed = |e: tensortrade_broker::BrokerError| Failure::new(Code::Failure, e);
        let positions = account.positions().await.map_err(failed)?;
        rest.broker_positions = positions.iter().map(|p| (p.symbol, p.qty)).collect();
        rest.broker_cash = account.account().await.map_err(failed)?.cash;
        rest.broker_executions = account.executions(Ts::MIN).await.map_err(failed)?;
        rest.broker_open = account.open_orders().await.map_err(failed)?;
    }
    Ok(rest)
}

/// Promise 10 for what a restarted actor begins with: the books in the journal's state are those of the running portfolio.
fn books_differ(rest: &Rest, state: &Recovered) -> Vec<String> {
    let portfolio = &state.books.portfolio;
    let held = portfolio.positions().filter(|p| !p.qty.is_zero()).map(|p| (p.symbol, p.qty)).collect();
    let cash = portfolio.accounts().iter().map(|(currency, a)| (*currency, a.cash)).collect();
    let mut found = Vec::new();
    if rest.node_positions != held {
        found.push(format!("the journal's books hold {held:?}, the running node {:?}", rest.node_positions));
    }
    if rest.node_cash != cash {
        found.push(format!("the journal's books have cash {cash:?}, the running node {:?}", rest.node_cash));
    }
    found
}

/// Whether folding every event anew gives the state that the writer has.
async fn folds_to(stage: &Stage, state: &Recovered) -> Result<bool, Failure> {
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).read();
    let Some(mut store) = store.map_err(|e| open::journal_failure(&e))? else { return Ok(false) };
    let genesis = Recovered::genesis(&store.meta().id);
    let (folded, _) = fold_after(&mut store, genesis).await.map_err(|e| open::journal_failure(&e))?;
    Ok(folded == *state)
}

/// Records, before a process begins, what the journal holds for sure: what the last one wrote and did not sync is only on record once
/// this one has synced something behind it, for until then it goes with the power.
pub(super) async fn read_durable(stage: &Stage) -> Result<(), Failure> {
    let (store, upto) = {
        let disk = stage.disk.lock().unwrap_or_else(PoisonError::into_inner);
        (disk.read().map_err(|e| open::journal_failure(&e))?, disk.durable_upto())
    };
    let Some(mut store) = store else { return Ok(()) };
    catch_up(&stage.world, &mut store, upto).await.map_err(|e| open::journal_failure(&e))
}

/// The journal at the end, read without faults.
pub(super) async fn read_journal(stage: &Stage, rest: &mut Rest) -> Result<(), Failure> {
    let store = stage.disk.lock().unwrap_or_else(PoisonError::into_inner).read();
    let Some(mut store) = store.map_err(|e| open::journal_failure(&e))? else { return Ok(()) };
    catch_up(&stage.world, &mut store, u64::MAX).await.map_err(|e| open::journal_failure(&e))?;
    let report = verify(&mut store).await.map_err(|e| open::journal_failure(&e))?;
    rest.verify = report.problems.iter().map(ToString::to_string).collect();
    Ok(())
}
