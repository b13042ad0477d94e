//! The journal for other programs: events as NDJSON, tables as CSV. Streamed page by page.

mod csv;
mod ndjson;

pub use csv::export_csv;
pub use ndjson::export_events;

use crate::error::JournalError;

fn output(source: std::io::Error) -> JournalError {
    JournalError::Io { place: "export".to_owned(), doing: "write", source }
}
