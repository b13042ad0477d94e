//! A node as a process: started, spoken to over its control socket, stopped and killed by signals.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tensortrade::control::client;
use tensortrade::control::protocol::{Outcome, Reply, Request};
use tensortrade::exit::{Code, Failure, OrFail};
use tensortrade_actors::stopwatch::Stopwatch;

/// Pause between two looks at a node.
const POLL: Duration = Duration::from_millis(5);
/// Longest wait for a node to trade: past it the node hangs.
pub const READY_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a node that was asked to stop, or that cannot go on.
pub const END_MAX: Duration = Duration::from_secs(60);

/// The program that is started: the node's own binary, or this one in the node's place.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    first: Vec<String>,
}

impl Program {
    /// The binary that is named, or `tensortrade` beside this program.
    pub fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let beside = || {
            let own = std::env::current_exe().or_fail(Code::Failure, || "this program's own path".into())?;
            Ok(own.with_file_name("tensortrade"))
        };
        let path = named.map_or_else(beside, |path| Ok(path.to_owned()))?;
        if path.is_file() {
            return Ok(Self { path, first: Vec::new() });
        }
        Err(Failure::new(
            Code::BadInput,
            format_args!(
                "{} is not there: build it with `cargo build --release`, or name it with --node FILE",
                path.display()
            ),
        ))
    }

    /// This program, told by its first words to be the node.
    pub fn own(first: &[&str]) -> Result<Self, Failure> {
        let path = std::env::current_exe().or_fail(Code::Failure, || "this program's own path".into())?;
        Ok(Self::at(path, first))
    }

    /// A program that is given these words before the node's.
    #[must_use]
    pub fn at(path: PathBuf, first: &[&str]) -> Self {
        Self { path, first: first.iter().map(|word| (*word).to_owned()).collect() }
    }

    /// A command of this program. Settings in the environment do not reach it.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TENSORTRADE_") {
                command.env_remove(name);
            }
        }
        command.args(&self.first).args(args).stdin(Stdio::null());
        command
    }
}

/// A running node. Dropping it kills it.
#[derive(Debug)]
pub struct Node {
    child: Child,
    data_dir: PathBuf,
    log: PathBuf,
    since: Stopwatch,
}

impl Node {
    /// Starts `command` on a data directory, its messages in `log`.
    pub fn start(mut command: Command, data_dir: &Path, log: &Path) -> Result<Self, Failure> {
        let file = File::create(log).or_fail(Code::BadInput, || format!("cannot make {}", log.display()))?;
        let child = command
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .or_fail(Code::Failure, || format!("cannot start {:?}", command.get_program()))?;
        Ok(Self { child, data_dir: data_dir.to_owned(), log: log.to_owned(), since: Stopwatch::start() })
    }

    /// Time since it was started.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// The process's number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// A command over the control socket.
    pub fn ask(&self, request: &Request) -> Result<Reply, Failure> {
        client::call(&self.data_dir, request)
    }

    /// The data of an answer that must be a good one.
    pub fn told(&self, request: &Request) -> Result<Value, Failure> {
        let reply = self.ask(request)?;
        if reply.outcome == Outcome::Ok {
            return Ok(reply.data);
        }
        Err(Failure::new(Code::Refused, format_args!("{request:?}: {}", reply.message)))
    }

    /// A number or word of the status.
    pub fn status(&self, pointer: &str) -> Result<Value, Failure> {
        let status = self.told(&Request::Status)?;
        status.pointer(pointer).cloned().or_fail_none(|| format!("the status has no {pointer}"))
    }

    /// Whether it has ended by itself.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().or_fail(Code::Failure, || "cannot look at the node".into())
    }

    /// Waits until `condition` holds; an error when the node ends or the time is up.
    pub fn wait_until(
        &mut self,
        what: &str,
        limit: Duration,
        mut condition: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Failure> {
        let began = Stopwatch::start();
        loop {
            if condition(self) {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                let text = format!("the node ended ({status}) before {what}; its log:\n{}", self.log());
                return Err(Failure::new(Code::CheckFailed, text));
            }
            if began.elapsed() > limit {
                let text = format!("not {what} after {limit:?}; the node's log:\n{}", self.log());
                return Err(Failure::new(Code::CheckFailed, text));
            }
            pause(POLL);
        }
    }

    /// Waits until it has compared journal and broker and takes commands.
    pub fn wait_ready(&mut self) -> Result<(), Failure> {
        self.wait_until("ready to trade", READY_MAX, |node| {
            node.status("/reconciled").is_ok_and(|reconciled| reconciled == Value::Bool(true))
        })
    }

    /// Waits until market time moves: models are warm, and steps are new ones.
    pub fn wait_trading(&mut self) -> Result<(), Failure> {
        self.wait_ready()?;
        let first = self.status("/market_time")?;
        self.wait_until("trading", READY_MAX, |node| {
            node.status("/market_time").is_ok_and(|now| now != first)
        })
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) -> Result<(), Failure> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status();
        let sent = sent.or_fail(Code::Failure, || "cannot run kill".into())?;
        if sent.success() {
            return Ok(());
        }
        Err(Failure::new(Code::Failure, format_args!("kill -{name} {pid} failed")))
    }

    /// Kills it where it stands, and waits for its end.
    pub fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().or_fail(Code::Failure, || "cannot kill the node".into())?;
        self.child.wait().or_fail(Code::Failure, || "cannot wait for the node".into()).map(drop)
    }

    /// Asks it to stop and waits for a clean end.
    pub fn shutdown(mut self) -> Result<(), Failure> {
        self.told(&Request::Shutdown)?;
        let (status, log) = self.end()?;
        if status.success() {
            return Ok(());
        }
        Err(Failure::new(Code::CheckFailed, format_args!("a node that was told to stop {status}:\n{log}")))
    }

    /// Waits for its own end.
    pub fn end(&mut self) -> Result<(ExitStatus, String), Failure> {
        let began = Stopwatch::start();
        loop {
            if let Some(status) = self.ended()? {
                return Ok((status, self.log()));
            }
            if began.elapsed() > END_MAX {
                let text = format!("the node has not ended after {END_MAX:?}:\n{}", self.log());
                return Err(Failure::new(Code::CheckFailed, text));
            }
            pause(POLL);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail only when the node has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets the node run: this side of it has no clock but the machine's.
#[expect(clippy::disallowed_methods, reason = "a campaign outside the node waits for it by the clock")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

trait OrFailNone<T> {
    fn or_fail_none(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T> OrFailNone<T> for Option<T> {
    fn or_fail_none(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.ok_or_else(|| Failure::new(Code::CheckFailed, what()))
    }
}
