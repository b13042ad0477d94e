//! The replay as a [`Feed`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tensortrade_market::{Bar, Instrument, Symbol, Timeframe, Ts};

use super::columns::FileFormat;
use super::fault::Halt;
use super::history::{self, Request};
use super::options::ReplayOptions;
use super::probe::Probe;
use super::reader::{Chunk, Reader};
use super::report::{LateRows, ROW_ERRORS_MAX, RowError, Tally};
use super::subscription::Subscription;
use crate::feed::{Feed, FeedError, FeedSlice, FeedStats};

/// Symbols named in the refusal of an unknown one.
const NAMES_MAX: usize = 10;

/// Files as a market. Needs a tokio runtime for [`Feed::add`] and [`Feed::history`], which read files on its blocking threads.
///
/// Dropping it stops and joins its reader thread.
pub struct ReplayFeed {
    reader: Reader,
    probe: Arc<Probe>,
    decision: Timeframe,
    extended_hours: bool,
    subscription: Subscription,
    /// Slices handed over and not yet delivered.
    ready: VecDeque<FeedSlice>,
    end: Option<Result<(), Halt>>,
    /// All symbols of the files, once they were needed.
    all_symbols: Option<BTreeSet<Symbol>>,
    /// What is known of the symbols that were added: their trading hours shape the bars of [`Feed::history`].
    instruments: BTreeMap<Symbol, Instrument>,
    rows: u64,
    tally: Tally,
    errors: Vec<RowError>,
    late: Vec<LateRows>,
    busy_ns: u64,
    permille: u32,
}

impl ReplayFeed {
    /// Starts to read the files of a probe. Errors: bars longer than the decision interval or not dividing it, symbols that
    /// the files are known not to hold, no thread.
    pub fn open(probe: Probe, options: ReplayOptions) -> Result<Self, FeedError> {
        check_timeframes(&probe, options.decision)?;
        if let Some(wanted) = &options.symbols
            && probe.symbols_complete()
        {
            let held = probe.symbols();
            if let Some(unknown) = wanted.iter().find(|symbol| !held.contains(symbol)) {
                return Err(unknown_symbol(*unknown, &held));
            }
        }
        let subscription = Subscription::new(options.symbols.clone());
        let busy_ns = probe.busy_ns;
        let (decision, extended_hours) = (options.decision, options.extended_hours);
        let reader = Reader::start(probe.clone(), options)?;
        Ok(Self {
            reader,
            all_symbols: probe.symbols_complete().then(|| probe.symbols()),
            probe: Arc::new(probe),
            decision,
            extended_hours,
            subscription,
            ready: VecDeque::new(),
            end: None,
            instruments: BTreeMap::new(),
            rows: 0,
            tally: Tally::default(),
            errors: Vec::new(),
            late: Vec::new(),
            busy_ns,
            permille: 0,
        })
    }

    /// The first rows that could not be read, at most [`ROW_ERRORS_MAX`]; [`FeedStats::malformed`] counts all.
    #[must_use]
    pub fn row_errors(&self) -> &[RowError] {
        &self.errors
    }

    /// Numbers rounded to the nearest because they have more decimals than the node holds (float noise of other programs).
    #[must_use]
    pub fn rounded(&self) -> u64 {
        self.tally.rounded
    }

    /// What the files hold.
    #[must_use]
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    async fn next_slice(&mut self) -> Result<Option<FeedSlice>, FeedError> {
        loop {
            while let Some(slice) = self.ready.pop_front() {
                if let Some(slice) = self.subscription.select(slice) {
                    self.rows += slice.batches.iter().map(|batch| batch.len() as u64).sum::<u64>();
                    return Ok(Some(slice));
                }
            }
            match &self.end {
                Some(Ok(())) => return Ok(None),
                Some(Err(halt)) => return Err(halt.clone().into()),
                None => {}
            }
            match self.reader.next().await {
                Some(piece) => self.take(piece),
                None => {
                    let lost = "the replay's reader thread ended without finishing; its panic is in the log";
                    self.end = Some(Err(Halt::Input(lost.to_owned())));
                }
            }
        }
    }

    fn take(&mut self, piece: Chunk) {
        self.ready = piece.slices.into();
        self.tally = piece.tally;
        self.errors.extend(piece.errors);
        self.errors.truncate(ROW_ERRORS_MAX);
        self.late = piece.late;
        self.busy_ns = piece.busy_ns;
        self.permille = piece.permille;
        self.end = piece.end;
    }

