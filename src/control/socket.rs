//! The node's side of the control socket: who may connect, one request a line, limits on everything.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::protocol::{LINE_LEN_MAX, Outcome, Reply, Request};
use super::seats::{Seat, Seats};

/// Connections served at once. One more takes the place of the one that has been idle longest; with a command under way in
/// each, it is told so.
const CONNECTIONS_MAX: usize = 32;
/// Longest request line: a watchlist of 10,000 symbols fits.
const REQUEST_LEN_MAX: u64 = 1 << 20;
/// A connection that has sent no whole request for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// Longest that a client may take to read its answer.
const SEND_MAX: Duration = Duration::from_secs(10);
/// Longest that may be spent on telling a client that it cannot be served: the next one waits behind it.
const TURN_AWAY_MAX: Duration = Duration::from_millis(100);

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
    serve_patiently(listener, handler, IDLE_MAX).await;
}

async fn serve_patiently(listener: UnixListener, handler: Arc<dyn Handle>, idle_max: Duration) {
    let own_uid = own_uid(&listener);
    let seats = Seats::new(CONNECTIONS_MAX);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while connections.try_join_next().is_some() {}
                let Some(seat) = seats.take().await else {
                    turn_away(stream).await;
                    continue;
                };
                let handler = handler.clone();
                connections.spawn(async move {
                    if let Err(error) = converse(stream, seat, (own_uid, idle_max), &*handler).await {
                        tracing::debug!(%error, "a control connection ended");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a control connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Tells a client that there is no place for it.
async fn turn_away(mut stream: UnixStream) {
    let text = format!(
        "the node is carrying out {CONNECTIONS_MAX} commands, which is the most at once; nothing was done, try again"
    );
    let reply = Reply::not_ok(Outcome::Failed, text);
    // A new connection has room for one line; who does not read it loses only the explanation.
    let _ = tokio::time::timeout(TURN_AWAY_MAX, send(&mut stream, &reply)).await;
}

/// The user the node runs as, read from the socket it made itself.
fn own_uid(listener: &UnixListener) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").map(|m| m.uid()).ok().or_else(|| {
        let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
        std::fs::metadata(path).map(|m| m.uid()).ok()
    })
}

async fn converse(
    stream: UnixStream,
    seat: Seat,
    (own_uid, idle_max): (Option<u32>, Duration),
    handler: &dyn Handle,
) -> std::io::Result<()> {
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
        let idle = seat.idle();
        let why = tokio::select! {
            biased;
            read = limited.read_until(b'\n', &mut line) => match read? {
                0 => return Ok(()),
                _ => None,
            },
            () = idle.wanted() => Some("others waited for its place".to_owned()),
            () = tokio::time::sleep(idle_max) => Some(format!("it sent no request for {idle_max:?}")),
        };
        drop(idle);
        if let Some(why) = why {
            // The place is free for others while this is said.
            drop(seat);
            let reply = Reply::not_ok(Outcome::Failed, format!("the idle connection was closed: {why}"));
            return send(&mut write, &reply).await;
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
    tokio::time::timeout(SEND_MAX, write.write_all(&line))
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

    type Client = (BufReader<tokio::net::unix::OwnedReadHalf>, tokio::net::unix::OwnedWriteHalf);

    async fn connect(path: &Path) -> Client {
        let (read, write) = UnixStream::connect(path).await.unwrap().into_split();
        (BufReader::new(read), write)
    }

    async fn answer(client: &mut Client) -> Option<Reply> {
        let mut line = String::new();
        client.0.read_line(&mut line).await.unwrap();
        (!line.is_empty()).then(|| serde_json::from_str(&line).unwrap())
    }

    async fn ask(client: &mut Client) -> Option<Reply> {
        client.1.write_all(b"{\"command\":\"status\"}\n").await.unwrap();
        answer(client).await
    }

    #[tokio::test]
    async fn idle_clients_make_room_for_one_that_has_a_command() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::super::socket_path(dir.path());
        let server = tokio::spawn(serve(bind(&path).unwrap(), Arc::new(Echo)));
        let mut idle = Vec::new();
        for number in 0..2 * CONNECTIONS_MAX {
            let mut client = connect(&path).await;
            // Some have sent the beginning of a request: they are as idle as those that sent nothing.
            client.1.write_all(if number % 2 == 0 { b"{\"comm" } else { b"" }).await.unwrap();
            idle.push(client);
        }
        let mut honest = connect(&path).await;
        let limit = Duration::from_secs(20);
        let reply = tokio::time::timeout(limit, ask(&mut honest)).await.expect("an answer").unwrap();
        assert_eq!(reply.outcome, Outcome::Ok);
        let told = tokio::time::timeout(limit, answer(&mut idle[0])).await.expect("an answer").unwrap();
        assert!(told.outcome == Outcome::Failed && told.message.contains("idle"), "{told:?}");
        server.abort();
    }

    #[tokio::test]
    async fn an_idle_client_is_told_and_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::super::socket_path(dir.path());
        let patience = Duration::from_millis(30);
        let server = tokio::spawn(serve_patiently(bind(&path).unwrap(), Arc::new(Echo), patience));
        let mut client = connect(&path).await;
        let limit = Duration::from_secs(20);
        let told = tokio::time::timeout(limit, answer(&mut client)).await.expect("an answer").unwrap();
        assert!(told.message.contains("30ms"), "{told:?}");
        assert_eq!(answer(&mut client).await, None, "closed");
        server.abort();
    }

    /// Never comes to an end of a command.
    struct Busy;
    impl Handle for Busy {
        fn handle(&self, _: u32, _: Request) -> BoxFuture<'_, Reply> {
            Box::pin(std::future::pending())
        }
        fn denied(&self, _: u32, _: String) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }
    }

    #[tokio::test]
    async fn with_a_command_under_way_in_every_place_the_next_client_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = super::super::socket_path(dir.path());
        let server = tokio::spawn(serve(bind(&path).unwrap(), Arc::new(Busy)));
        let mut busy = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let mut client = connect(&path).await;
            client.1.write_all(b"{\"command\":\"status\"}\n").await.unwrap();
            busy.push(client);
        }
        // Until all commands have been read one of them may still count as idle, and makes room; then nobody does.
        let mut clients = Vec::new();
        let refused = async {
            loop {
                let mut client = connect(&path).await;
                client.1.write_all(b"{\"command\":\"status\"}\n").await.unwrap();
                let told = tokio::time::timeout(Duration::from_millis(200), answer(&mut client)).await;
                clients.push(client);
                if let Ok(told) = told {
                    return told.unwrap();
                }
            }
        };
        let told = tokio::time::timeout(Duration::from_secs(20), refused).await.expect("an answer");
        assert!(told.message.contains("try again"), "{told:?}");
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
