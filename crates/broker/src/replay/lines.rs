//! Cuts a file into lines with one fixed buffer: no line is copied, none is larger than a limit.

use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use memchr::memchr;

use super::fault::Halt;
use super::input::Input;

/// Longest line accepted, in bytes. Real rows have less than 200; a line of this length is no table.
pub(super) const LINE_LEN_MAX: usize = 64 * 1024;
/// The buffer: large enough that moving the cut line at its end costs nothing.
const BUFFER_LEN: usize = 256 * 1024;

/// The lines of a file, in order, without their ends. `\n` and `\r\n` end a line, the last may have no end; a byte order
/// mark at the start is left out.
pub(super) struct Lines {
    path: Arc<Path>,
    input: Input,
    buffer: Vec<u8>,
    /// Unread bytes of the buffer.
    unread: Range<usize>,
    /// Where the file ends or fails, once known.
    end: Option<Result<(), Halt>>,
    /// Number of the last line given, from 1.
    number: u64,
    /// Bytes of text before `unread`.
    position: u64,
    stop: Arc<AtomicBool>,
}

impl Lines {
    /// Opens a file. Reading ends with [`Halt::Stopped`] soon after `stop` is set.
    pub(super) fn open(path: &Arc<Path>, stop: &Arc<AtomicBool>) -> Result<Self, Halt> {
        let input = Input::open(path)?;
        let mut lines = Self {
            path: Arc::clone(path),
            input,
            buffer: vec![0; BUFFER_LEN],
            unread: 0..0,
            end: None,
            number: 0,
            position: 0,
            stop: Arc::clone(stop),
        };
        // The mark is three bytes, and a decoder may give fewer at first.
        while lines.unread.len() < 3 && lines.end.is_none() {
            lines.refill();
        }
        if lines.buffer.get(lines.unread.clone()).is_some_and(|text| text.starts_with(b"\xef\xbb\xbf")) {
            lines.unread.start += 3;
            lines.position += 3;
        }
        Ok(lines)
    }

    /// The next line as a place in the buffer (see [`Self::text`]), or `None` at the end. Everything before a damaged
    /// place is given before the error; a line cut by it is not.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<Option<Range<usize>>, Halt> {
        loop {
            let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
            if let Some(len) = memchr(b'\n', unread)
                && len <= LINE_LEN_MAX
            {
                let cut = usize::from(unread.get(len.wrapping_sub(1)) == Some(&b'\r'));
                let start = self.unread.start;
                self.consume(len + 1);
                return Ok(Some(start..start + len - cut));
            }
            if unread.len() > LINE_LEN_MAX {
                return Err(self.too_long());
            }
            match &self.end {
                None => self.refill(),
                Some(Err(halt)) => return Err(halt.clone()),
                Some(Ok(())) if unread.is_empty() => return Ok(None),
                Some(Ok(())) => {
                    let (start, len) = (self.unread.start, unread.len());
                    let cut = usize::from(unread.ends_with(b"\r"));
                    self.consume(len);
                    return Ok(Some(start..start + len - cut));
                }
            }
        }
    }

    /// The text of a line just given.
    #[inline]
    pub(super) fn text(&self, line: Range<usize>) -> &[u8] {
        self.buffer.get(line).unwrap_or_default()
    }

    /// Number of the last line given, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes of text given so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes taken from the file so far.
    pub(super) fn consumed(&self) -> u64 {
        self.input.consumed()
    }

    /// The file.
    pub(super) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    #[inline]
    fn consume(&mut self, bytes: usize) {
        self.unread.start += bytes;
        self.position += bytes as u64;
        self.number += 1;
    }

    /// Moves what is unread to the front and reads once behind it.
    #[cold]
    fn refill(&mut self) {
        if self.stop.load(Ordering::Relaxed) {
            self.end = Some(Err(Halt::Stopped));
            return;
        }
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        let free = self.buffer.get_mut(self.unread.end..).unwrap_or_default();
        match self.input.read(free) {
            Ok(0) => self.end = Some(Ok(())),
            Ok(read) => self.unread.end += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.end = Some(Err(self.damaged(&error))),
        }
    }

    fn damaged(&self, error: &io::Error) -> Halt {
        let text = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let whole_lines = memchr::memchr_iter(b'\n', text).count() as u64;
        Halt::Input(format!(
            "{}: cannot be read past line {}, byte {} of the text (byte {} of the file): {error}; {}",
            self.path.display(),
            self.number + whole_lines,
            self.position + text.len() as u64,
            self.input.consumed(),
            self.input.mend(error),
        ))
    }

    fn too_long(&self) -> Halt {
        Halt::Input(format!(
            "{}: line {} (byte {}) is longer than {LINE_LEN_MAX} bytes; this is no table of one row a line: check the \
             file's line ends",
            self.path.display(),
            self.number + 1,
            self.position,
        ))
    }
}
