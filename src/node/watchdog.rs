//! The watchdog: a thread that needs nothing of the runtime.
//!
//! It halts trading when a person asks for it by a file or a signal, also when the control plane is dead; when the data directory
//! is removed under the node, since nothing that is written then survives; and when the runtime
//! has not turned for too long, as when a handler never yields on every thread: no supervisor can mend that, so trading is
//! halted and, if it stays so, the process ends with a code that the service manager sees.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use signal_hook::consts::SIGUSR1;
use tensortrade_actors::route::Route;
use tensortrade_actors::trading::breaker::{BreakerMsg, BreakerView};
use tensortrade_risk::breaker::{BreakerState, Scope};

/// Name of the file in the data directory that halts trading as long as it is there, and until a reset after that.
pub const HALT_FILE: &str = "HALT";

/// How often it looks.
const ROUND: Duration = Duration::from_millis(50);
/// Silence of the runtime after which trading is halted.
const HALT_AFTER: Duration = Duration::from_secs(10);
/// Silence of the runtime after which the process ends.
const END_AFTER: Duration = Duration::from_secs(60);
/// Longest part of a halt file that is shown as the reason.
const REASON_MAX: usize = 200;

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Finding {
    Nothing,
    /// Halt; by whom, and why.
    Halt(&'static str, String),
    /// The runtime is stuck for good.
    End(Duration),
}

/// What is looked at; the passing of time is handed in.
struct Watch {
    halt_file: PathBuf,
    /// There as long as the data directory is.
    lock_file: PathBuf,
    asked_by_signal: Arc<AtomicBool>,
    pulse: Arc<AtomicU64>,
    last_pulse: u64,
    silent_for: Duration,
}

impl Watch {
    /// One look, `since` after the one before.
    fn look(&mut self, since: Duration) -> Finding {
        let pulse = self.pulse.load(Ordering::Acquire);
        if pulse == self.last_pulse {
            self.silent_for += since;
        } else {
            (self.last_pulse, self.silent_for) = (pulse, Duration::ZERO);
        }
        if self.silent_for >= END_AFTER {
            return Finding::End(self.silent_for);
        }
        if self.silent_for >= HALT_AFTER {
            let why = format!("the runtime has not turned for {} s", self.silent_for.as_secs());
            return Finding::Halt("watchdog", why);
        }
        if self.asked_by_signal.load(Ordering::Acquire) {
            return Finding::Halt("signal", "SIGUSR1".to_owned());
        }
        if !self.lock_file.try_exists().unwrap_or(true) {
            let why = format!(
                "{} is gone: the data directory was removed, nothing that is written now survives; stop the node",
                self.lock_file.display()
            );
            return Finding::Halt("watchdog", why);
        }
        match halt_file(&self.halt_file) {
            Some(why) => Finding::Halt("halt file", why),
            None => Finding::Nothing,
        }
    }
}

/// Why the halt file halts: its first line; `None` when it is not there. One that cannot be read halts too.
fn halt_file(path: &Path) -> Option<String> {
    if !path.try_exists().unwrap_or(true) {
        return None;
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line: String = text.lines().next().unwrap_or_default().trim().chars().take(REASON_MAX).collect();
    Some(if line.is_empty() { format!("{} is there", path.display()) } else { line })
}

/// The running watchdog. Dropping it ends and joins the thread.
#[derive(Debug)]
pub struct Watchdog {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    pulse: tokio::task::JoinHandle<()>,
}

impl Watchdog {
    /// Starts to watch, from inside the runtime that is watched. What it finds in its first look acts before this returns.
    pub fn start(
        data_dir: &Path,
        view: Arc<BreakerView>,
        breaker: Route<BreakerMsg>,
    ) -> std::io::Result<Self> {
        let asked_by_signal = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGUSR1, asked_by_signal.clone())?;
        // A file over its size limit is a write that fails, as on a full disk: the journal halts and says why.
        signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default())?;
        let beat = Arc::new(AtomicU64::new(0));
        let pulse = {
            let beat = beat.clone();
            tokio::spawn(async move {
                let mut round = tokio::time::interval(ROUND);
                loop {
                    round.tick().await;
                    beat.fetch_add(1, Ordering::Release);
                }
            })
        };
        let mut watch = Watch {
            halt_file: data_dir.join(HALT_FILE),
            lock_file: data_dir.join(super::lock::LOCK_FILE),
            asked_by_signal: asked_by_signal.clone(),
            pulse: beat,
            last_pulse: 0,
            silent_for: Duration::ZERO,
        };
        let act = move |finding| act(finding, &asked_by_signal, &view, &breaker);
        act(watch.look(Duration::ZERO));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = stop.clone();
            Builder::new().name("watchdog".into()).spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    std::thread::park_timeout(ROUND);
                    act(watch.look(ROUND));
                }
            })?
        };
        Ok(Self { stop, thread: Some(thread), pulse })
    }
}

