//! The journal's tail: events that are on record and not yet in the database.
//!
//! A commit that somebody waits for is one `write` to the end of this file (and one `fdatasync`, with
//! [`Durability::Power`]), instead of a transaction of the database. The events follow into the database together with their
//! rows, in large transactions, on a thread of their own; once all are there the file is emptied. So the journal is what the
//! database holds, and then what the tail holds after that: whoever opens the journal, to write or to read, reads both.
//!
//! | the file ends | after |
//! |---|---|
//! | in the middle of a commit | a kill or a full disk during the write; nobody was told of that commit: it is passed over |
//! | with events that the database has | a kill between the database's commit and the emptying: they are passed over |
//! | whole | anything else |
//!
//! A commit that had to survive a power loss is written only after the one before it has reached the disk. So a damaged
//! commit in front of such a one was not cut off by anything: the file was changed, and the journal is refused. With
//! [`Durability::Process`] a power loss may take any of it; what follows the first damage, or a hole between database and
//! tail, is passed over.

mod frame;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::envelope::{Envelope, Head};
use crate::error::JournalError;
use crate::store::Durability;

/// Where the tail of the journal at `journal` is.
pub(super) fn path_of(journal: &Path) -> PathBuf {
    let mut path = journal.as_os_str().to_owned();
    path.push("-tail");
    PathBuf::from(path)
}

/// The tail of a journal that is open for writing.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Arc<File>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Tail {
    /// Opens the tail of the journal at `journal`, creates it if there is none, and locks it: whoever has got past the
    /// journal's own lock, because somebody deleted that file, is refused here.
    pub(super) fn open(journal: &Path, place: &str, durability: Durability) -> Result<Self, JournalError> {
        let path = path_of(journal);
        let io = |doing| move |source| JournalError::Io { place: place.to_owned(), doing, source };
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(&path).map_err(io("open its tail"))?;
        let locked =
            || JournalError::Locked { place: place.to_owned(), detail: "its tail is held".to_owned() };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked()),
            Err(TryLockError::Error(e)) => return Err(io("lock its tail")(e)),
        }
        let bytes = file.metadata().map_err(io("look at its tail"))?.len();
        let tail = Self { path, file: Arc::new(file), bytes, buffer: Vec::new() };
        // It may have been removed, by a writer that closed, between the opening and the locking.
        tail.check_in_place().map_err(|_| locked())?;
        if durability == Durability::Power {
            sync_folder_of(&tail.path).map_err(io("sync the folder of its tail"))?;
        }
        Ok(tail)
    }

    /// Bytes in the file.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes one commit. After an error nothing of it counts: what may stand in the file is cut off or passed over.
    pub(super) fn append(&mut self, events: &[Envelope], durability: Durability) -> std::io::Result<()> {
        self.buffer.clear();
        frame::encode(events, durability, &mut self.buffer);
        if let Err(error) = self.file.as_ref().write_all(&self.buffer) {
            // Fails only where writing failed, and then the frame is not whole.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Refuses a file that is no longer where the next start looks for it. What was written before this look, whoever opens
    /// the journal after it finds.
    pub(super) fn check_in_place(&self) -> std::io::Result<()> {
        let (ours, there) = (self.file.metadata()?, std::fs::metadata(&self.path));
        if there.is_ok_and(|there| (there.ino(), there.dev()) == (ours.ino(), ours.dev())) {
            return Ok(());
        }
        Err(std::io::Error::other(
            "the file was removed or replaced, and another process writes to this journal",
        ))
    }

    /// The file: to wait until it is on the disk, or to keep its lock.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Empties the file: all its events are in the database.
    pub(super) fn clear(&mut self) -> std::io::Result<()> {
        if self.bytes > 0 {
            self.file.set_len(0)?;
            self.bytes = 0;
        }
        Ok(())
    }

    /// Removes the file: all its events are in the database, and the journal is closed.
    pub(super) fn remove(self) -> std::io::Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// So that a new file is found again after a power loss.
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// What a tail says to who knows the database's head.
#[derive(Debug)]
pub(super) enum Found {
    /// The events after the head, none if there are none.
    Events(Vec<Envelope>),
    /// It begins further on: the database has moved on since its head was read.
    Ahead {
        /// Number of its first event.
        first: u64,
        /// What its commits had to survive.
        durability: Durability,
    },
}

/// The error of a hole between database and tail that nothing explains.
pub(super) fn hole(place: &str, head: &Head, first: u64) -> JournalError {
    let detail = format!("the database ends with event {}, its tail begins with event {first}", head.seq);
    JournalError::Corrupt { place: place.to_owned(), detail }
}

/// Reads the tail of the journal at `journal`, whose database ends with `head`; `place` is for messages.
pub(super) fn read(journal: &Path, place: &str, head: &Head) -> Result<Found, JournalError> {
    let path = path_of(journal);
    let mut bytes = Vec::new();
    match File::open(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Events(Vec::new())),
        Err(source) => {
            return Err(JournalError::Io { place: path.display().to_string(), doing: "read", source });
        }
    }
    let damaged = |at: usize, what: String| JournalError::Corrupt {
        place: place.to_owned(),
        detail: format!("its tail {}, byte {at}: {what}", path.display()),
    };
    let (mut at, mut events): (usize, Vec<Envelope>) = (0, Vec::new());
    let mut before: Option<Head> = None;
    let mut durability = Durability::Process;
    while let Some(frame) = frame::decode(bytes.get(at..).unwrap_or_default()) {
        durability = frame.durability;
        for event in frame.events {
            if let Some(fault) = before.and_then(|before| event.link_fault_after(&before)) {
                return Err(damaged(at, format!("event {}: {fault}", event.seq)));
            }
            before = Some(event.head());
            if event.seq == head.seq && event.hash != head.hash {
                return Err(damaged(at, format!("event {} is another one than the database's", event.seq)));
            }
            if event.seq > head.seq {
                events.push(event);
            }
        }
        at += frame.bytes;
    }
    if frame::holds_durable_frame(bytes.get(at..).unwrap_or_default()) {
        return Err(damaged(at, "what stands there is no commit, and a later commit follows".to_owned()));
    }
    match events.first() {
        Some(first) if first.seq > head.seq + 1 => Ok(Found::Ahead { first: first.seq, durability }),
        Some(first) if first.prev != head.hash => {
            Err(damaged(0, format!("event {} does not follow the database's last event", first.seq)))
        }
        _ => Ok(Found::Events(events)),
    }
}
