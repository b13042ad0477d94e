//! What the benches of the whole node share: running its binary, reading its summary, finding data, printing.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tensortrade::control::protocol::Request;

/// The node's binary, built with the bench profile.
const NODE: &str = env!("CARGO_BIN_EXE_tensortrade");

/// What a run's summary says.
pub(crate) struct Summary(Value);

impl Summary {
    /// The number at a pointer such as `/orders/sent`.
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        let number = self.0.pointer(pointer).and_then(Value::as_f64);
        number.unwrap_or_else(|| panic!("the summary has no number at {pointer}: {}", self.0))
    }
}

/// A `run` of the node on a data directory, its messages in a log beside it.
fn command(data_dir: &Path, args: &[&str]) -> Command {
    let log = File::create(data_dir.with_extension("log")).expect("space for a log");
    let mut command = Command::new(NODE);
    command.arg("run").args(args).arg("--data-dir").arg(data_dir);
    command.stdout(Stdio::null()).stderr(log);
    command
}

fn log_of(data_dir: &Path) -> String {
    std::fs::read_to_string(data_dir.with_extension("log")).unwrap_or_default()
}

/// Runs the node to its end and reads its summary.
pub(crate) fn run(data_dir: &Path, args: &[&str]) -> Summary {
    let path = data_dir.with_extension("json");
    let mut command = command(data_dir, args);
    let status = command.arg("--summary").arg(&path).status().expect("the node's binary");
    assert!(status.success(), "the node ended with {status}:\n{}", log_of(data_dir));
    let text = std::fs::read_to_string(&path).expect("a summary");
    Summary(serde_json::from_str(&text).expect("a summary in JSON"))
}

/// A node that runs until it is dropped.
pub(crate) struct Running {
    child: Child,
    data_dir: PathBuf,
}

impl Running {
    /// Starts a node and waits until it answers on its socket.
    pub(crate) fn start(data_dir: &Path, args: &[&str]) -> Self {
        let child = command(data_dir, args).spawn().expect("the node's binary");
        let mut running = Self { child, data_dir: data_dir.to_owned() };
        let until = Instant::now() + Duration::from_secs(60);
        while running.ask_status().is_none() {
            let ended = running.child.try_wait().expect("a child to ask");
            assert!(ended.is_none() && Instant::now() < until, "no node came up:\n{}", log_of(data_dir));
            std::thread::sleep(Duration::from_millis(2));
        }
        running
    }

    /// `ctl` with these arguments: whether it succeeded, and its answer.
    pub(crate) fn ctl(&self, args: &[&str]) -> (bool, Value) {
        let mut command = Command::new(NODE);
        command.arg("ctl").arg("--data-dir").arg(&self.data_dir).arg("--json").args(args);
        let output = command.output().expect("the node's binary");
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.success(), answer)
    }

    /// What the node says of itself.
    pub(crate) fn status(&self) -> Option<Value> {
        let (ok, answer) = self.ctl(&["status"]);
        ok.then_some(answer)
    }

    /// What the node says of itself, asked on its socket from here: no process is started for it.
    pub(crate) fn ask_status(&self) -> Option<Value> {
        let reply = tensortrade::control::client::call(&self.data_dir, &Request::Status).ok()?;
        serde_json::to_value(reply).ok()?.get("data").cloned()
    }

    /// What the node wrote so far.
    pub(crate) fn log(&self) -> String {
        log_of(&self.data_dir)
    }

    /// Kills the process at once (SIGKILL).
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a process to kill");
        self.child.wait().expect("a process that ended");
    }

    /// Resident memory now, in KiB.
    pub(crate) fn rss_kib(&self) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).expect("a running node");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a resident size");
        line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
    }

    /// Resident memory once two looks a second apart agree within 1 %.
    pub(crate) fn settled_rss_kib(&self) -> f64 {
        let mut last = self.rss_kib();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.rss_kib();
            if (now - last).abs() <= last * 0.01 {
                return now;
            }
            last = now;
        }
        last
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked first; whatever does not end is ended.
        let (asked, _) = self.ctl(&["shutdown"]);
        let until = Instant::now() + Duration::from_secs(if asked { 30 } else { 0 });
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The middle value; of an even number the lower of the two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// The value below which `q` of the values lie.
pub(crate) fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * q).round() as usize]
}

/// A file of the shared data folder, by `TENSORTRADE_SHARED` or `../shared` beside the workspace root.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = std::env::var_os("TENSORTRADE_SHARED").map_or(beside, PathBuf::from);
    Some(folder.join("data").join(name)).filter(|path| path.is_file())
}

/// Says how busy the machine is: latencies mean little without it.
pub(crate) fn print_load() {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!("load average {} on {cores} cores", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}

/// Marsaglia's xorshift: generated rows need variety, not quality.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Writes `rows` quotes and trades of four symbols that trade around the clock, 20 ms apart on the mean.
pub(crate) fn generate_ticks(path: &Path, rows: u64) {
    const NAMES: [&str; 4] = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"];
    let file = BufWriter::new(File::create(path).expect("a new file"));
    let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::new(1));
    out.write_all(b"ts_ns,symbol,kind,price,size,bid,ask,bid_size,ask_size\n").expect("space");
    let mut random = Xorshift(88_172_645_463_325_252);
    let mut cents = [40_000_i64, 30_000, 20_000, 10_000];
    let mut ts = 1_700_000_000_000_000_000_i64;
    for _ in 0..rows {
        let n = random.next();
        ts += (n % 40) as i64 * 1_000_000;
        let which = (n >> 8) as usize % NAMES.len();
        cents[which] = (cents[which] + (n >> 16) as i64 % 5 - 2).max(1_000);
        let (name, size) = (NAMES[which], (n >> 24) % 9 * 10 + 10);
        let dollars = |cents: i64| format!("{}.{:02}", cents / 100, cents % 100);
        let price = dollars(cents[which]);
        let row = if n >> 40 & 3 == 0 {
            format!("{ts},{name},trade,{price},{size},,,,\n")
        } else {
            let (bid, ask) = (dollars(cents[which] - 1), dollars(cents[which] + 1));
            format!("{ts},{name},quote,,,{bid},{ask},{size},{size}\n")
        };
        out.write_all(row.as_bytes()).expect("space");
    }
    out.finish().expect("space").flush().expect("space");
}
