//! The journal's disk: the in-memory store with commits that take time, fail, fill up, and are cut off by a death.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tensortrade_journal::store::{MemoryDisk, MemoryStore, PAGE_EVENTS_MAX, Rebuilt};
use tensortrade_journal::{
    Cell, Durability, Envelope, Head, Identity, JournalError, Meta, Row, RowSet, Snapshot, Store, Table,
};

use crate::history::Fact;
use crate::plan::Kind;
use crate::world::{Death, World};

/// Time to write, and again to sync: a place where a death can cut in.
const WRITE: Duration = Duration::from_micros(200);

/// What stays of the journal when the process dies.
pub struct JournalDisk {
    identity: Identity,
    disk: Option<MemoryDisk>,
    /// Commits that still find the disk full.
    full: Arc<std::sync::atomic::AtomicU32>,
}

impl JournalDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self { identity, disk: None, full: Arc::default() }
    }

    /// Opens the journal, or makes it.
    pub fn open(&mut self, world: &Arc<World>) -> Result<DiskStore, JournalError> {
        // The store never syncs by itself: the wrapper does, so that a death can come in between.
        let inner = match &self.disk {
            Some(disk) => MemoryStore::reopen(disk, &self.identity, Durability::Process)?,
            None => MemoryStore::create(&self.identity, Durability::Process),
        };
        self.disk = Some(inner.disk());
        Ok(DiskStore { inner, world: world.clone(), full: self.full.clone() })
    }

    /// The last event that is sure to survive; what was written behind it is lost with the power.
    #[must_use]
    pub fn durable_upto(&self) -> u64 {
        self.read().ok().flatten().map_or(0, |store| store.durable_upto())
    }

    /// Opens the journal without faults, to read it.
    pub fn read(&self) -> Result<Option<MemoryStore>, JournalError> {
        let open = |disk| MemoryStore::reopen(disk, &self.identity, Durability::Process);
        self.disk.as_ref().map(open).transpose()
    }

    /// The power fails: what was not synced is gone.
    pub fn lose_power(&self) -> Result<(), JournalError> {
        self.disk.as_ref().map_or(Ok(()), MemoryDisk::lose_power)
    }

    /// Another node tries to open the journal while one runs.
    #[must_use]
    pub fn second_opener(&self) -> Fact {
        Fact::SecondNode { admitted: self.read().is_ok_and(|store| store.is_some()) }
    }
}

/// The journal's store with its faults.
pub struct DiskStore {
    inner: MemoryStore,
    world: Arc<World>,
    full: Arc<std::sync::atomic::AtomicU32>,
}

/// Records what the journal holds up to an event beyond what was known to be durable: commits whose answer was lost.
pub async fn catch_up(world: &World, store: &mut MemoryStore, upto: u64) -> Result<(), JournalError> {
    loop {
        let mut page = store.read(world.journalled_upto(), PAGE_EVENTS_MAX).await?;
        page.retain(|envelope| envelope.seq <= upto);
        if page.is_empty() {
            return Ok(());
        }
        world.journalled(&page);
    }
}

fn failed(doing: &'static str, detail: &str) -> JournalError {
    JournalError::Database { place: "simulated disk".to_owned(), doing, detail: detail.to_owned() }
}

