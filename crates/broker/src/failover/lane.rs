//! One of the two feeds, with the slice it has ready.

use tensortrade_market::Ts;

use crate::feed::{Feed, FeedError, FeedSlice, MarketBatch, MarketData, Pace};

/// Why a feed gives nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absence {
    /// Its data has ended, or it failed for good.
    Ended(String),
    /// It says that it is disconnected.
    Disconnected(String),
    /// It keeps the other waiting.
    Silent,
}

impl Absence {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Ended(why) => why.clone(),
            Self::Disconnected(why) => format!("disconnected: {why}"),
            Self::Silent => "does not answer".into(),
        }
    }
}

/// One of the two feeds.
pub(super) struct Lane {
    pub(super) feed: Box<dyn Feed>,
    pub(super) head: Option<FeedSlice>,
    pub(super) absence: Option<Absence>,
    /// The boundary at which a disconnected feed was last asked; none when it is to be asked again in any case.
    asked_at: Option<Ts>,
    /// Rows that came for intervals that were over.
    pub(super) late_rows: u64,
}

impl Lane {
    pub(super) fn new(feed: Box<dyn Feed>) -> Self {
        Self { feed, head: None, absence: None, asked_at: None, late_rows: 0 }
    }

    pub(super) fn is_live(&self) -> bool {
        self.feed.pace() == Pace::Live
    }

    pub(super) fn has_ended(&self) -> bool {
        matches!(self.absence, Some(Absence::Ended(_)))
    }

    /// Whether it is to be asked for its next slice while `boundary` is the last one passed. A disconnected feed is asked once
    /// a boundary.
    pub(super) fn is_to_ask(&self, boundary: Ts) -> bool {
        match self.absence {
            None | Some(Absence::Silent) => self.head.is_none(),
            Some(Absence::Disconnected(_)) => self.asked_at.is_none_or(|at| at < boundary),
            Some(Absence::Ended(_)) => false,
        }
    }

    /// Takes an answer. What belongs to intervals up to `boundary` is over and dropped.
    pub(super) fn take(&mut self, answer: Result<Option<FeedSlice>, FeedError>, boundary: Ts) {
        match answer {
            Ok(Some(slice)) => {
                self.absence = None;
                if ends_by(&slice, boundary) {
                    self.late_rows += slice.batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
                } else {
                    self.head = Some(slice);
                }
            }
            Ok(None) => self.absence = Some(Absence::Ended("its data has ended".into())),
            Err(FeedError::Disconnected(why)) => {
                self.absence = Some(Absence::Disconnected(why));
                self.asked_at = Some(boundary);
            }
            Err(error) => self.absence = Some(Absence::Ended(error.to_string())),
        }
    }

    /// A disconnected feed is asked again.
    pub(super) fn ask_again(&mut self) {
        self.asked_at = None;
    }
}

/// Whether a slice belongs to an interval that ends by `boundary`, as far as its own data tells.
pub(super) fn ends_by(slice: &FeedSlice, boundary: Ts) -> bool {
    match slice.watermark {
        Some(watermark) => watermark <= boundary,
        None => latest(slice).is_some_and(|ts| ts < boundary),
    }
}

/// The order of two slices: by the boundary one completes, else by its latest row.
pub(super) fn order(slice: &FeedSlice) -> (Ts, bool) {
    match slice.watermark {
        Some(watermark) => (watermark, true),
        None => (latest(slice).unwrap_or(Ts::MIN).plus_nanos(1), false),
    }
}

fn latest(slice: &FeedSlice) -> Option<Ts> {
    slice.batches.iter().filter_map(last_moment).max()
}

/// The latest moment of a batch's rows.
pub(super) fn last_moment(batch: &MarketBatch) -> Option<Ts> {
    match &batch.data {
        MarketData::Ticks(ticks) => ticks.iter().map(|tick| tick.ts).max(),
        // A bar that ends at a boundary belongs to the interval before it.
        MarketData::Bars(_, bars) => bars.iter().map(|bar| bar.end.plus_nanos(-1)).max(),
        MarketData::Gap(_) => None,
    }
}
