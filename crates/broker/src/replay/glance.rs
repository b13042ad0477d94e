//! How the probe reads a row: without a lane, and with the form of its time.

use tensortrade_market::Symbol;

use super::columns::Layout;
use super::fault::RowFault;
use super::fields::Fields;
use super::parse;
use super::row::RowData;

/// A row that the probe reads: with the text of its time, from which daily bars are told.
pub(super) struct Glance {
    /// Whose.
    pub(super) symbol: Symbol,
    /// What it says; `None` for a tick of a kind that nobody uses.
    pub(super) data: Option<RowData>,
    /// Whether its time is a bare date.
    pub(super) is_date: bool,
}

/// Reads a line for the probe, without a lane.
pub(super) fn glance(layout: &Layout, fields: &mut Fields, line: &[u8]) -> Result<Glance, RowFault> {
    let cut = fields.cut(line)?;
    let name = std::str::from_utf8(cut.get(layout.symbol())).map_err(|_| RowFault::SymbolNotText)?;
    let symbol = Symbol::intern(name)?;
    let data = parse::row(layout, &cut, &mut 0)?;
    Ok(Glance {
        symbol,
        data,
        is_date: !layout.is_ticks() && cut.get(layout.ts()).len() == "2018-02-16".len(),
    })
}
