//! Cells and rows, as every store takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::table::Table;
use crate::real::Real;

/// One value of a table.
///
/// The order is total: null, integers, floats, texts; floats by IEEE 754 total order.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Nothing.
    Null,
    /// An integer; also moments in nanoseconds, and scaled prices, quantities and amounts.
    Int(i64),
    /// A finite float.
    Real(f64),
    /// A text.
    Text(Arc<str>),
}

impl Cell {
    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Int(_) => 1,
            Self::Real(_) => 2,
            Self::Text(_) => 3,
        }
    }

    /// Feeds the cell to a hash, so that no two different rows spell the same bytes.
    pub(crate) fn hash_into(&self, hasher: &mut blake3::Hasher) {
        hasher.update(&[self.rank()]);
        match self {
            Self::Null => {}
            Self::Int(value) => {
                hasher.update(&value.to_le_bytes());
            }
            Self::Real(value) => {
                hasher.update(&value.to_bits().to_le_bytes());
            }
            Self::Text(text) => {
                hasher.update(&(text.len() as u64).to_le_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Cell {}
impl PartialOrd for Cell {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Cell {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<u64> for Cell {
    /// Counters and sequence numbers; beyond 2^63 they saturate, which at a million a second takes 292,000 years.
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}
impl From<bool> for Cell {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}
impl From<Real> for Cell {
    fn from(value: Real) -> Self {
        // SQLite does not keep the sign of a zero in every path: there is one zero in the tables.
        Self::Real(if value.get() == 0.0 { 0.0 } else { value.get() })
    }
}
impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }
}
impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of a table, in the order of [`Table::columns`].
pub type Row = Vec<Cell>;

/// Rows to insert or replace, by table. Of rows with the same key in a table that holds the last state of something, only
/// the last is kept: an order that goes through five states in one commit is written once.
#[derive(Debug, Clone, Default)]
pub struct RowSet {
    tables: BTreeMap<Table, Rows>,
}

#[derive(Debug, Clone, Default)]
struct Rows {
    /// The rows' cells, one row after the other.
    cells: Vec<Cell>,
    /// Where the row of a key begins; only for tables that are not append-only, whose keys are one column.
    latest: BTreeMap<Cell, usize>,
}

impl RowSet {
    /// Adds a row; its length is the table's number of columns.
    pub fn push<const N: usize>(&mut self, table: Table, row: [Cell; N]) {
        debug_assert_eq!(N, table.columns().len(), "row length of {}", table.name());
        let rows = self.tables.entry(table).or_default();
        if let (false, [key, ..]) = (table.is_append_only(), row.as_slice()) {
            let end = rows.cells.len();
            let start = *rows.latest.entry(key.clone()).or_insert(end);
            if let Some(old) = rows.cells.get_mut(start..start + N) {
                old.clone_from_slice(&row);
                return;
            }
        }
        rows.cells.extend(row);
    }

    /// Tables with their rows' cells, one row after the other.
    pub fn tables(&self) -> impl Iterator<Item = (Table, &[Cell])> {
        self.tables
            .iter()
            .filter(|(_, rows)| !rows.cells.is_empty())
            .map(|(table, rows)| (*table, rows.cells.as_slice()))
    }

    /// Rows with their tables.
    pub fn rows(&self) -> impl Iterator<Item = (Table, &[Cell])> {
        self.tables().flat_map(|(t, cells)| cells.chunks_exact(t.columns().len()).map(move |row| (t, row)))
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables().map(|(table, cells)| cells.len() / table.columns().len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables().next().is_none()
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        for rows in self.tables.values_mut() {
            rows.cells.clear();
            rows.latest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_rows_of_one_key_only_the_last_is_written() {
        let mut rows = RowSet::default();
        for (currency, fills) in [("USD", 1i64), ("EUR", 2), ("USD", 3)] {
            rows.push(Table::Cash, [currency.into(), fills.into(), 0i64.into()]);
        }
        let found: Vec<_> = rows.rows().map(|(_, row)| row.to_vec()).collect();
        let expected: Vec<Row> =
            vec![vec!["USD".into(), 3i64.into(), 0i64.into()], vec!["EUR".into(), 2i64.into(), 0i64.into()]];
        assert_eq!((rows.len(), found), (2, expected));
    }

    #[test]
    fn only_tables_with_a_key_of_one_column_replace_rows() {
        for table in Table::ALL {
            assert!(table.is_append_only() || table.key_len() == 1, "{}", table.name());
        }
    }
}
