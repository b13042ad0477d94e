//! Rows that are still to follow their events, laid over the tables for those who read them meanwhile.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::projection::{Cell, Row, RowSet, Table};

/// Rows by table and key that take the place of stored ones, or come in between them.
#[derive(Debug, Default)]
pub(super) struct Overlay(BTreeMap<Table, BTreeMap<Vec<Cell>, Row>>);

impl Overlay {
    pub(super) fn new(rows: &RowSet) -> Self {
        let mut tables: BTreeMap<Table, BTreeMap<Vec<Cell>, Row>> = BTreeMap::new();
        for (table, row) in rows.rows() {
            tables.entry(table).or_default().insert(key(table, row), row.to_vec());
        }
        Self(tables)
    }

    /// A page of a table: `stored` is what the database gave for the same question.
    pub(super) fn over(
        &self,
        table: Table,
        after: Option<&[Cell]>,
        limit: usize,
        stored: Vec<Row>,
    ) -> Vec<Row> {
        let Some(rows) = self.0.get(&table) else { return stored };
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.to_vec()));
        let mut page: BTreeMap<Vec<Cell>, Row> =
            stored.into_iter().map(|row| (key(table, &row), row)).collect();
        page.extend(
            rows.range((from, Bound::Unbounded)).take(limit).map(|(key, row)| (key.clone(), row.clone())),
        );
        page.into_values().take(limit).collect()
    }
}

fn key(table: Table, row: &[Cell]) -> Vec<Cell> {
    row.iter().take(table.key_len()).cloned().collect()
}
