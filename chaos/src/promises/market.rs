//! Promises about market data and symbols: 7, 9, 12.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_journal::Event;
use tensortrade_journal::event::WatchlistAction;
use tensortrade_market::{Symbol, Timeframe, Ts};

use crate::history::{Fact, History};

/// Promise 7.
pub(super) fn bars(history: &History, found: &mut Vec<String>) {
    let mut last: BTreeMap<(Symbol, Timeframe), Ts> = BTreeMap::new();
    let mut gaps: BTreeMap<Symbol, Vec<(Ts, Ts)>> = BTreeMap::new();
    // Steps that were lost with an actor on their way; their bars are marked by the alarm.
    let mut given_up: BTreeSet<Ts> = BTreeSet::new();
    let mut step_before = Ts::MIN;
    for (_, seq, event) in history.events() {
        match event {
            // A symbol that leaves and joins again has no bars in between, and none is missing.
            Event::Watchlist(e) if e.action == WatchlistAction::Removed => {
                last.retain(|(symbol, _), _| *symbol != e.symbol);
            }
            Event::Alarm(alarm) if alarm.code == "step_given_up" => {
                given_up.insert(alarm.ts);
            }
            Event::StepClosed(step) => {
                if step.ts <= step_before {
                    found.push(format!("event {seq}: the step of {} follows that of {step_before}", step.ts));
                }
                step_before = step.ts;
                for marked in &step.gaps {
                    gaps.entry(marked.symbol).or_default().push((marked.gap.from, marked.gap.to));
                }
                for closed in &step.bars {
                    let (symbol, timeframe, bar) = (closed.symbol, closed.timeframe, &closed.bar);
                    if bar.end > step.ts {
                        found.push(format!(
                            "event {seq}: the step of {} uses the bar of {symbol} that ends at {}",
                            step.ts, bar.end
                        ));
                    }
                    if let Some(end) = last.insert((symbol, timeframe), bar.end) {
                        if bar.start < end {
                            found.push(format!(
                                "event {seq}: the {timeframe} bar of {symbol} of {} begins before the last one's end {end}",
                                bar.start
                            ));
                        }
                        let marked = |ts: Ts| {
                            given_up.contains(&ts)
                                || gaps
                                    .get(&symbol)
                                    .is_some_and(|gaps| gaps.iter().any(|(a, b)| *a <= ts && ts <= *b))
                        };
                        // Every bar that is missing must be marked. The market's nights are none: worlds stay in a day.
                        let mut ends = std::iter::successors(Some(end.plus_nanos(timeframe.nanos())), |ts| {
                            Some(ts.plus_nanos(timeframe.nanos()))
                        });
                        if !ends.by_ref().take_while(|ts| *ts <= bar.start).all(marked) {
                            found.push(format!(
                                "event {seq}: nothing tells why {symbol} has no {timeframe} bar from {end} to {}",
                                bar.start
                            ));
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// Promise 9.
pub(super) fn isolation(history: &History, found: &mut Vec<String>) {
    let Some(undisturbed) = &history.undisturbed else { return };
    let traces = history.traces();
    // Who has crashed more often than its budget allows is left out, as it should be: the others are compared.
    let left_out = |symbol: &Symbol| {
        history
            .rest
            .as_ref()
            .is_some_and(|rest| rest.members.get(symbol).is_some_and(|quarantined| *quarantined))
    };
    for ((symbol, ts), trace) in &undisturbed.traces {
        if undisturbed.hit.contains(symbol) || left_out(symbol) {
            continue;
        }
        match traces.get(&(*symbol, *ts)) {
            Some(same) if same == trace => {}
            Some(_) => found.push(format!("{symbol} differs at {ts} from a run without the faults")),
            None => found.push(format!("{symbol} has nothing at {ts}, and has in a run without the faults")),
        }
    }
}

/// Promise 12.
pub(super) fn watchlist(history: &History, found: &mut Vec<String>) {
    let mut active: BTreeSet<Symbol> = BTreeSet::new();
    let mut removed: BTreeSet<Symbol> = BTreeSet::new();
    let mut born = false;
    for fact in &history.facts {
        match fact {
            // The node adds what it had before, and says so again: that is no second add.
            Fact::Born { .. } => {
                born = true;
                active.clear();
            }
            Fact::Journalled { seq, event } => match event.as_ref() {
                Event::Watchlist(e) if e.action == WatchlistAction::Added => {
                    if !active.insert(e.symbol) {
                        found.push(format!("event {seq}: {} joins and has not left", e.symbol));
                    }
                    let back = removed.remove(&e.symbol);
                    if back && !e.reason.starts_with("user ") {
                        found.push(format!("event {seq}: {} comes back by '{}'", e.symbol, e.reason));
                    }
                }
                Event::Watchlist(e) => {
                    active.remove(&e.symbol);
                    removed.insert(e.symbol);
                }
                Event::StepClosed(step) => {
                    for row in &step.decision.rows {
                        if removed.contains(&row.symbol) && born {
                            // The step on its way when the symbol left still has its row; the next has none.
                            let left = last_removal(history, row.symbol);
                            if left.is_some_and(|left| step.ts > left.plus_nanos(120_000_000_000)) {
                                found.push(format!(
                                    "event {seq}: {} was removed and is decided on",
                                    row.symbol
                                ));
                            }
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    let Some(rest) = &history.rest else { return };
    for symbol in &removed {
        if rest.members.contains_key(symbol) {
            found.push(format!("{symbol} was removed and is a member at the end"));
        }
    }
    for name in &rest.symbol_actors {
        if !rest.members.keys().any(|symbol| symbol.as_str() == name) {
            found.push(format!("an actor runs for {name}, which is no member"));
        }
    }
    for symbol in active.iter().filter(|symbol| !rest.members.contains_key(symbol)) {
        found.push(format!("{symbol} was added and is no member at the end"));
    }
}

fn last_removal(history: &History, symbol: Symbol) -> Option<Ts> {
    let removals = history.events().filter_map(|(_, _, event)| match event {
        Event::Watchlist(e) if e.symbol == symbol && e.action == WatchlistAction::Removed => Some(e.ts),
        _ => None,
    });
    removals.last()
}
