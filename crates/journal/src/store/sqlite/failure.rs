//! What SQLite says, in the journal's words.

use sqlx::migrate::MigrateError;

use crate::error::JournalError;

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;

/// Sorts an error by what the reader can do about it.
pub(super) fn store(place: &str, doing: &'static str, error: sqlx::Error) -> JournalError {
    let place = place.to_owned();
    // Extended result codes carry the primary code in their low byte.
    let code = match &error {
        sqlx::Error::Database(e) => {
            e.code().and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff)
        }
        _ => None,
    };
    match code {
        Some(BUSY | LOCKED) => JournalError::Locked { place, detail: format!("{doing}: {error}") },
        Some(CORRUPT | NOT_A_DATABASE) => {
            JournalError::Corrupt { place, detail: format!("{doing}: {error}") }
        }
        _ => JournalError::Database { place, doing, detail: error.to_string() },
    }
}

/// Sorts an error of the migrations.
pub(super) fn migration(place: &str, error: MigrateError) -> JournalError {
    match error {
        MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => store(place, "migrate", e),
        MigrateError::VersionMissing(version) => {
            JournalError::Newer { place: place.to_owned(), found: format!("with migration {version}") }
        }
        MigrateError::VersionMismatch(version) => JournalError::Foreign {
            place: place.to_owned(),
            what: format!("its tables were made by another version of migration {version}"),
        },
        other => {
            JournalError::Database { place: place.to_owned(), doing: "migrate", detail: other.to_string() }
        }
    }
}
