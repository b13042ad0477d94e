//! The journal's writer, and the queue of what is to be written.
//!
//! Both outlive the journal's actor: what was put into the queue is written by the next incarnation, in the same order, or
//! when the node closes, and whoever waits for an answer gets it from whoever commits. A message to the actor only says
//! that there is something.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};

use tensortrade_journal::{Blocked, Event, Head, JournalWriter, OrderRecord, Recovered};
use tensortrade_market::Ts;
use tensortrade_market::planted::{Bug, planted};
use tokio::sync::{Mutex, MutexGuard, oneshot};

use crate::supervision::Admitted;

/// What is said when something is to be recorded after the journal was closed.
pub(super) const CLOSED: &str = "the journal is closed";

/// Events that may wait to be staged. Those who send much wait for places long before; past this the journal has failed.
const WAITING_EVENTS_MAX: usize = 65_536;

/// Waiting events that start staging in the background: encoding, hashing and folding them takes as long as the step they
/// tell of, and fewer are not worth waking a thread for.
const STAGE_AT_EVENTS: usize = 16;

/// Events that start a commit by themselves: as many as one statement takes.
const COMMIT_AT_EVENTS: usize = 64;

/// The writer, shared by the incarnations of the journal's actor; the node takes it out at the end to close it.
pub type SharedWriter = Arc<WriterSlot>;

/// Something to be recorded as one.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Recorded whatever comes of the orders.
    pub events: Vec<Event>,
    /// Recorded as orders, or refused behind a breaker's trip.
    pub orders: Vec<OrderRecord>,
    /// When it was put into the queue.
    pub at: Ts,
    /// Who waits for it.
    pub answer: Answer,
    /// A place that is free again when it is durable.
    pub place: Option<Admitted<()>>,
}

/// Who waits for a record, and for what.
#[derive(Debug)]
pub(super) enum Answer {
    /// Nobody.
    None,
    /// For the end of the chain, once the record is durable.
    Head(oneshot::Sender<Result<Head, String>>),
    /// For the orders that must not be sent.
    Orders(oneshot::Sender<Result<Vec<Blocked>, String>>),
    /// For the state that follows from everything before.
    State(oneshot::Sender<Result<Box<Recovered>, String>>),
}

/// What is staged and not durable yet: the answer that is owed, the orders that were refused, the place.
type Owed = (Answer, Vec<Blocked>, Option<Admitted<()>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<Waiting>,
    events: usize,
}

/// See the module's text.
#[derive(Debug)]
pub struct WriterSlot {
    writer: Mutex<Option<JournalWriter>>,
    queue: SyncMutex<Queue>,
    owed: SyncMutex<Vec<Owed>>,
    /// Events staged since the last commit.
    staged: AtomicUsize,
    /// The first event that could not be staged.
    failed: OnceLock<String>,
    background: bool,
    staging: AtomicBool,
    /// The actor has been told that there is something.
    woken: AtomicBool,
}

impl WriterSlot {
    /// A slot that stages in the background, on a thread of the runtime for blocking work, or, where the order of things must
    /// not depend on threads, when something is committed.
    #[must_use]
    pub fn new(writer: JournalWriter, background: bool) -> Self {
        Self {
            writer: Mutex::new(Some(writer)),
            queue: SyncMutex::default(),
            owed: SyncMutex::default(),
            staged: AtomicUsize::new(0),
            failed: OnceLock::new(),
            background,
            staging: AtomicBool::new(false),
            woken: AtomicBool::new(false),
        }
    }

