//! Opens what a run needs: journal, account, feed, and the state that follows from the journal.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tensortrade_broker::failover::FailoverFeed;
use tensortrade_broker::paper::{PaperBroker, PaperOptions, VENUE};
use tensortrade_broker::replay::{self, FileFormat, Probe, ReplayFeed, ReplayOptions};
use tensortrade_broker::simulated::{self, Disturbance, DisturbedFeed, SimulatedFeed, SimulatedOptions};
use tensortrade_broker::{Broker, Feed};
use tensortrade_journal::event::{Opened, RunInput};
use tensortrade_journal::state::Books;
use tensortrade_journal::store::{Access, Durability, SqliteStore};
use tensortrade_journal::{AccountKind, Identity, JournalError, JournalWriter, Kind, Recovered};
use tensortrade_market::planted::{Bug, planted};
use tensortrade_market::{Catalog, Instrument, Money, Symbol, Timeframe, Ts};

use super::ports::Ports;
use crate::config::{Config, FeedSource, Speed};
use crate::exit::{Code, Failure, OrFail};

/// The symbols of the simulated market unless others are named.
pub const SIMULATED_SYMBOLS: [&str; 8] = ["AAPL", "AMZN", "JNJ", "JPM", "MSFT", "NVDA", "PG", "XOM"];

/// What the configuration comes to for this run.
#[derive(Debug)]
pub struct RunPlan {
    /// Decisions are made on this timeframe.
    pub decision: Timeframe,
    /// Bars are built, or taken from the input, on this one.
    pub base: Timeframe,
    /// Whether the input has bars.
    pub takes_bars: bool,
    /// What the files hold, for a replay.
    pub probe: Option<Probe>,
    /// What the backup's files hold, for a replay with one.
    pub backup: Option<Probe>,
    /// Input files as recorded.
    pub inputs: Vec<RunInput>,
    /// First moment of the data, where known.
    pub first: Option<Ts>,
    /// Market seconds a second; `None` is as fast as the tree can.
    pub speed: Option<f64>,
    /// What an appended event survives.
    pub durability: Durability,
}

/// Looks at the input before anything is opened for writing.
pub fn plan(config: &Config) -> Result<RunPlan, Failure> {
    let mut plan = RunPlan {
        decision: config.bars.decision,
        base: config.bars.decision,
        takes_bars: false,
        probe: None,
        backup: None,
        inputs: Vec::new(),
        first: None,
        speed: None,
        durability: config.journal.durability.unwrap_or(Durability::Power),
    };
    match config.feed.source {
        FeedSource::Replay => {
            let probe = replay::probe(&config.feed.files).or_fail(Code::BadInput, || "replay".into())?;
            let shortest = probe.files.iter().map(|file| match file.format {
                FileFormat::Bars(timeframe) => timeframe,
                FileFormat::Ticks => config.bars.decision,
            });
            refuse_daily_beside_intraday(&probe)?;
            plan.takes_bars = probe.files.iter().any(|file| matches!(file.format, FileFormat::Bars(_)));
            plan.base = shortest.min().unwrap_or(plan.base);
            plan.decision =
                probe.longest_timeframe().map_or(plan.decision, |longest| longest.max(plan.decision));
            plan.first = probe.first();
            if !config.feed.backup.files.is_empty() {
                plan.backup = Some(backup_probe(config, &probe)?);
            }
            for file in config.feed.files.iter().chain(&config.feed.backup.files) {
                let size = std::fs::metadata(file).map(|m| m.len()).unwrap_or(0);
                plan.inputs.push(RunInput { path: file.display().to_string(), size });
            }
            plan.probe = Some(probe);
            plan.durability = config.journal.durability.unwrap_or(Durability::Process);
            plan.speed = match config.feed.speed {
                None | Some(Speed::Max) => None,
                Some(Speed::Times(n)) => Some(n),
            };
        }
        FeedSource::Sim | FeedSource::Ibkr => {
            plan.speed = match config.feed.speed {
                None => Some(60.0),
                Some(Speed::Max) => None,
                Some(Speed::Times(n)) => Some(n),
            };
        }
    }
    // Bars of a longer timeframe than the decision's can only be decided on when they close.
    plan.base = plan.base.min(plan.decision);
    Ok(plan)
}

