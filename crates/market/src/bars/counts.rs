//! How often each treatment of an input was applied.

use serde::{Deserialize, Serialize};

/// Counts of ticks by treatment, since the builder was made. A tick may fall under several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TickCounts {
    /// Trades that entered a bar.
    pub trades: u64,
    /// Quotes read inside an open interval, whatever came of them.
    pub quotes: u64,
    /// Belongs to an interval that is already closed: excluded.
    pub late: u64,
    /// Stamped before an earlier arrival but inside the open interval: included at its place in time.
    pub out_of_order: u64,
    /// A trade without a size: its price counts, it adds no volume.
    pub zero_size: u64,
    /// A trade of negative size: excluded.
    pub negative_size: u64,
    /// A price of zero or less where prices are positive: a trade is excluded, a quote's side becomes empty.
    pub zero_or_negative_price: u64,
    /// A quote that leaves the bid above the ask: used for neither spread nor midpoint, both sides stand.
    pub crossed: u64,
    /// A quote that leaves the bid equal to the ask: used, with a spread of zero.
    pub locked: u64,
    /// A quote that lacks a side: the last value of that side stands.
    pub one_sided: u64,
    /// Equal in every field to the tick before: included, since repeats are real volume.
    pub repeated: u64,
    /// Outside the hours that bars are built for: a trade is excluded, a quote only renews the sides.
    pub outside_session: u64,
    /// Stamped more than an hour ahead, and not confirmed by the tick after it: excluded.
    pub far_ahead: u64,
    /// In an interval that the source declared incomplete: the interval is a gap.
    pub in_gap: u64,
    /// A volume, a count or a spread beyond the range of its type: the trade is excluded.
    pub overflow: u64,
}

/// Counts of finished bars given as input, by treatment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BarCounts {
    /// Accepted.
    pub accepted: u64,
    /// Same start as the last accepted bar: dropped.
    pub duplicate: u64,
    /// Overlaps what is already closed: dropped.
    pub late: u64,
    /// Breaks a bar's invariants, or has a price of zero or less where prices are positive: dropped.
    pub malformed: u64,
    /// Outside the hours that bars are built for: dropped.
    pub outside_session: u64,
}

/// How many treatments have a name: all but the plain use of an input.
pub const TREATMENTS: usize = 17;

/// How often each treatment was applied, under names for people: of ticks, then of bars given as input.
#[must_use]
pub const fn treatments(ticks: &TickCounts, bars: &BarCounts) -> [(&'static str, u64); TREATMENTS] {
    [
        ("late", ticks.late),
        ("out_of_order", ticks.out_of_order),
        ("zero_size", ticks.zero_size),
        ("negative_size", ticks.negative_size),
        ("zero_or_negative_price", ticks.zero_or_negative_price),
        ("crossed", ticks.crossed),
        ("locked", ticks.locked),
        ("one_sided", ticks.one_sided),
        ("repeated", ticks.repeated),
        ("outside_session", ticks.outside_session),
        ("far_ahead", ticks.far_ahead),
        ("in_gap", ticks.in_gap),
        ("overflow", ticks.overflow),
        ("bars_duplicate", bars.duplicate),
        ("bars_late", bars.late),
        ("bars_malformed", bars.malformed),
        ("bars_outside_session", bars.outside_session),
    ]
}

impl TickCounts {
    pub(super) const NONE: Self = Self {
        trades: 0,
        quotes: 0,
        late: 0,
        out_of_order: 0,
        zero_size: 0,
        negative_size: 0,
        zero_or_negative_price: 0,
        crossed: 0,
        locked: 0,
        one_sided: 0,
        repeated: 0,
        outside_session: 0,
        far_ahead: 0,
        in_gap: 0,
        overflow: 0,
    };
}

impl BarCounts {
    pub(super) const NONE: Self =
        Self { accepted: 0, duplicate: 0, late: 0, malformed: 0, outside_session: 0 };
}
