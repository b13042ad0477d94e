//! Bars of the simulated market, computed from the path without drawing the ticks.
//!
//! A minute bar is the minute's own shape, to which its ticks are fitted: open, high, low, close, volume, number of
//! trades and mean spread are those of the bar that a builder makes of the ticks. Only the volume-weighted price is
//! an estimate (the mean of open, high, low and close), since it depends on which trade had which size. Longer bars
//! are sums of minutes. Shorter ones, and those that do not consist of whole minutes, are made of the ticks.

use tensortrade_market::{Bar, Price, Qty, Symbol, Tick, TickData, Timeframe, Ts};

use super::market::Market;
use super::minute::MinuteShape;
use super::minute_ticks::{Count, price, shares};
use super::profile::instrument;
use super::sessions::{self, MINUTE_NS, interval};
use super::symbol_path::SymbolPath;
use super::symbol_ticks::SymbolTicks;

/// A bar being summed up.
#[derive(Debug)]
struct Sum {
    start: Ts,
    end: Ts,
    prices: Option<[Price; 4]>,
    volume: i64,
    value: i128,
    trades: u32,
    spreads: i128,
    quotes: i128,
}

impl Sum {
    fn new((start, end): (Ts, Ts)) -> Self {
        Self { start, end, prices: None, volume: 0, value: 0, trades: 0, spreads: 0, quotes: 0 }
    }

    fn add_prices(&mut self, [open, high, low, close]: [Price; 4], vwap: Price, volume: Qty, trades: u32) {
        let [first, top, bottom, _] = self.prices.unwrap_or([open, high, low, close]);
        self.prices = Some([first, top.max(high), bottom.min(low), close]);
        self.volume = self.volume.saturating_add(volume.raw());
        self.value += i128::from(vwap.raw()) * i128::from(volume.raw());
        self.trades = self.trades.saturating_add(trades);
    }

    fn add_minute(&mut self, shape: &MinuteShape, tick_raw: i64, ticks_per_minute: u32) {
        let price = |ticks| price(ticks, tick_raw);
        let prices = [shape.open, shape.high, shape.low, shape.close].map(price);
        let count = Count::of(shape, ticks_per_minute);
        let volume = shares(shape.volume);
        let vwap = Bar::ohlcv(self.start, self.end, prices, volume).vwap;
        self.add_prices(prices, vwap, volume, count.trades);
        self.spreads += i128::from(price(shape.spread).raw()) * i128::from(count.quotes());
        self.quotes += i128::from(count.quotes());
    }

    fn add_tick(&mut self, tick: Tick) {
        match tick.data {
            TickData::Trade { price, size } => self.add_prices([price; 4], price, size, 1),
            TickData::Quote { bid: Some(bid), ask: Some(ask), .. } => {
                self.spreads += i128::from(ask.raw()) - i128::from(bid.raw());
                self.quotes += 1;
            }
            TickData::Quote { .. } => {}
        }
    }

    /// The bar, if anything traded.
    fn finish(&self) -> Option<Bar> {
        let mean = |sum: i128, count: i128| {
            // To the nearest billionth, half up, as the builders round.
            let mean = (sum + count / 2).checked_div_euclid(count)?;
            i64::try_from(mean).ok().and_then(Price::from_raw)
        };
        let mut bar = Bar::ohlcv(self.start, self.end, self.prices?, Qty::from_raw(self.volume));
        bar.vwap = mean(self.value, i128::from(self.volume)).unwrap_or(bar.vwap);
        bar.trades = self.trades;
        bar.spread = mean(self.spreads, self.quotes);
        Some(bar)
    }
}

impl Market {
    /// The bars of a symbol of this market that start at or after `from` and end at or before `to`, oldest first. Trades and
    /// timeframes that are not whole minutes are those of a stream of `ticks_per_minute`.
    ///
    /// Costs some 40 microseconds per day for whole minutes, after 0.15 milliseconds to walk five years of days
    /// before.
    pub fn bars(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        ticks_per_minute: u32,
        from: Ts,
        to: Ts,
    ) -> Vec<Bar> {
        let mut bars = Vec::new();
        let mut path = SymbolPath::new(self, symbol);
        self.each_bar(&mut path, symbol, timeframe, ticks_per_minute, from, to, |bar| bars.push(bar));
        bars
    }

