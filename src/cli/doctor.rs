//! `tensortrade doctor`: look for what would keep a node from running well here.

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::args::DoctorArgs;
use crate::config::{self, Config};
use crate::control::socket::short_form;
use crate::control::socket_path;
use crate::exit::{Code, Failure};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    text: String,
}

/// Free space below which a journal of some months is at risk.
const FREE_MIB_MIN: u64 = 1_024;
/// Descriptors that a node with its journal, sockets and files needs at the least.
const DESCRIPTORS_MIN: u64 = 256;

/// Looks, prints, and exits 6 when something failed.
pub fn run(args: DoctorArgs) -> Result<(), Failure> {
    let loaded = config::load(&args.sources, &[])?;
    let findings = examine(&loaded.config);
    if args.json {
        let json =
            serde_json::to_string_pretty(&findings).unwrap_or_else(|e| format!("\"cannot print: {e}\""));
        say!("{json}");
    } else {
        for finding in &findings {
            let mark = match finding.verdict {
                Verdict::Ok => "ok      ",
                Verdict::Warning => "warning ",
                Verdict::Failed => "FAILED  ",
            };
            say!("{mark}{:<16} {}", finding.check, finding.text);
        }
    }
    let failed = findings.iter().filter(|f| f.verdict == Verdict::Failed).count();
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::new(Code::CheckFailed, format_args!("{failed} of {} checks failed", findings.len())))
    }
}

fn examine(config: &Config) -> Vec<Finding> {
    let dir = &config.node.data_dir;
    vec![
        Finding {
            check: "configuration",
            verdict: Verdict::Ok,
            text: "every layer reads and every value is in range".into(),
        },
        data_dir(dir),
        free_space(dir),
        control_socket(dir),
        lock(dir),
        inputs(config),
        descriptors(),
        processors(config),
    ]
}

fn finding(check: &'static str, outcome: Result<String, (Verdict, String)>) -> Finding {
    match outcome {
        Ok(text) => Finding { check, verdict: Verdict::Ok, text },
        Err((verdict, text)) => Finding { check, verdict, text },
    }
}

fn failed(text: String) -> (Verdict, String) {
    (Verdict::Failed, text)
}

/// Whether a file can be written, forced to disk, and removed again.
fn data_dir(dir: &Path) -> Finding {
    let try_it = || -> std::io::Result<()> {
        std::fs::create_dir_all(dir)?;
        let probe = dir.join(".doctor");
        let mut file = std::fs::File::create(&probe)?;
        file.write_all(b"tensortrade doctor")?;
        file.sync_all()?;
        std::fs::remove_file(&probe)
    };
    finding(
        "data directory",
        try_it().map(|()| format!("{} can be written and synced", dir.display())).map_err(|e| {
            failed(format!(
                "{} cannot be written: {e}; choose another --data-dir or mend its owner and mode",
                dir.display()
            ))
        }),
    )
}

/// Free space of the file system, read from `df`, which every system with a C compiler has.
fn free_space(dir: &Path) -> Finding {
    let output = std::process::Command::new("df").arg("-Pk").arg(dir).output();
    let free_kib = output.ok().and_then(|o| {
        let text = String::from_utf8_lossy(&o.stdout).into_owned();
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    finding(
        "disk space",
        match free_kib {
            Some(kib) if kib / 1024 >= FREE_MIB_MIN => Ok(format!("{} MiB free", kib / 1024)),
            Some(kib) => Err((
                Verdict::Warning,
                format!("only {} MiB free; a journal of months wants {FREE_MIB_MIN}", kib / 1024),
            )),
            None => Err((Verdict::Warning, "free space cannot be read".into())),
        },
    )
}

fn control_socket(dir: &Path) -> Finding {
    let path = socket_path(dir);
    finding(
        "control socket",
        short_form(&path).map(|_| path.display().to_string()).map_err(|e| failed(e.to_string())),
    )
}

fn lock(dir: &Path) -> Finding {
    finding(
        "lock",
        match crate::node::lock::DataLock::take(dir) {
            Ok(_) => Ok("no node runs on this data directory".into()),
            Err(crate::node::lock::LockError::Held(_)) => Ok("a node runs on this data directory".into()),
            Err(error) => Err(failed(error.to_string())),
        },
    )
}

fn inputs(config: &Config) -> Finding {
    let missing: Vec<String> = config
        .feed
        .files
        .iter()
        .filter(|f| std::fs::File::open(f).is_err())
        .map(|f| f.display().to_string())
        .collect();
    finding(
        "input files",
        if missing.is_empty() {
            Ok(format!("{} configured", config.feed.files.len()))
        } else {
            Err(failed(format!("cannot be opened: {}", missing.join(", "))))
        },
    )
}

fn descriptors() -> Finding {
    let limit = std::fs::read_to_string("/proc/self/limits").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("Max open files"))?.to_owned();
        line.split_whitespace().nth(3)?.parse::<u64>().ok()
    });
    finding(
        "open files",
        match limit {
            Some(n) if n >= DESCRIPTORS_MIN => Ok(format!("up to {n}")),
            Some(n) => Err((
                Verdict::Warning,
                format!("limited to {n}; raise it to {DESCRIPTORS_MIN} or more (ulimit -n)"),
            )),
            None => Err((Verdict::Warning, "the limit cannot be read".into())),
        },
    )
}

fn processors(config: &Config) -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = config.runtime.worker_threads;
    finding(
        "processors",
        if threads > cores {
            Err((
                Verdict::Warning,
                format!("runtime.worker_threads is {threads}, but there are {cores} cores"),
            ))
        } else {
            Ok(format!("{cores} cores"))
        },
    )
}
