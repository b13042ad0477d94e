//! How good one feed's data of one symbol is. Pure: everything follows from the data and the boundaries.
//!
//! | score | formula | unit |
//! |---|---|---|
//! | stale | (boundary - last data, counted from the start of the session's phase) / usual silence | multiples |
//! | gaps | intervals without data while the other feed had some, or that the source itself called missing / intervals looked back on | share |
//! | crossed | quotes with bid >= ask / two-sided quotes looked back on, once there are [`QUOTES_MIN`] | share |
//! | divergence | `abs(ln(mid / other mid)) * 10_000`, blamed on one feed, see [`super::pair`] | basis points |
//!
//! The usual silence is an exponential mean ([`USUAL_WEIGHTS`]) of the longest silence in each interval that had data, kept
//! apart for regular and for extended hours, and at least `quiet_ms_min`. A silence in which the other feed had data is an outage
//! and not usual.

use std::collections::VecDeque;

use tensortrade_market::calendar::{Phase, Session};
use tensortrade_market::{Price, Tick, TickData, Ts};

use super::limits::FailoverLimits;
use crate::feed::MarketData;

/// Weight of the newest interval in the usual silence: when it is shorter than usual, and when it is longer.
const USUAL_WEIGHTS: [f64; 2] = [0.1, 0.3];
/// Two-sided quotes below which there is no rate of crossed ones.
pub const QUOTES_MIN: u64 = 10;

/// The scores of a feed's data of a symbol at a boundary; higher is worse.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scores {
    /// Multiples of the usual silence.
    pub stale: f64,
    /// Share of the window's intervals.
    pub gaps: f64,
    /// Share of the window's two-sided quotes.
    pub crossed: f64,
}

/// What one interval had.
#[derive(Debug, Clone, Copy, Default)]
struct Interval {
    rows: u64,
    quotes: u64,
    crossed: u64,
    longest_ns: i64,
    hole: bool,
    mid: Option<f64>,
    quote_mid: Option<f64>,
}

/// What the shares look back on.
#[derive(Debug, Clone, Copy)]
struct Past {
    missing: bool,
    quotes: u64,
    crossed: u64,
}

/// One feed's data of one symbol.
#[derive(Debug, Clone, Default)]
pub struct Quality {
    /// Latest moment of any data.
    last: Option<Ts>,
    /// First boundary that was looked at: silence before the first data counts from here.
    since: Option<Ts>,
    sides: (Option<Price>, Option<Price>),
    now: Interval,
    past: VecDeque<Past>,
    /// Usual silence in regular and in extended hours, nanoseconds.
    usual: [Option<f64>; 2],
}

impl Quality {
    /// Takes data of the interval under way.
    pub fn observe(&mut self, data: &MarketData) {
        match data {
            MarketData::Ticks(ticks) => ticks.iter().for_each(|tick| self.tick(tick)),
            MarketData::Bars(_, bars) => {
                for bar in bars.iter() {
                    self.row(bar.end);
                    self.now.mid = Some(bar.close.to_f64());
                }
            }
            MarketData::Gap(_) => self.now.hole = true,
        }
    }

    fn tick(&mut self, tick: &Tick) {
        self.row(tick.ts);
        match tick.data {
            TickData::Trade { price, .. } => self.now.mid = Some(price.to_f64()),
            TickData::Quote { bid, ask, .. } => {
                self.sides = (bid.or(self.sides.0), ask.or(self.sides.1));
                let (Some(bid), Some(ask)) = self.sides else { return };
                self.now.quotes += 1;
                if bid >= ask {
                    self.now.crossed += 1;
                } else {
                    self.now.quote_mid = Some((bid.to_f64() + ask.to_f64()) / 2.0);
                }
            }
        }
    }

    fn row(&mut self, ts: Ts) {
        self.now.rows += 1;
        if let Some(last) = self.last {
            self.now.longest_ns = self.now.longest_ns.max(ts.since(last));
        }
        self.last = Some(self.last.map_or(ts, |last| last.max(ts)));
    }

    /// Whether the interval under way had data.
    #[must_use]
    pub fn has_rows(&self) -> bool {
        self.now.rows > 0
    }

    /// The price at the end of the interval under way: the mid of its last uncrossed quote, else its last trade or close.
    #[must_use]
    pub fn mid(&self) -> Option<f64> {
        self.now.quote_mid.or(self.now.mid).filter(|mid| *mid > 0.0)
    }

