//! An operator's commands during a soak, so that there is something for restarts to remember: a symbol added, one removed, one
//! halted, and every so often a drill of the node's breaker.
//!
//! Each is given in the first life at or after its cycle that takes commands: one that fell on an early kill would else be left
//! out, and a breaker that is never reset rightly ends all trading.

use std::collections::VecDeque;

use tensortrade::control::protocol::{Outcome, Request};

use super::node::Node;
use super::scene::{Market, Scene};

/// A symbol that is added, one that is removed, and one whose breaker is opened.
const ADDED: &str = "TSLA";
const REMOVED: &str = "XOM";
const HALTED: &str = "NVDA";
/// A drill begins every so many cycles, from the first one on, and lasts so many.
const DRILL_EVERY: u32 = 40;
const DRILL_FIRST: u32 = 20;
const DRILL_LASTS: u32 = 4;

/// Commands still to be given, with their cycles.
pub(super) struct Hand {
    left: VecDeque<(u32, Request)>,
    /// Whether the list of symbols may be refused a change: in a replay they join as their data comes.
    lenient: bool,
}

impl Hand {
    pub(super) fn new(cycles: u32, market: Market) -> Self {
        let symbols = |name: &str| vec![name.to_owned()];
        let mut due = vec![
            (3, Request::Halt { scope: HALTED.to_owned() }),
            (5, Request::WatchlistRemove { symbols: symbols(REMOVED), flatten: true }),
        ];
        // A replay has no symbols but those of its file.
        if let Market::Simulated(_) = market {
            due.insert(0, (1, Request::WatchlistAdd { symbols: symbols(ADDED) }));
        }
        for cycle in (DRILL_FIRST..cycles).step_by(DRILL_EVERY as usize) {
            due.push((cycle, Request::BreakerTrip { reason: "a drill".to_owned() }));
            due.push((cycle + DRILL_LASTS, Request::BreakerReset { reason: "the drill is over".to_owned() }));
        }
        Self { left: due.into(), lenient: matches!(market, Market::Replay(_)) }
    }

    /// Gives the next command if it is due.
    pub(super) fn act(&mut self, cycle: u32, scene: &mut Scene, node: &Node) {
        if let Some((_, request)) = self.left.pop_front_if(|(due, _)| *due <= cycle) {
            self.give(cycle, &request, scene, node);
        }
    }

    /// Gives what is left.
    pub(super) fn finish(&mut self, cycle: u32, scene: &mut Scene, node: &Node) {
        while let Some((_, request)) = self.left.pop_front() {
            self.give(cycle, &request, scene, node);
        }
    }

    fn give(&self, cycle: u32, request: &Request, scene: &mut Scene, node: &Node) {
        let wrong = match node.ask(request) {
            Ok(reply) if reply.outcome == Outcome::Ok => return,
            Ok(reply)
                if self.lenient
                    && reply.outcome == Outcome::Refused
                    && matches!(request, Request::WatchlistRemove { .. }) =>
            {
                return;
            }
            Ok(reply) => reply.message,
            Err(failure) => failure.message,
        };
        scene.problem(format!("cycle {cycle}: {request:?}: {wrong}"));
    }
}
