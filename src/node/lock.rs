//! One node per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock's file in the data directory.
pub const LOCK_FILE: &str = "node.lock";

/// Held as long as the node lives. The kernel frees it when the process dies, however it dies.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

/// Why a data directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("{0}")]
    Held(String),
    /// The directory or its lock file cannot be used.
    #[error("data directory {path}: {error}; choose another --data-dir or mend its owner and mode")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl DataLock {
    /// Makes the directory if need be and takes its lock, without waiting.
    pub fn take(dir: &Path) -> Result<Self, LockError> {
        let unusable = |error| LockError::Unusable { path: dir.to_owned(), error };
        std::fs::create_dir_all(dir).map_err(unusable)?;
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's number is a courtesy; without it the message is still true.
                let _ = (&mut file).take(64).read_to_string(&mut holder);
                let holder = holder.trim();
                let holder = if holder.is_empty() { String::new() } else { format!(" (process {holder})") };
                return Err(LockError::Held(format!(
                    "another node runs on the data directory {}{holder}: stop it with `tensortrade ctl --data-dir {} shutdown`, or choose another --data-dir",
                    dir.display(),
                    dir.display(),
                )));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(unusable)?;
        Ok(Self { file })
    }
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // The kernel does the same when the file closes; an error changes nothing.
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_node_on_the_same_directory_is_told_who_has_it_and_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::take(dir.path()).unwrap();
        let message = DataLock::take(dir.path()).unwrap_err().to_string();
        assert!(message.contains(&std::process::id().to_string()) && message.contains("ctl"), "{message}");
        drop(first);
        DataLock::take(dir.path()).unwrap();
    }
}
