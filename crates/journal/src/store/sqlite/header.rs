//! What a journal file says of itself: the meta table and the end of the chain.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};
use tensortrade_market::Ts;

use super::failure;
use crate::envelope::{Hash, Head};
use crate::error::JournalError;
use crate::meta::{FORMAT, JournalId, Meta};

/// The meta table; empty while there is none.
async fn read_values(
    connection: &mut SqliteConnection,
    place: &str,
) -> Result<BTreeMap<String, String>, JournalError> {
    let fail = |e| failure::store(place, "read its description", e);
    let table = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'meta'")
        .fetch_optional(&mut *connection)
        .await
        .map_err(fail)?;
    if table.is_none() {
        return Ok(BTreeMap::new());
    }
    let rows = sqlx::query("SELECT name, value FROM meta").fetch_all(connection).await.map_err(fail)?;
    rows.iter().map(|row| Ok((row.try_get(0).map_err(fail)?, row.try_get(1).map_err(fail)?))).collect()
}

/// Refuses a journal of a format above [`FORMAT`], before anything else in it is read.
pub(super) async fn refuse_newer(connection: &mut SqliteConnection, place: &str) -> Result<(), JournalError> {
    let values = read_values(connection, place).await?;
    match values.get("format") {
        Some(found) if found.parse::<u32>().is_ok_and(|format| format <= FORMAT) => Ok(()),
        Some(found) => Err(JournalError::Newer { place: place.to_owned(), found: found.clone() }),
        None => Ok(()),
    }
}

/// The description; `None` while there is none, as after a kill during creation.
pub(super) async fn read_meta(
    connection: &mut SqliteConnection,
    place: &str,
) -> Result<Option<Meta>, JournalError> {
    let values = read_values(connection, place).await?;
    if values.is_empty() {
        return Ok(None);
    }
    let value = |name: &str| {
        values.get(name).ok_or_else(|| JournalError::Corrupt {
            place: place.to_owned(),
            detail: format!("its description lacks '{name}'"),
        })
    };
    let bad = |name: &'static str, text: &str| JournalError::Corrupt {
        place: place.to_owned(),
        detail: format!("its description has {name} = '{text}'"),
    };
    let number = |name: &'static str| {
        let text = value(name)?;
        text.parse::<u32>().map_err(|_| bad(name, text))
    };
    let account = value("account")?;
    let created_at = value("created_at")?;
    Ok(Some(Meta {
        id: JournalId::stored(value("id")?.clone()),
        format: number("format")?,
        projection: number("projection")?,
        account: account.parse().map_err(|_| bad("account", account))?,
        venue: value("venue")?.clone(),
        created_at: created_at.parse().map(Ts::from_nanos).map_err(|_| bad("created_at", created_at))?,
    }))
}

/// Name of the mark: the last event whose rows are in the tables.
pub(super) const DERIVED: &str = "derived_upto";

/// The last event whose rows are in the tables; `None` in a journal that has never said so.
pub(super) async fn read_derived(
    connection: &mut SqliteConnection,
    place: &str,
) -> Result<Option<u64>, JournalError> {
    let values = read_values(connection, place).await?;
    let Some(text) = values.get(DERIVED) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| JournalError::Corrupt {
        place: place.to_owned(),
        detail: format!("its description has {DERIVED} = '{text}'"),
    })
}

/// Sets the mark, within the transaction that makes it true.
pub(super) async fn write_derived(connection: &mut SqliteConnection, upto: u64) -> Result<(), sqlx::Error> {
    let set = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(set).bind(DERIVED).bind(upto.to_string()).execute(connection).await.map(|_| ())
}

/// Writes the whole description, in one transaction.
pub(super) async fn write_meta(
    connection: &mut SqliteConnection,
    place: &str,
    meta: &Meta,
) -> Result<(), JournalError> {
    let rows = [
        ("id", meta.id.to_string()),
        ("format", meta.format.to_string()),
        ("projection", meta.projection.to_string()),
        ("account", meta.account.to_string()),
        ("venue", meta.venue.clone()),
        ("created_at", meta.created_at.nanos().to_string()),
    ];
    // One statement is one transaction: a description is there whole or not at all.
    let mut query = sqlx::query(
        "INSERT INTO meta (name, value) VALUES ($1, $2), ($3, $4), ($5, $6), ($7, $8), ($9, $10), ($11, $12) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    );
    for (name, value) in rows {
        query = query.bind(name).bind(value);
    }
    query.execute(connection).await.map(|_| ()).map_err(|e| failure::store(place, "write its description", e))
}

/// The last event's number and hash.
pub(super) async fn read_head(
    connection: &mut SqliteConnection,
    place: &str,
    meta: &Meta,
) -> Result<Head, JournalError> {
    let fail = |e| failure::store(place, "read the last event", e);
    let row = sqlx::query("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(fail)?;
    let Some(row) = row else { return Ok(Head::genesis(&meta.id)) };
    let seq: i64 = row.try_get(0).map_err(fail)?;
    let hash: Vec<u8> = row.try_get(1).map_err(fail)?;
    match (u64::try_from(seq), Hash::from_slice(&hash)) {
        (Ok(seq), Some(hash)) => Ok(Head { seq, hash }),
        _ => Err(JournalError::Corrupt {
            place: place.to_owned(),
            detail: format!("its last event is numbered {seq} with a hash of {} bytes", hash.len()),
        }),
    }
}
