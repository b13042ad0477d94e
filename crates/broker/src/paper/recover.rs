//! Reading an account back from its file.
//!
//! Only one kind of damage is mended: a last line without its end, which is a write that was cut and of which nobody was
//! told. A line that has its end but not its checksum, its number or its sense is refused with its number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::error::PaperError;
use super::files::{foreign, io_error};
use super::ledger::Ledger;
use super::line;
use super::options::PaperOptions;
use super::record::{FORMAT, Header, Record, VERSION};

/// What was found when the account was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Whether the account was made.
    pub created: bool,
    /// Records read.
    pub records: u64,
    /// Bytes of an unfinished last record that were cut off.
    pub torn_bytes: u64,
    /// Segments that came before this file.
    pub segment: u32,
}

/// What a file holds.
pub(super) struct Contents {
    pub(super) ledger: Ledger,
    pub(super) recovery: Recovery,
    /// Length of the file after a torn tail was cut off.
    pub(super) bytes: u64,
    /// The account's identity, by its header.
    pub(super) identity: String,
}

/// Reads a file back and cuts a torn tail off.
pub(super) fn read(path: &Path, file: &File, options: &PaperOptions) -> Result<Contents, PaperError> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut ledger = Ledger::new(BTreeMap::new(), options.history_max);
    let (mut lines, mut bytes, mut torn_bytes) = (0u64, 0u64, 0u64);
    let mut header: Option<Header> = None;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let got = reader
            .by_ref()
            .take(line::LINE_MAX)
            .read_until(b'\n', &mut buffer)
            .map_err(io_error(path, "read the file"))?;
        if got == 0 {
            break;
        }
        let number = lines + 1;
        let corrupt = |reason: String| PaperError::Corrupt { path: path.to_owned(), line: number, reason };
        let Some(text) = buffer.strip_suffix(b"\n") else {
            if header.is_none() {
                return Err(foreign(path, "its first line is no header"));
            }
            if got as u64 == line::LINE_MAX {
                return Err(corrupt(format!("the line is longer than {} bytes", line::LINE_MAX)));
            }
            torn_bytes = got as u64;
            break;
        };
        match header {
            None => header = Some(check_header(path, text, options)?),
            Some(_) => {
                let record = line::decode(text, number).map_err(corrupt)?;
                let corrupt =
                    |reason: String| PaperError::Corrupt { path: path.to_owned(), line: number, reason };
                ledger.apply(&record).map_err(|e| corrupt(format!("the record does not fit: {e}")))?;
            }
        }
        lines = number;
        bytes += got as u64;
    }
    let Some(header) = header else { return Err(foreign(path, "it is empty")) };
    if lines - 1 < header.rows {
        let reason = format!("the snapshot ends after {} of {} rows", lines - 1, header.rows);
        return Err(PaperError::Corrupt { path: path.to_owned(), line: lines, reason });
    }
    if torn_bytes > 0 {
        file.set_len(bytes).map_err(io_error(path, "cut an unfinished record off"))?;
    }
    let recovery = Recovery { created: false, records: lines, torn_bytes, segment: header.segment };
    Ok(Contents { ledger, recovery, identity: header.identity, bytes })
}

fn check_header(path: &Path, text: &[u8], options: &PaperOptions) -> Result<Header, PaperError> {
    let header = match line::decode(text, 1) {
        Ok(Record::Header(header)) if header.format == FORMAT => header,
        // A line that is ours but for its checksum is damage, not another file.
        Err(reason) if String::from_utf8_lossy(text).contains(FORMAT) => {
            return Err(PaperError::Corrupt { path: path.to_owned(), line: 1, reason });
        }
        _ => return Err(foreign(path, "its first line is no header")),
    };
    if header.version != VERSION {
        return Err(foreign(
            path,
            &format!("version {}, this program reads version {VERSION}", header.version),
        ));
    }
    if header.account != options.account {
        return Err(PaperError::OtherAccount {
            path: path.to_owned(),
            found: header.account,
            wanted: options.account.clone(),
        });
    }
    Ok(header)
}