/// A run decides on one timeframe. Daily bars close once a session; built up beside minutes they would all lie outside them.
fn refuse_daily_beside_intraday(probe: &replay::Probe) -> Result<(), Failure> {
    let is_daily = |file: &&replay::FileProbe| matches!(file.format, FileFormat::Bars(timeframe) if timeframe.is_daily());
    let daily = probe.files.iter().find(is_daily);
    let other = probe.files.iter().find(|file| !is_daily(file));
    if let (Some(daily), Some(other)) = (daily, other) {
        return Err(Failure::new(
            Code::BadInput,
            format_args!(
                "{} holds daily bars and {} does not: one run decides on one timeframe; replay them apart, each into a data \
                 directory of its own",
                daily.path.display(),
                other.path.display()
            ),
        ));
    }
    Ok(())
}

/// Where the store of the configuration is.
#[must_use]
pub fn store_path(config: &Config, data_dir: &Path) -> PathBuf {
    let path = config.store.url.trim_start_matches("sqlite:").trim_start_matches("//");
    data_dir.join(path)
}

/// Opens or creates the journal of this data directory.
pub async fn journal(
    config: &Config,
    data_dir: &Path,
    ports: &dyn Ports,
    durability: Durability,
    now: Ts,
) -> Result<JournalWriter, Failure> {
    let path = store_path(config, data_dir);
    let identity = Identity {
        account: AccountKind::Paper,
        venue: VENUE.to_owned(),
        label: config.node.id.clone(),
        created_at: now,
    };
    let store = SqliteStore::open(&path, Access::Write { identity, durability })
        .await
        .map_err(|e| journal_failure(&e))?;
    let store = ports.store(Box::new(store));
    let (writer, opening) = JournalWriter::open(store).await.map_err(|e| journal_failure(&e))?;
    tracing::info!(?opening, "journal opened");
    Ok(writer)
}

/// A journal that cannot be used is an input at fault; anything else is a failure.
#[must_use]
pub fn journal_failure(error: &JournalError) -> Failure {
    Failure::new(Code::BadInput, error)
}

/// The paper account of this data directory. One that is not the journal's is refused before anything is written: its
/// executions would be booked as if they were this node's.
pub fn paper(
    config: &Config,
    data_dir: &Path,
    journal: &JournalWriter,
) -> Result<(Box<dyn Broker>, PaperOptions), Failure> {
    let folder = data_dir.join("paper");
    std::fs::create_dir_all(&folder)
        .or_fail(Code::BadInput, || format!("paper account folder {}", folder.display()))?;
    let mut options = config.broker.paper.clone();
    options.path = folder.join(options.path.file_name().unwrap_or_else(|| "paper.books".as_ref()));
    // An account is made beside its journal, and called after it and the place where both are.
    let place = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
    let mut hasher = blake3::Hasher::new();
    hasher.update(journal.id().as_str().as_bytes()).update(place.as_os_str().as_encoded_bytes());
    options.identity = hasher.finalize().to_hex()[..32].to_owned();
    let broker = PaperBroker::open(options.clone()).or_fail(Code::BadInput, || "paper account".into())?;
    options.identity = broker.identity().to_owned();
    let path = options.path.display();
    match &journal.state().opened {
        Some(opened) if opened.account_id.as_deref().is_some_and(|known| known != options.identity) => {
            return Err(Failure::new(
                Code::BadInput,
                format_args!(
                    "the paper account {path} is not the one that this data directory's journal was kept for: put that \
                     one's file back, or use another data directory for this one"
                ),
            ));
        }
        None if !broker.recovery().created && broker.last_market_time().is_some() => {
            tell!(
                "the paper account {path} is older than the journal, which begins now: what the account executed before is \
                 booked from it"
            );
        }
        Some(_) | None => {}
    }
    Ok((Box::new(broker), options))
}

/// Orders, positions and cash as the journal has them, for a node that takes them up at `now`. Reads no event: the journal
/// folds them as it is written, and from the newest snapshot when it is opened.
pub fn books(journal: &Recovered, config: &Config, catalog: &Catalog, now: Ts) -> Result<Books, String> {
    let (books, kept) = journal.resume_books(&super::derived::fx(config), catalog, now).map_err(|e| {
        format!("journal: its orders and positions cannot be taken up: {e}; run `tensortrade journal verify`")
    })?;
    for changed in kept {
        tracing::warn!(%changed, "a held position stays in the terms it was traded in");
        tell!("{changed}: the position stays in the terms it was traded in");
    }
    Ok(books)
}

