//! Bounded mailboxes over unbounded ones.
//!
//! A `ractor` mailbox takes whatever it is sent. Here the *message carries its own place*: an [`Admitted`] holds a permit
//! of the receiver's [`Admission`], and the place is free again when the message is dropped - after it was handled, or
//! with the whole mailbox when the actor dies. No book-keeping can leak, because there is none.
//!
//! Cost per message: one compare-and-swap and one reference count in, the same out, no allocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// The door of one mailbox: at most `limit` admitted messages exist at a time. Clones share the door.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Door>);

#[derive(Debug)]
struct Door {
    places: Arc<Semaphore>,
    limit: usize,
    refused: AtomicU64,
}

/// A message with its place in the mailbox; dropping it frees the place.
#[derive(Debug)]
pub struct Admitted<T> {
    /// The message itself.
    pub msg: T,
    _permit: OwnedSemaphorePermit,
}

impl<T> Admitted<T> {
    /// The message alone; the place is freed now rather than after the handling.
    pub fn into_inner(self) -> T {
        self.msg
    }

    /// Wraps the message into another type (usually the actor's message enum) and keeps the place.
    pub fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Admitted<U> {
        Admitted { msg: wrap(self.msg), _permit: self._permit }
    }
}

/// Why a message was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Every place is taken: conflate, drop or wait, and count.
    #[error("the mailbox is full")]
    Full,
    /// The receiver is being stopped and takes no more.
    #[error("the mailbox takes no more")]
    Closed,
}

/// A refused message, given back to its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// The message, untouched.
    pub msg: T,
    /// Why it was refused.
    pub why: Why,
}

impl Admission {
    /// A door with `limit` places; at least one, at most what the semaphore can count.
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Door { places: Arc::new(Semaphore::new(limit)), limit, refused: AtomicU64::new(0) }))
    }

    /// Admits now or refuses now.
    pub fn try_admit<T>(&self, msg: T) -> Result<Admitted<T>, Refused<T>> {
        match Arc::clone(&self.0.places).try_acquire_owned() {
            Ok(permit) => Ok(Admitted { msg, _permit: permit }),
            Err(error) => {
                let why = match error {
                    TryAcquireError::NoPermits => Why::Full,
                    TryAcquireError::Closed => Why::Closed,
                };
                Err(self.refuse(msg, why))
            }
        }
    }

    /// Waits for a place, first come first served; refuses only when the door closes.
    pub async fn admit<T>(&self, msg: T) -> Result<Admitted<T>, Refused<T>> {
        match Arc::clone(&self.0.places).acquire_owned().await {
            Ok(permit) => Ok(Admitted { msg, _permit: permit }),
            Err(_closed) => Err(self.refuse(msg, Why::Closed)),
        }
    }

    fn refuse<T>(&self, msg: T, why: Why) -> Refused<T> {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Refused { msg, why }
    }

    /// Stops intake for good: later and waiting senders are refused, admitted messages stay.
    pub fn close(&self) {
        self.0.places.close();
    }

    /// Whether intake was stopped.
    pub fn is_closed(&self) -> bool {
        self.0.places.is_closed()
    }

    /// Places taken now.
    pub fn in_use(&self) -> usize {
        self.0.limit.saturating_sub(self.0.places.available_permits())
    }

    /// Places altogether.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// Messages refused so far.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_door_refuses_counts_and_gives_the_message_back() {
        let door = Admission::new(2);
        let (_a, _b) = (door.try_admit(1).unwrap(), door.try_admit(2).unwrap());
        let refused = door.try_admit(3).unwrap_err();
        assert_eq!(refused, Refused { msg: 3, why: Why::Full });
        assert_eq!((door.in_use(), door.limit(), door.refused()), (2, 2, 1));
    }

    #[test]
    fn a_dropped_message_frees_its_place() {
        let door = Admission::new(1);
        drop(door.try_admit("x").unwrap());
        assert_eq!(door.in_use(), 0);
        assert_eq!(door.try_admit("y").unwrap().map(str::len).into_inner(), 1);
        assert_eq!(door.in_use(), 0);
    }

    #[tokio::test]
    async fn a_waiting_sender_gets_the_next_free_place() {
        let door = Admission::new(1);
        let first = door.try_admit(1).unwrap();
        let waiting = tokio::spawn({
            let door = door.clone();
            async move { door.admit(2).await.map(Admitted::into_inner) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(first);
        assert_eq!(waiting.await.unwrap(), Ok(2));
    }

    #[tokio::test]
    async fn closing_refuses_the_waiting_and_the_later_and_keeps_the_admitted() {
        let door = Admission::new(1);
        let held = door.try_admit(1).unwrap();
        let waiting = tokio::spawn({
            let door = door.clone();
            async move { door.admit(2).await.map(Admitted::into_inner) }
        });
        tokio::task::yield_now().await;
        door.close();
        assert_eq!(waiting.await.unwrap().unwrap_err().why, Why::Closed);
        assert_eq!(door.try_admit(3).unwrap_err().why, Why::Closed);
        assert_eq!((held.msg, door.in_use()), (1, 1));
    }
}
