//! Addresses that survive restarts.
//!
//! An `ActorRef` dies with its actor. A [`Route`] is where the present incarnation of an actor is found: the actor
//! registers itself when it starts, and every sender reads the route anew for each message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use ractor::{ActorRef, Message};

/// The way to an actor, shared by all who send to it.
#[derive(Debug)]
pub struct Route<M: Message>(Arc<Inner<M>>);

#[derive(Debug)]
struct Inner<M: Message> {
    current: ArcSwapOption<ActorRef<M>>,
    undelivered: AtomicU64,
}

impl<M: Message> Clone for Route<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> Default for Route<M> {
    fn default() -> Self {
        Self(Arc::new(Inner { current: ArcSwapOption::empty(), undelivered: AtomicU64::new(0) }))
    }
}

impl<M: Message> Route<M> {
    /// Called by an actor when it starts.
    pub fn register(&self, actor: ActorRef<M>) {
        self.0.current.store(Some(Arc::new(actor)));
    }

    /// Sends without waiting. `false` when nobody is there: the message is lost and counted, and whoever needs an answer
    /// has a deadline for it.
    pub fn cast(&self, message: M) -> bool {
        let sent = self.0.current.load().as_deref().is_some_and(|actor| actor.cast(message).is_ok());
        if !sent {
            self.0.undelivered.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// The present incarnation, if there is one.
    #[must_use]
    pub fn current(&self) -> Option<ActorRef<M>> {
        self.0.current.load().as_deref().cloned()
    }

    /// Messages that found nobody.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.0.undelivered.load(Ordering::Relaxed)
    }

    /// Sends a request built around a reply channel and waits at most `limit` for the answer.
    pub async fn ask<R>(
        &self,
        limit: std::time::Duration,
        message: impl FnOnce(tokio::sync::oneshot::Sender<R>) -> M,
    ) -> Result<R, NoAnswer> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        if !self.cast(message(reply)) {
            return Err(NoAnswer::NobodyThere);
        }
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(NoAnswer::Died),
            Err(_) => Err(NoAnswer::TooLate(limit)),
        }
    }
}

/// Why a request got no answer. None of these says that the request had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No incarnation is running.
    #[error("the actor is not running")]
    NobodyThere,
    /// It ended before it answered.
    #[error("the actor ended before it answered")]
    Died,
    /// It did not answer in time.
    #[error("no answer within {0:?}")]
    TooLate(std::time::Duration),
}
