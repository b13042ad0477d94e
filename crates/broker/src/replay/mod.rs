//! The replay feed: CSV and CSV.gz files as a market, merged by time, streaming, in bounded memory.
//!
//! ```text
//! probe ─ what the files hold, and in which order
//!   └ reader thread: input ─ lines ─ fields ─ parse ─ file_rows ─┐
//!        files of symbol blocks:                 sort ─ run ─────┤ merge ─ slices ─ channel ─ feed
//! ```
//!
//! **Tables.** Columns are found by name, in any order; further ones are ignored. Ticks: `ts_ns,symbol,kind` and `price,size`
//! or any of `bid,ask,bid_size,ask_size`. Bars: `ts,symbol,open,high,low,close` and perhaps `volume`, labelled by their start;
//! the timeframe is inferred from the labels. Quote bars (`bid_open` to `ask_close`) become bars of the midpoint, whose spread
//! is ask less bid at the close (negative where the bar is crossed) and whose volume is zero. Whether a file is compressed is
//! told by its first bytes. Parquet is refused with a reason.
//!
//! **Order.** Files are merged by the largest time each has reached, so a late row stays late in its own stream; equal times
//! come in the order in which the files were given. Nothing is dropped, repeated rows included. A file written symbol after
//! symbol is first put into time order, each symbol's own order kept, by an external merge sort. Rows stamped within the same
//! decision interval make a slice; a tick counts at its stamp, a bar at its last moment. A tick stamped more than an hour past
//! all before it moves time only if the next row confirms it: one corrupt stamp does not make everything after it late.
//!
//! **What is not read.** Ticks of kinds other than `trade` and `quote` are counted as skipped. A row that cannot be read is
//! counted, and the first [`ROW_ERRORS_MAX`] are kept with file, line and reason ([`ReplayFeed::row_errors`]). Numbers with
//! more decimals than the node holds are rounded to the nearest and counted ([`ReplayFeed::rounded`]). Damage in the middle of
//! a file ends the replay with an error, after the rows before it.

mod columns;
mod fault;
mod feed;
mod fields;
mod file_rows;
mod glance;
mod groups;
mod history;
mod input;
mod lanes;
mod lines;
mod merge;
mod number;
mod options;
mod order;
mod parse;
mod probe;
mod reader;
mod record;
mod report;
mod row;
mod run;
mod scan;
mod slices;
mod sort;
mod stopwatch;
mod stream;
mod subscription;
mod timeframe;

pub use columns::FileFormat;
pub use feed::ReplayFeed;
pub use options::{ReplayLimits, ReplayOptions};
pub use order::RowOrder;
pub use probe::{FileProbe, Probe, probe};
pub use report::{ROW_ERRORS_MAX, RowError};
