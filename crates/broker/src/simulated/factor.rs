//! The parts that returns are made of: a factor's day, its jumps, its volatility from day to day, its path through
//! the minutes. The market, each sector and each symbol's own part are all of this make.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::math::{minute_shock, normals, student_scale};
use super::seasonality::Seasonality;

/// Share of a day's variance and drift that falls into the night before its session, and the square roots of the
/// shares of night and session.
const OVERNIGHT_SHARE: f64 = 0.2;
const OVERNIGHT_SD: f64 = 0.447_213_595_499_957_9;
pub(super) const SESSION_SD: f64 = 0.894_427_190_999_915_9;

/// GARCH(1,1) of unit mean: variance = 0.05 + 0.05 shock^2 + 0.90 variance. With t5 shocks the fourth moment exists,
/// since
/// 9 * 0.05^2 + 2 * 0.05 * 0.90 + 0.90^2 < 1.
pub(super) fn garch_next(variance: f64, unit_shock: f64) -> f64 {
    (0.05 + variance * (0.05 * unit_shock * unit_shock + 0.90)).min(GARCH_VARIANCE_MAX)
}

/// Bounds a burst of volatility at two and a half times the regime's level.
const GARCH_VARIANCE_MAX: f64 = 6.0;

/// A sudden step of the log price within a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// When, as a share of the session.
    pub at: f64,
    /// Change of the log price.
    pub size: f64,
}

impl Jump {
    /// The minute in which it happens.
    pub(super) fn minute(self, minutes: usize) -> usize {
        ((self.at * minutes as f64) as usize).min(minutes.saturating_sub(1))
    }
}

/// Log returns of a factor on one day, jumps left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FactorDay {
    /// From the last close to the open.
    pub overnight: f64,
    /// From the open to the close.
    pub session: f64,
    /// Standard deviation of `session` given how wild this day is: what the minutes of the session have too.
    pub session_sd: f64,
}

impl FactorDay {
    /// Draws a day with a standard deviation of `sd`, and returns it with its shock of unit variance.
    ///
    /// The shock is Student's t with five degrees of freedom as what it is, a normal with a random scale. Night,
    /// session and the session's minutes share the scale: a day with a large return is a wild day all along.
    /// Otherwise the minutes of such a day would all lean the same way, and a policy would learn a momentum that is
    /// none.
    pub(super) fn draw(drift: f64, sd: f64, rng: &mut ChaCha8Rng) -> (Self, f64) {
        let scale = student_scale(rng);
        let (night, day) = normals(rng);
        let (night, day) = (scale * OVERNIGHT_SD * night, scale * SESSION_SD * day);
        let this = Self {
            overnight: OVERNIGHT_SHARE * drift + sd * night,
            session: (1.0 - OVERNIGHT_SHARE) * drift + sd * day,
            session_sd: sd * scale * SESSION_SD,
        };
        (this, night + day)
    }

    /// The same day where trading never stops: what would fall into the night falls into the session.
    pub(super) fn without_night(self) -> Self {
        Self {
            overnight: 0.0,
            session: self.overnight + self.session,
            session_sd: self.session_sd / SESSION_SD,
        }
    }
}

/// Fills `cumulative` with a path of fat-tailed minutes that ends at the session's return: independent shocks of the
/// day's shape, then the difference spread over the minutes by their variance, which for normal shocks is the
/// Brownian bridge.
pub(super) fn bridge(rng: &mut ChaCha8Rng, shape: &Seasonality, returns: FactorDay, cumulative: &mut [f64]) {
    let mut sum = 0.0;
    for (at, weight) in cumulative.iter_mut().zip(&shape.sd) {
        sum += returns.session_sd * weight * minute_shock(rng.next_u64());
        *at = sum;
    }
    let missing = returns.session - sum;
    let mut share = 0.0;
    for (at, weight) in cumulative.iter_mut().zip(&shape.variance) {
        share += weight;
        *at += share * missing;
    }
}

/// Adds a step to a cumulative path.
pub(super) fn add_jump(jump: Jump, cumulative: &mut [f64]) {
    let minute = jump.minute(cumulative.len());
    for at in cumulative.iter_mut().skip(minute) {
        *at += jump.size;
    }
}
