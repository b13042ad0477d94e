//! The node's side of the control socket: who may connect, one request a line, limits on everything.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::protocol::{LINE_LEN_MAX, Outcome, Reply, Request};

/// Connections served at once; a script that opens more waits.
const CONNECTIONS_MAX: usize = 32;
/// Longest request line: a watchlist of 10,000 symbols fits.
const REQUEST_LEN_MAX: u64 = 1 << 20;
/// An idle connection is closed after this.
const IDLE_MAX: Duration = Duration::from_secs(300);

/// Answers requests; implemented by the node.
pub trait Handle: Send + Sync + 'static {
    /// Carries out a request of the user `uid`.
    fn handle(&self, uid: u32, request: Request) -> BoxFuture<'_, Reply>;
    /// Records an attempt that was turned away.
    fn denied(&self, uid: u32, what: String) -> BoxFuture<'_, ()>;
}

/// Makes the socket: a folder of mode 0700, a socket of mode 0600. A socket left by a killed node is replaced; the
/// caller holds the data directory's lock, so no living node can own it.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(short_form(path)?)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// The kernel takes socket paths of up to 107 bytes. A longer one is shortened by going through `/proc/self/cwd` when
/// it lies below the working directory, else it is an error that says so.
pub fn short_form(path: &Path) -> std::io::Result<PathBuf> {
    const KERNEL_MAX: usize = 107;
    if path.as_os_str().len() <= KERNEL_MAX {
        return Ok(path.to_owned());
    }
    let relative =
        std::env::current_dir().ok().and_then(|cwd| path.strip_prefix(cwd).ok().map(Path::to_owned));
    match relative {
        Some(short) if short.as_os_str().len() <= KERNEL_MAX => Ok(short),
        _ => Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            format!(
                "the path of the control socket is longer than {KERNEL_MAX} bytes; choose a shorter --data-dir"
            ),
        )),
    }
}

/// Serves until dropped. Accept errors (out of file descriptors) are logged and retried after a pause.
pub async fn serve(listener: UnixListener, handler: Arc<dyn Handle>) {
    let own_uid = own_uid(&listener);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = handler.clone();
                connections.spawn(async move {
                    let _slot = slot;
                    if let Err(error) = converse(stream, own_uid, &*handler).await {
                        tracing::debug!(%error, "a control connection ended");
                    }
                });
                while connections.try_join_next().is_some() {}
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The user the node runs as, read from the socket it made itself.
fn own_uid(listener: &UnixListener) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map(|m| m.uid()).ok().or_else(|| {
        let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
        std::fs::metadata(path).map(|m| m.uid()).ok()
    })
}

async fn converse(stream: UnixStream, own_uid: Option<u32>, handler: &dyn Handle) -> std::io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (read, mut write) = stream.into_split();
    if Some(uid) != own_uid {
        handler.denied(uid, format!("connection of user {uid}: only the node's own user may connect")).await;
        let reply = Reply::not_ok(Outcome::Refused, format!("user {uid} may not command this node"));
        return send(&mut write, &reply).await;
    }
    let mut reader = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(REQUEST_LEN_MAX);
        match tokio::time::timeout(IDLE_MAX, limited.read_until(b'\n', &mut line)).await {
            Err(_) | Ok(Ok(0)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(_)) => {}
        }
        if line.last() != Some(&b'\n') && line.len() as u64 >= REQUEST_LEN_MAX {
            handler.denied(uid, format!("a request longer than {REQUEST_LEN_MAX} bytes")).await;
            let reply =
                Reply::not_ok(Outcome::Failed, format!("a request may have {REQUEST_LEN_MAX} bytes at most"));
            return send(&mut write, &reply).await;
        }
        let reply = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => handler.handle(uid, request).await,
            Err(error) => {
                handler.denied(uid, format!("an unreadable request: {error}")).await;
                Reply::not_ok(Outcome::Failed, format!("the request cannot be read: {error}"))
            }
        };
        send(&mut write, &reply).await?;
    }
}

async fn send(write: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(reply).map_err(std::io::Error::other)?;
    if line.len() >= LINE_LEN_MAX {
        line = serde_json::to_vec(&Reply::not_ok(Outcome::Failed, "the answer is too long to send"))
            .map_err(std::io::Error::other)?;
    }
    line.push(b'\n');
    tokio::time::timeout(Duration::from_secs(10), write.write_all(&line))
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))?
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;
    impl Handle for Echo {
        fn handle(&self, uid: u32, request: Request) -> BoxFuture<'_, Reply> {
            Box::pin(async move { Reply::ok(format!("{uid}"), serde_json::to_value(request).unwrap()) })
        }
        fn denied(&self, _: u32, _: String) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    #[tokio::test]
    async fn the_socket_is_private_and_answers_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::super::socket_path(dir.path());
        let listener = bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        let server = tokio::spawn(serve(listener, Arc::new(Echo)));
        let stream = UnixStream::connect(&path).await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"{\"command\":\"status\"}\nnonsense\n").await.unwrap();
        let first: Reply = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(first.outcome, Outcome::Ok);
        let second: Reply = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
        assert_eq!(second.outcome, Outcome::Failed);
        server.abort();
    }

    #[tokio::test]
    async fn a_socket_left_by_a_killed_node_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::super::socket_path(dir.path());
        drop(bind(&path).unwrap());
        assert!(path.exists());
        bind(&path).unwrap();
    }
}
