//! The tick stream of one symbol, from any moment on.

use rand_chacha::ChaCha8Rng;
use tensortrade_market::{Symbol, Tick, Ts};

use super::market::Market;
use super::minute_ticks::MinuteTicks;
use super::sessions::{self, MINUTE_NS};
use super::streams::{self, Key};
use super::symbol_path::SymbolPath;

/// Words of a day's stream that belong to each minute; the busiest minute uses a quarter of them.
const WORDS_PER_MINUTE: u128 = 1 << 20;

/// A symbol's ticks in order of time. What it gives depends on where it stands, never on how it came there or in how
/// many pieces it is read.
#[derive(Debug)]
pub(super) struct SymbolTicks {
    path: SymbolPath,
    key: Key,
    rng: ChaCha8Rng,
    ticks_per_minute: u32,
    day: usize,
    minute: usize,
    ticks: Option<MinuteTicks>,
    /// Drawn already, but at or after the end of the last piece.
    pending: Option<Tick>,
}

impl SymbolTicks {
    /// The stream of a symbol, to be placed with [`SymbolTicks::seek`].
    pub(super) fn new(market: &Market, symbol: Symbol, ticks_per_minute: u32) -> Self {
        Self::of(market, symbol, SymbolPath::new(market, symbol), ticks_per_minute)
    }

    /// The same on a path of this symbol, wherever that stands.
    pub(super) fn of(market: &Market, symbol: Symbol, path: SymbolPath, ticks_per_minute: u32) -> Self {
        let key = streams::key(market.seed(), symbol.as_str(), "symbol, ticks");
        Self {
            path,
            key,
            rng: streams::stream(key, 0),
            ticks_per_minute,
            day: 0,
            minute: 0,
            ticks: None,
            pending: None,
        }
    }

    /// Moves to `ts`: the next tick given is the first at or after it. `None` after 2099.
    pub(super) fn seek(&mut self, market: &mut Market, ts: Ts) -> Option<()> {
        let day = market.day_closing_after(ts)?;
        let open = market.day(day)?.session.open;
        self.day = day;
        self.minute = usize::try_from(ts.since(open) / MINUTE_NS).unwrap_or(0);
        self.ticks = None;
        self.pending = None;
        self.rng = streams::stream(self.key, day);
        self.read(market, ts, |_| ());
        Some(())
    }

    /// Gives every tick before `until` that was not given yet.
    pub(super) fn read(&mut self, market: &mut Market, until: Ts, mut give: impl FnMut(Tick)) {
        if let Some(tick) = self.pending {
            if tick.ts >= until {
                return;
            }
            give(tick);
            self.pending = None;
        }
        // Each round ends a minute or a day, and both lie before `until`.
        loop {
            if let Some(ticks) = &mut self.ticks {
                while let Some(tick) = ticks.next(&mut self.rng) {
                    if tick.ts >= until {
                        self.pending = Some(tick);
                        return;
                    }
                    give(tick);
                }
                self.ticks = None;
                self.minute += 1;
            }
            if self.begin_minute(market, until).is_none() {
                return;
            }
        }
    }

    /// Begins the next minute if it starts before `until`, walking over the night if need be.
    fn begin_minute(&mut self, market: &mut Market, until: Ts) -> Option<()> {
        let mut session = market.day(self.day)?.session;
        if self.minute >= sessions::slots(&session) {
            session = market.day(self.day + 1)?.session;
            self.day += 1;
            self.minute = 0;
            self.rng = streams::stream(self.key, self.day);
        }
        let start = session.open.plus_nanos(i64::try_from(self.minute).ok()?.saturating_mul(MINUTE_NS));
        if start >= until {
            return None;
        }
        self.path.load(market, self.day)?;
        let shape = self.path.minute(self.minute)?;
        self.rng.set_word_pos(WORDS_PER_MINUTE * self.minute as u128);
        self.ticks = Some(MinuteTicks::new(
            (shape, self.path.tick_raw()),
            start,
            self.ticks_per_minute,
            &mut self.rng,
        ));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_takes_less_than_four_kibibytes() {
        // Itself, and the levels of a day's minutes; what else it points to is shared.
        let bytes = size_of::<SymbolTicks>() + 391 * size_of::<i32>();
        assert!(bytes < 4096, "{bytes} bytes");
        // Not many less, or the figure is stale.
        assert!(bytes > 2048, "{bytes} bytes");
    }
}
