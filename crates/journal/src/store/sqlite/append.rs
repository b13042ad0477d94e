//! The hot path: events and the rows they change, in one transaction, many rows a statement.

use std::fmt::Write;
use std::fs::File;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};

use super::tail::Tail;
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

/// What goes on in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Rows of the events up to one, and those of these events that the database lacked.
    Rows {
        /// The last of these events.
        upto: u64,
    },
    /// A piece of a snapshot, without which that snapshot is not one; nothing else suffers.
    SnapshotPart,
}

impl SqliteStore {
    /// The last event in the database.
    pub(super) fn stored(&self) -> u64 {
        self.head.seq - self.waiting.len() as u64
    }

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
        let before = self.stored();
        let connection = self.database.get().await?;
        let events = [self.waiting.make_contiguous(), events];
        let written = write_all(connection, before, events, rows, head.seq).await;
        self.rolled_back("append", written).await?;
        self.waiting.clear();
        self.derived = head.seq;
        self.appended(head);
        self.empty_tail()
    }

    /// The path that orders wait on: one write to the end of the tail.
    pub(super) async fn append_alone(&mut self, events: &[Envelope]) -> Result<(), JournalError> {
        self.writable("append")?;
        self.intact()?;
        check_follows(&self.place, self.head, events)?;
        let (Some(last), Some(tail)) = (events.last(), self.tail.as_mut()) else { return Ok(()) };
        // Until the outcome is known, and for good after a failure: what the file holds is not known to agree with what was
        // acknowledged, and another commit behind it could be one that a start passes over.
        self.failed = Some("a commit to its tail was abandoned before its outcome was known".to_owned());
        let mut written = tail.append(events, self.durability);
        if written.is_ok() && self.durability == Durability::Power {
            let file = tail.file();
            let synced = tokio::task::spawn_blocking(move || file.sync_data()).await;
            written = synced.map_err(std::io::Error::other).and_then(|synced| synced);
        }
        if let Err(source) = written.and_then(|()| tail.check_in_place()) {
            let error = JournalError::Io { place: self.place.clone(), doing: "append to its tail", source };
            self.failed = Some(error.to_string());
            return Err(error);
        }
        self.failed = None;
        let full = tail.bytes() >= TAIL_BYTES_MAX;
        self.waiting.extend(events.iter().cloned());
        self.appended(last.head());
        if full {
            self.store_waiting().await?;
        }
        Ok(())
    }

    /// Starts to store the events up to number `upto` that wait, and rows. At the next call it is done, or has failed.
    pub(super) async fn append_derived(&mut self, rows: RowSet, upto: u64) -> Result<(), JournalError> {
        self.writable("append")?;
        let upto = upto.min(self.head.seq);
        self.settle().await?;
        let before = self.stored();
        let moved = self.waiting.partition_point(|event| event.seq <= upto);
        let events: Vec<Envelope> = self.waiting.drain(..moved).collect();
        let work = async move |connection: &mut SqliteConnection| {
            write_all(connection, before, [&events, &[]], &rows, upto).await
        };
        self.start(Work::Rows { upto }, work).await
    }

    /// Starts something in the background, nothing being under way.
    pub(super) async fn start<F>(&mut self, kind: Work, work: F) -> Result<(), JournalError>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<(), sqlx::Error> + Send + 'static,
    {
        // Held until it is done, also when the store is dropped meanwhile: no other writer comes in between.
        let locks = (self.lock.clone(), self.tail.as_ref().map(Tail::file));
        let work = async move |connection: &mut SqliteConnection| {
            let done = work(connection).await;
            if done.is_err() {
                // The transaction is gone with an error of its own, or has to be; either way nothing of it stays.
                let _ = sqlx::query("ROLLBACK").execute(connection).await;
            }
            drop(locks);
            done
        };
        self.database.start(work).await?;
        self.under_way = Some(kind);
        Ok(())
    }

    /// Waits for what is under way, and takes note of it. When rows could not be stored the store knows no longer what the
    /// database holds and refuses everything: who opens the journal anew finds all that was acknowledged.
    pub(super) async fn settle(&mut self) -> Result<(), JournalError> {
        if let Some(work) = self.under_way {
            let done = self.database.get().await.map(|_| ());
            self.under_way = None;
            match (work, done) {
                (Work::SnapshotPart, done) => self.piece_failed = done.err(),
                (Work::Rows { upto }, Ok(())) => self.derived = self.derived.max(upto),
                (Work::Rows { .. }, Err(error)) => {
                    // The events that were to be stored with them are in the tail alone, which stays as it is.
                    self.failed = Some(error.to_string());
                    return Err(error);
                }
            }
            self.intact()?;
            self.empty_tail()?;
        }
        self.intact()
    }

    fn intact(&self) -> Result<(), JournalError> {
        let Some(why) = &self.failed else { return Ok(()) };
        let (place, detail) = (self.place.clone(), why.clone());
        Err(JournalError::Database { place, doing: "go on after a failure", detail })
    }

    /// Stores the events that wait, without rows.
    pub(super) async fn store_waiting(&mut self) -> Result<(), JournalError> {
        self.settle().await?;
        if !self.waiting.is_empty() {
            let before = self.stored();
            let connection = self.database.get().await?;
            let written = write_events(connection, before, [self.waiting.make_contiguous(), &[]]).await;
            self.rolled_back("store events", written).await?;
            self.waiting.clear();
        }
        self.empty_tail()
    }

    /// Empties the tail's file, if the database holds all that is in it.
    pub(super) fn empty_tail(&mut self) -> Result<(), JournalError> {
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

    /// With [`Durability::Process`] a commit is in a file but perhaps not on the disk: this waits for it. What stands in the
    /// tail goes into the database first, so that nothing that is safe depends on a tail which is emptied later.
    pub(super) async fn sync_files(&mut self) -> Result<u64, JournalError> {
        self.settle().await?;
        if self.durable == self.head.seq {
            return Ok(self.durable);
        }
        self.store_waiting().await?;
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

/// Events behind event `before`, rows, and the mark up to where rows are derived: one transaction.
async fn write_all(
    connection: &mut SqliteConnection,
    before: u64,
    events: [&[Envelope]; 2],
    rows: &RowSet,
    derived: u64,
) -> Result<(), sqlx::Error> {
    begin_after(connection, before).await?;
    insert_events(connection, events).await?;
    insert_rows(connection, rows).await?;
    header::write_derived(connection, derived).await?;
    sqlx::query("COMMIT").execute(connection).await.map(|_| ())
}

/// Events alone, behind event `before`.
pub(super) async fn write_events(
    connection: &mut SqliteConnection,
    before: u64,
    events: [&[Envelope]; 2],
) -> Result<(), sqlx::Error> {
    begin_after(connection, before).await?;
    insert_events(connection, events).await?;
    sqlx::query("COMMIT").execute(connection).await.map(|_| ())
}

/// Begins a transaction, in which nobody else writes, and refuses to go on from an end that somebody else has gone on from.
async fn begin_after(connection: &mut SqliteConnection, before: u64) -> Result<(), sqlx::Error> {
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let stored: i64 =
        sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events").fetch_one(connection).await?;
    if u64::try_from(stored) == Ok(before) {
        return Ok(());
    }
    Err(sqlx::Error::Protocol(format!(
        "another process writes to this journal: its database ends at event {stored}, not at {before}"
    )))
}

async fn insert_events(
    connection: &mut SqliteConnection,
    events: [&[Envelope]; 2],
) -> Result<(), sqlx::Error> {
    for chunk in events.into_iter().flat_map(|events| chunks(events, 1)) {
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
