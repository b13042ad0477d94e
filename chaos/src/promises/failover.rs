//! What the node says of two feeds: while one is good decisions go on, while none is no risk is added, and at the end the
//! primary is taken again.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_broker::failover::Side;
use tensortrade_journal::Event;
use tensortrade_market::{Symbol, Ts};

use crate::history::{Fact, History};
use crate::plan::Kind;

/// Length of a step.
const MINUTE_NS: i64 = 60_000_000_000;
/// Steps after which decisions must go on once a feed is good: two until a silent feed is left, two of dwelling, three until
/// shares are small again, and eight until the features are warm after a gap.
const GO_ON_STEPS: i64 = 15;
/// Steps at the beginning that warm the models up.
const WARM_STEPS: usize = 15;

/// The checker.
pub(super) fn feeds(history: &History, found: &mut Vec<String>) {
    let mut spoilt: BTreeMap<(Symbol, Side), BTreeSet<Ts>> = BTreeMap::new();
    for fact in &history.facts {
        // An astray price is only known to be wrong beside a good one: it does not count as a bad feed here.
        if let Fact::Spoilt { side, symbol, kind, boundary } = fact
            && *kind != Kind::PrimaryAstray
        {
            spoilt.entry((*symbol, *side)).or_default().insert(*boundary);
        }
    }
    let both = |symbol: Symbol, boundary: Ts| {
        Side::BOTH.iter().all(|side| spoilt.get(&(symbol, *side)).is_some_and(|at| at.contains(&boundary)))
    };
    for (_, reached) in history.reached() {
        let symbol = reached.terms.symbol;
        if both(symbol, reached.now) && !super::orders::reduces(reached) {
            found.push(format!(
                "order {} adds risk at {} while both feeds of {symbol} are bad",
                reached.id, reached.now
            ));
        }
    }
    going_on(history, &both, found);
    returned(history, found);
}

/// Every symbol is decided on at every step, but for the time after both of its feeds were bad.
fn going_on(history: &History, both: &dyn Fn(Symbol, Ts) -> bool, found: &mut Vec<String>) {
    let Some(rest) = &history.rest else { return };
    // Only worlds with two feeds, in which nothing else goes wrong.
    let others =
        |kind: &Kind| !crate::plan::family("failover").is_some_and(|family| family.kinds.contains(kind));
    let faults = history.facts.iter().filter_map(|fact| match fact {
        Fact::Fault { kind, .. } => Some(*kind),
        _ => None,
    });
    let faults: Vec<Kind> = faults.collect();
    if faults.is_empty() || faults.iter().any(others) {
        return;
    }
    let mut last: BTreeMap<Symbol, Ts> = BTreeMap::new();
    for (nth, step) in history
        .events()
        .filter_map(|(_, _, event)| if let Event::StepClosed(step) = event { Some(step) } else { None })
        .enumerate()
    {
        let decided: BTreeSet<Symbol> = step.decision.rows.iter().map(|row| row.symbol).collect();
        for symbol in rest.members.keys() {
            if decided.contains(symbol) || nth < WARM_STEPS || both(*symbol, step.ts) {
                last.insert(*symbol, step.ts);
            }
            let silent = last.get(symbol).map_or(0, |last| step.ts.since(*last) / MINUTE_NS);
            if silent == GO_ON_STEPS {
                found.push(format!(
                    "{symbol} is not decided on for {silent} steps up to {}, and one feed is good",
                    step.ts
                ));
            }
        }
    }
}

/// After the faults every symbol is taken from the primary again.
fn returned(history: &History, found: &mut Vec<String>) {
    if history.rest.is_none() {
        return;
    }
    let mut on: BTreeMap<Symbol, String> = BTreeMap::new();
    for (_, _, event) in history.events() {
        if let Event::FeedSwitched(switch) = event {
            on.extend(switch.symbols.iter().map(|symbol| (*symbol, switch.to.clone())));
        }
    }
    for (symbol, to) in on.iter().filter(|(_, to)| *to != Side::Primary.as_str()) {
        found.push(format!("at the end {symbol} is still taken from the {to} feed"));
    }
}
