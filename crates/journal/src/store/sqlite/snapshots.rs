//! Snapshots: written in pieces, each a statement and a transaction of its own, so that nobody waits long for one.

use std::sync::atomic::Ordering;

use sqlx::{Row, SqliteConnection};

use super::append::Work;
use super::{SqliteStore, failure};
use crate::envelope::{Hash, Head};
use crate::error::JournalError;
use crate::store::{SNAPSHOTS_KEPT, Snapshot};

/// Pieces of snapshots that are no more, dropped with every piece that is stored.
const STALE_DROPPED: i64 = 2;

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

async fn insert_part(
    connection: &mut SqliteConnection,
    seq: u64,
    part: u32,
    bytes: &[u8],
) -> Result<(), sqlx::Error> {
    let insert = "INSERT INTO snapshot_parts (seq, part, bytes) VALUES ($1, $2, $3) \
                  ON CONFLICT (seq, part) DO UPDATE SET bytes = excluded.bytes";
    let insert = sqlx::query(insert).bind(number(seq)).bind(i64::from(part)).bind(bytes.to_owned());
    insert.execute(connection).await.map(|_| ())
}

/// Drops some of the pieces that belong to no snapshot but the one under way; whether there were any.
async fn drop_stale(connection: &mut SqliteConnection, under_way: u64) -> Result<bool, sqlx::Error> {
    let drop = "DELETE FROM snapshot_parts WHERE rowid IN (SELECT rowid FROM snapshot_parts \
                WHERE seq <> $1 AND seq NOT IN (SELECT seq FROM snapshots) LIMIT $2)";
    let dropped = sqlx::query(drop).bind(number(under_way)).bind(STALE_DROPPED).execute(connection).await?;
    Ok(dropped.rows_affected() > 0)
}

impl SqliteStore {
    pub(super) async fn write_snapshot_part(
        &mut self,
        seq: u64,
        part: u32,
        bytes: &[u8],
    ) -> Result<(), JournalError> {
        self.settle_pieces().await?;
        let (bytes, stale) = (bytes.to_vec(), self.stale_parts.clone());
        let work = async move |connection: &mut SqliteConnection| {
            insert_part(connection, seq, part, &bytes).await?;
            if stale.load(Ordering::Acquire) {
                stale.store(drop_stale(connection, seq).await?, Ordering::Release);
            }
            Ok(())
        };
        self.start(Work::SnapshotPart, work).await
    }

    /// Waits for the last piece; an error if it was not stored.
    async fn settle_pieces(&mut self) -> Result<(), JournalError> {
        self.writable("store a snapshot")?;
        self.settle().await?;
        self.piece_failed.take().map_or(Ok(()), Err)
    }

    pub(super) async fn write_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), JournalError> {
        self.settle_pieces().await?;
        let fail = |e| failure::store(&self.place, "store a snapshot", e);
        sqlx::query(
            "INSERT INTO snapshots (seq, hash, state_version, state, state_hash) VALUES ($1, $2, $3, x'', $4) \
             ON CONFLICT (seq) DO UPDATE SET hash = excluded.hash, state_version = excluded.state_version, \
             state = excluded.state, state_hash = excluded.state_hash",
        )
        .bind(number(snapshot.head.seq))
        .bind(snapshot.head.hash.as_bytes().as_slice())
        .bind(i64::from(snapshot.state_version))
        .bind(snapshot.state_hash.as_bytes().as_slice())
        .execute(self.database.get().await?)
        .await
        .map_err(fail)?;
        // Only after the new one is in: at every moment there is one that can be read. Its pieces go with later ones.
        sqlx::query(
            "DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT $1)",
        )
        .bind(SNAPSHOTS_KEPT as i64)
        .execute(self.database.get().await?)
        .await
        .map_err(fail)?;
        self.stale_parts.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) async fn read_snapshot_numbers(&mut self) -> Result<Vec<u64>, JournalError> {
        self.settle().await?;
        let fail = |e| failure::store(&self.place, "look for snapshots", e);
        let rows = sqlx::query("SELECT seq FROM snapshots ORDER BY seq DESC LIMIT $1")
            .bind(SNAPSHOTS_KEPT as i64)
            .fetch_all(self.database.get().await?)
            .await
            .map_err(fail)?;
        let mut numbers = Vec::with_capacity(rows.len());
        for row in &rows {
            let seq: i64 = row.try_get(0).map_err(fail)?;
            numbers.extend(u64::try_from(seq));
        }
        Ok(numbers)
    }

    pub(super) async fn read_snapshot(&mut self, seq: u64) -> Result<Option<Snapshot>, JournalError> {
        self.settle().await?;
        let fail = |e| failure::store(&self.place, "read a snapshot", e);
        let row = sqlx::query("SELECT hash, state_version, state, state_hash FROM snapshots WHERE seq = $1")
            .bind(number(seq))
            .fetch_optional(self.database.get().await?)
            .await
            .map_err(fail)?;
        let Some(row) = row else { return Ok(None) };
        let hash: &[u8] = row.try_get(0).map_err(fail)?;
        let version: i64 = row.try_get(1).map_err(fail)?;
        // Older programs stored the state as one piece here.
        let mut state: Vec<u8> = row.try_get(2).map_err(fail)?;
        let state_hash: &[u8] = row.try_get(3).map_err(fail)?;
        let (Some(hash), Ok(state_version), Some(state_hash)) =
            (Hash::from_slice(hash), u32::try_from(version), Hash::from_slice(state_hash))
        else {
            return Ok(None);
        };
        let parts = sqlx::query("SELECT bytes FROM snapshot_parts WHERE seq = $1 ORDER BY part")
            .bind(number(seq))
            .fetch_all(self.database.get().await?)
            .await
            .map_err(fail)?;
        for part in &parts {
            state.extend_from_slice(part.try_get(0).map_err(fail)?);
        }
        Ok(Some(Snapshot { head: Head { seq, hash }, state_version, state, state_hash }))
    }
}
