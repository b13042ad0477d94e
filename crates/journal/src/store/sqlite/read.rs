//! Pages of events.

use std::time::Duration;

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use tensortrade_market::Ts;

use super::overlay::Overlay;
use super::tail::{self, Found};
use super::{SqliteStore, failure, header};
use crate::envelope::{Envelope, Hash};
use crate::error::JournalError;
use crate::event::Kind;
use crate::store::{Durability, PAGE_BYTES_MAX, PAGE_EVENTS_MAX, Store};

/// How often a reader looks at database and tail before it believes that they do not fit together, and the pause between: a
/// writer that empties the tail is done with it in a moment.
const LOOKS_MAX: u32 = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(10);

impl SqliteStore {
    pub(super) async fn read_page(
        &mut self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Envelope>, JournalError> {
        let Ok(from) = i64::try_from(after) else { return Ok(Vec::new()) };
        self.settle().await?;
        let limit = limit.clamp(1, PAGE_EVENTS_MAX);
        let mut rows = sqlx::query(
            "SELECT seq, recorded_at, kind, payload, prev, hash FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
        )
        .bind(from)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch(self.database.get().await?);
        let mut page = Vec::with_capacity(limit.min(256));
        let mut bytes = 0;
        while let Some(row) =
            rows.try_next().await.map_err(|e| failure::store(&self.place, "read events", e))?
        {
            let envelope = envelope(&self.place, &row)?;
            bytes += envelope.payload.len();
            page.push(envelope);
            if bytes >= PAGE_BYTES_MAX {
                return Ok(page);
            }
        }
        drop(rows);
        let after = page.last().map_or(after, |last| last.seq);
        let next = self.waiting.partition_point(|event| event.seq <= after);
        for event in self.waiting.range(next..).take(limit - page.len()) {
            bytes += event.payload.len();
            page.push(event.clone());
            if bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    /// A read transaction keeps what a reader sees; a writer is alone with its own changes and needs none.
    pub(super) async fn begin_reading(&mut self) -> Result<(), JournalError> {
        self.settle().await?;
        if self.lock.is_none() {
            self.see_beside_a_writer().await?;
        }
        if let Some(after) = self.lag() {
            self.overlay = Overlay::new(&self.tail_rows(after).await?);
        }
        Ok(())
    }

    /// Begins a read transaction and reads the tail that belongs to what it shows. A writer beside it may empty the tail, or
    /// write to it, between one and the other: then again.
    pub(super) async fn see_beside_a_writer(&mut self) -> Result<(), JournalError> {
        let mut looks = 0;
        loop {
            looks += 1;
            let fail = |e| failure::store(&self.place, "begin reading", e);
            let connection = self.database.get().await?;
            sqlx::query("BEGIN").execute(&mut *connection).await.map_err(fail)?;
            let head = header::read_head(connection, &self.place, &self.meta).await?;
            self.derived = header::read_derived(connection, &self.place).await?.unwrap_or(0);
            let last_look = looks == LOOKS_MAX;
            let (head, waiting) = match tail::read(&self.path, &self.place, &head) {
                Ok(Found::Events(events)) => (events.last().map_or(head, Envelope::head), Ok(events)),
                // What the next start passes over is not shown either.
                Ok(Found::Ahead { durability: Durability::Process, .. }) if last_look => {
                    (head, Ok(Vec::new()))
                }
                Ok(Found::Ahead { first, .. }) => (head, Err(tail::hole(&self.place, &head, first))),
                Err(error) => (head, Err(error)),
            };
            let error = match waiting {
                Ok(events) => {
                    (self.head, self.waiting) = (head, events.into());
                    return Ok(());
                }
                Err(error) => error,
            };
            let fail = |e| failure::store(&self.place, "end reading", e);
            sqlx::query("COMMIT").execute(connection).await.map_err(fail)?;
            if last_look {
                return Err(error);
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    pub(super) async fn end_reading(&mut self) -> Result<(), JournalError> {
        self.overlay = Overlay::default();
        if self.lock.is_some() {
            return Ok(());
        }
        let fail = |e| failure::store(&self.place, "end reading", e);
        sqlx::query("COMMIT").execute(self.database.get().await?).await.map(|_| ()).map_err(fail)
    }

    pub(super) async fn quick_check(&mut self) -> Result<Vec<String>, JournalError> {
        self.settle().await?;
        let fail = |e| failure::store(&self.place, "check the file", e);
        let rows = sqlx::query("PRAGMA quick_check(20)")
            .fetch_all(self.database.get().await?)
            .await
            .map_err(fail)?;
        let mut findings = Vec::new();
        for row in rows {
            let text: String = row.try_get(0).map_err(fail)?;
            if text != "ok" {
                findings.push(text);
            }
        }
        Ok(findings)
    }
}

fn envelope(place: &str, row: &SqliteRow) -> Result<Envelope, JournalError> {
    let fail = |e| failure::store(place, "read an event", e);
    let seq: i64 = row.try_get(0).map_err(fail)?;
    let kind: &str = row.try_get(2).map_err(fail)?;
    let prev: &[u8] = row.try_get(4).map_err(fail)?;
    let hash: &[u8] = row.try_get(5).map_err(fail)?;
    let recorded_at: i64 = row.try_get(1).map_err(fail)?;
    let undecodable = |reason: String| JournalError::Undecodable {
        place: place.to_owned(),
        seq: seq.unsigned_abs(),
        reason,
    };
    Ok(Envelope {
        seq: u64::try_from(seq).map_err(|_| undecodable("its number is negative".to_owned()))?,
        recorded_at: Ts::from_nanos(recorded_at),
        kind: Kind::from_name(kind).ok_or_else(|| undecodable(format!("unknown kind '{kind}'")))?,
        payload: row.try_get(3).map_err(|e| undecodable(e.to_string()))?,
        prev: Hash::from_slice(prev).ok_or_else(|| undecodable("its predecessor is no hash".to_owned()))?,
        hash: Hash::from_slice(hash).ok_or_else(|| undecodable("its hash is no hash".to_owned()))?,
    })
}
