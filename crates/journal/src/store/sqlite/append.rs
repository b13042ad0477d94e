//! The hot path: events and the rows they change, in one transaction, many rows a statement.

use std::fmt::Write;
use std::fs::File;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};

use super::{SqliteStore, failure, header};
use crate::envelope::{Envelope, Head};
use crate::error::JournalError;
use crate::projection::{Cell, RowSet, Table};
use crate::store::{Durability, check_follows};

/// Row counts for which statements are kept prepared. Powers of two: a commit of a few dozen rows takes two or three
/// statements a table, and every statement is a round trip to the database's thread. SQLite takes 32,766 values a
/// statement, and beyond some hundred rows a larger one gains nothing.
const CHUNKS: [usize; 9] = [256, 128, 64, 32, 16, 8, 4, 2, 1];

/// Events that go into one statement of their own size: those staged between two commits that nobody waits for, and then
/// some. Each size is a statement kept prepared.
const SINGLE_MAX: usize = 96;

const EVENTS: &str = "INSERT INTO events (seq, recorded_at, kind, payload, prev, hash) VALUES ";

impl SqliteStore {
    pub(super) async fn append_all(
        &mut self,
        events: &[Envelope],
        rows: &RowSet,
    ) -> Result<(), JournalError> {
        self.writable("append")?;
        check_follows(&self.place, self.head, events)?;
        let head = events.last().map_or(self.head, Envelope::head);
        let written = write_all(&mut self.connection, events, rows, head.seq, None).await;
        self.settle("append", written).await?;
        self.appended(head);
        self.derived = head.seq;
        Ok(())
    }

    /// The path that orders wait on: one statement, which is a transaction by itself, and one round trip to the database's
    /// thread.
    pub(super) async fn append_alone(&mut self, events: &[Envelope]) -> Result<(), JournalError> {
        self.writable("append")?;
        check_follows(&self.place, self.head, events)?;
        let Some(last) = events.last() else { return Ok(()) };
        let written = if events.len() <= SINGLE_MAX {
            insert_chunk(&mut self.connection, events).await
        } else {
            write_events(&mut self.connection, events).await
        };
        self.settle("append", written).await?;
        self.appended(last.head());
        Ok(())
    }

    pub(super) async fn append_derived(&mut self, rows: &RowSet, upto: u64) -> Result<(), JournalError> {
        self.writable("append")?;
        let upto = upto.min(self.head.seq);
        let head = Some(self.head.seq);
        let written = write_all(&mut self.connection, &[], rows, upto, head).await;
        self.settle("derive rows", written).await?;
        self.derived = upto;
        Ok(())
    }

    async fn settle(
        &mut self,
        doing: &'static str,
        done: Result<(), sqlx::Error>,
    ) -> Result<(), JournalError> {
        let Err(e) = done else { return Ok(()) };
        // The transaction is gone with an error of its own, or has to be; either way nothing of it stays.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
        Err(failure::store(&self.place, doing, e))
    }

    fn appended(&mut self, head: Head) {
        self.head = head;
        if self.durability == Durability::Power {
            self.durable = head.seq;
        }
    }

    /// With `synchronous = NORMAL` a commit is in the log file but perhaps not on the disk: this waits for it.
    pub(super) async fn sync_files(&mut self) -> Result<u64, JournalError> {
        if self.durable == self.head.seq {
            return Ok(self.durable);
        }
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let (path, folder) = (self.path.clone(), self.path.parent().map(ToOwned::to_owned));
        let synced = tokio::task::spawn_blocking(move || {
            // The log holds what was not yet moved into the file; both and their folder, since either may be new.
            for file in [log.as_os_str(), path.as_os_str()] {
                match File::open(file) {
                    Ok(file) => file.sync_data()?,
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    Err(e) => return Err(e),
                }
            }
            match folder {
                Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
                _ => File::open(".")?.sync_all(),
            }
        })
        .await
        .map_err(std::io::Error::other)
        .and_then(|result| result);
        synced.map_err(|source| JournalError::Io { place: self.place.clone(), doing: "sync", source })?;
        self.durable = self.head.seq;
        Ok(self.durable)
    }
}

async fn write_all(
    connection: &mut SqliteConnection,
    events: &[Envelope],
    rows: &RowSet,
    derived: u64,
    head: Option<u64>,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    if let Some(head) = head {
        only_writer(connection, head).await?;
    }
    insert_events(connection, events).await?;
    insert_rows(connection, rows).await?;
    header::write_derived(connection, derived).await?;
    sqlx::query("COMMIT").execute(&mut *connection).await.map(|_| ())
}

