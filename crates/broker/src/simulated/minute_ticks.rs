//! The ticks of one minute, one after the other, fitted to its [`MinuteShape`]: the first trade is at the open, the
//! last at the close, one is at the high, one at the low, sizes sum to the volume, and every quote has the spread.
//!
//! Ticks come in groups: quotes, one trade within the last of them, more quotes. Trade prices move from open to low
//! or high, to the other, to close, with noise between. The random numbers are integers: 64 bits a tick, no
//! transcendental function.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tensortrade_market::{Price, Qty, Tick, Ts};

use super::minute::MinuteShape;
use super::sessions::MINUTE_NS;

/// Fewest trades in a minute: open, high, low, close.
const TRADES_MIN: u32 = 4;
/// Fewest ticks a trade comes with: three quotes and itself.
const GROUP_MIN: u32 = 4;
/// The closing auction's print comes within four seconds of the close.
const AUCTION_DELAY_NS: u64 = 4_000_000_000;
/// Fewest ticks in a minute of trading.
pub(super) const TICKS_MIN: u32 = TRADES_MIN * GROUP_MIN;

/// How many trades a minute has, and how many ticks come with each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) trades: u32,
    pub(super) group: u32,
}

impl Count {
    /// The count of a minute at a mean rate of messages.
    pub(super) fn of(shape: &MinuteShape, ticks_per_minute: u32) -> Self {
        if shape.is_auction() {
            return Self { trades: 1, group: 1 };
        }
        let ticks = ((f64::from(ticks_per_minute) * shape.bustle) as u32).max(TICKS_MIN);
        // Every trade has at least one share.
        let trades = (ticks / GROUP_MIN).min(u32::try_from(shape.volume).unwrap_or(u32::MAX)).max(TRADES_MIN);
        Self { trades, group: ticks / trades }
    }

    /// Quotes in the minute.
    pub(super) fn quotes(self) -> u32 {
        self.trades * (self.group - 1)
    }
}

/// Where the sequence of trades passes: the number of the trade and its price in ticks.
type Anchor = (u32, i32);

/// The ticks of a minute that are still to come.
#[derive(Debug)]
pub(super) struct MinuteTicks {
    shape: MinuteShape,
    /// Smallest price step, raw billionths.
    tick_raw: i64,
    count: Count,
    start: Ts,
    /// Time per tick, nanoseconds; below 2^32, since a minute has sixteen ticks at least.
    pace: u64,
    /// Ticks given so far.
    given: u64,
    /// Number of the group's trade, and place within the group.
    trade: u32,
    slot: u32,
    trade_slot: u32,
    price: i32,
    bid: i32,
    anchors: [Anchor; 4],
    leg: usize,
    noise: i32,
    volume_left: i64,
    /// Sizes of quotes are 1 to 16 times this: about what a few trades take.
    lot: i64,
}

impl MinuteTicks {
    /// The minute that starts at `start`.
    pub(super) fn new(
        (shape, tick_raw): (MinuteShape, i64),
        start: Ts,
        ticks_per_minute: u32,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let count = Count::of(&shape, ticks_per_minute);
        let last = count.trades - 1;
        let bits = rng.next_u64();
        // Trades 0 < first < second < last are at the extremes. There are at least four trades; the auction's one is
        // at all of its prices.
        let first = 1 + below(bits as u32, last.saturating_sub(2));
        let second = first + 1 + below((bits >> 32) as u32, last.saturating_sub(first + 1));
        // A rising minute more often visits its low first.
        let low_first = ((bits >> 20) & 7 < 6) == (shape.close >= shape.open);
        let (one, other) = if low_first { (shape.low, shape.high) } else { (shape.high, shape.low) };
        let ticks = u64::from(count.trades) * u64::from(count.group);
        Self {
            shape,
            tick_raw,
            count,
            start,
            pace: if shape.is_auction() { AUCTION_DELAY_NS } else { MINUTE_NS as u64 / ticks },
            given: 0,
            trade: 0,
            slot: 0,
            trade_slot: 1,
            price: shape.open,
            bid: shape.open,
            anchors: [(0, shape.open), (first, one), (second, other), (last, shape.close)],
            leg: 0,
            noise: 0,
            volume_left: shape.volume,
            lot: (shape.volume / i64::from(count.trades) / 400 * 100).max(100),
        }
    }

