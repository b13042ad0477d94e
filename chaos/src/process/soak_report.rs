//! What a soak came to, and when it proves nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tensortrade_journal::event::OrderStatus;

use super::audit::{AtBroker, Audit, Books};

/// Soaks shorter than this are not asked whether they prove anything.
const CYCLES_MIN: u32 = 10;
/// Most lives in a row without an order while nothing forbade one.
const IDLE_MAX: u32 = 8;

/// What a soak came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The market in a word.
    pub market: &'static str,
    /// Of the moments.
    pub seed: u64,
    /// Kills.
    pub cycles: u32,
    /// Kills before the node was ready.
    pub early: u32,
    /// Lives in which the breaker of the node was open, as the drill wanted it.
    pub drilled: u32,
    /// Lives in which orders were sent.
    pub traded: u32,
    /// Lives in which something was executed.
    pub filled: u32,
    /// Most lives in a row without an order, those left out in which none could be: early kills and drills.
    pub idle: u32,
    /// Orders that the start after the last kill sent.
    pub last_life_sent: u64,
    /// Executions a life, of the lives that were not killed early: middle and most.
    pub fills_per_life: (usize, usize),
    /// Kills while an order was alive.
    pub in_flight: u32,
    /// Orders alive at the kills, by their state on record and by what the broker made of them.
    pub alive: BTreeMap<OrderStatus, BTreeMap<AtBroker, u32>>,
    /// Executions that a kill kept from the journal, and that the next start booked.
    pub fills_recovered: u64,
    /// Orders on record.
    pub orders: usize,
    /// Executions on record.
    pub executions: usize,
    /// Events on record.
    pub events: u64,
    /// Starts after which the journal's sums were compared with what the broker held at the kill.
    pub compared: u64,
    /// `journal verify` runs.
    pub verified: u32,
    /// From start to ready to trade, milliseconds: middle and longest.
    pub ready_ms: (u64, u64),
    /// In all.
    pub seconds: f64,
    /// Promises that were broken.
    pub problems: Vec<String>,
}

/// One life of the node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Life {
    pub(super) early: bool,
    pub(super) forbidden: bool,
    pub(super) orders: usize,
    pub(super) fills: usize,
}

/// What was seen of the lives so far.
#[derive(Debug, Default)]
pub(super) struct Lives {
    lives: Vec<Life>,
    ready_ms: Vec<u64>,
    in_flight: u32,
    alive: BTreeMap<OrderStatus, BTreeMap<AtBroker, u32>>,
    fills_recovered: u64,
}

impl Lives {
    pub(super) fn ready(&mut self, after: Duration) {
        self.ready_ms.push(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }

    pub(super) fn ended(&mut self, life: Life, audit: &Audit, books: Option<&Books>) {
        self.lives.push(life);
        let Some(books) = books else { return };
        let alive = audit.in_flight(books);
        self.in_flight += u32::from(!alive.is_empty());
        for (status, row) in alive {
            for (at, count) in row {
                *self.alive.entry(status).or_default().entry(at).or_default() += count;
            }
        }
        self.fills_recovered += books.executions.len().saturating_sub(audit.executions()) as u64;
    }

    fn count(&self, of: impl Fn(&&Life) -> bool) -> u32 {
        u32::try_from(self.lives.iter().filter(of).count()).unwrap_or(u32::MAX)
    }

    fn idle(&self) -> u32 {
        let (mut longest, mut now) = (0, 0);
        for life in self.lives.iter().filter(|life| !life.early && !life.forbidden) {
            now = if life.orders > 0 { 0 } else { now + 1 };
            longest = longest.max(now);
        }
        longest
    }
}

/// Middle and most.
fn middle_and_most<T: Ord + Copy + Default>(mut of: Vec<T>) -> (T, T) {
    of.sort_unstable();
    (of.get(of.len() / 2).copied().unwrap_or_default(), of.last().copied().unwrap_or_default())
}

impl Report {
    pub(super) fn note(&mut self, audit: &Audit, lives: &Lives) {
        self.early = lives.count(|life| life.early);
        self.drilled = lives.count(|life| life.forbidden && !life.early);
        self.traded = lives.count(|life| life.orders > 0);
        self.filled = lives.count(|life| life.fills > 0);
        self.idle = lives.idle();
        let grown = lives.lives.iter().filter(|life| !life.early);
        self.fills_per_life = middle_and_most(grown.map(|life| life.fills).collect());
        self.ready_ms = middle_and_most(lives.ready_ms.clone());
        self.in_flight = lives.in_flight;
        self.alive.clone_from(&lives.alive);
        self.fills_recovered = lives.fills_recovered;
        self.orders = audit.orders();
        self.executions = audit.executions();
        self.events = audit.seq;
        self.compared = audit.compared;
        self.problems.clone_from(&audit.problems);
    }