    /// Gives the bars of [`Market::bars`] one by one, on a path of this symbol.
    #[expect(clippy::too_many_arguments, reason = "a path and the arguments of `bars`")]
    pub(super) fn each_bar(
        &mut self,
        path: &mut SymbolPath,
        symbol: Symbol,
        timeframe: Timeframe,
        ticks_per_minute: u32,
        from: Ts,
        to: Ts,
        mut give: impl FnMut(Bar),
    ) {
        let mut give = |sum: &Sum| {
            if sum.start >= from && sum.end <= to {
                sum.finish().into_iter().for_each(&mut give);
            }
        };
        if timeframe.nanos() % MINUTE_NS == 0 {
            self.each_sum_of_minutes(path, timeframe, ticks_per_minute, from, to, &mut give);
        } else {
            self.each_sum_of_ticks(symbol, timeframe, ticks_per_minute, from, to, &mut give);
        }
    }

    fn each_sum_of_minutes(
        &mut self,
        path: &mut SymbolPath,
        timeframe: Timeframe,
        ticks_per_minute: u32,
        from: Ts,
        to: Ts,
        give: &mut impl FnMut(&Sum),
    ) {
        let Some(first) = self.day_closing_after(from) else { return };
        for day in first.. {
            // The days end in 2099, so the loop ends.
            let Some(session) = self.day(day).map(|facts| facts.session).filter(|s| s.open < to) else {
                return;
            };
            if path.load(self, day).is_none() {
                return;
            }
            // Minutes before and after what is asked for are not drawn: each is addressed by its number.
            let mut sum = Sum::new(interval(timeframe, session.open.max(from), &session));
            let first = usize::try_from(sum.start.since(session.open) / MINUTE_NS).unwrap_or(0);
            for minute in first..sessions::slots(&session) {
                let start = session.open.plus_nanos(minute as i64 * MINUTE_NS);
                if start >= to {
                    break;
                }
                if start >= sum.end {
                    give(&sum);
                    sum = Sum::new(interval(timeframe, start, &session));
                }
                if let Some(shape) = path.minute(minute) {
                    sum.add_minute(&shape, path.tick_raw(), ticks_per_minute);
                }
            }
            give(&sum);
        }
    }

    fn each_sum_of_ticks(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        ticks_per_minute: u32,
        from: Ts,
        to: Ts,
        give: &mut impl FnMut(&Sum),
    ) {
        let mut ticks = SymbolTicks::new(self, symbol, ticks_per_minute);
        let Some(first) = self.day_closing_after(from) else { return };
        for day in first.. {
            let Some(session) = self.day(day).map(|facts| facts.session).filter(|s| s.open < to) else {
                return;
            };
            let mut at = interval(timeframe, session.open.max(from), &session).0;
            if ticks.seek(self, at).is_none() {
                return;
            }
            while at < session.auction_end().min(to) {
                let mut sum = Sum::new(interval(timeframe, at, &session));
                ticks.read(self, sum.end, |tick| sum.add_tick(tick));
                give(&sum);
                at = sum.end;
            }
        }
    }
}

/// Message rate that the number of trades in [`bars`] stands for, and the default of the feed.
pub const TICKS_PER_MINUTE: u32 = 60;

/// The bars of a symbol under a seed, as [`Market::bars`] at the default message rate. Whoever asks more than once
/// keeps a [`Market`].
#[must_use]
pub fn bars(seed: u64, symbol: Symbol, timeframe: Timeframe, from: Ts, to: Ts) -> Vec<Bar> {
    Market::of(seed, instrument(symbol).sessions).bars(symbol, timeframe, TICKS_PER_MINUTE, from, to)
}

/// The known label at `ts`, as [`Market::regime_at`]: 0 calm, 1 neutral, 2 crisis.
#[must_use]
pub fn regime_at(seed: u64, ts: Ts) -> usize {
    Market::new(seed).regime_at(ts)
}
