//! Why the paper exchange cannot work.

use std::path::PathBuf;

use crate::broker::BrokerError;

/// Why an account cannot be opened or written. Every text names the file, the place, the reason and the mend.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// An option is out of range.
    #[error("paper exchange: option {key} = {value} is refused: {reason}")]
    Options {
        /// Which option.
        key: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// Another process has the account open.
    #[error(
        "paper account {}: another process has it open; stop that process (the lock is freed when it ends), or give \
         this one another file", path.display()
    )]
    Locked {
        /// The account's file.
        path: PathBuf,
    },
    /// The machine refused.
    #[error("paper account {}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The machine's reason.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error(
        "paper account {}: not the books of a paper account ({reason}); nothing was changed: give another path, or move \
         the file away", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
    },
    /// The books belong to another account.
    #[error(
        "paper account {}: these are the books of account '{found}', not of '{wanted}'; set the account to '{found}' or \
         give another path", path.display()
    )]
    OtherAccount {
        /// The file.
        path: PathBuf,
        /// Whose books they are.
        found: String,
        /// Whose were asked for.
        wanted: String,
    },
    /// A record before the last one is damaged or missing.
    #[error(
        "paper account {} line {line}: {reason}; nothing was changed: restore the file from a copy, or move it away to \
         begin a new account", path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<PaperError> for BrokerError {
    fn from(error: PaperError) -> Self {
        Self::Books(error.to_string())
    }
}
