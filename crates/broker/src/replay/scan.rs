//! A pass over a file that looks at symbol and time only.

use tensortrade_market::{Symbol, Ts};

use super::columns::Layout;
use super::fault::Halt;
use super::fields::Fields;
use super::lines::Lines;
use super::order::{OrderDetector, RowOrder};
use super::parse;

/// Reads on, looking at symbol and time only, until the order shows; says also whether it came to the end.
pub(super) fn scan_order(lines: &mut Lines, layout: &Layout, order: &mut OrderDetector) -> (RowOrder, bool) {
    let mut scan = Scan::new(layout);
    loop {
        match scan.next(lines) {
            Ok(Some((symbol, ts))) => {
                order.push(symbol, ts);
                if let Some(verdict) = order.verdict() {
                    return (verdict, false);
                }
            }
            Ok(None) => return (order.final_verdict(), true),
            // The reader meets the same place, and reports it there.
            Err(_) => return (order.final_verdict(), false),
        }
    }
}

/// Reads on to the end, so that all symbols and the earliest time are known; says whether it came there.
pub(super) fn scan_all(lines: &mut Lines, layout: &Layout, order: &mut OrderDetector) -> bool {
    let mut scan = Scan::new(layout);
    loop {
        match scan.next(lines) {
            Ok(Some((symbol, ts))) => order.push(symbol, ts),
            Ok(None) => return true,
            // The reader meets the same place, and reports it there.
            Err(_) => return false,
        }
    }
}

/// A pass over a file that looks at symbol and time only.
pub(super) struct Scan<'a> {
    layout: &'a Layout,
    fields: Fields,
    last: Option<(Vec<u8>, Symbol)>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(layout: &'a Layout) -> Self {
        let needed = usize::from(layout.symbol().0.max(layout.ts().0)) + 1;
        Self { layout, fields: Fields::new(needed), last: None }
    }

    /// Symbol and time of the next row that has both.
    pub(super) fn next(&mut self, lines: &mut Lines) -> Result<Option<(Symbol, Ts)>, Halt> {
        while let Some(place) = lines.advance()? {
            let Ok(cut) = self.fields.cut(lines.text(place)) else { continue };
            let name = cut.get(self.layout.symbol());
            let symbol = match &self.last {
                Some((last, symbol)) if last == name => *symbol,
                _ => {
                    let Some(symbol) = std::str::from_utf8(name).ok().and_then(|n| Symbol::intern(n).ok())
                    else {
                        continue;
                    };
                    self.last = Some((name.to_vec(), symbol));
                    symbol
                }
            };
            if let Some(ts) = parse::time(self.layout, cut.get(self.layout.ts())) {
                return Ok(Some((symbol, ts)));
            }
        }
        Ok(None)
    }
}
