//! What the tests of the whole program share: small market data, and running `tensortrade` as a process.

#![allow(dead_code, reason = "every test file uses its own part of this module")]
#![allow(unused_imports, reason = "every test file uses its own part of this module")]

mod data;
mod node;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub(crate) use data::{BAR_HEADER, MONDAY, TUESDAY, bar_lines, daily_lines, gzip, ticks};
pub(crate) use node::Node;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Fails the test unless the command ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless the message holds all of these.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.err.contains(part), "'{part}' is missing in:\n{}", self.err);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in:\n{}\n{}", self.out, self.err))
    }
}

/// A temporary folder with room for input files and data directories.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file and returns its path as text.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).expect("a file in the temporary folder");
        self.text(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A tick file of two symbols over one day.
    pub(crate) fn day(&self, name: &str, midnight: i64) -> String {
        self.file(name, ticks(midnight, &["AAA", "BBB"]))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tensortrade"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TENSORTRADE_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.dir.path()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs a command in this folder to its end.
    pub(crate) fn tensortrade(&self, args: &[&str]) -> Done {
        self.with_env(args, &[])
    }

    /// The same with environment variables.
    pub(crate) fn with_env(&self, args: &[&str], env: &[(&str, &str)]) -> Done {
        let output =
            self.command(args).envs(env.iter().copied()).output().expect("the program can be started");
        Done {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs a command with its standard error going there; gives its exit code, -1 when a signal ended it.
    pub(crate) fn with_stderr(&self, args: &[&str], stderr: std::fs::File) -> i32 {
        let mut command = self.command(args);
        let status =
            command.stdout(Stdio::null()).stderr(stderr).status().expect("the program can be started");
        status.code().unwrap_or(-1)
    }

    /// Changes a database behind the program's back.
    pub(crate) fn sql(&self, file: &str, statement: &'static str) {
        use sqlx::{Connection, Executor};
        let address = format!("sqlite:{}", self.text(file));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect(&address).await.expect("a database");
            connection.execute(statement).await.expect("a statement that can be carried out");
            connection.close().await.expect("a database that can be closed");
        });
    }

    /// Replays a file into `data` as fast as possible and returns the summary.
    #[track_caller]
    pub(crate) fn replay(&self, data: &str, file: &str, more: &[&str]) -> Value {
        let fixed =
            ["run", "--data-dir", data, "--feed", "replay", "--replay", file, "--summary", "summary.json"];
        self.tensortrade(&[&fixed[..], more].concat()).expect(0);
        let text = std::fs::read_to_string(self.path("summary.json")).expect("a summary");
        std::fs::remove_file(self.path("summary.json")).expect("a summary");
        serde_json::from_str(&text).expect("a summary in JSON")
    }

    /// Starts a node on the data directory `data`.
    pub(crate) fn start(&self, data: &str, args: &[&str]) -> Node<'_> {
        let log = self.path(&format!("{data}.log"));
        let file = std::fs::File::create(&log).expect("a log file");
        let mut command = self.command(&[&["run", "--data-dir", data], args].concat());
        let child = command.stdout(Stdio::null()).stderr(file).spawn().expect("the program can be started");
        Node { home: self, data: data.to_owned(), log, child }
    }

    /// Starts a node that may make no file larger than `file` is, and a little.
    pub(crate) fn start_limited(&self, data: &str, args: &[&str], file: &Path) -> Node<'_> {
        let log = self.path(&format!("{data}.log"));
        let messages = std::fs::File::create(&log).expect("a log file");
        let blocks = std::fs::metadata(file).map_or(0, |file| file.len()) / 1_024 + 64;
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command
            .args(["-c", &script, env!("CARGO_BIN_EXE_tensortrade"), "run", "--data-dir", data])
            .args(args);
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        let child = command.stdout(Stdio::null()).stderr(messages).spawn().expect("bash can be started");
        Node { home: self, data: data.to_owned(), log, child }
    }

    /// Starts a node on the simulated market at this speed.
    pub(crate) fn sim(&self, data: &str, symbols: &str, speed: &str) -> Node<'_> {
        let node = self.start(
            data,
            &["--symbols", symbols, "--speed", speed, "--seed", "3", "--set", "journal.durability=process"],
        );
        node.wait_until("the node answers", |node| node.ctl(&["status"]).code == 0);
        node
    }

    /// The journal's events of some kinds, each with `seq` and `event`.
    #[track_caller]
    pub(crate) fn events(&self, data: &str, kinds: &[&str]) -> Vec<Value> {
        let mut args = vec!["journal", "export", "--data-dir", data];
        kinds.iter().for_each(|kind| args.extend(["--kind", kind]));
        let done = self.tensortrade(&args).expect(0);
        done.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// A table of the journal: one map of column to text a row.
    #[track_caller]
    pub(crate) fn table(&self, data: &str, table: &str) -> Vec<BTreeMap<String, String>> {
        let done = self.tensortrade(&["journal", "export", "--data-dir", data, "--table", table]).expect(0);
        let mut lines = done.out.lines().map(|line| line.split(',').map(str::to_owned));
        let header: Vec<String> = lines.next().expect("a header").collect();
        lines.map(|fields| header.iter().cloned().zip(fields).collect()).collect()
    }

    /// Fails the test unless the journal verifies; returns the number of its events.
    #[track_caller]
    pub(crate) fn verify(&self, data: &str) -> u64 {
        let report = self.tensortrade(&["journal", "verify", "--data-dir", data, "--json"]).expect(0).json();
        assert_eq!(report["clean"], true, "{report}");
        report["events"].as_u64().expect("a count")
    }

    /// Symbol and quantity of every position that is not flat, by the journal.
    #[track_caller]
    pub(crate) fn positions(&self, data: &str) -> BTreeMap<String, String> {
        let rows = self.table(data, "positions").into_iter();
        rows.map(|row| (row["symbol"].clone(), row["qty"].clone())).filter(|(_, qty)| qty != "0").collect()
    }
}

/// Every node and leaf of a tree as `ctl tree` shows it, by id.
pub(crate) fn ids(tree: &Value) -> Vec<String> {
    let mut found = vec![tree["id"].as_str().unwrap_or_default().to_owned()];
    for child in tree["children"].as_array().into_iter().flatten() {
        found.extend(ids(child));
    }
    found
}

/// The bytes of a file.
pub(crate) fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).expect("the file is there")
}
