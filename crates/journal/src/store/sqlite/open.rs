//! Opening a journal file: is it ours, which version, whose account, and who else writes to it.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};

use super::append::write_events;
use super::database::Database;
use super::overlay::Overlay;
use super::tail::{self, Found, Tail};
use super::{SqliteStore, failure, header};
use crate::envelope::Envelope;
use crate::error::JournalError;
use crate::meta::{Identity, Meta, PROJECTION};
use crate::store::Durability;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// "TTJL" in the header of the file: tells a journal from every other SQLite database.
const APPLICATION_ID: i64 = 0x5454_4A4C;

/// The first bytes of every SQLite file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How long a statement waits for another process's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The write-ahead log is moved into the file when it has 16 MiB; for a replay, which loses nothing that cannot be played
/// again, when it has 64, since it waits for the disk meanwhile.
const CHECKPOINT: (&str, &str) = ("PRAGMA wal_autocheckpoint = 4096", "PRAGMA wal_autocheckpoint = 16384");

/// After a burst the log file shrinks back to 64 MiB.
const LOG_SIZE_LIMIT: &str = "PRAGMA journal_size_limit = 67108864";

/// Distinct statements kept prepared: every table in every batch size, and the rest.
const STATEMENTS_KEPT: usize = 256;

/// What a store is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// To append; creates the journal if there is none. Refuses a second writer.
    Write {
        /// What the journal must be, or becomes when it is created.
        identity: Identity,
        /// What an append survives.
        durability: Durability,
    },
    /// To read, also beside a writer.
    Read,
}

impl SqliteStore {
    /// Opens the journal at `path`; its folder must exist. A file that is no journal, is of a newer format, of another
    /// account kind or venue, damaged, or being written by another process is refused, and is left as it was.
    pub async fn open(path: impl AsRef<Path>, access: Access) -> Result<Self, JournalError> {
        match access {
            Access::Write { identity, durability } => {
                Self::open_to_write(path.as_ref(), &identity, durability).await
            }
            Access::Read => Self::open_to_read(path.as_ref()).await,
        }
    }

    async fn open_to_read(path: &Path) -> Result<Self, JournalError> {
        let place = path.display().to_string();
        let missing = || JournalError::Missing { place: place.clone() };
        if !has_contents(path, &place)? {
            return Err(missing());
        }
        let options = options(path).create_if_missing(false).pragma("query_only", "ON");
        let mut connection = options.connect().await.map_err(|e| failure::store(&place, "open", e))?;
        if !is_ours(&mut connection, &place).await? {
            return Err(missing());
        }
        header::refuse_newer(&mut connection, &place).await?;
        refuse_older(&mut connection, &place).await?;
        let meta = header::read_meta(&mut connection, &place).await?.ok_or_else(missing)?;
        let mut store =
            Self::assemble(path, place, connection, meta, Durability::Process, None, None).await?;
        store.see_beside_a_writer().await?;
        store.end_reading().await?;
        Ok(store)
    }

    async fn open_to_write(
        path: &Path,
        identity: &Identity,
        durability: Durability,
    ) -> Result<Self, JournalError> {
        let place = path.display().to_string();
        let exists = has_contents(path, &place)?;
        let lock = lock_writer(path, &place)?;
        let mut connection = options(path)
            .create_if_missing(true)
            .connect()
            .await
            .map_err(|e| failure::store(&place, "open", e))?;
        if exists && is_ours(&mut connection, &place).await? {
            header::refuse_newer(&mut connection, &place).await?;
            // Whose it is comes before any change to it.
            if let Some(meta) = header::read_meta(&mut connection, &place).await? {
                meta.expect(&place, identity)?;
            }
        }
        // Locked before the database's end is looked at: nobody moves events from the one into the other any more.
        let tail = Some(Tail::open(path, &place, durability)?);
        prepare(&mut connection, durability)
            .await
            .map_err(|e| failure::store(&place, "prepare the file", e))?;
        MIGRATIONS.run(&mut connection).await.map_err(|e| failure::migration(&place, e))?;
        let meta = match header::read_meta(&mut connection, &place).await? {
            Some(meta) => meta,
            None => {
                let meta = Meta::create(identity);
                header::write_meta(&mut connection, &place, &meta).await?;
                meta
            }
        };
        let lock = Some(lock);
        let mut store = Self::assemble(path, place, connection, meta, durability, lock, tail).await?;
        store.take_in_tail().await?;
        if store.meta.projection != PROJECTION {
            tracing::info!(
                place = store.place,
                "the tables were derived by another version: deriving them again"
            );
            store.rebuild_tables().await?;
        }
        Ok(store)
    }

