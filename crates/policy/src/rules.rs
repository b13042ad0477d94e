//! Trend with volatility targeting.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tensortrade_features::{RowState, StepFrame, exact};
use tensortrade_market::Symbol;
use tensortrade_regime::RegimeEstimate;

use crate::Policy;
use crate::config::{RulesConfig, RulesError};
use crate::sizing::{gross_factor, volatility_weight};
use crate::targets::{HoldReason, Opinion, Target, Targets, WeightReason};
use crate::trend::Trend;

/// Follows the cross of averages, sized by volatility.
///
/// For each symbol with a fresh, warm row: the trend with hysteresis; its strength times the volatility weight; nothing
/// added to a price already stretched that way; less in a turbulent regime. The wish becomes the target only when it
/// differs enough from the last target and the last change is old enough, so that a steady market is not churned; an
/// end or a turn of the trend always passes. Then the gross limit. Symbols without a row keep their last weight in the
/// gross sum and get `Hold`, never an imputed zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulesPolicy {
    config: RulesConfig,
    memory: BTreeMap<Symbol, Memory>,
}

/// What is remembered of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Memory {
    trend: Trend,
    #[serde(with = "exact")]
    weight: f64,
    /// Step of the last change of weight.
    changed_at: Option<u64>,
}

/// Columns of the three features in a frame.
#[derive(Clone, Copy)]
struct Columns {
    trend: usize,
    volatility: usize,
    stretch: usize,
}

/// What a symbol's row says.
struct Signal {
    score: f64,
    volatility: f64,
    stretch: f64,
}

/// What a symbol's row asks for.
struct Wish {
    before: Trend,
    trend: Trend,
    stretched: bool,
    weight: f64,
    confidence: f64,
}

impl RulesPolicy {
    /// A policy that remembers nothing.
    pub fn new(config: RulesConfig) -> Result<Self, RulesError> {
        config.validate()?;
        Ok(Self { config, memory: BTreeMap::new() })
    }

    /// Its parameters.
    #[must_use]
    pub fn config(&self) -> &RulesConfig {
        &self.config
    }

    /// The last target weight of a symbol; zero for one never seen.
    #[must_use]
    pub fn weight(&self, symbol: Symbol) -> f64 {
        self.memory.get(&symbol).map_or(0.0, |memory| memory.weight)
    }

    fn columns(&self, frame: &StepFrame) -> Option<Columns> {
        let manifest = frame.manifest();
        Some(Columns {
            trend: manifest.index_of(&self.config.trend_column)?,
            volatility: manifest.index_of(&self.config.volatility_column)?,
            stretch: manifest.index_of(&self.config.stretch_column)?,
        })
    }

    /// First pass: the trend and the size it asks for, before any limit that spans symbols.
    fn wish(&mut self, symbol: Symbol, signal: &Signal, count: usize, regime: &RegimeEstimate) -> Wish {
        let config = &self.config;
        let memory = self.memory.entry(symbol).or_default();
        let before = memory.trend;
        let mut trend = before.after(signal.score, config);
        let stretched = trend.sign() * signal.stretch > config.stretch_max;
        if stretched && trend != before {
            // Not entered: the trend is taken up once the price has come back. What was held against it still closes.
            trend = Trend::None;
        }
        memory.trend = trend;
        let strength = trend.strength(signal.score, config);
        let scale = config.regime_scale.get(regime.label.index()).copied().unwrap_or(1.0);
        let weight = volatility_weight(trend.sign() * strength, signal.volatility, count, config) * scale;
        // How sure it is of the direction, less where the regime is in doubt.
        let confidence = strength * (0.5 + 0.5 * regime.confidence.clamp(0.0, 1.0));
        Wish { before, trend, stretched, weight, confidence }
    }

    /// Second pass: whether the wish is worth a change of the last target.
    fn settle(&self, symbol: Symbol, wish: &Wish, factor: f64, (step, count): (u64, usize)) -> Opinion {
        let memory = self.memory.get(&symbol).copied().unwrap_or_default();
        let last = memory.weight;
        let wanted = wish.weight * factor;
        let (weight, reason) = match (wish.before, wish.trend) {
            (Trend::None, Trend::None) if wish.stretched => (0.0, WeightReason::Stretched),
            (Trend::None, Trend::None) => (0.0, WeightReason::NoTrend),
            (_, Trend::None) => (0.0, WeightReason::Exited),
            (Trend::None, _) => (wanted, WeightReason::Entered),
            (before, trend) if before != trend => (wanted, WeightReason::Reversed),
            _ if wish.stretched && wanted.abs() > last.abs() => (last, WeightReason::Stretched),
            _ if throttled(&self.config, &memory, step, wanted, count) => (last, WeightReason::WithinBand),
            _ if factor < 1.0 => (wanted, WeightReason::GrossLimit),
            _ => (wanted, WeightReason::Resized),
        };
        Opinion::Weight { weight, confidence: wish.confidence, reason }
    }

