//! `tensortrade journal`: check, print or rebuild a journal.

use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use tensortrade_journal::store::Store;
use tensortrade_journal::{
    Access, AccountKind, Durability, Identity, JournalError, Kind, SqliteStore, Table, export_csv,
    export_events, verify,
};
use tensortrade_market::Ts;

use super::args::{ConfigSources, JournalArgs, JournalCommand};
use crate::config;
use crate::exit::{Code, Failure, OrFail};
use crate::node::lock::{DataLock, LockError};
use crate::node::open::store_path;

/// Opens the journal of a data directory and does what is asked.
pub fn run(args: JournalArgs) -> Result<(), Failure> {
    let sources = ConfigSources { data_dir: args.data_dir, ..ConfigSources::default() };
    let config = config::load(&sources, &[])?.config;
    let data_dir = config.node.data_dir.clone();
    let path = store_path(&config, &data_dir);
    if !path.exists() {
        return Err(bad_input(&JournalError::Missing { place: path.display().to_string() }));
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_fail(Code::Failure, || "cannot start the runtime".into())?;
    runtime.block_on(async {
        match args.command {
            JournalCommand::Verify { json } => check(&path, json).await,
            JournalCommand::Export { kind, table, out } => export(&path, &kind, table.as_deref(), out).await,
            JournalCommand::Rebuild { json } => rebuild(&path, &data_dir, json).await,
        }
    })
}

fn bad_input(error: &JournalError) -> Failure {
    Failure::new(Code::BadInput, error)
}

/// Damage that shows on opening is what a verification is for: it exits 6, like damage found later.
fn damage(error: &JournalError) -> Failure {
    let code = match error {
        JournalError::Corrupt { .. } | JournalError::Broken { .. } => Code::CheckFailed,
        _ => Code::BadInput,
    };
    Failure::new(code, error)
}

async fn check(path: &Path, as_json: bool) -> Result<(), Failure> {
    let mut store = SqliteStore::open(path, Access::Read).await.map_err(|e| damage(&e))?;
    let report = verify(&mut store).await.map_err(|e| damage(&e))?;
    if as_json {
        let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        say!(
            "{:#}",
            json!({
                "clean": report.is_clean(),
                "events": report.events,
                "head": report.head.hash.to_string(),
                "problems": problems,
                "problems_total": report.problems_total,
            })
        );
    } else {
        say!("{} events, head {}", report.events, report.head.hash);
        for problem in &report.problems {
            say!("{problem}");
        }
    }
    if report.is_clean() {
        tell!("journal {} verifies", path.display());
        return Ok(());
    }
    // One of an event says where to look; one of a table says what to do.
    let first = report.first_bad().or_else(|| report.problems.first()).map(ToString::to_string);
    let mend = match report.first_bad() {
        Some(_) => "",
        None => "; the events are whole: `tensortrade journal rebuild` writes the tables again",
    };
    Err(Failure::new(
        Code::CheckFailed,
        format_args!(
            "journal {}: {} problems; the first: {}{mend}",
            path.display(),
            report.problems_total,
            first.unwrap_or_default()
        ),
    ))
}

async fn export(
    path: &Path,
    kinds: &[String],
    table: Option<&str>,
    out: Option<PathBuf>,
) -> Result<(), Failure> {
    let mut wanted = BTreeSet::new();
    for name in kinds {
        let names = || Kind::ALL.iter().map(|k| k.as_str()).collect::<Vec<_>>().join(", ");
        let kind = Kind::from_name(name);
        wanted.insert(
            kind.ok_or_else(|| {
                Failure::new(Code::Usage, format_args!("--kind {name}: there is {}", names()))
            })?,
        );
    }
    let table = match table {
        None => None,
        Some(name) => {
            let names = || Table::ALL.iter().map(|t| t.name()).collect::<Vec<_>>().join(", ");
            let found = Table::ALL.iter().copied().find(|t| t.name() == name);
            Some(found.ok_or_else(|| {
                Failure::new(Code::Usage, format_args!("--table {name}: there is {}", names()))
            })?)
        }
    };
    let mut store = SqliteStore::open(path, Access::Read).await.map_err(|e| bad_input(&e))?;
    let mut output: Box<dyn Write + Send> = match &out {
        None => Box::new(BufWriter::new(std::io::stdout())),
        Some(file) => {
            let what = || format!("cannot write {}", file.display());
            Box::new(BufWriter::new(std::fs::File::create(file).or_fail(Code::Failure, what)?))
        }
    };
    let written = match table {
        Some(table) => export_csv(&mut store, table, output.as_mut()).await,
        None => export_events(&mut store, &wanted, output.as_mut()).await,
    };
    match written.and_then(|lines| {
        output.flush().map(|()| lines).map_err(|source| JournalError::Io {
            place: "export".into(),
            doing: "write",
            source,
        })
    }) {
        Ok(lines) => {
            tell!("{lines} lines");
            Ok(())
        }
        // A reader that has seen enough (`| head`) is no failure.
        Err(JournalError::Io { source, .. })
            if out.is_none() && source.kind() == std::io::ErrorKind::BrokenPipe =>
        {
            Ok(())
        }
        Err(error) => Err(Failure::new(Code::Failure, error)),
    }
}

async fn rebuild(path: &Path, data_dir: &Path, as_json: bool) -> Result<(), Failure> {
    let _lock = DataLock::take(data_dir).map_err(|error| match error {
        LockError::Held(message) => Failure::new(Code::Refused, message),
        LockError::Unusable { .. } => Failure::new(Code::BadInput, error),
    })?;
    let identity = Identity {
        account: AccountKind::Paper,
        venue: tensortrade_broker::paper::VENUE.to_owned(),
        label: String::new(),
        created_at: Ts::ZERO,
    };
    let access = Access::Write { identity, durability: Durability::Power };
    let mut store = SqliteStore::open(path, access).await.map_err(|e| bad_input(&e))?;
    let before = store.row_counts().await.map_err(|e| bad_input(&e))?;
    let report = verify(&mut store).await.map_err(|e| damage(&e))?;
    let rebuilt = store.rebuild().await.map_err(|e| bad_input(&e))?;
    let same = before == rebuilt.rows && report.is_clean();
    if as_json {
        let rows: std::collections::BTreeMap<_, _> =
            rebuilt.rows.iter().map(|(t, n)| (t.name(), n)).collect();
        say!("{:#}", json!({ "events": rebuilt.events, "rows": rows, "same": same }));
    } else {
        say!("{} events", rebuilt.events);
        for (table, rows) in &rebuilt.rows {
            say!("{:<12} {rows} rows", table.name());
        }
    }
    tell!(
        "{}",
        if same { "every table is as it was" } else { "tables differed from the events and are mended" }
    );
    Ok(())
}
