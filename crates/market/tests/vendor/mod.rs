//! How the vendor of the US share files makes minute bars of prints: rules found by comparing every minute, and applied to
//! the prints before a builder sees them.

use std::collections::BTreeSet;

use tensortrade_market::calendar::{Calendar, Phase, SessionKind};
use tensortrade_market::time::NS_PER_S;
use tensortrade_market::{Price, Qty, Tick, Ts};

/// A print with its sale conditions, a set of bits.
#[derive(Clone, Copy)]
pub(crate) struct Print {
    /// Stamp.
    pub(crate) ts: Ts,
    /// Price.
    pub(crate) price: Price,
    /// Size.
    pub(crate) size: Qty,
    /// Sale conditions.
    pub(crate) conditions: u32,
}

/// The bits as the prints themselves show their meaning.
mod condition {
    pub(super) const INTERMARKET_SWEEP: u32 = 0x20;
    pub(super) const OPENING_AUCTION: u32 = 0x40;
    pub(super) const CLOSING_AUCTION: u32 = 0x80;
    pub(super) const DERIVATIVELY_PRICED: u32 = 0x200;
    pub(super) const EXTENDED_HOURS: u32 = 0x2000;
    pub(super) const UNUSUAL_SETTLEMENT: u32 = 0x4_0000;
    /// Together with the exemption below: reported by a dealer at an average or an earlier price.
    pub(super) const DEALER_PRICED: u32 = 0x10_0000;
    /// The auction is not that of the listing exchange.
    pub(super) const ANOTHER_VENUE: u32 = 0x20_0000;
    pub(super) const OFFICIAL_CLOSE: u32 = 0x100_0000;
    pub(super) const OTHER_EXEMPT: u32 = 0x200_0000;
    pub(super) const OFFICIAL_OPEN: u32 = 0x400_0000;
    pub(super) const TRADE_THROUGH_EXEMPT: u32 = 0x2000_0000;
}

/// What the vendor does that the builder does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// In regular hours some conditions count for volume, never for open, high, low and close. A minute with such prints
    /// only has no bar: its volume is added to the bar before.
    PriceConditions,
    /// Official opening and closing prices of a venue are no trades.
    OfficialPrints,
    /// The first opening print of the listing exchange opens the first minute; other opening prints, and a first one
    /// that comes after that minute, are left out; those of another venue count for high and low only.
    OpeningAuction,
    /// The first closing print of the listing exchange closes the last regular minute, whenever it was printed; other
    /// closing prints are left out; those of another venue count for high and low only.
    ClosingAuction,
}

/// All of them.
pub(crate) const RULES: [Rule; 4] =
    [Rule::PriceConditions, Rule::OfficialPrints, Rule::OpeningAuction, Rule::ClosingAuction];

/// Whether a print may set a price under [`Rule::PriceConditions`].
fn sets_price(print: &Print, calendar: Calendar) -> bool {
    use condition as c;
    let has = |bits: u32| print.conditions & bits == bits;
    if has(c::OTHER_EXEMPT | c::TRADE_THROUGH_EXEMPT) {
        return false;
    }
    let any = c::INTERMARKET_SWEEP | c::DERIVATIVELY_PRICED | c::EXTENDED_HOURS | c::UNUSUAL_SETTLEMENT;
    calendar.phase(print.ts) != Phase::Regular
        || !(print.conditions & any != 0 || has(c::DEALER_PRICED | c::TRADE_THROUGH_EXEMPT))
}

/// The prints as some of the rules leave them, in order of time: those that set prices, and those that make volume.
pub(crate) fn ruled(prints: &[Print], rules: &[Rule]) -> (Vec<Tick>, Vec<Tick>) {
    let calendar = Calendar::new(SessionKind::UsEquity);
    let has = |rule| rules.contains(&rule);
    let mut auctions_seen = BTreeSet::new();
    let (mut priced, mut sized) = (Vec::new(), Vec::new());
    for print in prints {
        let session = calendar.session_of(print.ts).expect("the files hold trading hours only");
        let is = |bits| print.conditions & bits != 0;
        if has(Rule::OfficialPrints) && is(condition::OFFICIAL_OPEN | condition::OFFICIAL_CLOSE) {
            continue;
        }
        let auction = [
            (Rule::OpeningAuction, condition::OPENING_AUCTION),
            (Rule::ClosingAuction, condition::CLOSING_AUCTION),
        ]
        .into_iter()
        .find(|(rule, bit)| has(*rule) && is(*bit));
        let Some((rule, _)) = auction else {
            let tick = Tick::trade(print.ts, print.price, print.size);
            sized.push((tick, false));
            if !has(Rule::PriceConditions) || sets_price(print, calendar) {
                priced.push((tick, false));
            }
            continue;
        };
        if is(condition::ANOTHER_VENUE) {
            priced.push((Tick::trade(print.ts, print.price, print.size), false));
        } else if auctions_seen.insert((session.date, rule)) {
            let opening = rule == Rule::OpeningAuction;
            if opening && print.ts >= session.open.plus_nanos(60 * NS_PER_S) {
                continue;
            }
            let at = if opening { session.open } else { session.close.plus_nanos(-1) };
            let tick = Tick::trade(at, print.price, print.size);
            sized.push((tick, true));
            priced.push((tick, true));
        }
    }
    // An opening auction moved to the open stands before whatever else is stamped then.
    let in_order = |mut ticks: Vec<(Tick, bool)>| {
        ticks.sort_by_key(|(tick, moved)| (tick.ts, !moved));
        ticks.into_iter().map(|(tick, _)| tick).collect()
    };
    (in_order(priced), in_order(sized))
}
