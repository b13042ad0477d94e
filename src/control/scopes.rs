//! What a command may name: the node, its strategy, and symbols that it knows.

use std::time::Duration;

use tensortrade_actors::market::hub::HubCommand;
use tensortrade_actors::trading::execution::ExecutionMsg;
use tensortrade_market::Symbol;
use tensortrade_risk::breaker::{BreakerState, Scope};

use super::handler::{ANSWER_DEADLINE, Plane};
use super::protocol::{Outcome, Reply};
use crate::node::derived::STRATEGY;

/// Symbols named in one command at most.
const SYMBOLS_MAX: usize = 10_000;
/// Longest wait for the hub's list. A halt does not wait for a hub that is busy: it is carried out instead.
const LIST_DEADLINE: Duration = Duration::from_secs(2);

/// Reads names of symbols.
pub(super) fn parse_symbols(names: &[String]) -> Result<Vec<Symbol>, Reply> {
    if names.len() > SYMBOLS_MAX {
        return Err(Reply::not_ok(
            Outcome::Refused,
            format!("{} symbols at once; {SYMBOLS_MAX} is the most", names.len()),
        ));
    }
    names
        .iter()
        .map(|name| Symbol::intern(name).map_err(|e| Reply::not_ok(Outcome::Refused, e.to_string())))
        .collect()
}

/// Reads `node`, a symbol, `symbol:NAME` or `strategy:NAME`.
fn parse_scope(text: &str) -> Result<Scope, Reply> {
    let refused = |why: String| Reply::not_ok(Outcome::Refused, why);
    if text.eq_ignore_ascii_case("node") {
        return Ok(Scope::Node);
    }
    if text.contains(':') {
        return text.parse().map_err(|e: tensortrade_risk::breaker::ScopeError| refused(e.to_string()));
    }
    Symbol::intern(text).map(Scope::Symbol).map_err(|e| refused(e.to_string()))
}

impl Plane {
    /// A scope that means something here. To halt what does not exist would be taken for a halt of what was meant.
    pub(super) async fn scope(&self, text: &str) -> Result<Scope, Reply> {
        let scope = parse_scope(text)?;
        let refused = |why: String| Err(Reply::not_ok(Outcome::Refused, why));
        match &scope {
            Scope::Node => Ok(scope),
            Scope::Strategy(name) if name == STRATEGY => Ok(scope),
            Scope::Strategy(name) => {
                refused(format!("no strategy is called {name}; there is {STRATEGY}; nothing was done"))
            }
            Scope::Symbol(symbol) if self.knows(*symbol, &scope).await => Ok(scope),
            Scope::Symbol(symbol) => refused(format!(
                "{symbol} is not on the watchlist, and has no position, no open order and no breaker; nothing was done \
                 (`ctl watchlist list` shows the symbols, `node` means all)"
            )),
        }
    }

    /// Whether a symbol is traded, held, on order, or halted. Who cannot be asked is taken to know it.
    async fn knows(&self, symbol: Symbol, scope: &Scope) -> bool {
        if self.breaker_view.load().state(scope) != BreakerState::Normal {
            return true;
        }
        match self.hub.ask(LIST_DEADLINE, |reply| HubCommand::List { reply }).await {
            Ok(members) if members.iter().any(|member| member.symbol == symbol) => return true,
            Ok(_) => {}
            Err(_) => return true,
        }
        match self.view().await {
            Ok(view) if view.qty(symbol).is_zero() => {}
            _ => return true,
        }
        match self.execution.ask(ANSWER_DEADLINE, |reply| ExecutionMsg::Orders { reply }).await {
            Ok(orders) => orders.iter().any(|order| order.symbol == symbol),
            Err(_) => true,
        }
    }
}
