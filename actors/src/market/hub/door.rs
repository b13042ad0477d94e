//! The hub's door: what it can be told, by whom, and how it waits there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tensortrade_market::Symbol;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::supervision::ReleaseReply;

/// Commands waiting at the hub's door at most.
const COMMANDS_MAX: usize = 4_096;

/// Why a symbol did not join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddRefused {
    /// The feed has no such symbol.
    Unknown(String),
    /// Anything else: the text tells.
    Other(String),
}

/// What became of an add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It trades from the next step on, warmed up with so many bars.
    Joined {
        /// Bars of history.
        warm_up_bars: usize,
    },
    /// It was a member already.
    Already,
}

/// A member as shown to people.
#[derive(Debug, Clone, Serialize)]
pub struct MemberView {
    /// Name.
    pub symbol: Symbol,
    /// Asset class.
    pub asset_class: String,
    /// Currency.
    pub currency: String,
    /// Whether the supervisor has given up on it.
    pub quarantined: bool,
    /// Inputs sent so far.
    pub inputs: u64,
}

/// What the hub can be told.
#[derive(Debug)]
pub enum HubCommand {
    /// Start delivering symbols. They join in turns of some milliseconds ([`JOIN_TURN`](crate::market::pump::JOIN_TURN)) between data, steps and
    /// other commands; answered when the last one has, each with an outcome of its own, in the order asked for.
    AddMany {
        /// Which.
        symbols: Vec<Symbol>,
        /// Journalled with them.
        by: String,
        /// What became of each.
        reply: oneshot::Sender<Vec<(Symbol, Result<Added, AddRefused>)>>,
    },
    /// Take a symbol back that the supervisor has given up on: its actor starts again and catches up from the ring.
    Release {
        /// Which.
        symbol: Symbol,
        /// What the supervisor says.
        reply: oneshot::Sender<ReleaseReply>,
    },
    /// Stop delivering a symbol; answers whether it was a member.
    Remove {
        /// Which.
        symbol: Symbol,
        /// Journalled with it.
        by: String,
        /// Whether it was a member.
        reply: oneshot::Sender<bool>,
    },
    /// An incarnation of a symbol actor wants everything from `from_seq` on.
    Resume {
        /// Which.
        symbol: Symbol,
        /// The first input it has not seen.
        from_seq: u64,
    },
    /// The supervisor gave up on a symbol, or took it back.
    Quarantine {
        /// Which.
        symbol: Symbol,
        /// Given up on, or taken back.
        quarantined: bool,
    },
    /// Time for a look at the clock; the door says so itself where it was asked to.
    Look,
    /// Who is a member.
    List {
        /// The members by name.
        reply: oneshot::Sender<Vec<MemberView>>,
    },
    /// Release no more data; answers when no step is on its way.
    Drain {
        /// Answered once.
        reply: oneshot::Sender<()>,
    },
}

/// What symbols want of the hub: one entry a symbol, the newest wish of each kind. So however many start or fail at once,
/// no wish is lost and none waits in front of a person's command for longer than there are symbols.
#[derive(Debug, Default)]
struct Notes {
    waiting: Mutex<BTreeMap<Symbol, Note>>,
    came: Notify,
}

#[derive(Debug, Default)]
struct Note {
    quarantined: Option<bool>,
    resume: Option<u64>,
}

impl Notes {
    fn put(&self, symbol: Symbol, write: impl FnOnce(&mut Note)) {
        write(self.waiting.lock().unwrap_or_else(PoisonError::into_inner).entry(symbol).or_default());
        self.came.notify_one();
    }

    fn take(&self) -> Option<HubCommand> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut first) = waiting.first_entry() {
            let symbol = *first.key();
            if let Some(quarantined) = first.get_mut().quarantined.take() {
                return Some(HubCommand::Quarantine { symbol, quarantined });
            }
            // Newer than the quarantine it came with, or from an actor that is gone, whom nothing reaches.
            if let Some(from_seq) = first.remove().resume {
                return Some(HubCommand::Resume { symbol, from_seq });
            }
        }
        None
    }
}

/// The hub's address.
#[derive(Debug, Clone)]
pub struct HubHandle {
    commands: mpsc::Sender<HubCommand>,
    notes: Arc<Notes>,
}

/// Where the hub's commands come out.
#[derive(Debug)]
pub struct HubDoor {
    commands: mpsc::Receiver<HubCommand>,
    notes: Arc<Notes>,
    looks: Option<tokio::time::Interval>,
}

impl HubDoor {
    /// The next command, those of symbols first; `None` when nobody is left to send one. Cancel-safe.
    pub async fn recv(&mut self) -> Option<HubCommand> {
        loop {
            if let Some(command) = self.notes.take() {
                return Some(command);
            }
            tokio::select! {
                biased;
                () = self.notes.came.notified() => {}
                command = self.commands.recv() => return command,
                () = tick(self.looks.as_mut()) => return Some(HubCommand::Look),
            }
        }
    }
}

/// The next tick; never without an interval.
async fn tick(looks: Option<&mut tokio::time::Interval>) {
    match looks {
        Some(looks) => drop(looks.tick().await),
        None => std::future::pending().await,
    }
}

impl HubDoor {
    /// From now on [`HubCommand::Look`] comes by itself, so often.
    pub fn look_every(&mut self, interval: Duration) {
        let mut looks = tokio::time::interval(interval);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.looks = Some(looks);
    }

    /// The next command if one has come.
    pub fn try_recv(&mut self) -> Option<HubCommand> {
        self.notes.take().or_else(|| self.commands.try_recv().ok())
    }
}

/// The hub has gone, or has more commands waiting than it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the feed hub does not answer")]
pub struct HubGone;

impl HubHandle {
    /// A door and what comes through it.
    #[must_use]
    pub fn new() -> (Self, HubDoor) {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let notes = Arc::new(Notes::default());
        (Self { commands, notes: Arc::clone(&notes) }, HubDoor { commands: receiver, notes, looks: None })
    }

    /// Sends a command that nobody waits for. What symbols send always finds room; the rest may be refused.
    pub fn tell(&self, command: HubCommand) -> Result<(), HubGone> {
        if self.commands.is_closed() {
            return Err(HubGone);
        }
        match command {
            HubCommand::Resume { symbol, from_seq } => {
                self.notes.put(symbol, |note| note.resume = Some(from_seq));
                Ok(())
            }
            HubCommand::Quarantine { symbol, quarantined } => {
                self.notes.put(symbol, |note| note.quarantined = Some(quarantined));
                Ok(())
            }
            other => self.commands.try_send(other).map_err(|_| HubGone),
        }
    }

    /// Sends a command and waits for its answer, at most `limit`.
    pub async fn ask<R>(
        &self,
        limit: Duration,
        command: impl FnOnce(oneshot::Sender<R>) -> HubCommand,
    ) -> Result<R, HubGone> {
        let (reply, answer) = oneshot::channel();
        let work = async {
            self.commands.send(command(reply)).await.map_err(|_| HubGone)?;
            answer.await.map_err(|_| HubGone)
        };
        tokio::time::timeout(limit, work).await.map_err(|_| HubGone)?
    }
}
