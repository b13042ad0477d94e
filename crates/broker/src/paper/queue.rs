//! Queue position: how much must trade at our price before it is our turn.

use serde::{Deserialize, Serialize};
use tensortrade_market::Qty;

/// What a resting limit order assumes about the orders in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueModel {
    /// The order joins the back of the displayed queue. The size displayed at its price is ahead of it; prints at the
    /// price shorten that, and so does a display smaller than what was thought to be ahead; nothing else does (the
    /// risk-averse queue model of hftbacktest). While the size ahead is unknown (the price was never displayed, or
    /// without a size), a print at the price fills nothing. Nothing is ahead of an order that improves the market.
    #[default]
    Back,
    /// Nothing is ever ahead: every print at the limit may fill. Optimistic.
    Front,
    /// A print at the limit never fills, only one through it. The most cautious.
    ThroughOnly,
}

/// The place of one resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Queue {
    /// What is ahead; `None` while unknown.
    ahead: Option<Qty>,
}

impl Queue {
    /// A display of `size` at the order's own price; zero says nothing.
    pub(super) fn on_display(&mut self, size: Qty) {
        if size > Qty::ZERO {
            self.ahead = Some(self.ahead.map_or(size, |ahead| ahead.min(size)));
        }
    }

    /// The best price on our side is worse than ours, or the market traded through us: nobody is ahead.
    pub(super) fn clear(&mut self) {
        self.ahead = Some(Qty::ZERO);
    }

    /// A print of `size` at the order's price: how much of it reaches the order. `None`: nothing; a print whose size
    /// is unknown reaches an order only when nothing is ahead of it.
    pub(super) fn on_print(&mut self, size: Qty, model: QueueModel) -> Option<Qty> {
        match model {
            QueueModel::Front => Some(size),
            QueueModel::ThroughOnly => None,
            QueueModel::Back => {
                let ahead = self.ahead?;
                if ahead.is_zero() {
                    return Some(size);
                }
                let reached = size.raw().saturating_sub(ahead.raw());
                self.ahead = Some(Qty::from_raw(reached.saturating_neg().max(0)));
                (reached > 0).then(|| Qty::from_raw(reached))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(n: i64) -> Qty {
        Qty::from_units(n).unwrap()
    }

    #[test]
    fn only_what_trades_beyond_the_queue_ahead_reaches_the_order() {
        let mut queue = Queue::default();
        assert_eq!(queue.on_print(units(1_000), QueueModel::Back), None, "unknown is not empty");
        queue.on_display(units(300));
        assert_eq!(queue.on_print(units(200), QueueModel::Back), None);
        assert_eq!(queue.on_print(units(150), QueueModel::Back), Some(units(50)));
        assert_eq!(queue.on_print(units(10), QueueModel::Back), Some(units(10)));
    }

    #[test]
    fn a_larger_display_never_pushes_the_order_back_and_a_smaller_one_lets_it_forward() {
        let mut queue = Queue::default();
        queue.on_display(units(300));
        queue.on_display(units(900));
        queue.on_display(units(100));
        assert_eq!(queue.on_print(units(101), QueueModel::Back), Some(units(1)));
    }

    #[test]
    fn the_other_models_take_all_or_nothing_at_the_limit() {
        let mut queue = Queue::default();
        assert_eq!(queue.on_print(units(5), QueueModel::Front), Some(units(5)));
        queue.clear();
        assert_eq!(queue.on_print(units(5), QueueModel::ThroughOnly), None);
    }
}
