//! From a trend to a weight.

use crate::config::RulesConfig;

/// `strength * target / (volatility * sqrt(count))`, at most `weight_max`: were the symbols uncorrelated, `count` of
/// them at full strength would give the portfolio its target volatility.
#[must_use]
pub fn volatility_weight(strength: f64, volatility: f64, count: usize, config: &RulesConfig) -> f64 {
    let volatility = volatility.max(config.volatility_floor);
    let weight = strength * config.target_volatility / (volatility * (count.max(1) as f64).sqrt());
    weight.clamp(-config.weight_max, config.weight_max)
}

/// The factor, at most one, that brings `wanted` gross down to what `held` gross leaves of `limit`.
#[must_use]
pub fn gross_factor(wanted: f64, held: f64, limit: f64) -> f64 {
    let room = (limit - held).max(0.0);
    if wanted > room { room / wanted } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_volatility_is_half_the_weight() {
        let config = RulesConfig { weight_max: 10.0, ..RulesConfig::default() };
        assert_eq!(volatility_weight(1.0, 0.2, 1, &config), 0.5);
        assert_eq!(volatility_weight(1.0, 0.4, 1, &config), 0.25);
        assert_eq!(volatility_weight(1.0, 0.2, 4, &config), 0.25);
        assert_eq!(volatility_weight(-0.5, 0.2, 1, &config), -0.25);
    }

    #[test]
    fn a_quiet_symbol_gets_no_more_than_the_cap() {
        let config = RulesConfig::default();
        assert_eq!(volatility_weight(1.0, 0.0, 1, &config), config.weight_max);
    }

    #[test]
    fn what_is_held_leaves_less_room() {
        assert_eq!(gross_factor(0.5, 0.2, 1.0), 1.0);
        assert_eq!(gross_factor(1.0, 0.5, 1.0), 0.5);
        assert_eq!(gross_factor(1.0, 1.5, 1.0), 0.0);
        assert_eq!(gross_factor(0.0, 1.5, 1.0), 1.0);
    }
}
