//! How a run relates to what the data directory already holds.

use std::path::{Path, PathBuf};

use tensortrade_journal::Recovered;
use tensortrade_journal::event::{EndReason, RunInput};
use tensortrade_market::Ts;

use crate::config::FeedSource;

/// What is known of the new run before it starts.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// Its feed.
    pub feed: FeedSource,
    /// Its input files.
    pub inputs: Vec<RunInput>,
    /// Its seed.
    pub seed: u64,
    /// The first moment of its data, where that is known.
    pub first: Option<Ts>,
}

/// How to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The journal is new or holds no step.
    Fresh,
    /// The input goes on after the journal's last step.
    Continue,
    /// The same run was interrupted: data up to this step only warms the models up.
    Resume {
        /// The last journalled step.
        after: Ts,
    },
    /// The journal belongs to a run that the new one cannot go on from: it moves to the archive.
    Archive {
        /// Why, in words.
        why: String,
    },
}

/// Compares the journal's last run with the new one.
#[must_use]
pub fn decide(journal: &Recovered, new: &NewRun) -> Start {
    let (Some(run), Some(last)) = (&journal.run, &journal.last_step) else { return Start::Fresh };
    let before = &run.started;
    if before.feed != new.feed.to_string() {
        let why = format!("the journal is of a run on the {} feed, this run is on {}", before.feed, new.feed);
        return Start::Archive { why };
    }
    match new.feed {
        FeedSource::Ibkr => Start::Continue,
        FeedSource::Sim if before.seed == new.seed => Start::Resume { after: last.ts },
        FeedSource::Sim => Start::Archive {
            why: format!(
                "the journal is of the simulated market of seed {}, this run has seed {}",
                before.seed, new.seed
            ),
        },
        FeedSource::Replay if before.inputs == new.inputs && before.seed == new.seed => match run.ended {
            Some(EndReason::EndOfData) => {
                Start::Archive { why: "the last replay of this input is complete".into() }
            }
            _ => Start::Resume { after: last.ts },
        },
        FeedSource::Replay if new.first.is_some_and(|first| first >= last.ts) => Start::Continue,
        FeedSource::Replay => Start::Archive {
            why: format!("the journal's last step is at {}, after the beginning of the input", last.ts),
        },
    }
}

/// What stands beside the database's file and belongs to it.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-tail"];

/// Most archives that are numbered.
const ARCHIVES_MAX: u32 = 100_000;

/// Moves journal and paper account to `archive/N`, so that nothing is overwritten. Returns where they are now. From another
/// file system they are copied, synced and only then removed: a stop at any point leaves a whole journal in one place.
pub fn archive(data_dir: &Path, journal: &Path) -> std::io::Result<PathBuf> {
    archive_by(data_dir, journal, &|from, to| std::fs::rename(from, to))
}

