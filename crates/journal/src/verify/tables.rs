//! The tables as they should be, in little memory, and the comparison with those that are stored.

use std::collections::BTreeMap;

use super::report::{Finding, VerifyReport};
use crate::error::JournalError;
use crate::projection::{Cell, RowSet, Table};
use crate::store::Store;

/// Rows read at once.
const PAGE_ROWS: usize = 2048;

/// 128 bits of BLAKE3 over a row's cells.
fn digest(cells: &[Cell]) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for cell in cells {
        cell.hash_into(&mut hasher);
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// A sum over the rows of a table that does not depend on their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    rows: u64,
    digests: u128,
}

impl Sum {
    fn add(&mut self, cells: &[Cell]) {
        self.rows += 1;
        self.digests = self.digests.wrapping_add(digest(cells));
    }
}

/// What the tables should hold: of tables that only grow a sum, of the others each row's key and digest.
#[derive(Debug, Default)]
pub(super) struct Expected {
    growing: BTreeMap<Table, Sum>,
    latest: BTreeMap<Table, BTreeMap<u128, u128>>,
}

impl Expected {
    /// Adds the rows of one event.
    pub(super) fn add(&mut self, rows: &RowSet) {
        for (table, row) in rows.rows() {
            if table.is_append_only() {
                self.growing.entry(table).or_default().add(row);
            } else {
                let key = digest(row.get(..table.key_len()).unwrap_or_default());
                self.latest.entry(table).or_default().insert(key, digest(row));
            }
        }
    }

    /// Reads every table and reports those that differ.
    pub(super) async fn compare(
        mut self,
        store: &mut dyn Store,
        report: &mut VerifyReport,
    ) -> Result<(), JournalError> {
        for table in Table::ALL.iter().copied() {
            let mut found = Sum::default();
            let mut wrong = 0u64;
            let mut latest = self.latest.remove(&table).unwrap_or_default();
            let mut after: Option<Vec<Cell>> = None;
            loop {
                let page = store.rows(table, after.as_deref(), PAGE_ROWS).await?;
                let Some(last) = page.last() else { break };
                after = last.get(..table.key_len()).map(<[Cell]>::to_vec);
                for row in &page {
                    found.add(row);
                    if !table.is_append_only() {
                        let key = digest(row.get(..table.key_len()).unwrap_or_default());
                        wrong += u64::from(latest.remove(&key) != Some(digest(row)));
                    }
                }
            }
            report.rows.insert(table, found.rows);
            let expected = self.growing.remove(&table).unwrap_or_default();
            let missing = latest.len();
            if table.is_append_only() && found.rows != expected.rows {
                let what = format!("{} rows where the events give {}", found.rows, expected.rows);
                report.add(None, Finding::Table(table, what));
            } else if table.is_append_only() && found != expected {
                report.add(None, Finding::Table(table, "rows differ from what the events give".to_owned()));
            } else if wrong > 0 || missing > 0 {
                let what = format!("{wrong} rows differ from what the events give, {missing} are missing");
                report.add(None, Finding::Table(table, what));
            }
        }
        Ok(())
    }
}
