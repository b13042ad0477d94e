//! Whether a symbol trends, with hysteresis.

use serde::{Deserialize, Serialize};

use crate::config::RulesConfig;

/// Which way a symbol trends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Up.
    Up,
    /// Neither way.
    #[default]
    None,
    /// Down.
    Down,
}

impl Trend {
    /// +1, 0 or -1.
    #[must_use]
    pub fn sign(self) -> f64 {
        match self {
            Self::Up => 1.0,
            Self::None => 0.0,
            Self::Down => -1.0,
        }
    }

    /// The trend after a score: entered past `enter`, left below `exit`. In between what stood stands, so that a score
    /// that hovers around a threshold does not trade on every step.
    #[must_use]
    pub fn after(self, score: f64, config: &RulesConfig) -> Self {
        if score >= config.enter {
            Self::Up
        } else if score <= -config.enter {
            if config.short { Self::Down } else { Self::None }
        } else if self.sign() * score < config.exit {
            Self::None
        } else {
            self
        }
    }

    /// From 0 to 1: the score in the direction of the trend, against full size.
    #[must_use]
    pub fn strength(self, score: f64, config: &RulesConfig) -> f64 {
        (self.sign() * score / config.full).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_stands_between_its_thresholds() {
        let config = RulesConfig::default();
        let mut trend = Trend::None;
        let mut seen = Vec::new();
        for score in [0.5, 0.8, 0.5, 0.2, 0.05, 0.2, -0.5, -0.9, -0.2, 0.1, 0.9, -0.9] {
            trend = trend.after(score, &config);
            seen.push(trend.sign() as i32);
        }
        assert_eq!(seen, [0, 1, 1, 1, 0, 0, 0, -1, -1, 0, 1, -1]);
    }

    #[test]
    fn without_shorts_a_fall_is_no_trend() {
        let config = RulesConfig { short: false, ..RulesConfig::default() };
        assert_eq!(Trend::Up.after(-3.0, &config), Trend::None);
    }
}
