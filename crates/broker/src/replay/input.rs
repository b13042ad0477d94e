//! Opens a file and gives its text: plain or gzip, told apart by the first bytes and never by the name.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::fault::Halt;

/// Bytes asked of the disk at once: large enough that system calls do not show, small enough for the second-level cache.
const FILE_BUFFER_LEN: usize = 256 * 1024;

/// A file that counts what was read of it.
pub(super) struct Counted {
    file: File,
    count: u64,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(into)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// The text of a file as a stream of bytes. A gzip file of several members is read to the end of the last.
pub(super) enum Input {
    /// As it is.
    Plain(Counted),
    /// Decompressed.
    Gzip(Box<MultiGzDecoder<BufReader<Counted>>>),
}

impl Input {
    /// Opens `path`. Errors: missing, no permission, a directory, empty, or a packed form this reader does not know.
    pub(super) fn open(path: &Path) -> Result<Self, Halt> {
        let refuse = |reason: &str, mend: &str| Halt::Input(format!("{}: {reason}; {mend}", path.display()));
        let mut file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refuse("no such file", "check the path given to --replay"),
            io::ErrorKind::PermissionDenied => {
                refuse("permission denied", "make it readable for the user that runs the node")
            }
            _ => refuse(&error.to_string(), "check the path given to --replay"),
        })?;
        let meta = file.metadata().map_err(|error| refuse(&error.to_string(), "check the disk"))?;
        if meta.is_dir() {
            return Err(refuse("is a directory", "name the CSV or CSV.gz files in it"));
        }
        if !meta.is_file() {
            return Err(refuse(
                "is no regular file",
                "a replay reads its files more than once: save the data to a file",
            ));
        }
        let mut magic = [0u8; 4];
        let read = read_start(&mut file, &mut magic)
            .map_err(|error| refuse(&error.to_string(), "check the disk"))?;
        match magic.get(..read).unwrap_or_default() {
            [] => Err(refuse("the file is empty", "a table with a header line is expected")),
            [0x1f, 0x8b, ..] => {
                let buffered = BufReader::with_capacity(FILE_BUFFER_LEN, Counted { file, count: 0 });
                Ok(Self::Gzip(Box::new(MultiGzDecoder::new(buffered))))
            }
            b"PAR1" => Err(refuse("is Parquet", "the replay reads CSV and CSV.gz: export it as CSV")),
            [b'P', b'K', 3, 4] => {
                Err(refuse("is a zip archive", "unpack it: the replay reads CSV and CSV.gz"))
            }
            [0x28, 0xb5, 0x2f, 0xfd] => Err(refuse("is zstd", "unpack it: the replay reads CSV and CSV.gz")),
            _ => Ok(Self::Plain(Counted { file, count: 0 })),
        }
    }

    /// Bytes taken from the file so far (compressed bytes, where it is compressed).
    pub(super) fn consumed(&self) -> u64 {
        match self {
            Self::Plain(file) => file.count,
            Self::Gzip(decoder) => decoder.get_ref().get_ref().count,
        }
    }

    /// What to do about a read error, in words.
    pub(super) fn mend(&self, error: &io::Error) -> &'static str {
        match (self, error.kind()) {
            (Self::Gzip(_), io::ErrorKind::UnexpectedEof) => {
                "the archive is truncated: download or write it again"
            }
            (Self::Gzip(_), _) => "the archive is damaged: download or write it again",
            (Self::Plain(_), _) => "check the disk",
        }
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(into),
            Self::Gzip(decoder) => decoder.read(into),
        }
    }
}

/// Reads the first bytes and goes back to the start.
fn read_start(file: &mut File, into: &mut [u8; 4]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = into.get_mut(filled..)
        && !rest.is_empty()
    {
        match file.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(filled)
}
