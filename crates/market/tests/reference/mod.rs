//! A slow bar builder that is plainly right: it keeps every tick, sorts, and sums at the end.

use tensortrade_market::bars::{Output, QuoteBars, TimeBarsConfig};
use tensortrade_market::calendar::{CLOSING_AUCTION_NS, Calendar, SessionKind};
use tensortrade_market::{Bar, Gap, GapReason, Price, Qty, Tick, TickData, Ts};

fn price(raw: i64) -> Price {
    Price::from_raw(raw).unwrap()
}

/// The interval of a moment by the plainest reading of the rules: session, clock, cuts.
pub(crate) fn interval_of(config: &TimeBarsConfig, ts: Ts) -> Option<(Ts, Ts)> {
    let session = Calendar::new(config.sessions).session_of(ts)?;
    let has_phases = config.sessions == SessionKind::UsEquity;
    let auction = session.close.plus_nanos(if has_phases { CLOSING_AUCTION_NS } else { 0 });
    if config.timeframe.is_daily() {
        return (session.open <= ts && ts < auction).then_some((session.open, auction));
    }
    let cuts = [session.ext_open, session.open, session.close, auction, session.ext_close];
    let phase = cuts.windows(2).position(|pair| pair[0] <= ts && ts < pair[1])?;
    if !config.extended && has_phases && (phase == 0 || phase == 3) {
        return None;
    }
    let floor = config.timeframe.start_of(ts);
    Some((floor.max(cuts[phase]), floor.plus_nanos(config.timeframe.nanos()).min(cuts[phase + 1])))
}

/// The first interval at or after a moment.
pub(crate) fn interval_from(config: &TimeBarsConfig, ts: Ts) -> (Ts, Ts) {
    let calendar = Calendar::new(config.sessions);
    let mut at = ts;
    loop {
        if let Some(interval) = interval_of(config, at) {
            return interval;
        }
        // Every interval starts at a boundary or a minute after a close.
        let boundary = calendar.next_boundary(at).unwrap();
        let auction_end =
            calendar.session_of(at).map(|s| s.close.plus_nanos(CLOSING_AUCTION_NS)).filter(|a| *a > at);
        at = auction_end.map_or(boundary, |a| a.min(boundary));
    }
}

/// Keeps every tick, sorts, and sums at the end.
pub(crate) fn reference(config: &TimeBarsConfig, ticks: &[Tick]) -> Vec<Output> {
    // Which ticks count: those whose interval is not over when they come.
    let mut open: Option<(Ts, Ts)> = None;
    let (mut bid, mut ask) = (None, None);
    let mut front = Ts::MIN;
    let mut seen_trade = false;
    let mut cells: Vec<Cell> = Vec::new();
    for tick in ticks {
        let current = *open.get_or_insert_with(|| interval_from(config, tick.ts));
        if tick.ts >= current.1 {
            close(&mut cells, current, config, seen_trade);
            open = Some(interval_from(config, tick.ts));
        }
        let current = open.unwrap();
        if tick.ts < current.0 {
            // Late, or outside: only a quote in closed time that is not older than the last one renews the sides.
            let outside = interval_of(config, tick.ts).is_none();
            match tick.data {
                TickData::Trade { .. } => seen_trade |= outside,
                TickData::Quote { bid: b, ask: a, .. } if outside && tick.ts >= front => {
                    front = tick.ts;
                    merge(&mut bid, b);
                    merge(&mut ask, a);
                }
                TickData::Quote { .. } => {}
            }
            continue;
        }
        if cells.last().is_none_or(|cell| cell.interval != current) {
            cells.push(Cell { interval: current, trades: vec![], mids: vec![], spreads: vec![], bar: None });
        }
        let cell = cells.last_mut().unwrap();
        front = front.max(tick.ts);
        match tick.data {
            TickData::Trade { price, size } if price > Price::ZERO && size >= Qty::ZERO => {
                seen_trade = true;
                cell.trades.push((tick.ts, price, size));
            }
            TickData::Trade { .. } => {}
            TickData::Quote { bid: b, ask: a, .. } => {
                merge(&mut bid, b);
                merge(&mut ask, a);
                if let (Some(bid), Some(ask)) = (bid, ask)
                    && bid <= ask
                {
                    cell.spreads.push(ask.raw() - bid.raw());
                    let wanted = match config.quote_bars {
                        QuoteBars::Never => false,
                        QuoteBars::WhenNoTradesEver => !seen_trade,
                        QuoteBars::Always => true,
                    };
                    if wanted {
                        cell.mids.push((tick.ts, price((bid.raw() + ask.raw()).div_euclid(2)), Qty::ZERO));
                    }
                }
            }
        }
    }
    let Some(current) = open else { return Vec::new() };
    // The last bar closes with the data, if it has one.
    close(&mut cells, current, config, seen_trade);
    let Some(first) = ticks.first() else { return Vec::new() };
    lay_out(config, interval_from(config, first.ts).0, &cells)
}

