//! What a replay is asked to do, and the bounds it keeps.

use std::collections::BTreeSet;
use std::path::PathBuf;

use tensortrade_market::{Symbol, Timeframe, Ts};

/// How to replay.
#[derive(Debug, Clone)]
pub struct ReplayOptions {
    /// The decision interval: slices end at its multiples. At least as long as the bars of the files, and a multiple of them.
    pub decision: Timeframe,
    /// The symbols to deliver at first; `None` for all, whichever they are.
    pub symbols: Option<BTreeSet<Symbol>>,
    /// Leaves out the intervals that end at or before this moment: the last watermark of the run that is continued.
    pub resume_after: Option<Ts>,
    /// Whether the bars of [`crate::Feed::history`] cover extended hours, as the node's own do.
    pub extended_hours: bool,
    /// Bounds of time and memory.
    pub limits: ReplayLimits,
    /// Where files of symbol blocks are put into time order when they do not fit into memory at once. The temporary file has
    /// no name, and is gone when the feed is dropped or the process ends.
    pub spill_dir: PathBuf,
}

impl ReplayOptions {
    /// All symbols, from the beginning, with usual bounds.
    #[must_use]
    pub fn new(decision: Timeframe) -> Self {
        Self {
            decision,
            symbols: None,
            resume_after: None,
            extended_hours: false,
            limits: ReplayLimits::default(),
            spill_dir: std::env::temp_dir(),
        }
    }
}

/// Bounds of a replay. Values of zero are read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLimits {
    /// Most rows of a slice; an interval with more comes in several.
    pub slice_rows_max: usize,
    /// Rows after which the reader hands over what it has. Larger pieces wake the consumer less often.
    pub chunk_rows: usize,
    /// Slices after which it does so in any case.
    pub chunk_slices_max: usize,
    /// Pieces the reader may be ahead of the consumer.
    pub chunks_ahead_max: usize,
    /// Rows sorted in memory at once when a file of symbol blocks is put into time order.
    pub sort_rows_max: usize,
    /// Bytes of all buffers of the merge that follows.
    pub merge_buffers_len_max: usize,
}

impl Default for ReplayLimits {
    /// About 10 MiB for the rows ahead (16,384 rows of 56 bytes, five pieces, and their sorting), and 32 MiB more while a
    /// file of symbol blocks is sorted.
    fn default() -> Self {
        Self {
            slice_rows_max: 8192,
            chunk_rows: 16_384,
            chunk_slices_max: 1024,
            chunks_ahead_max: 4,
            sort_rows_max: 262_144,
            merge_buffers_len_max: 8 * 1024 * 1024,
        }
    }
}
