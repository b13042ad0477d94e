//! A running node and the commands sent to it.

#![expect(clippy::disallowed_methods, reason = "a test outside the node waits for it by the clock")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use super::{Done, Home};

/// Polls of a node before a test gives up, and the pause between two.
const POLLS_MAX: u32 = 1_200;
const POLL_PAUSE: Duration = Duration::from_millis(50);

/// A running node; killed at the end of the test if it still runs.
pub(crate) struct Node<'a> {
    pub(super) home: &'a Home,
    pub(super) data: String,
    pub(super) log: PathBuf,
    pub(super) child: Child,
}

impl Node<'_> {
    /// A command to the node, its answer as JSON.
    pub(crate) fn ctl(&self, args: &[&str]) -> Done {
        self.home.tensortrade(&[&["ctl", "--data-dir", &self.data, "--json"], args].concat())
    }

    /// A number of the node's status, such as `/steps`.
    #[track_caller]
    pub(crate) fn status(&self, pointer: &str) -> u64 {
        let done = self.ctl(&["status"]).expect(0);
        let status = done.json();
        status.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {status}"))
    }

    /// Market time in minutes since the beginning of its month. Unlike `steps` it stands still while models warm up.
    #[track_caller]
    pub(crate) fn market_minute(&self) -> u64 {
        let status = self.ctl(&["status"]).expect(0).json();
        let text = status["market_time"].as_str().expect("a time");
        let number = |from: usize| text[from..from + 2].parse::<u64>().expect("digits");
        number(8) * 1_440 + number(11) * 60 + number(14)
    }

    /// Waits for a condition; fails the test when it never holds, or when the node ends before.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..POLLS_MAX {
            if condition(self) {
                return;
            }
            std::thread::sleep(POLL_PAUSE);
        }
        panic!("waited in vain until {what}; the node's log:\n{}", self.log());
    }

    /// Symbol and quantity of every open position, by the running node.
    #[track_caller]
    pub(crate) fn positions(&self) -> BTreeMap<String, String> {
        let rows = self.ctl(&["positions"]).expect(0).json();
        let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
        rows.as_array().expect("rows").iter().map(|r| (text(r, "symbol"), text(r, "qty"))).collect()
    }

    /// Names on the watchlist.
    #[track_caller]
    pub(crate) fn watchlist(&self) -> Vec<String> {
        let rows = self.ctl(&["watchlist", "list"]).expect(0).json();
        let name = |row: &Value| row["symbol"].as_str().expect("text").to_owned();
        rows.as_array().expect("rows").iter().map(name).collect()
    }

    /// Sends a signal by its name, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Kills the node at once, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the node still runs");
        self.child.wait().expect("the node was ours");
    }

    /// Waits for the node's own end: its exit code and what it wrote to stderr.
    pub(crate) fn end(mut self) -> Done {
        let status = self.child.wait().expect("the node was ours");
        Done { code: status.code().unwrap_or(-1), out: String::new(), err: self.log() }
    }

    /// Asks the node to stop and waits for its end.
    #[track_caller]
    pub(crate) fn shutdown(self) -> Done {
        self.ctl(&["shutdown"]).expect(0);
        self.end().expect(0)
    }

    /// What it has written to stderr so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        // Both fail only when the node has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
