//! The files of an account: how they are made, kept and locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::PaperError;
use super::ledger::Ledger;
use super::line;
use super::record::{FORMAT, Header, Record, VERSION};

/// A whole new file, not yet in its place.
pub(super) struct Fresh {
    pub(super) file: File,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// Writes a whole new file beside the account's, synced.
pub(super) fn write_beside(
    path: &Path,
    (account, identity): (&str, &str),
    segment: u32,
    ledger: &Ledger,
) -> Result<Fresh, PaperError> {
    let rows = ledger.snapshot();
    let header = Header {
        format: FORMAT.to_owned(),
        version: VERSION,
        account: account.to_owned(),
        identity: identity.to_owned(),
        segment,
        rows: rows.len() as u64,
    };
    let mut buffer = Vec::new();
    let encode_error = |e: serde_json::Error| io_error(path, "write a record")(e.into());
    line::encode(&Record::Header(header), 1, &mut buffer).map_err(encode_error)?;
    for (at, row) in rows.iter().enumerate() {
        line::encode(row, 2 + at as u64, &mut buffer).map_err(encode_error)?;
    }
    let beside = beside(path);
    // A file of this name is left of an attempt that was killed before its rename.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(&beside, "remove the rest of an unfinished file")(e));
        }
        _ => {}
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create_new(true)
        .open(&beside)
        .map_err(io_error(&beside, "make the file (does its folder exist, and may it be written?)"))?;
    file.write_all(&buffer).and_then(|()| file.sync_all()).map_err(io_error(&beside, "write the file"))?;
    Ok(Fresh { file, lines: rows.len() as u64 + 1, bytes: buffer.len() as u64 })
}

pub(super) fn put_in_place(
    path: &Path,
    whose: (&str, &str),
    segment: u32,
    ledger: &Ledger,
) -> Result<(), PaperError> {
    write_beside(path, whose, segment, ledger)?;
    fs::rename(beside(path), path).map_err(io_error(path, "put the new file in place"))?;
    sync_folder(path)
}

/// Gives the present file a second, numbered name; the rename that follows takes the first name away. No existing file
/// is ever replaced: a number that is taken (by an attempt that was killed) is passed over.
pub(super) fn keep_segment(path: &Path, segment: u32) -> Result<(), PaperError> {
    let mut number = segment;
    for _ in 0..1_000 {
        let kept = with_suffix(path, &format!(".{number:04}"));
        match fs::hard_link(path, &kept) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number = number.saturating_add(1),
            // Not every file system has links.
            Err(_) if !kept.exists() => {
                return fs::copy(path, &kept).map(drop).map_err(io_error(&kept, "keep the old segment"));
            }
            Err(e) => return Err(io_error(&kept, "keep the old segment")(e)),
        }
    }
    let full = io::Error::other("a thousand segment names in a row are taken");
    Err(io_error(path, "keep the old segment")(full))
}

pub(super) fn lock(path: &Path) -> Result<File, PaperError> {
    let name = with_suffix(path, ".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&name)
        .map_err(io_error(&name, "make the lock file (does its folder exist, and may it be written?)"))?;
    lock_file(&file, path).map(|()| file)
}

/// Locks a file for as long as it is open.
pub(super) fn lock_file(file: &File, path: &Path) -> Result<(), PaperError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(PaperError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(e)) => Err(io_error(path, "lock the file")(e)),
    }
}

/// A rename is durable once its folder is.
pub(super) fn sync_folder(path: &Path) -> Result<(), PaperError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|f| f.sync_all()).map_err(io_error(folder, "sync the folder"))
}

pub(super) fn beside(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn foreign(path: &Path, reason: &str) -> PaperError {
    PaperError::Foreign { path: path.to_owned(), reason: reason.to_owned() }
}

pub(super) fn io_error<'a>(path: &'a Path, action: &'static str) -> impl Fn(io::Error) -> PaperError + 'a {
    move |source| PaperError::Io { path: path.to_owned(), action, source }
}
