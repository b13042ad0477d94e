//! Infers the timeframe of a table of bars from its first labels.

use std::collections::BTreeMap;

use tensortrade_market::{Symbol, Timeframe, Ts};

const NS_PER_S: u64 = 1_000_000_000;
/// Labels at least this far apart are daily even where the clock is moved between summer and winter.
const DAILY_NS_MIN: u64 = 20 * 3600 * NS_PER_S;
/// Differences of labels above this span a night, at whose other side the clock may have been moved: they say nothing of the
/// timeframe while there are shorter ones.
const NIGHT_NS: u64 = 12 * 3600 * NS_PER_S;
/// Differences of labels below which a timeframe that is rarely used is not believed: two bars two minutes apart are
/// sooner two minutes with one missing between them.
const RARE_DIFFERENCES_MIN: u32 = 3;
/// Timeframes that are rarely used.
const RARE: [u32; 5] = [7200, 600, 180, 120, 10];
/// What bars are usually made of, longest first, in seconds.
const USUAL: [u32; 14] = [14_400, 7200, 3600, 1800, 900, 600, 300, 180, 120, 60, 30, 15, 10, 5];

/// Collects the labels of each symbol.
#[derive(Debug, Default)]
pub(super) struct Labels {
    last: BTreeMap<Symbol, Ts>,
    /// Greatest common divisor of the differences within a session, and of the others.
    divisor_ns: u64,
    nights_ns: u64,
    /// Smallest difference, zero before the first.
    shortest_ns: u64,
    /// Differences seen.
    differences: u32,
    has_times: bool,
}

impl Labels {
    /// Takes a label; `is_date` says that it is a date without a time of day.
    pub(super) fn push(&mut self, symbol: Symbol, label: Ts, is_date: bool) {
        self.has_times |= !is_date;
        if let Some(before) = self.last.insert(symbol, label) {
            let apart = label.nanos().abs_diff(before.nanos());
            if apart > 0 {
                self.differences = self.differences.saturating_add(1);
                let divisor = if apart > NIGHT_NS { &mut self.nights_ns } else { &mut self.divisor_ns };
                *divisor = gcd(*divisor, apart);
                self.shortest_ns = if self.shortest_ns == 0 { apart } else { self.shortest_ns.min(apart) };
            }
        }
    }

    /// One day where labels are dates or about a day apart; else the longest usual timeframe that divides every
    /// difference of labels (a rare one only where several differences show it); one minute where no symbol has two labels; `None` where labels are no whole seconds apart.
    pub(super) fn timeframe(&self) -> Option<Timeframe> {
        if !self.has_times || self.shortest_ns >= DAILY_NS_MIN {
            return Some(Timeframe::DAY);
        }
        let divisor_ns = if self.divisor_ns == 0 { self.nights_ns } else { self.divisor_ns };
        if divisor_ns == 0 {
            return Some(Timeframe::MINUTE);
        }
        let divides = |secs: u32| divisor_ns.is_multiple_of(u64::from(secs) * NS_PER_S);
        let believed = |secs: u32| self.differences >= RARE_DIFFERENCES_MIN || !RARE.contains(&secs);
        let secs =
            USUAL.into_iter().find(|s| divides(*s) && believed(*s)).or_else(|| divides(1).then_some(1))?;
        Timeframe::from_secs(secs).ok()
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(labels: &[(&str, &str)]) -> Option<String> {
        let mut all = Labels::default();
        for (symbol, label) in labels {
            all.push(Symbol::intern(symbol).unwrap(), Ts::parse(label).unwrap(), label.len() == 10);
        }
        all.timeframe().map(|t| t.to_string())
    }

    #[test]
    fn dates_are_days_even_over_a_week_end() {
        assert_eq!(inferred(&[("A", "1999-01-08"), ("A", "1999-01-11")]).unwrap(), "1d");
        assert_eq!(inferred(&[("A", "1999-01-08")]).unwrap(), "1d");
    }

    #[test]
    fn sparse_minutes_are_minutes() {
        let labels =
            [("A", "2013-10-04T08:06:00Z"), ("A", "2013-10-04T08:09:00Z"), ("A", "2013-10-04T08:13:00Z")];
        assert_eq!(inferred(&labels).unwrap(), "1m");
    }

    #[test]
    fn two_bars_two_minutes_apart_are_minutes_and_many_are_not() {
        let label = |n: u32| format!("2013-10-04T08:{:02}:00Z", 2 * n);
        let of = |count: u32| {
            let labels: Vec<String> = (0..count).map(label).collect();
            inferred(&labels.iter().map(|label| ("A", label.as_str())).collect::<Vec<_>>()).unwrap()
        };
        assert_eq!((of(2).as_str(), of(3).as_str(), of(4).as_str()), ("1m", "1m", "2m"));
    }

    #[test]
    fn labels_are_compared_within_a_symbol() {
        let labels = [
            ("A", "2013-10-04T08:00:00Z"),
            ("B", "2013-10-04T08:01:00Z"),
            ("A", "2013-10-04T08:15:00Z"),
            ("B", "2013-10-04T08:16:00Z"),
        ];
        assert_eq!(inferred(&labels).unwrap(), "15m");
    }

    #[test]
    fn an_unusual_difference_is_snapped_down_to_a_usual_divisor() {
        assert_eq!(inferred(&[("A", "2013-10-04T08:00:00Z"), ("A", "2013-10-04T08:07:00Z")]).unwrap(), "1m");
        assert_eq!(inferred(&[("A", "2013-10-04T08:00:00Z"), ("A", "2013-10-04T08:00:07Z")]).unwrap(), "1s");
        assert_eq!(inferred(&[("A", "2013-10-04T08:00:00Z"), ("A", "2013-10-04T08:00:00.5Z")]), None);
    }

    #[test]
    fn hours_of_new_york_keep_their_length_across_a_clock_change() {
        let labels = ["13:30", "15:30", "17:30", "19:30"];
        let summer = labels.map(|time| format!("2018-11-02T{time}:00Z"));
        let winter = ["14:30", "16:30", "18:30", "20:30"].map(|time| format!("2018-11-05T{time}:00Z"));
        let all: Vec<(&str, &str)> = summer.iter().chain(&winter).map(|l| ("A", l.as_str())).collect();
        assert_eq!(inferred(&all).unwrap(), "2h");
    }

    #[test]
    fn midnights_of_new_york_are_days_across_a_clock_change() {
        let labels = [
            ("A", "2018-03-09T05:00:00Z"),
            ("A", "2018-03-10T05:00:00Z"),
            ("A", "2018-03-11T05:00:00Z"),
            ("A", "2018-03-12T04:00:00Z"),
        ];
        assert_eq!(inferred(&labels).unwrap(), "1d");
    }
}
