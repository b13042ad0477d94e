//! The journal's writer, and the events that wait to be staged.
//!
//! It outlives the journal's actor: an event that was accepted is written by the next incarnation, or when the node closes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex as SyncMutex, OnceLock, PoisonError};

use tensortrade_journal::{Event, JournalWriter};
use tensortrade_market::Ts;
use tokio::sync::{Mutex, MutexGuard};

/// What is said when something is to be recorded after the journal was closed.
pub(super) const CLOSED: &str = "the journal is closed";

/// Accepted events that start staging in the background: encoding, hashing and folding them takes as long as the step they
/// tell of, and fewer are not worth waking a thread for.
const STAGE_AT_EVENTS: usize = 16;

/// The writer, shared by the incarnations of the journal's actor; the node takes it out at the end to close it.
pub type SharedWriter = Arc<WriterSlot>;

/// See the module's text.
#[derive(Debug)]
pub struct WriterSlot {
    writer: Mutex<Option<JournalWriter>>,
    inbox: SyncMutex<Vec<(Event, Ts)>>,
    /// The first event that could not be staged.
    failed: OnceLock<String>,
    background: bool,
    staging: AtomicBool,
}

impl WriterSlot {
    /// A slot that stages in the background, on a thread of the runtime for blocking work, or, where the order of things must
    /// not depend on threads, at once.
    #[must_use]
    pub fn new(writer: JournalWriter, background: bool) -> Self {
        Self {
            writer: Mutex::new(Some(writer)),
            inbox: SyncMutex::default(),
            failed: OnceLock::new(),
            background,
            staging: AtomicBool::new(false),
        }
    }

    /// The writer, with everything staged that was accepted before; `None` after it was taken out.
    pub async fn lock(&self) -> MutexGuard<'_, Option<JournalWriter>> {
        let mut writer = self.writer.lock().await;
        self.stage(&mut writer);
        writer
    }

    /// Whether work may be done on other threads.
    pub(super) const fn in_background(&self) -> bool {
        self.background
    }

    /// Why an accepted event could not be staged, if that has happened: nothing can be recorded any more.
    pub(super) fn failed(&self) -> Option<&str> {
        self.failed.get().map(String::as_str)
    }

    /// Takes events, to be staged in this order before anything is committed.
    pub(super) async fn accept(self: &Arc<Self>, events: Vec<Event>, now: Ts) {
        let waiting = {
            let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.extend(events.into_iter().map(|event| (event, now)));
            inbox.len()
        };
        if !self.background {
            drop(self.lock().await);
        } else if waiting >= STAGE_AT_EVENTS && !self.staging.swap(true, Ordering::AcqRel) {
            let slot = Arc::clone(self);
            // Nobody waits for it: whoever needs the writer next stages what is left.
            drop(tokio::task::spawn_blocking(move || {
                slot.stage(&mut slot.writer.blocking_lock());
                slot.staging.store(false, Ordering::Release);
            }));
        }
    }

    fn stage(&self, writer: &mut Option<JournalWriter>) {
        loop {
            let batch = std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner));
            if batch.is_empty() {
                return;
            }
            for (event, now) in batch {
                let staged = match writer {
                    Some(writer) => writer.stage(&event, now).map(|_| ()).map_err(|e| e.to_string()),
                    None => Err(CLOSED.to_owned()),
                };
                if let Err(why) = staged {
                    // The first reason is the one that counts.
                    let _ = self.failed.set(why);
                    return;
                }
            }
        }
    }
}