impl DiskStore {
    /// Appends events, with all rows or with none.
    async fn commit(&mut self, events: &[Envelope], rows: Option<&RowSet>) -> Result<(), JournalError> {
        const KINDS: &[Kind] = &[
            Kind::CommitFails,
            Kind::FsyncFails,
            Kind::DiskFull,
            Kind::DiskSlow,
            Kind::KillBeforeCommit,
            Kind::KillAfterCommit,
            Kind::PowerLoss,
        ];
        self.world.pass_or_hang().await;
        let fault = self.world.take(KINDS, "");
        let kind = fault.as_ref().map(|fault| fault.kind);
        let amount = fault.map_or(0, |fault| fault.amount);
        let full = self.full.load(std::sync::atomic::Ordering::Relaxed);
        if full > 0 {
            self.full.store(full - 1, std::sync::atomic::Ordering::Relaxed);
            return Err(failed("append", "no space left on device"));
        }
        match kind {
            Some(Kind::KillBeforeCommit) => self.dead(Death::Kill).await,
            Some(Kind::CommitFails) => return Err(failed("append", "input/output error")),
            Some(Kind::DiskFull) => {
                self.full.store(amount, std::sync::atomic::Ordering::Relaxed);
                return Err(failed("append", "no space left on device"));
            }
            Some(Kind::DiskSlow) => tokio::time::sleep(Duration::from_millis(u64::from(amount))).await,
            _ => {}
        }
        tokio::time::sleep(WRITE).await;
        self.world.pass_or_hang().await;
        match rows {
            Some(rows) => self.inner.append(events, rows).await?,
            None => self.inner.append_events(events).await?,
        }
        match kind {
            Some(Kind::FsyncFails) => return Err(failed("sync", "input/output error")),
            Some(Kind::PowerLoss) => self.dead(Death::Power).await,
            _ => {}
        }
        tokio::time::sleep(WRITE).await;
        self.world.pass_or_hang().await;
        self.inner.sync().await?;
        // With these events everything before them is durable, also what an earlier process had written and not synced.
        if events.first().is_some_and(|first| first.seq > self.world.journalled_upto() + 1) {
            catch_up(&self.world, &mut self.inner, u64::MAX).await?;
        }
        self.world.journalled(events);
        if kind == Some(Kind::KillAfterCommit) {
            self.dead(Death::Kill).await;
        }
        Ok(())
    }

    async fn dead(&self, how: Death) {
        self.world.die(how);
        std::future::pending::<()>().await;
    }
}

impl Store for DiskStore {
    fn meta(&self) -> &Meta {
        self.inner.meta()
    }

    fn place(&self) -> &str {
        "simulated disk"
    }

    fn durable_upto(&self) -> u64 {
        self.inner.durable_upto()
    }

    fn head(&self) -> Head {
        self.inner.head()
    }

    fn append<'a>(
        &'a mut self,
        events: &'a [Envelope],
        rows: &'a RowSet,
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        self.commit(events, Some(rows)).boxed()
    }

    fn append_events<'a>(&'a mut self, events: &'a [Envelope]) -> BoxFuture<'a, Result<(), JournalError>> {
        self.commit(events, None).boxed()
    }

    fn append_rows(&mut self, rows: RowSet, upto: u64) -> BoxFuture<'_, Result<(), JournalError>> {
        async move {
            self.world.pass_or_hang().await;
            self.inner.append_rows(rows, upto).await
        }
        .boxed()
    }

    fn lag(&self) -> Option<u64> {
        self.inner.lag()
    }

    fn sync(&mut self) -> BoxFuture<'_, Result<u64, JournalError>> {
        self.inner.sync()
    }

    fn read(&mut self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Envelope>, JournalError>> {
        self.inner.read(after, limit)
    }

    fn put_snapshot_part<'a>(
        &'a mut self,
        seq: u64,
        part: u32,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            self.world.pass_or_hang().await;
            self.inner.put_snapshot_part(seq, part, bytes).await
        }
        .boxed()
    }

    fn seal_snapshot<'a>(&'a mut self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), JournalError>> {
        async move {
            self.world.pass_or_hang().await;
            self.inner.seal_snapshot(snapshot).await
        }
        .boxed()
    }

    fn snapshot_numbers(&mut self) -> BoxFuture<'_, Result<Vec<u64>, JournalError>> {
        self.inner.snapshot_numbers()
    }

    fn snapshot(&mut self, seq: u64) -> BoxFuture<'_, Result<Option<Snapshot>, JournalError>> {
        self.inner.snapshot(seq)
    }

    fn rows<'a>(
        &'a mut self,
        table: Table,
        after: Option<&'a [Cell]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Row>, JournalError>> {
        self.inner.rows(table, after, limit)
    }

    fn row_counts(&mut self) -> BoxFuture<'_, Result<BTreeMap<Table, u64>, JournalError>> {
        self.inner.row_counts()
    }

    fn rebuild(&mut self) -> BoxFuture<'_, Result<Rebuilt, JournalError>> {
        self.inner.rebuild()
    }

    fn freeze(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.freeze()
    }

    fn thaw(&mut self) -> BoxFuture<'_, Result<(), JournalError>> {
        self.inner.thaw()
    }

    fn check(&mut self) -> BoxFuture<'_, Result<Vec<String>, JournalError>> {
        self.inner.check()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), JournalError>> {
        Box::new(self.inner).close()
    }
}
