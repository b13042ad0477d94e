//! What the operating system asks for.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How far a stop has been asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Not at all.
    No,
    /// Drain, then stop.
    Drain,
    /// Stop at once.
    Now,
}

/// Counts SIGINT, SIGTERM and SIGHUP (the terminal was closed): the first drains, the second forces.
pub fn listen(stop: watch::Sender<Stop>) -> std::io::Result<tokio::task::JoinHandle<()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => {}
                Some(()) = terminate.recv() => {}
                Some(()) = hangup.recv() => {}
                else => return,
            }
            stop.send_modify(|s| *s = if *s == Stop::No { Stop::Drain } else { Stop::Now });
            if *stop.borrow() == Stop::Drain {
                tell!("stopping: open work is drained; once more stops at once");
            }
        }
    }))
}
