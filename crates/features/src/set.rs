//! All features of one symbol, on all its timeframes.

use serde::{Deserialize, Serialize};
use tensortrade_market::calendar::SessionKind;
use tensortrade_market::{Bar, Gap, GapReason, Price, Symbol, Timeframe, Ts};

use crate::config::{ConfigError, FeatureConfig};
use crate::exact;
use crate::feature::Feature;
use crate::manifest::Manifest;
use crate::observation::Observation;
use crate::row::FeatureRow;
use crate::year::bars_per_year;

/// The streaming features of one symbol. Its serialised form is its whole state: restored, it continues as if it had
/// never stopped.
///
/// # Gaps
///
/// | Reason | What happens |
/// |---|---|
/// | `NoData` | nothing traded: the next return spans the quiet stretch, as the price did. State stays, the row is stale until the next bar |
/// | `Late` | the row missed a deadline, the bars are there. State stays, the row is stale until the next bar |
/// | `FeedLost`, `RingOutrun`, `Quarantined` | data existed and is missing: warm-up of that timeframe starts again, so that nothing bridges the hole |
/// | `Joined` | nothing from before the stretch can be trusted to touch what follows: warm-up starts again |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSet {
    version: u64,
    frames: Vec<TimeframeState>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TimeframeState {
    timeframe: Timeframe,
    last: Option<LastBar>,
    stale: bool,
    features: Vec<Feature>,
    #[serde(with = "exact::list")]
    values: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct LastBar {
    close: Price,
    end: Ts,
    /// Whether a return may be taken from this close: not across a reset.
    joins: bool,
}

/// Why a bar or gap was refused; the state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeatureError {
    /// The set does not compute this timeframe.
    #[error("no features are computed on {0} bars: add the timeframe to the configuration")]
    UnknownTimeframe(Timeframe),
    /// The bar starts before the last one ended. A repeated or late bar would be counted twice.
    #[error(
        "{timeframe} bar starting {start} overlaps the one that ended {last_end}: bars come once, in order"
    )]
    NotAfter {
        /// Of which timeframe.
        timeframe: Timeframe,
        /// Start of the refused bar.
        start: Ts,
        /// End of the bar before.
        last_end: Ts,
    },
}

impl TimeframeState {
    fn update(&mut self, bar: &Bar) -> Result<(), FeatureError> {
        let previous = match self.last {
            Some(last) if bar.start < last.end => {
                let timeframe = self.timeframe;
                return Err(FeatureError::NotAfter { timeframe, start: bar.start, last_end: last.end });
            }
            last => last.filter(|l| l.joins).map(|l| l.close.to_f64()),
        };
        let seen = Observation::new(bar, previous);
        for (feature, value) in self.features.iter_mut().zip(&mut self.values) {
            *value = feature.update(&seen).unwrap_or(f64::NAN);
        }
        self.last = Some(LastBar { close: bar.close, end: bar.end, joins: true });
        self.stale = false;
        Ok(())
    }

    fn gap(&mut self, reason: GapReason) {
        self.stale = true;
        match reason {
            GapReason::NoData | GapReason::Late => {}
            GapReason::FeedLost | GapReason::RingOutrun | GapReason::Quarantined | GapReason::Joined => {
                self.features.iter_mut().for_each(Feature::reset);
                self.values.fill(f64::NAN);
                if let Some(last) = &mut self.last {
                    last.joins = false;
                }
            }
        }
    }
}

impl FeatureSet {
    /// Fresh features on `timeframes` (shortest first) of an instrument with these sessions.
    pub fn new(
        config: &FeatureConfig,
        timeframes: &[Timeframe],
        sessions: SessionKind,
    ) -> Result<Self, ConfigError> {
        let version = Manifest::new(config, timeframes)?.version();
        let frame = |timeframe: &Timeframe| TimeframeState {
            timeframe: *timeframe,
            last: None,
            stale: true,
            features: (config.specs.iter())
                .map(|spec| Feature::new(spec, bars_per_year(*timeframe, sessions)))
                .collect(),
            values: vec![f64::NAN; config.specs.len()],
        };
        Ok(Self { version, frames: timeframes.iter().map(frame).collect() })
    }

    /// [`Manifest::version`] of the configuration it was made with. A snapshot whose version is not the present one is
    /// no use: start fresh and warm up from history.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many numbers a row has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.frames.iter().map(|frame| frame.values.len()).sum()
    }

    /// Takes a closed bar. O(features).
    pub fn update(&mut self, timeframe: Timeframe, bar: &Bar) -> Result<(), FeatureError> {
        self.frame_mut(timeframe)?.update(bar)
    }

    /// Takes a gap; see the table above.
    pub fn gap(&mut self, timeframe: Timeframe, gap: &Gap) -> Result<(), FeatureError> {
        self.frame_mut(timeframe)?.gap(gap.reason);
        Ok(())
    }

    /// Writes the present numbers, NaN where not warm; numbers beyond the end of `out` are left out.
    pub fn row(&self, out: &mut [f64]) {
        let values = self.frames.iter().flat_map(|frame| &frame.values);
        for (to, from) in out.iter_mut().zip(values) {
            *to = *from;
        }
    }

    /// Whether every number is there.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.frames.iter().all(|frame| frame.values.iter().all(|v| v.is_finite()))
    }

    /// Close and end of the last bar of the shortest timeframe.
    #[must_use]
    pub fn last_close(&self) -> Option<(Price, Ts)> {
        self.frames.first().and_then(|base| base.last).map(|last| (last.close, last.end))
    }

    /// The row of the step at `ts`; `None` before the first bar of the shortest timeframe. It is stale after a gap, and
    /// where the last bar ended a whole interval or more before `ts` (its session was closed).
    #[must_use]
    pub fn feature_row(&self, symbol: Symbol, ts: Ts) -> Option<FeatureRow> {
        let base = self.frames.first()?;
        let last = base.last?;
        let stale = base.stale || ts.since(last.end) >= base.timeframe.nanos();
        let mut values = vec![f64::NAN; self.width()];
        self.row(&mut values);
        Some(FeatureRow { symbol, ts, close: last.close, close_ts: last.end, values, stale })
    }

    fn frame_mut(&mut self, timeframe: Timeframe) -> Result<&mut TimeframeState, FeatureError> {
        (self.frames.iter_mut())
            .find(|frame| frame.timeframe == timeframe)
            .ok_or(FeatureError::UnknownTimeframe(timeframe))
    }

    /// Bytes of state, heap included: what a symbol costs in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let frame = |f: &TimeframeState| {
            let windows: usize = f.features.iter().map(Feature::heap_bytes).sum();
            size_of::<TimeframeState>()
                + f.features.capacity() * size_of::<Feature>()
                + f.values.capacity() * size_of::<f64>()
                + windows
        };
        size_of::<Self>() + self.frames.iter().map(frame).sum::<usize>()
    }
}