    /// Refuses a symbol that the files do not hold. Reads them to the end once, if that is not yet known.
    async fn check_held(&mut self, symbol: Symbol) -> Result<(), FeedError> {
        if self.probe.files.iter().any(|file| file.symbols.contains(&symbol)) {
            return Ok(());
        }
        let held = match &mut self.all_symbols {
            Some(held) => held,
            none => {
                let probe = Arc::clone(&self.probe);
                none.insert(on_blocking_thread(move |stop| history::symbols(&probe, stop)).await?)
            }
        };
        if held.contains(&symbol) { Ok(()) } else { Err(unknown_symbol(symbol, held)) }
    }
}

impl Feed for ReplayFeed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<FeedSlice>, FeedError>> {
        Box::pin(self.next_slice())
    }

    fn add(&mut self, instrument: &Instrument) -> BoxFuture<'_, Result<(), FeedError>> {
        let instrument = instrument.clone();
        Box::pin(async move {
            self.check_held(instrument.symbol).await?;
            self.subscription.add(instrument.symbol);
            self.instruments.insert(instrument.symbol, instrument);
            Ok(())
        })
    }

    fn remove(&mut self, symbol: Symbol) -> BoxFuture<'_, ()> {
        self.subscription.remove(symbol);
        Box::pin(std::future::ready(()))
    }

    /// Reads the files again up to `until`. Bars from ticks are built by the same builder as live ones. From files of bars
    /// come bars of their own timeframe or a multiple of it; of a shorter one there are none.
    fn history(
        &mut self,
        symbol: Symbol,
        timeframe: Timeframe,
        until: Ts,
        bars_max: usize,
    ) -> BoxFuture<'_, Result<Vec<Bar>, FeedError>> {
        let instrument = self.instruments.get(&symbol).cloned().unwrap_or_else(|| Instrument::guess(symbol));
        let (decision, extended) = (self.decision, self.extended_hours);
        let request = Request { instrument, timeframe, decision, extended, until, bars_max };
        Box::pin(async move {
            self.check_held(symbol).await?;
            let probe = Arc::clone(&self.probe);
            on_blocking_thread(move |stop| history::bars(&probe, &request, stop)).await
        })
    }

    fn stats(&self) -> FeedStats {
        FeedStats {
            rows: self.rows,
            malformed: self.tally.malformed,
            skipped: self.tally.other_kinds + self.subscription.skipped,
            late: self.tally.late,
            rounded: self.tally.rounded,
            busy_ns: self.busy_ns,
            progress_permille: Some(self.permille),
        }
    }

    fn problems(&self) -> Vec<String> {
        self.row_errors().iter().map(ToString::to_string).collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.late.iter().map(ToString::to_string).collect()
    }
}

/// Runs file reading away from the actors' threads; it stops soon after the caller no longer waits.
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce(&Arc<AtomicBool>) -> Result<T, Halt> + Send + 'static,
) -> Result<T, FeedError> {
    struct StopOnDrop(Arc<AtomicBool>);
    impl Drop for StopOnDrop {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stop = StopOnDrop(Arc::new(AtomicBool::new(false)));
    let for_work = Arc::clone(&stop.0);
    match tokio::task::spawn_blocking(move || work(&for_work)).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(FeedError::Input(format!("reading the replay files again failed: {error}"))),
    }
}

fn unknown_symbol(symbol: Symbol, held: &BTreeSet<Symbol>) -> FeedError {
    let names: Vec<&str> = held.iter().take(NAMES_MAX).map(|symbol| symbol.as_str()).collect();
    let more = held.len().saturating_sub(NAMES_MAX);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    FeedError::UnknownSymbol { symbol, reason: format!("the replay files hold {}{rest}", names.join(", ")) }
}

/// Slices end at multiples of the decision interval: every bar must be finished at one of them.
fn check_timeframes(probe: &Probe, decision: Timeframe) -> Result<(), FeedError> {
    for file in &probe.files {
        if let FileFormat::Bars(timeframe) = file.format
            && !decision.secs().is_multiple_of(timeframe.secs())
        {
            return Err(FeedError::Input(format!(
                "{}: its bars are {timeframe} long, and decisions every {decision} would fall within them; choose a decision \
                 interval that is a multiple of {timeframe}",
                file.path.display()
            )));
        }
    }
    Ok(())
}
