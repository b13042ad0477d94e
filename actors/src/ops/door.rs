//! The journal's door: how everybody records.

use std::sync::Arc;
use std::time::Duration;

use tensortrade_journal::{
    AccountKind, Blocked, Durability, Event, Head, Identity, JournalError, JournalWriter, MemoryStore,
    OrderRecord, Recovered,
};
use tensortrade_market::Clock;
use tokio::sync::oneshot;

use super::journal::JournalMsg;
use super::writer_slot::{Answer, SharedWriter, Waiting, WriterSlot};
use crate::route::{NoAnswer, Route};
use crate::supervision::{Admission, Admitted};

/// Records of those who send much that may be under way: then they wait.
const PLACES: usize = 512;

/// Puts records into the queue before the writer, in one order for all: what is put in first is written first. It is
/// written whatever happens to the actor meanwhile.
#[derive(Clone)]
pub struct JournalDoor {
    pub(super) slot: SharedWriter,
    pub(super) route: Route<JournalMsg>,
    places: Admission,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for JournalDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalDoor").field("slot", &self.slot).finish_non_exhaustive()
    }
}

impl JournalDoor {
    /// A door to `slot`; the clock stamps what goes through.
    #[must_use]
    pub fn new(slot: SharedWriter, clock: Arc<dyn Clock>) -> Self {
        Self { slot, route: Route::default(), places: Admission::new(PLACES), clock }
    }

    /// A door to a new journal in memory, for tests and benches.
    pub async fn in_memory(clock: Arc<dyn Clock>) -> Result<Self, JournalError> {
        let (venue, label) = ("paper".to_owned(), "in memory".to_owned());
        let identity = Identity { account: AccountKind::Paper, venue, label, created_at: clock.now() };
        let store = MemoryStore::create(&identity, Durability::Process);
        let (writer, _) = JournalWriter::open(Box::new(store)).await?;
        Ok(Self::new(Arc::new(WriterSlot::new(writer, false)), clock))
    }

    /// The queue and the writer behind the door.
    #[must_use]
    pub fn slot(&self) -> &SharedWriter {
        &self.slot
    }

    /// Records events that nobody waits for.
    pub fn note(&self, events: Vec<Event>) {
        self.put(events, Vec::new(), Answer::None, None);
    }

    /// As [`JournalDoor::note`], for those who send much: waits while too much is on its way to the disk.
    pub async fn send(&self, events: Vec<Event>) {
        // Never refused: the door keeps its places open. Should that change, a record goes in without one rather than be lost.
        let place = self.places.admit(()).await.ok();
        self.put(events, Vec::new(), Answer::None, place);
    }

    /// Records events now; the answer comes when they are durable.
    pub fn begin(&self, events: Vec<Event>) -> oneshot::Receiver<Result<Head, String>> {
        let (reply, answer) = oneshot::channel();
        self.put(events, Vec::new(), Answer::Head(reply), None);
        answer
    }

    /// Records events and waits until they are durable. An error does not say that they never will be.
    pub async fn durable(&self, events: Vec<Event>, limit: Duration) -> Result<Head, String> {
        within(limit, self.begin(events)).await
    }

    /// Records events and orders in one commit. Gives the orders that stand behind a breaker's trip: they are on record as
    /// refused, and must not be sent.
    pub async fn orders(
        &self,
        events: Vec<Event>,
        orders: Vec<OrderRecord>,
        limit: Duration,
    ) -> Result<Vec<Blocked>, String> {
        let (reply, answer) = oneshot::channel();
        self.put(events, orders, Answer::Orders(reply), None);
        within(limit, answer).await
    }

    /// The state that follows from everything recorded before, committed.
    pub async fn recover(&self, limit: Duration) -> Result<Box<Recovered>, String> {
        let (reply, answer) = oneshot::channel();
        self.put(Vec::new(), Vec::new(), Answer::State(reply), None);
        within(limit, answer).await
    }

    fn put(&self, events: Vec<Event>, orders: Vec<OrderRecord>, answer: Answer, place: Option<Admitted<()>>) {
        let waiting = Waiting { events, orders, at: self.clock.now(), answer, place };
        if self.slot.put(waiting) && !self.route.cast(JournalMsg::Work) {
            // The next incarnation looks by itself.
            self.slot.looks();
        }
    }
}

async fn within<T>(limit: Duration, answer: oneshot::Receiver<Result<T, String>>) -> Result<T, String> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(NoAnswer::Died.to_string()),
        Err(_) => Err(NoAnswer::TooLate(limit).to_string()),
    }
}
