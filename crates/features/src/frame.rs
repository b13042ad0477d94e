//! The whole cross-section at one step.

use std::sync::Arc;

use tensortrade_market::{GapReason, Price, Symbol, Ts};

use crate::manifest::Manifest;
use crate::row::FeatureRow;

/// What a symbol contributed to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// A row from a bar that closed in this step.
    Fresh,
    /// A row whose last bar is older than this step.
    Stale,
    /// No row. Its numbers are NaN.
    Missing(GapReason),
}

/// All symbols at the step T: one row each, sorted by name.
///
/// Causal: it holds only what was known at `ts`. Later models read the matrix whole: `values[row * width + column]`.
#[derive(Debug, Clone)]
pub struct StepFrame {
    /// The step's number, counted by the cross-section from zero.
    pub step: u64,
    /// The step's moment T.
    pub ts: Ts,
    manifest: Arc<Manifest>,
    symbols: Vec<Symbol>,
    states: Vec<RowState>,
    closes: Vec<Option<(Price, Ts)>>,
    values: Vec<f64>,
}

impl StepFrame {
    /// Meaning of the columns.
    #[must_use]
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// How many symbols.
    #[must_use]
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// How many columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.manifest.width()
    }

    /// The symbols, sorted by name.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// What each symbol contributed, in the order of [`Self::symbols`].
    #[must_use]
    pub fn states(&self) -> &[RowState] {
        &self.states
    }

    /// Last close and when it was, of each symbol; `None` for a missing one.
    #[must_use]
    pub fn closes(&self) -> &[Option<(Price, Ts)>] {
        &self.closes
    }

    /// The matrix, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// One symbol's numbers.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        let width = self.width();
        self.values.get(row.checked_mul(width)?..)?.get(..width)
    }

    /// One number; `None` where it is missing, not warm or not defined.
    #[must_use]
    pub fn value(&self, row: usize, column: usize) -> Option<f64> {
        self.row(row)?.get(column).copied().filter(|v| v.is_finite())
    }

    /// Row of a symbol. O(log n).
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Option<usize> {
        self.symbols.binary_search(&symbol).ok()
    }

    /// Symbol and state of each row.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Symbol, RowState)> + '_ {
        self.symbols.iter().zip(&self.states).enumerate().map(|(n, (symbol, state))| (n, *symbol, *state))
    }
}

/// Why a row was refused by [`StepFrameBuilder`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The symbol is not expected in this step.
    #[error("{0} is not part of step {1}: it joins at the next one")]
    NotExpected(Symbol, u64),
    /// The symbol has answered already.
    #[error("{0} has already answered step {1}")]
    Repeated(Symbol, u64),
    /// The row belongs to another moment.
    #[error("row of {symbol} is for {got}, the step is at {expected}")]
    OtherStep {
        /// Whose row.
        symbol: Symbol,
        /// Its moment.
        got: Ts,
        /// The step's moment.
        expected: Ts,
    },
    /// The row has another number of columns: it was made with another configuration.
    #[error("row of {symbol} has {got} columns, the manifest {expected}")]
    OtherWidth {
        /// Whose row.
        symbol: Symbol,
        /// Its columns.
        got: usize,
        /// The manifest's columns.
        expected: usize,
    },
}

/// Collects the rows of a step, in whatever order they come.
///
/// `begin`, then `row` or `gap` for each symbol, then `finish`. An answer may be taken back by `retract`. The frame it gives does not depend on the order of
/// arrival. Given back with `recycle`, its buffers serve the next step.
#[derive(Debug)]
pub struct StepFrameBuilder {
    frame: StepFrame,
    answered: Vec<bool>,
    waiting: usize,
}

impl StepFrameBuilder {
    /// For rows of this manifest.
    #[must_use]
    pub fn new(manifest: Arc<Manifest>) -> Self {
        Self { frame: empty(manifest), answered: Vec::new(), waiting: 0 }
    }

    /// Starts a step of these symbols (any order, each counted once). O(n log n), O(n) when they come sorted.
    pub fn begin(&mut self, step: u64, ts: Ts, members: impl IntoIterator<Item = Symbol>) {
        let frame = &mut self.frame;
        (frame.step, frame.ts) = (step, ts);
        frame.symbols.clear();
        frame.symbols.extend(members);
        frame.symbols.sort_unstable();
        frame.symbols.dedup();
        let count = frame.symbols.len();
        frame.states.clear();
        frame.states.resize(count, RowState::Missing(GapReason::Late));
        frame.closes.clear();
        frame.closes.resize(count, None);
        frame.values.clear();
        frame.values.resize(count * frame.manifest.width(), f64::NAN);
        self.answered.clear();
        self.answered.resize(count, false);
        self.waiting = count;
    }

