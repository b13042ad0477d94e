//! The database's connection, which is here or, while it moves events and rows in, on a thread of its own.

use sqlx::SqliteConnection;
use tokio::task::JoinHandle;

use super::failure;
use crate::error::JournalError;

/// The connection of a store.
#[derive(Debug)]
pub(super) struct Database {
    place: String,
    connection: Option<SqliteConnection>,
    away: Option<JoinHandle<(SqliteConnection, Result<(), sqlx::Error>)>>,
}

impl Database {
    pub(super) fn new(place: String, connection: SqliteConnection) -> Self {
        Self { place, connection: Some(connection), away: None }
    }

    /// Whether work is under way: [`get`](Self::get) would wait.
    pub(super) fn is_busy(&self) -> bool {
        self.away.as_ref().is_some_and(|work| !work.is_finished())
    }

    /// The connection, after what is under way. If that failed, its error, once: nothing of it is stored.
    pub(super) async fn get(&mut self) -> Result<&mut SqliteConnection, JournalError> {
        if let Some(work) = &mut self.away {
            let done = work.await;
            self.away = None;
            let (connection, outcome) = done.map_err(|e| self.lost(&e.to_string()))?;
            self.connection = Some(connection);
            outcome.map_err(|e| failure::store(&self.place, "store events and rows", e))?;
        }
        let lost = || JournalError::Database {
            place: self.place.clone(),
            doing: "use the connection",
            detail: "it was lost with work that failed".to_owned(),
        };
        self.connection.as_mut().ok_or_else(lost)
    }

    /// The connection, to close it.
    pub(super) async fn take(&mut self) -> Option<SqliteConnection> {
        // What was under way has been answered for by whoever waited for it.
        let _ = self.get().await;
        self.connection.take()
    }

    /// Starts work on a thread for blocking work. Nobody waits for it but the next who needs the connection.
    pub(super) async fn start<F>(&mut self, work: F) -> Result<(), JournalError>
    where
        F: AsyncFnOnce(&mut SqliteConnection) -> Result<(), sqlx::Error> + Send + 'static,
    {
        self.get().await?;
        let Some(mut connection) = self.connection.take() else {
            return Err(self.lost("there is none"));
        };
        let runtime = tokio::runtime::Handle::current();
        self.away = Some(tokio::task::spawn_blocking(move || {
            let outcome = runtime.block_on(work(&mut connection));
            (connection, outcome)
        }));
        Ok(())
    }

    fn lost(&self, detail: &str) -> JournalError {
        JournalError::Database {
            place: self.place.clone(),
            doing: "use the connection",
            detail: detail.to_owned(),
        }
    }
}