struct Cell {
    interval: (Ts, Ts),
    trades: Vec<(Ts, Price, Qty)>,
    mids: Vec<(Ts, Price, Qty)>,
    spreads: Vec<i64>,
    bar: Option<Bar>,
}

fn merge(side: &mut Option<Price>, new: Option<Price>) {
    if let Some(new) = new {
        *side = (new > Price::ZERO).then_some(new);
    }
}

fn close(cells: &mut [Cell], interval: (Ts, Ts), config: &TimeBarsConfig, seen_trade: bool) {
    let Some(cell) = cells.last_mut().filter(|cell| cell.interval == interval) else { return };
    let from_mids = match config.quote_bars {
        QuoteBars::Never => false,
        QuoteBars::WhenNoTradesEver => !seen_trade,
        QuoteBars::Always => true,
    };
    let mut prices =
        if cell.trades.is_empty() && from_mids { cell.mids.clone() } else { cell.trades.clone() };
    prices.sort_by_key(|(ts, ..)| *ts); // stable: equal stamps stay in the order of arrival
    let (Some(first), Some(last)) = (prices.first(), prices.last()) else { return };
    let high = prices.iter().map(|p| p.1).max().unwrap();
    let low = prices.iter().map(|p| p.1).min().unwrap();
    let volume: i64 = prices.iter().map(|p| p.2.raw()).sum();
    let ohlc = [first.1, high, low, last.1];
    let mut bar = Bar::ohlcv(interval.0, interval.1, ohlc, Qty::from_raw(volume));
    if volume > 0 {
        let notional: i128 = prices.iter().map(|p| i128::from(p.1.raw()) * i128::from(p.2.raw())).sum();
        bar.vwap = price(((2 * notional + i128::from(volume)).div_euclid(2 * i128::from(volume))) as i64);
    }
    bar.trades = cell.trades.len() as u32;
    let n = cell.spreads.len() as i64;
    bar.spread = (n > 0).then(|| price((2 * cell.spreads.iter().sum::<i64>() + n).div_euclid(2 * n)));
    cell.bar = Some(bar);
}

/// A bar or a gap for every interval, in order.
fn lay_out(config: &TimeBarsConfig, begin: Ts, cells: &[Cell]) -> Vec<Output> {
    let mut out: Vec<Output> = Vec::new();
    let Some(last) = cells.last() else { return out };
    let mut at = begin;
    while at < last.interval.1 {
        let (from, to) = interval_from(config, at);
        let bar = cells.iter().find(|cell| cell.interval == (from, to)).and_then(|cell| cell.bar);
        out.push(match bar {
            Some(bar) => Output::Closed(bar),
            None => Output::Gap(Gap { from, to, reason: GapReason::NoData }),
        });
        at = to;
    }
    out
}

/// Session time in `[from, to)` by brute force.
pub(crate) fn has_session_time(config: &TimeBarsConfig, from: Ts, to: Ts) -> bool {
    from < to && interval_from(config, from).0 < to
}
