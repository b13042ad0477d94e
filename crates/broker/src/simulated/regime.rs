//! The three regimes of the simulated market and the chain that moves between them.

use rand::Rng;

use super::math::unit;

/// What a regime does to the market factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regime {
    /// Its name.
    pub name: &'static str,
    /// Mean log return of the market factor, per day.
    pub drift_daily: f64,
    /// Standard deviation of the market factor's log return, per day.
    pub vol_daily: f64,
    /// Mean length in trading days; lengths are geometric.
    pub mean_days: f64,
}

/// The regimes in the order of their volatility: labels are indices into this table.
pub const REGIMES: [Regime; 3] = [
    Regime { name: "calm", drift_daily: 0.0008, vol_daily: 0.007, mean_days: 120.0 },
    Regime { name: "neutral", drift_daily: 0.0, vol_daily: 0.010, mean_days: 60.0 },
    Regime { name: "crisis", drift_daily: -0.0015, vol_daily: 0.022, mean_days: 40.0 },
];

/// The regime of the next day: stays with probability `1 - 1 / mean_days`, else moves to either of the others alike.
pub(super) fn next_regime(current: usize, rng: &mut impl Rng) -> usize {
    let (leave, side) = (unit(rng.next_u64()), rng.next_u64() & 1);
    if leave * REGIMES[current].mean_days >= 1.0 {
        return current;
    }
    (current + 1 + side as usize) % REGIMES.len()
}
