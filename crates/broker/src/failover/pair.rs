//! One symbol in two feeds: the verdict on each, and which one is taken. Pure.
//!
//! Two feeds that disagree do not say which of them is wrong. The one whose price is farther from the last price on which both
//! agreed is blamed, and stays blamed until they agree again: an absurd price is a jump, and the market of the other feed did
//! not jump.

use std::collections::VecDeque;
use std::fmt;

use tensortrade_market::Ts;
use tensortrade_market::calendar::{CalendarCursor, SessionKind};

use super::Side;
use super::limits::FailoverLimits;
use super::quality::{Quality, Scores};

/// The hour that switches are counted over.
const HOUR_NS: i64 = 3_600_000_000_000;
/// Nanoseconds of a millisecond.
const NS_PER_MS: i64 = 1_000_000;

/// Why a feed is bad for a symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The whole feed is down.
    Down,
    /// Silent for so many times the usual.
    Stale(f64),
    /// So large a share of intervals is missing.
    Gaps(f64),
    /// So far from the other feed, basis points.
    Divergence(f64),
    /// So large a share of quotes is crossed or locked.
    Crossed(f64),
}

impl Fault {
    /// Whether the prices themselves cannot be trusted.
    #[must_use]
    pub const fn spoils_prices(self) -> bool {
        matches!(self, Self::Divergence(_) | Self::Crossed(_))
    }

    /// The kind in a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Stale(_) => "stale",
            Self::Gaps(_) => "gaps",
            Self::Divergence(_) => "divergence",
            Self::Crossed(_) => "crossed",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("the feed is down"),
            Self::Stale(times) => write!(f, "silent for {times:.1} times the usual"),
            Self::Gaps(share) => write!(f, "{:.0} % of the last intervals are missing", share * 100.0),
            Self::Divergence(bps) => write!(f, "its price is {bps:.0} bp off the other feed's"),
            Self::Crossed(share) => write!(f, "{:.0} % of its quotes are crossed or locked", share * 100.0),
        }
    }
}

/// What a boundary came to for a symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decision {
    /// The source stays, and is good.
    Good,
    /// The source stays although it is bad: the other is bad too, or it is too early to switch.
    Suspect(Fault),
    /// As [`Self::Suspect`], and it is the cap of switches that holds it; told once.
    Capped(Fault),
    /// Another source from this boundary's interval on; the fault of the one that is left, if it was one that moved it.
    Switched(Side, Option<Fault>),
}

/// One symbol in two feeds.
#[derive(Debug, Clone)]
pub struct Pair {
    calendar: CalendarCursor,
    quality: [Quality; 2],
    faults: [Option<Fault>; 2],
    /// The last price on which both agreed, and who is blamed since they do not.
    agreed: Option<f64>,
    blamed: Option<Side>,
    source: Side,
    switches: VecDeque<Ts>,
    good_since: Option<Ts>,
    capped: bool,
}

impl Pair {
    /// A symbol that begins on the primary.
    #[must_use]
    pub fn new(sessions: SessionKind) -> Self {
        Self {
            calendar: CalendarCursor::new(sessions),
            quality: Default::default(),
            faults: [None; 2],
            agreed: None,
            blamed: None,
            source: Side::Primary,
            switches: VecDeque::new(),
            good_since: None,
            capped: false,
        }
    }

    /// The feed that is taken.
    #[must_use]
    pub fn source(&self) -> Side {
        self.source
    }

    /// One feed's data of the interval under way.
    pub fn quality(&mut self, side: Side) -> &mut Quality {
        &mut self.quality[side as usize]
    }

    /// What is wrong with a feed, as of the last boundary.
    #[must_use]
    pub fn fault(&self, side: Side) -> Option<Fault> {
        self.faults[side as usize]
    }

    /// Ends the interval at the boundary `ts`; `down` says which feeds deliver nothing at all.
    pub fn close(&mut self, ts: Ts, down: [bool; 2], limits: &FailoverLimits) -> Decision {
        let divergence = self.divergence(limits);
        let session = self.calendar.session_of(ts.plus_nanos(-1));
        let has_rows = [self.quality[0].has_rows(), self.quality[1].has_rows()];
        for side in [Side::Primary, Side::Backup] {
            let (at, other) = (side as usize, side.other() as usize);
            let scores = self.quality[at].close(ts, session.as_ref(), has_rows[other], limits);
            let blame = (self.blamed == Some(side)).then_some(divergence).flatten();
            self.faults[at] = verdict(self.faults[at], scores, blame, down[at], limits);
        }
        let primary_is_good = self.faults[Side::Primary as usize].is_none();
        self.good_since = primary_is_good.then(|| self.good_since.unwrap_or(ts));
        self.decide(ts, limits)
    }