    /// Gross weight of the symbols without an opinion: their positions stand.
    fn held<'a>(&self, symbols: impl Iterator<Item = &'a Symbol>) -> f64 {
        symbols.map(|symbol| self.weight(*symbol).abs()).sum()
    }
}

/// Whether a change of size is too small or too soon.
fn throttled(config: &RulesConfig, memory: &Memory, step: u64, wanted: f64, count: usize) -> bool {
    let change = (wanted - memory.weight).abs();
    let small = change < config.band_among(count) || change < config.band_relative * memory.weight.abs();
    // Either way round: a cross-section that starts to count anew must not silence the policy.
    let soon = memory.changed_at.is_some_and(|at| step.abs_diff(at) < config.rebalance_every_steps);
    small || soon
}

impl Policy for RulesPolicy {
    fn name(&self) -> &'static str {
        "rules"
    }

    fn decide(&mut self, frame: &StepFrame, regime: &RegimeEstimate) -> Targets {
        let columns = self.columns(frame);
        let wishes: Vec<Result<Wish, HoldReason>> = (frame.rows())
            .map(|(row, symbol, state)| {
                let signal = read(frame, row, state, columns)?;
                Ok(self.wish(symbol, &signal, frame.len(), regime))
            })
            .collect();
        let rows = || frame.symbols().iter().zip(&wishes);
        let held = self.held(rows().filter(|(_, wish)| wish.is_err()).map(|(symbol, _)| symbol));
        // Limits are put on wishes, so that the band compares like with like: a wish that is cut every step would
        // otherwise look like a change every step.
        let wanted: f64 = wishes.iter().flatten().map(|wish| wish.weight.abs()).sum();
        let factor = gross_factor(wanted, held, self.config.gross_max);
        let mut targets: Vec<Target> = rows()
            .map(|(symbol, wish)| {
                let opinion = match wish {
                    Ok(wish) => self.settle(*symbol, wish, factor, (frame.step, frame.len())),
                    Err(reason) => Opinion::Hold { reason: *reason },
                };
                Target { symbol: *symbol, opinion }
            })
            .collect();
        // Weights that stood within their band can still add up to more than the limit.
        let kept: f64 = targets.iter().filter_map(|row| row.opinion.weight()).map(f64::abs).sum();
        let factor = gross_factor(kept, held, self.config.gross_max);
        for row in &mut targets {
            self.remember(row, factor, frame.step);
        }
        Targets { ts: frame.ts, step: frame.step, rows: targets }
    }

    fn forget(&mut self, symbol: Symbol) {
        self.memory.remove(&symbol);
    }
}

impl RulesPolicy {
    fn remember(&mut self, row: &mut Target, factor: f64, step: u64) {
        let Opinion::Weight { weight, reason, .. } = &mut row.opinion else { return };
        let Some(memory) = self.memory.get_mut(&row.symbol) else { return };
        if *weight != memory.weight {
            memory.changed_at = Some(step);
        }
        if factor < 1.0 && *weight != 0.0 {
            *weight *= factor;
            *reason = WeightReason::GrossLimit;
        }
        memory.weight = *weight;
    }
}

fn read(
    frame: &StepFrame,
    row: usize,
    state: RowState,
    columns: Option<Columns>,
) -> Result<Signal, HoldReason> {
    match state {
        RowState::Missing(reason) => return Err(HoldReason::Missing(reason)),
        RowState::Stale => return Err(HoldReason::Stale),
        RowState::Fresh => {}
    }
    let columns = columns.ok_or(HoldReason::NoColumn)?;
    let value = |column| frame.value(row, column).ok_or(HoldReason::NotWarm);
    Ok(Signal {
        score: value(columns.trend)?,
        volatility: value(columns.volatility)?,
        stretch: value(columns.stretch)?,
    })
}
