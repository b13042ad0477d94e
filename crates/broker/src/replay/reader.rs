//! The reader's thread: decompresses, parses, merges and slices ahead of the consumer, and hands over pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};

use tokio::sync::mpsc;

use super::fault::Halt;
use super::file_rows::{Rows, Shared};
use super::merge::Merge;
use super::options::ReplayOptions;
use super::probe::Probe;
use super::report::{LateRows, RowError, Tally};
use super::slices::Slicer;
use super::stopwatch::Stopwatch;
use super::stream::Stream;
use crate::feed::FeedSlice;

/// A piece of the replay: several slices, and the state of the reader after them.
pub(super) struct Chunk {
    pub(super) slices: Vec<FeedSlice>,
    pub(super) tally: Tally,
    /// Unreadable rows met since the piece before.
    pub(super) errors: Vec<RowError>,
    /// Late rows by file so far.
    pub(super) late: Vec<LateRows>,
    /// Time spent decompressing, parsing, sorting and slicing so far, nanoseconds.
    pub(super) busy_ns: u64,
    /// Share of the input dealt with.
    pub(super) permille: u32,
    /// Set on the last piece: how the data ended.
    pub(super) end: Option<Result<(), Halt>>,
}

/// The thread and the way its pieces come. Dropping it stops and joins the thread, within the time of one read.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    pieces: Option<mpsc::Receiver<Chunk>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Starts reading. Errors: no thread can be started.
    pub(super) fn start(probe: Probe, options: ReplayOptions) -> Result<Self, Halt> {
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, pieces) = mpsc::channel(options.limits.chunks_ahead_max.max(1));
        let for_thread = Arc::clone(&stop);
        let thread = Builder::new()
            .name("replay-reader".to_owned())
            .spawn(move || Work::new(&probe, options, for_thread).run(&sender))
            .map_err(|error| Halt::Input(format!("the replay's reader thread cannot be started: {error}")))?;
        Ok(Self { stop, pieces: Some(pieces), thread: Some(thread) })
    }

    /// The next piece. `None` after the last, or if the thread ended without one. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Chunk> {
        match &mut self.pieces {
            Some(pieces) => pieces.recv().await,
            None => None,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A reader that waits for room is woken by the channel's end.
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already seen by the consumer, as a channel that ended early.
            let _ = thread.join();
        }
    }
}

/// What the thread works on.
struct Work {
    rows: Result<Merge<Stream>, Halt>,
    shared: Shared,
    slicer: Slicer,
    stop: Arc<AtomicBool>,
    size_bytes: u64,
    busy_ns: u64,
    chunk_rows: usize,
    chunk_slices_max: usize,
}

impl Work {
    fn new(probe: &Probe, options: ReplayOptions, stop: Arc<AtomicBool>) -> Self {
        let streams: Result<Vec<Stream>, Halt> =
            probe.files.iter().map(|file| Stream::open(file, &options, &stop)).collect();
        let limits = options.limits;
        Self {
            rows: streams.map(Merge::new),
            shared: Shared { grid: Some((options.decision, probe.phase_ns())), ..Shared::default() },
            slicer: Slicer::new(
                options.decision,
                probe.phase_ns(),
                options.resume_after,
                limits.slice_rows_max,
            ),
            stop,
            size_bytes: probe.files.iter().map(|file| file.size_bytes).sum(),
            busy_ns: probe.busy_ns,
            chunk_rows: limits.chunk_rows.max(1),
            chunk_slices_max: limits.chunk_slices_max.max(1),
        }
    }

    fn run(mut self, sender: &mpsc::Sender<Chunk>) {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let stopwatch = Stopwatch::start();
            let (slices, end) = self.read_piece();
            self.busy_ns = self.busy_ns.saturating_add(stopwatch.elapsed_ns());
            let errors = self.shared.report.take_errors();
            for error in &errors {
                tracing::warn!(target: "tensortrade::replay", "row left out: {error}");
            }
            let last = end.is_some();
            let piece = Chunk {
                slices,
                tally: self.shared.report.tally,
                errors,
                late: self.shared.report.late_rows().to_vec(),
                busy_ns: self.busy_ns,
                permille: if last { 1000 } else { self.permille() },
                end,
            };
            // The receiver is gone when the feed was dropped.
            if sender.blocking_send(piece).is_err() || last {
                return;
            }
        }
    }

    /// Reads until the piece is large enough or the data ends.
    fn read_piece(&mut self) -> (Vec<FeedSlice>, Option<Result<(), Halt>>) {
        let mut slices = Vec::new();
        let rows = match &mut self.rows {
            Ok(rows) => rows,
            Err(halt) => return (slices, Some(Err(halt.clone()))),
        };
        let mut read = 0;
        while read < self.chunk_rows && slices.len() < self.chunk_slices_max {
            let row = match rows.next(&mut self.shared) {
                Ok(Some(row)) => row,
                Ok(None) => {
                    slices.extend(self.slicer.finish(&self.shared.lanes));
                    return (slices, Some(Ok(())));
                }
                Err(halt) => {
                    slices.extend(self.slicer.break_off(&self.shared.lanes));
                    return (slices, Some(Err(halt)));
                }
            };
            match self.slicer.push(&row, &self.shared.lanes) {
                Ok(slice) => slices.extend(slice),
                Err(halt) => {
                    slices.extend(self.slicer.break_off(&self.shared.lanes));
                    return (slices, Some(Err(halt)));
                }
            }
            read += 1;
        }
        (slices, None)
    }

    fn permille(&self) -> u32 {
        let Ok(rows) = &self.rows else { return 0 };
        let done: u64 = rows.sources().iter().map(Stream::bytes_done).sum();
        // Never 1000 before the end: the last bytes are read long before their rows go out.
        u32::try_from(done.saturating_mul(1000) / self.size_bytes.max(1)).unwrap_or(999).min(999)
    }
}
