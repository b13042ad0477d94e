//! Places for connections: so many, and whoever sits idle longest makes room for whoever comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Longest wait for an idle connection that was asked to leave: it only has to be scheduled.
const LEAVE_DEADLINE: Duration = Duration::from_secs(1);

/// The places of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

/// Connections that wait for a request, by when they began to.
#[derive(Debug, Default)]
struct Idle {
    next: u64,
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    idle: Arc<Mutex<Idle>>,
    _permit: OwnedSemaphorePermit,
}

impl Seats {
    /// So many places.
    pub(super) fn new(count: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), idle: Arc::default() }
    }

    /// A place, at once or as soon as an idle connection has left; `None` while commands are carried out in all of them.
    pub(super) async fn take(&self) -> Option<Seat> {
        let permit = match self.free.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.evict()?;
                let left = tokio::time::timeout(LEAVE_DEADLINE, self.free.clone().acquire_owned());
                left.await.ok()?.ok()?
            }
        };
        Some(Seat { idle: self.idle.clone(), _permit: permit })
    }

    /// Asks the connection that has been idle longest to leave.
    fn evict(&self) -> Option<()> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, longest) = idle.waiting.pop_first()?;
        longest.notify_one();
        Some(())
    }
}

impl Seat {
    /// Counts as idle until dropped.
    pub(super) fn idle(&self) -> IdleSeat<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, leave) = (idle.next, Arc::new(Notify::new()));
        idle.next += 1;
        idle.waiting.insert(number, leave.clone());
        IdleSeat { seat: self, number, leave }
    }
}

/// A connection while it waits for a request.
#[derive(Debug)]
pub(super) struct IdleSeat<'a> {
    seat: &'a Seat,
    number: u64,
    leave: Arc<Notify>,
}

impl IdleSeat<'_> {
    /// Returns when the place is wanted for somebody else.
    pub(super) async fn wanted(&self) {
        self.leave.notified().await;
    }
}

impl Drop for IdleSeat<'_> {
    fn drop(&mut self) {
        let mut idle = self.seat.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.waiting.remove(&self.number);
    }
}