    /// The next tick; `None` at the end of the minute.
    #[inline]
    pub(super) fn next(&mut self, rng: &mut ChaCha8Rng) -> Option<Tick> {
        if self.trade >= self.count.trades {
            return None;
        }
        let bits = rng.next_u64();
        // Evenly spaced in the mean and jittered within the spacing: times never run backwards.
        let offset = self.given * self.pace + (((bits >> 32) * self.pace) >> 32);
        let ts = self.start.plus_nanos(offset as i64);
        self.given += 1;
        let bits = bits as u32;
        if self.slot == 0 {
            self.open_group(bits, rng);
        }
        let tick = if self.slot == self.trade_slot {
            let left = i64::from(self.count.trades - self.trade);
            let size = if left == 1 {
                self.volume_left
            } else {
                // Lomax with exponent 2 and mean 1 (the tail of a Pareto law), times what each of the trades left
                // would get.
                let u = f64::from((bits >> 8) + 1) * (1.0 / 16_777_217.0);
                let mean = self.volume_left as f64 / left as f64;
                ((mean * (1.0 / u.sqrt() - 1.0)) as i64).clamp(1, self.volume_left - (left - 1))
            };
            self.volume_left -= size;
            Tick::trade(ts, price(self.price, self.tick_raw), shares(size))
        } else {
            if self.slot > self.trade_slot && bits & 3 == 0 {
                self.bid += if bits & 4 == 0 { 1 } else { -1 };
            }
            let bid = self.bid.max(1);
            let lots = |bits: u32| shares(self.lot * i64::from(1 + (bits & 15)));
            Tick::quote(
                ts,
                Some(price(bid, self.tick_raw)),
                Some(price(bid + self.shape.spread, self.tick_raw)),
                lots(bits >> 8),
                lots(bits >> 12),
            )
        };
        self.slot += 1;
        if self.slot == self.count.group {
            self.slot = 0;
            self.trade += 1;
        }
        Some(tick)
    }

    /// Fixes the group's trade and the quotes that stand when it happens.
    #[inline]
    fn open_group(&mut self, bits: u32, rng: &mut ChaCha8Rng) {
        self.trade_slot = below(bits, self.count.group - 1) + u32::from(self.count.group > 1);
        let bits = rng.next_u64();
        if self.leg < 2 && self.trade >= self.anchors[self.leg + 1].0 {
            self.leg += 1;
        }
        let (from, to) = (self.anchors[self.leg], self.anchors[self.leg + 1]);
        self.price = if self.trade == from.0 {
            self.noise = 0;
            from.1
        } else if self.trade == to.0 {
            to.1
        } else {
            let travelled =
                i64::from(to.1 - from.1) * i64::from(self.trade - from.0) / i64::from(to.0 - from.0);
            let width = self.shape.spread.max((self.shape.high - self.shape.low) / 4);
            let step = below(bits as u32, (2 * width + 1) as u32) as i32 - width;
            self.noise = self.noise / 2 + step;
            (from.1 + travelled as i32 + self.noise).clamp(self.shape.low, self.shape.high)
        };
        let spread = self.shape.spread;
        // Three trades in eight lift the ask, three hit the bid, the rest is somewhere within.
        let below_price = match (bits >> 32) & 7 {
            0..=2 => spread,
            3..=5 => 0,
            _ => below((bits >> 40) as u32, (spread + 1) as u32) as i32,
        };
        self.bid = self.price - below_price;
    }
}

/// A whole number in `[0, n)` from 32 random bits; 0 when `n` is 0.
#[inline]
fn below(bits: u32, n: u32) -> u32 {
    ((u64::from(bits) * u64::from(n)) >> 32) as u32
}

/// A price of some ticks. Ticks are 32-bit, so the product fits and is never the one value that is no price.
#[inline]
pub(super) fn price(ticks: i32, tick_raw: i64) -> Price {
    Price::from_raw(i64::from(ticks).saturating_mul(tick_raw)).unwrap_or(Price::ZERO)
}

/// A quantity of some shares, at most a thousand million.
#[inline]
pub(super) fn shares(count: i64) -> Qty {
    Qty::from_raw(count.saturating_mul(Qty::ONE))
}
