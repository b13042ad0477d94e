//! The caller's side of the control socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::protocol::{LINE_LEN_MAX, Reply, Request};
use super::socket_path;
use crate::exit::{Code, Failure, OrFail};

/// Longest wait for an answer: a reconcile may take seconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// An add of many symbols may take longer; the node gives up before its caller does.
fn answer_timeout(request: &Request) -> Duration {
    match request {
        Request::WatchlistAdd { symbols } => ANSWER_TIMEOUT + super::handler::add_time(symbols.len()),
        _ => ANSWER_TIMEOUT,
    }
}

/// Sends one command to the node that runs on `data_dir` and waits for its answer.
pub fn call(data_dir: &Path, request: &Request) -> Result<Reply, Failure> {
    let path = socket_path(data_dir);
    let unreachable =
        || format!("no node answers on {} (is it running, with this --data-dir?)", path.display());
    let mut stream = connect(&path).or_fail(Code::Unreachable, unreachable)?;
    stream.set_read_timeout(Some(answer_timeout(request))).or_fail(Code::Unreachable, unreachable)?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT)).or_fail(Code::Unreachable, unreachable)?;
    let mut line =
        serde_json::to_string(request).or_fail(Code::Failure, || "cannot encode the command".into())?;
    line.push('\n');
    stream.write_all(line.as_bytes()).or_fail(Code::Unreachable, unreachable)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_LEN_MAX as u64))
        .read_line(&mut answer)
        .or_fail(Code::Unreachable, || {
            format!("the node on {} took the command but gave no answer", path.display())
        })?;
    if answer.is_empty() {
        return Err(Failure::new(
            Code::Unreachable,
            format_args!(
                "the node on {} closed the connection without an answer; its log says why",
                path.display()
            ),
        ));
    }
    serde_json::from_str(&answer).or_fail(Code::Failure, || "the node's answer cannot be read".into())
}

/// A socket's path may be longer than the 107 bytes the kernel takes; its folder can be opened by a relative path then.
fn connect(path: &Path) -> std::io::Result<UnixStream> {
    UnixStream::connect(super::socket::short_form(path)?.as_path())
}
