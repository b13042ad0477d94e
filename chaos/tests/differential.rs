//! A fault in one symbol leaves every other symbol's decisions identical: 36 symbols, six weeks of minutes, with and without.
#![allow(clippy::unwrap_used, reason = "a test says what fails by failing")]

use std::path::{Path, PathBuf};

use tensortrade_chaos::differential::{Hit, Outcome, Strike, replay};
use tensortrade_market::Symbol;

/// The minutes, or `None`, said aloud, where the shared data is not there.
fn minutes() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let data = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from);
    let file = data.join("data/bars_1m/us_equity_xsec_2018a.csv.gz");
    if !file.exists() {
        println!("skipped: no shared data at {} (set TENSORTRADE_SHARED)", file.display());
        return None;
    }
    Some(file)
}

fn others(
    outcome: &Outcome,
    than: Symbol,
) -> Vec<(&Symbol, &Vec<(tensortrade_market::Ts, tensortrade_journal::event::Decided)>)> {
    outcome.decisions.iter().filter(|(symbol, _)| **symbol != than).collect()
}

#[test]
fn a_fault_in_one_symbol_leaves_every_other_symbols_decisions_identical() {
    let Some(file) = minutes() else { return };
    let files = [file];
    let calm = replay(&files, None).unwrap();
    assert_eq!((calm.decisions.len(), calm.restarts), (36, 0));
    let taken = |outcome: &Outcome| -> usize {
        outcome.decisions.values().flatten().filter(|(_, row)| row.weight.get() != 0.0).count()
    };
    assert!(taken(&calm) > 1_000, "something has to be decided");
    let symbols: Vec<Symbol> = calm.decisions.keys().copied().collect();
    let hits = [
        (symbols[0], 200, Strike::Panic),
        (symbols[17], 777, Strike::PanicAfter),
        (symbols[35], 1_500, Strike::Error),
        (symbols[20], 1_000, Strike::Poison),
    ];
    for (symbol, input, strike) in hits {
        let struck = replay(&files, Some(Hit { symbol, input, strike })).unwrap();
        assert!(struck.restarts > 0, "{strike:?} of {symbol} never struck");
        if strike == Strike::Poison {
            // Its symbol has no row then, and the regime is one for the whole cross-section: what the others see is the same.
            let seen = |outcome: &Outcome| -> Vec<_> {
                let rows = outcome
                    .decisions
                    .iter()
                    .filter(|(other, _)| **other != symbol)
                    .flat_map(|(_, rows)| rows);
                rows.map(|(ts, row)| (*ts, row.symbol, row.values.clone())).collect()
            };
            assert!(
                seen(&calm) == seen(&struck),
                "{strike:?} of {symbol} shows in another symbol's features"
            );
        } else {
            assert!(
                others(&calm, symbol) == others(&struck, symbol),
                "{strike:?} of {symbol} shows in another symbol"
            );
        }
        let same = calm.decisions.get(&symbol) == struck.decisions.get(&symbol);
        // A crash loses nothing, so it does not show in its own symbol either; a poisoned input is a gap there.
        assert_eq!(same, strike != Strike::Poison, "{strike:?} of {symbol}, in its own decisions");
        assert_eq!(struck.quarantined, usize::from(strike == Strike::Poison));
    }
}