    /// The distance of the two prices while somebody is blamed for it; finds whom to blame.
    fn divergence(&mut self, limits: &FailoverLimits) -> Option<f64> {
        let mids = [self.quality[0].mid(), self.quality[1].mid()];
        let [Some(primary), Some(backup)] = mids else {
            // One of them is silent: whoever was blamed has not come back to the other yet.
            return self.blamed.map(|_| limits.divergence_bps_enter);
        };
        let bps = |a: f64, b: f64| (a / b).ln().abs() * 10_000.0;
        let apart = bps(primary, backup);
        if apart <= limits.divergence_bps_leave {
            (self.agreed, self.blamed) = (Some(primary), None);
        } else if apart >= limits.divergence_bps_enter && self.blamed.is_none() {
            self.blamed = self.agreed.map(|agreed| {
                if bps(primary, agreed) >= bps(backup, agreed) { Side::Primary } else { Side::Backup }
            });
        }
        self.blamed.map(|_| apart.max(limits.divergence_bps_enter))
    }

    fn decide(&mut self, ts: Ts, limits: &FailoverLimits) -> Decision {
        while self.switches.front().is_some_and(|at| ts.since(*at) > HOUR_NS) {
            self.switches.pop_front();
        }
        let (ours, theirs) = (self.fault(self.source), self.fault(self.source.other()));
        let long_good =
            self.good_since.is_some_and(|since| ts.since(since) >= limits.return_after_ms as i64 * NS_PER_MS);
        let wants = match (self.source, ours) {
            (_, Some(_)) => theirs.is_none(),
            (Side::Backup, None) => long_good,
            (Side::Primary, None) => false,
        };
        let stay = |fault: Option<Fault>| fault.map_or(Decision::Good, Decision::Suspect);
        let dwelt =
            self.switches.back().is_none_or(|last| ts.since(*last) >= limits.dwell_ms as i64 * NS_PER_MS);
        if !wants || !dwelt {
            return stay(ours);
        }
        if self.switches.len() >= limits.switches_per_hour_max as usize {
            return match ours {
                Some(fault) if !std::mem::replace(&mut self.capped, true) => Decision::Capped(fault),
                _ => stay(ours),
            };
        }
        self.capped = false;
        self.switches.push_back(ts);
        self.source = self.source.other();
        Decision::Switched(self.source, ours)
    }
}