/// Refuses to derive rows from events that somebody else has gone on from. Events themselves are held by their primary key: a
/// second writer has taken the next number, and the first cannot commit another event of that number.
async fn only_writer(connection: &mut SqliteConnection, head: u64) -> Result<(), sqlx::Error> {
    let stored: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events").fetch_one(&mut *connection).await?;
    if u64::try_from(stored) == Ok(head) {
        return Ok(());
    }
    Err(sqlx::Error::Protocol(format!(
        "another process writes to this journal: it ends at event {stored}, not at {head}"
    )))
}

async fn write_events(connection: &mut SqliteConnection, events: &[Envelope]) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    insert_events(connection, events).await?;
    sqlx::query("COMMIT").execute(&mut *connection).await.map(|_| ())
}

async fn insert_events(connection: &mut SqliteConnection, events: &[Envelope]) -> Result<(), sqlx::Error> {
    for chunk in chunks(events, 1) {
        insert_chunk(connection, chunk).await?;
    }
    Ok(())
}

async fn insert_chunk(connection: &mut SqliteConnection, events: &[Envelope]) -> Result<(), sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(events.len() * 6, 0);
    for e in events {
        add(&mut arguments, i64::try_from(e.seq).unwrap_or(i64::MAX))?;
        add(&mut arguments, e.recorded_at.nanos())?;
        add(&mut arguments, e.kind.as_str())?;
        add(&mut arguments, e.payload.as_str())?;
        add(&mut arguments, e.prev.as_bytes().as_slice())?;
        add(&mut arguments, e.hash.as_bytes().as_slice())?;
    }
    let mut sql = String::with_capacity(EVENTS.len() + events.len() * 14);
    sql.push_str(EVENTS);
    placeholders(&mut sql, events.len(), 6);
    sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await.map(|_| ())
}

pub(super) async fn insert_rows(connection: &mut SqliteConnection, rows: &RowSet) -> Result<(), sqlx::Error> {
    for (table, cells) in rows.tables() {
        let width = table.columns().len();
        for chunk in chunks(cells, width) {
            let mut arguments = SqliteArguments::default();
            arguments.reserve(chunk.len(), 0);
            for cell in chunk {
                match cell {
                    Cell::Null => add(&mut arguments, None::<i64>)?,
                    Cell::Int(value) => add(&mut arguments, *value)?,
                    Cell::Real(value) => add(&mut arguments, *value)?,
                    Cell::Text(text) => add(&mut arguments, text.clone())?,
                }
            }
            let sql = upsert(table, chunk.len() / width);
            sqlx::query_with(AssertSqlSafe(sql), arguments).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

fn add<'q, T>(arguments: &mut SqliteArguments, value: T) -> Result<(), sqlx::Error>
where
    T: sqlx::Encode<'q, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    arguments.add(value).map_err(sqlx::Error::Encode)
}

/// Cuts rows of `width` items into the prepared sizes, largest first.
fn chunks<T>(items: &[T], width: usize) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let rows = rest.len() / width;
        let size = CHUNKS.into_iter().find(|size| *size <= rows)?;
        let (chunk, tail) = rest.split_at_checked(size * width)?;
        rest = tail;
        Some(chunk)
    })
}

/// `(?,?),(?,?)`: without numbers, since SQLite looks a numbered one up by walking the list of all.
fn placeholders(sql: &mut String, rows: usize, width: usize) {
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..width {
            sql.push_str(if column == 0 { "?" } else { ",?" });
        }
        sql.push(')');
    }
}

fn upsert(table: Table, rows: usize) -> String {
    let names: Vec<_> = table.columns().iter().map(|column| column.name).collect();
    let (key, rest) = names.split_at(table.key_len());
    let mut sql = format!("INSERT INTO {} ({}) VALUES ", table.name(), names.join(", "));
    placeholders(&mut sql, rows, names.len());
    let changes: Vec<_> = rest.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let _ = write!(sql, " ON CONFLICT ({}) DO UPDATE SET {}", key.join(", "), changes.join(", "));
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_exactly_one_chunk() {
        let rows: Vec<u32> = (0..2 * 617).collect();
        let back: Vec<u32> = chunks(&rows, 2).flatten().copied().collect();
        assert_eq!(back, rows);
        assert!(chunks(&rows, 2).all(|chunk| CHUNKS.contains(&(chunk.len() / 2))));
    }
}
