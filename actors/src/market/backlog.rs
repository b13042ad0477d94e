//! What a symbol's full mailbox holds back on a feed that does not wait: every trade in order, and between two trades only the
//! newest quote. Pure and bounded.
//!
//! Bars of trades are the same with and without it: no trade is lost, changed or moved. (Bars of midpoints, of a stream without
//! any trade, rest on the quotes that remain.) When even the trades do not fit, those
//! that come are dropped until the backlog is sent on; the stretch is a `Gap`, and they are counted.

use tensortrade_broker::{MarketBatch, MarketData};
use tensortrade_market::{Gap, GapReason, Symbol, Tick, TickData, Ts};

/// Data held back for one symbol.
#[derive(Debug, Clone)]
pub struct Backlog {
    ticks: Vec<Tick>,
    trades: usize,
    trades_max: usize,
    /// First and last moment of the trades that were dropped.
    lost: Option<(Ts, Ts)>,
    /// Quotes that a newer one replaced.
    pub conflated: u64,
    /// Trades that did not fit.
    pub dropped: u64,
}

impl Backlog {
    /// An empty backlog with room for so many trades, and a quote beside each.
    #[must_use]
    pub const fn new(trades_max: usize) -> Self {
        Self { ticks: Vec::new(), trades: 0, trades_max, lost: None, conflated: 0, dropped: 0 }
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty() && self.lost.is_none()
    }

    /// Holds ticks back.
    pub fn hold(&mut self, ticks: &[Tick]) {
        for tick in ticks {
            match tick.data {
                TickData::Quote { .. } => self.quote(*tick),
                // What has been dropped must not be followed by a trade of the same stretch.
                TickData::Trade { .. } if self.trades >= self.trades_max || self.lost.is_some() => {
                    let (first, last) = self.lost.unwrap_or((tick.ts, tick.ts));
                    self.lost = Some((first.min(tick.ts), last.max(tick.ts)));
                    self.dropped += 1;
                }
                TickData::Trade { .. } => {
                    self.trades += 1;
                    self.ticks.push(*tick);
                }
            }
        }
    }

    /// The newest quote takes the place of the one before it; a side that it does not name stands.
    fn quote(&mut self, new: Tick) {
        let Some(old) = self.ticks.last_mut() else { return self.ticks.push(new) };
        let (
            TickData::Quote { bid: old_bid, ask: old_ask, bid_size: old_bid_size, ask_size: old_ask_size },
            TickData::Quote { bid, ask, bid_size, ask_size },
        ) = (old.data, new.data)
        else {
            return self.ticks.push(new);
        };
        self.conflated += 1;
        old.ts = new.ts;
        old.data = TickData::Quote {
            bid: bid.or(old_bid),
            ask: ask.or(old_ask),
            bid_size: if bid.is_some() { bid_size } else { old_bid_size },
            ask_size: if ask.is_some() { ask_size } else { old_ask_size },
        };
    }