    /// The writer, with everything staged that was put into the queue before; `None` after it was taken out.
    pub async fn lock(&self) -> MutexGuard<'_, Option<JournalWriter>> {
        let mut writer = self.writer.lock().await;
        self.stage(&mut writer);
        writer
    }

    /// Whether work may be done on other threads.
    pub(super) const fn in_background(&self) -> bool {
        self.background
    }

    /// Why something could not be staged, if that has happened: nothing can be recorded any more.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Puts something into the queue. `true`: the actor is to be told, because somebody waits or much has gathered.
    pub(super) fn put(self: &Arc<Self>, waiting: Waiting) -> bool {
        let events = waiting.events.len() + 3 * waiting.orders.len();
        let awaited = !matches!(waiting.answer, Answer::None);
        let gathered = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            // Looked at under the queue's lock, so that nothing slips in behind what is given up.
            if let Some(why) = self.failed() {
                waiting.answer.give(Err(why), Vec::new());
                return false;
            }
            if queue.events + events > WAITING_EVENTS_MAX {
                let why = format!("more than {WAITING_EVENTS_MAX} events wait for the journal");
                waiting.answer.give(Err(self.failed.get_or_init(|| why)), Vec::new());
                return true;
            }
            queue.events += events;
            queue.waiting.push(waiting);
            queue.events
        };
        if self.background && gathered >= STAGE_AT_EVENTS && !self.staging.swap(true, Ordering::AcqRel) {
            let slot = Arc::clone(self);
            // Nobody waits for it: whoever needs the writer next stages what is left.
            drop(tokio::task::spawn_blocking(move || {
                slot.stage(&mut slot.writer.blocking_lock());
                slot.staging.store(false, Ordering::Release);
            }));
        }
        let much = gathered + self.staged.load(Ordering::Acquire) >= COMMIT_AT_EVENTS;
        (awaited || much) && !self.woken.swap(true, Ordering::AcqRel)
    }

    /// The actor looks, or there is none to look: it is to be told again.
    pub(super) fn looks(&self) {
        self.woken.store(false, Ordering::Release);
    }

    /// Whether nothing is staged.
    pub(super) fn is_quiet(&self) -> bool {
        self.staged.load(Ordering::Acquire) == 0
    }

    /// Everything staged is durable: whoever waited is told, and places are free again.
    pub(super) fn settle(&self, writer: &JournalWriter) {
        self.staged.store(0, Ordering::Release);
        let owed = std::mem::take(&mut *self.owed());
        for (answer, blocked, _place) in owed {
            answer.give(Ok(writer), blocked);
        }
    }

    /// Nothing will be durable any more: whoever waits or comes later is told why, whether or not an actor runs to stage it.
    pub(super) fn give_up(&self, why: &str) {
        self.failed.get_or_init(|| why.to_owned());
        let waiting = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.events = 0;
            std::mem::take(&mut queue.waiting)
        };
        for waiting in waiting {
            waiting.answer.give(Err(why), Vec::new());
        }
        let owed = std::mem::take(&mut *self.owed());
        for (answer, blocked, _place) in owed {
            answer.give(Err(why), blocked);
        }
    }

    fn owed(&self) -> std::sync::MutexGuard<'_, Vec<Owed>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stage(&self, writer: &mut Option<JournalWriter>) {
        loop {
            let batch = {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                queue.events = 0;
                std::mem::take(&mut queue.waiting)
            };
            if batch.is_empty() {
                return;
            }
            for waiting in batch {
                let Waiting { events, orders, at, answer, place } = waiting;
                let staged = match (self.failed.get(), writer.as_mut()) {
                    (Some(why), _) => Err(why.clone()),
                    (None, Some(writer)) => {
                        self.staged.fetch_add(events.len() + 3 * orders.len(), Ordering::AcqRel);
                        // A panic in here leaves the writer's state unknown: then nothing is recorded any more.
                        let mut unknown = Unknown { slot: self, defused: false };
                        let staged = stage_one(writer, events, orders, at);
                        unknown.defused = true;
                        staged
                    }
                    (None, None) => Err(CLOSED.to_owned()),
                };
                match staged {
                    Ok(blocked) if planted(Bug::AckBeforeCommit) => {
                        answer.give(writer.as_ref().ok_or(CLOSED), blocked);
                    }
                    Ok(blocked) => self.owed().push((answer, blocked, place)),
                    // The first reason is the one that counts.
                    Err(why) => answer.give(Err(self.failed.get_or_init(|| why)), Vec::new()),
                }
            }
        }
    }
}

fn stage_one(
    writer: &mut JournalWriter,
    events: Vec<Event>,
    orders: Vec<OrderRecord>,
    at: Ts,
) -> Result<Vec<Blocked>, String> {
    for event in events {
        writer.stage(&event, at).map_err(|e| e.to_string())?;
    }
    let mut blocked = Vec::new();
    for order in orders {
        blocked.extend(writer.stage_order(order, at).map_err(|e| e.to_string())?);
    }
    Ok(blocked)
}

/// Marks the slot as failed unless staging came to its end.
struct Unknown<'a> {
    slot: &'a WriterSlot,
    defused: bool,
}

impl Drop for Unknown<'_> {
    fn drop(&mut self) {
        if !self.defused {
            let why = "staging an event panicked: the journal's state is not known";
            self.slot.failed.get_or_init(|| why.to_owned());
        }
    }
}

impl Answer {
    /// Whoever asked may have given up waiting; the record stands.
    fn give(self, outcome: Result<&JournalWriter, &str>, blocked: Vec<Blocked>) {
        match self {
            Self::None => {}
            Self::Head(reply) => {
                let _ = reply.send(outcome.map(JournalWriter::committed).map_err(str::to_owned));
            }
            Self::Orders(reply) => {
                let _ = reply.send(outcome.map(|_| blocked).map_err(str::to_owned));
            }
            Self::State(reply) => {
                let state = outcome.map(|writer| Box::new(writer.state().clone()));
                let _ = reply.send(state.map_err(str::to_owned));
            }
        }
    }
}
