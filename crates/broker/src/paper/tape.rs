//! The tape of one symbol: the last bid, ask, trade and bar, and how they are read from a stream.

use tensortrade_market::{Bar, Price, Qty, Tick, TickData, Ts};

use super::liquidity::{Liquidity, Pool};

/// One side of the best quote.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuoteSide {
    /// Price; `None` until the side was first seen, or after the source said that data is missing.
    pub(super) price: Option<Price>,
    /// Displayed size; zero when unknown.
    pub(super) size: Qty,
    /// What our orders have not yet taken of this update.
    pub(super) pool: Pool,
    /// When it was last told.
    pub(super) ts: Ts,
}

impl QuoteSide {
    const EMPTY: Self = Self { price: None, size: Qty::ZERO, pool: Pool::UNLIMITED, ts: Ts::MIN };
}

/// What a tick changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// Sides of the quote.
    Quote { bid: bool, ask: bool },
    /// A trade, with what our orders may take of it.
    Print { price: Price, size: Qty },
    /// Nothing that counts.
    Nothing,
}

/// The last state of a symbol's market.
///
/// The order of arrival decides, not the stamps: a side that is told replaces the one before. A side that a quote does
/// not mention stands. Prices of zero or less are ignored, except where negative prices exist (futures).
#[derive(Debug, Clone)]
pub(super) struct Tape {
    pub(super) bid: QuoteSide,
    pub(super) ask: QuoteSide,
    /// Last trade.
    pub(super) trade: Option<Price>,
    /// Close of the last bar.
    pub(super) bar: Option<Price>,
    negative_prices: bool,
    liquidity: Liquidity,
}

impl Tape {
    pub(super) fn new(negative_prices: bool, liquidity: Liquidity) -> Self {
        Self {
            bid: QuoteSide::EMPTY,
            ask: QuoteSide::EMPTY,
            trade: None,
            bar: None,
            negative_prices,
            liquidity,
        }
    }

    #[inline]
    fn counts(&self, price: Price) -> bool {
        price > Price::ZERO || self.negative_prices
    }

    /// Takes in one tick.
    #[inline]
    pub(super) fn update(&mut self, tick: &Tick) -> Touch {
        match tick.data {
            TickData::Trade { price, size } if self.counts(price) => {
                self.trade = Some(price);
                Touch::Print { price, size }
            }
            TickData::Trade { .. } => Touch::Nothing,
            TickData::Quote { bid, ask, bid_size, ask_size } => {
                let bid = self.set_bid(bid, bid_size, tick.ts);
                let ask = self.set_ask(ask, ask_size, tick.ts);
                if bid || ask { Touch::Quote { bid, ask } } else { Touch::Nothing }
            }
        }
    }

    fn set_bid(&mut self, price: Option<Price>, size: Qty, ts: Ts) -> bool {
        let Some(price) = price.filter(|p| self.counts(*p)) else { return false };
        self.bid = QuoteSide { price: Some(price), size, pool: Pool::displayed(size, &self.liquidity), ts };
        true
    }

    fn set_ask(&mut self, price: Option<Price>, size: Qty, ts: Ts) -> bool {
        let Some(price) = price.filter(|p| self.counts(*p)) else { return false };
        self.ask = QuoteSide { price: Some(price), size, pool: Pool::displayed(size, &self.liquidity), ts };
        true
    }

    /// Takes in a run of ticks when nobody waits for any of them: only the last of each kind matters, so it is looked
    /// for from the end.
    pub(super) fn skim(&mut self, ticks: &[Tick]) {
        let (mut bid, mut ask, mut trade) = (false, false, false);
        for tick in ticks.iter().rev() {
            match tick.data {
                TickData::Trade { price, .. } => {
                    if !trade && self.counts(price) {
                        self.trade = Some(price);
                        trade = true;
                    }
                }
                TickData::Quote { bid: b, ask: a, bid_size, ask_size } => {
                    bid = bid || self.set_bid(b, bid_size, tick.ts);
                    ask = ask || self.set_ask(a, ask_size, tick.ts);
                }
            }
            if bid && ask && trade {
                break;
            }
        }
    }

    /// Takes in the close of a bar.
    pub(super) fn on_bar(&mut self, bar: &Bar) {
        if self.counts(bar.close) {
            self.bar = Some(bar.close);
        }
    }

    /// The source says that data is missing: the quote that stands may be gone.
    pub(super) fn forget_quotes(&mut self) {
        self.bid = QuoteSide::EMPTY;
        self.ask = QuoteSide::EMPTY;
    }

    /// Whether the best bid is above the best ask.
    #[inline]
    pub(super) fn is_crossed(&self) -> bool {
        matches!((self.bid.price, self.ask.price), (Some(bid), Some(ask)) if bid > ask)
    }

    /// Whether the quote is wider than `percent` of its midpoint. A one-sided quote is not: its width is unknown.
    pub(super) fn is_stub(&self, percent: u32) -> bool {
        let (Some(bid), Some(ask)) = (self.bid.price, self.ask.price) else { return false };
        let width = i128::from(ask.raw()) - i128::from(bid.raw());
        let twice_mid = i128::from(ask.raw()) + i128::from(bid.raw());
        width * 200 > twice_mid.abs() * i128::from(percent)
    }

    /// The price at which a position is valued: the last trade, else the midpoint, else the side that is known, else
    /// the last bar's close.
    pub(super) fn mark(&self) -> Option<Price> {
        self.trade.or_else(|| match (self.bid.price, self.ask.price) {
            (Some(bid), Some(ask)) => Some(bid.midpoint(ask)),
            (one, other) => one.or(other).or(self.bar),
        })
    }
}
