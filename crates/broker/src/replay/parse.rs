//! Turns the fields of a line into a row: the rules of what is readable.
//!
//! A trade needs a price and may lack a size (read as zero); a quote needs one side. Prices may be zero or negative, as
//! those of futures and spreads are; sizes may not. What is crossed, locked, repeated or late is data, not a fault.

use std::str;

use tensortrade_market::{FixedError, Price, Qty, Tick, Timeframe, Ts};

use super::columns::{Column, Layout};
use super::fault::RowFault;
use super::fields::Cut;
use super::number::{nanos, price, size};
use super::row::{BarRow, RowData};

/// Times within two days of the ends of the clock's range are refused, so that no interval's end saturates.
const TS_MARGIN_NS: i64 = 2 * 86_400 * 1_000_000_000;

/// Reads the fields of a line; `Ok(None)` is a tick of a kind that nobody uses.
#[inline(always)]
pub(super) fn row(layout: &Layout, cut: &Cut<'_>, rounded: &mut u64) -> Result<Option<RowData>, RowFault> {
    let mut number = Numbers { cut, rounded };
    match layout {
        Layout::Ticks { ts, kind, price, size, bid, ask, bid_size, ask_size, .. } => {
            let data = match cut.get(*kind) {
                b"quote" => {
                    let ts = in_range(nanos(cut.get(*ts)))?;
                    let (bid, ask) = (number.side("bid", *bid)?, number.side("ask", *ask)?);
                    if bid.is_none() && ask.is_none() {
                        return Err(RowFault::NoSide);
                    }
                    let bid_size = number.size("bid_size", *bid_size)?;
                    Tick::quote(ts, bid, ask, bid_size, number.size("ask_size", *ask_size)?)
                }
                b"trade" => {
                    let ts = in_range(nanos(cut.get(*ts)))?;
                    Tick::trade(ts, number.price("price", *price)?, number.size("size", *size)?)
                }
                b"" => return Err(RowFault::NoKind),
                _ => return Ok(None),
            };
            Ok(Some(RowData::Tick(data)))
        }
        Layout::Bars { ts, prices, volume, .. } => number.bar(*ts, *prices, *volume).map(Some),
        Layout::QuoteBars { ts, bids, asks, .. } => number.quote_bar(*ts, *bids, *asks).map(Some),
    }
}

/// The time of a line, whatever else is wrong with it: what the pre-scan looks at.
pub(super) fn time(layout: &Layout, text: &[u8]) -> Option<Ts> {
    if layout.is_ticks() { in_range(nanos(text)).ok() } else { label(text).ok() }
}

/// The label of a bar: ISO-8601 or a date.
fn label(text: &[u8]) -> Result<Ts, RowFault> {
    in_range(str::from_utf8(text).ok().and_then(Ts::parse).map(Ts::nanos))
}

#[inline]
fn in_range(ns: Option<i64>) -> Result<Ts, RowFault> {
    match ns {
        Some(ns) if ns.unsigned_abs() < (i64::MAX - TS_MARGIN_NS).unsigned_abs() => Ok(Ts::from_nanos(ns)),
        _ => Err(RowFault::Time),
    }
}

fn checked(bar: BarRow) -> Result<RowData, RowFault> {
    // The length does not matter for the check.
    if bar.bar(Timeframe::SECOND).is_sane() { Ok(RowData::Bar(bar)) } else { Err(RowFault::NotABar) }
}

struct Numbers<'a> {
    cut: &'a Cut<'a>,
    rounded: &'a mut u64,
}

impl Numbers<'_> {
    #[inline(always)]
    fn price(&mut self, column: &'static str, at: Column) -> Result<Price, RowFault> {
        self.side(column, at)?.ok_or(RowFault::Missing(column))
    }

    #[inline(always)]
    fn side(&mut self, column: &'static str, at: Column) -> Result<Option<Price>, RowFault> {
        match self.cut.get(at) {
            [] => Ok(None),
            text => price(text, self.rounded).map(Some).map_err(|fault| number(column, fault)),
        }
    }

    #[inline(always)]
    fn size(&mut self, column: &'static str, at: Column) -> Result<Qty, RowFault> {
        match self.cut.get(at) {
            [] => Ok(Qty::ZERO),
            text => size(text, self.rounded).map_err(|fault| number(column, fault)),
        }
    }

    fn bar(&mut self, ts: Column, prices: [Column; 4], volume: Column) -> Result<RowData, RowFault> {
        let start = label(self.cut.get(ts))?;
        let prices = self.four(prices)?;
        checked(BarRow { start, prices, volume: self.size("volume", volume)?, spread: None })
    }

    fn quote_bar(&mut self, ts: Column, bids: [Column; 4], asks: [Column; 4]) -> Result<RowData, RowFault> {
        let start = label(self.cut.get(ts))?;
        let (bids, asks) = (self.four(bids)?, self.four(asks)?);
        let ([bo, bh, bl, bc], [ao, ah, al, ac]) = (bids, asks);
        let prices = [bo.midpoint(ao), bh.midpoint(ah), bl.midpoint(al), bc.midpoint(ac)];
        checked(BarRow { start, prices, volume: Qty::ZERO, spread: ac.checked_sub(bc) })
    }

    fn four(&mut self, [open, high, low, close]: [Column; 4]) -> Result<[Price; 4], RowFault> {
        Ok([
            self.price("open", open)?,
            self.price("high", high)?,
            self.price("low", low)?,
            self.price("close", close)?,
        ])
    }
}

#[cold]
fn number(column: &'static str, fault: FixedError) -> RowFault {
    RowFault::Number { column, fault }
}
