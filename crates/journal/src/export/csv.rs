//! A derived table as CSV (RFC 4180): times as ISO-8601 in UTC, prices, quantities and money as exact decimals.

use std::borrow::Cow;
use std::io::Write;

use tensortrade_market::{Money, Price, Qty, Ts};

use super::output;
use crate::error::JournalError;
use crate::projection::{Cell, ColumnKind, Table};
use crate::store::Store;

/// Rows read at once.
const PAGE_ROWS: usize = 2048;

/// Writes the table with a header line, in the order of its key. Returns the number of rows.
pub async fn export_csv(
    store: &mut dyn Store,
    table: Table,
    out: &mut (dyn Write + Send),
) -> Result<u64, JournalError> {
    let columns = table.columns();
    let names: Vec<_> = columns.iter().map(|column| column.name).collect();
    writeln!(out, "{}", names.join(",")).map_err(output)?;
    let mut after: Option<Vec<Cell>> = None;
    let mut written = 0;
    loop {
        let page = store.rows(table, after.as_deref(), PAGE_ROWS).await?;
        let Some(last) = page.last() else { break };
        after = last.get(..table.key_len()).map(<[Cell]>::to_vec);
        for row in &page {
            let fields: Vec<_> =
                row.iter().zip(columns).map(|(cell, column)| field(cell, column.kind)).collect();
            writeln!(out, "{}", fields.join(",")).map_err(output)?;
            written += 1;
        }
    }
    out.flush().map_err(output)?;
    Ok(written)
}

fn field(cell: &Cell, kind: ColumnKind) -> Cow<'_, str> {
    match cell {
        Cell::Null => Cow::Borrowed(""),
        Cell::Real(value) => Cow::Owned(value.to_string()),
        Cell::Text(text) => quoted(text),
        Cell::Int(value) => Cow::Owned(match kind {
            ColumnKind::Time => Ts::from_nanos(*value).to_string(),
            ColumnKind::Price => Price::from_raw(*value).map_or_else(String::new, |price| price.to_string()),
            ColumnKind::Quantity => Qty::from_raw(*value).to_string(),
            ColumnKind::Money => Money::from_micros(*value).to_string(),
            ColumnKind::Integer | ColumnKind::Real | ColumnKind::Text => value.to_string(),
        }),
    }
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_would_break_its_line_is_quoted() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"no\"\nnow"), "\"say \"\"no\"\"\nnow\"");
    }
}