fn archive_by(data_dir: &Path, journal: &Path, rename: &Rename<'_>) -> std::io::Result<PathBuf> {
    let place = (1..=ARCHIVES_MAX)
        .map(|n| data_dir.join("archive").join(n.to_string()))
        .find(|place| !place.exists())
        .ok_or_else(|| {
            std::io::Error::other(format!("{} has {ARCHIVES_MAX} archives", data_dir.display()))
        })?;
    std::fs::create_dir_all(&place)?;
    let missing_is_fine = |moved: std::io::Result<()>| match moved {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    };
    let name = journal.file_name().unwrap_or_else(|| "journal.db".as_ref());
    for suffix in BESIDE {
        let with = |path: &Path| {
            let mut path = path.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        missing_is_fine(relocate(&with(journal), &with(&place.join(name)), rename))?;
    }
    missing_is_fine(relocate(&data_dir.join("paper"), &place.join("paper"), rename))?;
    Ok(place)
}

/// Moves within a file system, or fails.
type Rename<'a> = dyn Fn(&Path, &Path) -> std::io::Result<()> + 'a;

/// Moves a file or a folder. Across file systems: the copy is whole and on disk before the original goes.
fn relocate(from: &Path, to: &Path, rename: &Rename<'_>) -> std::io::Result<()> {
    match rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {}
        done => return done,
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    copy_synced(from, &partial)?;
    std::fs::rename(&partial, to)?;
    if let Some(folder) = to.parent() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    if from.is_dir() { std::fs::remove_dir_all(from) } else { std::fs::remove_file(from) }
}

/// Copies a file, or a folder with all that is in it, and waits until it is on disk.
fn copy_synced(from: &Path, to: &Path) -> std::io::Result<()> {
    if !std::fs::metadata(from)?.is_dir() {
        let (mut source, mut copy) = (std::fs::File::open(from)?, std::fs::File::create(to)?);
        std::io::copy(&mut source, &mut copy)?;
        return copy.sync_all();
    }
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        copy_synced(&entry.path(), &to.join(entry.file_name()))?;
    }
    std::fs::File::open(to)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tensortrade_journal::event::RunStarted;
    use tensortrade_journal::state::{LastStep, Run};
    use tensortrade_journal::{AccountKind, JournalId};

    fn journal(feed: &str, seed: u64, last: i64, ended: Option<EndReason>) -> Recovered {
        let id = JournalId::derive(Ts::ZERO, AccountKind::Paper, "paper", "test");
        let mut recovered = Recovered::genesis(&id);
        let started = RunStarted {
            version: "0".into(),
            feed: feed.into(),
            inputs: inputs(),
            seed,
            mode: "paper".into(),
            config_hash: String::new(),
            resumed: false,
            ts: Ts::ZERO,
        };
        recovered.run = Some(Run { started, since: 1, ended });
        recovered.last_step = Some(LastStep { ts: Ts::from_secs(last), step: 1, equity: None });
        recovered
    }

    fn inputs() -> Vec<RunInput> {
        vec![RunInput { path: "a.csv".into(), size: 1 }]
    }

    fn new(feed: FeedSource, inputs: Vec<RunInput>, first: i64) -> NewRun {
        NewRun { feed, inputs, seed: 1, first: Some(Ts::from_secs(first)) }
    }

    #[test]
    fn an_interrupted_replay_resumes_and_a_complete_one_begins_anew() {
        let run = new(FeedSource::Replay, inputs(), 0);
        for ended in [None, Some(EndReason::Clean), Some(EndReason::Forced)] {
            let start = decide(&journal("replay", 1, 60, ended), &run);
            assert_eq!(start, Start::Resume { after: Ts::from_secs(60) }, "{ended:?}");
        }
        assert!(matches!(
            decide(&journal("replay", 1, 60, Some(EndReason::EndOfData)), &run),
            Start::Archive { .. }
        ));
    }

    #[test]
    fn the_next_day_continues_and_an_earlier_day_begins_anew() {
        let other = vec![RunInput { path: "b.csv".into(), size: 1 }];
        let journal = journal("replay", 1, 60, Some(EndReason::EndOfData));
        assert_eq!(decide(&journal, &new(FeedSource::Replay, other.clone(), 60)), Start::Continue);
        assert!(matches!(decide(&journal, &new(FeedSource::Replay, other, 59)), Start::Archive { .. }));
    }

    #[test]
    fn another_feed_or_another_seed_is_another_market() {
        assert!(matches!(
            decide(&journal("replay", 1, 60, None), &new(FeedSource::Sim, vec![], 0)),
            Start::Archive { .. }
        ));
        assert!(matches!(
            decide(&journal("sim", 2, 60, None), &new(FeedSource::Sim, vec![], 0)),
            Start::Archive { .. }
        ));
        let resumed =
            decide(&journal("sim", 1, 60, Some(EndReason::Clean)), &new(FeedSource::Sim, vec![], 0));
        assert_eq!(resumed, Start::Resume { after: Ts::from_secs(60) });
    }

    #[test]
    fn a_journal_on_another_file_system_is_copied_whole_before_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let (data, store) = (dir.path().join("data"), dir.path().join("elsewhere"));
        std::fs::create_dir_all(data.join("paper/older")).unwrap();
        std::fs::create_dir_all(&store).unwrap();
        let journal = store.join("journal.db");
        std::fs::write(&journal, "events").unwrap();
        std::fs::write(store.join("journal.db-wal"), "log").unwrap();
        std::fs::write(data.join("paper/older/paper.books"), "books").unwrap();
        // As between two file systems: nothing there can be renamed, only what is already beside its goal.
        let rename = |from: &Path, _to: &Path| {
            std::fs::symlink_metadata(from)?;
            Err(std::io::ErrorKind::CrossesDevices.into())
        };
        let place = archive_by(&data, &journal, &rename).unwrap();
        let read = |name: &str| std::fs::read_to_string(place.join(name)).unwrap();
        assert_eq!(
            (read("journal.db"), read("journal.db-wal"), read("paper/older/paper.books")),
            ("events".into(), "log".into(), "books".into())
        );
        assert!(!journal.exists() && !data.join("paper").exists());

        // A copy that cannot be made leaves the original where it is.
        std::fs::write(&journal, "more events").unwrap();
        std::fs::create_dir_all(data.join("archive/2/journal.db.partial")).unwrap();
        let to = data.join("archive/2/journal.db");
        assert!(relocate(&journal, &to, &rename).is_err());
        assert_eq!(std::fs::read_to_string(&journal).unwrap(), "more events");
        assert!(!to.exists());
    }

    #[test]
    fn an_archive_overwrites_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for n in 1..=2 {
            std::fs::write(dir.path().join("journal.db"), n.to_string()).unwrap();
            let place = archive(dir.path(), &dir.path().join("journal.db")).unwrap();
            assert_eq!(std::fs::read_to_string(place.join("journal.db")).unwrap(), n.to_string());
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("archive/1/journal.db")).unwrap(), "1");
    }
}