    /// A soak that did not load the node proves nothing, and says so.
    pub(super) fn judge_void(&mut self) {
        if self.cycles < CYCLES_MIN {
            return;
        }
        let could = self.cycles.saturating_sub(self.early + self.drilled);
        for (void, what) in [
            (self.in_flight == 0, "no kill came while an order was alive".to_owned()),
            (self.executions == 0, "nothing was executed".to_owned()),
            (self.compared == 0, "no start was compared with the kill before it".to_owned()),
            (self.last_life_sent == 0, "the start after the last kill sent no order".to_owned()),
            (
                self.traded * 2 < could,
                format!("orders were sent in {} of {could} lives that could have", self.traded),
            ),
            (
                self.idle > IDLE_MAX,
                format!("{} lives in a row sent no order, and nothing forbade one", self.idle),
            ),
        ] {
            if void {
                self.problems.push(format!("void: {what}"));
            }
        }
    }

    /// For people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{} kills and restarts ({} before the node was ready, {} under an opened breaker) in {:.0} s, seed {}, {} market",
                self.cycles, self.early, self.drilled, self.seconds, self.seed, self.market
            ),
            format!(
                "orders were sent in {} lives, executed in {}; executions a life: middle {}, most {}; at most {} lives in a row without an order; the last life sent {}",
                self.traded,
                self.filled,
                self.fills_per_life.0,
                self.fills_per_life.1,
                self.idle,
                self.last_life_sent
            ),
            format!("{} kills with orders in flight, by their state on record:", self.in_flight),
        ];
        for (status, row) in &self.alive {
            let total: u32 = row.values().sum();
            let row: Vec<String> = row.iter().map(|(at, count)| format!("{} {count}", at.as_str())).collect();
            lines.push(format!("  {status:<17}{total:>5}   at the broker: {}", row.join(", ")));
        }
        lines.push(format!(
            "{} orders, {} executions ({} of them booked by the start after a kill), {} events",
            self.orders, self.executions, self.fills_recovered, self.events
        ));
        lines.push(format!(
            "{} starts agreed with what the broker held at the kill, to the last unit; journal verify {} times",
            self.compared, self.verified
        ));
        lines
            .push(format!("start to ready to trade: {} ms, at most {} ms", self.ready_ms.0, self.ready_ms.1));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lives(of: &[(bool, bool, usize)]) -> Lives {
        let lives = of.iter().map(|(early, forbidden, orders)| Life {
            early: *early,
            forbidden: *forbidden,
            orders: *orders,
            fills: *orders,
        });
        Lives { lives: lives.collect(), ..Lives::default() }
    }

    fn judged(lives: &Lives, last_life_sent: u64) -> Vec<String> {
        let mut report = Report { cycles: lives.lives.len() as u32, last_life_sent, ..Report::default() };
        report.note(&Audit::default(), lives);
        (report.in_flight, report.executions, report.compared) = (1, 1, 1);
        report.judge_void();
        report.problems
    }

    #[test]
    fn a_soak_that_stops_trading_is_void() {
        let mut trades = vec![(false, false, 3); 30];
        assert_eq!(judged(&lives(&trades), 5), Vec::<String>::new());
        assert_eq!(judged(&lives(&trades), 0), ["void: the start after the last kill sent no order"]);
        trades.extend([(false, false, 0); 9]);
        assert_eq!(judged(&lives(&trades), 5).len(), 1, "nine lives in a row without an order");
        trades.extend([(false, false, 0); 22]);
        assert_eq!(judged(&lives(&trades), 5).len(), 2, "and fewer than half of all");
    }

    #[test]
    fn early_kills_and_drills_are_no_idle_lives() {
        let mut trades = vec![(false, false, 3); 12];
        trades.extend([(true, false, 0); 12]);
        trades.extend([(false, true, 0); 12]);
        assert_eq!(judged(&lives(&trades), 5), Vec::<String>::new());
    }
}
