//! Regimes by thresholds on volatility.

use serde::{Deserialize, Serialize};
use tensortrade_features::{StepFrame, exact};
use tensortrade_market::{Timeframe, Ts};

use crate::histogram::LogHistogram;
use crate::{Regime, RegimeEstimate, RegimeModel};

/// Parameters of [`VolatilityThresholds`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdConfig {
    /// The return column, as the manifest names it.
    pub return_column: String,
    /// Span of the exponentially weighted volatility, in steps.
    pub span: u32,
    /// Volatility below this quantile of its own past is calm.
    pub calm_quantile: f64,
    /// Volatility above this quantile of its own past is turbulent.
    pub turbulent_quantile: f64,
    /// Least ratio between a threshold and the median of its own past. Without it a market of constant volatility would
    /// be called calm and turbulent as often as the quantiles say, by nothing but estimation noise.
    pub ratio_min: f64,
    /// Steps with a volatility before the model has an opinion.
    pub warm_steps: u64,
    /// Least number of steps a label stands.
    pub dwell_steps: u64,
    /// How far past a threshold volatility must be to change the label, as a part of the threshold.
    pub margin: f64,
    /// Distance in natural log of volatility over which probabilities pass from one regime to the next.
    pub softness: f64,
}

impl Default for ThresholdConfig {
    fn default() -> Self {
        Self {
            return_column: "ret_1_1m".into(),
            span: 30,
            calm_quantile: 0.25,
            turbulent_quantile: 0.85,
            ratio_min: 1.3,
            warm_steps: 120,
            dwell_steps: 10,
            margin: 0.05,
            softness: 0.15,
        }
    }
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("regime.{key} = {value} is outside {range}: choose a value within it")]
pub struct ThresholdError {
    /// Which parameter.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What is allowed.
    pub range: &'static str,
}

impl ThresholdConfig {
    /// The default parameters on the returns of another timeframe, such as `1d`.
    #[must_use]
    pub fn on(timeframe: Timeframe) -> Self {
        Self { return_column: format!("ret_1_{timeframe}"), ..Self::default() }
    }

    /// These parameters with the column moved to `timeframe` if it is still the default's.
    #[must_use]
    pub fn moved_to(self, timeframe: Timeframe) -> Self {
        if self.return_column == Self::default().return_column {
            Self { return_column: Self::on(timeframe).return_column, ..self }
        } else {
            self
        }
    }

    /// Checks ranges.
    pub fn validate(&self) -> Result<(), ThresholdError> {
        let check = |key, value: f64, fits: bool, range| {
            if fits { Ok(()) } else { Err(ThresholdError { key, value, range }) }
        };
        let (calm, turbulent) = (self.calm_quantile, self.turbulent_quantile);
        check("span", f64::from(self.span), (2..=100_000).contains(&self.span), "2..=100000")?;
        check("calm_quantile", calm, calm > 0.0 && calm < 1.0, "0..1, ends excluded")?;
        let above = turbulent > calm && turbulent < 1.0;
        check("turbulent_quantile", turbulent, above, "calm_quantile..1, ends excluded")?;
        check("warm_steps", self.warm_steps as f64, self.warm_steps >= 10, "10 and more")?;
        check("ratio_min", self.ratio_min, (1.0..=10.0).contains(&self.ratio_min), "1..=10")?;
        check("margin", self.margin, (0.0..=1.0).contains(&self.margin), "0..=1")?;
        check("softness", self.softness, self.softness > 0.0 && self.softness <= 5.0, "0..=5, 0 excluded")
    }
}

/// Volatility of the cross-section's mean return, judged against quantiles of its own past.
///
/// The mean is over symbols with a fresh row and a return. Its exponentially weighted volatility `v` is compared with
/// the quantiles of all earlier `v` (a histogram of 2 KiB, whatever the age), which must also stand off from its median
/// by a ratio; then it enters that past itself. A label
/// changes only past a margin and after a dwell, so that it does not flap.
///
/// The probabilities are logistic in `ln v` around the two thresholds: they say how near a threshold is, and are not
/// posterior probabilities of any model. Known limits: intraday seasonality (the open of a session is volatile every
/// day) is not removed, and a lasting shift of volatility fades only as the past fills with the new level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolatilityThresholds {
    config: ThresholdConfig,
    #[serde(with = "exact")]
    squares: f64,
    #[serde(with = "exact")]
    weight: f64,
    observed: u64,
    past: LogHistogram,
    label: Regime,
    since: Option<Ts>,
    steps_since_change: u64,
    /// Of the last step that had a return, so that a step without one repeats it.
    #[serde(with = "exact::option")]
    volatility: Option<f64>,
}

