//! What happens within one minute, before any tick of it is drawn: its prices, spread, volume and bustle. Ticks are
//! drawn to fit it exactly, so a bar of history and the bar built from live ticks are the same bar, however many
//! ticks there are.

use rand::Rng;

use super::math::{exponential, unit};

/// One minute. Prices and spread in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct MinuteShape {
    /// First trade.
    pub(super) open: i32,
    /// Highest trade.
    pub(super) high: i32,
    /// Lowest trade.
    pub(super) low: i32,
    /// Last trade.
    pub(super) close: i32,
    /// Ask minus bid of every quote; 0 in the closing auction, which has one trade and no quotes.
    pub(super) spread: i32,
    /// Shares traded.
    pub(super) volume: i64,
    /// Messages relative to the mean minute.
    pub(super) bustle: f64,
}

/// Fewest shares traded in a minute: enough for each of its trades to have one.
const VOLUME_MIN: f64 = 100.0;
/// Most; never met by the profiles, it keeps sums of quantities far from their limits.
const VOLUME_MAX: f64 = 1e9;
/// Most messages, relative to the mean minute.
pub(super) const BUSTLE_MAX: f64 = 8.0;

impl MinuteShape {
    /// Words of its stream that [`MinuteShape::draw`] consumes, whatever it draws: what makes minutes addressable.
    pub(super) const WORDS: u32 = 8;

    /// Draws the minute in which the price moves `from` .. `to` ticks, with a standard deviation of `sd` ticks, a
    /// mean spread of `spread` ticks and a mean volume of `volume` shares.
    pub(super) fn draw(
        from: f64,
        to: f64,
        sd: f64,
        spread: f64,
        volume: f64,
        activity: f64,
        rng: &mut impl Rng,
    ) -> Self {
        let [up, down, busy, rest] = std::array::from_fn(|_| rng.next_u64());
        // Rounded at random to one of its two neighbours, so that the mean is kept: at least a tick, at most a
        // twentieth of the price.
        let spread = (spread + unit(rest << 32)).clamp(1.0, (from / 20.0).max(1.0)) as i32;
        // The first and the last trade hit the bid or the ask around the price.
        let touch = |level: f64, ask: bool| level as i32 - spread / 2 + if ask { spread } else { 0 };
        let (open, close) = (touch(from, rest >> 63 == 1), touch(to, (rest >> 62) & 1 == 1));
        let (o, c) = (f64::from(open), f64::from(close));
        // Maximum of a Brownian bridge from a to b: (a + b + sqrt((a - b)^2 + 2 sd^2 E)) / 2 with E exponential. The
        // minimum by symmetry; that the two are drawn apart makes ranges a little wide, never wrong.
        let reach = |bits| ((o - c) * (o - c) + 2.0 * sd * sd * exponential(bits)).sqrt();
        // Casts cut positive numbers to the tick below, without a call to the platform's `floor`. The bid stays
        // positive whatever the spread: prices are at least 100 ticks, and spreads a twentieth of them.
        let high = ((o + c + reach(up)) / 2.0) as i32;
        let low = ((o + c - reach(down)) / 2.0).max(50.0);
        let low = low as i32 + i32::from(f64::from(low as i32) < low);
        let busy = 0.4 + 0.6 * exponential(busy);
        Self {
            open,
            high: high.max(open).max(close),
            low: low.min(open).min(close),
            close,
            spread,
            volume: (volume * busy).clamp(VOLUME_MIN, VOLUME_MAX) as i64,
            bustle: (activity * (0.5 + 0.5 * busy)).min(BUSTLE_MAX),
        }
    }

    /// Draws the closing auction: one trade at the day's last price, reported within the minute after the close.
    pub(super) fn draw_auction(level: i32, volume: f64, rng: &mut impl Rng) -> Self {
        let busy = 0.4 + 0.6 * exponential(rng.next_u64());
        Self {
            open: level,
            high: level,
            low: level,
            close: level,
            spread: 0,
            volume: (volume * busy).clamp(VOLUME_MIN, VOLUME_MAX) as i64,
            bustle: 0.0,
        }
    }

    /// Whether this is the closing auction.
    pub(super) const fn is_auction(&self) -> bool {
        self.spread == 0
    }
}
