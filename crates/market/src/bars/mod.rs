//! Bar builders: from ticks to bars, from bars to longer bars.
//!
//! | builder | makes | from |
//! |---|---|---|
//! | [`TimeBars`] | bars of one timeframe | ticks, or finished bars of that timeframe |
//! | [`Aggregator`] | bars of a longer timeframe | the output of a shorter one |
//! | [`MultiTimeframe`] | several timeframes at once | one [`TimeBars`] and an [`Aggregator`] each |
//! | [`ActivityBars`] | bars of n trades, of a volume, or of a traded value | ticks |
//!
//! Each is plain data: `Clone`, comparable, serialisable as a snapshot, and no more than a few hundred bytes. None looks at
//! a clock: time moves by ticks and by watermarks. What they promise:
//!
//! - outputs are strictly monotone, and from the first to the last they cover all session time: with a bar, or with a
//!   [`Gap`](crate::Gap), never with a silent hole;
//! - a bar never straddles the open, the close or the turn of a day;
//! - how ticks are cut into batches changes nothing;
//! - every input that is not plainly usable is counted in [`TickCounts`] under the treatment it got.

mod accumulator;
mod activity;
mod aggregator;
mod counts;
mod grid;
mod input;
mod multi;
mod output;
mod quotes;
mod roll;
mod time_bars;

pub use activity::{Activity, ActivityBars, ActivityError};
pub use aggregator::{AggregateError, Aggregator};
pub use counts::{BarCounts, TREATMENTS, TickCounts, treatments};
pub use multi::MultiTimeframe;
pub use output::Output;
pub use roll::is_far_ahead;
pub use time_bars::{QuoteBars, TimeBars, TimeBarsConfig};