    /// Ends the interval at the boundary `ts`. `session` is the one running then, if one is; `other_has_rows` whether the other
    /// feed had data in the interval.
    pub fn close(
        &mut self,
        ts: Ts,
        session: Option<&Session>,
        other_has_rows: bool,
        limits: &FailoverLimits,
    ) -> Scores {
        let since = *self.since.get_or_insert(ts);
        let now = std::mem::take(&mut self.now);
        let stale = match session.map(|session| (session.phase(ts.plus_nanos(-1)), session)) {
            None | Some((Phase::Closed, _)) => 0.0,
            Some((phase, session)) => {
                let begun = match phase {
                    Phase::Regular => session.open,
                    Phase::Post => session.close,
                    Phase::Pre | Phase::Closed => session.ext_open,
                };
                let slot = usize::from(phase != Phase::Regular);
                let outage = self.past.back().is_some_and(|past| past.missing);
                if now.longest_ns > 0 && !outage {
                    // A silence that began before the phase says nothing about the phase.
                    let within = self.last.map_or(0, |last| last.since(begun)).max(0);
                    let longest = now.longest_ns.min(within) as f64;
                    let mean = self.usual[slot].map_or(longest, |usual| {
                        usual + USUAL_WEIGHTS[usize::from(longest > usual)] * (longest - usual)
                    });
                    self.usual[slot] = Some(mean);
                }
                let usual = self.usual[slot].or(self.usual[1 - slot]).unwrap_or(0.0);
                let age = ts.since(self.last.unwrap_or(since).max(begun)).max(0);
                age as f64 / usual.max(limits.quiet_ms_min as f64 * 1e6)
            }
        };
        let missing = now.hole || (now.rows == 0 && other_has_rows);
        self.past.push_back(Past { missing, quotes: now.quotes, crossed: now.crossed });
        while self.past.len() > limits.window as usize {
            self.past.pop_front();
        }
        let missing = self.past.iter().filter(|past| past.missing).count();
        let quotes: u64 = self.past.iter().map(|past| past.quotes).sum();
        let crossed: u64 = self.past.iter().map(|past| past.crossed).sum();
        Scores {
            stale,
            gaps: missing as f64 / f64::from(limits.window),
            crossed: if quotes >= QUOTES_MIN { crossed as f64 / quotes as f64 } else { 0.0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_market::Qty;
    use tensortrade_market::calendar::{Calendar, SessionKind};

    /// A Monday, 10:00 in New York.
    const TEN: Ts = Ts::from_secs(1_381_154_400);

    fn quote(after_s: i64, bid: f64, ask: f64) -> MarketData {
        let price = |p| Price::from_f64(p).ok();
        let tick = Tick::quote(
            TEN.plus_nanos(after_s * 1_000_000_000),
            price(bid),
            price(ask),
            Qty::ZERO,
            Qty::ZERO,
        );
        MarketData::Ticks(vec![tick].into())
    }

    fn at(minute: i64) -> Ts {
        TEN.plus_nanos(minute * 60_000_000_000)
    }

    fn close(quality: &mut Quality, minute: i64, other: bool) -> Scores {
        let session = Calendar::new(SessionKind::UsEquity).session_of(at(minute));
        quality.close(at(minute), session.as_ref(), other, &FailoverLimits::default())
    }

    #[test]
    fn silence_is_measured_in_multiples_of_what_is_usual_for_the_symbol() {
        let (mut busy, mut thin) = (Quality::default(), Quality::default());
        for minute in 0..20 {
            for second in 0..60 {
                busy.observe(&quote(minute * 60 + second, 9.0, 9.1));
            }
            if minute % 5 == 0 {
                thin.observe(&quote(minute * 60, 9.0, 9.1));
            }
            close(&mut busy, minute + 1, false);
            close(&mut thin, minute + 1, false);
        }
        // Two more minutes without data: 121 s against at least 15 s, and 421 s against usually 300 s.
        close(&mut busy, 21, false);
        close(&mut thin, 21, false);
        let (busy, thin) = (close(&mut busy, 22, false), close(&mut thin, 22, false));
        assert!((busy.stale - 121.0 / 15.0).abs() < 0.01, "{busy:?}");
        assert!(thin.stale > 1.0 && thin.stale < 3.0, "{thin:?}");
    }

    #[test]
    fn a_closed_market_is_not_stale_and_an_opening_one_begins_anew() {
        let mut quality = Quality::default();
        quality.observe(&quote(0, 9.0, 9.1));
        assert!(close(&mut quality, 60, false).stale > 100.0);
        // Seven in the evening is after hours; nine is closed; the next morning begins at four.
        assert_eq!(close(&mut quality, 11 * 60, false).stale, 0.0);
        let morning = close(&mut quality, 18 * 60 + 1, false);
        assert!((morning.stale - 4.0).abs() < 0.01, "one minute after four: {morning:?}");
    }

    #[test]
    fn gaps_are_the_share_of_intervals_in_which_only_the_other_feed_had_data() {
        let mut quality = Quality::default();
        for minute in 0..10 {
            let talks = minute % 3 != 0;
            if talks {
                quality.observe(&quote(minute * 60, 9.0, 9.1));
            }
            close(&mut quality, minute + 1, true);
        }
        let scores = close(&mut quality, 11, false);
        assert!(
            (scores.gaps - 0.3).abs() < 1e-9,
            "three of the last ten; nobody had data in the last: {scores:?}"
        );
        quality.observe(&MarketData::Gap(tensortrade_market::Gap {
            from: at(11),
            to: at(12),
            reason: tensortrade_market::GapReason::FeedLost,
        }));
        assert!(close(&mut quality, 12, false).gaps > 0.29, "what the source calls missing is missing");
    }

    #[test]
    fn crossed_and_locked_quotes_are_counted_against_all_once_there_are_enough() {
        let mut quality = Quality::default();
        for second in 0..9 {
            quality.observe(&quote(second, 9.2, 9.1));
        }
        assert_eq!(close(&mut quality, 1, false).crossed, 0.0, "nine quotes are too few");
        quality.observe(&quote(61, 9.1, 9.1));
        for second in 62..72 {
            quality.observe(&quote(second, 9.0, 9.1));
        }
        assert_eq!(quality.mid(), Some(9.05));
        assert_eq!(close(&mut quality, 2, false).crossed, 0.5, "ten of twenty");
    }
}