    /// Takes a symbol's row and says at which place. O(log n + columns).
    pub fn row(&mut self, row: &FeatureRow) -> Result<usize, FrameError> {
        let width = self.frame.manifest.width();
        if row.values.len() != width {
            let got = row.values.len();
            return Err(FrameError::OtherWidth { symbol: row.symbol, got, expected: width });
        }
        let at = self.admit(row.symbol, row.ts)?;
        let frame = &mut self.frame;
        if let Some(to) = frame.values.get_mut(at * width..(at + 1) * width) {
            to.copy_from_slice(&row.values);
        }
        if let (Some(state), Some(close)) = (frame.states.get_mut(at), frame.closes.get_mut(at)) {
            *state = if row.stale { RowState::Stale } else { RowState::Fresh };
            *close = Some((row.close, row.close_ts));
        }
        Ok(at)
    }

    /// Takes a symbol's word that it has nothing for the step at `ts`, and says at which place.
    pub fn gap(&mut self, symbol: Symbol, ts: Ts, reason: GapReason) -> Result<usize, FrameError> {
        let at = self.admit(symbol, ts)?;
        if let Some(state) = self.frame.states.get_mut(at) {
            *state = RowState::Missing(reason);
        }
        Ok(at)
    }

    /// Place of a symbol in the step that is being collected. O(log n).
    #[must_use]
    pub fn position(&self, symbol: Symbol) -> Option<usize> {
        self.frame.position(symbol)
    }

    /// Takes back the answer at a place, as if it had never come: there is more data than it knew. Harmless where there is
    /// none.
    pub fn retract(&mut self, at: usize) {
        let Some(answered) = self.answered.get_mut(at).filter(|answered| **answered) else { return };
        *answered = false;
        self.waiting += 1;
        let frame = &mut self.frame;
        let width = frame.manifest.width();
        if let Some(values) = frame.values.get_mut(at * width..(at + 1) * width) {
            values.fill(f64::NAN);
        }
        if let (Some(state), Some(close)) = (frame.states.get_mut(at), frame.closes.get_mut(at)) {
            (*state, *close) = (RowState::Missing(GapReason::Late), None);
        }
    }

    /// Takes a symbol out of the step that is being collected: it was removed or quarantined. Says whether it was
    /// waited for; harmless when not.
    pub fn excuse(&mut self, symbol: Symbol, reason: GapReason) -> bool {
        self.gap(symbol, self.frame.ts, reason).is_ok()
    }

    /// Whether every symbol has answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.waiting == 0
    }

    /// Who has not answered, sorted.
    pub fn waiting(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.frame.symbols.iter().zip(&self.answered).filter(|(_, answered)| !**answered).map(|(s, _)| *s)
    }

    /// The step as it stands; who has not answered is `Missing(Late)`. The builder waits for the next `begin`.
    #[must_use]
    pub fn finish(&mut self) -> StepFrame {
        self.waiting = 0;
        self.answered.clear();
        let manifest = Arc::clone(&self.frame.manifest);
        std::mem::replace(&mut self.frame, empty(manifest))
    }

    /// Gives a frame's buffers back, between `finish` and `begin`.
    pub fn recycle(&mut self, frame: StepFrame) {
        if self.frame.symbols.is_empty() && Arc::ptr_eq(&frame.manifest, &self.frame.manifest) {
            self.frame = frame;
            self.frame.symbols.clear();
        }
    }

    fn admit(&mut self, symbol: Symbol, ts: Ts) -> Result<usize, FrameError> {
        let step = self.frame.step;
        if ts != self.frame.ts {
            return Err(FrameError::OtherStep { symbol, got: ts, expected: self.frame.ts });
        }
        let at = self.frame.position(symbol).ok_or(FrameError::NotExpected(symbol, step))?;
        match self.answered.get_mut(at) {
            Some(answered) if !*answered => *answered = true,
            _ => return Err(FrameError::Repeated(symbol, step)),
        }
        self.waiting = self.waiting.saturating_sub(1);
        Ok(at)
    }
}

fn empty(manifest: Arc<Manifest>) -> StepFrame {
    StepFrame {
        step: 0,
        ts: Ts::MIN,
        manifest,
        symbols: Vec::new(),
        states: Vec::new(),
        closes: Vec::new(),
        values: Vec::new(),
    }
}