/// Says which money of the account cannot be valued in the base currency.
pub fn tell_unvalued(books: &Books, config: &Config) {
    let base = config.fx.base;
    for (currency, account) in books.portfolio.accounts() {
        if account.cash != Money::ZERO && books.portfolio.rates().rate(*currency).is_none() {
            tell!(
                "the account holds {currency}, and there is no rate of it in {base}: its value is unknown, and no order leaves \
                 until there is one; set fx.base = \"{currency}\" or fx.rates.{currency}, or watch a pair that gives it"
            );
        }
    }
}

/// Records the opening balance in a journal that has none.
pub async fn record_opening(
    writer: &mut JournalWriter,
    options: &PaperOptions,
    now: Ts,
) -> Result<(), Failure> {
    if writer.state().count(Kind::Opened) > 0 {
        return Ok(());
    }
    let opened = Opened {
        account: options.account.clone(),
        account_id: (!options.identity.is_empty()).then(|| options.identity.clone()),
        cash: options.starting_cash.clone(),
        ts: now,
    };
    writer.stage(&opened.into(), now).map_err(|e| journal_failure(&e))?;
    writer.commit().await.map_err(|e| journal_failure(&e))?;
    Ok(())
}

/// What configuration says of instruments, and for the simulated market what the market itself says.
pub fn catalog(config: &Config) -> Result<Catalog, Failure> {
    let mut catalog = Catalog::default();
    for (symbol, entry) in &config.instruments {
        let mut instrument = Instrument::guess(*symbol);
        instrument.asset_class = entry.asset_class.unwrap_or(instrument.asset_class);
        instrument.tick_size = entry.tick_size.unwrap_or(instrument.tick_size);
        instrument.lot = entry.lot.unwrap_or(instrument.lot);
        instrument.multiplier = entry.multiplier.unwrap_or(instrument.multiplier);
        instrument.currency = entry.currency.unwrap_or(instrument.currency);
        instrument.sector = entry.sector.clone().or(instrument.sector);
        instrument.sessions = entry.sessions.unwrap_or(instrument.sessions);
        catalog.insert(instrument).or_fail(Code::BadInput, || "configuration: instruments".into())?;
    }
    if config.feed.source == FeedSource::Sim {
        catalog = catalog.with_default(simulated::instrument);
    }
    Ok(catalog)
}

/// The symbols to begin with; `None` for all that the data holds. What was added while a node ran is there again, and what
/// was removed stays removed, whoever names it: only `watchlist add` brings it back.
pub fn symbols(config: &Config, journal: &Recovered) -> Result<Option<BTreeSet<Symbol>>, Failure> {
    let mut symbols: BTreeSet<Symbol> = config.feed.symbols.iter().copied().collect();
    if symbols.is_empty() && config.feed.source == FeedSource::Sim {
        for name in SIMULATED_SYMBOLS {
            symbols.insert(Symbol::intern(name).or_fail(Code::Failure, || "built-in symbols".into())?);
        }
    }
    // A replay that names no symbol trades all that its files hold, whatever an earlier day held.
    if symbols.is_empty() && config.feed.source == FeedSource::Replay {
        return Ok(None);
    }
    symbols.extend(journal.active_symbols());
    if planted(Bug::RemovedComesBack) {
        symbols.extend(journal.watchlist.keys().copied());
        return Ok(Some(symbols));
    }
    for symbol in journal.watchlist.iter().filter(|(_, entry)| !entry.active).map(|(symbol, _)| symbol) {
        if config.feed.symbols.contains(symbol) && symbols.contains(symbol) {
            tell!(
                "{symbol} was removed from the watchlist and stays removed; `watchlist add {symbol}` brings it back"
            );
        }
        symbols.remove(symbol);
    }
    Ok(Some(symbols))
}

/// Days the simulated market starts before the moment it resumes at, to warm models up over a weekend or holiday.
const SIM_WARM_UP_DAYS: i64 = 5;

/// Looks at the backup's files: they must hold what the primary's hold, since one symbol's bars are built from both.
fn backup_probe(config: &Config, primary: &Probe) -> Result<Probe, Failure> {
    let backup = replay::probe(&config.feed.backup.files).or_fail(Code::BadInput, || "feed.backup".into())?;
    for file in &backup.files {
        if primary.files.iter().all(|other| other.format != file.format) {
            let text = format_args!(
                "feed.backup.files: {} holds {}, and no file of the primary does; give files of the same kind",
                file.path.display(),
                match file.format {
                    FileFormat::Ticks => "ticks".to_owned(),
                    FileFormat::Bars(timeframe) => format!("{timeframe} bars"),
                },
            );
            return Err(Failure::new(Code::BadInput, text));
        }
    }
    Ok(backup)
}

