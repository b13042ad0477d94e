//! Rows of the derived tables, and deriving them again.

use std::collections::BTreeMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::append::insert_rows;
use super::{SqliteStore, failure, header};
use crate::error::JournalError;
use crate::meta::PROJECTION;
use crate::projection::{Cell, ColumnKind, Row, RowSet, Table};
use crate::recover::newest;
use crate::state::Recovered;
use crate::store::replay::replay;
use crate::store::{PAGE_EVENTS_MAX, Rebuilt};

/// Rows written at once during a rebuild.
const REBUILD_ROWS: usize = 8192;

impl SqliteStore {
    pub(super) async fn read_rows(
        &mut self,
        table: Table,
        after: Option<&[Cell]>,
        limit: usize,
    ) -> Result<Vec<Row>, JournalError> {
        self.settle().await?;
        let fail = |e| failure::store(&self.place, "read a table", e);
        let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
        let key = names.iter().take(table.key_len()).copied().collect::<Vec<_>>().join(", ");
        let condition = match after {
            Some(after) => {
                let marks: Vec<_> = (1..=after.len()).map(|n| format!("${n}")).collect();
                format!(" WHERE ({key}) > ({})", marks.join(", "))
            }
            None => String::new(),
        };
        let sql = format!(
            "SELECT {} FROM {}{condition} ORDER BY {key} LIMIT {limit}",
            names.join(", "),
            table.name()
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for cell in after.unwrap_or_default() {
            query = match cell {
                Cell::Null => query.bind(None::<i64>),
                Cell::Int(value) => query.bind(*value),
                Cell::Real(value) => query.bind(*value),
                Cell::Text(text) => query.bind(text.clone()),
            };
        }
        let rows = query.fetch_all(self.database.get().await?).await.map_err(fail)?;
        let stored: Vec<Row> =
            rows.iter().map(|row| cells(table, row).map_err(fail)).collect::<Result<_, _>>()?;
        Ok(self.overlay.over(table, after, limit, stored))
    }

    pub(super) async fn count_rows(&mut self) -> Result<BTreeMap<Table, u64>, JournalError> {
        self.settle().await?;
        let fail = |e| failure::store(&self.place, "count rows", e);
        let mut counts = BTreeMap::new();
        for table in Table::ALL {
            let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {}", table.name()));
            let row = sqlx::query(sql).fetch_one(self.database.get().await?).await.map_err(fail)?;
            let count: i64 = row.try_get(0).map_err(fail)?;
            counts.insert(*table, count.unsigned_abs());
        }
        Ok(counts)
    }

    pub(super) async fn rebuild_tables(&mut self) -> Result<Rebuilt, JournalError> {
        self.writable("rebuild")?;
        self.store_waiting().await?;
        self.execute("BEGIN IMMEDIATE").await?;
        match self.derive().await {
            Ok(events) => {
                self.execute("COMMIT").await?;
                self.meta.projection = PROJECTION;
                Ok(Rebuilt { events, rows: self.count_rows().await? })
            }
            Err(e) => {
                self.execute("ROLLBACK").await?;
                Err(e)
            }
        }
    }

    /// The rows of the events after one, from the events. A row that is stored already comes again as it is there.
    pub(super) async fn tail_rows(&mut self, after: u64) -> Result<RowSet, JournalError> {
        let (mut state, _) = newest(self, after).await?;
        let mut rows = RowSet::default();
        loop {
            let page = self.read_page(state.head.seq, PAGE_EVENTS_MAX).await?;
            if page.is_empty() {
                return Ok(rows);
            }
            for envelope in &page {
                let rows = (envelope.seq > after).then_some(&mut rows);
                replay(&self.place, envelope, &mut state, rows)?;
            }
        }
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), JournalError> {
        let done = sqlx::query(statement).execute(self.database.get().await?).await;
        done.map(|_| ()).map_err(|e| failure::store(&self.place, statement, e))
    }

    async fn derive(&mut self) -> Result<u64, JournalError> {
        for table in Table::ALL {
            let sql = AssertSqlSafe(format!("DELETE FROM {}", table.name()));
            let deleted = sqlx::query(sql).execute(self.database.get().await?).await;
            deleted.map_err(|e| failure::store(&self.place, "empty a table", e))?;
        }
        let mut state = Recovered::genesis(&self.meta.id);
        let mut rows = RowSet::default();
        loop {
            let page = self.read_page(state.head.seq, PAGE_EVENTS_MAX).await?;
            let last = page.is_empty();
            for envelope in &page {
                replay(&self.place, envelope, &mut state, Some(&mut rows))?;
                if rows.len() >= REBUILD_ROWS {
                    self.flush(&mut rows).await?;
                }
            }
            if last {
                self.flush(&mut rows).await?;
                break;
            }
        }
        let meta = crate::meta::Meta { projection: PROJECTION, ..self.meta.clone() };
        header::write_meta(self.database.get().await?, &self.place, &meta).await?;
        header::write_derived(self.database.get().await?, state.head.seq)
            .await
            .map_err(|e| failure::store(&self.place, "derive rows", e))?;
        self.derived = state.head.seq;
        Ok(state.head.seq)
    }

    async fn flush(&mut self, rows: &mut RowSet) -> Result<(), JournalError> {
        let written = insert_rows(self.database.get().await?, rows).await;
        rows.clear();
        written.map_err(|e| failure::store(&self.place, "derive rows", e))
    }
}

fn cells(table: Table, row: &SqliteRow) -> Result<Row, sqlx::Error> {
    let mut cells = Row::with_capacity(table.columns().len());
    for (at, column) in table.columns().iter().enumerate() {
        cells.push(match column.kind {
            ColumnKind::Text => row.try_get::<Option<&str>, _>(at)?.into(),
            ColumnKind::Real => row.try_get::<Option<f64>, _>(at)?.map_or(Cell::Null, Cell::Real),
            ColumnKind::Time
            | ColumnKind::Price
            | ColumnKind::Quantity
            | ColumnKind::Money
            | ColumnKind::Integer => row.try_get::<Option<i64>, _>(at)?.into(),
        });
    }
    Ok(cells)
}
