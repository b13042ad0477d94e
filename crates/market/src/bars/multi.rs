//! Several timeframes of one symbol at once.

use serde::{Deserialize, Serialize};

use super::aggregator::{AggregateError, Aggregator};
use super::output::Output;
use super::time_bars::{TimeBars, TimeBarsConfig};
use crate::bar::{Bar, Gap};
use crate::tick::Tick;
use crate::time::{Timeframe, Ts};

/// A [`TimeBars`] and an [`Aggregator`] for each longer timeframe. Outputs carry their timeframe; what one base bar
/// completes comes right after it, shorter timeframes first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiTimeframe {
    base: TimeBars,
    higher: Vec<Aggregator>,
    /// Outputs on their way, kept to reuse the allocation; empty between calls.
    #[serde(skip)]
    base_out: Vec<Output>,
    #[serde(skip)]
    higher_out: Vec<Output>,
}

impl MultiTimeframe {
    /// A builder of the base timeframe of `config` and of longer ones; order and repeats do not matter.
    pub fn new(config: TimeBarsConfig, higher: &[Timeframe]) -> Result<Self, AggregateError> {
        let mut timeframes: Vec<_> = higher.iter().copied().filter(|t| *t != config.timeframe).collect();
        timeframes.sort_unstable();
        timeframes.dedup();
        let higher = timeframes
            .into_iter()
            .map(|target| Aggregator::new(config.timeframe, target, config.sessions, config.extended))
            .collect::<Result<_, _>>()?;
        Ok(Self { base: TimeBars::new(config), higher, base_out: Vec::new(), higher_out: Vec::new() })
    }

    /// The base builder: counts, configuration, the bar in progress.
    #[must_use]
    pub const fn base(&self) -> &TimeBars {
        &self.base
    }

    /// The timeframes built, shortest first.
    pub fn timeframes(&self) -> impl Iterator<Item = Timeframe> + '_ {
        std::iter::once(self.base.config().timeframe).chain(self.higher.iter().map(Aggregator::timeframe))
    }

    /// The bar in progress of a timeframe; `None` before it has a price, or when the timeframe is not built.
    #[must_use]
    pub fn peek(&self, timeframe: Timeframe) -> Option<Bar> {
        let base = self.base.peek();
        if timeframe == self.base.config().timeframe {
            return base;
        }
        self.higher.iter().find(|a| a.timeframe() == timeframe)?.peek(base.as_ref())
    }

    /// Feeds ticks in arrival order ([`TimeBars::push_all`]).
    pub fn push_all(&mut self, ticks: &[Tick], out: &mut Vec<(Timeframe, Output)>) {
        self.base.push_all(ticks, &mut self.base_out);
        self.forward(out);
    }

    /// Feeds finished base bars in order ([`TimeBars::push_bar`]).
    pub fn push_bars(&mut self, bars: &[Bar], out: &mut Vec<(Timeframe, Output)>) {
        for bar in bars {
            self.base.push_bar(bar, &mut self.base_out);
        }
        self.forward(out);
    }

    /// Closes what ends at or before a watermark ([`TimeBars::advance`]).
    pub fn advance(&mut self, watermark: Ts, out: &mut Vec<(Timeframe, Output)>) {
        self.base.advance(watermark, &mut self.base_out);
        self.forward(out);
    }

    /// Declares data lost ([`TimeBars::mark`]).
    pub fn mark(&mut self, gap: Gap) {
        self.base.mark(gap);
    }

    /// Closes the bars in progress as they stand, at the end of the data.
    pub fn flush(&mut self, out: &mut Vec<(Timeframe, Output)>) {
        self.base.flush(&mut self.base_out);
        self.forward(out);
        for aggregator in &mut self.higher {
            aggregator.flush(&mut self.higher_out);
            out.extend(self.higher_out.drain(..).map(|output| (aggregator.timeframe(), output)));
        }
    }

    fn forward(&mut self, out: &mut Vec<(Timeframe, Output)>) {
        let base = self.base.config().timeframe;
        for output in self.base_out.drain(..) {
            out.push((base, output));
            for aggregator in &mut self.higher {
                aggregator.push(&output, &mut self.higher_out);
                out.extend(self.higher_out.drain(..).map(|output| (aggregator.timeframe(), output)));
            }
        }
    }
}