    async fn assemble(
        path: &Path,
        place: String,
        mut connection: SqliteConnection,
        meta: Meta,
        durability: Durability,
        lock: Option<File>,
        tail: Option<Tail>,
    ) -> Result<Self, JournalError> {
        let head = header::read_head(&mut connection, &place, &meta).await?;
        let path = path.to_path_buf();
        // What is found at opening has been read back from the files; a power loss before this start is over.
        let durable = head.seq;
        let derived = header::read_derived(&mut connection, &place).await?.unwrap_or(0);
        Ok(Self {
            path,
            database: Database::new(place.clone(), connection),
            place,
            meta,
            durability,
            head,
            durable,
            derived,
            under_way: None,
            failed: None,
            piece_failed: None,
            waiting: VecDeque::new(),
            tail,
            overlay: Overlay::default(),
            stale_parts: Arc::new(AtomicBool::new(true)),
            lock: lock.map(Arc::new),
        })
    }

    /// After a kill: moves the events of the tail into the database. Their rows are derived like those of any event that has
    /// none.
    async fn take_in_tail(&mut self) -> Result<(), JournalError> {
        match tail::read(&self.path, &self.place, &self.head)? {
            Found::Events(events) if events.is_empty() => {}
            Found::Events(events) => {
                write_events(self.database.get().await?, self.head.seq, [&events, &[]])
                    .await
                    .map_err(|e| failure::store(&self.place, "take in its tail", e))?;
                self.head = events.last().map_or(self.head, Envelope::head);
                self.sync_files().await?;
            }
            Found::Ahead { first, durability: Durability::Process } => tracing::warn!(
                place = self.place,
                head = self.head.seq,
                first,
                "a power loss took events before those in the tail: these are lost too"
            ),
            Found::Ahead { first, durability: Durability::Power } => {
                return Err(tail::hole(&self.place, &self.head, first));
            }
        }
        self.empty_tail()
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .disable_statement_logging()
}

/// Whether there is anything at `path`; refuses what is not SQLite before SQLite touches it.
fn has_contents(path: &Path, place: &str) -> Result<bool, JournalError> {
    let io = |doing| move |source| JournalError::Io { place: place.to_owned(), doing, source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(io("open")(e)),
    };
    let mut head = Vec::with_capacity(MAGIC.len());
    file.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head).map_err(io("read"))?;
    if head.is_empty() {
        return Ok(false);
    }
    if head != MAGIC {
        let what = "it does not begin like a SQLite file".to_owned();
        return Err(JournalError::Foreign { place: place.to_owned(), what });
    }
    Ok(true)
}

/// Takes the writer's lock, a file beside the journal. The system releases it when the process ends, however it ends.
fn lock_writer(path: &Path, place: &str) -> Result<File, JournalError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let io = |source| JournalError::Io { place: place.to_owned(), doing: "open its .lock file", source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(JournalError::Locked { place: place.to_owned(), detail: "its .lock file is held".to_owned() })
        }
        Err(TryLockError::Error(e)) => Err(io(e)),
    }
}

/// Whether the file is a journal (`false`: an empty database, as a kill right after creation leaves); refuses others.
async fn is_ours(connection: &mut SqliteConnection, place: &str) -> Result<bool, JournalError> {
    let fail = |e| failure::store(place, "read its header", e);
    let row = sqlx::query("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(fail)?;
    let id: i64 = row.try_get(0).map_err(fail)?;
    if id == APPLICATION_ID {
        return Ok(true);
    }
    let row = sqlx::query("SELECT COUNT(*), MIN(name) FROM sqlite_master")
        .fetch_one(&mut *connection)
        .await
        .map_err(fail)?;
    let objects: i64 = row.try_get(0).map_err(fail)?;
    if objects == 0 && id == 0 {
        return Ok(false);
    }
    let name: Option<String> = row.try_get(1).map_err(fail)?;
    let what = format!("a SQLite database of another program (first table '{}')", name.unwrap_or_default());
    Err(JournalError::Foreign { place: place.to_owned(), what })
}

async fn prepare(connection: &mut SqliteConnection, durability: Durability) -> Result<(), sqlx::Error> {
    let (synchronous, checkpoint) = match durability {
        Durability::Power => ("PRAGMA synchronous = FULL", CHECKPOINT.0),
        Durability::Process => ("PRAGMA synchronous = NORMAL", CHECKPOINT.1),
    };
    for statement in ["PRAGMA journal_mode = WAL", synchronous, checkpoint, LOG_SIZE_LIMIT] {
        sqlx::query(statement).execute(&mut *connection).await?;
    }
    let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
    sqlx::query(AssertSqlSafe(mark)).execute(connection).await.map(|_| ())
}

/// Refuses a journal that lacks a migration of this program; only a writer may bring it up to date.
async fn refuse_older(connection: &mut SqliteConnection, place: &str) -> Result<(), JournalError> {
    let older = || JournalError::Older { place: place.to_owned() };
    let row = sqlx::query("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
        .fetch_one(connection)
        .await
        .map_err(|_| older())?;
    let applied: i64 = row.try_get(0).map_err(|e| failure::store(place, "read its migrations", e))?;
    if usize::try_from(applied).is_ok_and(|applied| applied >= MIGRATIONS.iter().count()) {
        Ok(())
    } else {
        Err(older())
    }
}
