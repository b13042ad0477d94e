//! Prices that a restarted node values its positions at until data flows: the last closes in its journal.
//!
//! Without them a position is worth what its last fill cost, and the equity that a run begins with is that of an earlier moment.

use std::collections::{BTreeMap, BTreeSet};

use tensortrade_journal::{Event, JournalError, JournalWriter, Kind};
use tensortrade_market::{Catalog, Price, Symbol, Ts};
use tensortrade_portfolio::Portfolio;

/// Events read at once, from the end of the journal backwards.
const PAGE_EVENTS: u64 = 256;
/// Pages looked through at most for the closes of all positions: symbols that left long ago keep the price of their last fill.
const PAGES_MAX: u64 = 64;

/// Marks what is held, and the currency pairs that were watched, at the last closes in the journal.
pub async fn restore(
    writer: &mut JournalWriter,
    portfolio: &mut Portfolio,
    catalog: &Catalog,
) -> Result<(), JournalError> {
    let held = portfolio.positions().filter(|p| !p.qty.is_zero()).map(|p| p.symbol);
    let mut wanted: BTreeSet<Symbol> = held.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut closes: BTreeMap<Symbol, (Ts, Price)> = BTreeMap::new();
    let mut before = writer.state().head.seq;
    for _ in 0..PAGES_MAX {
        let after = before.saturating_sub(PAGE_EVENTS);
        collect(writer, (after, before), &mut closes).await?;
        wanted.retain(|symbol| !closes.contains_key(symbol));
        before = after;
        if before == 0 || wanted.is_empty() {
            break;
        }
    }
    for (symbol, (ts, price)) in closes {
        // Refused only where the catalog has changed under a position, which the next fill of it reports.
        if portfolio.register(&catalog.get(symbol)).is_ok() {
            let _older = portfolio.mark(symbol, price, ts);
        }
    }
    Ok(())
}

/// Takes the latest close of each symbol among the events after the first number, up to the second.
async fn collect(
    writer: &mut JournalWriter,
    (mut after, upto): (u64, u64),
    closes: &mut BTreeMap<Symbol, (Ts, Price)>,
) -> Result<(), JournalError> {
    while after < upto {
        // A page may be shorter than asked for: it is bounded in bytes too.
        let limit = usize::try_from(upto - after).unwrap_or(usize::MAX);
        let page = writer.store().read(after, limit).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        for envelope in page.iter().filter(|envelope| envelope.kind == Kind::StepClosed) {
            let Ok(Event::StepClosed(step)) = Event::decode(&envelope.payload) else { continue };
            for row in step.bars {
                let close = (row.bar.end, row.bar.close);
                closes.entry(row.symbol).and_modify(|known| *known = (*known).max(close)).or_insert(close);
            }
        }
    }
    Ok(())
}
