//! Trend with volatility targeting.

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
    /// Sorted by symbol. A step's symbols come in the same order, so that one pass finds them all.
    memory: Vec<(Symbol, Memory)>,
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
        Ok(Self { config, memory: Vec::new() })
    }

    /// Its parameters.
    #[must_use]
    pub fn config(&self) -> &RulesConfig {
        &self.config
    }

    /// The last target weight of a symbol; zero for one never seen.
    #[must_use]
    pub fn weight(&self, symbol: Symbol) -> f64 {
        self.place(symbol).ok().and_then(|at| self.memory.get(at)).map_or(0.0, |(_, memory)| memory.weight)
    }

    fn place(&self, symbol: Symbol) -> Result<usize, usize> {
        self.memory.binary_search_by_key(&symbol, |(symbol, _)| *symbol)
    }

    /// Takes the memory of each of these sorted symbols: the default for one never seen.
    fn recall(&mut self, symbols: &[Symbol]) -> Vec<Memory> {
        if !self.is_of(symbols) {
            self.memory.extend(symbols.iter().map(|symbol| (*symbol, Memory::default())));
            // Stable: what was remembered stands before the default of the same symbol.
            self.memory.sort_by_key(|(symbol, _)| *symbol);
            self.memory.dedup_by_key(|(symbol, _)| *symbol);
        }
        let mut known = self.memory.iter();
        let of = |symbol: &Symbol| known.find(|(other, _)| other == symbol).map(|(_, memory)| *memory);
        symbols.iter().map(of).map(Option::unwrap_or_default).collect()
    }

    /// Whether there is a memory of each of these sorted symbols.
    fn is_of(&self, symbols: &[Symbol]) -> bool {
        let mut known = self.memory.iter();
        symbols.iter().all(|symbol| known.any(|(other, _)| other == symbol))
    }

    /// Puts back what [`Self::recall`] gave.
    fn keep(&mut self, symbols: &[Symbol], memories: Vec<Memory>) {
        let mut known = self.memory.iter_mut();
        for (symbol, memory) in symbols.iter().zip(memories) {
            if let Some((_, place)) = known.find(|(other, _)| other == symbol) {
                *place = memory;
            }
        }
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
    fn wish(&self, memory: &mut Memory, signal: &Signal, count: usize, regime: &RegimeEstimate) -> Wish {
        let config = &self.config;
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
    fn settle(&self, memory: &Memory, wish: &Wish, factor: f64, (step, count): (u64, usize)) -> Opinion {
        let last = memory.weight;
        let wanted = wish.weight * factor;
        let (weight, reason) = match (wish.before, wish.trend) {
            (Trend::None, Trend::None) if wish.stretched => (0.0, WeightReason::Stretched),
            (Trend::None, Trend::None) => (0.0, WeightReason::NoTrend),
            (_, Trend::None) => (0.0, WeightReason::Exited),
            (Trend::None, _) => (wanted, WeightReason::Entered),
            (before, trend) if before != trend => (wanted, WeightReason::Reversed),
            _ if wish.stretched && wanted.abs() > last.abs() => (last, WeightReason::Stretched),
            _ if throttled(&self.config, memory, step, wanted, count) => (last, WeightReason::WithinBand),
            _ if factor < 1.0 => (wanted, WeightReason::GrossLimit),
            _ => (wanted, WeightReason::Resized),
        };
        Opinion::Weight { weight, confidence: wish.confidence, reason }
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
        let mut memories = self.recall(frame.symbols());
        let wishes: Vec<Result<Wish, HoldReason>> = (frame.rows().zip(&mut memories))
            .map(|((row, _, state), memory)| {
                let signal = read(frame, row, state, columns)?;
                Ok(self.wish(memory, &signal, frame.len(), regime))
            })
            .collect();
        // Gross weight of the symbols without an opinion: their positions stand.
        let held: f64 = (wishes.iter().zip(&memories))
            .filter(|(wish, _)| wish.is_err())
            .map(|(_, memory)| memory.weight.abs())
            .sum();
        // Limits are put on wishes, so that the band compares like with like: a wish that is cut every step would
        // otherwise look like a change every step.
        let wanted: f64 = wishes.iter().flatten().map(|wish| wish.weight.abs()).sum();
        let factor = gross_factor(wanted, held, self.config.gross_max);
        let mut targets: Vec<Target> = (frame.symbols().iter().zip(&wishes).zip(&memories))
            .map(|((symbol, wish), memory)| {
                let opinion = match wish {
                    Ok(wish) => self.settle(memory, wish, factor, (frame.step, frame.len())),
                    Err(reason) => Opinion::Hold { reason: *reason },
                };
                Target { symbol: *symbol, opinion }
            })
            .collect();
        // Weights that stood within their band can still add up to more than the limit.
        let kept: f64 = targets.iter().filter_map(|row| row.opinion.weight()).map(f64::abs).sum();
        let factor = gross_factor(kept, held, self.config.gross_max);
        for (row, memory) in targets.iter_mut().zip(&mut memories) {
            remember(memory, row, factor, frame.step);
        }
        self.keep(frame.symbols(), memories);
        Targets { ts: frame.ts, step: frame.step, rows: targets }
    }

    fn forget(&mut self, symbol: Symbol) {
        if let Ok(at) = self.place(symbol) {
            self.memory.remove(at);
        }
    }
}

fn remember(memory: &mut Memory, row: &mut Target, factor: f64, step: u64) {
    let Opinion::Weight { weight, reason, .. } = &mut row.opinion else { return };
    if *weight != memory.weight {
        memory.changed_at = Some(step);
    }
    if factor < 1.0 && *weight != 0.0 {
        *weight *= factor;
        *reason = WeightReason::GrossLimit;
    }
    memory.weight = *weight;
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