/// The fault of a feed, with hysteresis: one that was there stays until every score is at or below its lower limit.
fn verdict(
    before: Option<Fault>,
    scores: Scores,
    blame: Option<f64>,
    down: bool,
    limits: &FailoverLimits,
) -> Option<Fault> {
    let entered = if down {
        Some(Fault::Down)
    } else if let Some(bps) = blame {
        Some(Fault::Divergence(bps))
    } else if scores.crossed >= limits.crossed_enter {
        Some(Fault::Crossed(scores.crossed))
    } else if scores.stale >= limits.stale_enter {
        Some(Fault::Stale(scores.stale))
    } else if scores.gaps >= limits.gap_enter {
        Some(Fault::Gaps(scores.gaps))
    } else {
        None
    };
    entered.or_else(|| {
        before?;
        if scores.crossed > limits.crossed_leave {
            Some(Fault::Crossed(scores.crossed))
        } else if scores.stale > limits.stale_leave {
            Some(Fault::Stale(scores.stale))
        } else if scores.gaps > limits.gap_leave {
            Some(Fault::Gaps(scores.gaps))
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::MarketData;
    use tensortrade_market::{Price, Qty, Tick};

    /// A symbol that trades around the clock, minute by minute.
    struct Tape {
        pair: Pair,
        minute: i64,
        limits: FailoverLimits,
    }

    impl Tape {
        fn new() -> Self {
            Self { pair: Pair::new(SessionKind::Always), minute: 0, limits: FailoverLimits::default() }
        }

        /// A minute in which the feeds say such prices, one every ten seconds.
        fn minute(&mut self, prices: [Option<f64>; 2]) -> Decision {
            let begun = 1_700_000_040 + self.minute * 60;
            let at = |s: i64| Ts::from_secs(begun + s);
            for (side, price) in [Side::Primary, Side::Backup].into_iter().zip(prices) {
                let Some(price) = price else { continue };
                let price = Price::from_f64(price).unwrap();
                let ticks = (0..6).map(|n| Tick::trade(at(n * 10), price, Qty::ZERO)).collect();
                self.pair.quality(side).observe(&MarketData::Ticks(ticks));
            }
            self.minute += 1;
            self.pair.close(at(60), [false; 2], &self.limits)
        }

        fn minutes(&mut self, n: i64, prices: [Option<f64>; 2]) -> Vec<Decision> {
            (0..n).map(|_| self.minute(prices)).collect()
        }
    }

    const BOTH: [Option<f64>; 2] = [Some(100.0), Some(100.0)];

    #[test]
    fn a_silent_primary_is_left_and_taken_again_only_after_it_has_been_good_for_long() {
        let mut tape = Tape::new();
        assert!(tape.minutes(10, BOTH).iter().all(|d| *d == Decision::Good));
        let silent = tape.minutes(2, [None, Some(100.0)]);
        assert!(matches!(silent[0], Decision::Switched(Side::Backup, Some(Fault::Stale(_)))), "{silent:?}");
        let back = tape.minutes(30, BOTH);
        let at = back.iter().position(|d| *d != Decision::Good).unwrap();
        assert_eq!(back[at], Decision::Switched(Side::Primary, None));
        assert!(at >= 5, "five good minutes at least: {at}");
        assert!(back[at + 1..].iter().all(|d| *d == Decision::Good));
    }

    #[test]
    fn the_feed_that_jumped_is_blamed_and_stays_blamed_until_both_agree() {
        for (prices, blamed) in
            [([Some(101.0), Some(100.0)], Side::Primary), ([Some(100.0), Some(99.0)], Side::Backup)]
        {
            let mut tape = Tape::new();
            tape.minutes(10, BOTH);
            tape.minute(prices);
            assert!(matches!(tape.pair.fault(blamed), Some(Fault::Divergence(bps)) if bps > 90.0));
            assert_eq!(tape.pair.fault(blamed.other()), None);
            assert_eq!(tape.pair.source(), blamed.other());
            // A distance between the limits does not clear it, and neither does the other's silence.
            tape.minute([Some(100.3), Some(100.0)]);
            assert!(tape.pair.fault(blamed).is_some());
            tape.minute([Some(100.0), None]);
            assert!(tape.pair.fault(blamed).is_some());
            tape.minute(BOTH);
            assert_eq!(tape.pair.fault(blamed), None);
        }
    }

    #[test]
    fn when_both_are_bad_nothing_is_switched_and_the_source_is_suspect() {
        let mut tape = Tape::new();
        tape.minutes(10, BOTH);
        tape.minute([Some(101.0), Some(100.0)]);
        assert_eq!(tape.pair.source(), Side::Backup);
        let silent = tape.minutes(6, [Some(101.0), None]);
        assert!(silent.iter().skip(1).all(|d| matches!(d, Decision::Suspect(Fault::Stale(_)))), "{silent:?}");
    }

    #[test]
    fn switches_keep_their_distance_and_their_number_in_an_hour_is_capped() {
        let mut tape = Tape::new();
        tape.limits =
            FailoverLimits { switches_per_hour_max: 3, return_after_ms: 0, window: 3, ..tape.limits };
        tape.minutes(10, BOTH);
        let mut switched = Vec::new();
        let mut capped = 0;
        for minute in 0..59 {
            // Each feed is silent for two minutes in turn.
            let prices = match minute % 8 {
                0..2 => [None, Some(100.0)],
                4..6 => [Some(100.0), None],
                _ => BOTH,
            };
            match tape.minute(prices) {
                Decision::Switched(..) => switched.push(minute),
                Decision::Capped(_) => capped += 1,
                _ => {}
            }
        }
        assert_eq!((switched.len(), capped), (3, 1), "{switched:?}");
        assert!(switched.windows(2).all(|w| w[1] - w[0] >= 2), "two minutes apart at least: {switched:?}");
    }

    #[test]
    fn a_feed_that_is_down_is_left_at_once() {
        let mut tape = Tape::new();
        tape.minutes(5, BOTH);
        tape.pair.quality(Side::Backup).observe(&MarketData::Ticks(
            vec![Tick::trade(Ts::from_secs(1_700_000_341), Price::from_f64(100.0).unwrap(), Qty::ZERO)]
                .into(),
        ));
        let decision = tape.pair.close(Ts::from_secs(1_700_000_400), [true, false], &tape.limits);
        assert_eq!(decision, Decision::Switched(Side::Backup, Some(Fault::Down)));
    }
}