impl VolatilityThresholds {
    /// A model without a past.
    pub fn new(config: ThresholdConfig) -> Result<Self, ThresholdError> {
        config.validate()?;
        Ok(Self {
            config,
            squares: 0.0,
            weight: 0.0,
            observed: 0,
            past: LogHistogram::default(),
            label: Regime::Normal,
            since: None,
            steps_since_change: 0,
            volatility: None,
        })
    }

    fn observe(&mut self, mean_return: f64) -> Option<[f64; 2]> {
        let lambda = 1.0 - 2.0 / (f64::from(self.config.span) + 1.0);
        self.squares = lambda * self.squares + (1.0 - lambda) * mean_return * mean_return;
        self.weight = lambda * self.weight + (1.0 - lambda);
        self.observed = self.observed.saturating_add(1);
        // The first half span is mostly noise: it would widen the quantiles for good.
        if self.observed < u64::from(self.config.span.div_ceil(2)) {
            return None;
        }
        let volatility = (self.squares / self.weight).sqrt();
        self.volatility = Some(volatility);
        let limits = self.limits();
        self.past.add(volatility);
        limits
    }

    /// Thresholds from the past; `None` until warm.
    fn limits(&self) -> Option<[f64; 2]> {
        if self.past.total() < self.config.warm_steps {
            return None;
        }
        let [median, calm, turbulent] =
            self.past.quantiles([0.5, self.config.calm_quantile, self.config.turbulent_quantile])?;
        let calm = calm.min(median / self.config.ratio_min);
        let turbulent = turbulent.max(median * self.config.ratio_min);
        Some([calm, turbulent])
    }

    /// The label that volatility asks for: a margin must be passed to leave the present one.
    fn wanted(&self, volatility: f64, [calm, turbulent]: [f64; 2]) -> Regime {
        let (up, down) = (1.0 + self.config.margin, 1.0 - self.config.margin);
        let (calm, turbulent) = match self.label {
            Regime::Calm => (calm * up, turbulent * up),
            Regime::Normal => (calm * down, turbulent * up),
            Regime::Turbulent => (calm * down, turbulent * down),
        };
        if volatility < calm {
            Regime::Calm
        } else if volatility > turbulent {
            Regime::Turbulent
        } else {
            Regime::Normal
        }
    }

    fn probabilities(&self, volatility: f64, [calm, turbulent]: [f64; 2]) -> [f64; 3] {
        let logistic = |x: f64| 1.0 / (1.0 + (-x / self.config.softness).exp());
        let log = volatility.max(f64::MIN_POSITIVE).ln();
        // With calm <= turbulent these two never sum to more than one.
        let low = logistic(calm.ln() - log);
        let high = logistic(log - turbulent.ln());
        [low, (1.0 - low - high).max(0.0), high]
    }
}

impl RegimeModel for VolatilityThresholds {
    fn name(&self) -> &'static str {
        "volatility_thresholds"
    }

    fn update(&mut self, frame: &StepFrame) -> RegimeEstimate {
        self.steps_since_change = self.steps_since_change.saturating_add(u64::from(self.since.is_some()));
        self.since.get_or_insert(frame.ts);
        let limits = match mean_return(frame, &self.config.return_column) {
            Some(mean) => self.observe(mean),
            None => self.limits(),
        };
        let mut probabilities = [1.0 / 3.0; 3];
        let mut confidence = 0.0;
        if let (Some(limits), Some(volatility)) = (limits, self.volatility) {
            let wanted = self.wanted(volatility, limits);
            if wanted != self.label && self.steps_since_change >= self.config.dwell_steps {
                self.label = wanted;
                self.since = Some(frame.ts);
                self.steps_since_change = 0;
            }
            probabilities = self.probabilities(volatility, limits);
            confidence = probabilities.get(self.label.index()).copied().unwrap_or(0.0);
        }
        RegimeEstimate {
            ts: frame.ts,
            step: frame.step,
            label: self.label,
            probabilities,
            confidence,
            since: self.since.unwrap_or(frame.ts),
            steps_since_change: self.steps_since_change,
            volatility: self.volatility,
            warm: limits.is_some(),
        }
    }
}

/// Mean of a column over the fresh rows that have it.
fn mean_return(frame: &StepFrame, column: &str) -> Option<f64> {
    let column = frame.manifest().index_of(column)?;
    let (mut sum, mut count) = (0.0, 0u32);
    for (row, _, state) in frame.rows() {
        if let (tensortrade_features::RowState::Fresh, Some(value)) = (state, frame.value(row, column)) {
            sum += value;
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}
