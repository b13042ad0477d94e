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

/// When the tail has grown to this, the events in it are stored at once, so that it can be emptied. It is emptied long before,
/// unless events come faster than the database takes them.
const TAIL_BYTES_MAX: u64 = 64 << 20;

const EVENTS: &str = "INSERT INTO events (seq, recorded_at, kind, payload, prev, hash) VALUES ";

impl SqliteStore {
    /// Everything that the database lacks, in one transaction.
    pub(super) async fn append_all(
        &mut self,
        events: &[Envelope],
        rows: &RowSet,
    ) -> Result<(), JournalError> {
        self.writable("append")?;
        check_follows(&self.place, self.head, events)?;
        let head = events.last().map_or(self.head, Envelope::head);
        self.settle().await?;
        let connection = self.database.get().await?;
        let written = write_all(connection, [self.waiting.make_contiguous(), events], rows, head.seq).await;
        self.rolled_back("append", written).await?;
        self.waiting.clear();
        self.derived = head.seq;
        self.appended(head);
        self.empty_tail()
    }

    /// The path that orders wait on: one write to the end of the tail.
    pub(super) async fn append_alone(&mut self, events: &[Envelope]) -> Result<(), JournalError> {
        self.writable("append")?;
        check_follows(&self.place, self.head, events)?;
        let Some(last) = events.last() else { return Ok(()) };
        let (place, durability) = (&self.place, self.durability);
        let io = |source| JournalError::Io { place: place.clone(), doing: "append to its tail", source };
        let Some(tail) = self.tail.as_mut() else { return Ok(()) };
        tail.append(events, durability).map_err(io)?;
        if let (Durability::Power, Some(file)) = (durability, tail.file()) {
            let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
            synced.map_err(std::io::Error::other).and_then(|synced| synced).map_err(io)?;
        }
        self.waiting.extend(events.iter().cloned());
        self.appended(last.head());
        if self.tail.as_ref().is_some_and(|tail| tail.bytes() >= TAIL_BYTES_MAX) {
            self.store_waiting().await?;
        }
        Ok(())
    }

    /// Starts to store the events up to number `upto` that wait, and rows. At the next call it is done, or has failed.
    pub(super) async fn append_derived(&mut self, rows: RowSet, upto: u64) -> Result<(), JournalError> {
        self.writable("append")?;
        let upto = upto.min(self.head.seq);
        self.settle().await?;
        let moved = self.waiting.partition_point(|event| event.seq <= upto);
        let events: Vec<Envelope> = self.waiting.drain(..moved).collect();
        // Held until it is done, also when the store is dropped meanwhile: no other writer comes in between.
        let lock = self.lock.clone();
        let work = async move |connection: &mut SqliteConnection| {
            let written = write_all(connection, [&events, &[]], &rows, upto).await;
            if written.is_err() {
                // The transaction is gone with an error of its own, or has to be; either way nothing of it stays.
                let _ = sqlx::query("ROLLBACK").execute(connection).await;
            }
            drop(lock);
            written
        };
        self.database.start(work).await?;
        self.deriving = Some(upto);
        Ok(())
    }

    /// Waits for what is under way, and takes note of it. After a failure the store knows no longer what the database holds
    /// and refuses everything: who opens the journal anew finds all that was acknowledged.
    pub(super) async fn settle(&mut self) -> Result<(), JournalError> {
        if let Some(upto) = self.deriving {
            let done = self.database.get().await.map(|_| ());
            done.inspect_err(|e| self.failed = Some(e.to_string()))?;
            self.deriving = None;
            self.derived = self.derived.max(upto);
            self.empty_tail()?;
        }
        let Some(why) = &self.failed else { return Ok(()) };
        let (place, detail) = (self.place.clone(), why.clone());
        Err(JournalError::Database { place, doing: "go on after a failure", detail })
    }

    /// Stores the events that wait, without rows.
    pub(super) async fn store_waiting(&mut self) -> Result<(), JournalError> {
        self.settle().await?;
        if !self.waiting.is_empty() {
            let connection = self.database.get().await?;
            let written = write_events(connection, self.waiting.make_contiguous()).await;
            self.rolled_back("store events", written).await?;
            self.waiting.clear();
        }
        self.empty_tail()
    }

    /// Empties the tail's file, if the database holds all that is in it.
    fn empty_tail(&mut self) -> Result<(), JournalError> {
        let Some(tail) = self.tail.as_mut().filter(|_| self.waiting.is_empty()) else { return Ok(()) };
        let io = |source| JournalError::Io { place: self.place.clone(), doing: "empty its tail", source };
        tail.clear().map_err(io)
    }

    async fn rolled_back(
        &mut self,
        doing: &'static str,
        done: Result<(), sqlx::Error>,
    ) -> Result<(), JournalError> {
        let Err(e) = done else { return Ok(()) };
        // The transaction is gone with an error of its own, or has to be; either way nothing of it stays.
        let _ = sqlx::query("ROLLBACK").execute(self.database.get().await?).await;
        Err(failure::store(&self.place, doing, e))
    }

    fn appended(&mut self, head: Head) {
        self.head = head;
        if self.durability == Durability::Power {
            self.durable = head.seq;
        }
    }

    /// With [`Durability::Process`] a commit is in a file but perhaps not on the disk: this waits for it.
    pub(super) async fn sync_files(&mut self) -> Result<u64, JournalError> {
        self.settle().await?;
        if self.durable == self.head.seq {
            return Ok(self.durable);
        }
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        let tail = super::tail::path_of(&self.path);
        let (path, folder) = (self.path.clone(), self.path.parent().map(ToOwned::to_owned));
        let synced = tokio::task::spawn_blocking(move || {
            // The log holds what was not yet moved into the file; all of them and their folder, since each may be new.
            for file in [log.as_os_str(), path.as_os_str(), tail.as_os_str()] {
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
    events: [&[Envelope]; 2],
    rows: &RowSet,
    derived: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for events in events {
        insert_events(connection, events).await?;
    }
    insert_rows(connection, rows).await?;
    header::write_derived(connection, derived).await?;
    sqlx::query("COMMIT").execute(&mut *connection).await.map(|_| ())
}

pub(super) async fn write_events(
    connection: &mut SqliteConnection,
    events: &[Envelope],
) -> Result<(), sqlx::Error> {
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