/// Opens the feed, over two feeds if there is a backup. `resume_after` is the last step of the run that is continued.
pub fn feed(
    config: &Config,
    plan: &mut RunPlan,
    symbols: Option<BTreeSet<Symbol>>,
    resume_after: Option<Ts>,
    data_dir: &Path,
) -> Result<Box<dyn Feed>, Failure> {
    let over = |primary: Box<dyn Feed>, backup: Box<dyn Feed>| -> Result<Box<dyn Feed>, Failure> {
        Ok(Box::new(FailoverFeed::new(primary, backup, config.feed.failover, catalog(config)?)))
    };
    match config.feed.source {
        FeedSource::Replay => {
            let probe = plan
                .probe
                .take()
                .ok_or_else(|| Failure::new(Code::Failure, "the input was not looked at"))?;
            let primary = replay_feed(config, plan, probe, symbols.clone(), data_dir)?;
            let Some(backup) = plan.backup.take() else { return Ok(primary) };
            // The backup need not have every symbol.
            let held = backup.symbols();
            let complete = backup.symbols_complete();
            let symbols =
                symbols.map(|wanted| wanted.into_iter().filter(|s| !complete || held.contains(s)).collect());
            let backup = replay_feed(config, plan, backup, symbols, data_dir)?;
            over(primary, backup)
        }
        FeedSource::Sim => {
            let symbols: Vec<Symbol> = symbols.unwrap_or_default().into_iter().collect();
            let primary = simulated_feed(config, plan, symbols.clone(), resume_after)?;
            let sim = config.feed.backup.sim;
            if !sim.enabled {
                return Ok(Box::new(primary));
            }
            let backup = simulated_feed(config, plan, symbols, resume_after)?;
            let seed = config.feed.seed;
            let primary_outages = Disturbance {
                seed,
                noise_bps: 0.0,
                outage_every_minutes: sim.primary_outage_every_minutes,
                outage_minutes: sim.primary_outage_minutes,
            };
            let noise = Disturbance {
                seed: seed ^ BACKUP_STREAM,
                noise_bps: sim.noise_bps,
                outage_every_minutes: sim.outage_every_minutes,
                outage_minutes: sim.outage_minutes,
            };
            over(
                Box::new(DisturbedFeed::new(primary, primary_outages)),
                Box::new(DisturbedFeed::new(backup, noise)),
            )
        }
        FeedSource::Ibkr => Err(Failure::new(Code::BadInput, "this build has no Interactive Brokers feed")),
    }
}

/// Sets the backup's noise and outages apart from the primary's.
const BACKUP_STREAM: u64 = 0x6261_636b_7570;

fn replay_feed(
    config: &Config,
    plan: &RunPlan,
    probe: Probe,
    symbols: Option<BTreeSet<Symbol>>,
    data_dir: &Path,
) -> Result<Box<dyn Feed>, Failure> {
    let mut options = ReplayOptions::new(plan.decision);
    options.symbols = symbols;
    options.extended_hours = config.bars.extended_hours;
    options.spill_dir = data_dir.to_owned();
    Ok(Box::new(ReplayFeed::open(probe, options).or_fail(Code::BadInput, || "replay".into())?))
}

fn simulated_feed(
    config: &Config,
    plan: &RunPlan,
    symbols: Vec<Symbol>,
    resume_after: Option<Ts>,
) -> Result<SimulatedFeed, Failure> {
    let start = Ts::parse(&config.feed.sim_start)
        .ok_or_else(|| Failure::new(Code::BadInput, "feed.sim_start is no date"))?;
    let warm = resume_after.map(|after| after.plus_nanos(-SIM_WARM_UP_DAYS * 86_400 * 1_000_000_000));
    let options = SimulatedOptions {
        seed: config.feed.seed,
        symbols,
        start: warm.unwrap_or(start).max(start),
        until: None,
        decision: plan.decision,
        ticks_per_symbol_minute: config.feed.sim_ticks_per_minute,
    };
    SimulatedFeed::new(options).or_fail(Code::BadInput, || "simulated market".into())
}