    /// Everything held back, in order, and the gap that dropped trades leave. The counts stay.
    pub fn release(&mut self, symbol: Symbol) -> Vec<MarketBatch> {
        self.trades = 0;
        let mut batches = Vec::with_capacity(2);
        if !self.ticks.is_empty() {
            let data = MarketData::Ticks(std::mem::take(&mut self.ticks).into());
            batches.push(MarketBatch { symbol, data });
        }
        if let Some((from, last)) = self.lost.take() {
            let gap = Gap { from, to: last.plus_nanos(1), reason: GapReason::FeedLost };
            batches.push(MarketBatch { symbol, data: MarketData::Gap(gap) });
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tensortrade_market::bars::{Output, QuoteBars, TimeBars, TimeBarsConfig};
    use tensortrade_market::{Instrument, Price, Qty};

    /// A Monday, 10:00 in New York.
    const OPEN: Ts = Ts::from_secs(1_381_154_400);

    fn price(cents: i64) -> Price {
        Price::from_raw(cents * 10_000_000).unwrap()
    }

    fn ibm() -> Symbol {
        Symbol::intern("IBM").unwrap()
    }

    fn tick((after_ms, kind, cents): (i64, u8, i64)) -> Tick {
        let (ts, size) = (OPEN.plus_nanos(after_ms * 1_000_000), Qty::from_units(1 + cents % 7).unwrap());
        let (bid, ask) = (Some(price(9_900 + cents)), Some(price(9_905 + cents)));
        match kind {
            0 | 1 => Tick::trade(ts, price(9_900 + cents), size),
            2 => Tick::quote(ts, bid, None, size, Qty::ZERO),
            3 => Tick::quote(ts, None, ask, Qty::ZERO, size),
            _ => Tick::quote(ts, bid, ask, size, size),
        }
    }

    /// Ticks that come out of a backlog.
    fn ticks(batches: &[MarketBatch]) -> Vec<Tick> {
        let of = |batch: &MarketBatch| match &batch.data {
            MarketData::Ticks(ticks) => ticks.to_vec(),
            _ => Vec::new(),
        };
        batches.iter().flat_map(of).collect()
    }

    fn trades(ticks: &[Tick]) -> Vec<Tick> {
        ticks.iter().filter(|tick| matches!(tick.data, TickData::Trade { .. })).copied().collect()
    }

    /// The best quotes after all, side by side with their sizes.
    fn quotes(ticks: &[Tick]) -> [Option<(Price, Qty)>; 2] {
        let mut sides = [None, None];
        for tick in ticks {
            if let TickData::Quote { bid, ask, bid_size, ask_size } = tick.data {
                sides[0] = bid.map(|bid| (bid, bid_size)).or(sides[0]);
                sides[1] = ask.map(|ask| (ask, ask_size)).or(sides[1]);
            }
        }
        sides
    }

    /// Open, high, low, close, volume and trades of every minute up to the boundary `upto`.
    fn bars(ticks: &[Tick], upto: Ts) -> Vec<String> {
        let minute = "1m".parse().unwrap();
        // Of trades alone: bars of midpoints have fewer midpoints to rest on.
        let config = TimeBarsConfig::for_instrument(&Instrument::guess(ibm()), minute, false);
        let mut builder = TimeBars::new(TimeBarsConfig { quote_bars: QuoteBars::Never, ..config });
        let mut outputs = Vec::new();
        builder.push_all(ticks, &mut outputs);
        builder.advance(upto, &mut outputs);
        let text = |output: &Output| match output {
            Output::Closed(b) => format!(
                "{} {} {} {} {} {} {} {}",
                b.start, b.open, b.high, b.low, b.close, b.volume, b.vwap, b.trades
            ),
            Output::Gap(gap) => format!("{gap:?}"),
        };
        outputs.iter().map(text).collect()
    }

    proptest! {
        #[test]
        fn no_trade_is_lost_or_moved_the_last_quote_stands_and_bars_are_the_same(
            rows in prop::collection::vec((0i64..2_000, 0u8..6, 0i64..300), 1..200),
            cuts in prop::collection::vec(1usize..20, 1..60),
        ) {
            // In the order of time, as a live feed sends.
            let mut at = 0;
            let all: Vec<Tick> = rows.into_iter().map(|(after, kind, cents)| { at += after; tick((at, kind, cents)) }).collect();
            let mut backlog = Backlog::new(1_000);
            let (mut out, mut rest) = (Vec::new(), &all[..]);
            for cut in cuts.into_iter().cycle() {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                backlog.hold(now);
                // Every third time there is room.
                if cut % 3 == 0 {
                    out.extend(ticks(&backlog.release(ibm())));
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            out.extend(ticks(&backlog.release(ibm())));
            prop_assert!(backlog.is_empty());
            prop_assert_eq!(trades(&out), trades(&all));
            prop_assert_eq!(quotes(&out), quotes(&all));
            prop_assert_eq!(out.len() as u64 + backlog.conflated, all.len() as u64);
            let upto = OPEN.plus_nanos((at / 60_000 + 1) * 60_000_000_000);
            prop_assert_eq!(bars(&out, upto), bars(&all, upto));
        }

        #[test]
        fn it_is_bounded_and_what_does_not_fit_is_counted_and_marked(
            rows in prop::collection::vec((0i64..500, 0u8..6, 0i64..300), 1..300),
        ) {
            let mut at = 0;
            let all: Vec<Tick> = rows.into_iter().map(|(after, kind, cents)| { at += after; tick((at, kind, cents)) }).collect();
            let mut backlog = Backlog::new(20);
            backlog.hold(&all);
            let batches = backlog.release(ibm());
            let (out, of) = (ticks(&batches), trades(&all));
            prop_assert!(out.len() <= 41);
            let kept = of.len().min(20);
            prop_assert_eq!(trades(&out), of[..kept].to_vec());
            prop_assert_eq!(backlog.dropped, (of.len() - kept) as u64);
            let gap = batches.iter().find_map(|batch| match batch.data { MarketData::Gap(gap) => Some(gap), _ => None });
            prop_assert_eq!(gap.map(|gap| (gap.from, gap.to)), (of.len() > kept).then(|| (of[kept].ts, of[of.len() - 1].ts.plus_nanos(1))));
            prop_assert_eq!(quotes(&out), quotes(&all));
        }
    }
}