fn act(finding: Finding, asked: &AtomicBool, view: &BreakerView, breaker: &Route<BreakerMsg>) {
    match finding {
        Finding::Nothing => {}
        Finding::Halt(by, reason) => {
            let halted = view.load().state(&Scope::Node) == BreakerState::Halted;
            if halted && by == "signal" {
                asked.store(false, Ordering::Release); // it is on record: a reset counts from here
                return;
            }
            if halted {
                return;
            }
            if view.gate.state() != BreakerState::Halted {
                tell!("trading is halted by the {by}: {reason}");
            }
            // At once, whatever the runtime does; the breaker's record follows, and is asked for until it is there.
            view.gate.halt();
            let (scope, level, by) = (Scope::Node, BreakerState::Halted, by.to_owned());
            breaker.cast(BreakerMsg::Trip { scope, level, reason, by, cools_down: false, reply: None });
        }
        Finding::End(silent) => end(silent),
    }
}

#[expect(clippy::disallowed_methods, reason = "main waits for a runtime that will never come back")]
fn end(silent: Duration) {
    tell!("the runtime has not turned for {} s: the process ends", silent.as_secs());
    std::process::exit(i32::from(crate::exit::Code::Failure as u8));
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.pulse.abort();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic in it has been printed by the hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(dir: &Path) -> Watch {
        let lock_file = dir.join(super::super::lock::LOCK_FILE);
        std::fs::write(&lock_file, "1").unwrap();
        Watch {
            halt_file: dir.join(HALT_FILE),
            lock_file,
            asked_by_signal: Arc::default(),
            pulse: Arc::default(),
            last_pulse: 0,
            silent_for: Duration::ZERO,
        }
    }

    #[test]
    fn a_runtime_that_stands_still_halts_and_then_ends_the_process_and_one_that_turns_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        let second = Duration::from_secs(1);
        for _ in 0..200 {
            watch.pulse.fetch_add(1, Ordering::Release);
            assert_eq!(watch.look(second), Finding::Nothing);
        }
        let found: Vec<Finding> = (0..60).map(|_| watch.look(second)).collect();
        assert!(found[..9].iter().all(|f| *f == Finding::Nothing), "{found:?}");
        assert!(found[9..59].iter().all(|f| matches!(f, Finding::Halt("watchdog", _))), "{found:?}");
        assert_eq!(found[59], Finding::End(END_AFTER));
        watch.pulse.fetch_add(1, Ordering::Release);
        assert_eq!(watch.look(second), Finding::Nothing, "it turns again");
    }

    #[test]
    fn a_data_directory_that_is_gone_halts() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        assert_eq!(watch.look(ROUND), Finding::Nothing);
        std::fs::remove_dir_all(dir.path()).unwrap();
        assert!(matches!(watch.look(ROUND), Finding::Halt("watchdog", why) if why.contains("was removed")));
    }

    #[test]
    fn a_halt_file_halts_with_its_first_line_and_a_folder_of_that_name_halts_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut watch = watch(dir.path());
        assert_eq!(watch.look(ROUND), Finding::Nothing);
        std::fs::write(dir.path().join(HALT_FILE), "odd fills, Ann\nsecond line\n").unwrap();
        assert_eq!(watch.look(ROUND), Finding::Halt("halt file", "odd fills, Ann".into()));
        std::fs::remove_file(dir.path().join(HALT_FILE)).unwrap();
        std::fs::create_dir(dir.path().join(HALT_FILE)).unwrap();
        assert!(
            matches!(watch.look(ROUND), Finding::Halt("halt file", why) if why.contains("HALT is there"))
        );
    }
}
